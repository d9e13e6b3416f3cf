package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tongke/media/packet"
	"tongke/testbench/link"
	"tongke/testbench/peer"
	"tongke/testbench/report"
)

// Options of a run.
type Options struct {
	Program  string // the tongke program whose boxes are measured
	Media    *Media
	Seed     uint64
	Length   time.Duration     // instead of the scenario's; 0: those
	Progress func(text string) // told what goes on, from one goroutine; nil: nobody

	BoxArgs []string // for every box's tongke run, further ones
	KeepDir string   // keeps data and logs of the boxes here; "": in a temporary directory that goes
}

// Result is what a run has measured.
type Result struct {
	report.Scenario
	Records map[string][]link.Record // what each member's link did to each packet
	Start   packet.Time              // of the measurement
}

// Times of a run.
const (
	flowWithin = 40 * time.Second // until pictures and voice are at every room
	settle     = 2 * time.Second  // after that, before the measurement
	drain      = time.Second      // after it, for what is still on its way
	lessonID   = "bench"
)

// run is one run while it lasts.
type run struct {
	s      *Scenario
	o      Options
	dir    string
	boxes  []*box // the core first
	links  map[string]*link.Link
	ledger *ledger
	ref    *reference
	rooms  []*watching
	window window
	called packet.Time // when the member was given the floor; 0: nobody was

	people, network sync.WaitGroup
}

// watching is one classroom.
type watching struct {
	*room
	peer  *peer.Classroom
	stats peer.ClassroomStats
	bell  bool
}

