//go:build !linux

package scenario

func raise() {}
