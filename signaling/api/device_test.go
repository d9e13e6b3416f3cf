package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/store"
)

// machine is a Device that remembers what was asked of it.
type machine struct {
	installing bool
	err        error // of everything that can fail
	asked      []string
}

func (m *machine) did(format string, args ...any) error {
	m.asked = append(m.asked, fmt.Sprintf(format, args...))
	return m.err
}

func (m *machine) State(context.Context) (DeviceState, error) {
	return DeviceState{Report: map[string]int{"schema": 1}, Box: boxID, Role: "core"}, m.did("state")
}
func (m *machine) Look(context.Context) { m.did("look") }
func (m *machine) History(hours int) DeviceHistory {
	m.did("history %d", hours)
	return DeviceHistory{StepSeconds: 60, Series: DeviceSeries{Up: []*float64{nil}}}
}
func (m *machine) StartCheck(wait bool) error { return m.did("check %v", wait) }
func (m *machine) Check() DeviceCheck {
	return DeviceCheck{State: "running", Items: []DeviceCheckItem{}}
}
func (m *machine) Answer(ask string, yes bool) error { return m.did("answer %s %v", ask, yes) }
func (m *machine) Network(context.Context) (DeviceNetwork, error) {
	return DeviceNetwork{Interfaces: []NetworkInterface{}}, m.did("network")
}
func (m *machine) SetNetwork(_ context.Context, n NetworkChange) (NetworkPending, error) {
	return NetworkPending{PendingSeconds: 60, Token: "t"}, m.did("set %s %s", n.Name, n.Address)
}
func (m *machine) ConfirmNetwork(_ context.Context, token string) error {
	if token != "t" {
		return &DeviceError{Status: 403, Code: "token-wrong", Text: Words{"没有", "none"}}
	}
	return m.did("confirm")
}
func (m *machine) UndoNetwork(token string) error { return m.did("undo %s", token) }
func (m *machine) Join(_ context.Context, address, code, name string) (string, error) {
	return "tk-1", m.did("join %s %s %s", address, code, name)
}
func (m *machine) OpenVolume(_ context.Context, what string) (DeviceVolume, error) {
	return DeviceVolume{What: what, Percent: 70, Set: []string{}}, m.did("volume %s", what)
}
func (m *machine) Installed(minutes int)                             { _ = m.did("installed %d", minutes) }
func (m *machine) Rooms(context.Context) ([]DeviceRoomChoice, error) { return nil, m.did("rooms") }
func (m *machine) SetRoom(_ context.Context, r RoomChange) (DeviceRoom, error) {
	return DeviceRoom{Classroom: r.Classroom}, m.did("room %s%s", r.Classroom, r.ReplaceBox)
}
func (m *machine) FactoryReset(_ context.Context, typed, who string) error {
	return m.did("reset %s by %s", typed, who)
}
func (m *machine) PowerOff(_ context.Context, typed, who string) error {
	return m.did("off %s by %s", typed, who)
}
func (m *machine) Installing() (bool, error) { return m.installing, nil }

// deviceAsks are all of the routes with a body that they take, and what must have been asked of the machine.
var deviceAsks = []struct {
	method, path, body string
	screen             string // "looks", "installs" or "" never
	status             int
	asked              string
}{
	{"GET", "", "", "looks", 200, "state"},
	{"GET", "/history?hours=3", "", "looks", 200, "history 3"},
	{"POST", "/look", "", "looks", 204, "look"},
	{"POST", "/volume", `{"what":"microphone"}`, "looks", 200, "volume microphone"},
	{"GET", "/check", "", "looks", 200, ""},
	{"POST", "/check", "", "installs", 202, "check false"},
	{"POST", "/check", `{"wait":true}`, "installs", 202, "check true"},
	{"POST", "/check/answer", `{"ask":"clap","yes":true}`, "installs", 204, "answer clap true"},
	{"GET", "/network", "", "looks", 200, "network"},
	{"PUT", "/network", `{"name":"eth0","mode":"static","address":"10.0.0.2/24"}`, "installs", 202, "set eth0 10.0.0.2/24"},
	{"DELETE", "/network/confirm", "", "installs", 204, "undo "},
	{"DELETE", "/network/confirm", `{"token":"t"}`, "installs", 204, "undo t"},
	{"POST", "/join", `{"address":"core","code":"C","name":"n"}`, "installs", 200, "join core C n"},
	{"GET", "/rooms", "", "looks", 200, "rooms"},
	{"PUT", "/room", `{"classroom":"三(2)班"}`, "installs", 200, "room 三(2)班"},
	{"POST", "/installed", `{"minutes":7}`, "installs", 204, "installed 7"},
	{"POST", "/factory-reset", `{"name":"x"}`, "", 202, "reset x by "},
	{"POST", "/poweroff", `{"name":"x"}`, "", 202, "off x by "},
}

