//go:build unix

package main

import (
	"net"
	"os"
	"syscall"
)

// listenPrivate opens a unix socket that only this user can connect to. Nothing else runs yet that could be surprised by the mask.
func listenPrivate(path string) (net.Listener, error) {
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return ln, os.Chmod(path, 0o600)
}
