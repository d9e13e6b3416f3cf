//go:build !linux

package alsa

import "errors"

// Open opens the control device of a card, which only Linux has.
func Open(int) (Card, error) { return nil, errors.New("only on Linux") }
