package main

// serviceCmd makes the daemon a service of Windows; elsewhere the package's units do that.
type serviceCmd struct {
	Install serviceInstallCmd `cmd:"" help:"Make the daemon a service and start it. 安装服务。"`
	Remove  serviceRemoveCmd  `cmd:"" help:"End and remove the service. 删除服务。"`
	Run     serviceRunCmd     `cmd:"" hidden:"" help:"What the service manager starts."`
}

type (
	serviceInstallCmd struct{}
	serviceRemoveCmd  struct{}
	serviceRunCmd     struct{}
)