// Run measures a scenario. It returns an error when it could not; broken limits are in the result.
func Run(ctx context.Context, s *Scenario, o Options) (*Result, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Length == 0 {
		o.Length = s.Length
	}
	raise()
	r := &run{s: s, o: o, links: map[string]*link.Link{}, ledger: newLedger(o.Media)}
	remove, err := r.folder(s.Name)
	if err != nil {
		return nil, err
	}
	defer remove()
	out, err := r.play(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return out, nil
}

func (r *run) folder(name string) (remove func(), err error) {
	if r.o.KeepDir != "" {
		r.dir = filepath.Join(r.o.KeepDir, name)
		return func() {}, os.MkdirAll(r.dir, 0o700)
	}
	r.dir, err = os.MkdirTemp("", "tongke-bench-")
	return func() { _ = os.RemoveAll(r.dir) }, err
}

// play brings everything up, measures, and takes it down in the order in which nobody misses what it leans on.
func (r *run) play(ctx context.Context) (*Result, error) {
	network, endNetwork := context.WithCancel(context.WithoutCancel(ctx))
	people, endPeople := context.WithCancel(ctx)
	defer func() {
		endPeople()
		r.people.Wait()
		endAll(r.boxes)
		endNetwork()
		r.network.Wait()
	}()
	r.o.Progress("启动三台设备 starting three boxes")
	if err := r.build(ctx, network); err != nil {
		return nil, err
	}
	var err error
	if r.ref, err = newReference(r.o.Program); err != nil {
		return nil, err
	}
	r.people.Go(func() { r.ref.run(people) }) // ends with people
	if err := r.teach(people); err != nil {
		return nil, err
	}
	if err := r.flowing(ctx); err != nil {
		return nil, err
	}
	if r.s.Call {
		if err := r.call(ctx, people); err != nil {
			return nil, err
		}
	}
	if err := r.measure(ctx, people); err != nil {
		return nil, err
	}
	for _, b := range r.boxes {
		select {
		case <-b.ended:
			return nil, fmt.Errorf("the box %s ended: %s", b.campus, b.lastWords())
		default:
		}
	}
	endPeople()
	r.people.Wait()
	return r.result(), nil
}

// build starts the boxes and the links between them, and joins them.
func (r *run) build(ctx, network context.Context) error {
	core, err := newBox(r.o.Program, r.dir, Core)
	if err != nil {
		return err
	}
	r.boxes = append(r.boxes, core)
	if err := core.start(r.o.BoxArgs...); err != nil {
		return err
	}
	for _, m := range Members {
		c := r.s.Links[m]
		l, err := link.New(link.Config{Name: m, Seed: r.o.Seed, Listen: "127.0.0.1:0", Parent: core.https, Length: r.o.Length + time.Minute,
			Down: c.Down, Up: c.Up, NewNamer: func(link.Direction) link.Namer { return newNamer(r.o.Media) }})
		if err != nil {
			return fmt.Errorf("link of %s: %w", m, err)
		}
		r.links[m] = l
		r.network.Go(func() { _ = l.Run(network) }) // ends with network; errors of closing sockets help nobody
		b, err := newBox(r.o.Program, r.dir, m)
		if err != nil {
			return err
		}
		r.boxes = append(r.boxes, b)
		if err := b.start(append([]string{"--uplink-via", l.Addr().String()}, r.o.BoxArgs...)...); err != nil {
			return err
		}
	}
	for _, b := range r.boxes {
		if err := b.ready(ctx); err != nil {
			return err
		}
	}
	for _, b := range r.boxes[1:] {
		if err := core.join(ctx, b, r.links[b.campus].Addr().String()); err != nil {
			return err
		}
	}
	return core.post(ctx, "/api/v1/lessons", map[string]any{"id": lessonID, "title": "bench", "campuses": "all"})
}

// teach starts the teacher and the classrooms; they end with ctx.
func (r *run) teach(ctx context.Context) error {
	core := r.boxes[0]
	token, err := core.token(ctx, lessonID, "publish")
	if err != nil {
		return err
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: "http://" + core.local, Lesson: lessonID, Token: token,
		Timestamps: func(track string) uint32 { return timestampOf(tracks[track]) },
		Sent:       func(s peer.Sent) { r.ledger.noteSent(tracks[s.Track], s) },
	}, r.o.Media.lesson, true)
	if err != nil {
		return err
	}
	r.people.Go(func() { _ = teacher.Run(ctx) }) // ends with ctx, and only then
	for _, b := range r.boxes {
		for range r.s.Rooms {
			if err := r.watch(ctx, b, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch starts a classroom at a box.
func (r *run) watch(ctx context.Context, b *box, bell bool) error {
	account, observe := r.ledger.room(b.campus)
	c, err := peer.NewClassroom(peer.Config{URL: "http://" + b.local, Lesson: lessonID, Observe: observe})
	if err != nil {
		return err
	}
	r.rooms = append(r.rooms, &watching{room: account, peer: c, bell: bell})
	r.people.Go(func() { _ = c.Run(ctx) }) // ends with ctx, and only then
	return nil
}

// flowing waits until every room sees and hears.
func (r *run) flowing(ctx context.Context) error {
	r.o.Progress("等待画面和声音 waiting for picture and voice")
	end := time.Now().Add(flowWithin)
	for {
		missing := ""
		for _, w := range r.rooms {
			s := w.peer.Stats()
			if s.Camera.Frames == 0 || s.Board.Frames == 0 || s.Voice.Voice == 0 {
				missing = fmt.Sprintf("%s (connected %v, pictures %d, boards %d, voice %d; %v)", w.campus, s.Connected, s.Camera.Frames, s.Board.Frames, s.Voice.Voice, s.LastError)
			}
		}
		if missing == "" {
			return wait(ctx, settle)
		}
		if time.Now().After(end) {
			return fmt.Errorf("no picture and voice in %v at %s: %s", flowWithin, missing, r.boxes[len(r.boxes)-1].lastWords())
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measure lets the scenario happen.
func (r *run) measure(ctx, people context.Context) error {
	r.window.from = packet.Now()
	r.window.to = r.window.from.Add(r.o.Length)
	for _, l := range r.links {
		l.Start(r.window.from)
	}
	for _, w := range r.rooms {
		w.peer.Anew()
	}
	if r.s.Bell > 0 {
		if err := r.bell(ctx, people); err != nil {
			return err
		}
	}
	for {
		left := r.window.to.Sub(packet.Now())
		if left <= 0 {
			break
		}
		r.o.Progress(fmt.Sprintf("测量 measuring %d/%d s", int((r.o.Length - left).Seconds()), int(r.o.Length.Seconds())))
		if err := wait(ctx, min(left, time.Second)); err != nil {
			return err
		}
	}
	for _, w := range r.rooms {
		w.stats = w.peer.Stats()
	}
	return wait(ctx, drain)
}

// bell lets classrooms join all at once: evenly over one second, in turn at each box.
func (r *run) bell(ctx, people context.Context) error {
	for i := range r.s.Bell {
		due := r.window.from.Add(time.Duration(i) * time.Second / time.Duration(r.s.Bell))
		if err := wait(ctx, due.Sub(packet.Now())); err != nil {
			return err
		}
		if err := r.watch(people, r.boxes[i%len(r.boxes)], true); err != nil {
			return err
		}
	}
	return nil
}
