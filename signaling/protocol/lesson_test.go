package protocol

import (
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	for name, frame := range map[string]string{
		"empty":         ``,
		"no object":     `[]`,
		"no type":       `{"id":"a"}`,
		"unknown type":  `{"type":"lesson.king","id":"a"}`,
		"unknown field": `{"type":"lesson.ask","id":"a","x":1}`,
		"deep unknown":  `{"type":"lesson.put","lesson":{"id":"a","colour":"red"}}`,
		"two values":    `{"type":"lesson.ask","id":"a"}{}`,
		"wrong type":    `{"type":"lesson.ask","id":1}`,
		"campuses":      `{"type":"lesson.put","lesson":{"campuses":"some"}}`,
		"campuses null": `{"type":"lesson.put","lesson":{"campuses":[null,1]}}`,
		"long":          `{"type":"lesson.ask","id":"` + strings.Repeat("a", MaxFrame) + `"}`,
	} {
		if m, err := DecodeFrame([]byte(frame)); err == nil {
			t.Errorf("%s: read %+v", name, m)
		}
	}
}

func TestAttend(t *testing.T) {
	for _, tt := range []struct {
		members      Campuses
		campus, room string
		want         bool
	}{
		{nil, "", "", true},
		{nil, "north", "1", true},
		{Campuses{}, "north", "1", false},
		{Campuses{"north"}, "north", "1", true},
		{Campuses{"north"}, "north", "", true},
		{Campuses{"north"}, "south", "1", false},
		{Campuses{"north/1"}, "north", "1", true},
		{Campuses{"north/1"}, "north", "2", false},
		{Campuses{"north/1"}, "north", "", false},
		{Campuses{"north/1", "south"}, "south", "7", true},
		{Campuses{""}, "", "", false},
	} {
		if got := tt.members.Attend(tt.campus, tt.room); got != tt.want {
			t.Errorf("%v attended by %q/%q: %v", tt.members, tt.campus, tt.room, got)
		}
	}
}
