package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"tongke/device/identity"
	"tongke/media/cascade"
	"tongke/media/ingest"
	"tongke/media/library"
	"tongke/media/recorder"
	"tongke/media/recorder/journal"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/udp"
	"tongke/signaling/auth"
	"tongke/signaling/boxes"
	"tongke/signaling/join"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
)

// daemon is one running box: every part, and the funcs by which they meet.
type daemon struct {
	cfg Config
	dir string
	con *console
	log *slog.Logger

	store     *store.Store
	box       *identity.Box
	auth      *auth.Auth
	registry  *lesson.Registry
	timetable *timetable.Keeper
	lessons   lessons
	ends      []endpoint
	splits    []*udp.Splitter // of ends
	local     net.Listener
	control   net.Listener
	at        addresses

	relay    *relay.Relay
	engine   *rtc.Engine
	node     *cascade.Node
	ingest   *ingest.Server
	hub      *lesson.Hub
	sessions *session.Server
	keys     *journal.KeyDir
	recorder *recorder.Recorder
	library  *library.Library
	parent   uplinkState
	clock    clockKeeper
	theirs   parentTime
	calls    calls             // for the technician
	roster   *boxes.Roster     // the boxes below, and calls for somebody to look
	pairer   *join.Pairer      // joins by comparing digits
	seen     chan string       // ids of children that came or went
	down     map[string]func() // by box id: ends the lesson channel to it

	device *deviceWatch
	tests  *selfTests
	desk   *deviceDesk

	installed installed // said by whoever set the box up

	cameras *cameras

	parts *parts
	anew  chan struct{} // 1: the box is to be erased and to begin anew
	ready atomic.Bool
}

// openDaemon opens everything that can fail, so that a fault is told before anything runs.
func openDaemon(cfg Config, dir string, con *console, log *slog.Logger) (_ *daemon, err error) {
	d := &daemon{cfg: cfg, dir: dir, con: con, log: log, parts: newParts(log), anew: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			d.closeSockets()
			d.closeStore()
		}
	}()
	if err := prepareData(dir); err != nil {
		return nil, err
	}
	if d.store, err = openStore(dir); err != nil {
		return nil, err
	}
	tidyHalves(dir)
	if d.box, err = openBox(dir, d.store, cfg); err != nil {
		return nil, dataFault(dir, err)
	}
	if d.ends, err = listenAll(cfg.Listen, log); err != nil {
		return nil, err
	}
	if d.local, err = net.Listen("tcp", cfg.Local); err != nil {
		return nil, listenFault("TCP", cfg.Local, err)
	}
	if d.control, err = listenControl(dir); err != nil {
		return nil, err
	}
	d.at = addresses{PID: os.Getpid(), Local: d.local.Addr().String()}
	for _, e := range d.ends {
		d.at.Listen = append(d.at.Listen, e.tcp.Addr().String())
	}
	return d, nil
}

func openStore(dir string) (*store.Store, error) {
	s, err := store.Open(dir)
	if errors.Is(err, store.ErrLocked) {
		return nil, inUseFault(dir, err)
	}
	if err == nil && unsettled(dir) { // since the caller settled it
		s.Close()
		return nil, inUseFault(dir, nil)
	}
	return s, dataFault(dir, err)
}

// start runs all parts, those that others lean on first, and returns when the box answers.
func (d *daemon) start() error {
	conns := make(batchers, len(d.ends))
	d.splits = make([]*udp.Splitter, len(d.ends))
	for i, e := range d.ends {
		conns[i] = e.udp
		d.splits[i] = udp.Split(e.tcp)
	}
	d.relay = relay.New(relay.Config{Log: d.log.With("part", "relay"), Batch: d.cfg.bench.slow(conns)})
	if err := d.build(); err != nil {
		return err
	}
	d.parts.start("relay", d.relay.Run)
	d.relay.Watch(d.lessons.source)
	d.relay.Watch((&rules{hub: d.hub, changed: d.rulesChanged, lessons: map[string]*ruled{}}).source)
	d.relay.Watch((&taught{hub: d.hub, box: d.box.ID(), sources: map[string][]string{}}).source)
	d.parts.start("engine", untilDone(d.engine.Close))
	d.parts.start("lessons", d.registry.Run)
	d.parts.start("hub", d.hub.Run)
	d.parts.start("timetable", d.timetable.Run)
	d.parts.start("recorder", d.recorder.Run)
	d.parts.start("recordings", (&recordings{d: d}).run)
	d.parts.start("children", d.noteChildren)
	d.parts.start("uplinks", d.node.Run)
	d.parts.start("clock", d.keepClock)
	d.parts.start("library", d.runLibrary)
	d.parts.start("ingest", d.ingest.Run)
	d.parts.start("sessions", d.sessions.Run)
	d.parts.start("cameras", d.cameras.Run)
	if err := d.useParent(); err != nil {
		return err
	}
	d.device = d.newDeviceWatch()
	d.tests = d.newSelfTests()
	d.desk = d.newDeviceDesk()
	d.pairer = d.newPairer()
	h, err := d.newAPI()
	if err != nil {
		return err
	}
	d.parts.start("device", d.device.Run)
	d.parts.start("boxes", d.roster.Run)
	d.parts.start("check", d.desk.check.Run)
	d.parts.start("network", d.desk.network.Run)
	d.parts.start("volume", d.desk.keepVolume)
	d.parts.start("self-test", d.tests.Run)
	d.parts.start("pairing", d.pairer.Run)
	d.parts.start("trust", d.keepTrust)
	d.parts.start("calls", d.keepCalling)
	d.parts.start("control", serve(newServer(h.Control(), d.log), d.control))
	d.parts.start("clock", d.keepClock)
	for i, s := range d.splits {
		at := d.at.Listen[i]
		d.parts.start("split "+at, s.Run)
		d.parts.start("https "+at, serve(newServer(h.Public(), d.log), tls.NewListener(s.TLS(), d.box.ServerTLS())))
	}
	d.parts.start("http "+d.at.Local, serve(newServer(h.Local(), d.log), d.local))
	if err := d.at.write(d.dir); err != nil {
		return err
	}
	d.parts.start("watchdog", watchdog(d.alive, d.log))
	d.ready.Store(true)
	return nil
}

