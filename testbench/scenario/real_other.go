//go:build !linux

package scenario

import "context"

// Real needs network namespaces, which are Linux's.
func Real(context.Context, *Scenario, Options) (*RealResult, error) { return nil, ErrRoot }
