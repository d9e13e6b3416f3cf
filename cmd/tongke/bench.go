package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"tongke/testbench"
	"tongke/testbench/report"
	"tongke/testbench/scenario"
)

// benchCmd measures this program: three boxes, emulated lines between them, a synthetic lesson. A technician runs it on site, continuous
// integration on every change.
type benchCmd struct {
	List     bool     `help:"Print the scenarios and end. 列出所有场景。"`
	Scenario []string `help:"What to measure: a scenario, a file like testbench/scenarios/*.toml, or all; may be repeated. Default: clean. 测哪些场景，all 是全部，也可以是自己写的 .toml 文件。" placeholder:"S" sep:"none"`
	Seed     uint64   `help:"The same seed loses the same packets. 同一个种子丢同样的包。" default:"1" placeholder:"N"`
	JSON     string   `name:"json" help:"Write the figures here; - is standard output. 结果写成 JSON。" placeholder:"F"`
	HTML     string   `name:"html" help:"Write a page with plots here. 结果写成网页。" placeholder:"F"`
	Real     bool     `help:"Then the same with Chromium pages in a network namespace, beside a bare pion relay; needs root. 再用真的 Chromium 页面测一遍，要 root。"`
	Compare  string   `help:"Compare with the JSON of an earlier run. 与以前的结果比较。" placeholder:"OLD.json"`

	Length      time.Duration `name:"seconds" hidden:"" help:"Measure so long instead of what the scenario says."`
	SlowRelay   time.Duration `hidden:"" help:"Make the relays slow, to see that this is noticed."`
	JitterRelay time.Duration `hidden:"" help:"Make the relays unsteady, to see that this is noticed."`
	Keep        string        `hidden:"" help:"Keep data and logs of the boxes in this directory."`
	Packets     string        `hidden:"" help:"Write what the lines did to each packet into this file (CSV)."`
	Program     string        `hidden:"" help:"Measure this program instead of this one."`
	Reflect     bool          `hidden:"" help:"Send datagrams back: the process that the boxes are measured beside."`
}

// Run measures, prints the table and judges.
func (c *benchCmd) Run(con *console) error {
	switch {
	case c.Reflect:
		return scenario.Reflect(con.in, con.out)
	case c.List:
		return c.list(con.out)
	}
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	old, err := c.older()
	if err != nil {
		return err
	}
	outputs, err := c.outputs(con)
	if err != nil {
		return err
	}
	defer outputs.close()
	// More threads than processors: then a thread that waits for a precise moment gets one from the system at once, instead of waiting for
	// Go's scheduler behind the peers' work.
	runtime.GOMAXPROCS(max(16, 4*runtime.NumCPU()))
	r, err := c.measure(con, chosen, outputs)
	if err != nil {
		return err
	}
	if err := outputs.write(r, old); err != nil {
		return err
	}
	if !r.Passed() {
		return &fault{exit: exitRefused, code: "limit-broken", en: "a limit was broken, see the lines with ✗ above", zh: "有指标没达到，见上面带 ✗ 的行"}
	}
	return nil
}

func (c *benchCmd) list(w io.Writer) error {
	all, err := testbench.Scenarios()
	if err != nil {
		return err
	}
	for _, s := range all {
		fmt.Fprintf(w, "%-13s %4.0f s  %s  %s\n", s.Name, s.Length.Seconds(), s.Words.Title, s.Words.TitleEn)
	}
	return nil
}

