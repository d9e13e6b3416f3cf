// Package profile knows the kinds of hardware a box can be: how large a picture each may capture, how its browser is started, what its
// kernel is told and when its findings begin. Profiles are TOML files, given as an fs.FS; choosing one is a pure function of what the
// probe has read.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"tongke/device/probe"
)

// Generic is the profile of a machine that no other matches.
const Generic = "generic"

// Profile is one kind of hardware.
type Profile struct {
	Name       string           `toml:"-" json:"name"` // of the file
	Title      string           `toml:"title" json:"title"`
	Match      Match            `toml:"match" json:"-"`
	Capture    Capture          `toml:"capture" json:"capture"`
	Kiosk      Kiosk            `toml:"kiosk" json:"kiosk"`
	Sysctl     map[string]int64 `toml:"sysctl" json:"sysctl"`
	Thresholds Thresholds       `toml:"thresholds" json:"thresholds"`
}

// Match says which machines a profile is for. Lists are alternatives; words match whole words without regard to case.
type Match struct {
	CPU        []string `toml:"cpu"`
	Product    []string `toml:"product"`
	Compatible []string `toml:"compatible"`
}

// Capture bounds what the page of this box's classroom may take from its camera.
type Capture struct {
	Width  int `toml:"width" json:"width"`
	Height int `toml:"height" json:"height"`
	FPS    int `toml:"fps" json:"fps"`
	Layers int `toml:"layers" json:"layers"`
}

// Kiosk says how the browser on the wall screen is started.
type Kiosk struct {
	Flags []string `toml:"flags" json:"flags"`
	Zoom  float64  `toml:"zoom" json:"zoom"` // device scale factor
}

// Thresholds say where findings begin.
type Thresholds struct {
	Temperature   float64 `toml:"temperature" json:"temperature"`             // °C
	ThrottledPct  int     `toml:"throttled_percent" json:"throttledPercent"`  // share of the uptime
	MemoryMiB     int     `toml:"memory_mib" json:"memoryMiB"`                // available, at least
	DiskFreeGiB   float64 `toml:"disk_free_gib" json:"diskFreeGiB"`           // at least
	WearPercent   int     `toml:"wear_percent" json:"wearPercent"`            // flash used up
	WriteWaitMS   int     `toml:"write_wait_ms" json:"writeWaitMs"`           // mean of a write
	LinkKbps      int     `toml:"link_kbps" json:"linkKbps"`                  // up to the parent, at least
	LossesAnHour  float64 `toml:"carrier_losses_an_hour" json:"lossesAnHour"` // of a cable
	SignalDBM     int     `toml:"wifi_signal_dbm" json:"signalDbm"`           // at least
	PowerCutsADay int     `toml:"power_cuts_a_day" json:"powerCutsADay"`      // from here told
	ClockSeconds  float64 `toml:"clock_seconds" json:"clockSeconds"`          // away from the core's
}

// defaults hold for every profile that does not say otherwise.
func defaults() Profile {
	return Profile{
		Capture: Capture{Width: 1280, Height: 720, FPS: 25, Layers: 2},
		Kiosk:   Kiosk{Zoom: 1},
		Thresholds: Thresholds{
			Temperature: 90, ThrottledPct: 2, MemoryMiB: 300, DiskFreeGiB: 5, WearPercent: 90, WriteWaitMS: 200, LinkKbps: 600,
			LossesAnHour: 4, SignalDBM: -72, PowerCutsADay: 3, ClockSeconds: 5,
		},
	}
}

// WriteWait is the threshold as a duration.
func (t Thresholds) WriteWait() time.Duration { return time.Duration(t.WriteWaitMS) * time.Millisecond }

