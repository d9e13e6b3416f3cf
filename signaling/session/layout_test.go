package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

// stateOf is a lesson of n members r1, r2, …, taught in room m, with the floor as named: "r1 r2" means r2 is second.
func stateOf(n int, floor string, change ...func(*protocol.State)) *protocol.State {
	st := &protocol.State{ID: "l", State: protocol.Live, Layout: protocol.LayoutLecture, Master: protocol.RoomRef{Room: "m"},
		Sources: protocol.Sources{Board: true, Teacher: true, Voice: true}}
	for i := range n {
		name := fmt.Sprint("r", i+1)
		st.Rooms = append(st.Rooms, protocol.RoomState{Room: name, Box: "box-" + name, State: protocol.RoomLive})
	}
	for i, r := range strings.Fields(floor) {
		st.Floor = append(st.Floor, protocol.Holder{Room: r, Second: i > 0})
	}
	for _, c := range change {
		c(st)
	}
	return st
}

// short is a list of wants as "voice:m teacher:m/large".
func short(wants []want) string {
	var out []string
	for _, w := range wants {
		s := w.key.Source + ":" + w.room
		if k, _ := track.KindOf(w.key.Source); k == track.Video {
			s += "/" + w.size.String()
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestLayout(t *testing.T) {
	class := func(room string) viewer { return viewer{page: protocol.PageClass, room: room, plays: true} }
	teach := viewer{page: protocol.PageTeach, room: "m", lead: true}
	set := func(layout string) func(*protocol.State) { return func(s *protocol.State) { s.Layout = layout } }
	noBoard := func(s *protocol.State) { s.Sources.Board = false }
	for _, tt := range []struct {
		name string
		st   *protocol.State
		v    viewer
		want string
	}{
		{"nothing is known", nil, class("r1"), ""},
		{"not begun", stateOf(3, "", func(s *protocol.State) { s.State = protocol.Waiting }), class("r1"), ""},
		{"ended", stateOf(3, "", func(s *protocol.State) { s.State = protocol.Ended }), class("r1"), ""},
		{"alone", stateOf(1, ""), class("r1"), "voice:m board:m/large teacher:m/medium"},
		{"after the bell", stateOf(1, "", func(s *protocol.State) { s.State = protocol.Over }), class("r1"), "voice:m board:m/large teacher:m/medium"},
		{"two see each other", stateOf(2, ""), class("r1"), "voice:m board:m/large teacher:m/medium pupils:r2/medium"},
		{"three do not", stateOf(3, ""), class("r1"), "voice:m board:m/large teacher:m/medium"},
		{"no board", stateOf(3, "", noBoard), class("r1"), "voice:m board:m/large teacher:m/large"},
		{"another has the floor", stateOf(3, "r2"), class("r1"), "voice:m voice:r2 board:m/large pupils:r2/large teacher:m/medium"},
		{"we have the floor", stateOf(3, "r1"), class("r1"), "voice:m board:m/large teacher:m/large"},
		{"two speak", stateOf(3, "r2 r3"), class("r1"), "voice:m voice:r2 voice:r3 board:m/large pupils:r2/large pupils:r3/medium teacher:m/medium"},
		{"we second", stateOf(3, "r2 r1"), class("r1"), "voice:m voice:r2 board:m/large pupils:r2/large teacher:m/large"},
		{"the teacher is muted", stateOf(3, "r2", func(s *protocol.State) { s.Sources.Muted = true }), class("r1"), "voice:r2 board:m/large pupils:r2/large teacher:m/medium"},
		{"the floor is muted", stateOf(3, "r2", func(s *protocol.State) { s.Rooms[1].Muted = true }), class("r1"), "voice:m board:m/large pupils:r2/large teacher:m/medium"},
		{"all, one member", stateOf(1, "", set("all")), class("r1"), "voice:m teacher:m/large"},
		{"all, two", stateOf(2, "", set("all")), class("r1"), "voice:m board:m/large teacher:m/medium pupils:r2/large"},
		{"all, four", stateOf(4, "", set("all")), class("r1"), "voice:m teacher:m/medium pupils:r2/medium pupils:r3/medium pupils:r4/medium"},
		{"all gives way to the floor", stateOf(3, "r2", set("all")), class("r1"), "voice:m voice:r2 board:m/large pupils:r2/large teacher:m/medium"},
		{"full board", stateOf(3, "", set("board")), class("r1"), "voice:m board:m/large"},
		{"full board here", stateOf(2, ""), viewer{page: protocol.PageClass, room: "r1", plays: true, layout: "board"}, "voice:m board:m/large"},
		{"full board without a board", stateOf(3, "", set("board"), noBoard), class("r1"), "voice:m board:m/large teacher:m/large"},
		{"the second screen of a room", stateOf(2, "r2"), viewer{page: protocol.PageClass, room: "r1"}, ""},
		{"a room that does not attend", stateOf(2, "r2"), class("x"), ""},
		{"sent out", stateOf(2, "", func(s *protocol.State) { s.Rooms[0].State = protocol.RoomRemoved }), class("r1"), ""},
		{"sent out is seen by nobody", stateOf(3, "", func(s *protocol.State) { s.Rooms[2].State = protocol.RoomRemoved }), teach, "pupils:r1/medium pupils:r2/medium"},
		{"the master's screen is silent", stateOf(2, ""), class("m"), "pupils:r1/large pupils:r2/large"},
		{"the master's screen, floor", stateOf(6, "r2"), class("m"), "pupils:r2/large pupils:r1/small pupils:r3/small pupils:r4/small"},
		{"the master's screen, eleven", stateOf(7, ""), class("m"), "pupils:r1/small pupils:r2/small pupils:r3/small pupils:r4/small pupils:r5/small pupils:r6/small pupils:r7/small"},
		{"the teacher's page", stateOf(3, ""), teach, "pupils:r1/small pupils:r2/small pupils:r3/small"},
		{"the teacher's page, floor", stateOf(3, "r2"), teach, "voice:r2 pupils:r2/large pupils:r1/small pupils:r3/small"},
		{"a page that looks on", stateOf(3, "r2"), viewer{page: protocol.PageTeach, room: "m"}, "board:m/large teacher:m/large"},
		{"a remote", stateOf(3, "r2"), viewer{page: protocol.PageTeach, room: "m", lead: true, remote: true}, "board:m/large teacher:m/large"},
		{"a phone", stateOf(3, "r2"), viewer{page: protocol.PageAssist, room: "r1"}, ""},
		{"an absent room has nothing", stateOf(3, "", func(s *protocol.State) { s.Rooms[0].State = protocol.RoomAbsent; s.Rooms[1].Box = "" }), teach, "pupils:r3/small"},
	} {
		if got := short(layout(tt.st, tt.v)); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// What must never be, in every state that can be: nobody hears himself, nobody hears a campus that has not been called, from three members on
// nobody but the master classroom sees another campus without its having the floor or the teacher showing all, and all of it fits.
func TestLayoutKeepsPrivacy(t *testing.T) {
	kinds := append(slices.Repeat([]track.Kind{track.Audio}, 4), slices.Repeat([]track.Kind{track.Video}, 13)...)
	for n := range 12 {
		for _, floor := range []string{"", "r1", "r2", "r2 r3", "r3 r1"} {
			for _, l := range []string{"lecture", "board", "all"} {
				st := stateOf(n, floor, func(s *protocol.State) { s.Layout = l })
				for _, room := range []string{"m", "r1", "r2", "x"} {
					for _, v := range []viewer{
						{page: "class", room: room, plays: true}, {page: "class", room: room}, {page: "teach", room: room, lead: true},
						{page: "teach", room: room}, {page: "assist", room: room}, {page: "home", room: room},
					} {
						wants := layout(st, v)
						at := fmt.Sprintf("n %d floor %q layout %s %+v", n, floor, l, v)
						for _, w := range wants {
							member := w.room != "m"
							switch {
							case w.room == v.room && (w.key.Source == track.Voice || v.page == "class"):
								t.Errorf("%s is given its own %s", at, w.key.Source)
							case member && w.key.Source == track.Voice && !hasFloor(st, w.room):
								t.Errorf("%s hears %s", at, w.room)
							case member && w.key.Source == track.Pupils && v.room != "m" && !v.lead && n > 2 && !hasFloor(st, w.room) && l != "all":
								t.Errorf("%s sees %s", at, w.room)
							case member && !v.plays && !v.lead && !(v.page == "class" && v.room == "m"):
								t.Errorf("%s is given %s of %s", at, w.key.Source, w.room)
							case w.key.Origin == "" && member, w.key.Lesson != "l":
								t.Errorf("%s: key %+v", at, w.key)
							}
						}
						if _, left := assign(kinds, make([]want, len(kinds)), wants); len(left) > 0 {
							t.Errorf("%s: no place for %s", at, short(left))
						}
					}
				}
			}
		}
	}
}

func TestAssign(t *testing.T) {
	kinds := []track.Kind{track.Audio, track.Audio, track.Video, track.Video}
	mids := []string{"0", "1", "2", "3"}
	w := func(names ...string) (out []want) {
		for _, n := range names {
			source, room, _ := strings.Cut(n, ":")
			out = append(out, want{key: track.Key{Lesson: "l", Origin: room, Source: source}, room: room})
		}
		return out
	}
	now := make([]want, 4)
	for _, tt := range []struct {
		wants      string
		next, left string
	}{
		{"voice:a board:a teacher:a", "voice:a|-|board:a|teacher:a", ""},
		{"voice:a voice:b board:a pupils:b teacher:a", "voice:a|voice:b|board:a|pupils:b", "teacher:a"},
		{"voice:b board:a", "-|voice:b|board:a|-", ""},
		{"voice:a voice:c teacher:a pupils:b", "voice:a|voice:c|teacher:a|pupils:b", ""},
		{"voice:c voice:b voice:a", "voice:b|voice:c|-|-", "voice:a"},
		{"", "-|-|-|-", ""},
	} {
		next, left := assign(kinds, now, w(strings.Fields(tt.wants)...))
		var got []string
		for _, x := range next {
			name := "-"
			if x.key.Source != "" {
				name = x.key.Source + ":" + x.room
			}
			got = append(got, name)
		}
		rest := ""
		for _, x := range left {
			rest += x.key.Source + ":" + x.room
		}
		if s := strings.Join(got, "|"); s != tt.next || rest != tt.left {
			t.Errorf("%s: got %s left %s, want %s left %s", tt.wants, s, rest, tt.next, tt.left)
		}
		table := table(kinds, mids, next, left)
		if len(table.Slots) != 4+len(left) || table.Slots[2].MID != "2" || table.Slots[2].Kind != "video" {
			t.Errorf("%+v", table)
		}
		now = next
	}
}
