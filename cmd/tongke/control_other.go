//go:build !unix

package main

import "net"

// listenPrivate opens a unix socket; the data directory keeps others out.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
