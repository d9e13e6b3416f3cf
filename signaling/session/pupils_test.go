package session

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tongke/media/track"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
)

// TestEveryWayToPupils goes every way that a page may come in, and asks for all it can get: only the lesson's classrooms and the page that
// teaches are given pupils. Uplinks are TestMayTake, WHEP is cmd/tongke's TestMediaGrants.
func TestEveryWayToPupils(t *testing.T) {
	l := newLesson(t)
	l.core.create("other")
	if _, err := l.core.registry.Create(lesson.Spec{ID: "named", Title: "named", Campuses: protocol.Campuses{"north"}}, "admin"); err != nil {
		t.Fatal(err)
	}
	l.teacher.must(protocol.LessonStart{}, nil)
	l.teacher.hears('A', "video")
	l.teacher.must(protocol.FloorCall{Room: "north"}, nil)
	l.b.hears('A', "video")
	token := func(role auth.Role, campus string) http.Header { return bearer(l.core.token("l", role, campus)) }
	watching := protocol.Hello{Page: "teach", Lesson: "l", Remote: true}
	for _, tt := range []struct {
		name   string
		base   string
		header http.Header
		hello  protocol.Hello
		status int           // of the upgrade, if refused there
		hail   protocol.Code // what hello is answered, if refused
		down   protocol.Code // what media.down is answered, if refused
		pupils bool
	}{
		{name: "nobody", base: l.core.public, status: 401},
		{name: "an inspector's token", base: l.core.public, header: token(auth.Inspector, ""), status: 403},
		{name: "an inspector's token, as a classroom", base: l.core.public, header: token(auth.Inspector, "north"), status: 403},
		{name: "an inspector who signed in", base: l.core.public, header: l.core.person("陈校长", auth.Inspector), status: 403},
		{name: "a token to watch", base: l.core.public, header: token(auth.Watch, ""), status: 403},
		{name: "a token to publish", base: l.core.public, header: token(auth.Publish, ""), status: 403},
		{name: "a second page of the teacher's", base: l.core.public, header: token(auth.Teacher, ""), hello: teach("l"), hail: protocol.Elsewhere},
		{name: "a page that looks on", base: l.core.public, header: token(auth.Teacher, ""), hello: watching},
		{name: "a teacher of another lesson", base: l.core.public, header: bearer(l.core.token("other", auth.Teacher, "")), hello: watching, hail: protocol.Forbidden},
		{name: "another teacher who signed in", base: l.core.public, header: l.core.person("王五", auth.Teacher), hello: watching, hail: protocol.Forbidden},
		{name: "an administrator at the teacher's page", base: l.core.public, header: l.core.person("管理员", auth.Administrator), hello: teach("l"), down: protocol.Forbidden},
		{name: "a technician at the teacher's page", base: l.core.public, header: l.core.person("技术员", auth.Technician), hello: teach("l"), hail: protocol.Forbidden},
		{name: "a technician at a classroom's page", base: l.core.public, header: l.core.person("装机员", auth.Technician), hello: class("l"), hail: protocol.Forbidden},
		{name: "the first page of all", base: l.core.public, header: l.core.person("赵六", auth.Teacher), hello: protocol.Hello{Page: "home"}, down: protocol.WrongState},
		{name: "an assistant's phone", base: l.core.public, header: token(auth.Assistant, "north"), hello: protocol.Hello{Page: "assist", Lesson: "l"}, down: protocol.Forbidden},
		{name: "an assistant's phone as a classroom", base: l.core.public, header: token(auth.Assistant, "north"), hello: class("l"), hail: protocol.Forbidden},
		{name: "a second screen of a room", base: l.north.local, hello: class("l"), hail: protocol.RoomTaken},
		{name: "a room of a lesson that does not name it", base: l.south.local, hello: class("named"), hail: protocol.Forbidden},
		{name: "the screen beside the teacher", base: l.core.local, hello: class("l"), pupils: true},
		{name: "another classroom of the lesson", base: l.core.public, header: token(auth.Classroom, "east"), hello: class("l"), pupils: true},
	} {
		p, resp, err := dial(t, tt.base, tt.header)
		if resp == nil || tt.status != 0 && resp.StatusCode != tt.status || tt.status == 0 && err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if tt.status != 0 {
			continue
		}
		if tt.hail != "" {
			p.refused(tt.hello, tt.hail)
			continue
		}
		p.hello(tt.hello)
		if tt.down != "" {
			p.refused(protocol.MediaDown{}, tt.down)
			continue
		}
		p.phase(protocol.Live)
		sees := play(p, 'x').show()
		if tt.pupils {
			sees.hears('A', "video")
			continue
		}
		sees.hears('T', "video")
		p.mu.Lock()
		for _, s := range p.bound.Slots {
			if s.Source != "" && s.Source != track.Teacher && s.Source != track.Board {
				t.Errorf("%s is given %s of %s", tt.name, s.Source, s.Room)
			}
		}
		p.mu.Unlock()
		if n := sees.count('A', "video") + sees.count('B', "video") + sees.count('A', "audio") + sees.count('B', "audio"); n > 0 {
			t.Errorf("%s got %d packets of pupils", tt.name, n)
		}
	}
}

