//go:build unix

package main

import (
	"os"
	"syscall"
)

// actAsOwner gives up root for the user that the data directory belongs to, before a command opens what is in it: a file that root made
// there would be one that the daemon cannot read. Where that is not allowed it stays root. The process only answers one command.
func actAsOwner(dir string) {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return
	}
	if syscall.Setgroups(nil) != nil || syscall.Setgid(int(owner.Gid)) != nil {
		return
	}
	_ = syscall.Setuid(int(owner.Uid))
}
