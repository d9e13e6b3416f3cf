package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tongke/device/doctor"
	"tongke/device/probe"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/timetable"
)

// TestSelfTestDue: a day of a box, by the clock of its school.
func TestSelfTestDue(t *testing.T) {
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 9, day, hour, minute, 0, 0, timetable.Zone)
	}
	tested := func(when time.Time, f testFacts) testKept { return testKept{At: when, Devices: "a", Facts: f} }
	good, deaf := testFacts{SpeakerHeard: doctor.Yes}, testFacts{SpeakerHeard: doctor.No}
	again := tested(at(1, 7, 50), deaf)
	again.Again = true
	often := tested(at(1, 9, 0), good)
	often.Times, often.Day = mostADay, at(1, 9, 0)
	for _, tt := range []struct {
		name string
		m    testMoment
		want string
	}{
		{"half an hour before the first lesson", testMoment{now: at(1, 7, 50), booted: at(1, 7, 49), next: at(1, 8, 20)}, "before the first lesson"},
		{"longer before it", testMoment{now: at(1, 7, 40), booted: at(1, 7, 0), next: at(1, 8, 20)}, ""},
		{"in its last minutes", testMoment{now: at(1, 8, 19), booted: at(1, 8, 17), next: at(1, 8, 20)}, ""},
		{"tried today already", testMoment{now: at(1, 13, 50), next: at(1, 14, 0), kept: tested(at(1, 7, 50), good)}, ""},
		{"tried yesterday", testMoment{now: at(2, 7, 50), next: at(2, 8, 20), kept: tested(at(1, 7, 50), good)}, "before the first lesson"},
		{"a day without lessons", testMoment{now: at(1, 9, 0), booted: at(1, 8, 56)}, "no lesson today"},
		{"the same, just started", testMoment{now: at(1, 9, 0), booted: at(1, 8, 59)}, ""},
		{"the same, started anew at noon", testMoment{now: at(1, 12, 0), booted: at(1, 11, 0), kept: tested(at(1, 9, 0), good)}, ""},
		{"an evening without lessons", testMoment{now: at(1, 19, 0), booted: at(1, 18, 0)}, ""},
		{"an evening lesson", testMoment{now: at(1, 19, 0), booted: at(1, 18, 0), next: at(1, 19, 30)}, "before the first lesson"},
		{"late at night", testMoment{now: at(1, 21, 0), booted: at(1, 18, 0), next: at(1, 21, 20)}, ""},
		{"before dawn", testMoment{now: at(1, 5, 59), booted: at(1, 5, 0), next: at(1, 6, 20)}, ""},
		{"the screen was off, and the lesson is near", testMoment{now: at(1, 8, 15), next: at(1, 8, 20), kept: tested(at(1, 7, 50), deaf), devices: "a"}, "once more"},
		{"it was well", testMoment{now: at(1, 8, 15), next: at(1, 8, 20), kept: tested(at(1, 7, 50), good), devices: "a"}, ""},
		{"it had its second chance", testMoment{now: at(1, 8, 16), next: at(1, 8, 20), kept: again, devices: "a"}, ""},
		{"another camera", testMoment{now: at(1, 10, 0), kept: tested(at(1, 9, 0), good), devices: "b", changed: at(1, 9, 58)}, "other devices"},
		{"a camera that comes and goes", testMoment{now: at(1, 10, 0), kept: tested(at(1, 9, 0), good), devices: "b", changed: at(1, 10, 0)}, ""},
		{"a camera that was changed a moment ago", testMoment{now: at(1, 9, 8), kept: tested(at(1, 9, 0), good), devices: "b", changed: at(1, 9, 2)}, ""},
		{"a plug that is loose", testMoment{now: at(1, 12, 0), kept: often, devices: "b", changed: at(1, 11, 0)}, ""},
		{"another camera at night", testMoment{now: at(1, 22, 0), kept: tested(at(1, 9, 0), good), devices: "b", changed: at(1, 21, 30)}, ""},
	} {
		if tt.m.devices == "" {
			tt.m.devices = tt.m.kept.Devices
		}
		if got := tt.m.due(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestJudgeTest: what a test cannot tell stays unknown.
func TestJudgeTest(t *testing.T) {
	chirp := func(microphone string, plays, heard bool, noise int) protocol.SelfTested {
		return protocol.SelfTested{Chirp: &protocol.Chirp{Microphone: microphone, Plays: plays, Heard: heard, Level: -40, Noise: noise}}
	}
	const yes, no = doctor.Yes, doctor.No
	for _, tt := range []struct {
		name string
		r    protocol.SelfTested
		ear  bool
		want testFacts
	}{
		{"heard", chirp("ok", true, true, -60), false, testFacts{MicrophoneHeard: yes, SpeakerHeard: yes}},
		{"heard in noise", chirp("ok", true, true, -20), false, testFacts{MicrophoneHeard: yes, SpeakerHeard: yes}},
		{"not heard", chirp("ok", true, false, -60), false, testFacts{SpeakerHeard: no}},
		{"not heard in noise", chirp("ok", true, false, -20), false, testFacts{}},
		{"not heard, but by a person", chirp("ok", true, false, -60), true, testFacts{}},
		{"the browser plays nothing", chirp("ok", false, false, -60), false, testFacts{}},
		{"a microphone that is off", chirp("silent", true, false, -200), false, testFacts{MicrophoneHeard: no}},
		{"no microphone", chirp("none", false, false, -200), false, testFacts{}},
		{"a clap", protocol.SelfTested{Clap: &protocol.Clap{Microphone: "ok", Heard: true}}, false, testFacts{MicrophoneHeard: yes}},
		{"a picture", protocol.SelfTested{Picture: "ok"}, false, testFacts{Picture: yes}},
		{"a cap", protocol.SelfTested{Picture: "black"}, false, testFacts{Picture: no}},
		{"a picture that hangs", protocol.SelfTested{Picture: "frozen"}, false, testFacts{Picture: no}},
		{"covered by the room", protocol.SelfTested{Picture: "covered"}, false, testFacts{}},
	} {
		if got := judgeTest(testFacts{}, tt.r, tt.ear); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	before := testFacts{ScreenSeen: yes, Picture: no}
	if got := judgeTest(before, chirp("ok", true, true, -60), false); got.ScreenSeen != yes || got.Picture != no {
		t.Errorf("what was not tried has changed: %+v", got)
	}
}

func TestTestedDevices(t *testing.T) {
	m := probe.Machine{
		Cameras:  []probe.Camera{{Name: "C920", Port: "1-2"}},
		Sound:    probe.Sound{Cards: []probe.Card{{Name: "PCH", Controls: []probe.Control{{Name: "Master", Max: 87}}}}},
		Displays: []probe.Display{{Name: "HDMI-A-1", Connected: true, Screen: "TV"}, {Name: "DP-1"}},
	}
	was := testedDevices(m)
	m.Sound.Cards[0].Controls[0].Volume = 40
	louder := testedDevices(m)
	m.Displays[0].Connected = false
	if off := testedDevices(m); was == louder || louder == off {
		t.Errorf("%q, %q and %q should differ", was, louder, off)
	}
	m.Displays[1].Screen = "none there"
	if again := testedDevices(m); again != testedDevices(m) {
		t.Error("a socket without a screen counts")
	}
}

// screenPage is a wall screen that answers self-tests.
func screenPage(t *testing.T, local string, answer func(protocol.SelfTest) protocol.SelfTested) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, _, err := d.Dial("ws://"+local+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	id := 0
	send := func(r protocol.Request) {
		id++
		frame, err := protocol.EncodeRequest(id, r)
		if err != nil {
			t.Error(err)
		}
		_ = ws.WriteMessage(websocket.TextMessage, frame)
	}
	send(protocol.Hello{Page: protocol.PageClass})
	done := make(chan struct{})
	go func() { // ends with the connection
		defer close(done)
		for {
			_, frame, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if m, _ := protocol.DecodeDown(frame); m != nil {
				if e, ok := m.(protocol.SelfTest); ok && len(e.Do) > 0 {
					send(answer(e))
				}
			}
		}
	}()
	t.Cleanup(func() { ws.Close(); <-done })
}

// TestSelfTestIntoFindings: the room is tried before its first lesson, what is not well is a finding, and it is remembered when the box is
// switched off and on.
func TestSelfTestIntoFindings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cfg := DefaultConfig()
	cfg.Listen, cfg.Local = []string{"127.0.0.1:0"}, "127.0.0.1:0"
	begin := func() *daemon {
		t.Helper()
		d, err := openDaemon(cfg, dir, &console{in: os.Stdin, out: io.Discard, err: io.Discard}, slog.New(slog.DiscardHandler))
		if err == nil {
			err = d.start()
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	wait := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not in 20 s: %s", what)
			}
		}
	}
	codes := func(d *daemon) (out []string) {
		for _, f := range doctor.Judge(d.device.input(probe.Machine{}, doctor.Facts{})) {
			if slices.Contains([]string{"screen", "speaker", "camera", "microphone"}, f.Part) {
				out = append(out, f.Code)
			}
		}
		return out
	}
	d := begin()
	wait("the machine is looked at", func() bool { _, ok := d.device.Devices(); return ok })
	today := time.Now().In(timetable.Zone)
	morning := time.Date(today.Year(), today.Month(), today.Day()+1, 9, 0, 0, 0, timetable.Zone)
	if _, err := d.registry.Create(lesson.Spec{ID: "l", Title: "l", Start: morning.Add(20 * time.Minute), End: morning.Add(time.Hour)}, "admin"); err != nil {
		t.Fatal(err)
	}
	d.tests.look(t.Context(), morning)
	if d.tests.Kept().At != (time.Time{}) {
		t.Error("a test without a screen")
	}
	asked := 0
	screenPage(t, d.at.Local, func(e protocol.SelfTest) protocol.SelfTested {
		asked++
		return protocol.SelfTested{Test: e.Test, Picture: "black", Chirp: &protocol.Chirp{Microphone: "ok", Plays: true, Level: -60, Noise: -60}}
	})
	wait("the screen is there", d.sessions.HasScreen)
	for range 2 {
		d.tests.look(t.Context(), morning)
	}
	if asked != 1 {
		t.Errorf("tried %d times", asked)
	}
	want := []string{"camera-black", "screen-silent"}
	if got := codes(d); !slices.Equal(got, want) && !slices.Equal(got, []string{want[1], want[0]}) {
		t.Errorf("findings %v, want %v", got, want)
	}
	// In a full check a person says that the tone was heard: then the microphone's word counts no more.
	d.device.Learn(func(f *doctor.Facts) { f.SpeakerHeard = doctor.Yes })
	d.tests.look(t.Context(), morning)
	if !d.tests.Kept().ByEar {
		t.Error("what a person heard is not remembered")
	}
	d.tests.look(t.Context(), morning.Add(16*time.Minute)) // the camera's second chance
	if got := codes(d); asked != 2 || !slices.Equal(got, []string{"camera-black"}) {
		t.Errorf("after %d tests: findings %v", asked, got)
	}
	if !d.close() {
		t.Error("a part did not end in time")
	}

	d = begin()
	defer d.close()
	if got := codes(d); !slices.Equal(got, []string{"camera-black"}) {
		t.Errorf("after the start: findings %v", got)
	}
	wait("the machine is looked at", func() bool { _, ok := d.device.Devices(); return ok })
	d.tests.look(t.Context(), morning.Add(41*time.Hour))
	if got := codes(d); len(got) > 0 {
		t.Errorf("of two days ago: findings %v", got)
	}
}

// TestSelfTestBesidePersons: what a person says while a test is being judged is lost neither here nor there.
func TestSelfTestBesidePersons(t *testing.T) {
	d := &daemon{dir: t.TempDir(), log: slog.New(slog.DiscardHandler), device: &deviceWatch{}}
	d.tests = d.newSelfTests()
	now := time.Now()
	answers := [...]doctor.Answer{doctor.Yes, doctor.No}
	pictures := map[doctor.Answer]string{doctor.Yes: protocol.DeviceOK, doctor.No: protocol.DeviceBlack}
	for i := range 100 {
		heard, want := answers[i%2], answers[i/2%2]
		var all sync.WaitGroup
		begin := make(chan struct{})
		for _, act := range []func(){
			func() { d.tests.note(protocol.SelfTested{Picture: pictures[want]}) },
			func() { d.tests.said(func(f *doctor.Facts) { f.SpeakerHeard = heard }) },
			func() { d.tests.learn(now, "") },
		} {
			all.Go(func() {
				<-begin
				act()
			})
		}
		close(begin)
		all.Wait()
		if got := d.device.Tested(); got.SpeakerHeard != heard || got.Picture != want {
			t.Fatalf("round %d: speaker %v and picture %v, want %v and %v", i, got.SpeakerHeard, got.Picture, heard, want)
		}
		d.tests.learn(now, "")
		if got, kept := d.device.Tested(), d.tests.Kept().Facts; got != kept {
			t.Fatalf("round %d: judged by %+v, kept %+v", i, got, kept)
		}
	}
}