// person signs somebody in, who has chosen a password, and gives the cookie.
func (b *box) person(name string, role auth.Role) http.Header {
	b.t.Helper()
	h := http.Header{}
	if _, err := b.auth.AddPerson(b.t.Context(), name, role, ""); err != nil {
		b.t.Fatal(err)
	}
	if err := b.auth.SetPassword(b.t.Context(), name, "long enough"); err != nil {
		b.t.Fatal(err)
	}
	s, err := b.auth.SignIn(b.t.Context(), "192.0.2.1:1", name, "long enough")
	if err != nil {
		b.t.Fatal(err)
	}
	r, _ := http.NewRequest(http.MethodGet, "/", nil)
	h.Set("Cookie", b.auth.CookieName(r)+"="+s.Secret)
	return h
}

// What is written between a room and the teacher no other room's page is sent, nor how another room fares, nor which session teaches.
func TestPagesAreToldTheirOwn(t *testing.T) {
	l := newLesson(t)
	l.teacher.must(protocol.LessonStart{}, nil)
	phone := connect(t, l.north.public, bearer(l.north.token("l", auth.Assistant, "north"))).hello(protocol.Hello{Page: "assist", Lesson: "l"})
	other := connect(t, l.south.public, bearer(l.south.token("l", auth.Assistant, "south"))).hello(protocol.Hello{Page: "assist", Lesson: "l"})
	phone.phase(protocol.Live)
	phone.must(protocol.NotePhrase{Code: protocol.PhraseBoard}, nil)
	l.a.must(protocol.HandRaise{}, nil)
	l.teacher.saw("the phrase and the hand", func() bool {
		north, _ := roomOf(l.teacher.state, "north") // whoever came first has the first tile
		return len(l.teacher.state.Notes) == 1 && north.Hand != 0 && north.Phones == 1
	})
	l.teacher.must(protocol.NoteSeen{Note: 1}, nil)
	phone.saw("that it was read", func() bool { return slices.Equal(phone.said, []protocol.Say{{Code: protocol.SayPhraseSeen, Note: 1}}) })
	l.teacher.must(protocol.NoteText{Text: "好的", Room: "north"}, nil)
	phone.saw("the answer", func() bool { return len(phone.state.Notes) == 2 })
	l.teacher.must(protocol.FloorCall{Room: "north"}, nil)
	for _, p := range []*page{other, l.b.page, l.a.page} {
		p.saw("the floor", func() bool { return len(p.state.Floor) == 1 })
	}
	for _, p := range []*page{other, l.b.page, l.a.page, phone} {
		p.mu.Lock()
		for _, s := range p.states {
			if p != phone && len(s.Notes) > 0 || s.Lead != nil && s.Lead.Session != "" {
				t.Errorf("%s of %s was sent %d notes, lead %+v", p.ok.Role, p.ok.Room, len(s.Notes), s.Lead)
				break
			}
			for _, r := range s.Rooms {
				if r.Room != p.ok.Room && (r.Hand != 0 || r.Phones != 0 || r.Box != "" || r.Word != protocol.WordUnknown) {
					t.Errorf("%s of %s was sent %+v", p.ok.Role, p.ok.Room, r)
				}
			}
		}
		p.mu.Unlock()
	}
	if len(other.said) > 0 {
		t.Errorf("another room's phone is told %v", other.said)
	}
}

// A phone that loses its connection after the end still says how it went; one that comes new does not come in.
func TestPhoneAfterTheEnd(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	b.create("l")
	tok := b.token("l", auth.Assistant, "north")
	hello := protocol.Hello{Page: "assist", Lesson: "l"}
	phone := connect(t, b.public, bearer(tok)).hello(hello)
	phone.phase(protocol.Waiting)
	teacher := connect(t, b.public, bearer(b.token("l", auth.Teacher, ""))).hello(teach("l"))
	teacher.must(protocol.LessonFinish{Confirm: true}, nil)
	phone.phase(protocol.Ended)
	phone.ws.Close()
	<-phone.done
	connect(t, b.public, bearer(tok)).refused(hello, protocol.UnknownLesson)
	forged := hello
	forged.Resume = strings.Repeat("A", 24)
	connect(t, b.public, bearer(tok)).refused(forged, protocol.WrongState)
	hello.Resume = phone.ok.Resume
	again := connect(t, b.public, bearer(tok)).hello(hello)
	again.phase(protocol.Ended)
	again.must(protocol.Feedback{OK: true}, nil)
	if got := b.registry.Feedback("l"); !got["north"] {
		t.Errorf("%v", got)
	}
}

