package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tongke/device/doctor"
	"tongke/device/health"
	"tongke/device/probe"
	"tongke/device/profile"
	"tongke/media/cascade"
	"tongke/signaling/api"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
)

// classroomMachine is a box in a room with everything plugged in.
func classroomMachine() probe.Machine {
	return probe.Machine{
		At: time.Now(), Uptime: time.Hour, System: "Debian",
		Displays: []probe.Display{{Name: "HDMI-A-1", Connected: true}},
		Cameras:  []probe.Camera{{Name: "cam", USBMbps: 480}},
		Sound:    probe.Sound{Cards: []probe.Card{{Name: "usb", Captures: 1, Playbacks: 1}}},
		Disk:     probe.Disk{Total: 1e12, Free: 5e11, WearPercent: -1},
		Memory:   probe.Memory{Total: 8e9, Available: 4e9},
		Network:  probe.Network{Routed: true, Links: []probe.Link{{Name: "eth0", Carrier: true, SpeedMbps: 1000}}},
	}
}

// room is a check whose screen answers as told.
type room struct {
	*fullCheck
	live   atomic.Bool
	pages  map[string]protocol.SelfTested // by what is asked
	err    error                          // of every test
	facts  doctor.Facts
	ended  int
	asked  []string
	filmed []bool // of each connection to the network's cameras: whether pictures were taken
	silent bool   // a clap is not heard before the person says something
}

func newRoom() *room {
	r := &room{fullCheck: newFullCheck(), pages: map[string]protocol.SelfTested{
		protocol.DoShow: {Shown: true}, protocol.DoChirp: {Chirp: &protocol.Chirp{Heard: true, Plays: true}}, protocol.DoPicture: {Picture: protocol.DeviceOK},
		protocol.DoClap: {Clap: &protocol.Clap{Heard: true}},
	}}
	c := r.fullCheck
	c.machine = func() (probe.Machine, profile.Choice, error) {
		return classroomMachine(), profile.Choice{Profile: profile.Profile{Thresholds: profile.Thresholds{PowerCutsADay: 3, Temperature: 90}}}, nil
	}
	c.facts = func(context.Context, bool) doctor.Facts { return doctor.Facts{Running: doctor.Yes} }
	c.input = func(m probe.Machine, f doctor.Facts) doctor.Input {
		f.Picture, f.MicrophoneHeard, f.SpeakerHeard, f.ScreenSeen = r.facts.Picture, r.facts.MicrophoneHeard, r.facts.SpeakerHeard, r.facts.ScreenSeen
		return doctor.Input{Machine: m, Facts: f}
	}
	c.learn = func(f func(*doctor.Facts)) { f(&r.facts) }
	c.take = func(doctor.Report, doctor.Facts) {}
	c.lesson = func() (bool, time.Time) { return r.live.Load(), time.Time{} }
	c.test = func(ctx context.Context, do []string) (protocol.SelfTested, error) {
		r.asked = append(r.asked, do...)
		if r.silent && do[0] == protocol.DoClap {
			<-ctx.Done()
			return protocol.SelfTested{}, ctx.Err()
		}
		return r.pages[do[0]], r.err
	}
	c.endTest = func() { r.ended++ }
	c.cameras = func(_ context.Context, pictures bool) { r.filmed = append(r.filmed, pictures) }
	return r
}

