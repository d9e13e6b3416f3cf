package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/store"
)

// tokenCmd makes a token for one lesson.
type tokenCmd struct {
	Lesson string        `required:"" help:"The lesson's id. 课的编号。" placeholder:"L"`
	Role   string        `required:"" enum:"publish,watch,teacher,assistant,classroom,inspector" help:"What its bearer may do: publish (WHIP only), watch (WHEP only), teacher, assistant, classroom or inspector. 角色。" placeholder:"ROLE"`
	Campus string        `help:"The bearer's campus, or campus/classroom. 学校。" placeholder:"C"`
	TTL    time.Duration `help:"How long it is good. 有效时间。" default:"1h" placeholder:"1h"`
	Data   string        `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run prints the token on one line.
func (c *tokenCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	token, err := newToken(context.Background(), dir, tokenRequest{c.Lesson, c.Role, c.Campus, c.TTL})
	if err != nil {
		return err
	}
	fmt.Fprintln(con.out, token)
	return nil
}

// tokenRequest is what a token shall open, for whom, for how long.
type tokenRequest struct {
	Lesson, Role, Campus string
	TTL                  time.Duration
}

// newToken makes a token by the daemon of dir, or with its store when none runs.
func newToken(ctx context.Context, dir string, r tokenRequest) (token string, err error) {
	_, err = withBox(dir,
		func(c *control) error {
			var answer struct {
				Token string `json:"token"`
			}
			in := map[string]any{"lesson": r.Lesson, "role": r.Role, "ttl": r.TTL.String()}
			if r.Campus != "" {
				in["campus"] = r.Campus
			}
			err := c.call(ctx, "POST", "/api/v1/tokens", in, &answer)
			token = answer.Token
			return err
		},
		func(s *store.Store) error {
			a, err := authOf(dir, s)
			if err != nil {
				return err
			}
			token, err = a.NewToken(r.Lesson, auth.Role(r.Role), r.Campus, r.TTL)
			return err
		})
	if errors.Is(err, auth.ErrTokenRequest) {
		return "", &fault{exit: exitRefused, code: "token-refused", en: err.Error(), zh: "不能生成这样的令牌，请检查课的编号（a-z 0-9 -，最多 40 个字符）和有效时间", err: err}
	}
	return token, refusalFault(err)
}

// authOf opens users and tokens without a daemon.
func authOf(dir string, s *store.Store) (*auth.Auth, error) {
	box, err := openBox(dir, s, commandConfig())
	if err != nil {
		return nil, err
	}
	return auth.New(s, auth.Config{BoxID: box.ID()})
}

// refusalFault tells a refusal of the daemon.
func refusalFault(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return &fault{exit: exitRefused, code: r.Code, en: r.Message, zh: "没有办成，原因见上一行", err: err}
	}
	return err
}
