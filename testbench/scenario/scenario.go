// Package scenario runs a lesson under the conditions of a file and measures it: three boxes as processes of the program, joined by the
// real invitation, a link emulator between each member and the core, a synthetic teacher and headless classrooms.
//
// One-way delays are exact, because everything is stamped by one clock of one process, and because packets are known by what they carry:
// the lesson's pictures and sound are the same in every run, so a packet's payload says which picture or 20 ms of voice it is of, and the
// bench knows when it sent that. On a link, where payloads are encrypted, the RTP timestamp says the same; the uplink passes it unchanged.
// The relays are trusted with nothing: no extension and no report of theirs is read.
//
//	core    from the teacher's send call to the core box's packet at the emulator (for the core's own rooms: to the room)
//	uplink  through the emulator, with the time until a lost packet was repaired
//	member  from the emulator's send call to the classroom
//	total   all of it
package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"tongke/testbench/link"
	"tongke/testbench/report"
)

// Campuses of every scenario: the teacher's and two members.
const (
	Core    = "core"
	Member1 = "member1"
	Member2 = "member2"
)

// Members are the campuses that have a link.
var Members = []string{Member1, Member2}

// Scenario is one set of conditions and the limits that hold under it.
type Scenario struct {
	Name   string
	Words  report.Words
	Length time.Duration // measured
	Rooms  int           // classrooms that watch at each box
	Bell   int           // classrooms that join in the first second of the measurement, spread over all boxes
	Call   bool          // a member is called on, and its voice measured at the core
	Tunnel bool          // the links shall come up by the tunnel
	Links  map[string]LinkConditions
	Limits []Limit
}

// LinkConditions are those of both directions of a link.
type LinkConditions struct {
	Down, Up link.Conditions
}

// Limit is a bound on a measure of the streams that a pattern names.
type Limit struct {
	Measure string
	Stream  string // campus/kind/hop, each with * for any; "" for a measure of the whole
	Op      string
	Limit   float64
	Noise   float64 // so many times the reference's own figure is added
}

// file is the TOML.
type file struct {
	Name    string   `toml:"name"`
	Title   string   `toml:"title"`
	TitleEn string   `toml:"title_en"`
	About   string   `toml:"about"`
	AboutEn string   `toml:"about_en"`
	Seconds duration `toml:"seconds"`
	Rooms   int      `toml:"rooms"`
	Bell    int      `toml:"bell"`
	Call    bool     `toml:"call"`
	Tunnel  bool     `toml:"tunnel"`

	Link  []linkFile  `toml:"link"`
	Limit []limitFile `toml:"limit"`
}

type linkFile struct {
	Members []string       `toml:"members"` // none: both
	Down    conditionsFile `toml:"down"`
	Up      conditionsFile `toml:"up"`
}

type conditionsFile struct {
	Delay        duration     `toml:"delay"`
	Jitter       duration     `toml:"jitter"`
	Stall        duration     `toml:"stall"`
	StallEach    duration     `toml:"stall_each"`
	RateKBPS     int64        `toml:"rate_kbps"`
	QueueBytes   int          `toml:"queue_bytes"`
	Rates        []rateFile   `toml:"rates"`
	LossPct      float64      `toml:"loss_pct"`
	BurstPct     float64      `toml:"burst_pct"`  // share of the time
	BurstMean    duration     `toml:"burst_mean"` // of a bad time
	BurstLossPct float64      `toml:"burst_loss_pct"`
	ReorderPct   float64      `toml:"reorder_pct"`
	ReorderBy    duration     `toml:"reorder_by"`
	DuplicatePct float64      `toml:"duplicate_pct"`
	Outages      []outageFile `toml:"outages"`
	BlockUDP     bool         `toml:"block_udp"`
}

type rateFile struct {
	At       duration `toml:"at"`
	RateKBPS int64    `toml:"rate_kbps"`
}

type outageFile struct {
	At  duration `toml:"at"`
	For duration `toml:"for"`
}

type limitFile struct {
	Measure string  `toml:"measure"`
	Stream  string  `toml:"stream"`
	Op      string  `toml:"op"`
	Limit   float64 `toml:"limit"`
	Noise   float64 `toml:"noise"`
}

// duration is written as "20ms" or "25s".
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

func (c conditionsFile) conditions() link.Conditions {
	out := link.Conditions{
		Delay: time.Duration(c.Delay), Jitter: time.Duration(c.Jitter), Stall: time.Duration(c.Stall), StallEach: time.Duration(c.StallEach),
		RateBPS: c.RateKBPS * 1000, Queue: c.QueueBytes, Loss: c.LossPct / 100,
		Burst:   link.Burst{Share: c.BurstPct / 100, Mean: time.Duration(c.BurstMean), Loss: c.BurstLossPct / 100},
		Reorder: c.ReorderPct / 100, ReorderBy: time.Duration(c.ReorderBy), Duplicate: c.DuplicatePct / 100, BlockUDP: c.BlockUDP,
	}
	for _, r := range c.Rates {
		out.Rates = append(out.Rates, link.RateStep{At: time.Duration(r.At), RateBPS: r.RateKBPS * 1000})
	}
	for _, o := range c.Outages {
		out.Outages = append(out.Outages, link.Outage{At: time.Duration(o.At), For: time.Duration(o.For)})
	}
	return out
}

