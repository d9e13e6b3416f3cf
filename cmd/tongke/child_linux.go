package main

import "syscall"

// endSignal asks a process to end in its close order.
const endSignal = syscall.SIGTERM

// childAttr puts a child in a process group of its own, so that Ctrl-C reaches only us and we end the children in our order, and lets
// the kernel end it if we die.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
