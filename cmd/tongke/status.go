package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"tongke/media/cascade"
	"tongke/media/ingest"
	"tongke/media/recorder"
	"tongke/signaling/api"
)

// statusCmd asks the running daemon how it is.
type statusCmd struct {
	JSON bool   `name:"json" help:"Print JSON, for programs. 输出 JSON。"`
	Data string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// status is what the text of tongke status is made of: the API's answer, with the parts that it prints.
type status struct {
	api.Status
	Parts struct {
		Addresses addresses      `json:"addresses"`
		Ingest    ingest.Stats   `json:"ingest"`
		Recorder  recorder.Stats `json:"recorder"`
		Cascade   cascade.Stats  `json:"cascade"`
		Device    daemonReport   `json:"device"`
	} `json:"parts"`
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
	var doc json.RawMessage
	if err := ctl.call(context.Background(), "GET", "/api/v1/status", nil, &doc); err != nil {
		return refusalFault(err)
	}
	if c.JSON {
		var b bytes.Buffer
		if err := json.Indent(&b, doc, "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(con.out, b.String())
		return err
	}
	var s status
	if err := json.Unmarshal(doc, &s); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return s.print(con.out)
}

func (s status) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	state := "ready"
	if !s.Ready {
		state = "not ready"
	}
	line("box", "%s (%s), tongke %s, %s, running for %v", s.Box.Name, s.Box.ID, s.Box.Version, state, time.Duration(s.UptimeSeconds)*time.Second)
	line("place", "campus %s, classroom %s, alliance %s", or(s.Box.Campus, "-"), or(s.Box.Classroom, "-"), or(s.Box.Alliance, "-"))
	line("listens", "%v, local %s", s.Parts.Addresses.Listen, s.Parts.Addresses.Local)
	linked := map[string]cascade.PeerStats{}
	for _, p := range s.Parts.Cascade.Peers {
		linked[p.Peer.ID] = p
	}
	link := func(side, name, id string) {
		p := linked[id]
		if !p.Up {
			line(side, "%s (%s), not connected", name, id)
			return
		}
		line(side, "%s (%s), connected by %s, round trip %.1f ms, tracks %d in %d out", name, id, p.Rung, p.RTT*1000, p.TracksIn, p.TracksOut)
	}
	if s.Box.Parent != "" {
		link("parent", s.ParentName, s.Box.Parent)
	}
	for _, c := range s.Children {
		link("child", c.Name, c.ID)
	}
	line("lessons", "%d live, %d planned", s.Lessons.Live, s.Lessons.Planned)
	for _, l := range s.Live {
		line("", "%s %s, %s", l.ID, l.Title, l.Teacher)
	}
	line("media", "%d publishers, %d subscribers", s.Parts.Ingest.Publishers, s.Parts.Ingest.Subscribers)
	if r := s.Parts.Recorder; r.Lessons > 0 || r.Packets > 0 {
		line("recording", "%d lessons now, %d packets and %.1f MB on the disk, %.2f s not yet", r.Lessons, r.Packets, float64(r.Bytes)/1e6, r.UnsyncedSeconds)
		if r.Faults > 0 {
			line("advice", "the disk takes nothing, %d lessons are not recorded now 硬盘写不进去，正在上的课没有录", r.Faults)
		}
	}
	line("memory", "%.0f MiB, %d goroutines", float64(s.MemoryBytes)/(1<<20), s.Goroutines)
	for _, f := range s.Parts.Device.Findings {
		line("finding", "%s → %s %s → %s (%s)", f.Text.ZH, f.Hint.ZH, f.Text.EN, f.Hint.EN, f.Code)
	}
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