// during runs f while the check's part runs.
func (r *room) during(t *testing.T, f func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	f()
	synctest.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// answers says what a person would to each question until the check is done.
func (r *room) answers(t *testing.T, say map[string]bool) api.DeviceCheck {
	t.Helper()
	for range 10_000 {
		synctest.Wait()
		s := r.State()
		if s.State == checkDone {
			return s
		}
		for _, i := range s.Items {
			if yes, ok := say[i.Ask]; ok && i.State == "asking" {
				if err := r.Answer(i.Ask, yes); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(time.Second)
	}
	t.Fatal("the check does not end")
	return api.DeviceCheck{}
}

// bad are the lines that are not good, as part:code.
func bad(s api.DeviceCheck) string {
	var out []string
	for _, i := range s.Items {
		if i.State != "ok" {
			out = append(out, i.Part+":"+i.Code)
		}
	}
	return strings.Join(out, " ")
}

func TestFullCheck(t *testing.T) {
	yes := map[string]bool{askScreen: true, askSpeaker: true, askClap: true}
	for _, tt := range []struct {
		name   string
		change func(*room)
		say    map[string]bool
		want   string // lines that are not good
		asked  string // of the screen's page
	}{
		{"all good", func(*room) {}, yes, "", "show chirp picture"},
		{"the screen shows another source", func(*room) {}, map[string]bool{askScreen: false}, "screen:screen-elsewhere", "show chirp picture"},
		{"nobody there", func(*room) {}, nil, "screen:not-answered", "show chirp picture"},
		{"no page", func(r *room) { r.err = session.ErrNoScreen }, yes, "screen:screen-off speaker:screen-off camera:screen-off microphone:screen-off", "show"},
		{"the page fails", func(r *room) { r.err = session.ErrFailed }, yes, "screen:not-tested speaker:not-tested camera:not-tested", "show chirp picture clap"},
		{"a chirp that only people hear, and a clap", func(r *room) { r.pages[protocol.DoChirp] = protocol.SelfTested{} }, map[string]bool{askScreen: true, askSpeaker: true},
			"", "show chirp picture clap"},
		{"a mute speaker", func(r *room) { r.pages[protocol.DoChirp] = protocol.SelfTested{} }, map[string]bool{askScreen: true, askSpeaker: false},
			"speaker:screen-silent", "show chirp picture clap"},
		{"a deaf microphone, said by the page", func(r *room) {
			r.pages[protocol.DoChirp], r.pages[protocol.DoClap] = protocol.SelfTested{}, protocol.SelfTested{}
		}, map[string]bool{askScreen: true, askSpeaker: true}, "microphone:microphone-silent", "show chirp picture clap"},
		{"a deaf microphone, said by the person", func(r *room) { r.pages[protocol.DoChirp], r.silent = protocol.SelfTested{}, true },
			map[string]bool{askScreen: true, askSpeaker: true, askClap: false}, "microphone:microphone-silent", "show chirp picture clap"},
		{"a black camera", func(r *room) { r.pages[protocol.DoPicture] = protocol.SelfTested{Picture: protocol.DeviceBlack} }, yes, "camera:camera-black", "show chirp picture"},
		{"a covered camera", func(r *room) { r.pages[protocol.DoPicture] = protocol.SelfTested{Picture: protocol.DeviceCovered} }, yes, "camera:camera-covered", "show chirp picture"},
		{"no camera", func(r *room) { r.pages[protocol.DoPicture] = protocol.SelfTested{Picture: protocol.DeviceNone} }, yes, "camera:no-picture", "show chirp picture"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom()
				tt.change(r)
				r.during(t, func() {
					if err := r.Start(false); err != nil {
						t.Fatal(err)
					}
					s := r.answers(t, tt.say)
					if got := bad(s); got != tt.want {
						t.Errorf("not good %q, want %q", got, tt.want)
					}
					if s.N != s.Of || s.Of != 13 || s.Minutes < 1 || s.Verdict == "" {
						t.Errorf("%d of %d, %d minutes, %q", s.N, s.Of, s.Minutes, s.Verdict)
					}
					if got := strings.Join(r.asked, " "); got != tt.asked {
						t.Errorf("asked the page %q, want %q", got, tt.asked)
					}
				})
			})
		})
	}
}

// TestCheckAndLesson: nothing is tried while a lesson is on.
func TestCheckAndLesson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		r.live.Store(true)
		var refused *api.DeviceError
		if err := r.Start(false); !errors.As(err, &refused) || refused.Code != "in-lesson" || r.State().State != checkIdle {
			t.Errorf("in a lesson: %v, %s", err, r.State().State)
		}
		r.during(t, func() {
			if err := r.Start(true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Minute)
			synctest.Wait()
			if s := r.State(); s.State != checkWaiting || len(r.asked) > 0 {
				t.Errorf("%s, asked %q", s.State, r.asked)
			}
			r.live.Store(false)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if s := r.State(); s.State != checkRunning || len(r.asked) != 1 {
				t.Fatalf("after the lesson: %s, asked %q", s.State, r.asked)
			}
			r.live.Store(true) // the next one begins while the person looks at the picture
			if err := r.Answer(askScreen, true); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if s := r.State(); s.State != checkWaiting || len(r.asked) != 1 || r.ended != 1 {
				t.Errorf("in the next lesson: %s, asked %q, ended %d", s.State, r.asked, r.ended)
			}
			if err := r.Answer(askScreen, true); err == nil {
				t.Error("an answer to no question")
			}
			r.live.Store(false)
			if s := r.answers(t, map[string]bool{askScreen: true}); bad(s) != "" {
				t.Errorf("%q", bad(s))
			}
		})
	})
}

