package session

import (
	"testing"
	"time"

	"tongke/media/track"
	"tongke/signaling/protocol"
)

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
