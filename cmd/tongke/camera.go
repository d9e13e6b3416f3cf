package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tongke/device/doctor"
	"tongke/media/ingest/rtsp"
	"tongke/media/relay"
	"tongke/media/track"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/signaling/store"
)

// cameraEvery is how often cameras are looked at when nobody says that something has changed.
const cameraEvery = time.Second

// cameras are the network cameras of this box's room: those of the file and those that were added by the page. They are connected while
// the room is in a lesson and may send, and while somebody tries one.
type cameras struct {
	log    *slog.Logger
	store  *store.Store
	relay  *relay.Relay
	box    string
	room   func() string
	scenes func(room string) []session.Scene
	state  func(lesson string) (protocol.State, bool)
	wake   chan struct{} // 1: look again
	fresh  chan struct{} // 1: a camera is new or has changed
	tests  chan struct{} // one place a test

	mu   sync.Mutex
	all  []*netCamera
	byID map[string]*netCamera

	news sync.Mutex         // never held with another lock: the relay's goroutine takes it
	gone map[track.Key]bool // sources of this box that ended since the last look
}

// netCamera is one camera and what it does now.
type netCamera struct {
	id     string
	as     string
	file   bool
	config rtsp.Config
	broken error // its password file cannot be read
	camera *rtsp.Camera

	// Guarded by cameras.mu.
	key  track.Key // what it publishes; zero: it rests
	stop func()    // ends that, and waits
	look time.Time // when it is looked at, if it rests
}

// maxTests is how many cameras can be tried at once.
const maxTests = 2

// newCameras takes the cameras of the file and of the store.
func (d *daemon) newCameras() (*cameras, error) {
	c := &cameras{
		log: d.log.With("part", "camera"), store: d.store, relay: d.relay, box: d.box.ID(),
		room:   func() string { return d.place().Room() },
		scenes: func(room string) []session.Scene { return d.sessions.Scenes(room) },
		state:  func(lesson string) (protocol.State, bool) { return d.hub.State(lesson) },
		wake:   make(chan struct{}, 1), fresh: make(chan struct{}, 1), tests: make(chan struct{}, maxTests),
		byID: map[string]*netCamera{}, gone: map[track.Key]bool{},
	}
	err := c.load(d.cfg.Cameras)
	for _, n := range c.all { // nothing runs yet
		n.look = time.Now().Add(lookFirst)
	}
	return c, err
}

// load takes in the cameras of the file and those that were kept.
func (c *cameras) load(file []CameraConfig) error {
	for i, f := range file {
		password, err := f.password()
		if err != nil {
			c.log.Error("camera cannot sign in", "camera", f.Name, "err", err)
		}
		c.put(&netCamera{id: fmt.Sprintf("file-%d", i+1), as: cmp.Or(f.As, session.AsCamera), file: true, config: f.media(password), broken: err})
	}
	kept, err := c.store.ListCameras()
	if err != nil {
		return err
	}
	for _, k := range kept {
		c.put(stored(k))
	}
	return nil
}

func stored(k store.Camera) *netCamera {
	return &netCamera{id: k.ID, as: k.As, config: rtsp.Config{
		Name: k.Name, Main: k.URL, Sub: k.Sub, User: k.User, Password: k.Password, Transport: k.Transport, Fingerprint: k.Fingerprint,
		Sound: k.Sound,
	}}
}

// put takes a camera in, in the place of the one of the same id. What that one publishes ends first.
func (c *cameras) put(n *netCamera) {
	n.camera = rtsp.New(n.config, c.log)
	c.mu.Lock()
	old := c.byID[n.id]
	c.byID[n.id] = n
	if old == nil {
		c.all = append(c.all, n)
	} else {
		for i := range c.all {
			if c.all[i] == old {
				c.all[i] = n
			}
		}
	}
	stop := c.retireLocked(old)
	c.mu.Unlock()
	stop()
	c.look()
	select {
	case c.fresh <- struct{}{}:
	default:
	}
}

// drop forgets a camera.
func (c *cameras) drop(id string) {
	c.mu.Lock()
	old := c.byID[id]
	delete(c.byID, id)
	for i := range c.all {
		if c.all[i] == old {
			c.all = append(c.all[:i:i], c.all[i+1:]...)
			break
		}
	}
	stop := c.retireLocked(old)
	c.mu.Unlock()
	stop()
	c.look()
}

// retireLocked has a camera publish no more; the returned func, called without the lock, waits for that.
func (c *cameras) retireLocked(n *netCamera) (wait func()) {
	if n == nil || n.stop == nil {
		return func() {}
	}
	stop := n.stop
	n.key, n.stop = track.Key{}, nil
	return stop
}

// look has Run look again, soon. It does not block.
func (c *cameras) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run has each camera publish what its room may send, until ctx ends.
func (c *cameras) Run(ctx context.Context) error {
	defer c.relay.Watch(func(e relay.SourceEvent) {
		if e.Gone && e.Info.Key.Origin == c.box {
			c.news.Lock()
			c.gone[e.Info.Key] = true
			c.news.Unlock()
			c.look()
		}
	})()
	var looks sync.WaitGroup
	defer looks.Wait()
	looks.Go(func() { c.watch(ctx) }) // ends with ctx
	tick := time.NewTicker(cameraEvery)
	defer tick.Stop()
	for {
		c.turn(ctx)
		select {
		case <-c.wake:
		case <-tick.C:
		case <-ctx.Done():
			c.rest()
			return nil
		}
	}
}

