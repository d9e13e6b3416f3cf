package wall_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"tongke/media/ingest"
	"tongke/media/relay"
	"tongke/media/rtc"
	"tongke/media/udp"
	"tongke/signaling/auth"
	"tongke/signaling/console"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/signaling/store"
	"tongke/testbench"
	"tongke/testbench/peer"
)

const (
	room     = "sanhe"
	lessonID = "music-3"
	boxID    = "0123456789abcdef"
)

// box is the box of a member classroom: its pages, sessions and media are real, the lesson is whatever the test says.
type box struct {
	*lessons

	url    string
	web    *httptest.Server
	server *session.Server
	relay  *relay.Relay

	cuts sync.Map // every net.Conn that was ever accepted

	mu     sync.Mutex
	uplink protocol.Uplink
	away   bool // answers nothing
	fresh  bool
	limits session.Capture // of the machine
	posted []string        // bodies of POST /api/v1/parent

	pages  http.Handler
	probes chan probe // what pages that were opened as /probe/class told
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{lessons: newLessons(), probes: make(chan probe, 1), uplink: protocol.Uplink{Up: true, Since: protocol.At(time.Now())}}
	st, err := store.Open(t.TempDir())
	must(t, err)
	must(t, st.UpdateMeta(func(m *store.Meta) { m.AllianceID, m.CampusID, m.CampusName = "a", room, "三河小学" }))
	people, err := auth.New(st, auth.Config{BoxID: boxID, Place: func() (string, string) { return room, "" }})
	must(t, err)
	conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	engine, err := rtc.New(rtc.Config{UDP: conn, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	r := relay.New(relay.Config{Log: log, Batch: conn})
	media := ingest.New(ingest.Config{Engine: engine, Relay: r, Box: "core", Authorize: anyone, Lessons: b.lessons, Limits: ingest.DefaultLimits(), Log: log})
	b.relay = r
	b.server = session.New(session.Config{
		Capture: func() session.Capture { b.mu.Lock(); defer b.mu.Unlock(); return b.limits },
		Auth:    people, Hub: b.lessons, Records: b.lessons, Engine: engine, Relay: r, Box: boxID, BoxName: func() string { return "tk-0123" },
		Place: func() session.Place { return session.Place{Campus: room, CampusName: "三河小学"} },
		Fresh: func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.fresh },
		Uplink: func() *protocol.Uplink {
			b.mu.Lock()
			defer b.mu.Unlock()
			u := b.uplink
			return &u
		},
		Assist: func(string, string, string, int) *protocol.Assist {
			return &protocol.Assist{URL: "https://192.0.2.1:8443/assist#K7M3PX", Code: "K7M3PX"}
		},
		Log: log,
	})
	pages, err := console.Handler()
	must(t, err)
	b.pages = pages
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/whip/", media)
	mux.Handle("GET /ws", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.server.ServeHTTP(w, r.WithContext(auth.WithListener(r.Context(), auth.Local)))
	}))
	mux.HandleFunc("POST /api/v1/parent", b.join)
	mux.HandleFunc("/probe/", b.probed)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		away := b.away
		b.mu.Unlock()
		if away {
			panic(http.ErrAbortHandler) // the connection is closed without an answer
		}
		mux.ServeHTTP(w, r)
	}))
	web.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { b.cuts.Store(c, nil); return ctx }
	web.Start()
	b.url, b.web = web.URL, web
	ctx, cancel := context.WithCancel(context.Background())
	relayCtx, stopRelay := context.WithCancel(context.Background())
	var wg, relays sync.WaitGroup
	wg.Go(func() { _ = b.server.Run(ctx) })
	wg.Go(func() { _ = media.Run(ctx) })
	relays.Go(func() { _ = r.Run(relayCtx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		web.CloseClientConnections()
		web.Close()
		stopRelay()
		relays.Wait()
		engine.Close()
		st.Close()
	})
	return b
}

