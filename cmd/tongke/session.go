package main

import (
	"cmp"
	"errors"
	"net/url"
	"sync"
	"time"

	"tongke/media/cascade"
	"tongke/media/relay"
	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/signaling/store"
)

// newSessions makes the live lessons and the pages' sessions.
func (d *daemon) newSessions() (err error) {
	if d.hub, err = lesson.NewHub(lesson.HubConfig{
		Registry: d.registry, Log: d.log.With("part", "hub"), RoomName: d.roomName, Teaching: d.relay.SetTeaching, MayTeach: d.mayTeach,
		Keep: true, Kept: d.keeps, ClockOffset: d.clockOffset,
	}); err != nil {
		return dataFault(d.dir, err)
	}
	d.sessions = session.New(session.Config{
		Auth: d.auth, Hub: d.hub, Records: d.registry, Engine: d.engine, Relay: d.relay,
		Box: d.box.ID(), BoxName: d.name, BoxURL: d.reachable, Place: d.place,
		ClockOffset: d.clockOffset,
		Fresh:       d.fresh, Uplink: d.uplink, Assist: d.assist,
		Installed: func() int { return d.installed.news(time.Now()) },
		Help:      d.help,
		Films:     func(lesson, room string) []session.Film { return d.cameras.films(lesson, room) },
		Changed:   func() { d.cameras.look() },
		Recording: d.recording,
		Capture: func() session.Capture {
			c := d.device.profile.Capture
			return session.Capture{Width: c.Width, Height: c.Height, FPS: c.FPS, Layers: c.Layers}
		},
		Log: d.log.With("part", "session"),
	})
	return nil
}

// call is a classroom that calls for the technician.
type call struct {
	At     time.Time `json:"at"`
	Lesson string    `json:"lesson,omitempty"`
	Room   string    `json:"room"`
	Code   string    `json:"code,omitempty"` // of the sentence that its screen shows
}

// calls are the last ones, the newest first.
type calls struct {
	mu   sync.Mutex
	last []call
}

const maxCalls = 50

func (c *calls) add(n call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = append([]call{n}, c.last[:min(len(c.last), maxCalls-1)]...)
}

func (c *calls) list() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]call{}, c.last...)
}

// called puts a classroom's call on the technician's list, which tongke status and GET /api/v1/status show.
func (d *daemon) called(lesson, room, code string) {
	d.log.Warn("a classroom calls for the technician", "lesson", lesson, "classroom", room, "code", code)
	d.calls.add(call{time.Now().UTC(), lesson, room, code})
}

// place is where this box stands.
func (d *daemon) place() session.Place {
	m, err := d.store.Meta()
	if err != nil {
		d.log.Error("place of this box not read", "err", err)
	}
	return session.Place{Campus: m.CampusID, CampusName: d.schoolName(m), Classroom: m.Classroom}
}

// schoolName is what people call this box's school: as it was named, as it was invited, or, where nobody has said anything, as what it is.
func (d *daemon) schoolName(m store.Meta) string {
	switch {
	case m.CampusName != "":
		return m.CampusName
	case m.CampusID != "core":
		return m.CampusID
	}
	return cmp.Or(m.BoxName, d.cfg.Box.Name, "核心校")
}

// roomName is how people call a room of a lesson, whether it is here yet or not.
func (d *daemon) roomName(room string) string { return d.place().NameOf(room) }

// mayTeach lets a lesson be taught at a child's box where this box's own list of people says that its teacher works there: the child vouches
// for who sits at its page, and can do so for its own campus's teachers only.
func (d *daemon) mayTeach(id, box string) bool {
	l, ok := d.registry.Open(id)
	c, err := d.store.Child(box)
	return ok && err == nil && (d.auth.WorksAt(l.Teacher, c.CampusID) || d.auth.WorksAt(l.CreatedBy, c.CampusID))
}

// fresh reports whether the box belongs to nobody.
func (d *daemon) fresh() bool {
	_, joined, err := d.store.Parent()
	if err != nil || joined {
		return false
	}
	fresh, err := d.auth.Fresh()
	return err == nil && fresh
}

// reachable is where other computers and phones find this box: not where it only listens on loopback.
func (d *daemon) reachable() string {
	for _, u := range d.urls() {
		if at, err := url.Parse(u); err == nil && !auth.LocalHost(at.Host) {
			return u
		}
	}
	return ""
}