// rest ends all that is published.
func (c *cameras) rest() {
	c.mu.Lock()
	var stops []func()
	for _, n := range c.all {
		stops = append(stops, c.retireLocked(n))
	}
	c.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// turn brings each camera to what it should do now. What ends is ended before anything begins.
func (c *cameras) turn(ctx context.Context) {
	c.mu.Lock()
	none := len(c.all) == 0
	c.mu.Unlock()
	if none {
		return
	}
	wants, displaced := c.wants(), c.displaced()
	c.speak(wants, displaced)
	c.mu.Lock()
	var stops []func()
	for _, n := range c.all {
		if n.stop != nil && (wants[n] != n.key || displaced[n.key]) {
			stops = append(stops, c.retireLocked(n))
		}
	}
	c.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.all {
		if key := wants[n]; n.stop == nil && key != (track.Key{}) {
			c.beginLocked(ctx, n, key)
		}
	}
}

// displaced are the sources of cameras that are live and not at the relay: a publisher without a page had taken their place, and has left.
// They begin anew.
func (c *cameras) displaced() map[track.Key]bool {
	c.news.Lock()
	gone := c.gone
	c.gone = map[track.Key]bool{}
	c.news.Unlock()
	c.mu.Lock()
	live := map[track.Key]bool{}
	for _, n := range c.all {
		if n.stop != nil && gone[n.key] && n.camera.Status().State == rtsp.Live {
			live[n.key] = true
		}
		if voice := n.camera.Speaking(); gone[voice] {
			live[voice] = true
		}
	}
	c.mu.Unlock()
	if len(live) == 0 {
		return nil
	}
	for _, info := range c.relay.Sources() {
		delete(live, info.Key)
	}
	return live
}

// beginLocked has a camera publish.
func (c *cameras) beginLocked(ctx context.Context, n *netCamera, key track.Key) {
	ctx, cancel := context.WithCancel(ctx)
	done, camera := make(chan struct{}), n.camera
	go func() { // ends with ctx; stop waits for it
		defer close(done)
		camera.Publish(ctx, c.relay, key)
	}()
	n.key, n.stop = key, func() { cancel(); <-done }
	c.log.Info("camera asked for", "camera", n.config.Name, "lesson", key.Lesson, "source", key.Source)
}

// wants is what each camera should publish now. A source has one camera: the first that can sign in.
func (c *cameras) wants() map[*netCamera]track.Key {
	room := c.room()
	wants, taken := map[*netCamera]track.Key{}, map[track.Key]bool{}
	for _, at := range c.scenes(room) {
		st, ok := c.state(at.Lesson)
		if !ok {
			continue
		}
		c.mu.Lock()
		for _, n := range c.all {
			source, may := session.Stage(st, c.box, room, n.as, at)
			key := track.Key{Lesson: at.Lesson, Origin: c.box, Source: source}
			if source == "" || !may || n.broken != nil || taken[key] || wants[n] != (track.Key{}) {
				continue
			}
			wants[n], taken[key] = key, true
		}
		c.mu.Unlock()
	}
	return wants
}

// films is what the cameras make of a room in a lesson, whether they may send now or not.
func (c *cameras) films(lesson, room string) []session.Film {
	c.mu.Lock()
	all := append([]*netCamera{}, c.all...)
	c.mu.Unlock()
	if len(all) == 0 || room != c.room() {
		return nil
	}
	st, ok := c.state(lesson)
	if !ok {
		return nil
	}
	var out []session.Film
	seen := map[string]bool{}
	able := slices.DeleteFunc(slices.Clone(all), func(n *netCamera) bool { return n.broken != nil })
	for _, n := range append(able, all...) { // first those that can sign in
		source, _ := session.Stage(st, c.box, room, n.as, session.Scene{})
		if source == "" || seen[source] {
			continue
		}
		seen[source] = true
		c.mu.Lock()
		s := n.camera.Status()
		c.mu.Unlock()
		out = append(out, session.Film{Source: source, On: s.State == rtsp.Live, Failing: s.State == rtsp.Failing || n.broken != nil})
	}
	if voice := c.heard(lesson); voice.On {
		out = append(out, voice)
	}
	return out
}

// facts are what the doctor is told: the worst of the cameras that somebody asks for, or has tried.
func (c *cameras) facts(f *doctor.Facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.NetCameras = len(c.all)
	for _, n := range c.all {
		s := n.camera.Status()
		switch {
		case n.broken != nil:
			f.NetCamera, f.NetCameraName = rtsp.NoPassword, n.config.Name
		case s.Fault != nil && s.State != rtsp.Live:
			f.NetCamera, f.NetCameraName = s.Fault.Code, n.config.Name
		default:
			continue
		}
		return
	}
}

// figures are what tongke status shows.
func (c *cameras) figures() map[string]rtsp.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]rtsp.Status{}
	for _, n := range c.all {
		out[n.config.Name] = n.camera.Status()
	}
	return out
}