// Whoever is shut out, reset or signed out loses the pages that are open at once, in the middle of a lesson too.
func TestPagesOfWhoWasShutOut(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	for _, tt := range []struct {
		name string
		do   func(name string) error
		bye  protocol.Code
	}{
		{"disabled", func(name string) error { return b.auth.DisablePerson(name, true, auth.Admin) }, protocol.ByeSignedOut},
		{"reset", func(name string) error { _, err := b.auth.ResetPerson(t.Context(), name); return err }, protocol.ByeSignedOut},
		{"another", func(string) error { return b.auth.DisablePerson("reset", true, auth.Admin) }, ""},
	} {
		h := b.person(tt.name, auth.Teacher)
		if _, err := b.registry.Create(lesson.Spec{ID: "l-" + tt.name, Title: tt.name}, tt.name); err != nil {
			t.Fatal(err)
		}
		p := connect(t, b.public, h).hello(teach("l-" + tt.name))
		p.phase(protocol.Waiting)
		p.must(protocol.LessonStart{}, nil)
		at := time.Now()
		if err := tt.do(tt.name); err != nil {
			t.Fatal(err)
		}
		if tt.bye == "" {
			time.Sleep(2 * tickEvery)
			p.must(protocol.LessonSet{}, nil)
			continue
		}
		p.saw("bye", func() bool { return p.bye == tt.bye })
		p.closeCode()
		t.Logf("%s: closed after %v", tt.name, time.Since(at))
		if again, resp, err := dial(t, b.public, h); err == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: comes back: %v %v", tt.name, again, err)
		}
	}
}

// A box that joins stands in another room: its screen comes into it without being loaded anew.
func TestScreenFollowsItsBox(t *testing.T) {
	b := newBox(t, coreID, "core", newRelay(t))
	p := connect(t, b.local, nil).hello(protocol.Hello{Page: "class"})
	guest := connect(t, b.public, bearer(b.token("l", auth.Assistant, "core")))
	b.place.Store(&Place{Campus: "sanhe", CampusName: "三河小学", Classroom: "三(2)班"})
	p.closeCode()
	if p.bye != "" {
		t.Errorf("bye %s: the page would not come back", p.bye)
	}
	again := connect(t, b.local, nil).hello(protocol.Hello{Page: "class", Resume: p.ok.Resume})
	if again.ok.Room != "sanhe/三(2)班" || again.ok.RoomName != "三河小学 三(2)班" {
		t.Errorf("%+v", again.ok)
	}
	b.place.Store(&Place{Campus: "sanhe", CampusName: "三河中心小学", Classroom: "三(2)班"})
	again.saw("the new name", func() bool { return again.room.Name == "三河中心小学 三(2)班" })
	select {
	case <-guest.done:
		t.Error("a page that is not the box's own was sent away")
	default:
	}
}

// An overrunning lesson is left for the room's next one, by a screen that is in it and by one that comes.
func TestScreenLeavesForTheNextLesson(t *testing.T) {
	r := newRelay(t)
	core, north := newBox(t, coreID, "core", r), newBox(t, aID, "north", r)
	link(t, core, north)
	now := time.Now()
	create := func(id string, start, end time.Duration) {
		t.Helper()
		if _, err := core.registry.Create(lesson.Spec{ID: id, Title: id, Start: now.Add(start), End: now.Add(end)}, "admin"); err != nil {
			t.Fatal(err)
		}
	}
	create("first", -time.Hour, -5*time.Minute)
	p := connect(t, north.local, nil).hello(protocol.Hello{Page: "class"})
	beside := connect(t, core.local, nil).hello(protocol.Hello{Page: "class"})
	for _, s := range []*page{p, beside} {
		s.saw("in the first", func() bool { return s.state != nil && s.state.ID == "first" && s.room.State == protocol.RoomIn })
	}
	teacher := connect(t, core.public, bearer(core.token("first", auth.Teacher, ""))).hello(teach("first"))
	teacher.phase(protocol.Waiting)
	teacher.must(protocol.LessonStart{}, nil)
	create("second", 15*time.Second, time.Hour)
	p.saw("in the second", func() bool { return p.state.ID == "second" && p.room.State == protocol.RoomIn })
	teacher.saw("the room has left", func() bool {
		return teacher.state != nil && len(teacher.state.Rooms) == 1 && teacher.state.Rooms[0].State == protocol.RoomAbsent && teacher.state.State != protocol.Ended
	})
	if beside.saw("stays with the teacher", func() bool { return beside.state.ID == "first" }); beside.bye != "" {
		t.Error(beside.bye)
	}
	late := connect(t, north.local, nil).hello(protocol.Hello{Page: "class", Take: protocol.TakePlay})
	late.saw("in the second at once", func() bool { return late.state != nil && late.state.ID == "second" })
}
