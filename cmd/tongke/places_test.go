package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// wsHello opens a page at base by a token and no cookie, and says hello as a class page of lesson. It gives the status of the upgrade, and the
// code of the first answer, "" for a good one.
func wsHello(t *testing.T, base, token, lesson string) (status int, code string) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"tongke.v1"}, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, HandshakeTimeout: 20 * time.Second}
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	c, res, err := d.Dial("ws"+strings.TrimPrefix(base, "http")+"/ws", h)
	if res == nil {
		t.Fatal(err)
	}
	var head struct {
		Type, Code string
		Re         int
	}
	if err != nil {
		body, _ := io.ReadAll(res.Body) // the dialer has cut it to its first kilobyte
		res.Body.Close()
		if err := json.Unmarshal(body, &head); err != nil {
			t.Fatalf("%d: %q: %v", res.StatusCode, body, err)
		}
		return res.StatusCode, head.Code
	}
	t.Cleanup(func() { c.Close() })
	if err := c.WriteJSON(map[string]any{"type": "hello", "id": 1, "page": "class", "lesson": lesson}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for head.Re != 1 {
		_, frame, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(frame, &head); err != nil {
			t.Fatalf("%s: %v", frame, err)
		}
	}
	return res.StatusCode, head.Code
}

// TestTokensOfOtherRooms: over HTTPS, with no cookie, who brings a token for a room or a lesson that this is not, or what is no token, is told
// that, whoever plays the room of the lesson meanwhile.
func TestTokensOfOtherRooms(t *testing.T) {
	dir := t.TempDir()
	p := runBox(t, dir)
	a, err := readAddresses(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"l1", "l2"} {
		ask(t, dir, "POST", "/api/v1/lessons", map[string]any{"id": id, "title": "音乐", "campuses": []string{"north/1"}}, nil)
	}
	token := func(lesson, room string) string {
		t.Helper()
		code, out, errs := tongke(t, "token", "--data", p.dir, "--lesson", lesson, "--role", "classroom", "--campus", room)
		if code != 0 {
			t.Fatal(errs)
		}
		return strings.TrimSpace(out)
	}
	own := token("l1", "north/1")
	for _, tt := range []struct {
		name, token string
		status      int
		code        string
	}{
		{"the room's own", own, http.StatusSwitchingProtocols, ""}, // it stays open: the room is played from here on
		{"the room's own, a second time", own, http.StatusSwitchingProtocols, "room-taken"},
		{"another classroom's", token("l1", "south/2"), http.StatusSwitchingProtocols, "forbidden"},
		{"another room's of the campus", token("l1", "north/2"), http.StatusSwitchingProtocols, "forbidden"},
		{"the room's for another lesson", token("l2", "north/1"), http.StatusSwitchingProtocols, "forbidden"},
		{"an altered one", "tk1.A" + strings.TrimPrefix(own, "tk1."), http.StatusUnauthorized, "sign-in"},
		{"garbage", "garbage", http.StatusUnauthorized, "sign-in"},
		{"none", "", http.StatusUnauthorized, "sign-in"},
	} {
		if status, code := wsHello(t, "https://"+a.Listen[0], tt.token, "l1"); status != tt.status || code != tt.code {
			t.Errorf("%s: %d %q, want %d %q", tt.name, status, code, tt.status, tt.code)
		}
	}
}
