//go:build !linux

package main

import (
	"os"
	"syscall"
)

// endSignal ends a process; where there is no gentler way it is killed, and the end of its standard input has asked it before.
var endSignal = os.Kill

func childAttr() *syscall.SysProcAttr { return nil }
