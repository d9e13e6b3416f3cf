package session

import (
	"slices"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

// size is how large a picture is drawn: which layer is worth its bits.
type size uint8

const (
	small  size = iota // a tile: less than 480 wide at 1080p
	medium             // 480 to 900
	large
)

func (s size) String() string { return [...]string{"small", "medium", "large"}[s] }

// want is one source that a page is to be given.
type want struct {
	key  track.Key // without an origin: the box that teaches
	room string
	name string
	own  bool
	size size
}

// viewer is a page as the layout sees it.
type viewer struct {
	page   string
	room   string
	plays  bool     // it is this room's sound
	lead   bool     // it teaches
	remote bool     // it controls, and at most looks on
	layout string   // of this room's screen; "" follows the lesson's
	films  []string // what cameras of the box make of this room: its pages have no picture of their own
}

// layout says what a page is given, the most important first, voices before pictures. It is where privacy is decided: a campus is heard by
// nobody unless it has the floor, nobody hears himself, and from three members on nobody but the master classroom sees another campus
// that has not been called, unless the teacher shows all to all.
func layout(st *protocol.State, v viewer) []want {
	if st == nil || st.State != protocol.Live && st.State != protocol.Over {
		return nil
	}
	l := layouter{st: st, v: v, members: members(st)}
	master := v.room == st.Master.Room
	own, attends := roomOf(st, v.room)
	switch {
	case v.page == protocol.PageTeach && v.lead && !v.remote:
		l.voices(false)
		l.tiles()
		l.mine(track.Teacher, st.Master.Room, st.Master.Name, "")
	case v.page == protocol.PageTeach: // only looks on, in silence: what the rooms see of the teacher, and no pupils
		l.taught(large)
	case v.page == protocol.PageClass && master:
		l.far()
	case v.page == protocol.PageClass && attends && own.State != protocol.RoomRemoved && v.plays:
		l.voices(true)
		l.member()
		l.mine(track.Pupils, own.Room, own.Name, own.Box)
	}
	return l.wants
}

// members are the rooms beside the master's that have not been sent away.
func members(st *protocol.State) []protocol.RoomState {
	var all []protocol.RoomState
	for _, r := range st.Rooms {
		if r.Room != st.Master.Room && r.State != protocol.RoomRemoved {
			all = append(all, r)
		}
	}
	return all
}

func roomOf(st *protocol.State, room string) (protocol.RoomState, bool) {
	i := slices.IndexFunc(st.Rooms, func(r protocol.RoomState) bool { return r.Room == room })
	if i < 0 {
		return protocol.RoomState{}, false
	}
	return st.Rooms[i], true
}

func hasFloor(st *protocol.State, room string) bool {
	return slices.ContainsFunc(st.Floor, func(h protocol.Holder) bool { return h.Room == room })
}

type layouter struct {
	st      *protocol.State
	v       viewer
	members []protocol.RoomState
	wants   []want
}

// ours adds a source of the master classroom.
func (l *layouter) ours(source string, s size) {
	l.wants = append(l.wants, want{key: track.Key{Lesson: l.st.ID, Source: source}, room: l.st.Master.Room, name: l.st.Master.Name,
		own: l.v.room == l.st.Master.Room, size: s})
}

// of adds a source of a member, whose box must be known.
func (l *layouter) of(r protocol.RoomState, source string, s size) {
	if r.Box == "" || r.Room == l.v.room || r.State != protocol.RoomLive && r.State != protocol.RoomLost {
		return
	}
	l.wants = append(l.wants, want{key: track.Key{Lesson: l.st.ID, Origin: r.Box, Source: source}, room: r.Room, name: r.Name, size: s})
}

// mine adds the room's own picture, where its page does not make it.
func (l *layouter) mine(source, room, name, box string) {
	if slices.Contains(l.v.films, source) {
		l.wants = append(l.wants, want{key: track.Key{Lesson: l.st.ID, Origin: box, Source: source}, room: room, name: name, own: true, size: small})
	}
}

// called are the members with the floor, the first one first.
func (l *layouter) called() []protocol.RoomState {
	var all []protocol.RoomState
	for _, second := range []bool{false, true} {
		for _, h := range l.st.Floor {
			if r, ok := roomOf(l.st, h.Room); ok && h.Second == second && r.Room != l.st.Master.Room {
				all = append(all, r)
			}
		}
	}
	return all
}

func (l *layouter) others() []protocol.RoomState {
	var all []protocol.RoomState
	for _, r := range l.members {
		if r.Room != l.v.room && !hasFloor(l.st, r.Room) {
			all = append(all, r)
		}
	}
	return all
}

// voices are the teacher's, for those who are not in his room, and the floor's.
func (l *layouter) voices(teacher bool) {
	if teacher && !l.st.Sources.Muted {
		l.ours(track.Voice, large)
	}
	for _, r := range l.called() {
		if !r.Muted {
			l.of(r, track.Voice, large)
		}
	}
}

// taught is what is on the board, and the teacher; he takes the board's place where there is none.
func (l *layouter) taught(teacher size) {
	l.ours(track.Board, large)
	if !l.st.Sources.Board {
		teacher = large
	}
	l.ours(track.Teacher, teacher)
}

// member is the screen of a class that attends.
func (l *layouter) member() {
	called := l.called()
	chosen := l.v.layout
	if chosen == "" {
		chosen = l.st.Layout
	}
	switch {
	case len(called) > 0:
		l.floor(called)
	case chosen == protocol.LayoutAll:
		l.all()
	case chosen == protocol.LayoutBoard && l.st.Sources.Board:
		l.ours(track.Board, large)
	default:
		l.taught(medium)
		if len(l.members) == 2 {
			for _, r := range l.others() {
				l.of(r, track.Pupils, medium)
			}
		}
	}
}

// floor: whoever was called is large, beside the board; the teacher is large for those who speak with him.
func (l *layouter) floor(called []protocol.RoomState) {
	l.ours(track.Board, large)
	s := large
	for _, r := range called {
		if r.Room == l.v.room {
			l.ours(track.Teacher, large)
			continue
		}
		l.of(r, track.Pupils, s)
		s = medium
	}
	if !hasFloor(l.st, l.v.room) {
		l.ours(track.Teacher, medium)
	}
}

// all is 看各校.
func (l *layouter) all() {
	n := len(l.members)
	switch {
	case n <= 1:
		l.ours(track.Teacher, large)
		return
	case n == 2:
		l.taught(medium)
	default:
		l.ours(track.Teacher, medium)
	}
	for _, r := range l.members {
		l.of(r, track.Pupils, grid(n))
	}
}

// grid is the size of a picture among n.
func grid(n int) size {
	switch {
	case n <= 2:
		return large
	case n <= 6:
		return medium
	}
	return small
}

// far is the screen in the master classroom: its pupils see the far classes; board and teacher are in the room.
func (l *layouter) far() {
	called := l.called()
	for i, r := range called {
		l.of(r, track.Pupils, []size{large, medium}[min(i, 1)])
	}
	for i, r := range l.others() {
		switch {
		case len(called) == 0:
			l.of(r, track.Pupils, grid(len(l.members)))
		case i < 3:
			l.of(r, track.Pupils, small)
		}
	}
}

// tiles is the teacher's page.
func (l *layouter) tiles() {
	for _, r := range l.called() {
		l.of(r, track.Pupils, large)
	}
	s := small
	if len(l.members) <= 2 {
		s = medium
	}
	for _, r := range l.others() {
		l.of(r, track.Pupils, s)
	}
}
