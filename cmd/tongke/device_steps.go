package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tongke/device/doctor"
	"tongke/device/probe"
	"tongke/device/profile"
	"tongke/signaling/api"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
)

// checkRun is one full check under way. It belongs to the check's goroutine.
type checkRun struct {
	c      *fullCheck
	ctx    context.Context // of the run; a run is one call
	m      probe.Machine
	choice profile.Choice
	facts  doctor.Facts
	noPage bool // on the screen
}

// trouble is what a line says that no finding of the doctor's says.
type trouble struct {
	code       string
	text, hint api.Words
}

var (
	screenOff = &trouble{
		"screen-off", api.Words{ZH: "大屏没开", EN: "The wall screen is not open"},
		api.Words{ZH: "打开大屏，等同课出来，再查一次", EN: "Turn it on, wait for tongke to appear, check again"},
	}
	notAnswered = &trouble{
		"not-answered", api.Words{ZH: "没有人回答", EN: "Nobody answered"}, api.Words{ZH: "再查一次，看着大屏回答", EN: "Check again and answer before the screen"},
	}
	notTested = &trouble{
		"not-tested", api.Words{ZH: "大屏没测成", EN: "The screen could not test it"}, api.Words{ZH: "再查一次；还不行就关电再开", EN: "Check again; else switch off and on"},
	}
	coveredPicture = &trouble{
		"camera-covered", api.Words{ZH: "教室把摄像头遮住了", EN: "The room has covered its camera"}, api.Words{ZH: "在大屏上点开摄像头，再查一次", EN: "Uncover it on the wall screen, check again"},
	}
	noPicture = &trouble{
		"no-picture", api.Words{ZH: "摄像头没有画面", EN: "The camera gives no picture"}, api.Words{ZH: "拔下再插紧摄像头的 USB 线", EN: "Pull its USB cable and push it in again"},
	}
)

func (t *checkRun) learn(f func(*doctor.Facts)) {
	f(&t.facts)
	t.c.learn(f)
}

func (t *checkRun) judge() doctor.Report { return doctor.Make(t.c.input(t.m, t.facts), t.choice) }

// again reads the machine anew.
func (t *checkRun) again() {
	if m, choice, err := t.c.machine(); err == nil {
		t.m, t.choice = m, choice
	}
}

// step looks at one part and fills its line.
func (t *checkRun) step(i int, part string) {
	began := t.c.now()
	t.c.change(i, func(k *api.DeviceCheckItem) { k.State = "running" })
	var found *trouble
	switch part {
	case "parent":
		t.network()
	case "screen":
		found = t.screen(i)
	case "speaker":
		found = t.speaker(i)
	case "camera":
		found = t.camera()
	case "microphone":
		found = t.microphone(i)
	default:
		t.again()
	}
	r := t.judge()
	t.c.change(i, func(k *api.DeviceCheckItem) {
		k.State, k.TookMs = "ok", int(t.c.now().Sub(began).Milliseconds())
		for _, check := range r.Checks {
			if check.Part == part {
				k.Told = check.Told
			}
		}
		if kbps := t.facts.UplinkKbps; part == "parent" && kbps > 0 {
			k.Told = fmt.Sprintf("%.1f Mb/s", float64(kbps)/1000)
		}
		for _, f := range r.Findings { // worst first
			if f.Part == part {
				text, hint := api.Words(f.Text), api.Words(f.Hint)
				k.State, k.Code, k.Text, k.Hint = "bad", f.Code, &text, &hint
				return
			}
		}
		if found != nil {
			k.State, k.Code, k.Text, k.Hint = "bad", found.code, &found.text, &found.hint
		}
	})
}

// network asks for the parent at once, without the patience of the minute's look.
func (t *checkRun) network() {
	kept := t.facts
	t.facts = t.c.facts(t.ctx, true)
	t.facts.Picture, t.facts.MicrophoneHeard, t.facts.SpeakerHeard, t.facts.ScreenSeen = kept.Picture, kept.MicrophoneHeard, kept.SpeakerHeard, kept.ScreenSeen
	kbps := t.facts.UplinkKbps
	t.learn(func(f *doctor.Facts) { f.UplinkKbps = kbps })
}

// test asks the page on the screen; nothing more once it is known that there is none.
func (t *checkRun) test(ctx context.Context, do string) (protocol.SelfTested, *trouble) {
	if t.noPage {
		return protocol.SelfTested{}, screenOff
	}
	got, err := t.c.test(ctx, []string{do})
	switch {
	case errors.Is(err, session.ErrNoScreen):
		t.noPage = true
		return got, screenOff
	case err != nil:
		return got, notTested
	}
	return got, nil
}

