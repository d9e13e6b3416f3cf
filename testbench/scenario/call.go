package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tongke/media/packet"
	"tongke/testbench/link"
	"tongke/testbench/peer"
)

// A scenario may call on the first member: its classroom's page sends a voice, the teacher's page gives it the floor, and for the whole
// measurement the teacher's campus hears that voice, up the line, in the place of the teacher's.

// callWithin is how long it may take until the called voice is heard.
const callWithin = 20 * time.Second

// call gives the first member the floor and waits until it is heard at the core.
func (r *run) call(ctx, people context.Context) error {
	r.o.Progress("点名 calling on a campus")
	pupils, err := peer.NewPupils(peer.Config{URL: "http://" + r.boxes[1].local, Lesson: lessonID,
		Timestamps: func(string) uint32 { return timestampOf(answer) },
		Sent:       func(s peer.Sent) { r.ledger.noteSent(answer, s) }}, r.o.Media.answer)
	if err != nil {
		return err
	}
	r.people.Go(func() { _ = pupils.Run(people) }) // ends with people
	end := time.Now().Add(callWithin)
	for pupils.Room() == "" {
		if time.Now().After(end) {
			return fmt.Errorf("no page of %s sends a voice after %v: %w", Member1, callWithin, pupils.Stats().LastError)
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	token, err := r.boxes[0].token(ctx, lessonID, "teacher")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	r.people.Go(func() { // ends with people
		failed <- peer.CallOn(people, peer.Config{URL: "http://" + r.boxes[0].local, Lesson: lessonID, Token: token}, pupils.Room(), func(at packet.Time) {
			r.ledger.mu.Lock()
			defer r.ledger.mu.Unlock()
			r.called = at
		})
	})
	for !r.heard() {
		select {
		case err := <-failed:
			return fmt.Errorf("call on %s: %w", pupils.Room(), err)
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("the voice of %s is not heard %v after the call: %s", Member1, callWithin, r.deaf())
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return wait(ctx, settle/2)
}

// heard reports whether every room at the core hears the called one.
func (r *run) heard() bool {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	if r.called == 0 {
		return false
	}
	for _, w := range r.rooms {
		if w.campus == Core && !slices.ContainsFunc(w.arrivals, func(a arrival) bool { return a.source == answer }) {
			return false
		}
	}
	return true
}

// deaf tells what is missing of a call.
func (r *run) deaf() string {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	out := fmt.Sprintf("called %v, %d frames sent", r.called != 0, r.ledger.last[answer]+1)
	for _, w := range r.rooms {
		n := 0
		for _, a := range w.arrivals {
			if a.source == answer {
				n++
			}
		}
		out += fmt.Sprintf(", %d heard at %s", n, w.campus)
	}
	return out
}

// voiceAt is which voice a campus hears in the measurement: all but the called one hear it.
func (r *run) voiceAt(campus string) int {
	if r.s.Call && campus != Member1 {
		return answer
	}
	return voice
}

// calledAfter is how long after the call the last room at the core heard the voice.
func (r *run) calledAfter() (longest time.Duration) {
	for _, w := range r.rooms {
		if w.campus != Core || r.called == 0 {
			continue
		}
		for _, a := range w.arrivals {
			if a.source == answer {
				longest = max(longest, a.at.Sub(r.called))
				break
			}
		}
	}
	return longest
}

// answerHops are those of a called campus's voice: to its own box, up its line, and through the core's box.
func answerHops(c crossings) []hop {
	return []hop{
		{"member", sentAt, enteredAt, func(p passage) bool { return p.entered == 0 }},
		{"uplink", enteredAt, leftAt, func(p passage) bool { return c.first[p.unit].Verdict != link.Passed }},
		{"core", leftAt, arrivedAt, func(p passage) bool { return p.arrived == 0 }},
		{"total", sentAt, arrivedAt, func(p passage) bool { return p.lost }},
	}
}