// Validate reports every impossible value with its key.
func (p Profile) Validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(p.Name+": "+format, args...))
		}
	}
	c, t := p.Capture, p.Thresholds
	wrong(p.Title == "", "title: missing")
	wrong(c.Width < 320 || c.Width > 3840 || c.Height < 180 || c.Height > 2160, "capture: %d×%d is no picture size", c.Width, c.Height)
	wrong(c.FPS < 5 || c.FPS > 60, "capture.fps: %d is not between 5 and 60", c.FPS)
	wrong(c.Layers < 1 || c.Layers > 3, "capture.layers: %d is not between 1 and 3", c.Layers)
	wrong(p.Kiosk.Zoom < 0.5 || p.Kiosk.Zoom > 4, "kiosk.zoom: %v is not between 0.5 and 4", p.Kiosk.Zoom)
	for _, f := range p.Kiosk.Flags {
		wrong(!strings.HasPrefix(f, "--") || strings.ContainsAny(f, " \t\n'\""), "kiosk.flags: %q is no flag", f)
	}
	for k := range p.Sysctl {
		wrong(!strings.HasPrefix(k, "net.") && !strings.HasPrefix(k, "vm."), "sysctl: %q is not ours to set", k)
	}
	wrong(t.Temperature < 50 || t.Temperature > 110, "thresholds.temperature: %v", t.Temperature)
	wrong(t.WearPercent < 10 || t.WearPercent > 110, "thresholds.wear_percent: %d", t.WearPercent)
	wrong(t.PowerCutsADay < 1, "thresholds.power_cuts_a_day: %d", t.PowerCutsADay)
	return errors.Join(errs...)
}

// Load reads every *.toml of a folder, strictly. There must be one called generic.
func Load(files fs.FS, folder string) ([]Profile, error) {
	names, err := fs.Glob(files, path.Join(folder, "*.toml"))
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	var out []Profile
	for _, name := range names {
		doc, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		p := defaults()
		p.Name = strings.TrimSuffix(path.Base(name), ".toml")
		if err := toml.NewDecoder(bytes.NewReader(doc)).DisallowUnknownFields().Decode(&p); err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("profile %w", err)
		}
		out = append(out, p)
	}
	if !slices.ContainsFunc(out, func(p Profile) bool { return p.Name == Generic }) {
		return nil, errors.New("there is no generic profile")
	}
	return out, nil
}

// Names lists profiles.
func Names(all []Profile) []string {
	var out []string
	for _, p := range all {
		out = append(out, p.Name)
	}
	return out
}

// Choice is a profile and why.
type Choice struct {
	Profile
	Reason   string `json:"reason"` // for a technician, in English
	ReasonZH string `json:"reasonZh"`
}

// ErrUnknown: no profile has the configured name.
var ErrUnknown = errors.New("no profile has this name")

// Choose picks the profile of a machine: the configured one, else the first that matches by device tree, product or processor in this
// order, else generic.
func Choose(all []Profile, m probe.Machine, configured string) (Choice, error) {
	if configured != "" {
		for _, p := range all {
			if p.Name == configured {
				return Choice{p, "device.profile in the configuration file", "配置文件里的 device.profile"}, nil
			}
		}
		return Choice{}, fmt.Errorf("%q: %w, there are %s", configured, ErrUnknown, strings.Join(Names(all), ", "))
	}
	for _, way := range []struct {
		what, zh string
		list     func(Match) []string
		text     []string
		exact    bool
	}{
		{"device tree", "设备树", func(m Match) []string { return m.Compatible }, m.Model.Compatible, true},
		{"product", "机型", func(m Match) []string { return m.Product }, []string{m.Model.Product, m.Model.Board}, false},
		{"processor", "处理器", func(m Match) []string { return m.CPU }, []string{m.CPU.Name}, false},
	} {
		for _, p := range all {
			for _, want := range way.list(p.Match) {
				for _, have := range way.text {
					if way.exact && have == want || !way.exact && hasWord(have, want) {
						return Choice{p, fmt.Sprintf("%s %q has %s", way.what, have, want), fmt.Sprintf("%s %s 含有 %s", way.zh, have, want)}, nil
					}
				}
			}
		}
	}
	for _, p := range all {
		if p.Name == Generic {
			return Choice{p, fmt.Sprintf("no other profile knows %s", describe(m)), fmt.Sprintf("没有专门的配置：%s", describe(m))}, nil
		}
	}
	return Choice{}, fmt.Errorf("%q: %w", Generic, ErrUnknown)
}

// describe names a machine by what it says of itself.
func describe(m probe.Machine) string {
	for _, s := range []string{m.CPU.Name, m.Model.Product, m.Model.Board} {
		if s != "" {
			return s
		}
	}
	return "a machine without a name"
}

// hasWord finds a word between signs that are neither letters nor digits.
func hasWord(text, word string) bool {
	text, word = strings.ToLower(text), strings.ToLower(word)
	for from := 0; word != ""; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !alphanumeric(text[i-1])) && (end == len(text) || !alphanumeric(text[end])) {
			return true
		}
		from = i + 1
	}
	return false
}

func alphanumeric(b byte) bool { return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' }
