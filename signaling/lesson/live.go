package lesson

import (
	"slices"
	"strings"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

const (
	lostAfter    = 2 * time.Second  // without word from its box a room is lost
	handKept     = 30 * time.Second // a lost room's hand and floor
	reloadFor    = 5 * time.Second  // the same of a room whose page said goodbye: a page that is loaded anew does
	doneAfter    = 3 * time.Second  // the floor is not given back by the press that was meant for the hand
	extension    = 5 * time.Minute
	maxExtended  = 2
	silentFor    = 30 * time.Second // after the bell's question: nobody said 下课, which is five more minutes
	awayFor      = time.Minute      // a teacher who is gone so long when the time is up does not come back
	leftAlone    = 2 * time.Hour    // a lesson that has no end, without a teacher
	restateUntil = 10 * time.Second // after the owner began anew, rooms may tell it what it had not written
	maxNotes     = 50
	maxCodes     = 100
	delayStep    = 50 // ms
)

// Live is a lesson as it happens, at the box that owns it: a state machine over time that it is given. It has no goroutine, no clock and no
// lock; the hub that owns it calls it from one goroutine.
type Live struct {
	kept  kept
	rooms map[string]*attending // by room, the master's too
	keep  bool                  // this box has a recorder
	whip  protocol.Sources      // what a publisher without a page sends

	campuses protocol.Campuses
	began    time.Time // of this life
	ledAt    time.Time // when the lead came or went in this life: unlike its Since not moved when the box's clock is set
	old      version   // as it was written by the life before, else zero
	floorRev uint64    // of the newest word about the floor that was restated
	levels   bool      // a level changed since Levels
}

// version orders states of one lesson.
type version struct{ epoch, rev uint64 }

func (v version) less(w version) bool {
	return v.epoch < w.epoch || v.epoch == w.epoch && v.rev < w.rev
}

// kept is what a live lesson writes down, and takes up after its box was killed.
type kept struct {
	State    protocol.State  `json:"state"`
	NextNote int             `json:"nextNote"`
	Feedback map[string]bool `json:"feedback,omitempty"` // by room
}

// attending is what is known of a room besides its state.
type attending struct {
	last     protocol.Presence
	heard    time.Time
	left     time.Time // when its page said goodbye
	loud     time.Time // with the floor: when it was last at speech level
	meter    meter
	ready    bool
	restated bool
}

// newLive is a lesson that nobody came to yet, or one that this box kept from an earlier life.
func newLive(l Lesson, old *kept, master protocol.RoomRef, now time.Time) *Live {
	v := &Live{rooms: map[string]*attending{}, campuses: l.Campuses, began: now}
	v.kept.State = protocol.State{
		ID: l.ID, Epoch: l.Epoch, Mode: l.Mode, State: protocol.Planned, Record: l.Record, Scope: l.Scope, Layout: protocol.LayoutLecture, Music: l.Profile == protocol.ProfileMusic,
		End: protocol.At(l.End), Master: master, Floor: []protocol.Holder{}, Rooms: []protocol.RoomState{}, Notes: []protocol.Note{},
	}
	if old != nil {
		v.kept = *old
		s := &v.kept.State
		v.old = version{s.Epoch, s.Rev}
		s.Epoch = max(s.Epoch+1, l.Epoch)
		for _, r := range s.Rooms { // they have 2 s to say that they are still there
			if r.State != protocol.RoomAbsent && r.State != protocol.RoomRemoved {
				v.rooms[r.Room] = &attending{heard: now, loud: now, ready: r.State == protocol.RoomPrepared, last: protocol.Presence{Room: r.Room, Name: r.Name, Box: r.Box}}
			}
		}
		if s.Lead != nil {
			v.at(s.Lead.Room).heard = now
			if s.Lead.Box == l.Owner { // its session went with this box: whoever teaches comes in by a new one
				v.leadOnline(false, now)
			}
		}
	}
	v.describe(l)
	return v
}

// describe takes over what the lesson's record says.
func (l *Live) describe(rec Lesson) {
	s := &l.kept.State
	l.campuses = rec.Campuses
	was := *s
	s.Title, s.Subject, s.Teacher, s.OwnerBox = rec.Title, rec.Subject, rec.Teacher, rec.Owner
	s.Start = protocol.At(rec.Start)
	if end := protocol.At(rec.End); end != 0 {
		s.End = end + protocol.Millis(s.Extended)*protocol.Millis(extension.Milliseconds())
	} else {
		s.End = 0
	}
	if was.Title != s.Title || was.Subject != s.Subject || was.Teacher != s.Teacher || was.Start != s.Start || was.End != s.End || was.OwnerBox != s.OwnerBox {
		l.touch()
	}
}

// Kept says whether something is really being kept.
func (l *Live) Kept(kept bool) {
	if s := &l.kept.State; s.Kept != kept && s.State != protocol.Ended {
		s.Kept = kept
		l.touch()
	}
}

// touch counts a change.
func (l *Live) touch() { l.kept.State.Rev++ }

func (l *Live) move(h happening) bool {
	s := &l.kept.State
	next := transition(s.State, h)
	if next == s.State {
		return false
	}
	s.State = next
	l.touch()
	return true
}

func (l *Live) at(room string) *attending {
	r := l.rooms[room]
	if r == nil {
		r = &attending{last: protocol.Presence{Room: room}}
		l.rooms[room] = r
	}
	return r
}

// room finds a member's tile.
func (l *Live) room(name string) *protocol.RoomState {
	for i := range l.kept.State.Rooms {
		if l.kept.State.Rooms[i].Room == name {
			return &l.kept.State.Rooms[i]
		}
	}
	return nil
}

func campusOf(room string) string {
	campus, _, _ := strings.Cut(room, "/")
	return campus
}

// attends reports whether a room belongs to the lesson's members.
func (l *Live) attends(room string) bool {
	campus, classroom, _ := strings.Cut(room, "/")
	return l.campuses.Attend(campus, classroom) || slices.Contains(l.campuses, room)
}

// member gives a room its tile, at the end, for good. A campus that is named whole and has not come gives its tile to its first room. It
// is nil for the master's room and when the lesson is full.
func (l *Live) member(ref protocol.RoomRef, now time.Time) *protocol.RoomState {
	s := &l.kept.State
	if r := l.room(ref.Room); r != nil {
		return r
	}
	if ref.Room == s.Master.Room || ref.Room == "" {
		return nil
	}
	campus := campusOf(ref.Room)
	if r := l.room(campus); r != nil && r.State == protocol.RoomAbsent && r.Box == "" {
		r.Room, r.Name = ref.Room, def(ref.Name, ref.Room)
		l.touch()
		return r
	}
	campuses, same := map[string]bool{campus: true}, 0
	for _, r := range s.Rooms {
		campuses[r.Campus] = true
		if r.Campus == campus {
			same++
		}
	}
	if len(s.Rooms) >= protocol.MaxRooms || len(campuses) > protocol.MaxCampuses || same >= protocol.MaxRoomsOfCampus {
		return nil
	}
	at := protocol.At(now)
	s.Rooms = append(s.Rooms, protocol.RoomState{Room: ref.Room, Campus: campus, Name: def(ref.Name, ref.Room), State: protocol.RoomAbsent, Since: at,
		Word: protocol.WordAbsent, WordSince: at})
	l.touch()
	return &s.Rooms[len(s.Rooms)-1]
}

// expect gives tiles to rooms that should come, and says when they were last seen.
func (l *Live) expect(rooms []expected, now time.Time) {
	for _, e := range rooms {
		r := l.member(protocol.RoomRef{Room: e.room, Name: e.name}, now)
		if r == nil || r.State != protocol.RoomAbsent {
			continue
		}
		seen, name := r.LastSeen, r.Name
		switch {
		case e.online: // only its page is missing
			seen = 0
		case r.Box == "" || seen == 0:
			seen = protocol.At(e.seen)
		}
		if r.Box == "" {
			name = def(e.name, name)
		}
		if r.LastSeen != seen || r.Name != name {
			r.LastSeen, r.Name = seen, name
			l.touch()
		}
	}
}

// expected is a room that should come.
type expected struct {
	room, name string
	seen       time.Time
	online     bool // its box is linked now
}

// Phase is where the lesson stands.
func (l *Live) Phase() protocol.Phase { return l.kept.State.State }

// leads reports whether an actor's page leads, or acts for the page that does.
func (l *Live) leads(a Actor) bool {
	lead := l.kept.State.Lead
	return a.Role == auth.Teacher && (a.Remote || lead != nil && lead.Session == a.Session)
}

// Apply does what somebody asks for, or says why not: a *protocol.Error.
func (l *Live) Apply(a Actor, m protocol.Request, now time.Time) error {
	if err := Check(a, m, l.Phase()); err != nil {
		return err
	}
	r := rules[protocol.Kind(m)]
	if r.who[a.Role] == leads && !l.leads(a) {
		return protocol.Errorf(protocol.NotYours, "another page leads the lesson")
	}
	if r.do == nil {
		return nil
	}
	return r.do(l, a, m, now)
}

// State is a copy of the whole.
func (l *Live) State() protocol.State {
	s := clone(l.kept.State)
	s.Rooms = slices.DeleteFunc(s.Rooms, func(r protocol.RoomState) bool { return r.Room == s.Master.Room }) // a teacher who moved into a member's room
	var hands []*protocol.RoomState
	for i := range s.Rooms {
		s.Rooms[i].HandOrder = 0
		if s.Rooms[i].Hand != 0 {
			hands = append(hands, &s.Rooms[i])
		}
	}
	slices.SortStableFunc(hands, func(a, b *protocol.RoomState) int { return int(a.Hand - b.Hand) })
	for i, r := range hands {
		r.HandOrder = i + 1
	}
	return s
}

// clone copies what a state holds by reference.
func clone(s protocol.State) protocol.State {
	s.Floor, s.Rooms, s.Notes = slices.Clone(s.Floor), slices.Clone(s.Rooms), slices.Clone(s.Notes)
	if s.Lead != nil {
		lead := *s.Lead
		s.Lead = &lead
	}
	return s
}

func (k kept) clone() kept {
	k.State = clone(k.State)
	feedback := make(map[string]bool, len(k.Feedback))
	for room, ok := range k.Feedback {
		feedback[room] = ok
	}
	k.Feedback = feedback
	return k
}
