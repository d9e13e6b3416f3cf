// Command tongke is the daemon of one box and every tool around it. One file a subcommand; config.go composes the configuration,
// daemon.go composes the parts. Standard output carries only the result of a command, everything else goes to standard error; the exit
// code is 0 when done, 1 when refused, 2 for wrong usage, wrong configuration or when it could not run.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// commands is the command line. A command's Run gets the console bound below.
type commands struct {
	Run      runCmd        `cmd:"" help:"Run this box (the daemon). 运行本机服务。"`
	Demo     demoCmd       `cmd:"" help:"Show a lesson on one computer: a core school and two member schools. 在一台电脑上演示一节同步课。"`
	Bench    benchCmd      `cmd:"" help:"Measure this program over emulated networks. 在模拟的网络上测试本程序。"`
	Doctor   doctorCmd     `cmd:"" help:"Look this box over: what is wrong, why, what to do. 检查设备：哪里不对，怎么办。"`
	Check    checkCmd      `cmd:"" help:"Check the configuration file. 检查配置文件。"`
	Invite   inviteCmd     `cmd:"" help:"Invite a box: print a code for tongke join. 生成邀请码。"`
	Join     joinCmd       `cmd:"" help:"Bind this box to its parent with a code. 用邀请码加入上级学校。"`
	Pair     pairCmd       `cmd:"" help:"Bind this box to its parent by comparing digits. 对比数字，加入上级学校。"`
	Withdraw withdrawCmd   `cmd:"" help:"Take away the place of a box below. 让一台下级设备不能再进课堂。"`
	Code     technicianCmd `cmd:"" name:"technician-code" help:"Make a code that opens a box for a technician. 给装机人员一个码。"`
	Backup   backupCmd     `cmd:"" help:"Save this box's identity, people and timetable into one encrypted file. 备份。"`
	Restore  restoreCmd    `cmd:"" help:"Make this machine the box of a backup. 从备份恢复。"`
	Reset    resetCmd      `cmd:"" name:"factory-reset" help:"Erase everything of its users on this box. 恢复出厂。"`
	Token    tokenCmd      `cmd:"" help:"Make a token for one role in one lesson. 生成某节课某个角色的令牌。"`
	Password passwordCmd   `cmd:"" help:"Set the administrator's password. 设置管理员密码。"`
	Status   statusCmd     `cmd:"" help:"Ask the running daemon how it is. 查看运行状态。"`
	Kiosk    kioskCmd      `cmd:"" hidden:"" help:"Show /class on the box's own screen and watch it. 大屏。"`
	Helper   helperCmd     `cmd:"" name:"network-helper" hidden:"" help:"Write the network's settings, as root, for the daemon. 改网络。"`
	Service  serviceCmd    `cmd:"" hidden:"" help:"Make the daemon a service of Windows. 安装为 Windows 服务。"`
	Version  versionCmd    `cmd:"" help:"Print version and build. 显示版本。"`
}

// console is where a command reads and writes.
type console struct {
	in       *os.File
	out, err io.Writer
	terminal bool // standard error is a terminal, so a person reads along
}

func main() {
	os.Exit(run(os.Args[1:], &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
	}))
}

// run executes one command line and returns the exit code.
func run(args []string, c *console) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("tongke"),
		kong.Description("tongke 同课: one lesson for several schools. 一节课，几所学校一起上。"),
		kong.Writers(c.out, c.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(c),
	)
	if err != nil {
		return c.tell(usage(err)) // a mistake in the tags above
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return c.tell(usage(err))
	}
	return c.tell(ctx.Run())
}

// tell prints err for a person and returns the exit code that goes with it.
func (c *console) tell(err error) int {
	if err == nil {
		return exitOK
	}
	var f *fault
	if !errors.As(err, &f) {
		f = cannotRun(err)
	}
	if f.en == "" {
		return f.exit // the result has said it
	}
	head := "tongke: "
	if f.code != "" {
		head += f.code + ": "
	}
	fmt.Fprintln(c.err, head+f.en)
	if f.zh != "" {
		fmt.Fprintln(c.err, "同课："+f.zh)
	}
	return f.exit
}
