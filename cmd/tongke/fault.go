package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"syscall"

	"tongke/signaling/store"
)

// Exit codes, part of the command line's contract.
const (
	exitOK      = 0 // done
	exitRefused = 1 // understood, and refused
	exitFailed  = 2 // usage, configuration, or it could not run
)

// fault is an error told to a person: one sentence in English and one in Chinese, each naming the thing and the cure.
type fault struct {
	exit   int
	code   string // kebab-case and stable, where a program may tell it apart
	en, zh string
	err    error
}

func (f *fault) Error() string { return f.en }
func (f *fault) Unwrap() error { return f.err }

// usage is a command line that cannot be understood.
func usage(err error) *fault {
	return &fault{exit: exitFailed, en: err.Error() + "; see tongke --help", zh: "命令写得不对，请看 tongke --help", err: err}
}

// cannotRun is for whatever has no better sentence.
func cannotRun(err error) *fault { return &fault{exit: exitFailed, en: err.Error(), err: err} }

// listenFault says why an address could not be listened on.
func listenFault(network, addr string, err error) *fault {
	f := &fault{exit: exitFailed, err: err}
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.code = "port-taken"
		f.en = fmt.Sprintf("%s port %s (%s) is taken by another program; end that program or choose another address with --listen or --local", network, port, addr)
		f.zh = fmt.Sprintf("%s 端口 %s 已被别的程序占用，请关掉那个程序，或用 --listen / --local 换一个地址", network, port)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		f.code = "port-forbidden"
		f.en = fmt.Sprintf("this user may not listen on %s port %s (%s); choose a port above 1023 or run the packaged service", network, port, addr)
		f.zh = fmt.Sprintf("当前用户不能使用 %s 端口 %s，请换 1023 以上的端口，或使用安装包里的服务", network, port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.code = "address-absent"
		f.en = fmt.Sprintf("no network interface of this computer has the address %s; choose another with --listen", addr)
		f.zh = fmt.Sprintf("本机没有 %s 这个地址，请用 --listen 换一个", addr)
	default:
		f.en = fmt.Sprintf("cannot listen on %s %s: %v", network, addr, err)
		f.zh = fmt.Sprintf("无法监听 %s", addr)
	}
	return f
}

// dataFault says why the data directory cannot be used.
func dataFault(dir string, err error) error {
	told := diskFault(dir, err)
	var f *fault
	if err == nil || errors.As(told, &f) {
		return told
	}
	return fmt.Errorf("data directory %s: %w", dir, err)
}

// diskFault tells the faults of disks, and data of a newer version; other errors pass unchanged.
func diskFault(dir string, err error) error {
	if err == nil {
		return nil
	}
	f := &fault{exit: exitFailed, err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.code = "disk-full"
		f.en = fmt.Sprintf("the disk of the data directory %s is full; free some space on it or choose another directory with --data", dir)
		f.zh = fmt.Sprintf("数据目录 %s 所在的磁盘已满，请腾出空间，或用 --data 换一个目录", dir)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		f.code = "data-unwritable"
		f.en = fmt.Sprintf("this user may not write in the data directory %s; change its owner or choose another with --data", dir)
		f.zh = fmt.Sprintf("当前用户不能写数据目录 %s，请改它的属主，或用 --data 换一个目录", dir)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		f.code = "data-unwritable"
		f.en = fmt.Sprintf("the data directory %s is not a directory; choose another with --data", dir)
		f.zh = fmt.Sprintf("%s 不是目录，请用 --data 换一个", dir)
	case errors.Is(err, store.ErrNewer):
		f.code = "data-newer"
		f.en = fmt.Sprintf("what is in %s was written by a newer version of tongke; install that version again", dir)
		f.zh = fmt.Sprintf("%s 里的数据是更新的版本写的，请装回新版本", dir)
	default:
		return err
	}
	return f
}

// inUseFault: another daemon holds this data directory.
func inUseFault(dir string, err error) *fault {
	return &fault{
		exit: exitFailed, code: "data-in-use", err: err,
		en: fmt.Sprintf("another tongke is running on the data directory %s; stop it or choose another directory with --data", dir),
		zh: fmt.Sprintf("另一个 tongke 正在使用数据目录 %s，请先停掉它，或用 --data 换一个目录", filepath.Clean(dir)),
	}
}
