//go:build !windows

package main

var errNotWindows = &fault{
	exit: exitRefused, code: "not-windows",
	en: "services are made by this command on Windows only; here the package brings tongke.service",
	zh: "这个命令只用于 Windows；这里安装包自带 tongke.service",
}

// Run refuses.
func (serviceInstallCmd) Run() error { return errNotWindows }

// Run refuses.
func (serviceRemoveCmd) Run() error { return errNotWindows }

// Run refuses.
func (serviceRunCmd) Run() error { return errNotWindows }
