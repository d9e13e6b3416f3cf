package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// trying is a self-test that the box waits for.
type trying struct {
	got  protocol.SelfTested
	err  error
	done chan struct{}
}

func (b *box) try(ctx context.Context, do ...string) *trying {
	t := &trying{done: make(chan struct{})}
	go func() { // ends with the test
		defer close(t.done)
		t.got, t.err = b.srv.SelfTest(ctx, do)
	}()
	b.t.Cleanup(func() { <-t.done })
	return t
}

func (t *trying) ended(tb testing.TB) (protocol.SelfTested, error) {
	tb.Helper()
	select {
	case <-t.done:
	case <-time.After(patience):
		tb.Fatal("the self-test does not end")
	}
	return t.got, t.err
}

// asked waits until the page was told of its nth event.
func (p *page) asked(n int) protocol.SelfTest {
	p.t.Helper()
	p.saw("asked to test itself", func() bool { return len(p.tests) >= n })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tests[n-1]
}

func TestSelfTest(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := b.srv.SelfTest(ctx, []string{protocol.DoChirp}); !errors.Is(err, ErrNoScreen) {
		t.Fatalf("without a screen: %v", err)
	}
	p := connect(t, b.local, nil).hello(class(""))
	if _, err := b.srv.SelfTest(ctx, []string{"dance"}); err == nil {
		t.Error("it tries what there is not")
	}
	p.refused(protocol.SelfTested{Test: 1}, protocol.WrongState)

	run := b.try(ctx, protocol.DoChirp, protocol.DoPicture)
	e := p.asked(1)
	if !slices.Equal(e.Do, []string{"chirp", "picture"}) {
		t.Errorf("asked for %v", e.Do)
	}
	if _, err := b.srv.SelfTest(ctx, []string{protocol.DoClap}); !errors.Is(err, ErrTesting) {
		t.Errorf("two at once: %v", err)
	}
	p.refused(protocol.SelfTested{Test: e.Test + 1}, protocol.WrongState)
	answer := protocol.SelfTested{Test: e.Test, Chirp: &protocol.Chirp{Microphone: "ok", Plays: true, Heard: true, Level: -30, Noise: -60}, Picture: "ok"}
	p.must(answer, nil)
	if got, err := run.ended(t); err != nil || got.Picture != "ok" || got.Chirp == nil || *got.Chirp != *answer.Chirp {
		t.Errorf("came back %+v, %v", got, err)
	}
	p.refused(answer, protocol.WrongState)

	// The test picture stays until it is taken away.
	run = b.try(ctx, protocol.DoShow)
	e = p.asked(2)
	p.must(protocol.SelfTested{Test: e.Test, Shown: true}, nil)
	if got, err := run.ended(t); err != nil || !got.Shown {
		t.Errorf("shown: %+v, %v", got, err)
	}
	b.srv.EndSelfTest()
	if stop := p.asked(3); stop.Test != e.Test || len(stop.Do) != 0 {
		t.Errorf("taken away by %+v", stop)
	}

	// Whoever asked does not wait any more.
	run = b.try(ctx, protocol.DoClap)
	p.asked(4)
	cancel()
	if _, err := run.ended(t); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if stop := p.asked(5); len(stop.Do) != 0 {
		t.Errorf("given up, and the page is told %+v", stop)
	}

	run = b.try(t.Context(), protocol.DoClap)
	e = p.asked(6)
	p.must(protocol.SelfTested{Test: e.Test, Stopped: protocol.StoppedFailed}, nil)
	if _, err := run.ended(t); !errors.Is(err, ErrFailed) {
		t.Errorf("failed in the page: %v", err)
	}
	run = b.try(t.Context(), protocol.DoClap)
	p.asked(7)
	p.ws.Close()
	if _, err := run.ended(t); !errors.Is(err, ErrNoScreen) {
		t.Errorf("the page went: %v", err)
	}
}

// Whoever is not the screen beside the box is not asked.
func TestSelfTestIsTheLocalScreens(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	p := connect(t, b.public, bearer(b.token("l", auth.Classroom, "core"))).hello(class("l"))
	if _, err := b.srv.SelfTest(t.Context(), []string{protocol.DoChirp}); !errors.Is(err, ErrNoScreen) {
		t.Errorf("a screen elsewhere: %v", err)
	}
	p.refused(protocol.SelfTested{Test: 1}, protocol.WrongState)
}

// A lesson stops a test at once, and none begins in one, in the minute before, or while somebody prepares to teach in the room.
func TestNoSelfTestInALesson(t *testing.T) {
	for _, tt := range []struct {
		name  string
		comes func(t *testing.T, b *box)
	}{
		{"a lesson begins", func(t *testing.T, b *box) { b.create("l") }},
		{"a lesson begins in a minute", func(t *testing.T, b *box) {
			at := time.Now().Add(50 * time.Second)
			if _, err := b.registry.Create(lesson.Spec{ID: "l", Title: "l", Start: at, End: at.Add(time.Hour)}, "admin"); err != nil {
				t.Fatal(err)
			}
		}},
		{"a teacher prepares", func(t *testing.T, b *box) {
			at := time.Now().Add(time.Hour)
			if _, err := b.registry.Create(lesson.Spec{ID: "l", Title: "l", Start: at, End: at.Add(time.Hour)}, "admin"); err != nil {
				t.Fatal(err)
			}
			connect(t, b.public, bearer(b.token("l", auth.Teacher, ""))).hello(teach("l"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t, coreID, "core", newRelay(t))
			p := connect(t, b.local, nil).hello(class(""))
			run := b.try(t.Context(), protocol.DoClap)
			e := p.asked(1)
			tt.comes(t, b)
			if _, err := run.ended(t); !errors.Is(err, ErrInLesson) {
				t.Errorf("under way: %v", err)
			}
			if stop := p.asked(2); stop.Test != e.Test || len(stop.Do) != 0 {
				t.Errorf("the page is told %+v", stop)
			}
			p.refused(protocol.SelfTested{Test: e.Test, Stopped: protocol.StoppedLesson}, protocol.WrongState)
			if _, err := b.srv.SelfTest(t.Context(), []string{protocol.DoChirp}); !errors.Is(err, ErrInLesson) {
				t.Errorf("a new one: %v", err)
			}
		})
	}
}
