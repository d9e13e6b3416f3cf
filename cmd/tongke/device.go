package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"tongke/device/doctor"
	"tongke/device/health"
	"tongke/device/probe"
	"tongke/device/profile"
	firmware "tongke/firmware-config"
	"tongke/media/cascade"
)

// DeviceConfig says what the hardware is.
type DeviceConfig struct {
	Profile  string `toml:"profile"`
	SelfTest bool   `toml:"self_test"`
}

// Validate reports every impossible value with its full key and what to write instead.
func (c DeviceConfig) Validate() error {
	if c.Profile == "" {
		return nil
	}
	all, err := profiles()
	if err != nil {
		return err
	}
	if names := profile.Names(all); !slices.Contains(names, c.Profile) {
		return fmt.Errorf("device.profile: %q is no profile, write one of %v or nothing", c.Profile, names)
	}
	return nil
}

// profiles are those inside the program.
func profiles() ([]profile.Profile, error) { return profile.Load(firmware.Profiles, "profiles") }

// machine reads this machine and takes its profile.
func machine(dir string, cfg Config) (probe.Machine, profile.Choice, error) {
	all, err := profiles()
	if err != nil {
		return probe.Machine{}, profile.Choice{}, err
	}
	m := probe.Read(os.DirFS("/"), probe.System(), probe.Options{DataDir: dir})
	c, err := profile.Choose(all, m, cfg.Device.Profile)
	return m, c, err
}

// wantedPorts are the numbers that the daemon listens on.
func wantedPorts(cfg Config) []uint16 {
	addrs := append([]string{cfg.Local}, cfg.Listen...)
	if len(cfg.Listen) == 0 {
		addrs = append(addrs, mainAddr)
	}
	var out []uint16
	for _, a := range addrs {
		if _, port, err := net.SplitHostPort(a); err == nil {
			if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
				out = append(out, uint16(n))
			}
		}
	}
	return out
}

const (
	beatEvery  = time.Minute
	reachAfter = 30 * time.Second // of silence the network is asked why
	speedHolds = time.Hour        // what a line carried says little of later
)

// deviceWatch looks after the machine under the daemon: it keeps its history and judges it once a minute. Its findings are in the status
// and, when they come and go, in the log.
type deviceWatch struct {
	cfg    Config
	dir    string
	log    *slog.Logger
	past   *health.Log // nil when it could not be opened
	facts  func() doctor.Facts
	parent func() (urls []string, cfg *tls.Config) // empty without one
	links  func() (peers []cascade.PeerStats, root bool)
	space  func() (lessons int) // that still fit; -1 not known

	profile profile.Profile // of newDeviceWatch, as the next
	booted  time.Time
	minutes *health.Minutes // the plots
	minute  uplinkMeter     // of Run's goroutine, as the next
	short   uplinkMeter

	mu      sync.Mutex
	report  doctor.Report
	tracker doctor.Tracker
	told    doctor.Facts  // behind report
	seen    doctor.Facts  // what a person or the page on the screen found out
	looked  bool          // devices is known
	devices string        // that a self-test says something of
	learned time.Time     // when that was last added to
	silent  time.Time     // since when the parent is; zero while it is not
	uplink  uplinkFigures // of the last ten seconds
}

// newDeviceWatch opens the history. A box whose history cannot be kept runs without.
func (d *daemon) newDeviceWatch() *deviceWatch {
	w := &deviceWatch{
		cfg: d.cfg, dir: d.dir, log: d.log.With("part", "device"), facts: d.deviceFacts, parent: d.parentAddress, links: d.deviceLinks, space: d.lessonsThatFit,
		minutes: health.OpenMinutes(d.dir),
	}
	m, c, err := machine(d.dir, d.cfg)
	if err != nil {
		w.log.Error("machine not read", "err", err)
		return w
	}
	w.profile, w.booted = c.Profile, time.Now().Add(-m.Uptime)
	w.log.Info("profile", "name", c.Name, "reason", c.Reason)
	if w.past, err = health.Open(d.dir, mirrors(), m, time.Now()); err != nil {
		w.log.Warn("history not kept", "err", err)
	}
	return w
}

