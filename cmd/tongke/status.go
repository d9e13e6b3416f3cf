package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// statusCmd asks the running daemon how it is.
type statusCmd struct {
	JSON bool   `name:"json" help:"Print JSON, for programs. 输出 JSON。"`
	Data string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// status is how a daemon is: the answer of /api/v1/status on the control socket.
type status struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Version   string       `json:"version"`
	Ready     bool         `json:"ready"`
	Since     time.Time    `json:"since"`
	PID       int          `json:"pid"`
	Listen    []string     `json:"listen"`
	Local     string       `json:"local"`
	Alliance  string       `json:"alliance"`
	Campus    string       `json:"campus"`
	Classroom string       `json:"classroom,omitempty"`
	OneTime   bool         `json:"oneTimePassword"` // the administrator still has the password that the box made
	Links     []statusLink `json:"links"`
	Lessons   statusCount  `json:"lessons"`
	Media     statusMedia  `json:"media"`
}

type statusLink struct {
	Name      string  `json:"name"`
	ID        string  `json:"id"`
	Parent    bool    `json:"parent"`
	Up        bool    `json:"up"`
	Rung      string  `json:"rung,omitempty"` // udp, tunnel or proxy
	RTTMs     float64 `json:"rttMs"`
	TracksIn  int     `json:"tracksIn"`
	TracksOut int     `json:"tracksOut"`
}

type statusCount struct {
	Live    int `json:"live"`
	Planned int `json:"planned"`
}

type statusMedia struct {
	Publishers  int `json:"publishers"`
	Subscribers int `json:"subscribers"`
	Sources     int `json:"sources"`
}

// Run prints the status; a daemon that does not run is exit 2.
func (c *statusCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	ctl, err := dialControl(dir)
	if err != nil {
		return &fault{
			exit: exitFailed, code: "not-running", err: err,
			en: fmt.Sprintf("no daemon runs on the data directory %s; start it with tongke run, or name its directory with --data", dir),
			zh: fmt.Sprintf("数据目录 %s 上没有运行 tongke，请用 tongke run 启动，或用 --data 指定目录", dir),
		}
	}
	var s status
	if err := ctl.call(context.Background(), "GET", statusPath, nil, &s); err != nil {
		return refusalFault(err)
	}
	if c.JSON {
		e := json.NewEncoder(con.out)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	return s.print(con.out)
}

const statusPath = "/control/v1/status"

func (s status) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	state := "ready"
	if !s.Ready {
		state = "not ready"
	}
	line("box", "%s (%s), tongke %s, %s since %s", s.Name, s.ID, s.Version, state, s.Since.Local().Format(time.DateTime))
	line("place", "campus %s, classroom %s, alliance %s", or(s.Campus, "-"), or(s.Classroom, "-"), or(s.Alliance, "-"))
	line("listens", "%v, local %s", s.Listen, s.Local)
	for _, l := range s.Links {
		side, up := "child", "down"
		if l.Parent {
			side = "parent"
		}
		if l.Up {
			up = fmt.Sprintf("up by %s, round trip %.1f ms, tracks %d in %d out", l.Rung, l.RTTMs, l.TracksIn, l.TracksOut)
		}
		line(side, "%s (%s) %s", l.Name, l.ID, up)
	}
	line("lessons", "%d live, %d planned", s.Lessons.Live, s.Lessons.Planned)
	line("media", "%d sources, %d publishers, %d subscribers", s.Media.Sources, s.Media.Publishers, s.Media.Subscribers)
	if s.OneTime {
		line("advice", "the administrator still has the one-time password: tongke password 管理员还在用一次性密码")
	}
	return t.Flush()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
