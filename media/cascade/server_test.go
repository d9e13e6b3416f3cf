package cascade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tongke/media/track"
	"tongke/media/udp"
)

// ask posts a connect request as child and returns status and code.
func ask(t *testing.T, child, parent *testBox, body string) (int, string) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: child.cfg.ClientTLS(parent.key.pin), DisableKeepAlives: true}
	req, err := http.NewRequest(http.MethodPost, parent.url+connectPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e errorBody
	_ = json.Unmarshal(data, &e)
	return resp.StatusCode, e.Code
}

func request(h hello, rung, offer string) string {
	if h.Version == 0 {
		h.Version = version
	}
	if h.Capabilities == nil {
		h.Capabilities = []string{}
	}
	if h.Alliance == "" {
		h.Alliance = "county"
	}
	hb, _ := json.Marshal(h)
	b, _ := json.Marshal(connectRequest{Hello: hb, Rung: rung, Offer: offer})
	return string(b)
}

func TestConnectRefusals(t *testing.T) {
	core, member, stranger := newBox(t, "core"), newBox(t, "member"), newBox(t, "stranger")
	core.invite(member)
	self := []string{member.key.id}
	for _, tt := range []struct {
		name   string
		from   *testBox
		body   string
		status int
		code   string
	}{
		{"stranger", stranger, request(hello{Path: []string{stranger.key.id}}, "udp", "v=0"), 403, "unknown-peer"},
		{"nothing", member, "", 400, "malformed"},
		{"no object", member, "[]", 400, "malformed"},
		{"extra field", member, strings.Replace(request(hello{Path: self}, "udp", "v=0"), `"rung"`, `"x":1,"rung"`, 1), 400, "malformed"},
		{"rung", member, request(hello{Path: self}, "pigeon", "v=0"), 400, "malformed"},
		{"SDP", member, request(hello{Path: self}, "udp", "v=0"), 400, "malformed"},
		{"other box's hello", member, request(hello{Path: []string{stranger.key.id}}, "udp", "v=0"), 400, "malformed"},
		{"alliance", member, request(hello{Path: self, Alliance: "other"}, "udp", "v=0"), 403, "wrong-alliance"},
		{"version", member, request(hello{Path: self, Version: 4}, "udp", "v=0"), 426, "version"},
		{"long", member, request(hello{Path: self}, "udp", strings.Repeat("x", maxBody)), 413, "too-large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, code := ask(t, tt.from, core, tt.body); status != tt.status || code != tt.code {
				t.Errorf("%d %s, want %d %s", status, code, tt.status, tt.code)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		for range maxRequests {
			if status, code := ask(t, member, core, ""); status == 429 {
				if code != byeTooMany {
					t.Errorf("code %s", code)
				}
				return
			}
		}
		t.Error("never refused")
	})
	core.stop()
}

func TestTooDeep(t *testing.T) {
	var chain []*testBox
	for i := range maxBoxes + 1 {
		b := newBox(t, fmt.Sprintf("level%d", i))
		if i > 0 {
			b.join(chain[i-1])
			if i < maxBoxes {
				settle(t, b, chain[i-1])
			}
		}
		chain = append(chain, b)
	}
	last, above := chain[maxBoxes], chain[maxBoxes-1]
	time.Sleep(time.Second)
	if last.stats(above).Up {
		t.Errorf("a tree of %d levels was made", maxBoxes+1)
	}
	// What the root has goes down five boxes.
	voice := chain[0].publish("l1", track.Voice)
	w := above.watch(voice.key)
	eventually(t, 5*time.Second, "voice at the fifth box", func() bool { return w.count() > 20 })
}

func TestTunnelRefusesWhatIsNoDatagram(t *testing.T) {
	core, member := newBox(t, "core"), newBox(t, "member")
	core.invite(member)
	dial := func(query string, protocols ...string) (*websocket.Conn, *http.Response, error) {
		d := websocket.Dialer{TLSClientConfig: member.cfg.ClientTLS(core.key.pin), Subprotocols: protocols}
		return d.Dial("wss"+strings.TrimPrefix(core.url, "https")+tunnelPath+query, nil)
	}
	good := "?from=" + udp.RandomAddr().Addr().String()
	for _, bad := range []string{"", "?from=x", "?from=127.0.0.1", "?from=" + udp.ParentAddr.Addr().String()} {
		if _, resp, err := dial(bad, tunnelProtocol); err == nil || resp == nil || resp.StatusCode != 400 {
			t.Errorf("%q: %v, want 400", bad, err)
		}
	}
	if _, resp, err := dial(good, "other"); err == nil || resp == nil || resp.StatusCode != 400 {
		t.Errorf("other subprotocol: %v, want 400", err)
	}
	for _, tt := range []struct {
		typ  int
		data []byte
	}{{websocket.TextMessage, []byte("hello")}, {websocket.BinaryMessage, nil}, {websocket.BinaryMessage, bytes.Repeat([]byte{1}, maxDatagram+1)}} {
		ws, _, err := dial(good, tunnelProtocol)
		if err != nil {
			t.Fatal(err)
		}
		_ = ws.WriteMessage(tt.typ, tt.data)
		_ = ws.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, _, err := ws.ReadMessage(); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("type %d of %d bytes: %v, want the tunnel closed", tt.typ, len(tt.data), err)
		}
		_ = ws.Close()
	}
	var open []*websocket.Conn
	for range maxPeerLinks {
		ws, _, err := dial("?from="+udp.RandomAddr().Addr().String(), tunnelProtocol)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, ws)
	}
	if _, resp, err := dial("?from="+udp.RandomAddr().Addr().String(), tunnelProtocol); err == nil || resp == nil || resp.StatusCode != 429 {
		t.Errorf("one too many: %v, want 429", err)
	}
	for _, ws := range open {
		_ = ws.Close()
	}
}
