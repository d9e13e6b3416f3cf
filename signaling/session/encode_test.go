package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

// A wall screen is asked for what its machine can encode, and nobody else is bound by that.
func TestEncodingWithinTheMachine(t *testing.T) {
	all := []track.Layer{"q", "h", "f"}
	wants := map[track.Layer]bool{"q": true, "h": true, "f": true}
	for _, tt := range []struct {
		name string
		c    Capture
		want string
	}{
		{"nothing known", Capture{}, "q/4@15:true h/2@25:true f/1@25:true within 0×0"},
		{"n100", Capture{1920, 1080, 30, 3}, "q/4@15:true h/2@25:true f/1@25:true within 1920×1080"},
		{"n5095", Capture{1920, 1080, 25, 2}, "q/4@1:false h/2@25:true f/1@25:true within 1920×1080"},
		{"an old PC", Capture{1280, 720, 20, 2}, "q/4@1:false h/2@20:true f/1@20:true within 1280×720"},
		{"one layer", Capture{640, 360, 15, 1}, "q/4@1:false h/2@1:false f/1@15:true within 640×360"},
	} {
		made := tt.c.keep(all)
		e := tt.c.bound(encoding(track.Pupils, made, wants, true), all[:len(all)-len(made)])
		var got []string
		for _, l := range e.Layers {
			got = append(got, fmt.Sprintf("%s/%g@%d:%v", l.RID, l.Scale, l.FPS, l.Active))
		}
		if s := fmt.Sprintf("%s within %d×%d", strings.Join(got, " "), e.MaxWidth, e.MaxHeight); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
	if one := (Capture{Layers: 1}).keep([]track.Layer{""}); len(one) != 1 {
		t.Errorf("without simulcast: %v", one)
	}
	srv := &Server{cfg: Config{Capture: func() Capture { return Capture{Layers: 2} }}}
	for _, tt := range []struct {
		name string
		s    *Session
		want int
	}{
		{"the screen beside the box", &Session{page: "class", role: auth.Classroom, who: auth.Principal{TokenID: auth.LocalID}}, 2},
		{"a screen elsewhere", &Session{page: "class", role: auth.Classroom, who: auth.Principal{TokenID: "t"}}, 0},
		{"a teacher", &Session{page: "teach", role: auth.Teacher, who: auth.Principal{TokenID: auth.LocalID}}, 0},
	} {
		tt.s.srv = srv
		if got := tt.s.limits().Layers; got != tt.want {
			t.Errorf("%s: %d layers", tt.name, got)
		}
	}
}

// A page is told how often it will be asked for keyframes: of what this box records, and of nothing else.
func TestKeyframesForARecording(t *testing.T) {
	with := func(r protocol.Recording) *Session {
		return &Session{lesson: "l", srv: &Server{cfg: Config{Recording: func(string) protocol.Recording { return r }}}}
	}
	for _, tt := range []struct {
		name   string
		r      protocol.Recording
		source string
		want   time.Duration
	}{
		{"not recorded", protocol.Recording{Mode: "off", Scope: "+pupils"}, track.Teacher, 0},
		{"the disk is full", protocol.Recording{Mode: "keep", Scope: "+pupils", Fault: "disk-full"}, track.Teacher, 0},
		{"the teacher", protocol.Recording{Mode: "buffer", Scope: "teacher+board"}, track.Teacher, 4 * time.Second},
		{"the board", protocol.Recording{Mode: "keep", Scope: "teacher+board"}, track.Board, 10 * time.Second},
		{"pupils who are not kept", protocol.Recording{Mode: "keep", Scope: "teacher+board"}, track.Pupils, 0},
		{"pupils who are", protocol.Recording{Mode: "keep", Scope: "+pupils"}, track.Pupils, 4 * time.Second},
	} {
		if got := with(tt.r).keyframes(tt.source); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := (&Session{srv: &Server{}}).keyframes(track.Teacher); got != 0 {
		t.Errorf("without a recorder: %v", got)
	}
}
