package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tongke/device/doctor"
	"tongke/device/probe"
	"tongke/media/durable"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/signaling/timetable"
)

// selfTestFile keeps what the room's tests found, in the data directory: a box that is switched off at the wall twice a day is not to chirp
// at each start.
const selfTestFile = "self-test.json"

const (
	testEvery   = 20 * time.Second
	factsFor    = 24 * time.Hour // what was heard and seen yesterday says little of today
	deafAbove   = -30            // dB of full scale: in such a noise a tone that is not heard proves nothing
	morning     = 6              // o'clock; before and from night on nothing is ever tried: a box may stand where people sleep
	night       = 21
	workBegins  = 7 // o'clock; without a lesson in sight the room is tried in working hours only
	workEnds    = 18
	startRest   = 3 * time.Minute  // after the start of the box
	before      = 30 * time.Minute // a lesson
	nearBy      = 5 * time.Minute  // to a lesson: now the screen is on, if it ever is
	tooClose    = 2 * time.Minute  // to a lesson
	changeRest  = time.Minute      // that devices stay as they are
	changePause = 10 * time.Minute // between two tests because of a change
	mostADay    = 6                // a screen whose plug is loose changes all the time
)

// testKept is what is known of the room by trying it.
type testKept struct {
	At      time.Time           `json:"at"`      // of the last test, automatic or asked for
	Devices string              `json:"devices"` // that were there
	Result  protocol.SelfTested `json:"result"`
	Facts   testFacts           `json:"facts"`
	// ByEar: a person heard the tone that the microphone did not. Conference microphones take their own loudspeaker out.
	ByEar bool `json:"byEar,omitempty"`
	// Again: what was not well had its second chance.
	Again bool `json:"again,omitempty"`
	// Times that the room was tried by itself on Day.
	Times int       `json:"times,omitempty"`
	Day   time.Time `json:"day,omitzero"`
}

// testFacts are those of doctor.Facts that a test finds.
type testFacts struct {
	Picture         doctor.Answer `json:"picture"`
	MicrophoneHeard doctor.Answer `json:"microphoneHeard"`
	SpeakerHeard    doctor.Answer `json:"speakerHeard"`
	ScreenSeen      doctor.Answer `json:"screenSeen"`
}

func (f testFacts) into(d *doctor.Facts) {
	d.Picture, d.MicrophoneHeard, d.SpeakerHeard, d.ScreenSeen = f.Picture, f.MicrophoneHeard, f.SpeakerHeard, f.ScreenSeen
}

func (f testFacts) good() bool {
	return f.Picture != doctor.No && f.MicrophoneHeard != doctor.No && f.SpeakerHeard != doctor.No && f.ScreenSeen != doctor.No
}

// judgeTest says what a test found. What it cannot tell stays unknown; whether the screen is seen, only a person knows.
func judgeTest(f testFacts, r protocol.SelfTested, byEar bool) testFacts {
	if c := r.Chirp; c != nil {
		f.MicrophoneHeard, f.SpeakerHeard = doctor.Unknown, doctor.Unknown
		switch {
		case c.Heard:
			f.MicrophoneHeard, f.SpeakerHeard = doctor.Yes, doctor.Yes
		case c.Microphone == protocol.DeviceSilent:
			f.MicrophoneHeard = doctor.No
		case c.Microphone == protocol.DeviceOK && c.Plays && c.Noise < deafAbove && !byEar:
			f.SpeakerHeard = doctor.No
		}
	}
	if c := r.Clap; c != nil && c.Heard {
		f.MicrophoneHeard = doctor.Yes
	}
	switch r.Picture {
	case "":
	case protocol.DeviceOK:
		f.Picture = doctor.Yes
	case protocol.DeviceBlack, protocol.DeviceFrozen:
		f.Picture = doctor.No
	default:
		f.Picture = doctor.Unknown
	}
	return f
}

// testMoment is what decides whether the room is tried now.
type testMoment struct {
	now, booted time.Time // in the zone of the school
	next        time.Time // the room's next lesson; zero: none is planned for today
	devices     string
	changed     time.Time // when devices became so
	kept        testKept
}

