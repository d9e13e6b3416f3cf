package session

import (
	"testing"
	"time"

	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// A wall screen's box is switched on without a network, and its clock is two hours behind; its parent tells the time later, and is wrong
// itself for a while.
func TestClockIsSetWhileTheScreenIsOn(t *testing.T) {
	r := newRelay(t)
	core, north := newBox(t, coreID, "core", r), newBox(t, aID, "north", r)
	link(t, core, north)
	start := time.Now().Add(2*time.Hour + 10*time.Second)
	if _, err := core.registry.Create(lesson.Spec{ID: "first", Title: "first", Start: start, End: start.Add(time.Hour)}, "admin"); err != nil {
		t.Fatal(err)
	}
	p := connect(t, north.local, nil).hello(protocol.Hello{Page: "class"})
	p.saw("what is next", func() bool { return p.room.Next != nil && p.room.State == protocol.RoomIdle })
	if p.room.Now != 0 {
		t.Errorf("told the time %v without need", p.room.Now.Time())
	}
	near := func(m protocol.Millis, off time.Duration) bool {
		return m.Time().Sub(time.Now().Add(off)).Abs() < time.Minute
	}
	north.offset.Store(int64(2 * time.Hour))
	p.saw("in the lesson", func() bool { return p.room.State == protocol.RoomIn && p.state != nil && p.state.ID == "first" })
	p.saw("the right time", func() bool { return near(p.room.Now, 2*time.Hour) })
	told := p.room.Now
	p.must(protocol.RoomVolume{Volume: 30}, nil)
	p.saw("another event", func() bool { return p.room.Volume == 30 })
	if p.room.Now != told {
		t.Error("the time is told again although nobody set the clock")
	}
	late := connect(t, north.local, nil).hello(protocol.Hello{Page: "class", Take: protocol.TakePlay})
	if !near(late.ok.Now, 2*time.Hour) {
		t.Errorf("hello is answered with %v", late.ok.Now.Time())
	}
	late.saw("the room", func() bool { return late.room.State == protocol.RoomIn })
	if late.room.Now != 0 {
		t.Error("who has just been told the time is told again")
	}
	north.offset.Store(0)
	late.saw("out of it again", func() bool {
		return late.room.State == protocol.RoomIdle && late.room.Next != nil && near(late.room.Now, 0)
	})
}
