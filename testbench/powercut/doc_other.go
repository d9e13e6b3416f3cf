//go:build !linux

// Package powercut pulls the plug while the product writes. It needs Linux.
package powercut