// mirrors are folders that a reset card may treat otherwise than the data directory.
func mirrors() []string {
	if c := os.Getenv("CACHE_DIRECTORY"); c != "" { // systemd.exec(5)
		return []string{c}
	}
	return nil
}

// Run judges each minute until ctx ends.
func (w *deviceWatch) Run(ctx context.Context) error {
	tick, short := time.NewTicker(beatEvery), time.NewTicker(meterEvery)
	defer tick.Stop()
	defer short.Stop()
	w.measure()
	w.sample(probe.Machine{}, false)
	w.look(ctx)
	for {
		select {
		case <-short.C:
			w.measure()
		case <-tick.C:
			w.note(func(l *health.Log) error { return l.Beat(time.Now()) })
			w.sample(w.look(ctx), true)
		case <-ctx.Done():
			w.note(func(l *health.Log) error { return l.Shutdown(time.Now()) })
			if err := w.minutes.Flush(); err != nil {
				w.log.Warn("figures not written", "err", err)
			}
			return nil
		}
	}
}

// measure keeps the figures of the last ten seconds for the page.
func (w *deviceWatch) measure() {
	peers, root := w.links()
	f := w.short.read(peers, root, time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uplink = f
}

// sample measures the last minute, for the plots when keep is set.
func (w *deviceWatch) sample(m probe.Machine, keep bool) {
	peers, root := w.links()
	now := time.Now()
	f := w.minute.read(peers, root, now)
	if !keep {
		return
	}
	if err := w.minutes.Note(minuteOf(now, f, m, w.space())); err != nil {
		w.log.Warn("figures not written", "err", err)
	}
}

// Learn notes what a person or the page on the screen found out; it holds until somebody finds otherwise.
func (w *deviceWatch) Learn(what func(*doctor.Facts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what(&w.seen)
	w.learned = time.Now()
}

// Tested is what of that a self-test can find.
func (w *deviceWatch) Tested() testFacts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return testFacts{w.seen.Picture, w.seen.MicrophoneHeard, w.seen.SpeakerHeard, w.seen.ScreenSeen}
}

// Devices are those that a self-test says something of; false before the first look.
func (w *deviceWatch) Devices() (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.devices, w.looked
}

func (w *deviceWatch) note(what func(*health.Log) error) {
	if w.past == nil {
		return
	}
	if err := what(w.past); err != nil {
		w.log.Warn("history not written", "err", err)
	}
}

// input gathers everything that is judged; facts are those of the daemon's parts.
func (w *deviceWatch) input(m probe.Machine, facts doctor.Facts) doctor.Input {
	in := doctor.Input{Machine: m, Facts: facts}
	if m.Clock.Synchronised {
		in.Facts.ClockKnown = false // somebody better than the parent sets it
	}
	if w.past != nil {
		in.History = w.past.History()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	in.Facts.Picture, in.Facts.MicrophoneHeard = w.seen.Picture, w.seen.MicrophoneHeard
	in.Facts.SpeakerHeard, in.Facts.ScreenSeen = w.seen.SpeakerHeard, w.seen.ScreenSeen
	if in.Facts.UplinkKbps == 0 && time.Since(w.learned) < speedHolds {
		in.Facts.UplinkKbps = w.seen.UplinkKbps
	}
	return in
}

// look reads the machine and judges it.
func (w *deviceWatch) look(ctx context.Context) probe.Machine {
	m, c, err := machine(w.dir, w.cfg)
	if err != nil {
		w.log.Error("machine not read", "err", err)
		return m
	}
	w.mu.Lock()
	w.devices, w.looked = testedDevices(m), true
	w.mu.Unlock()
	in := w.input(m, w.askNetwork(ctx, w.facts()))
	r := doctor.Make(in, c)
	w.take(r, in.Facts)
	return m
}

// take makes r the last judgement.
func (w *deviceWatch) take(r doctor.Report, facts doctor.Facts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.report.Findings
	w.tracker.Note(r.Findings, time.Now())
	w.report, w.told = r, facts
	for _, f := range r.Findings {
		if !slices.ContainsFunc(before, func(b doctor.Finding) bool { return b.Code == f.Code }) {
			w.log.Warn("finding", "code", f.Code, "text", f.Text.EN, "hint", f.Hint.EN, "detail", f.Detail)
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return b.Code == f.Code }) {
			w.log.Info("finding over", "code", b.Code)
		}
	}
}

// askNetwork finds out why the parent does not answer, once it has been silent for a while: a link that is just being dialled is no finding.
func (w *deviceWatch) askNetwork(ctx context.Context, f doctor.Facts) doctor.Facts {
	if f.Parent != doctor.No {
		w.silent = time.Time{}
		return f
	}
	if w.silent.IsZero() {
		w.silent = time.Now()
	}
	if time.Since(w.silent) < reachAfter {
		f.Parent = doctor.Unknown
		return f
	}
	urls, cfg := w.parent()
	asked := reach(ctx, urls, cfg)
	f.Portal, f.Names, f.ParentFault = asked.Portal, asked.Names, asked.ParentFault
	return f
}

// reach asks the network about the parent.
func reach(ctx context.Context, urls []string, cfg *tls.Config) doctor.Facts {
	var f doctor.Facts
	if len(urls) == 0 {
		return f
	}
	if f.Parent, f.ParentFault = doctor.Answers(ctx, urls, cfg); f.Parent == doctor.Yes {
		return f
	}
	f.Portal = doctor.Portal(ctx, doctor.Nowhere)
	f.Names = doctor.No
	for _, u := range urls { // one that can be resolved is enough
		if at, err := url.Parse(u); err == nil && at.Hostname() != "" && doctor.Resolves(ctx, at.Hostname()) == doctor.Yes {
			f.Names = doctor.Yes
		}
	}
	return f
}

// Report is the last judgement; its Checks are nil before the first.
func (w *deviceWatch) Report() daemonReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	return daemonReport{w.report, w.told}
}

