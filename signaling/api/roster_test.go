package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/boxes"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

const childID = "child00000000000"

// withRoster gives a box its roster, and a child that has said how it is.
func withRoster(t *testing.T, b *box) *boxes.Roster {
	t.Helper()
	if err := b.store.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, childID, store.Child{ID: childID, Name: "tk-child", CampusID: "三河小学", Classroom: "三(2)班", Joined: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	r, err := boxes.New(boxes.Config{Store: b.store, Box: boxID, Log: slog.New(slog.DiscardHandler), Self: func() boxes.Self { return boxes.Self{Name: "core-box", Campus: "core", Verdict: "good"} }})
	if err != nil {
		t.Fatal(err)
	}
	b.cfg.Boxes = r
	b.cfg.Finding = func(code string) (text, hint Words, ok bool) {
		return Words{"摄像头没插好", "Camera unplugged"}, Words{"插紧", "Push it in"}, code == "camera-unplugged"
	}
	r.LinkUp(childID, false, func([]byte) error { return nil })
	if err := r.Frame(childID, false, protocol.BoxState{
		Box: childID, Name: "another name", Campus: "another", Online: true, Version: "1.1", Verdict: protocol.VerdictWorks,
		Findings: []protocol.BoxFinding{{Code: "camera-unplugged", Severity: "warning", Since: 1788249600000}, {Code: "new-here", Severity: "warning"}},
		Call:     &protocol.Call{ID: "c1", Since: protocol.At(time.Now()), From: protocol.CallFromPhone, Code: "camera-unplugged", State: protocol.CallOpen},
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

func read[T any](t *testing.T, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("%d %s, want %d", w.Code, w.Body, status)
	}
	if status != http.StatusNoContent {
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestBoxesBelow: what a child says of itself is shown to those who look after it, and its call is answered.
func TestBoxesBelow(t *testing.T) {
	b := newBox(t)
	withRoster(t, b)
	technician := b.person("王师傅", auth.Technician)
	list := read[[]BoxBelow](t, b.ask(b.Public(), "GET", "/api/v1/boxes", "", technician), http.StatusOK)
	if len(list) != 2 || list[0].Box != childID || !list[1].Own {
		t.Fatalf("%+v", list)
	}
	c := list[0]
	if c.Name != "tk-child" || c.Campus != "三河小学" || c.Classroom != "三(2)班" || !c.Online || c.Verdict != "works" || c.Version != "1.1" || len(c.Findings) != 2 {
		t.Errorf("%+v", c)
	}
	if f := c.Findings[0]; f.Text == nil || f.Text.ZH != "摄像头没插好" || f.Hint.EN != "Push it in" {
		t.Errorf("%+v", f)
	}
	if f := c.Findings[1]; f.Code != "new-here" || f.Text != nil {
		t.Errorf("a code that is not known here: %+v", f)
	}
	if c.Call == nil || c.Call.State != "open" || c.Call.From != "phone" || c.Call.Text == nil {
		t.Fatalf("%+v", c.Call)
	}
	rooms := read[[]Campus](t, b.ask(b.Public(), "GET", "/api/v1/campuses", "", b.signedIn), http.StatusOK)
	if r := rooms[1].Rooms[0]; r.Verdict != "works" || r.Findings != 2 || r.Version != "1.1" || r.Told.IsZero() {
		t.Errorf("%+v", r)
	}
	say := func(box, body string, who func(*http.Request)) *httptest.ResponseRecorder {
		return b.ask(b.Public(), "POST", "/api/v1/boxes/"+box+"/call", body, who)
	}
	for _, tt := range []struct {
		box, body string
		status    int
		code      string
	}{
		{childID, `{"call":"c1","state":"back"}`, 400, "json-invalid"},
		{childID, `{"call":"c1","state":"open"}`, 400, "json-invalid"},
		{childID, `{"call":"c2","state":"seen"}`, 404, "call-gone"},
		{"nobody", `{"call":"c1","state":"seen"}`, 404, "call-gone"},
		{childID, `{"call":"c1","state":"seen","by":"x"}`, 400, "json-invalid"},
	} {
		if w := say(tt.box, tt.body, technician); w.Code != tt.status || code(w) != tt.code {
			t.Errorf("%s %s: %d %s", tt.box, tt.body, w.Code, w.Body)
		}
	}
	read[any](t, say(childID, `{"call":"c1","state":"seen"}`, technician), http.StatusNoContent)
	if c := read[[]BoxBelow](t, b.ask(b.Public(), "GET", "/api/v1/boxes", "", b.signedIn), http.StatusOK)[0].Call; c == nil || c.State != "seen" || c.By != "王师傅" {
		t.Errorf("%+v", c)
	}
	read[any](t, say(childID, `{"call":"c1","state":"done"}`, b.signedIn), http.StatusNoContent)
	if c := read[[]BoxBelow](t, b.ask(b.Public(), "GET", "/api/v1/boxes", "", b.signedIn), http.StatusOK)[0].Call; c != nil {
		t.Errorf("dealt with: %+v", c)
	}
	if w := b.ask(b.Control(), "GET", "/api/v1/audit", ""); strings.Count(w.Body.String(), "box.call.") != 2 || !strings.Contains(w.Body.String(), "王师傅") {
		t.Errorf("the audit: %s", w.Body)
	}
}

// TestDeviceCall: the screen beside the box may call, without anybody signed in, and no other classroom.
func TestDeviceCall(t *testing.T) {
	b, _ := newMachine(t)
	withRoster(t, b)
	at := func(door http.Handler, method, body string, who ...func(*http.Request)) *httptest.ResponseRecorder {
		return b.ask(door, method, "/api/v1/device/call", body, who...)
	}
	if got := read[DeviceCall](t, at(b.Local(), "GET", ""), http.StatusOK); got.State != "none" {
		t.Errorf("%+v", got)
	}
	if err := b.store.Update(func(tx *store.Tx) error {
		return store.Parents.Put(tx, store.KeyParent, store.Parent{ID: "parent0000000000", Name: "core"})
	}); err != nil {
		t.Fatal(err)
	}
	first := read[DeviceCall](t, at(b.Local(), "POST", `{"code":"too-hot"}`), http.StatusOK)
	if first.State != "waiting" || time.Since(first.Since).Abs() > time.Minute {
		t.Errorf("%+v", first)
	}
	if again := read[DeviceCall](t, at(b.Public(), "POST", "", b.signedIn), http.StatusOK); !again.Since.Equal(first.Since) {
		t.Errorf("pressed twice: %+v, %+v", first, again)
	}
	if w := at(b.Local(), "POST", `{"code":"<b>"}`); w.Code != http.StatusBadRequest {
		t.Errorf("markup: %d %s", w.Code, w.Body)
	}
	token, err := b.auth.NewToken("math", auth.Classroom, "north", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if w := at(b.Local(), "POST", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }); w.Code != http.StatusForbidden {
		t.Errorf("a lesson's classroom: %d %s", w.Code, w.Body)
	}
	read[any](t, at(b.Local(), "DELETE", ""), http.StatusNoContent)
	if got := read[DeviceCall](t, at(b.Local(), "GET", ""), http.StatusOK); got.State != "none" {
		t.Errorf("taken back before it was told: %+v", got)
	}
	last := http.StatusOK
	for range 10 {
		last = at(b.Local(), "POST", "").Code
		at(b.Local(), "DELETE", "")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the eleventh call in an hour: %d", last)
	}
}
