package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
)

// TestFreshScreenMayPair: the wall screen begins a pairing as long as the box is nobody's, and only beside the box.
func TestFreshScreenMayPair(t *testing.T) {
	b := newBox(t)
	begin := func(door http.Handler, change ...func(*http.Request)) (int, string) {
		w := b.ask(door, "POST", "/api/v1/device/pairing", `{"address":"no address at all/"}`, change...)
		return w.Code, code(w)
	}
	if status, c := begin(b.Local()); status != http.StatusBadGateway || c != "unreachable" {
		t.Errorf("screen of a fresh box: %d %s", status, c)
	}
	w := b.ask(b.Local(), "GET", "/api/v1/device/pairing", "")
	var p pairing
	if json.Unmarshal(w.Body.Bytes(), &p); w.Code != http.StatusOK || p.State != "idle" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if status, _ := begin(b.Public()); status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", status)
	}
	if w := b.ask(b.Local(), "POST", "/api/v1/device/pairing/x", `{"same":true}`); code(w) != "pairing-unknown" {
		t.Errorf("nothing to confirm: %d %s", w.Code, w.Body)
	}
	if status, c := begin(b.Public(), b.signedIn); status != http.StatusBadGateway || c != "unreachable" {
		t.Errorf("administrator: %d %s", status, c)
	}
	if status, c := begin(b.Local()); status != http.StatusForbidden || c != "forbidden" { // somebody has signed in by now
		t.Errorf("screen of a box that is somebody's: %d %s", status, c)
	}
}

// TestCodesOverHTTP makes a code for this box and comes in by it.
func TestCodesOverHTTP(t *testing.T) {
	b := newBox(t)
	err := b.store.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, "child", store.Child{ID: "child", Name: "三河", CampusID: "sanhe", Pin: "p", Joined: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.lessons.Create(lesson.Spec{ID: "l1", Title: "音乐"}, "admin"); err != nil {
		t.Fatal(err)
	}
	made := func(body string) (out madeCodes, status int) {
		w := b.ask(b.Public(), "POST", "/api/v1/technician-codes", body, b.signedIn)
		json.Unmarshal(w.Body.Bytes(), &out)
		return out, w.Code
	}
	if out, status := made(`{"box":"all","minutes":60}`); status != http.StatusCreated || len(out.Codes) != 2 || out.Code != "" || out.Codes[1].Name != "三河" || out.Codes[0].Code == out.Codes[1].Code {
		t.Errorf("%d %+v", status, out)
	}
	for body, want := range map[string]int{`{"box":"nobody"}`: http.StatusNotFound, `{"minutes":1}`: http.StatusBadRequest, `{"minutes":999999}`: http.StatusBadRequest, `{"for":"fun"}`: http.StatusBadRequest} {
		if _, status := made(body); status != want {
			t.Errorf("%s: %d, want %d", body, status, want)
		}
	}
	mine, _ := made(`{}`)
	childs, _ := made(`{"box":"child"}`)
	if w := b.ask(b.Public(), "POST", "/api/v1/session", `{"code":"`+childs.Code+`"}`); w.Code != http.StatusForbidden || code(w) != "code-wrong" {
		t.Errorf("another box's code: %d %s", w.Code, w.Body)
	}
	w := b.ask(b.Public(), "POST", "/api/v1/session", `{"code":"`+mine.Code+`"}`)
	if w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	cookie := func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) }
	var s session
	json.Unmarshal(b.ask(b.Public(), "GET", "/api/v1/session", "", cookie).Body.Bytes(), &s)
	if s.Role != auth.Technician || s.User != "" || s.ByCode || time.Until(s.Expires) > 12*time.Hour {
		t.Errorf("%+v", s)
	}
	for _, path := range []string{"/api/v1/recordings", "/api/v1/recordings/x/media/teacher/init", "/api/v1/people", "/api/v1/timetable", "/api/v1/audit", "/api/v1/invitations", "/api/v1/campuses", "/api/v1/backup"} {
		if got := b.ask(b.Public(), "GET", path, "", cookie); got.Code != http.StatusForbidden {
			t.Errorf("a technician gets %s: %d", path, got.Code)
		}
	}
	named := b.person("装机员", auth.Technician)
	if got := b.ask(b.Public(), "POST", "/api/v1/pairings/x", `{"same":true,"name":"x"}`, cookie); got.Code != http.StatusForbidden {
		t.Errorf("a technician by code takes a box in: %d %s", got.Code, got.Body)
	}
	if got := b.ask(b.Public(), "POST", "/api/v1/pairings/x", `{"same":false}`, cookie); code(got) != "pairing-unknown" {
		t.Errorf("a technician by code refuses one: %d %s", got.Code, got.Body)
	}
	if got := b.ask(b.Public(), "POST", "/api/v1/pairings/x", `{"same":true,"name":"x"}`, named); code(got) != "pairing-unknown" {
		t.Errorf("a technician by name takes one in: %d %s", got.Code, got.Body)
	}
	for path, body := range map[string]string{ // both withdraw a box, or leave a parent: an administrator's
		"/api/v1/pairings/x":     `{"same":true,"name":"x","replaces":"child"}`,
		"/api/v1/device/pairing": `{"address":"https://127.0.0.1:1","replace":true}`,
	} {
		for _, who := range []func(*http.Request){cookie, named} {
			if got := b.ask(b.Public(), "POST", path, body, who); got.Code != http.StatusForbidden {
				t.Errorf("a technician says %s at %s: %d %s", body, path, got.Code, got.Body)
			}
		}
	}
	if got := b.ask(b.Public(), "GET", "/api/v1/lessons", "", cookie); got.Code != http.StatusOK || strings.TrimSpace(got.Body.String()) != "[]" {
		t.Errorf("a technician sees lessons: %d %s", got.Code, got.Body)
	}
	if got := b.ask(b.Public(), "GET", "/api/v1/lessons/l1", "", cookie); got.Code != http.StatusNotFound {
		t.Errorf("a technician sees a lesson: %d %s", got.Code, got.Body)
	}
	for _, body := range []string{`{"old":"x","password":"long enough"}`, `{"user":"admin","password":"long enough"}`} {
		if got := b.ask(b.Public(), "POST", "/api/v1/password", body, cookie); got.Code != http.StatusForbidden {
			t.Errorf("a technician without a name sets a password: %d", got.Code)
		}
	}
	rows, err := b.store.Audits(100)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, r := range rows {
		seen = append(seen, r.Action)
		if strings.Contains(r.Object+r.Who, mine.Code) {
			t.Errorf("the audit holds a code: %+v", r)
		}
	}
	if all := strings.Join(seen, " "); !strings.HasPrefix(all, store.AuditCodeUsed+" "+store.AuditCode) {
		t.Errorf("audit: %s", all)
	}
	if got := b.ask(b.Public(), "DELETE", "/api/v1/boxes/child", "", b.signedIn); got.Code != http.StatusNoContent {
		t.Errorf("withdraw: %d %s", got.Code, got.Body)
	}
	if got := b.ask(b.Public(), "DELETE", "/api/v1/boxes/child", "", b.signedIn); got.Code != http.StatusNotFound || code(got) != "box-unknown" {
		t.Errorf("withdraw again: %d %s", got.Code, got.Body)
	}
}