// due says why the room is tried now, "" when it is not. Once a day: half an hour before the first lesson, or, on a day without one, some
// minutes after the start; what was not well then, once more when the lesson is near and the screen surely on; and whenever devices changed.
func (m testMoment) due() string {
	if h := m.now.Hour(); h < morning || h >= night {
		return ""
	}
	left := m.next.Sub(m.now)
	if !m.next.IsZero() && left < tooClose {
		return ""
	}
	today := sameDay(m.kept.At, m.now)
	switch {
	case sameDay(m.kept.Day, m.now) && m.kept.Times >= mostADay:
	case today && m.devices != m.kept.Devices:
		if m.now.Sub(m.changed) >= changeRest && m.now.Sub(m.kept.At) >= changePause {
			return "other devices"
		}
	case today:
		if !m.next.IsZero() && left <= nearBy && !m.kept.Facts.good() && !m.kept.Again {
			return "once more"
		}
	case !m.next.IsZero():
		if left <= before {
			return "before the first lesson"
		}
	case m.now.Sub(m.booted) >= startRest && m.now.Hour() >= workBegins && m.now.Hour() < workEnds:
		return "no lesson today"
	}
	return ""
}

func sameDay(a, b time.Time) bool {
	y1, m1, d1 := a.In(b.Location()).Date()
	y2, m2, d2 := b.Date()
	return y1 == y2 && m1 == m2 && d1 == d2
}

// testedDevices are those that a test says something of; with others, or another volume of zero, it says nothing any more.
func testedDevices(m probe.Machine) string {
	var out []string
	for _, c := range m.Cameras {
		out = append(out, "camera "+c.Name+" "+c.Port)
	}
	for _, c := range m.Sound.Cards {
		zero := 0
		for _, k := range c.Controls {
			if k.Zero() {
				zero++
			}
		}
		out = append(out, fmt.Sprintf("sound %s, %d at zero", c.Name, zero))
	}
	for _, d := range m.Displays {
		if d.Connected {
			out = append(out, "screen "+d.Name+" "+d.Screen)
		}
	}
	return strings.Join(out, "\n")
}

// selfTests tries the room by itself and remembers what came of every test.
type selfTests struct {
	d      *daemon
	booted time.Time

	// Held from where the facts are read to where they are told, and by whoever tells others: in between nobody's word is lost. Taken
	// before mu and the watch's own.
	facts sync.Mutex

	mu      sync.Mutex
	kept    testKept
	devices string
	changed time.Time
}

// newSelfTests takes over what the last start of the box knew.
func (d *daemon) newSelfTests() *selfTests {
	t := &selfTests{d: d, booted: time.Now()}
	doc, err := os.ReadFile(filepath.Join(d.dir, selfTestFile))
	if err == nil {
		err = json.Unmarshal(doc, &t.kept)
	}
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			d.log.Warn("results of the self-test not read", "err", err)
		}
		t.kept = testKept{} // half of a file is nothing
	}
	t.tell()
	return t
}

// Kept is what is known.
func (t *selfTests) Kept() testKept {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept
}

// Run tries the room when it is due, until ctx ends.
func (t *selfTests) Run(ctx context.Context) error {
	tick := time.NewTicker(testEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.look(ctx, time.Now().In(timetable.Zone))
		case <-ctx.Done():
			return nil
		}
	}
}

// look is one look at the clock, the devices and what persons have said meanwhile.
func (t *selfTests) look(ctx context.Context, now time.Time) {
	devices, looked := t.d.device.Devices()
	if !looked || now.Before(builtAt()) { // no clock yet: it may be night
		return
	}
	t.mu.Lock()
	if devices != t.devices {
		t.devices, t.changed = devices, now
	}
	m := testMoment{now: now, booted: t.booted, devices: devices, changed: t.changed}
	t.mu.Unlock()
	t.learn(now, devices)
	if !t.d.cfg.Device.SelfTest || !t.d.sessions.HasScreen() {
		return
	}
	m.kept, m.next = t.Kept(), t.next(now)
	why := m.due()
	if why == "" {
		return
	}
	_, err := t.d.selfTest(ctx, []string{protocol.DoChirp, protocol.DoPicture})
	switch {
	case err == nil, errors.Is(err, session.ErrNoAnswer), errors.Is(err, session.ErrFailed):
		f := t.Kept().Facts
		t.d.log.Info("the room was tried", "why", why, "picture", f.Picture, "microphone", f.MicrophoneHeard, "speaker", f.SpeakerHeard)
		t.change(func(k *testKept) {
			if !sameDay(k.Day, now) {
				k.Times = 0
			}
			k.At, k.Devices, k.Again, k.Day, k.Times = now, devices, why == "once more", now, k.Times+1
		})
	default:
		t.d.log.Debug("the room could not be tried now", "why", why, "err", err) // later
	}
}

