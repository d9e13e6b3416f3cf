//go:build !linux

package scenario

import (
	"context"

	"tongke/testbench/report"
)

// Real needs network namespaces, which are Linux's.
func Real(context.Context, *Scenario, Options) (*report.Pages, error) { return nil, ErrRoot }
