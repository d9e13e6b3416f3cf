package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"tongke/media/ingest"
	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// papers is a daemon with its files and nothing that runs.
func papers(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{log: slog.New(slog.DiscardHandler)}
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d.store, err = store.Open(t.TempDir())
	check(err)
	t.Cleanup(func() { d.store.Close() })
	check(d.store.UpdateMeta(func(m *store.Meta) { m.AllianceID, m.CampusID, m.CampusName = "a", "core", "实验小学" }))
	d.auth, err = auth.New(d.store, auth.Config{BoxID: "core000000000000", Place: func() (string, string) { return "core", "" }})
	check(err)
	d.registry, err = lesson.New(d.store, lesson.Config{Box: "core000000000000", Log: d.log})
	check(err)
	for _, l := range []lesson.Spec{{ID: "l", Title: "l", Teacher: "李芳", Campuses: protocol.Campuses{"三河小学"}}, {ID: "other", Title: "other", Teacher: "王五"}} {
		_, err := d.registry.Create(l, "admin")
		check(err)
	}
	return d
}

// person signs somebody in, who has chosen a password.
func (d *daemon) person(t *testing.T, name string, role auth.Role, campus string) http.Header {
	t.Helper()
	if _, err := d.auth.AddPerson(t.Context(), name, role, campus); err != nil {
		t.Fatal(err)
	}
	if err := d.auth.SetPassword(t.Context(), name, "long enough"); err != nil {
		t.Fatal(err)
	}
	s, err := d.auth.SignIn(t.Context(), "192.0.2.1:1", name, "long enough")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	d.auth.SetSession(w, httptest.NewRequest(http.MethodGet, "/", nil), s)
	return http.Header{"Cookie": {w.Result().Cookies()[0].String()}}
}

