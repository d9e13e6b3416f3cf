package session

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
)

const coreID, aID, bID = "core000000000000", "aaaa000000000000", "bbbb000000000000"

func TestEntrance(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	teacher := bearer(b.token("l", auth.Teacher, ""))
	with := func(h http.Header, k, v string) http.Header {
		h = h.Clone()
		if h == nil {
			h = http.Header{}
		}
		h.Set(k, v)
		return h
	}
	own := strings.TrimPrefix(b.local, "http://")
	_, port, _ := strings.Cut(own, ":")
	for _, tt := range []struct {
		name, base string
		header     http.Header
		protocols  []string
		want       int
	}{
		{"nobody", b.public, nil, nil, 401},
		{"a token", b.public, teacher, nil, 101},
		{"a token of another make", b.public, bearer("tk1.e30.AAAA"), nil, 401},
		{"a changed token", b.public, bearer(b.token("l", auth.Teacher, "") + "A"), nil, 401},
		{"an inspector", b.public, bearer(b.token("l", auth.Inspector, "")), nil, 403},
		{"a WHIP token", b.public, bearer(b.token("l", auth.Publish, "")), nil, 403},
		{"a WHEP token", b.public, bearer(b.token("l", auth.Watch, "")), nil, 403},
		{"the screen beside the box", b.local, nil, nil, 101},
		{"its own page", b.local, http.Header{"Origin": {b.local}}, nil, 101},
		{"another site's page", b.local, http.Header{"Origin": {"https://evil.example"}}, nil, 403},
		{"a page of another port", b.local, http.Header{"Origin": {"http://127.0.0.1:1"}}, nil, 403},
		{"a page of the other scheme", b.local, http.Header{"Origin": {"https://" + own}}, nil, 403},
		{"a sandboxed page", b.local, http.Header{"Origin": {"null"}}, nil, 403},
		{"another site's page with a token", b.public, with(teacher, "Origin", "https://evil.example"), nil, 403},
		{"a name that was led here", b.local, http.Header{"Host": {"evil.example:" + port}}, nil, 403},
		{"no subprotocol", b.local, nil, []string{}, 400},
		{"another version", b.local, nil, []string{"tongke.v2"}, 400},
	} {
		p, resp, err := dial(t, tt.base, tt.header, tt.protocols...)
		if resp == nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
		if p != nil {
			if p.ws.Subprotocol() != protocol.Subprotocol {
				t.Errorf("%s: subprotocol %q", tt.name, p.ws.Subprotocol())
			}
			p.ws.Close()
		}
	}
	resp, err := http.Get(b.local + "/ws")
	if err != nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("without an upgrade: %v, %v", resp.StatusCode, err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

func TestHello(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	b.create("other")
	for _, tt := range []struct {
		name  string
		token string
		hello protocol.Hello
		want  protocol.Code // "" is ok
		role  auth.Role
	}{
		{"teacher", b.token("l", auth.Teacher, ""), teach("l"), "", auth.Teacher},
		{"teacher's second page", b.token("l", auth.Teacher, ""), teach("l"), protocol.Elsewhere, ""},
		{"teacher's telephone", b.token("l", auth.Teacher, ""), protocol.Hello{Page: "teach", Lesson: "l", Remote: true}, "", auth.Teacher},
		{"teacher of another lesson", b.token("other", auth.Teacher, ""), teach("l"), protocol.Forbidden, ""},
		{"no such lesson", b.token("l", auth.Teacher, ""), teach("none"), protocol.Forbidden, ""},
		{"unknown to the registry", "", class("none"), protocol.UnknownLesson, ""},
		{"a classroom does not teach", "", teach("l"), protocol.Forbidden, ""},
		{"a teacher is no classroom", b.token("l", auth.Teacher, ""), class("l"), protocol.Forbidden, ""},
		{"an assistant", b.token("l", auth.Assistant, "north"), protocol.Hello{Page: "assist", Lesson: "l"}, "", auth.Assistant},
		{"an assistant teaches", b.token("l", auth.Assistant, "north"), teach("l"), protocol.Forbidden, ""},
		{"a classroom of its own", b.token("l", auth.Classroom, "north/三(2)班"), class("l"), "", auth.Classroom},
		{"a later version", "", protocol.Hello{Page: "class", Version: 2}, protocol.VersionCode, ""},
	} {
		base, header := b.local, http.Header(nil)
		if tt.token != "" {
			base, header = b.public, bearer(tt.token)
		}
		p := connect(t, base, header)
		err := p.ask(tt.hello, &p.ok)
		if tt.want == "" && (err != nil || p.ok.Role != string(tt.role) || p.ok.Session == "" || len(p.ok.Resume) < 20 || p.ok.Now == 0) {
			t.Errorf("%s: %v, %+v", tt.name, err, p.ok)
		}
		if tt.want != "" && (err == nil || err.(*protocol.Error).Code != tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestOneScreenARoom(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	first := connect(t, b.local, nil).hello(class("l"))
	second := connect(t, b.local, nil)
	second.refused(class("l"), protocol.RoomTaken)
	second.refused(protocol.Hello{Page: "class"}, protocol.RoomTaken)
	taking := class("l")
	taking.Take = protocol.TakePlay
	second.hello(taking)
	first.saw("taken over", func() bool { return first.bye == protocol.ByeTakenOver })
	if code := first.closeCode(); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
	// A page that died leaves its place to whoever comes.
	second.ws.Close()
	<-second.done
	eventually(t, "the place is free", func() bool {
		p := connect(t, b.local, nil)
		return p.ask(class("l"), &p.ok) == nil
	})
}

func TestResume(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	tok := b.token("l", auth.Teacher, "")
	p := connect(t, b.public, bearer(tok)).hello(teach("l"))
	p.phase(protocol.Waiting)
	p.must(protocol.LessonStart{}, nil)
	p.phase(protocol.Live)
	p.ws.UnderlyingConn().Close() // without a word
	<-p.done

	resume := teach("l")
	resume.Resume = p.ok.Resume
	again := connect(t, b.public, bearer(tok)).hello(resume)
	if again.ok.Session != p.ok.Session || again.ok.Resume == p.ok.Resume {
		t.Errorf("first %+v, resumed %+v", p.ok, again.ok)
	}
	again.phase(protocol.Live)
	if again.state.Lead == nil || again.state.Lead.Session != p.ok.Session {
		t.Errorf("lead %+v", again.state.Lead)
	}
	// The connection that was there is told, once a third takes over.
	resume.Resume = again.ok.Resume
	third := connect(t, b.public, bearer(tok)).hello(resume)
	if third.ok.Session != p.ok.Session {
		t.Error("not resumed")
	}
	again.closeCode()

	// Tokens that are used up, forged, or another's open a place of their own and no more.
	for name, h := range map[string]protocol.Hello{
		"used up":   {Page: "class", Lesson: "l", Resume: p.ok.Resume},
		"forged":    {Page: "class", Lesson: "l", Resume: strings.Repeat("A", 24)},
		"another's": {Page: "class", Lesson: "l", Resume: third.ok.Resume},
	} {
		q := connect(t, b.public, bearer(b.token("l", auth.Classroom, "north")))
		if err := q.ask(h, &q.ok); err != nil || q.ok.Session == p.ok.Session || q.ok.Role != "classroom" {
			t.Errorf("%s: %v %+v", name, err, q.ok)
		}
		q.must(protocol.Leave{}, nil)
		<-q.done
	}
	if third.ask(protocol.LessonSet{}, nil) != nil {
		t.Error("the teacher lost its place")
	}
}

func TestOrderOfMessages(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	p := connect(t, b.local, nil)
	p.refused(protocol.HandRaise{}, protocol.WrongState)
	p.hello(class("l"))
	p.refused(class("l"), protocol.WrongState)
	p.saw("a state", func() bool { return p.state != nil })
	p.refused(protocol.HandRaise{}, protocol.WrongState) // not begun
	p.refused(protocol.FloorCall{Room: "x"}, protocol.Forbidden)
	p.refused(protocol.MediaDown{SDP: "v=0"}, protocol.WrongState)
	p.refused(protocol.MediaRestart{PC: "down"}, protocol.WrongState)
	p.refused(protocol.MediaUp{SDP: "v=0", Tracks: []protocol.Track{{MID: "0", Source: "voice"}}}, protocol.Forbidden) // the master's screen
	p.id = 3
	p.refused(protocol.RoomVolume{Volume: 3}, protocol.Malformed) // an id that was used
	p.id = 100
	p.must(protocol.RoomVolume{Volume: 30}, nil)
	p.saw("the volume", func() bool { return p.room.Volume == 30 })
	p.must(protocol.Leave{}, nil)
	p.closeCode()
}

// hostile says what a client does and how it ends.
func TestHostileClients(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	text := func(s string) func(*page) error {
		return func(p *page) error { return p.ws.WriteMessage(websocket.TextMessage, []byte(s)) }
	}
	repeat := func(n int, s string) func(*page) error {
		return func(p *page) error {
			for range n {
				if err := p.ws.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	flood := func(frame func(i int) string) func(*page) error {
		return func(p *page) error {
			for i := 1; ; i++ {
				if err := p.ws.WriteMessage(websocket.TextMessage, []byte(frame(i))); err != nil {
					return nil // cut
				}
			}
		}
	}
	for _, tt := range []struct {
		name  string
		hello bool
		do    func(*page) error
		want  []int // close codes; nil: it stays
	}{
		{"binary", false, func(p *page) error { return p.ws.WriteMessage(websocket.BinaryMessage, []byte{1}) }, []int{1007}},
		{"no JSON, three times", false, repeat(3, "hello"), []int{1007}},
		{"no UTF-8", false, repeat(3, "{\"type\":\"\xff\"}"), []int{1007}},
		{"unknown types", true, repeat(3, `{"type":"lesson.destroy","id":9}`), []int{1008}},
		{"unknown fields twice", true, repeat(2, `{"type":"hand.raise","id":9,"x":1}`), nil},
		{"deep", false, repeat(3, strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)), []int{1007}},
		{"huge", false, text(strings.Repeat("x", 70000)), []int{1009}},
		{"a key twice", false, repeat(3, `{"type":"bye","type":"bye","id":1}`), []int{1007}},
		{"no id", true, repeat(3, `{"type":"hand.raise"}`), []int{1007}},
		{"flood", true, flood(func(i int) string { return fmt.Sprintf(`{"type":"hand.raise","id":%d}`, i+5) }), []int{1008}},
		{"flood of large ones", true, flood(func(i int) string {
			return fmt.Sprintf(`{"type":"media.up","id":%d,"sdp":"%s","tracks":[]}`, i+5, strings.Repeat("x", 60000))
		}), []int{1008}},
		{"flood before hello", false, flood(func(i int) string { return fmt.Sprintf(`{"type":"hand.raise","id":%d}`, i) }), []int{1008}},
		{"flood of garbage", false, flood(func(int) string { return "x" }), []int{1007, 1008}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			campus := strings.ReplaceAll(tt.name, " ", "-") // a room has three phones
			p := connect(t, b.public, bearer(b.token("l", auth.Assistant, campus)))
			if tt.hello {
				p.hello(protocol.Hello{Page: "assist", Lesson: "l"})
			}
			start := time.Now()
			if err := tt.do(p); err != nil && tt.want == nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				p.saw("a state", func() bool { return p.state != nil })
				p.id = 50
				p.must(protocol.Leave{}, nil)
				return
			}
			code := p.closeCode()
			ok := code == 0 && (strings.HasPrefix(tt.name, "flood") || tt.name == "huge") // who is still writing may miss the reason
			for _, w := range tt.want {
				ok = ok || code == w
			}
			if !ok {
				t.Errorf("closed with %d (%v), want %v", code, p.closed, tt.want)
			}
			if took := time.Since(start); took > patience {
				t.Errorf("cut off after %v", took)
			}
		})
	}
}

// Three phones flood with requests that are in order, as fast as sockets take them: each is cut off within a second, and who sits beside
// them hardly notices.
func TestFlooderHurtsNobodyElse(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	calm := connect(t, b.local, nil).hello(class("l"))
	calm.saw("a state", func() bool { return calm.state != nil })
	cut := make(chan time.Duration, 3)
	for range 3 {
		flooder := connect(t, b.public, bearer(b.token("l", auth.Assistant, "north"))).hello(protocol.Hello{Page: "assist", Lesson: "l"})
		go func() { // ends when it is cut off
			start := time.Now()
			for id := 10; ; id++ {
				frame, _ := protocol.EncodeRequest(id, protocol.NoteText{Text: strings.Repeat("看", protocol.MaxText)})
				if flooder.ws.WriteMessage(websocket.TextMessage, frame) != nil {
					break
				}
			}
			<-flooder.done
			cut <- time.Since(start)
		}()
	}
	var answers, cuts []time.Duration
	for len(cuts) < 3 {
		select {
		case d := <-cut:
			cuts = append(cuts, d)
			continue
		default:
		}
		at := time.Now()
		calm.must(protocol.RoomVolume{Volume: len(answers) % 100}, nil)
		answers = append(answers, time.Since(at))
		time.Sleep(60 * time.Millisecond)
	}
	slices.Sort(answers)
	slices.Sort(cuts)
	t.Logf("cut off after %v; of %d answers beside them the middle one took %v, the slowest %v", cuts, len(answers), answers[len(answers)/2], answers[len(answers)-1])
	if cuts[2] > patience || answers[len(answers)*9/10] > patience/2 { // 0.8 s and 0.2 ms on an idle machine; the race detector on a busy one is slow
		t.Error("too late, or too slow")
	}
}

func TestSlowReaderIsClosed(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	ws, _, err := (&websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}, ReadBufferSize: 1024}).Dial("ws"+strings.TrimPrefix(b.local, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"hello","id":1,"page":"class","lesson":"l"}`)); err != nil {
		t.Fatal(err)
	}
	var one *Session
	eventually(t, "a session", func() bool {
		b.srv.mu.Lock()
		defer b.srv.mu.Unlock()
		for _, s := range b.srv.sessions {
			one = s
		}
		return one != nil
	})
	start := time.Now()
	gone := false
	eventually(t, "parked", func() bool { // nothing is read; far more is sent than sockets hold
		reply := make(chan bool, 1)
		one.post(func() {
			for range 20 {
				one.tell(protocol.Level{Rooms: map[string]int{strings.Repeat("x", 30000): 1}})
			}
			reply <- one.conn == nil
		})
		gone = <-reply
		return gone
	})
	t.Logf("given up after %v", time.Since(start))
	code := 0
	for code == 0 {
		if _, _, err := ws.ReadMessage(); err != nil {
			e, ok := err.(*websocket.CloseError)
			if !ok {
				t.Logf("what it reads at the end: %v", err) // its socket was full of what it did not take
				break
			}
			code = e.Code
		}
	}
	if code != 0 && code != websocket.CloseTryAgainLater && code != websocket.CloseAbnormalClosure {
		t.Errorf("closed with %d", code)
	}
}

func TestShutdownSaysBye(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	p := connect(t, b.local, nil).hello(class("l"))
	silent := connect(t, b.local, nil)
	go b.stop() // waited for by the test's end
	p.closeCode()
	if p.bye != protocol.ByeShutdown {
		t.Errorf("bye %q", p.bye)
	}
	silent.closeCode()
}

func TestWallScreenFollowsItsRoom(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	p := connect(t, b.local, nil).hello(protocol.Hello{Page: "class"})
	p.saw("idle", func() bool { return p.room.State == protocol.RoomIdle })
	p.refused(protocol.HandRaise{}, protocol.WrongState)
	b.create("l")
	p.saw("in the lesson", func() bool { return p.room.State == protocol.RoomIn && p.state != nil && p.state.ID == "l" })
	teacher := connect(t, b.public, bearer(b.token("l", auth.Teacher, ""))).hello(teach("l"))
	teacher.phase(protocol.Waiting)
	teacher.must(protocol.LessonStart{}, nil)
	p.phase(protocol.Live)
	teacher.must(protocol.LessonFinish{Confirm: true}, nil)
	p.saw("ended", func() bool { return p.room.State == protocol.RoomEnded })
}

func TestTakeover(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	tok := b.token("l", auth.Teacher, "")
	first := connect(t, b.public, bearer(tok)).hello(teach("l"))
	first.phase(protocol.Waiting)
	second := connect(t, b.public, bearer(tok))
	second.refused(teach("l"), protocol.Elsewhere)
	take := teach("l")
	take.Take = protocol.TakeLead
	second.hello(take)
	first.saw("taken over", func() bool { return first.bye == protocol.ByeTakenOver })
	second.must(protocol.LessonStart{}, nil)
}

// A phone that comes anew again and again, without its resume token, does not fill the box with places that wait for it.
func TestPlacesOfOnePerson(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	tok := b.token("l", auth.Assistant, "north")
	var last *page
	for range 3 * maxOfOne {
		if last != nil {
			last.ws.Close()
			<-last.done
		}
		last = connect(t, b.public, bearer(tok)).hello(protocol.Hello{Page: "assist", Lesson: "l"})
	}
	eventually(t, "places are given up", func() bool { return b.srv.Stats().Sessions <= maxOfOne+1 })
	last.phase(protocol.Waiting)
}

// A page that asks for one connection after the other is told to wait.
func TestNegotiationsAreBounded(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	p := connect(t, b.local, nil).hello(class("l"))
	p.saw("a state", func() bool { return p.state != nil })
	made := 0
	for range 4 * offersBurst {
		err := p.ask(protocol.MediaDown{}, nil)
		if err == nil {
			made++
		} else if !errors.Is(err, &protocol.Error{Code: protocol.TooMany}) {
			t.Fatal(err)
		}
	}
	if made < offersBurst || made == 4*offersBurst {
		t.Errorf("%d connections were made", made)
	}
}

// TestThreePhones also shows that a fourth is told.
func TestThreePhones(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	for i := range 4 {
		p := connect(t, b.public, bearer(b.token("l", auth.Assistant, "north")))
		err := p.ask(protocol.Hello{Page: "assist", Lesson: "l"}, &p.ok)
		if (err != nil) != (i == 3) {
			t.Errorf("phone %d: %v", i+1, err)
		}
		if i == 0 {
			p.refused(protocol.MediaDown{}, protocol.Forbidden)
			p.refused(protocol.MediaUp{SDP: "v=0", Tracks: []protocol.Track{}}, protocol.Forbidden)
		}
	}
}

// The teacher withdraws the code of a room: phones that came by it leave and do not come back, those with the new one do, and whoever came
// by an operator's token stays.
func TestCodeIsWithdrawn(t *testing.T) {
	r := newRelay(t)
	core, north := newBox(t, coreID, "core", r), newBox(t, aID, "north", r)
	link(t, core, north)
	core.create("l")
	north.srv.cfg.Assist = func(lesson, campus, classroom string, codes int) *protocol.Assist {
		if err := north.auth.AssistRound(lesson, campus, classroom, codes); err != nil {
			t.Error(err)
		}
		return &protocol.Assist{URL: "https://192.0.2.1/assist", Code: north.auth.AssistCode(lesson, campus, classroom)}
	}
	wall := connect(t, north.local, nil).hello(protocol.Hello{Page: "class"})
	teacher := connect(t, core.public, bearer(core.token("l", auth.Teacher, ""))).hello(teach("l"))
	wall.saw("a code", func() bool { return wall.room.Assist != nil })
	enter := func(code string) http.Header {
		t.Helper()
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, north.public, nil)
		if _, err := north.auth.Assist(w, req.WithContext(auth.WithListener(req.Context(), auth.Public)), code); err != nil {
			t.Fatal(err)
		}
		return http.Header{"Cookie": {w.Result().Cookies()[0].String()}}
	}
	assist := protocol.Hello{Page: "assist", Lesson: "l"}
	first := wall.room.Assist.Code
	known := enter(first)
	phone := connect(t, north.public, known).hello(assist)
	operator := connect(t, north.public, bearer(north.token("l", auth.Assistant, "north"))).hello(assist)
	phone.refused(protocol.RoomCode{Room: "north"}, protocol.Forbidden)
	teacher.saw("the phones", func() bool {
		return teacher.state != nil && len(teacher.state.Rooms) == 1 && teacher.state.Rooms[0].Phones == 2
	})
	teacher.must(protocol.RoomCode{Room: "north"}, nil)
	phone.saw("out", func() bool { return phone.bye == protocol.ByeSignedOut })
	wall.saw("a new code", func() bool { return wall.room.Assist.Code != first })
	connect(t, north.public, known).refused(assist, protocol.Forbidden)
	var wrong *auth.WrongCode
	if _, err := north.auth.Assist(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, north.public, nil), first); !errors.As(err, &wrong) {
		t.Errorf("the old code: %v", err)
	}
	again := connect(t, north.public, enter(wall.room.Assist.Code)).hello(assist)
	again.saw("in", func() bool { return again.state != nil })
	if operator.bye != "" {
		t.Error("who has an operator's token was sent out")
	}
}