// learn takes over what persons said in a full check, and forgets what is old or was said of other devices.
func (t *selfTests) learn(now time.Time, devices string) {
	t.facts.Lock()
	defer t.facts.Unlock()
	known := t.d.device.Tested()
	k := t.Kept()
	if known != k.Facts {
		ear := k.ByEar || known.SpeakerHeard == doctor.Yes && k.Result.Chirp != nil && !k.Result.Chirp.Heard
		t.change(func(k *testKept) { k.At, k.Devices, k.Facts, k.ByEar, k.Again = now, devices, known, ear, false })
		return
	}
	if age := now.Sub(k.At); k.Facts != (testFacts{}) && (devices != k.Devices || age > factsFor || age < -time.Minute) {
		t.change(func(k *testKept) {
			k.Facts = testFacts{}
			k.ByEar = k.ByEar && devices == k.Devices
		})
		t.tell()
	}
}

// next is the room's next lesson of today; zero if there is none.
func (t *selfTests) next(now time.Time) (at time.Time) {
	p := t.d.place()
	for _, l := range t.d.registry.List() {
		if l.State == protocol.Planned && l.Start.After(now) && sameDay(l.Start, now) && (at.IsZero() || l.Start.Before(at)) && t.d.registry.Visible(l, p.Campus, p.Classroom) {
			at = l.Start
		}
	}
	return at
}

// change changes what is kept, and writes it.
func (t *selfTests) change(f func(*testKept)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.kept)
	doc, err := json.Marshal(t.kept)
	if err == nil {
		err = durable.Replace(filepath.Join(t.d.dir, selfTestFile), doc, 0o600)
	}
	if err != nil {
		t.d.log.Warn("results of the self-test not kept", "err", err)
	}
}

// tell hands the facts to whoever judges.
func (t *selfTests) tell() { t.d.device.Learn(t.Kept().Facts.into) }

// said takes what a person or the full check says, between two tests and not within one.
func (t *selfTests) said(what func(*doctor.Facts)) {
	t.facts.Lock()
	defer t.facts.Unlock()
	t.d.device.Learn(what)
}

// note judges what a test found beside what was known, and tells it.
func (t *selfTests) note(r protocol.SelfTested) {
	t.facts.Lock()
	defer t.facts.Unlock()
	devices, _ := t.d.device.Devices()
	known := t.d.device.Tested()
	t.change(func(k *testKept) {
		if r.Chirp != nil {
			k.Result.Chirp = r.Chirp
			k.ByEar = k.ByEar && devices == k.Devices && !r.Chirp.Heard
		}
		if r.Clap != nil {
			k.Result.Clap = r.Clap
		}
		if r.Picture != "" {
			k.Result.Picture = r.Picture
		}
		k.At, k.Devices, k.Facts = time.Now(), devices, judgeTest(known, r, k.ByEar)
	})
	t.tell()
}

// selfTest has the room tried by the page on its wall screen, and notes what came of it. The errors are session's: ErrNoScreen, ErrInLesson,
// ErrTesting, ErrNoAnswer, ErrFailed, ErrStopped.
func (d *daemon) selfTest(ctx context.Context, do []string) (protocol.SelfTested, error) {
	r, err := d.sessions.SelfTest(ctx, do)
	if r.Chirp != nil || r.Clap != nil || r.Picture != "" {
		d.tests.note(r)
	}
	return r, err
}
