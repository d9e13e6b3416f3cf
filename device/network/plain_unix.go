//go:build unix

package network

import "golang.org/x/sys/unix"

// plainOnly keeps an open from following a link or waiting for a pipe.
const plainOnly = unix.O_NOFOLLOW | unix.O_NONBLOCK
