package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"tongke/signaling/auth"
	"tongke/signaling/store"
)

// passwordCmd sets the administrator's password.
type passwordCmd struct {
	Data string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run reads the new password from the terminal, twice, or the first line of standard input.
func (c *passwordCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	password, err := con.newPassword()
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, err = withBox(dir,
		func(c *control) error {
			return c.call(ctx, "POST", "/api/v1/password", map[string]string{"user": auth.Admin, "password": password}, nil)
		},
		func(s *store.Store) error {
			a, err := authOf(dir, s)
			if err != nil {
				return err
			}
			return a.SetPassword(ctx, auth.Admin, password)
		})
	if errors.Is(err, auth.ErrPassword) {
		return &fault{exit: exitRefused, code: "password-refused", en: err.Error() + "; choose another", zh: "密码要有 8 到 128 个字符，请换一个", err: err}
	}
	if err = refusalFault(err); err != nil {
		return err
	}
	fmt.Fprintln(con.err, "The password of admin is changed, all its sign-ins have ended. 管理员密码已修改，原来的登录都已退出。")
	return nil
}

// newPassword asks for a password.
func (c *console) newPassword() (string, error) {
	if c.in == nil || !term.IsTerminal(int(c.in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(c.in, 4096)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", &fault{exit: exitFailed, en: "no password came on standard input; write it there on one line, or run tongke password in a terminal", zh: "没有读到密码，请在终端里运行", err: err}
		}
		return line, nil
	}
	fmt.Fprint(c.err, "New password of admin 管理员新密码: ")
	first, err := term.ReadPassword(int(c.in.Fd()))
	fmt.Fprintln(c.err)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	fmt.Fprint(c.err, "Once more 再输一次: ")
	second, err := term.ReadPassword(int(c.in.Fd()))
	fmt.Fprintln(c.err)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if string(first) != string(second) {
		return "", &fault{exit: exitRefused, code: "password-differs", en: "the two passwords differ, nothing was changed; try again", zh: "两次输入的密码不一样，没有修改，请再试"}
	}
	return string(first), nil
}
