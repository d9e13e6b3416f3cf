package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"tongke/device/identity"
	"tongke/signaling/join"
	"tongke/signaling/store"
)

// joinCmd binds this box to a parent.
type joinCmd struct {
	Replace bool   `help:"Leave the present parent without asking. 不再询问，直接换上级。"`
	URL     string `arg:"" name:"url" help:"Address of the parent. 上级学校的地址。"`
	Code    string `arg:"" help:"The invitation code. 邀请码。"`
	Data    string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run prints "joined NAME", the name that the parent gave this box.
func (c *joinCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	ctx := context.Background()
	name, err := joinParent(ctx, dir, c.URL, c.Code, c.Replace)
	var f *fault
	if errors.As(err, &f) && f.code == join.ErrJoined.Code && con.asks() {
		if !con.ask("This box has a parent already. Leave it and join the new one? 这台设备已经有上级学校，要换成新的吗？ [y/N] ") {
			return err
		}
		name, err = joinParent(ctx, dir, c.URL, c.Code, true)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(con.out, "joined %s\n", name)
	return nil
}

// asks reports whether a person can be asked: both ends of the question are a terminal.
func (c *console) asks() bool {
	return c.terminal && c.in != nil && term.IsTerminal(int(c.in.Fd()))
}

// ask puts a question whose answer is yes or no.
func (c *console) ask(question string) bool {
	fmt.Fprint(c.err, question)
	line, _ := bufio.NewReader(io.LimitReader(c.in, 64)).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes", "是":
		return true
	}
	return false
}

// joinParent joins by the daemon of dir, which starts the uplink at once, or in the store when none runs.
func joinParent(ctx context.Context, dir, url, code string, replace bool) (name string, err error) {
	_, err = withBox(dir,
		func(c *control) error {
			var answer struct {
				Name string `json:"name"`
			}
			err := c.call(ctx, "POST", "/api/v1/parent", map[string]any{"url": url, "code": code, "replace": replace}, &answer)
			name = answer.Name
			return err
		},
		func(s *store.Store) error {
			box, err := openBox(dir, s, commandConfig())
			if err != nil {
				return err
			}
			name, err = joinInto(ctx, s, box, commandConfig(), url, code, replace)
			return err
		})
	return name, joinFault(err)
}

// joinInto joins and writes down the parent.
func joinInto(ctx context.Context, s *store.Store, box *identity.Box, c Config, url, code string, replace bool) (name string, err error) {
	if err := join.MayJoin(s, replace); err != nil {
		return "", err
	}
	meta, err := s.Meta()
	if err != nil {
		return "", err
	}
	j, err := join.JoinThrough(ctx, c.Uplink.proxy(), url, code, joinIdentity(box), box.ClientTLS(""), boxName(box, meta, c))
	if err != nil {
		return "", err
	}
	if err := join.Adopt(s, j, replace); err != nil {
		return "", err
	}
	return j.BoxName, nil
}

func joinIdentity(box *identity.Box) join.Identity {
	return join.Identity{ID: box.ID(), Certificate: box.Certificate().Leaf, IDOf: identity.IDOf, Pin: identity.Pin}
}
