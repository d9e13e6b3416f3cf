//go:build unix

package main

import (
	"os"
	"syscall"
)

// killGroup kills a child of ours with all that it started: a browser is a dozen processes.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