// build makes the parts that lean on the relay and on each other.
func (d *daemon) build() (err error) {
	meta, err := d.store.EnsureMeta()
	if err != nil {
		return dataFault(d.dir, err)
	}
	place := func() (string, string) {
		m, err := d.store.Meta()
		if err != nil {
			d.log.Error("place of this box not read", "err", err)
		}
		return m.CampusID, m.Classroom
	}
	if d.auth, err = auth.New(d.store, auth.Config{BoxID: d.box.ID(), Place: place, Clock: d.rightTime}); err != nil {
		return dataFault(d.dir, err)
	}
	if err := d.newRoster(); err != nil {
		return err
	}
	if d.registry, err = lesson.New(d.store, lesson.Config{
		Box: d.box.ID(), Keep: true, Log: d.log.With("part", "lesson"), Reach: func() { d.node.Refresh() }, Boxes: d.roster.Frame,
	}); err != nil {
		return dataFault(d.dir, err)
	}
	d.timetable = timetable.NewKeeper(timetable.Config{Store: d.store, Lessons: d.registry, Log: d.log.With("part", "timetable")})
	d.lessons = lessons{d.registry, d.store}
	media := rtc.Config{UDP: d.ends[0].udp, TCP: d.splits[0].ICE(), Log: d.log.With("part", "rtc")}
	for i, e := range d.ends[1:] {
		media.More = append(media.More, rtc.Endpoint{UDP: e.udp, TCP: d.splits[1+i].ICE()})
	}
	if d.engine, err = rtc.New(media); err != nil {
		return err
	}
	d.seen, d.down = make(chan string, 64), map[string]func(){}
	if d.node, err = d.newNode(meta); err != nil {
		return err
	}
	d.ingest = ingest.New(ingest.Config{
		Engine: d.engine, Relay: d.relay, Box: d.box.ID(),
		Authorize: d.authorize,
		Lessons:   d.lessons,
		Voice:     d.voice,
		Limits:    d.cfg.Ingest.limits(),
		Log:       d.log.With("part", "ingest"),
	})
	if err := d.newRecorder(); err != nil {
		return err
	}
	if err := d.newLibrary(); err != nil {
		return err
	}
	if err := d.newSessions(); err != nil {
		return err
	}
	if d.cameras, err = d.newCameras(); err != nil {
		return dataFault(d.dir, err)
	}
	for _, l := range d.registry.List() {
		d.lessonChanged(l)
	}
	d.registry.Watch(d.lessonChanged)
	return nil
}

// lessonChanged lets the media parts follow a lesson.
func (d *daemon) lessonChanged(l lesson.Lesson) {
	if l.State == protocol.Ended {
		d.ingest.CloseLesson(l.ID)
		d.relay.EndLesson(l.ID)
		d.keepWithdrawn(l.ID)
		d.auth.EndAssist(l.ID)
	} else {
		d.relay.SetTeaching(l.ID, l.Owner)
	}
	d.node.Refresh() // who may see it may have changed
}

// untilDone makes a part of what only has to be closed.
func untilDone(end func() error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		return end()
	}
}

// close ends all parts and reports whether each did in time. The order, and why: first the pages and uplinks are told and cut, so that
// nobody new comes and peers fail over at once; then the publishers and subscribers, whose last packets still find the relay; then the
// relay; then the sockets; the store last, because every part may still note something.
func (d *daemon) close() bool {
	d.ready.Store(false)
	clean := d.parts.end()
	d.closeSockets()
	for _, name := range []string{addressFile, controlSocket} {
		_ = os.Remove(filepath.Join(d.dir, name)) // a leftover misleads nobody for long: both are asked before they are believed
	}
	d.closeStore()
	return clean
}

func (d *daemon) closeSockets() {
	for _, e := range d.ends {
		e.close()
	}
	for _, ln := range []net.Listener{d.local, d.control} {
		if ln != nil {
			ln.Close()
		}
	}
}

// closeStore waits for transactions, so it is bounded: a part that does not end may hold one.
func (d *daemon) closeStore() {
	if d.store == nil {
		return
	}
	done := make(chan struct{})
	go func() { // ends with the store's last transaction, or with the process
		defer close(done)
		if err := d.store.Close(); err != nil {
			d.log.Error("store not closed", "err", err)
		}
	}()
	if !inTime(done, storeLimit) {
		d.log.Error("store does not close")
	}
}

// name is what the box is called now; joining may change it.
func (d *daemon) name() string {
	meta, err := d.store.Meta()
	if err != nil {
		d.log.Error("name of this box not read", "err", err)
	}
	return boxName(d.box, meta, d.cfg)
}