// screen shows a picture and asks whether it is seen: a screen on another input tells nobody.
func (t *checkRun) screen(i int) *trouble {
	t.again()
	if _, found := t.test(t.ctx, protocol.DoShow); found != nil {
		return found
	}
	defer t.c.endTest()
	yes, answered := t.c.ask(t.ctx, i, askScreen, nil)
	if !answered {
		return notAnswered
	}
	t.learn(func(f *doctor.Facts) { f.ScreenSeen = answer(yes) })
	return nil
}

// speaker plays the chirp. What the microphone hears needs nobody's ear.
func (t *checkRun) speaker(i int) *trouble {
	got, found := t.test(t.ctx, protocol.DoChirp)
	if found != nil {
		return found
	}
	if got.Chirp != nil && got.Chirp.Heard {
		t.learn(func(f *doctor.Facts) { f.SpeakerHeard, f.MicrophoneHeard = doctor.Yes, doctor.Yes })
		return nil
	}
	yes, answered := t.c.ask(t.ctx, i, askSpeaker, nil)
	if !answered {
		return notAnswered
	}
	t.learn(func(f *doctor.Facts) { f.SpeakerHeard = answer(yes) })
	return nil
}

func (t *checkRun) camera() *trouble {
	t.again()
	got, found := t.test(t.ctx, protocol.DoPicture)
	t.netCameras(got.Picture != protocol.DeviceCovered)
	if found != nil {
		return found
	}
	switch got.Picture {
	case protocol.DeviceOK:
		t.learn(func(f *doctor.Facts) { f.Picture = doctor.Yes })
	case protocol.DeviceBlack, protocol.DeviceFrozen:
		t.learn(func(f *doctor.Facts) { f.Picture = doctor.No })
	case protocol.DeviceCovered:
		return coveredPicture
	default:
		if t.facts.NetCameras > 0 { // the room has those of the network, and the page none
			return nil
		}
		return noPicture
	}
	return nil
}

// netCameras connects the cameras of the network. Their findings come from what they then say of themselves.
func (t *checkRun) netCameras(pictures bool) {
	if t.facts.NetCameras == 0 {
		return
	}
	t.c.cameras(t.ctx, pictures)
	now := t.c.facts(t.ctx, false)
	t.facts.NetCamera, t.facts.NetCameraName = now.NetCamera, now.NetCameraName
}

// microphone was heard with the chirp, or a person claps before it: the page listens while the person is asked.
func (t *checkRun) microphone(i int) *trouble {
	t.again()
	if t.facts.MicrophoneHeard == doctor.Yes {
		return nil
	}
	if t.noPage {
		return screenOff
	}
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	heard, silent := make(chan bool, 1), make(chan *trouble, 1)
	var listening sync.WaitGroup
	listening.Go(func() { // ends with the page's answer or with ctx
		got, found := t.test(ctx, protocol.DoClap)
		silent <- found
		heard <- got.Clap != nil && got.Clap.Heard
	})
	yes, answered := t.c.ask(t.ctx, i, askClap, heard)
	cancel()
	listening.Wait()
	if found := <-silent; found == screenOff {
		return found
	}
	if !answered {
		return notAnswered
	}
	t.learn(func(f *doctor.Facts) { f.MicrophoneHeard = answer(yes) })
	return nil
}

func answer(yes bool) doctor.Answer {
	if yes {
		return doctor.Yes
	}
	return doctor.No
}

// newFullCheck puts the check together with the daemon's parts.
func (d *daemon) newFullCheck() *fullCheck {
	c := newFullCheck()
	c.machine = func() (probe.Machine, profile.Choice, error) { return machine(d.dir, d.cfg) }
	c.facts = d.checkFacts
	c.input, c.learn, c.take = d.device.input, d.tests.said, d.device.take
	c.lesson = d.liveUntil
	c.test, c.endTest, c.cameras = d.selfTest, d.sessions.EndSelfTest, d.cameras.tryAll
	c.since = d.device.installedSince
	return c
}

// checkFacts are the facts of the daemon's parts, and with now what the network says of a parent that has no link.
func (d *daemon) checkFacts(ctx context.Context, now bool) doctor.Facts {
	f := d.deviceFacts()
	if f.Parent != doctor.No {
		if dial, ok := d.dialParent(); ok && now {
			var err error
			if f.UplinkKbps, err = measureUplink(ctx, dial); err != nil {
				d.log.Info("line to the parent not measured", "err", err)
			}
		}
		return f
	}
	if !now {
		f.Parent = doctor.Unknown
		return f
	}
	urls, cfg := d.parentAddress()
	asked := reach(ctx, urls, cfg)
	f.Parent, f.Portal, f.Names, f.ParentFault = asked.Parent, asked.Portal, asked.Names, asked.ParentFault
	return f
}

// installedSince is when the installation began of which a check is the end: the first start of the box, if that was today.
func (w *deviceWatch) installedSince(check time.Time) time.Time {
	if w.past == nil {
		return check
	}
	if first := w.past.First(); !first.IsZero() && first.Before(check) && check.Sub(first) < 12*time.Hour {
		return first
	}
	return check
}