func (b *box) set(f func(b *box)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

// cut ends every connection, upgraded ones too.
func (b *box) cut() {
	b.cuts.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
}

// join answers as the API does: the first code is wrong.
func (b *box) join(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, 1000)
	n, _ := r.Body.Read(body)
	b.mu.Lock()
	b.posted = append(b.posted, string(body[:n]))
	first := len(b.posted) == 1
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if first {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"code":"code-wrong","message":"no"}`))
		return
	}
	_, _ = w.Write([]byte(`{"name":"tk-0123","parent":"p"}`))
}

func anyone(r *http.Request, _ string, _ bool) (ingest.Grant, error) {
	return ingest.Grant{TokenID: r.Header.Get("Authorization"), Name: "test"}, nil
}

// teach publishes the synthetic lesson until the test ends or stop is called.
func (b *box) teach(t *testing.T) (stop func()) {
	t.Helper()
	l, err := testbench.Lesson()
	must(t, err)
	teacher, err := peer.NewTeacher(peer.Config{URL: b.url, Lesson: lessonID}, l, true)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = teacher.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	return stop
}

// lessons plays the live lessons of the alliance: one lesson in the state that the test gives it.
type lessons struct {
	mu       sync.Mutex
	state    protocol.State
	open     bool // the lesson names this room
	watchers map[int]func(protocol.Event)
	rooms    map[int]func()
	next     int
	acts     []protocol.Request
	presence protocol.Presence
	start    time.Time // of the lesson that the timetable has for the room
}

func newLessons() *lessons {
	now := protocol.At(time.Now())
	member := func(id, name string) protocol.RoomState {
		return protocol.RoomState{Room: id, Campus: id, Name: name, Box: "b-" + id, State: protocol.RoomLive, Since: now, Word: protocol.WordHears, WordSince: now}
	}
	return &lessons{
		watchers: map[int]func(protocol.Event){}, rooms: map[int]func(){},
		state: protocol.State{
			ID: lessonID, Epoch: 1, Rev: 1, Title: "三年级音乐", Subject: "音乐", Teacher: "李老师", Mode: protocol.ModeSame, State: protocol.Live, OwnerBox: "core",
			Record: protocol.RecordBuffer, Scope: protocol.ScopeTeacherBoard, Layout: protocol.LayoutLecture,
			Lead: &protocol.Lead{Session: "s", Room: "core", Online: true, Since: now}, Master: protocol.RoomRef{Room: "core", Name: "实验小学"},
			Sources: protocol.Sources{Board: true, Teacher: true, Voice: true}, Floor: []protocol.Holder{}, Notes: []protocol.Note{},
			Rooms: []protocol.RoomState{member(room, "三河小学"), member("wuyang", "邬阳小学"), member("guanyin", "观音小学")},
		},
	}
}

// change changes the lesson and tells the pages.
func (l *lessons) change(f func(s *protocol.State)) {
	l.mu.Lock()
	s := l.state
	s.Rooms, s.Floor = slices.Clone(s.Rooms), slices.Clone(s.Floor)
	f(&s)
	s.Rev++
	l.state = s
	var all []func(protocol.Event)
	for _, w := range l.watchers {
		all = append(all, w)
	}
	l.mu.Unlock()
	for _, w := range all {
		w(s)
	}
}

// call lets the lesson name this room, or not any more.
func (l *lessons) call(open bool) {
	l.mu.Lock()
	l.open = open
	var all []func()
	for _, f := range l.rooms {
		all = append(all, f)
	}
	l.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// asked is what people asked for so far, by the type of the request.
func (l *lessons) asked(m protocol.Request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, a := range l.acts {
		if a == m {
			n++
		}
	}
	return n
}

func (l *lessons) Act(_ context.Context, _ string, a lesson.Actor, m protocol.Request) error {
	l.mu.Lock()
	l.acts = append(l.acts, m)
	l.mu.Unlock()
	switch m.(type) {
	case protocol.HandRaise:
		l.change(func(s *protocol.State) { s.Rooms[0].Hand, s.Rooms[0].HandOrder = protocol.At(time.Now()), 1 })
	case protocol.HandLower:
		l.change(func(s *protocol.State) { s.Rooms[0].Hand, s.Rooms[0].HandOrder = 0, 0 })
	case protocol.FloorDone:
		l.change(func(s *protocol.State) { s.Floor = []protocol.Holder{} })
	}
	return nil
}

func (l *lessons) Presence(_ string, p protocol.Presence) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presence = p
}

func (l *lessons) State(string) (protocol.State, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, true
}

func (l *lessons) Watch(_ string, f func(protocol.Event)) (cancel func()) {
	l.mu.Lock()
	l.next++
	id := l.next
	l.watchers[id] = f
	s := l.state
	l.mu.Unlock()
	f(s)
	return func() { l.mu.Lock(); defer l.mu.Unlock(); delete(l.watchers, id) }
}

func (l *lessons) ForRoom(string, string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lessonID, l.open && l.state.State != protocol.Ended
}

func (l *lessons) WatchRooms(f func()) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	id := l.next
	l.rooms[id] = f
	return func() { l.mu.Lock(); defer l.mu.Unlock(); delete(l.rooms, id) }
}

func (l *lessons) record() protocol.Lesson {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := protocol.Lesson{ID: lessonID, Title: "三年级音乐", Subject: "音乐", Teacher: "李老师", Owner: "core", Mode: protocol.ModeSame, State: protocol.Live}
	if !l.start.IsZero() {
		r.State, r.Start, r.End = protocol.Planned, l.start, l.start.Add(40*time.Minute)
	}
	return r
}

func (l *lessons) Ask(context.Context, string) (protocol.Lesson, error) { return l.record(), nil }
func (l *lessons) Get(string) (protocol.Lesson, bool)                   { return l.record(), true }
func (l *lessons) List() []protocol.Lesson                              { return []protocol.Lesson{l.record()} }
func (l *lessons) Visible(protocol.Lesson, string, string) bool         { return true }
func (l *lessons) Overran(string, string, string) bool                  { return false }
func (l *lessons) Exists(context.Context, string) (bool, error)         { return true, nil }
func (l *lessons) CreateByWHIP(context.Context, string) error           { return nil }
func (l *lessons) PublisherJoined(string, string)                       {}
func (l *lessons) PublisherLeft(string, string)                         {}