// TestMediaGrants: who may publish and watch by WHIP and WHEP, and as whom. WHEP never carries pupils' pictures; whose voice it carries depends
// on the room, and who is in none hears the teacher alone. Pages are signaling/session's TestEveryWayToPupils.
func TestMediaGrants(t *testing.T) {
	d := papers(t)
	token := func(lesson string, role auth.Role, campus string) http.Header {
		tok, err := d.auth.NewToken(lesson, role, campus, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return http.Header{"Authorization": {"Bearer " + tok}}
	}
	for _, tt := range []struct {
		name           string
		header         http.Header
		publish, watch error
		room           string
	}{
		{"nobody", nil, ingest.ErrNoToken, ingest.ErrNoToken, ""},
		{"an inspector's token", token("l", auth.Inspector, ""), ingest.ErrForbidden, ingest.ErrForbidden, ""},
		{"an inspector's token of a campus", token("l", auth.Inspector, "三河小学"), ingest.ErrForbidden, ingest.ErrForbidden, ""},
		{"an inspector who signed in", d.person(t, "陈校长", auth.Inspector, ""), ingest.ErrForbidden, ingest.ErrForbidden, ""},
		{"a technician", d.person(t, "技术员", auth.Technician, ""), ingest.ErrForbidden, ingest.ErrForbidden, ""},
		{"a token to watch", token("l", auth.Watch, ""), ingest.ErrForbidden, nil, ""},
		{"a token to watch another lesson", token("other", auth.Watch, ""), ingest.ErrNoToken, ingest.ErrNoToken, ""},
		{"a token to publish", token("l", auth.Publish, ""), nil, ingest.ErrForbidden, ""},
		{"an assistant", token("l", auth.Assistant, "三河小学"), ingest.ErrForbidden, nil, ""},
		{"a classroom", token("l", auth.Classroom, "三河小学/三(2)班"), ingest.ErrForbidden, nil, "三河小学/三(2)班"},
		{"the teacher's token", token("l", auth.Teacher, ""), nil, nil, "core"},
		{"the teacher", d.person(t, "李芳", auth.Teacher, ""), nil, nil, "core"},
		{"another lesson's teacher", d.person(t, "王五", auth.Teacher, ""), ingest.ErrForbidden, ingest.ErrForbidden, ""},
		{"an administrator", d.person(t, "管理员", auth.Administrator, ""), nil, nil, ""},
	} {
		for publish, want := range map[bool]error{true: tt.publish, false: tt.watch} {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header = tt.header.Clone()
			if r.Header == nil {
				r.Header = http.Header{}
			}
			g, err := d.authorize(r, "l", publish)
			if !errors.Is(err, want) || (err == nil) != (want == nil) || err == nil && g.Room != tt.room {
				t.Errorf("%s, publishing %v: %v in room %q, want %v in %q", tt.name, publish, err, g.Room, want, tt.room)
			}
		}
	}
}

// TestMayTeach: a child's box teaches the lessons of the teachers who work there.
func TestMayTeach(t *testing.T) {
	d := papers(t)
	d.person(t, "李芳", auth.Teacher, "三河小学")
	d.person(t, "王五", auth.Inspector, "三河小学")
	for box, campus := range map[string]string{"sanhe": "三河小学", "wuyang": "邬阳小学"} {
		if err := d.store.Update(func(tx *store.Tx) error { return store.Children.Put(tx, box, store.Child{ID: box, CampusID: campus}) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		lesson, box string
		want        bool
	}{
		{"l", "sanhe", true}, {"l", "wuyang", false}, {"l", "nobody", false}, {"other", "sanhe", false}, {"none", "sanhe", false},
	} {
		if got := d.mayTeach(tt.lesson, tt.box); got != tt.want {
			t.Errorf("%s at %s: %v", tt.lesson, tt.box, got)
		}
	}
	if err := d.auth.DisablePerson("李芳", true, auth.Admin); err != nil {
		t.Fatal(err)
	}
	if d.mayTeach("l", "sanhe") {
		t.Error("who was shut out teaches elsewhere")
	}
	for room, want := range map[string]string{"core": "实验小学", "core/录播室": "实验小学 录播室", "三河小学": "三河小学", "三河小学/三(2)班": "三河小学 三(2)班"} {
		if got := d.roomName(room); got != want {
			t.Errorf("%s is called %q, want %q", room, got, want)
		}
	}
}

// What pages are told of the uplink is how it is, whatever was said of it before: a second join of the same parent leaves it up.
func TestUplinkState(t *testing.T) {
	var u uplinkState
	up := map[string]bool{}
	is := func(id string) bool { return up[id] }
	if u.event(is, protocol.At) != nil {
		t.Error("a root has an uplink")
	}
	u.set("core")
	if e := u.event(is, protocol.At); e == nil || e.Up {
		t.Errorf("at first %+v", e)
	}
	up["core"] = true
	e := u.event(is, protocol.At)
	if !e.Up || e.Since == 0 {
		t.Errorf("up: %+v", e)
	}
	u.set("core")
	if again := u.event(is, protocol.At); *again != *e {
		t.Errorf("joined again: %+v, was %+v", again, e)
	}
	flicker := func(at time.Time) protocol.Millis { return protocol.At(at) + 1 }
	if again := u.event(is, flicker); *again != *e {
		t.Errorf("a moment later: %+v, was %+v", again, e)
	}
	if again := u.event(is, func(at time.Time) protocol.Millis { return protocol.At(at.Add(time.Hour)) }); again.Since != e.Since+3600_000 {
		t.Errorf("the clock was set: %+v, was %+v", again, e)
	}
	if u.set("county"); u.event(is, protocol.At).Up {
		t.Error("another parent's link")
	}
	if u.set(""); u.event(is, protocol.At) != nil {
		t.Error("no parent any more")
	}
}

func TestCallsForTheTechnician(t *testing.T) {
	d := papers(t)
	for i := range maxCalls + 3 {
		d.called("l", fmt.Sprint("room ", i), "mic-missing")
	}
	got := d.calls.list()
	if len(got) != maxCalls || got[0].Room != fmt.Sprint("room ", maxCalls+2) || got[0].Code != "mic-missing" || got[0].At.IsZero() {
		t.Errorf("%d calls, the newest %+v", len(got), got[0])
	}
}

// TestAWithdrawnCodeEndsWatching: a phone that came by a code which the teacher has withdrawn watches nothing by WHEP either, what it watched
// ends, and so it stays when the lesson is over and forgotten and the box was started anew.
func TestAWithdrawnCodeEndsWatching(t *testing.T) {
	d := papers(t)
	var err error
	if d.hub, err = lesson.NewHub(lesson.HubConfig{Registry: d.registry, Log: d.log}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { d.hub.Run(ctx) }) // ends with ctx
	t.Cleanup(func() { cancel(); wg.Wait() })
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil)
	r = r.WithContext(auth.WithListener(r.Context(), auth.Public))
	if _, err := d.auth.Assist(w, r, d.auth.AssistCode("l", "三河小学", "")); err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", w.Result().Cookies()[0].String())
	g, err := d.authorize(r, "l", false)
	if err != nil || !g.Holds() {
		t.Fatalf("by the code: %v", err)
	}
	teacher := lesson.Actor{Role: auth.Teacher, Session: "s-1", Remote: true}
	if err := d.hub.Act(t.Context(), "l", teacher, protocol.RoomCode{Room: "三河小学"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.authorize(r, "l", false); !errors.Is(err, ingest.ErrForbidden) {
		t.Errorf("by a withdrawn code: %v", err)
	}
	if g.Holds() {
		t.Error("what it watched when the code was withdrawn goes on")
	}
	d.keepWithdrawn("l")
	d.auth.EndAssist("l")
	d.hub = nil
	if d.auth, err = auth.New(d.store, auth.Config{BoxID: "core000000000000"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.authorize(r, "l", false); !errors.Is(err, ingest.ErrForbidden) {
		t.Errorf("by a withdrawn code after the lesson: %v", err)
	}
}

// TestWhoIsShutOutEndsTheStream: what somebody publishes or watches by a sign-in ends with it, and one that only ran out holds.
func TestWhoIsShutOutEndsTheStream(t *testing.T) {
	d := papers(t)
	other := d.person(t, "管理员", auth.Administrator, "")
	grant := func(h http.Header) ingest.Grant {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header = h
		g, err := d.authorize(r, "l", true)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	for name, end := range map[string]func(who string) error{
		"disabled": func(who string) error { return d.auth.DisablePerson(who, true, auth.Admin) },
		"reset":    func(who string) error { _, err := d.auth.ResetPerson(t.Context(), who); return err },
	} {
		who := d.person(t, name, auth.Administrator, "")
		g, stays := grant(who), grant(other)
		if !g.Holds() {
			t.Fatalf("%s: ends at once", name)
		}
		if err := end(name); err != nil {
			t.Fatal(err)
		}
		if g.Holds() || !stays.Holds() {
			t.Errorf("%s: goes on, or another's ends", name)
		}
	}
	ends := d.auth.Ends()
	if !d.holds(auth.Principal{TokenID: "session-none", Expires: time.Now().Add(-time.Second)}, ends-1)() {
		t.Error("a sign-in that ran out in mid-lesson ends the stream")
	}
}
