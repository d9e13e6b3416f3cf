package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"tongke/device/alsa"
	"tongke/device/network"
	"tongke/device/probe"
	"tongke/media/library"
	"tongke/signaling/api"
	"tongke/signaling/join"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// installTime is how long after its joining the screen beside a box may go on with setting it up.
const installTime = time.Hour

// deviceDesk is the machine under the daemon for those who ask over HTTP.
type deviceDesk struct {
	d       *daemon
	check   *fullCheck
	network *network.Changes
	run     network.Runner
	sound   func() probe.Sound
	card    func(number int) (alsa.Card, error)
	volume  sync.Mutex   // held while volumeFile is changed
	reset   func() error // erases everything and begins anew, a moment later
	off     func()       // switches the machine off, a moment later
}

var _ api.Device = (*deviceDesk)(nil)

func (d *daemon) newDeviceDesk() *deviceDesk {
	return &deviceDesk{d: d, check: d.newFullCheck(), network: d.newNetwork(), run: runProgram, sound: readSound, card: alsa.Open, reset: d.factoryReset, off: d.powerOff}
}

// State says how the box is.
func (k *deviceDesk) State(context.Context) (api.DeviceState, error) {
	d := k.d
	room, err := k.room()
	if err != nil {
		return api.DeviceState{}, err
	}
	p, joined, err := d.store.Parent()
	if err != nil {
		return api.DeviceState{}, err
	}
	installing, err := k.Installing()
	if err != nil {
		return api.DeviceState{}, err
	}
	s := api.DeviceState{
		Report: d.device.Report().Report, Room: room, Box: d.box.ID(), BoxName: d.name(), Address: d.reachable(), Version: programVersion(),
		InLesson: d.lessons.live(), Uplink: d.device.deviceUplink(), Role: "core", Fresh: d.fresh(), Installing: installing,
	}
	if joined {
		s.Role = "member"
		s.Parent = api.DeviceParent{Joined: true, Name: p.Name, Since: p.Joined}
		if len(p.URLs) > 0 {
			s.Parent.Address = p.URLs[0]
		}
	}
	var space library.Space
	if space, err = d.library.Space(); err == nil { // a disk that cannot be asked is among the findings
		s.Disk = api.DeviceDisk{FreeBytes: space.Free, Lessons: space.Lessons}
	}
	return s, nil
}

// Look judges the machine now.
func (k *deviceDesk) Look(ctx context.Context) { k.d.device.look(ctx) }

// deviceUplink is the link as the page shows it.
func (w *deviceWatch) deviceUplink() api.DeviceUplink {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.uplink
	return api.DeviceUplink{
		Up: u.up == 1, Rung: u.rung, Kbps: int(zeroIfNaN(u.kbps)), LossPercent: math.Round(zeroIfNaN(u.loss)*100) / 100, RTTMs: int(math.Round(zeroIfNaN(u.delay))),
	}
}

// room is where the box stands, with the name that people say and type.
func (k *deviceDesk) room() (api.DeviceRoom, error) {
	m, err := k.d.store.Meta()
	if err != nil {
		return api.DeviceRoom{}, err
	}
	return api.DeviceRoom{
		Campus: m.CampusID, Classroom: m.Classroom,
		Name: strings.TrimSpace(k.d.schoolName(m) + " " + m.Classroom),
	}, nil
}

// History is what the plots show.
func (k *deviceDesk) History(hours int) api.DeviceHistory {
	return plots(k.d.device.minutes, hours, time.Now())
}

// Installing reports whether the screen beside the box may set it up: nobody ever signed in, and there is no parent or only just.
func (k *deviceDesk) Installing() (bool, error) {
	fresh, err := k.d.auth.Fresh()
	if err != nil || !fresh {
		return false, err
	}
	p, joined, err := k.d.store.Parent()
	if err != nil {
		return false, err
	}
	return !joined || time.Since(p.Joined).Abs() < installTime, nil
}

// Join binds the box to a parent; one that is there already stays.
func (k *deviceDesk) Join(ctx context.Context, address, code, name string) (string, error) {
	d := k.d
	if name == "" {
		return d.join(ctx, address, code, false)
	}
	if !join.ValidName(name) {
		return "", join.ErrPlace
	}
	if err := join.MayJoin(d.store, false); err != nil {
		return "", err
	}
	before, err := d.store.Meta()
	if err != nil {
		return "", err
	}
	if err := d.store.UpdateMeta(func(m *store.Meta) { m.BoxName = name }); err != nil {
		return "", err
	}
	called, err := d.join(ctx, address, code, false)
	if err != nil { // by its old name it goes on
		err = errors.Join(err, d.store.UpdateMeta(func(m *store.Meta) { m.BoxName = before.BoxName }))
	}
	return called, err
}

// Check is how far the full check is.
func (k *deviceDesk) Check() api.DeviceCheck { return k.check.State() }

// StartCheck begins it.
func (k *deviceDesk) StartCheck(wait bool) error { return k.check.Start(wait) }

// Answer is what the person says.
func (k *deviceDesk) Answer(ask string, yes bool) error { return k.check.Answer(ask, yes) }

// inLesson is the refusal while a lesson is on; nil else.
func (d *daemon) inLesson() error {
	live, until := d.liveUntil()
	if !live {
		return nil
	}
	return api.ErrInLesson(until)
}

// liveUntil reports whether a lesson is on here, and when the last of them should end; zero when nobody planned that.
func (d *daemon) liveUntil() (live bool, until time.Time) {
	if !d.lessons.live() {
		return false, until
	}
	for _, l := range d.registry.List() {
		if l.State == protocol.Live && l.End.After(until) {
			until = l.End
		}
	}
	return true, until
}

// typed reports whether a person typed this box's room: the classroom, the room with its school, or the box where it stands in none.
// Input methods write full-width signs, and blanks are nobody's mistake.
func typed(text string, room api.DeviceRoom, boxName string) bool {
	plain := func(s string) string {
		s = strings.Map(func(r rune) rune {
			switch {
			case r >= '！' && r <= '～':
				r -= '！' - '!'
			case unicode.IsSpace(r):
				return -1
			}
			return r
		}, s)
		return strings.ToLower(s)
	}
	text = plain(text)
	for _, name := range []string{room.Classroom, room.Name, cmp.Or(room.Classroom, boxName)} {
		if name = plain(name); name != "" && name == text {
			return true
		}
	}
	return false
}

// errTyped: the room's name was not typed as it is.
func errTyped(room api.DeviceRoom) error {
	return &api.DeviceError{
		Status: http.StatusBadRequest, Code: "name-wrong", Field: "name",
		Text: api.Words{ZH: "名字不对，请照着写：" + room.Name, EN: "That is not the room's name; write: " + room.Name},
	}
}