// kioskUnit is there where the package of the wall screen is installed.
const kioskUnit = "/usr/lib/systemd/system/tongke-kiosk.service"

// deviceFacts are what the daemon's parts know.
func (d *daemon) deviceFacts() doctor.Facts {
	f := doctor.Facts{Built: builtAt(), Running: doctor.Yes, Ports: wantedPorts(d.cfg)}
	d.cameras.facts(&f)
	if _, ok, err := d.store.Parent(); err != nil || !ok {
		if _, err := os.Stat(kioskUnit); errors.Is(err, fs.ErrNotExist) {
			f.Top = doctor.Yes
		}
		return f
	}
	f.Parent = doctor.No
	for _, p := range d.node.Stats().Peers {
		if !p.Parent || !p.Up {
			continue
		}
		f.Parent, f.SpareOnly = doctor.Yes, doctor.Yes
		if p.Rung == "udp" {
			f.SpareOnly = doctor.No
		}
		if should, ok := d.rightTime(); ok {
			f.ClockKnown, f.ClockOffset = true, should.Sub(time.Now().Round(0)).Round(time.Millisecond)
		}
	}
	return f
}

// deviceLinks are the counters of the links, and whether this box has no parent.
func (d *daemon) deviceLinks() ([]cascade.PeerStats, bool) {
	_, joined, err := d.store.Parent()
	return d.node.Stats().Peers, err == nil && !joined
}

// lessonsThatFit on the disk of the recordings, -1 when it cannot be told.
func (d *daemon) lessonsThatFit() int {
	s, err := d.library.Space()
	if err != nil {
		return -1
	}
	return s.Lessons
}

// parentAddress is where the parent should answer, and who.
func (d *daemon) parentAddress() ([]string, *tls.Config) {
	p, ok, err := d.store.Parent()
	if err != nil || !ok {
		return nil, nil
	}
	return append(slices.Clone(p.URLs), d.cfg.Uplink.Alternatives...), d.box.ClientTLS(p.Pin)
}