// assist is how a phone comes into a room's lesson.
func (d *daemon) assist(lesson, campus, classroom string, codes int) *protocol.Assist {
	at := d.reachable()
	if at == "" {
		return nil
	}
	if err := d.auth.AssistRound(lesson, campus, classroom, codes); err != nil {
		d.log.Warn("withdrawn code not kept", "lesson", lesson, "err", err)
	}
	code := d.auth.AssistCode(lesson, campus, classroom)
	return &protocol.Assist{URL: at + "/assist#" + code, Code: code}
}

// uplinkState remembers since when the link to the parent is as it is.
type uplinkState struct {
	use sync.Mutex // held from reading the parent to dialling it

	mu     sync.Mutex
	parent string // box id; "" is none
	up     bool
	since  time.Time
	told   protocol.Millis // since, as pages were told it
}

// set notes which parent there is.
func (u *uplinkState) set(parent string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.parent != parent {
		u.parent, u.up, u.since = parent, false, time.Now()
	}
}

// event says how the link is, which up knows: what links have said of themselves before may be of another one.
func (u *uplinkState) event(up func(parent string) bool, told func(time.Time) protocol.Millis) *protocol.Uplink {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.parent == "" {
		return nil
	}
	if now := up(u.parent); now != u.up {
		u.up, u.since = now, time.Now()
	}
	if since := told(u.since); since-u.told > 1000 || u.told-since > 1000 { // else it is the same moment
		u.told = since
	}
	return &protocol.Uplink{Up: u.up, Since: u.told}
}

// uplink is what pages are told of the link to the parent.
func (d *daemon) uplink() *protocol.Uplink {
	e := d.parent.event(d.node.Up, d.told)
	if e != nil && !e.Up {
		e.NextTry = d.told(d.node.NextTry()) / 1000 * 1000 // so that pages are not told of each jitter
	}
	return e
}

// mayTake says whether a peer may have a source: of children a lesson's rules are asked.
func (d *daemon) mayTake(p cascade.Peer, k track.Key) bool {
	c, err := d.store.Child(p.ID)
	if errors.Is(err, store.ErrNotFound) {
		return true // the parent
	}
	st, ok := d.hub.State(k.Lesson)
	return err == nil && ok && session.MayTake(st, session.Child{Box: c.ID, Campus: c.CampusID, Classroom: c.Classroom}, k)
}

// voice is whose voice a WHEP subscriber in a room hears.
func (d *daemon) voice(lesson, room string) track.Key {
	st, ok := d.hub.State(lesson)
	if !ok {
		return track.Key{Lesson: lesson, Source: track.Voice}
	}
	return session.VoiceFor(st, room)
}

// rulesChanged lets uplinks, WHEP subscribers and the sound of cameras follow the floor of a lesson.
func (d *daemon) rulesChanged(lesson string) {
	d.cameras.look()
	d.node.Refresh()
	d.ingest.VoiceChanged(lesson)
}

// rules has those who forward look again at what may be forwarded when a lesson's state says otherwise than before. It watches the lessons of
// which the relay has something, and belongs to the relay's goroutine.
type rules struct {
	hub     *lesson.Hub
	changed func(lesson string)
	lessons map[string]*ruled
}

type ruled struct {
	sources map[track.Key]bool
	cancel  func()
}

func (r *rules) source(e relay.SourceEvent) {
	id := e.Info.Key.Lesson
	l := r.lessons[id]
	if e.Gone {
		if l != nil {
			delete(l.sources, e.Info.Key)
			if len(l.sources) == 0 {
				l.cancel()
				delete(r.lessons, id)
			}
		}
		return
	}
	if l == nil {
		var last protocol.State
		l = &ruled{sources: map[track.Key]bool{}, cancel: r.hub.Watch(id, func(e protocol.Event) {
			if st, ok := e.(protocol.State); ok && (!session.SameFor(last, st) || st.Sources.Muted != last.Sources.Muted) {
				last = st
				r.changed(id)
			}
		})}
		r.lessons[id] = l
	}
	l.sources[e.Info.Key] = true
}

// taught tells the hub what this box publishes as the teacher of a lesson, by a page or without one. The relay calls it from its goroutine.
type taught struct {
	hub     *lesson.Hub
	box     string
	sources map[string][]string // by lesson
}

func (t *taught) source(e relay.SourceEvent) {
	k := e.Info.Key
	if k.Origin != t.box || k.Source != track.Teacher && k.Source != track.Board && k.Source != track.Voice {
		return
	}
	var now []string
	for _, s := range t.sources[k.Lesson] {
		if s != k.Source {
			now = append(now, s)
		}
	}
	if !e.Gone {
		now = append(now, k.Source)
	}
	if len(now) == 0 {
		delete(t.sources, k.Lesson)
	} else {
		t.sources[k.Lesson] = now
	}
	t.hub.Published(k.Lesson, now)
}
