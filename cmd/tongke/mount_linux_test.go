package main

import "syscall"

const readOnly = syscall.MS_RDONLY

func mountTmpfs(dir string, flags uintptr, options string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, options)
}

func unmount(dir string) { syscall.Unmount(dir, syscall.MNT_DETACH) }
