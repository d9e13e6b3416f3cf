package main

import (
	"context"
	"errors"
	"fmt"

	"tongke/signaling/join"
	"tongke/signaling/store"
)

// inviteCmd makes an invitation code.
type inviteCmd struct {
	Campus    string `required:"" help:"The campus that the new box stands on. 学校。" placeholder:"C"`
	Classroom string `help:"The classroom, where the box serves one room. 教室。" placeholder:"R"`
	Name      string `help:"What the new box is called; otherwise its own name. 设备名字。" placeholder:"BOX"`
	Data      string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// invitation is whom a code asks in.
type invitation struct {
	Campus    string `json:"campus"`
	Classroom string `json:"classroom,omitempty"`
	Name      string `json:"name,omitempty"`
}

// Run prints the code as the last line of standard output.
func (c *inviteCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	code, running, err := invite(context.Background(), dir, invitation{c.Campus, c.Classroom, c.Name})
	if err != nil {
		return err
	}
	fmt.Fprintf(con.err, "The code can be used once, within 15 minutes: tongke join https://ADDRESS-OF-THIS-BOX:8443 %s\n", code)
	fmt.Fprintln(con.err, "邀请码 15 分钟内有效，只能用一次；在成员校的设备上运行上面的命令。")
	if !running {
		fmt.Fprintf(con.err, "No daemon runs on %s: start it with tongke run, or nobody answers the code. 本机服务没有运行，请先启动。\n", dir)
	}
	fmt.Fprintln(con.out, code)
	return nil
}

// invite makes a code by the daemon of dir, or in its store when none runs.
func invite(ctx context.Context, dir string, in invitation) (code string, running bool, err error) {
	running, err = withBox(dir,
		func(c *control) error {
			var answer struct {
				Code string `json:"code"`
			}
			err := c.call(ctx, "POST", "/api/v1/invitations", in, &answer)
			code = answer.Code
			return err
		},
		func(s *store.Store) error {
			made, _, err := join.Invite(s, join.Invitation{Campus: in.Campus, Classroom: in.Classroom, Name: in.Name, By: operator})
			code = made.String()
			return err
		})
	return code, running, joinFault(err)
}

// joinSentences are the refusals around invitations in Chinese.
var joinSentences = map[string]string{
	"code-wrong":           "没有这个邀请码，请核对 16 个字符",
	"code-used":            "这个邀请码已经用过，请在核心校重新生成",
	"code-expired":         "这个邀请码已超过 15 分钟，请在核心校重新生成",
	"unreachable":          "连不上核心校，请检查地址和网络，以及核心校的设备是否在运行",
	"certificate-mismatch": "两台设备看到的证书不一样，中间有东西拆开了连接，请检查网络",
	"too-many-tries":       "邀请码输错太多次，请一分钟后再试",
	"loop":                 "设备不能加入自己或自己的下级",
	"already-joined":       "这台设备已经加入了一所学校，要换请加 --replace",
	"join-request-invalid": "对方的程序版本不认识这个请求，请升级",
	"place-invalid":        "学校、教室和设备的名字是 1 到 64 个字，不能有斜线",
	"box-unknown":          "下面没有这台设备",
	"room-occupied":        "那间教室的设备还在线，或刚离开不久，请先在核心校停用它",
	"too-many-pairings":    "五分钟内已有五台设备在等着对比，请先处理，或稍等",
	"pairing-unknown":      "这次对比已经结束，请重新开始",
	"pairing-refused":      "有一边说数字不一样，没有加入",
	"pairing-expired":      "五分钟内没有对比数字，请重新开始",
	"pairing-running":      "这台设备正在加入，请先取消",
	"too-many-invitations": "还没用的邀请码太多，请等一些过期",
}

// joinFault tells a refusal around invitations, from here or from the daemon.
func joinFault(err error) error {
	var je *join.Error
	var re *refusal
	switch {
	case errors.As(err, &je):
		text := je.Text
		if err.Error() != je.Text {
			text = err.Error() // says more of the same
		}
		return &fault{exit: exitRefused, code: je.Code, en: text, zh: joinSentences[je.Code], err: err}
	case errors.As(err, &re):
		zh := joinSentences[re.Code]
		if zh == "" {
			zh = "没有办成，原因见上一行"
		}
		return &fault{exit: exitRefused, code: re.Code, en: re.Message, zh: zh, err: err}
	}
	return err
}
