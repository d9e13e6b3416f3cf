package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tongke/device/doctor"
	"tongke/device/health"
	"tongke/device/profile"
	"tongke/signaling/store"
)

// doctorCmd looks the machine over, with or without the daemon.
type doctorCmd struct {
	JSON    bool   `name:"json" help:"Print JSON, for programs. 输出 JSON。"`
	Profile bool   `help:"Print the hardware profile and why it was chosen, nothing else. 只显示硬件配置和选择它的理由。"`
	Sysctl  bool   `help:"Print the profile's kernel settings for sysctl(8), nothing else. 只显示内核参数。"`
	Config  string `help:"The configuration file; without it /etc/tongke/tongke.toml, if there is one. 配置文件。" placeholder:"FILE"`
	Data    string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// errFound: there are findings; they are the result and need no other sentence.
var errFound = &fault{exit: exitRefused, code: "findings"}

// Run prints what is wrong, worst first; exit 0 when nothing is.
func (c *doctorCmd) Run(con *console) error {
	cfg, faults, err := c.config()
	if err != nil {
		return err
	}
	dir, err := dataDir(c.Data, cfg)
	if err != nil {
		return err
	}
	m, choice, err := machine(dir, cfg)
	if err != nil {
		return err
	}
	switch {
	case c.Sysctl:
		return printSysctl(con.out, choice.Profile)
	case c.Profile:
		return c.printProfile(con.out, choice)
	}
	in := doctor.Input{Machine: m, Facts: doctor.Facts{Built: builtAt(), ConfigFaults: faults, Ports: wantedPorts(cfg)}}
	if h, err := health.Read(dir, m); err == nil {
		in.History = h
	}
	c.ask(dir, cfg, &in)
	r := doctor.Make(in, choice)
	if err := c.print(con.out, r); err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		return errFound
	}
	return nil
}

// config reads the file; its faults are findings, not an end.
func (c *doctorCmd) config() (cfg Config, faults []string, err error) {
	cfg, err = loadConfig(c.Config)
	var f *fault
	if err == nil || !errors.As(err, &f) {
		return cfg, nil, err
	}
	if f.code == "config-unreadable" && c.Config != "" {
		return cfg, nil, err // a path that the person at the keyboard mistyped
	}
	if f.code != "config-wrong" && f.code != "config-unreadable" {
		return cfg, nil, err
	}
	lines := strings.Split(f.en, "\n")
	if len(lines) > 1 {
		lines = lines[1:] // the head counts them
	}
	return DefaultConfig(), lines, nil
}

// ask takes from the running daemon what only it knows, and from the store what it would do if it ran.
func (c *doctorCmd) ask(dir string, cfg Config, in *doctor.Input) {
	f := &in.Facts
	ctl, err := dialControl(dir)
	if err == nil {
		f.Running = doctor.Yes
		var s struct {
			Parts struct {
				Device daemonReport `json:"device"`
			} `json:"parts"`
		}
		if ctl.call(context.Background(), "GET", "/api/v1/status", nil, &s) == nil {
			running := s.Parts.Device.Facts
			running.ConfigFaults, running.Built, running.Ports = f.ConfigFaults, f.Built, f.Ports
			*f = running
			f.Running = doctor.Yes
		}
		return
	}
	// Without a data directory nothing was ever meant to run here; one that may not be read tells nothing.
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil {
		return
	}
	f.Running = doctor.No
	actAsOwner(dir)
	s, err := store.Open(dir)
	if errors.Is(err, store.ErrNewer) {
		f.DataNewer = doctor.Yes
	}
	if err != nil {
		return
	}
	defer s.Close()
	p, ok, err := s.Parent()
	if err != nil || !ok {
		return
	}
	box, err := openBox(dir, s, cfg)
	if err != nil {
		return
	}
	asked := reach(context.Background(), append(slices.Clone(p.URLs), cfg.Uplink.Alternatives...), box.ClientTLS(p.Pin))
	f.Parent, f.ParentFault, f.Portal, f.Names = asked.Parent, asked.ParentFault, asked.Portal, asked.Names
}

// daemonReport is the daemon's part of the status: its own judgement, and the facts behind it.
type daemonReport struct {
	doctor.Report
	Facts doctor.Facts `json:"facts"`
}

// built is set when a release is built: seconds since 1970 of its commit.
var built = ""

// builtAt is when the source of this program was committed; zero when nobody noted it.
func builtAt() time.Time {
	if n, err := strconv.ParseInt(built, 10, 64); err == nil {
		return time.Unix(n, 0)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
					return t
				}
			}
		}
	}
	return time.Time{}
}

func printJSON(w io.Writer, what any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(what)
}

func (c *doctorCmd) print(w io.Writer, r doctor.Report) error {
	if c.JSON {
		return printJSON(w, r)
	}
	mark := map[doctor.Verdict]string{doctor.Good: "✓", doctor.Works: "▲", doctor.Down: "✕"}[r.Verdict]
	fmt.Fprintf(w, "%s %s %s\n", mark, r.Text.ZH, r.Text.EN)
	for _, f := range r.Findings {
		mark := "▲"
		if f.Severity == doctor.Fault {
			mark = "✕"
		}
		fmt.Fprintf(w, "\n%s %s → %s  (%s)\n  %s → %s\n", mark, f.Text.ZH, f.Hint.ZH, f.Code, f.Text.EN, f.Hint.EN)
		if f.Detail != "" {
			fmt.Fprintf(w, "  %s\n", f.Detail)
		}
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range r.Checks {
		mark := "✓"
		if !k.OK {
			mark = "▲"
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\n", mark, k.Name.ZH, k.Name.EN, k.Told)
	}
	return t.Flush()
}

func (c *doctorCmd) printProfile(w io.Writer, p profile.Choice) error {
	if c.JSON {
		return printJSON(w, p)
	}
	fmt.Fprintf(w, "%s: %s (%s)\n", p.Name, p.Reason, p.ReasonZH)
	fmt.Fprintf(w, "%s; capture up to %d×%d at %d, %d layers; kiosk zoom %g, flags %s\n",
		p.Title, p.Capture.Width, p.Capture.Height, p.Capture.FPS, p.Capture.Layers, p.Kiosk.Zoom, or(strings.Join(p.Kiosk.Flags, " "), "none"))
	return nil
}

// printSysctl prints lines for sysctl --load.
func printSysctl(w io.Writer, p profile.Profile) error {
	keys := make([]string, 0, len(p.Sysctl))
	for k := range p.Sysctl {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if _, err := fmt.Fprintf(w, "%s = %d\n", k, p.Sysctl[k]); err != nil {
			return err
		}
	}
	return nil
}