func newMachine(t *testing.T) (*box, *machine) {
	b := newBox(t)
	m := &machine{}
	b.cfg.Device = m
	return b, m
}

func TestDeviceRights(t *testing.T) {
	b, m := newMachine(t)
	technician := b.person("王师傅", auth.Technician)
	token, err := b.auth.NewToken("math", auth.Classroom, "north", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	screenToken := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	elsewhere := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
	for _, who := range []struct {
		name       string
		door       http.Handler
		change     func(*http.Request)
		installing bool
		may        func(screen string) bool
		refused    int
	}{
		{"administrator", b.Public(), b.signedIn, false, func(string) bool { return true }, 0},
		{"technician", b.Public(), technician, false, func(string) bool { return true }, 0},
		{"operator", b.Control(), func(*http.Request) {}, false, func(string) bool { return true }, 0},
		{"stranger", b.Public(), func(*http.Request) {}, true, func(string) bool { return false }, 401},
		{"teacher", b.Public(), b.person("李芳", auth.Teacher), true, func(string) bool { return false }, 403},
		{"inspector", b.Public(), b.person("陈校", auth.Inspector), true, func(string) bool { return false }, 403},
		{"a lesson's classroom", b.Public(), screenToken, true, func(string) bool { return false }, 403},
		{"a lesson's classroom on loopback", b.Local(), screenToken, true, func(string) bool { return false }, 403},
		{"the screen", b.Local(), func(*http.Request) {}, false, func(screen string) bool { return screen == "looks" }, 403},
		{"the screen while installing", b.Local(), func(*http.Request) {}, true, func(screen string) bool { return screen != "" }, 403},
	} {
		m.installing = who.installing
		for _, a := range deviceAsks {
			m.asked = nil
			w := b.ask(who.door, a.method, "/api/v1/device"+a.path, a.body, who.change)
			got := strings.Join(m.asked, "|")
			switch may := who.may(a.screen); {
			case may && w.Code != a.status:
				t.Errorf("%s: %s %s: %d %s", who.name, a.method, a.path, w.Code, w.Body)
			case may && !strings.HasPrefix(got, a.asked):
				t.Errorf("%s: %s %s asked %q, want %q", who.name, a.method, a.path, got, a.asked)
			case !may && (w.Code != who.refused || got != ""):
				t.Errorf("%s: %s %s: %d, want %d; asked %q", who.name, a.method, a.path, w.Code, who.refused, got)
			}
			if a.method == "GET" {
				continue
			}
			if w := b.ask(who.door, a.method, "/api/v1/device"+a.path, a.body, who.change, elsewhere); who.change != nil && w.Code < 400 && w.Result().Request == nil && who.name != "operator" {
				t.Errorf("%s: %s %s from another site: %d", who.name, a.method, a.path, w.Code)
			}
		}
	}
	if w := b.ask(b.Local(), "GET", "http://evil.example/api/v1/device", ""); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("another host's name: %d", w.Code)
	}
}