// chosen are the scenarios to run, each once.
func (c *benchCmd) chosen() (out []*scenario.Scenario, err error) {
	names := c.Scenario
	if len(names) == 0 {
		names = []string{"clean"}
	}
	if slices.Contains(names, "all") {
		return testbench.Scenarios()
	}
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		s, err := oneScenario(n)
		if errors.Is(err, testbench.ErrUnknownScenario) {
			return nil, usage(fmt.Errorf("--scenario: %w; tongke bench --list shows all", err))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// oneScenario is an embedded scenario, or that of a file: whoever has another network writes its conditions down.
func oneScenario(name string) (*scenario.Scenario, error) {
	if !strings.HasSuffix(name, ".toml") {
		return testbench.Scenario(name)
	}
	doc, err := os.ReadFile(name)
	if err != nil {
		return nil, usage(fmt.Errorf("--scenario: %w", err))
	}
	s, err := scenario.Parse(doc)
	if err != nil {
		return nil, usage(fmt.Errorf("--scenario: %s: %w", name, err))
	}
	return s, nil
}

// older reads the report to compare with, before anything runs.
func (c *benchCmd) older() (*report.Report, error) {
	if c.Compare == "" {
		return nil, nil
	}
	f, err := os.Open(c.Compare)
	if err != nil {
		return nil, usage(fmt.Errorf("--compare: %w", err))
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return nil, usage(fmt.Errorf("--compare: %s: %w", c.Compare, err))
	}
	return r, nil
}

func (c *benchCmd) measure(con *console, chosen []*scenario.Scenario, o *benchOutputs) (*report.Report, error) {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	program := c.Program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find our own program: %w", err)
		}
	}
	var args []string
	for name, d := range map[string]time.Duration{"--slow-relay": c.SlowRelay, "--jitter-relay": c.JitterRelay} {
		if d > 0 {
			args = append(args, name, d.String())
		}
	}
	r := &report.Report{Schema: report.Schema, Version: programVersion(), Seed: c.Seed, Machine: benchMachine()}
	for i, s := range chosen {
		say := func(text string) {
			line := fmt.Sprintf("[%d/%d] %s: %s", i+1, len(chosen), s.Name, text)
			if con.terminal {
				fmt.Fprintf(con.err, "\r\x1b[K%s", line)
			} else if !strings.Contains(text, "measuring") || strings.Contains(text, " 0/") {
				fmt.Fprintln(con.err, line) // a log is not told each second
			}
		}
		res, err := testbench.Run(ctx, s, testbench.Options{Program: program, Seed: c.Seed, Length: c.Length, Progress: say, BoxArgs: args, KeepDir: c.Keep})
		if con.terminal {
			fmt.Fprint(con.err, "\r\x1b[K")
		}
		if ctx.Err() != nil {
			return nil, &fault{exit: exitFailed, en: "interrupted", zh: "中断了，没有结果", err: ctx.Err()}
		}
		if err != nil {
			return nil, err
		}
		o.packets(res)
		r.Scenarios = append(r.Scenarios, res.Scenario)
		if !c.Real {
			continue
		}
		pages, err := testbench.Real(ctx, s, testbench.Options{Program: program, Seed: c.Seed, Length: c.Length, Progress: say, BoxArgs: args, KeepDir: c.Keep})
		if con.terminal {
			fmt.Fprint(con.err, "\r\x1b[K")
		}
		if err != nil {
			return nil, err
		}
		r.Scenarios[len(r.Scenarios)-1].Real = pages
	}
	return r, nil
}

// benchMachine is where this was measured, and how busy that is.
func benchMachine() string {
	out := fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if doc, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(doc)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				out += ", " + strings.TrimSpace(value)
				break
			}
		}
	}
	if doc, err := os.ReadFile("/proc/loadavg"); err == nil {
		if load, _, ok := strings.Cut(string(doc), " "); ok {
			out += ", load " + load
		}
	}
	return out
}

// benchOutputs are the files of a run, opened before it: whoever measures for ten minutes wants to know of a wrong path at once.
type benchOutputs struct {
	con              *console
	json, html, rows *os.File
	toStdout         bool
}

func (c *benchCmd) outputs(con *console) (*benchOutputs, error) {
	o := &benchOutputs{con: con, toStdout: c.JSON == "-"}
	for _, f := range []struct {
		flag, path string
		to         **os.File
	}{{"json", c.JSON, &o.json}, {"html", c.HTML, &o.html}, {"packets", c.Packets, &o.rows}} {
		if f.path == "" || f.path == "-" && f.flag == "json" {
			continue
		}
		var err error
		// #nosec G301 -- a report is for everybody
		if err = os.MkdirAll(filepath.Dir(f.path), 0o755); err == nil {
			*f.to, err = os.Create(f.path)
		}
		if err != nil {
			o.close()
			return nil, usage(fmt.Errorf("--%s: %w", f.flag, err))
		}
	}
	if o.rows != nil {
		fmt.Fprintln(o.rows, "scenario,link,direction,kind,stream,number,transmission,size,at_ms,held_us,wanted_us,verdict,copy,ssrc,sequence,timestamp")
	}
	return o, nil
}

func (o *benchOutputs) close() {
	for _, f := range []*os.File{o.json, o.html, o.rows} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// packets writes what the lines did, packet by packet. Times count from the start of the measurement.
func (o *benchOutputs) packets(res *scenario.Result) {
	if o.rows == nil {
		return
	}
	for _, link := range scenario.Members {
		for _, r := range res.Records[link] {
			held := int64(-1)
			if r.Left != 0 {
				held = r.Delay().Microseconds()
			}
			fmt.Fprintf(o.rows, "%s,%s,%s,%s,%d,%d,%d,%d,%.3f,%d,%d,%s,%t,%d,%d,%d\n", res.Name, link, r.Direction, r.Kind, r.ID.Stream, r.ID.Number,
				r.ID.Transmission, r.Size, float64(r.At.Sub(res.Start).Microseconds())/1000, held, r.Wanted.Microseconds(), r.Verdict, r.Copy,
				r.Header.SSRC, r.Header.Sequence, r.Header.Timestamp)
		}
	}
}

// write prints the table, or the JSON where that was asked for, and writes the files.
func (o *benchOutputs) write(r *report.Report, old *report.Report) error {
	table := o.con.out
	if o.toStdout {
		table = o.con.err
		if err := r.Write(o.con.out); err != nil {
			return err
		}
	}
	if err := r.Table(table); err != nil {
		return err
	}
	if old != nil {
		if err := report.Compare(old, r).Table(table); err != nil {
			return err
		}
	}
	if o.json != nil {
		if err := r.Write(o.json); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
	}
	if o.html != nil {
		if err := r.HTML(o.html, time.Now()); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	return nil
}