// maxFile bounds a scenario file.
const maxFile = 64 << 10

// Parse reads a scenario file and checks it. All faults come in one error.
func Parse(doc []byte) (*Scenario, error) {
	if len(doc) > maxFile {
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	var f file
	d := toml.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return nil, errors.New(strict.String())
		}
		return nil, err
	}
	s := &Scenario{Name: f.Name, Words: report.Words{Title: f.Title, TitleEn: f.TitleEn, About: strings.TrimSpace(f.About), AboutEn: strings.TrimSpace(f.AboutEn)},
		Length: time.Duration(f.Seconds), Rooms: max(f.Rooms, 1), Bell: f.Bell, Call: f.Call, Tunnel: f.Tunnel, Links: map[string]LinkConditions{}}
	for _, l := range f.Link {
		members := l.Members
		if len(members) == 0 {
			members = Members
		}
		for _, m := range members {
			s.Links[m] = LinkConditions{l.Down.conditions(), l.Up.conditions()}
		}
	}
	for _, l := range f.Limit {
		s.Limits = append(s.Limits, Limit(l))
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	for _, m := range Members {
		l := s.Links[m]
		s.Words.Link = append(s.Words.Link, m+" ↓ "+describe(l.Down), m+" ↑ "+describe(l.Up))
	}
	return s, nil
}

var scenarioName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Measures of the whole, besides those of streams.
var wholeMeasures = []string{"joinMs.p50", "joinMs.p99", "joined", "linkRTP", "linkErrorMs.p50", "calmPct", "calledMs"}

// Further measures of a stream with the hop total: what the relays took, and how that jitters, without what the emulator held a packet; of each
// second, then the median of the seconds.
var relayMeasures = []string{"relayMs.p50", "relayMs.p95", "relayJitterMs.p95"}

// Validate reports every impossible value.
func (s *Scenario) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !scenarioName.MatchString(s.Name) {
		wrong("name: %.60q is not of a-z, 0-9 and -", s.Name)
	}
	if s.Length < time.Second || s.Length > time.Hour {
		wrong("seconds: %v is not in 1s to 1h", s.Length)
	}
	if s.Rooms < 1 || s.Rooms > 100 || s.Bell < 0 || s.Bell > 600 {
		wrong("rooms: %d is not in 1 to 100, or bell: %d not in 0 to 600", s.Rooms, s.Bell)
	}
	for m, l := range s.Links {
		if !slices.Contains(Members, m) {
			wrong("link: %.40q is no member, there are %s", m, strings.Join(Members, " and "))
		}
		if err := l.Down.Validate(); err != nil {
			wrong("link %s down: %w", m, err)
		}
		if err := l.Up.Validate(); err != nil {
			wrong("link %s up: %w", m, err)
		}
	}
	for i, l := range s.Limits {
		if err := l.validate(); err != nil {
			wrong("limit[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}

func (l Limit) validate() error {
	if !slices.Contains([]string{"<=", ">=", "=="}, l.Op) {
		return fmt.Errorf("op %.10q is not <=, >= or ==", l.Op)
	}
	if l.Noise < 0 || l.Noise > 100 || l.Noise > 0 && l.Op != "<=" {
		return fmt.Errorf("noise %v is not in 0 to 100, or stands with %s", l.Noise, l.Op)
	}
	if l.Stream == "" {
		if !slices.Contains(wholeMeasures, l.Measure) {
			return fmt.Errorf("measure %.40q is not of the whole scenario, write one of %s, or name a stream", l.Measure, strings.Join(wholeMeasures, ", "))
		}
		return nil
	}
	if !slices.Contains(report.Measures(), l.Measure) && !slices.Contains(relayMeasures, l.Measure) {
		return fmt.Errorf("measure %.40q is not known, write one of %s", l.Measure, strings.Join(append(report.Measures(), relayMeasures...), ", "))
	}
	if _, err := path.Match(l.Stream, "a/b/c"); err != nil || strings.Count(l.Stream, "/") != 2 {
		return fmt.Errorf("stream %.60q is not campus/kind/hop", l.Stream)
	}
	return nil
}

// describe says conditions in a few signs.
func describe(c link.Conditions) string {
	var out []string
	add := func(when bool, format string, args ...any) {
		if when {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(c.BlockUDP, "UDP ×")
	add(c.Delay > 0, "%v", c.Delay)
	add(c.Jitter > 0, "+0…%v", c.Jitter)
	add(c.Stall > 0, "‖%v/%v", c.Stall, c.StallEach)
	add(c.RateBPS > 0, "%.4g Mb/s ▤%d kB", float64(c.RateBPS)/1e6, c.Queue/1000)
	for _, r := range c.Rates {
		add(true, "%v: %.4g Mb/s", r.At, float64(r.RateBPS)/1e6)
	}
	add(c.Loss > 0, "loss %.4g %%", c.Loss*100)
	add(c.Burst.Share > 0, "burst %.4g %% × %v", c.Burst.Share*100, c.Burst.Mean)
	add(c.Reorder > 0, "reorder %.4g %% by %v", c.Reorder*100, c.ReorderBy)
	add(c.Duplicate > 0, "double %.4g %%", c.Duplicate*100)
	for _, o := range c.Outages {
		add(true, "out %v+%v", o.At, o.For)
	}
	if len(out) == 0 {
		return "–"
	}
	return strings.Join(out, ", ")
}