// TestNetworkToken: at the new address the browser has no cookie, only the token.
func TestNetworkToken(t *testing.T) {
	b, _ := newMachine(t)
	if w := b.ask(b.Public(), "POST", "/api/v1/device/network/confirm", `{"token":"t"}`); w.Code != 204 {
		t.Errorf("with the token: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/device/network/confirm", `{"token":"x"}`); w.Code != 403 || code(w) != "token-wrong" {
		t.Errorf("with another: %d %s", w.Code, w.Body)
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/device/network/confirm", `{"token":"t"}`, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }); w.Code != 403 {
		t.Errorf("from another site: %d", w.Code)
	}
}

func TestDeviceBodies(t *testing.T) {
	b, m := newMachine(t)
	for _, a := range deviceAsks {
		if a.method == "GET" || a.body == "" {
			continue
		}
		for body, want := range map[string]string{"{": "json-invalid", `{"x":1}`: "json-invalid", a.body + "{}": "json-invalid"} {
			m.asked = nil
			w := b.ask(b.Public(), a.method, "/api/v1/device"+a.path, body, b.signedIn)
			if w.Code != 400 || code(w) != want || m.asked != nil {
				t.Errorf("%s %s with %s: %d %s, asked %q", a.method, a.path, body, w.Code, w.Body, m.asked)
			}
		}
		w := b.ask(b.Public(), a.method, "/api/v1/device"+a.path, a.body, b.signedIn, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
		if w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%s %s as text: %d", a.method, a.path, w.Code)
		}
	}
	if w := b.ask(b.Public(), "POST", "/api/v1/device/volume", `{"what":"screen"}`, b.signedIn); w.Code != 400 || code(w) != "volume-invalid" {
		t.Errorf("the volume of a screen: %d %s", w.Code, w.Body)
	}
	for _, q := range []string{"hours=0", "hours=193", "hours=x"} {
		if w := b.ask(b.Public(), "GET", "/api/v1/device/history?"+q, "", b.signedIn); w.Code != 400 || code(w) != "hours-invalid" {
			t.Errorf("%s: %d %s", q, w.Code, w.Body)
		}
	}
}

func TestDeviceErrors(t *testing.T) {
	b, m := newMachine(t)
	until := time.Date(2026, 9, 1, 10, 45, 0, 0, time.UTC)
	for _, e := range []struct {
		err    error
		status int
		want   string
	}{
		{ErrInLesson(until), 409, `"code":"in-lesson"`},
		{ErrInLesson(until), 409, `"until":"2026-09-01T10:45:00Z"`},
		{&DeviceError{Status: 400, Code: "address-invalid", Field: "address", Text: Words{"地址不对", "wrong"}}, 400, `"text":{"zh":"地址不对","en":"wrong"},"field":"address"`},
		{join.ErrWrong, 403, `"code":"code-wrong"`},
		{join.ErrPlace, 400, `"code":"place-invalid"`},
		{errors.New("secret"), 500, `"code":"internal"`},
	} {
		m.err = e.err
		for _, a := range deviceAsks {
			if a.asked == "" || a.asked == "look" || a.path == "/installed" || strings.HasPrefix(a.asked, "history") {
				continue
			}
			w := b.ask(b.Public(), a.method, "/api/v1/device"+a.path, a.body, b.signedIn)
			if w.Code != e.status || !strings.Contains(w.Body.String(), e.want) || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%v: %s %s: %d %s", e.err, a.method, a.path, w.Code, w.Body)
			}
		}
	}
	b.cfg.Device = nil
	for _, a := range deviceAsks {
		if w := b.ask(b.Public(), a.method, "/api/v1/device"+a.path, a.body, b.signedIn); w.Code != 503 {
			t.Errorf("without a device: %s %s: %d", a.method, a.path, w.Code)
		}
	}
}

// TestDeviceShapes: lists are lists and unknown figures null, for pages that do not ask first.
func TestDeviceShapes(t *testing.T) {
	b, _ := newMachine(t)
	for path, want := range map[string]string{
		"/rooms": "[]\n", "/history": `"up":[null]`, "/network": `"interfaces":[]`, "/check": `"items":[]`,
	} {
		if w := b.ask(b.Public(), "GET", "/api/v1/device"+path, "", b.signedIn); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	var description struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	w := b.ask(b.Public(), "GET", "/api/v1/openapi.json", "")
	if err := json.Unmarshal(w.Body.Bytes(), &description); err != nil {
		t.Fatal(err)
	}
	for _, a := range deviceAsks {
		path, _, _ := strings.Cut("/api/v1/device"+a.path, "?")
		if description.Paths[path][strings.ToLower(a.method)] == nil {
			t.Errorf("%s %s is not described", a.method, path)
		}
	}
}

// TestSpeed: a box below is told how fast its bytes came; nobody else may send any.
func TestSpeed(t *testing.T) {
	b := newBox(t)
	child := jointest.New(t)
	if err := b.store.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, child.ID, store.Child{ID: child.ID, Name: "tk-1", CampusID: "north", Pin: child.Pin(child.Certificate)})
	}); err != nil {
		t.Fatal(err)
	}
	shows := func(x *x509.Certificate) func(*http.Request) {
		return func(r *http.Request) { r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{x}} }
	}
	w := b.ask(b.Public(), "POST", SpeedPath, strings.Repeat("x", 100_000), shows(child.Certificate))
	var s Speed
	if json.Unmarshal(w.Body.Bytes(), &s) != nil || w.Code != 200 || s.Bytes != 99_999 || s.Microseconds < 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = b.ask(b.Public(), "POST", SpeedPath, strings.Repeat("x", MostSpeedBytes+100_000), shows(child.Certificate))
	if json.Unmarshal(w.Body.Bytes(), &s) != nil || s.Bytes != MostSpeedBytes {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = b.ask(b.Public(), "POST", SpeedPath, "", shows(child.Certificate)); w.Code != 400 {
		t.Errorf("no bytes: %d %s", w.Code, w.Body)
	}
	for name, as := range map[string]func(*http.Request){"nobody": func(*http.Request) {}, "a stranger's box": shows(jointest.New(t).Certificate), "an administrator": b.signedIn} {
		if w := b.ask(b.Public(), "POST", SpeedPath, "x", as); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	b.measuring.Lock()
	if w = b.ask(b.Public(), "POST", SpeedPath, "x", shows(child.Certificate)); w.Code != 503 || code(w) != "busy" {
		t.Errorf("beside another: %d %s", w.Code, w.Body)
	}
}
