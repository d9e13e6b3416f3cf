package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tongke/signaling/auth"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
)

func TestPeople(t *testing.T) {
	b := newBox(t)
	add := func(body string) (int, string, personCode) {
		var c personCode
		w := b.ask(b.Public(), "POST", "/api/v1/people", body, b.signedIn)
		json.Unmarshal(w.Body.Bytes(), &c)
		return w.Code, code(w), c
	}
	status, _, c := add(`{"name":"李芳","role":"teacher","campus":"north"}`)
	if status != 201 || c.Name != "李芳" || len(c.Code) != 14 {
		t.Fatalf("%d %+v", status, c)
	}
	for body, want := range map[string]string{
		`{"name":"李芳","role":"teacher"}`:      "person-exists",
		`{"name":"Admin","role":"teacher"}`:   "person-exists",
		`{"name":"x","role":"operator"}`:      "person-invalid",
		`{"name":"x","role":"classroom"}`:     "person-invalid",
		`{"name":" ","role":"teacher"}`:       "person-invalid",
		`{"name":"a/b","role":"teacher"}`:     "person-invalid",
		`{"name":"x","role":"teacher","y":1}`: "json-invalid",
	} {
		if _, got, _ := add(body); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	in := func(name, password string) (func(*http.Request), int) {
		w := b.ask(b.Public(), "POST", "/api/v1/session", fmt.Sprintf(`{"user":%q,"password":%q}`, name, password))
		return func(r *http.Request) {
			for _, c := range w.Result().Cookies() {
				r.AddCookie(c)
			}
		}, w.Code
	}
	byCode, got := in("李芳", strings.ToUpper(c.Code))
	if got != 204 {
		t.Fatalf("by code: %d", got)
	}
	if _, got := in("李芳", c.Code); got != 401 {
		t.Errorf("the code opens twice: %d", got)
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/lessons", "", byCode); w.Code != 403 || code(w) != "password-due" {
		t.Errorf("before a password: %d %s", w.Code, w.Body)
	}
	var s session
	if w := b.ask(b.Public(), "GET", "/api/v1/session", "", byCode); json.Unmarshal(w.Body.Bytes(), &s) != nil || !s.ByCode || s.Role != auth.Teacher || s.Campus != "north" {
		t.Errorf("%s", w.Body)
	}
	w := b.ask(b.Public(), "POST", "/api/v1/password", `{"password":"long enough"}`, byCode)
	if w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	teacher := func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) }

	b.lessons.Create(lesson.Spec{ID: "own", Title: "x", Teacher: "李芳"}, "admin")
	b.lessons.Create(lesson.Spec{ID: "other", Title: "x", Teacher: "王五"}, "admin")
	if w := b.ask(b.Public(), "GET", "/api/v1/lessons", "", teacher); strings.Contains(w.Body.String(), `"other"`) || !strings.Contains(w.Body.String(), `"own"`) {
		t.Errorf("a teacher sees %s", w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons/other/end", "", teacher); w.Code != 404 {
		t.Errorf("another's lesson: %d", w.Code)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons", `{"title":"x","campuses":"all","teacher":"王五"}`, teacher); w.Code != 403 {
		t.Errorf("a lesson for another: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/lessons", `{"id":"mine","title":"x","campuses":"all"}`, teacher); w.Code != 201 || !strings.Contains(w.Body.String(), `"teacher":"李芳"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}

	disable := func(name string, yes bool) *struct{ status int } {
		w := b.ask(b.Public(), "POST", "/api/v1/people/"+name+"/disabled", fmt.Sprintf(`{"disabled":%v}`, yes), b.signedIn)
		return &struct{ status int }{w.Code}
	}
	if got := disable("李芳", true).status; got != 204 {
		t.Errorf("disable: %d", got)
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/lessons", "", teacher); w.Code != 401 {
		t.Errorf("disabled, still in: %d", w.Code)
	}
	if _, got := in("李芳", "long enough"); got != 401 {
		t.Errorf("disabled, comes in: %d", got)
	}
	disable("李芳", false)
	if _, got := in("李芳", "long enough"); got != 204 {
		t.Errorf("let in again: %d", got)
	}
	if got := disable("admin", true).status; got != 409 {
		t.Errorf("the first administrator: %d", got)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/people/李芳/code", "", b.signedIn); w.Code != 201 {
		t.Errorf("reset: %d %s", w.Code, w.Body)
	}
	if _, got := in("李芳", "long enough"); got != 401 {
		t.Errorf("the old password after a reset: %d", got)
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/people", "", b.signedIn); strings.Contains(w.Body.String(), "argon2") || !strings.Contains(w.Body.String(), `"pending":true`) {
		t.Errorf("%s", w.Body)
	}
}

func TestTriesLeftAreTold(t *testing.T) {
	b := newBox(t)
	for left := 4; left >= 0; left-- {
		w := b.ask(b.Public(), "POST", "/api/v1/session", `{"user":"admin","password":"nope"}`)
		var f fault
		json.Unmarshal(w.Body.Bytes(), &f)
		if w.Code != 401 || f.Code != "password-wrong" || f.Left == nil || *f.Left != left {
			t.Errorf("%d %s, want %d left", w.Code, w.Body, left)
		}
	}
}

func TestAssistantsCode(t *testing.T) {
	b := newBox(t)
	b.lessons.Create(lesson.Spec{ID: "math", Title: "x"}, "admin")
	code6 := b.auth.AssistCode("math", "north", "1")
	enter := func(text string, change ...func(*http.Request)) *http.Response {
		t.Helper()
		return b.ask(b.Public(), "POST", "/api/v1/assist", `{"code":"`+text+`"}`, change...).Result()
	}
	first := enter(strings.ToLower(code6[:3]) + " " + code6[3:])
	if first.StatusCode != 200 || len(first.Cookies()) != 1 {
		t.Fatalf("%d", first.StatusCode)
	}
	phone := func(r *http.Request) { r.AddCookie(first.Cookies()[0]) }
	var s session
	if w := b.ask(b.Public(), "GET", "/api/v1/session?as=assistant", "", phone, b.signedIn); json.Unmarshal(w.Body.Bytes(), &s) != nil || s.Role != auth.Assistant || s.Lesson != "math" || s.Campus != "north" || s.Classroom != "1" {
		t.Errorf("%s", w.Body)
	}
	if again := enter(code6, phone); again.StatusCode != 200 || len(again.Cookies()) != 0 {
		t.Errorf("the same phone again: %d, %d cookies", again.StatusCode, len(again.Cookies()))
	}
	b.auth.EndAssist("math")
	for left := 4; left >= 0; left-- {
		if r := enter(code6); r.StatusCode != 403 {
			t.Errorf("after the end: %d", r.StatusCode)
		}
	}
	if r := enter(code6); r.StatusCode != 429 || r.Header.Get("Retry-After") != "60" {
		t.Errorf("sixth: %d", r.StatusCode)
	}
}

func TestTimetableImport(t *testing.T) {
	b := newBox(t)
	b.store.UpdateMeta(func(m *store.Meta) { m.CampusID, m.CampusName, m.Classroom = "core", "实验小学", "录播室" })
	entries := "星期,节次,学科,主讲教师,主讲教室,听讲教室,开始日期,结束日期\n三,2,音乐,李芳,实验小学/录播室,三河小学/三(2)班,2026-09-01,2027-01-15\n"
	bells := "作息名,节次,开始,结束\n全年,2,8:50,9:30\n"
	body := func(entries, bells string, revision int) string {
		text := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
		return fmt.Sprintf(`{"entries":%q,"bells":%q,"revision":%d}`, text(entries), text(bells), revision)
	}
	var p timetable.Preview
	w := b.ask(b.Public(), "POST", "/api/v1/timetable/preview", body(entries, bells, 0), b.signedIn)
	if json.Unmarshal(w.Body.Bytes(), &p); w.Code != 200 || p.Added != 1 || len(p.Faults) != 0 || len(p.Hints) != 2 || p.Hints[0].Code != "room-unknown" || p.Hints[1].Code != "teacher-unknown" || p.Changes[0].Entry.Master.Campus != "core" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/timetable", "", b.signedIn); !strings.Contains(w.Body.String(), `"revision":0`) {
		t.Errorf("a preview changed %s", w.Body)
	}
	for _, tt := range []struct {
		body   string
		status int
		code   string
	}{
		{`{}`, 400, "timetable-empty"},
		{body(entries, bells, 7), 409, "timetable-changed"},
		{body(entries, "作息名\n", 0), 422, "timetable-faults"},
		{body(entries, bells, 0), 200, ""},
		{body(entries, bells, 0), 409, "timetable-changed"},
	} {
		if w := b.ask(b.Public(), "PUT", "/api/v1/timetable", tt.body, b.signedIn); w.Code != tt.status || code(w) != tt.code {
			t.Errorf("%.60s: %d %s", tt.body, w.Code, w.Body)
		}
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/timetable/preview", `{"entries":"`+strings.Repeat("A", maxPlan)+`"}`, b.signedIn); w.Code != 413 {
		t.Errorf("large: %d", w.Code)
	}
}

func TestCampuses(t *testing.T) {
	b := newBox(t)
	b.store.Update(func(tx *store.Tx) error {
		for _, c := range []store.Child{{ID: "b2", Name: "tk-2", CampusID: "三河小学", Classroom: "三(2)班"}, {ID: b.identity.Identity.ID, Name: "tk-3", CampusID: "三河小学", Classroom: "四班"}} {
			if err := store.Children.Put(tx, c.ID, c); err != nil {
				return err
			}
		}
		return nil
	})
	var list []Campus
	w := b.ask(b.Public(), "GET", "/api/v1/campuses", "", b.signedIn)
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 2 || !list[0].Own || list[0].ID != "core" || len(list[1].Rooms) != 2 {
		t.Fatalf("%v %s", err, w.Body)
	}
	for _, r := range list[1].Rooms {
		if r.Online == nil || *r.Online != (r.Box == "tk-3") {
			t.Errorf("%+v", r)
		}
	}
}

func TestPlaceIsNamedByItsAdministrator(t *testing.T) {
	b := newBox(t)
	for _, tt := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"school":"实验小学","classroom":"录播室"}`, 204, ""},
		{`{"school":"a/b"}`, 400, "place-invalid"},
		{`{"school":""}`, 400, "place-invalid"},
	} {
		if w := b.ask(b.Public(), "PUT", "/api/v1/box", tt.body, b.signedIn); w.Code != tt.status || code(w) != tt.code {
			t.Errorf("%s: %d %s", tt.body, w.Code, w.Body)
		}
	}
	if w := b.ask(b.Public(), "GET", "/api/v1/box", ""); !strings.Contains(w.Body.String(), `"school":"实验小学"`) || !strings.Contains(w.Body.String(), `"录播室"`) {
		t.Errorf("%s", w.Body)
	}
	b.store.Update(func(tx *store.Tx) error { return store.Parents.Put(tx, store.KeyParent, store.Parent{ID: "core"}) })
	if w := b.ask(b.Public(), "PUT", "/api/v1/box", `{"school":"x"}`, b.signedIn); w.Code != 409 || code(w) != "already-joined" {
		t.Errorf("with a parent: %d %s", w.Code, w.Body)
	}
}
