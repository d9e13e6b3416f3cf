//go:build !unix

package main

import "os"

func killGroup(p *os.Process) { _ = p.Kill() }

func alive(int) bool { return true } // nothing is locked by a link here
