//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// killGroup kills a child of ours with all that it started: a browser is a dozen processes.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// alive reports whether a process is there, whosever it is.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