func TestTyped(t *testing.T) {
	at := api.DeviceRoom{Campus: "sanhe", Classroom: "三(2)班", Name: "三河小学 三(2)班"}
	for text, want := range map[string]bool{
		"三(2)班": true, " 三（２）班": true, "三河小学三(2)班": true, "三河小学　三（2）班 ": true, "": false, "三(3)班": false, "三河小学": false, "tk-3f2a": false,
	} {
		if typed(text, at, "tk-3f2a") != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
	if !typed("TK-3F2A", api.DeviceRoom{Name: "核心校"}, "tk-3f2a") || typed("", api.DeviceRoom{}, "") {
		t.Error("a box without a room")
	}
}

func TestUplinkMeter(t *testing.T) {
	parent := cascade.PeerStats{Peer: cascade.Peer{ID: "p"}, Parent: true, Up: true, Rung: "udp", RTT: 0.031}
	child := cascade.PeerStats{Peer: cascade.Peer{ID: "c"}, Up: true}
	now := time.Now()
	var m uplinkMeter
	m.read([]cascade.PeerStats{parent, child}, false, now)
	parent.BytesOut, parent.BytesIn, parent.Checks, parent.Answers = 1000_000, 250_000, 100, 81
	child.BytesOut = 1e9
	f := m.read([]cascade.PeerStats{parent, child}, false, now.Add(10*time.Second))
	if f.kbps != 1000 || f.loss < 9.99 || f.loss > 10.01 || f.delay != 31 || f.up != 1 || f.rung != "udp" {
		t.Errorf("%+v", f)
	}
	parent.BytesOut, parent.Checks = 10, 3 // a new link counts from the beginning
	if f = m.read([]cascade.PeerStats{parent}, false, now.Add(20*time.Second)); known(f.kbps, 1) != nil || known(f.loss, 1) != nil || f.up != 1 {
		t.Errorf("after a new link: %+v", f)
	}
	if f = m.read(nil, false, now.Add(30*time.Second)); f.up != 0 || known(f.delay, 1) != nil {
		t.Errorf("without a link: %+v", f)
	}
	m = uplinkMeter{}
	child.BytesOut = 0
	m.read([]cascade.PeerStats{child}, true, now)
	child.BytesOut = 125_000
	if f = m.read([]cascade.PeerStats{child}, true, now.Add(time.Second)); f.kbps != 1000 || known(f.up, 1) != nil {
		t.Errorf("of a core: %+v", f)
	}
}

func TestPlots(t *testing.T) {
	kept := health.OpenMinutes(t.TempDir())
	now := time.Date(2026, 9, 1, 12, 0, 30, 0, time.UTC)
	kept.Note(minuteOf(now, uplinkFigures{kbps: 3800, loss: 0.2, delay: 31, up: 1}, probe.Machine{Thermal: probe.Thermal{Known: true, Celsius: 51.4}}, 41))
	for hours, step := range map[int]int{1: 60, 24: 60, 192: 480} {
		h := plots(kept, hours, now)
		n := len(h.Series.RateKbps)
		if h.StepSeconds != step || n != hours*3600/step || n > mostSteps {
			t.Errorf("%d h: %d steps of %d s", hours, n, h.StepSeconds)
		}
		if last := h.Series.RateKbps[n-1]; last == nil || *last != 3800 || *h.Series.Celsius[n-1] != 51.4 || *h.Series.DiskLessons[n-1] != 41 || h.Series.RateKbps[0] != nil {
			t.Errorf("%d h: %+v", hours, h.Series)
		}
		if end := h.Start.Add(time.Duration(n*step) * time.Second); end.Before(now) || end.Sub(now) > time.Duration(step)*time.Second {
			t.Errorf("%d h end at %s", hours, end)
		}
	}
}

// TestFullCheckOfNetworkCameras: they are connected, and what is wrong with them is a line; while the room has covered its camera none of
// them films.
func TestFullCheckOfNetworkCameras(t *testing.T) {
	for _, tt := range []struct {
		name    string
		cameras int
		picture string
		fault   string
		want    string
		filmed  []bool
	}{
		{"none", 0, protocol.DeviceOK, "", "", nil},
		{"well, and the page has none", 1, protocol.DeviceNone, "", "", []bool{true}},
		{"H.265", 1, protocol.DeviceNone, "camera-h265", "camera:net-camera-format", []bool{true}},
		{"covered", 1, protocol.DeviceCovered, "", "camera:camera-covered", []bool{false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom()
				r.pages[protocol.DoPicture] = protocol.SelfTested{Picture: tt.picture}
				r.fullCheck.facts = func(context.Context, bool) doctor.Facts {
					f := doctor.Facts{Running: doctor.Yes, NetCameras: tt.cameras}
					if len(r.filmed) > 0 { // known only when they were connected
						f.NetCamera = tt.fault
					}
					return f
				}
				r.during(t, func() {
					if err := r.Start(false); err != nil {
						t.Error(err)
					}
					got := bad(r.answers(t, map[string]bool{askScreen: true, askSpeaker: true, askClap: true}))
					if got != tt.want || !slices.Equal(r.filmed, tt.filmed) {
						t.Errorf("bad %q, want %q; filmed %v, want %v", got, tt.want, r.filmed, tt.filmed)
					}
				})
			})
		})
	}
}
