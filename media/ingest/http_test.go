package ingest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func kebab(s string) bool { return regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s) }

// expect checks the status and, for an error, its code.
func expect(t *testing.T, r *http.Response, status int, code string) {
	t.Helper()
	body := text(t, r)
	if r.StatusCode != status {
		t.Errorf("status %d, want %d: %s", r.StatusCode, status, body)
		return
	}
	if status < 400 {
		return
	}
	var e struct{ Code, Message string }
	if err := json.Unmarshal([]byte(body), &e); err != nil || !kebab(e.Code) || len(e.Message) < 10 {
		t.Errorf("error body %q (%v)", body, err)
	}
	if e.Code != code {
		t.Errorf("code %q, want %q (%s)", e.Code, code, e.Message)
	}
	if r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("error has Content-Type %q", r.Header.Get("Content-Type"))
	}
}

func TestStatusOfRequests(t *testing.T) {
	g := newRig(t, nil)
	chromium, watch := load(t, "chromium-publish.sdp"), load(t, "firefox-watch.sdp")
	none := strings.ReplaceAll(chromium, "VP8/90000", "VP7/90000")
	pub, sub := "Bearer pub-a", "Bearer sub-a"
	for _, c := range []struct {
		name         string
		method, path string
		auth, typ    string
		body         string
		status       int
		code         string
		header       [2]string // must be there
	}{
		{name: "whip", method: "POST", path: "/whip/physics", auth: pub, typ: typeSDP, body: chromium, status: 201},
		{name: "whip with a slash", method: "POST", path: "/whip/p5/", auth: pub, typ: typeSDP, body: chromium, status: 201},
		{name: "whip lax type", method: "POST", path: "/whip/p1", auth: pub, typ: "Application/SDP; charset=utf-8", body: chromium, status: 201},
		{name: "whip board", method: "POST", path: "/whip/physics?source=board", auth: pub, typ: typeSDP, body: chromium, status: 201},
		{name: "whip pupils", method: "POST", path: "/whip/physics?source=pupils", auth: pub, typ: typeSDP, body: chromium, status: 201},
		{name: "whip teacher by name", method: "POST", path: "/whip/p2?source=teacher", auth: pub, typ: typeSDP, body: chromium, status: 201},
		{name: "whip other source", method: "POST", path: "/whip/physics?source=voice", auth: pub, typ: typeSDP, body: chromium, status: 400, code: "source-unknown"},
		{name: "whip no known codec", method: "POST", path: "/whip/p4", auth: pub, typ: typeSDP, body: none, status: 422, code: "codec-mismatch"},
		{name: "whip watch offer", method: "POST", path: "/whip/p4", auth: pub, typ: typeSDP, body: watch, status: 422, code: "nothing-offered"},
		{name: "whip ended lesson", method: "POST", path: "/whip/over", auth: pub, typ: typeSDP, body: chromium, status: 409, code: "lesson-ended"},
		{name: "whip closed lesson", method: "POST", path: "/whip/closed", auth: pub, typ: typeSDP, body: chromium, status: 403, code: "forbidden"},
		{name: "whip broken box", method: "POST", path: "/whip/broken", auth: pub, typ: typeSDP, body: chromium, status: 500, code: "internal"},
		{name: "whip broken auth", method: "POST", path: "/whip/math", auth: "Bearer pub-broken", typ: typeSDP, body: chromium, status: 500, code: "internal"},
		{name: "whip no token", method: "POST", path: "/whip/math", typ: typeSDP, body: chromium, status: 401, code: "unauthorized",
			header: [2]string{"WWW-Authenticate", `Bearer realm="tongke"`}},
		{name: "whip bad token", method: "POST", path: "/whip/math", auth: "Bearer x", typ: typeSDP, body: chromium, status: 401, code: "unauthorized",
			header: [2]string{"WWW-Authenticate", `Bearer realm="tongke", error="invalid_token"`}},
		{name: "whip watch token", method: "POST", path: "/whip/math", auth: sub, typ: typeSDP, body: chromium, status: 403, code: "forbidden",
			header: [2]string{"WWW-Authenticate", `Bearer realm="tongke", error="insufficient_scope"`}},
		{name: "whip no type", method: "POST", path: "/whip/math", auth: pub, body: chromium, status: 415, code: "wrong-content-type"},
		{name: "whip json", method: "POST", path: "/whip/math", auth: pub, typ: "application/json", body: chromium, status: 415, code: "wrong-content-type",
			header: [2]string{"Accept-Post", typeSDP}},
		{name: "whip empty", method: "POST", path: "/whip/math", auth: pub, typ: typeSDP, status: 400, code: "sdp-malformed"},
		{name: "whip text", method: "POST", path: "/whip/math", auth: pub, typ: typeSDP, body: "hello", status: 400, code: "sdp-malformed"},
		{name: "whip truncated", method: "POST", path: "/whip/math", auth: pub, typ: typeSDP, body: chromium[:100], status: 400, code: "sdp-malformed"},
		{name: "whip too large", method: "POST", path: "/whip/math", auth: pub, typ: typeSDP, body: chromium + strings.Repeat("a=x\r\n", 14000), status: 413, code: "sdp-too-large"},
		{name: "whip PUT", method: "PUT", path: "/whip/math", auth: pub, status: 405, code: "method-not-allowed", header: [2]string{"Allow", "GET, HEAD, OPTIONS, POST"}},
		{name: "whip PATCH", method: "PATCH", path: "/whip/math", auth: pub, status: 405, code: "method-not-allowed", header: [2]string{"Allow", "GET, HEAD, OPTIONS, POST"}},
		{name: "whip DELETE", method: "DELETE", path: "/whip/math", auth: pub, status: 405, code: "method-not-allowed"},
		{name: "whip GET", method: "GET", path: "/whip/math", status: 204},
		{name: "whip HEAD", method: "HEAD", path: "/whip/math", status: 204},
		{name: "whip OPTIONS", method: "OPTIONS", path: "/whip/math", status: 200, header: [2]string{"Accept-Post", typeSDP}},
		{name: "whip bad lesson", method: "POST", path: "/whip/Math%21", auth: pub, typ: typeSDP, body: chromium, status: 404, code: "lesson-unknown"},
		{name: "whip no lesson", method: "POST", path: "/whip/", auth: pub, typ: typeSDP, body: chromium, status: 404, code: "not-found"},
		{name: "deep path", method: "POST", path: "/whip/a/b/c", auth: pub, typ: typeSDP, body: chromium, status: 404, code: "not-found"},

		{name: "whep", method: "POST", path: "/whep/math", auth: sub, typ: typeSDP, body: watch, status: 201},
		{name: "whep aiortc", method: "POST", path: "/whep/math", auth: sub, typ: typeSDP, body: load(t, "aiortc-watch.sdp"), status: 201},
		{name: "whep unknown lesson", method: "POST", path: "/whep/nothing", auth: sub, typ: typeSDP, body: watch, status: 404, code: "lesson-unknown"},
		{name: "whep no token", method: "POST", path: "/whep/nothing", typ: typeSDP, body: watch, status: 401, code: "unauthorized"},
		{name: "whep publish token", method: "POST", path: "/whep/math", auth: pub, typ: typeSDP, body: watch, status: 403, code: "forbidden"},
		{name: "whep pupils", method: "POST", path: "/whep/math?source=pupils", auth: sub, typ: typeSDP, body: watch, status: 403, code: "pupils-not-given"},
		{name: "whep publish offer", method: "POST", path: "/whep/math", auth: sub, typ: typeSDP, body: chromium, status: 422, code: "nothing-asked"},
		{name: "whep no known codec", method: "POST", path: "/whep/math", auth: sub, typ: typeSDP,
			body: strings.ReplaceAll(watch, "VP8", "VP7"), status: 422, code: "codec-mismatch"},
		{name: "whep wrong type", method: "POST", path: "/whep/math", auth: sub, typ: "text/plain", body: watch, status: 415, code: "wrong-content-type"},
		{name: "whep GET", method: "GET", path: "/whep/math", status: 204},
		{name: "whep PUT", method: "PUT", path: "/whep/math", auth: sub, status: 405, code: "method-not-allowed"},

		{name: "resource unknown", method: "PATCH", path: "/whip/math/aaaa", auth: pub, typ: typeFragment, status: 404, code: "session-unknown"},
		{name: "resource unknown DELETE", method: "DELETE", path: "/whip/math/aaaa", auth: pub, status: 404, code: "session-unknown"},
		{name: "resource POST", method: "POST", path: "/whip/math/aaaa", auth: pub, status: 405, code: "method-not-allowed",
			header: [2]string{"Allow", "DELETE, GET, HEAD, OPTIONS, PATCH"}},
		{name: "resource OPTIONS", method: "OPTIONS", path: "/whip/math/aaaa", status: 200, header: [2]string{"Accept-Patch", typeFragment}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := []string{}
			if c.auth != "" {
				h = append(h, "Authorization", c.auth)
			}
			if c.typ != "" {
				h = append(h, "Content-Type", c.typ)
			}
			r := g.do(c.method, c.path, c.body, h...)
			expect(t, r, c.status, c.code)
			if c.header[0] != "" && r.Header.Get(c.header[0]) != c.header[1] {
				t.Errorf("%s: %q, want %q", c.header[0], r.Header.Get(c.header[0]), c.header[1])
			}
			if c.status == 204 && r.ContentLength > 0 {
				t.Error("204 with content")
			}
		})
	}
}

func TestCreated(t *testing.T) {
	g := newRig(t, func(c *Config) {
		c.ICEServers = func(*http.Request) []ICEServer {
			return []ICEServer{{URL: "stun:stun.example:3478"}, {URL: "turns:box.example:443?transport=tcp", Username: "u", Credential: "p"}}
		}
	})
	r := g.post("/whip/math", "pub-a", load(t, "chromium-publish.sdp"))
	if r.StatusCode != 201 {
		t.Fatal(text(t, r))
	}
	loc := r.Header.Get("Location")
	if !regexp.MustCompile(`^/whip/math/[a-z2-7]{26}$`).MatchString(loc) {
		t.Errorf("Location %q", loc)
	}
	if !regexp.MustCompile(`^"[^"]+"$`).MatchString(r.Header.Get("ETag")) {
		t.Errorf("ETag %q is not a strong entity tag", r.Header.Get("ETag"))
	}
	if ct := r.Header.Get("Content-Type"); ct != typeSDP {
		t.Errorf("Content-Type %q", ct)
	}
	if text(t, r) != fakeAnswer {
		t.Error("body is not the answer")
	}
	want := []string{`<stun:stun.example:3478>; rel="ice-server"`,
		`<turns:box.example:443?transport=tcp>; rel="ice-server"; username="u"; credential="p"; credential-type="password"`}
	if got := r.Header.Values("Link"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("Link %q", got)
	}
	if exposed := r.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Location") || !strings.Contains(exposed, "ETag") || !strings.Contains(exposed, "Link") {
		t.Errorf("exposed %q", exposed)
	}
	if g.lessons.present("math/teacher") != 1 {
		t.Error("the lesson was not told of its publisher")
	}
}

func TestCORS(t *testing.T) {
	g := newRig(t, nil)
	r := g.do("OPTIONS", "/whip/math", "", "Origin", "https://other.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	for _, want := range [][2]string{
		{"Access-Control-Allow-Origin", "*"}, {"Access-Control-Allow-Methods", "POST"}, {"Access-Control-Allow-Headers", "Authorization"},
		{"Access-Control-Allow-Headers", "Content-Type"}, {"Access-Control-Allow-Headers", "If-Match"}, {"Accept-Post", typeSDP},
	} {
		if !strings.Contains(r.Header.Get(want[0]), want[1]) {
			t.Errorf("%s: %q lacks %q", want[0], r.Header.Get(want[0]), want[1])
		}
	}
	if r.StatusCode != 200 || r.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d, credentials %q", r.StatusCode, r.Header.Get("Access-Control-Allow-Credentials"))
	}

	// Without a token, what the box grants to a cookie or to loopback is for pages of its own.
	watch := load(t, "firefox-watch.sdp")
	for _, c := range []struct {
		origin string
		status int
		code   string
	}{
		{"", 201, ""},
		{"http://example.com", 201, ""}, // httptest's host
		{"https://other.example", 401, "unauthorized"},
		{"null", 401, "unauthorized"},
	} {
		h := []string{"Content-Type", typeSDP, "Cookie", "session=desk"}
		if c.origin != "" {
			h = append(h, "Origin", c.origin)
		}
		expect(t, g.do("POST", "/whep/math", watch, h...), c.status, c.code)
	}
}

const frag = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
	"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n" +
	"a=candidate:3471623853 1 udp 2122194687 6c1e7dbb-5cbb-4ac6-9aad-000000000000.local 61765 typ host\r\n" +
	"a=end-of-candidates\r\n"

func TestPatch(t *testing.T) {
	g := newRig(t, nil)
	created := g.post("/whip/math", "pub-a", load(t, "chromium-publish.sdp"))
	loc, etag := created.Header.Get("Location"), created.Header.Get("ETag")
	patch := func(body string, header ...string) *http.Response {
		t.Helper()
		return g.do("PATCH", loc, body, append([]string{"Authorization", "Bearer pub-a"}, header...)...)
	}
	ct := []string{"Content-Type", typeFragment}
	with := func(etag string) []string { return append([]string{"If-Match", etag}, ct...) }

	expect(t, patch(frag, "If-Match", etag), 415, "wrong-content-type")
	expect(t, patch(frag, ct...), 428, "if-match-missing")
	expect(t, patch(frag, with(`"other"`)...), 412, "etag-stale")
	expect(t, patch(frag, with("W/"+etag)...), 412, "etag-stale") // strong comparison
	expect(t, patch("", with(etag)...), 400, "fragment-malformed")
	expect(t, patch("candidate", with(etag)...), 400, "fragment-malformed")
	expect(t, patch("a=candidate:1 1 udp\r\n", with(etag)...), 400, "fragment-malformed")
	expect(t, patch("a=ice-ufrag:zzzz\r\n", with("*")...), 400, "fragment-malformed")
	expect(t, patch("a=ice-ufrag:zzzz\r\na=ice-pwd:short\r\n", with("*")...), 400, "fragment-malformed")
	expect(t, patch(strings.Repeat("a=x\r\n", 4000), with(etag)...), 413, "fragment-too-large")
	expect(t, patch("a=mid:0\r\n", with("*")...), 409, "nothing-to-do")

	r := patch(frag, with(etag)...)
	expect(t, r, 204, "")
	if r.Header.Get("ETag") != "" || r.ContentLength > 0 {
		t.Error("204 with ETag or body")
	}
	expect(t, patch(frag, with(`"x", `+etag)...), 204, "")
	expect(t, patch(frag, with(strings.Trim(etag, `"`))...), 204, "") // without quotes: lax
	if p := g.last(); len(p.candidates) != 3 {
		t.Errorf("candidates %q", p.candidates)
	}

	restart := strings.NewReplacer("EsAw", "ysXw", "P2uYro0UCOQ4zxjKXaWCBui1", "vw5LmwG4y/e6dPP/zAP9Gp5k").Replace(frag)
	g.last().refuse = true
	expect(t, patch(restart, with("*")...), 503, "restart-failed")
	expect(t, patch(frag, with(etag)...), 204, "") // as before
	g.last().refuse = false
	r = patch(restart, with("*")...)
	fresh := r.Header.Get("ETag")
	body := text(t, r)
	if r.StatusCode != 200 || fresh == "" || fresh == etag || r.Header.Get("Content-Type") != typeFragment {
		t.Fatalf("restart: %d %q %q", r.StatusCode, fresh, body)
	}
	for _, want := range []string{"a=ice-options:trickle ice2\r\n", "a=ice-ufrag:abcd\r\n", "a=ice-pwd:", "a=mid:0\r\n", "a=candidate:", "m=audio", "a=group:BUNDLE 0 1"} {
		if strings.Count(body, want) != 1 {
			t.Errorf("restart body has not one %q:\n%s", want, body)
		}
	}
	expect(t, patch(frag, with(etag)...), 412, "etag-stale")
	expect(t, patch(restart, with(fresh)...), 204, "")
	// New credentials under the present tag are a restart too, even if not asked for with *.
	expect(t, patch(frag, with(fresh)...), 200, "")
	if g.last().restarts != 2 {
		t.Errorf("%d restarts", g.last().restarts)
	}
}

func TestResourceBelongsToItsToken(t *testing.T) {
	g := newRig(t, nil)
	loc := g.post("/whep/math", "sub-a", load(t, "firefox-watch.sdp")).Header.Get("Location")
	expect(t, g.do("DELETE", loc, ""), 401, "unauthorized")
	expect(t, g.do("DELETE", loc, "", "Authorization", "Bearer sub-b"), 403, "forbidden")
	expect(t, g.do("GET", loc, "", "Authorization", "Bearer sub-a"), 204, "")
	expect(t, g.do("DELETE", strings.Replace(loc, "whep", "whip", 1), "", "Authorization", "Bearer pubsub-a"), 404, "session-unknown")
	expect(t, g.do("DELETE", loc, "", "Authorization", "Bearer sub-a", "If-Match", `"whatever"`), 200, "")
	expect(t, g.do("DELETE", loc, "", "Authorization", "Bearer sub-a"), 404, "session-unknown")
	expect(t, g.do("PATCH", loc, frag, "Authorization", "Bearer sub-a", "Content-Type", typeFragment, "If-Match", "*"), 404, "session-unknown")
	if g.last().count() != 1 || g.Stats().Subscribers != 0 {
		t.Errorf("closed %d times, %+v", g.last().count(), g.Stats())
	}
}

func TestReplaceAndTaken(t *testing.T) {
	g := newRig(t, nil)
	sdp := load(t, "obs-publish.sdp")
	first := g.post("/whip/math", "pub-a", sdp)
	old := g.last()
	r := g.post("/whip/math", "pub-b", sdp)
	expect(t, r, 409, "source-taken")
	if r.Header.Get("Retry-After") == "" {
		t.Error("409 without Retry-After")
	}
	expect(t, g.post("/whip/math?source=board", "pub-b", sdp), 201, "")

	second := g.post("/whip/math", "pub-a", sdp)
	expect(t, second, 201, "")
	loc := first.Header.Get("Location")
	expect(t, g.do("DELETE", loc, "", "Authorization", "Bearer pub-a"), 404, "session-unknown")
	if old.count() != 0 {
		t.Error("the first publisher was cut before the second had media")
	}
	g.last().x.setStarted()
	eventually(t, func() bool { return old.count() == 1 })
	if g.last().count() != 0 || g.Stats().Publishers != 2 || g.Stats().Replaced != 1 {
		t.Errorf("%+v", g.Stats())
	}
	if n := g.lessons.present("math/teacher"); n != 1 {
		t.Errorf("%d publishers joined and not left", n)
	}
	expect(t, g.do("DELETE", second.Header.Get("Location"), "", "Authorization", "Bearer pub-a"), 200, "")
	expect(t, g.post("/whip/math", "pub-b", sdp), 201, "")
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 500 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("did not happen within 5 s")
}

func TestOverload(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Limits.Publishers, c.Limits.Subscribers = 1, 2 })
	watch, sdp := load(t, "firefox-watch.sdp"), load(t, "obs-publish.sdp")
	g.post("/whep/math", "sub-a", watch)
	loc := g.post("/whep/math", "sub-a", watch).Header.Get("Location")
	r := g.post("/whep/math", "sub-a", watch)
	expect(t, r, 503, "overloaded")
	if r.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	g.do("DELETE", loc, "", "Authorization", "Bearer sub-a")
	expect(t, g.post("/whep/math", "sub-a", watch), 201, "")

	expect(t, g.post("/whip/math", "pub-a", sdp), 201, "")
	expect(t, g.post("/whip/math", "pub-a", sdp), 201, "") // a return needs no new place
	expect(t, g.post("/whip/math?source=board", "pub-a", sdp), 503, "overloaded")
	if s := g.Stats(); s.Refused != 2 || s.Accepted != 5 {
		t.Errorf("%+v", s)
	}
}

func TestPatchFlood(t *testing.T) {
	g := newRig(t, nil)
	r := g.post("/whip/math", "pub-a", load(t, "obs-publish.sdp"))
	status := map[int]int{}
	for range 200 {
		got := g.do("PATCH", r.Header.Get("Location"), "a=mid:0\r\na=end-of-candidates\r\n", "Authorization", "Bearer pub-a",
			"Content-Type", typeFragment, "If-Match", r.Header.Get("ETag"))
		status[got.StatusCode]++
	}
	if status[204] < patchBurst || status[429] < 100 || len(status) != 2 {
		t.Errorf("%v", status)
	}
}

func TestKickAndCloseLesson(t *testing.T) {
	g := newRig(t, nil)
	a := g.post("/whep/math", "sub-a", load(t, "firefox-watch.sdp")).Header.Get("Location")
	pa := g.last()
	b := g.post("/whip/math", "pub-b", load(t, "obs-publish.sdp")).Header.Get("Location")
	pb := g.last()
	g.Kick("sub-a")
	eventually(t, func() bool { return pa.count() == 1 })
	expect(t, g.do("GET", a, "", "Authorization", "Bearer sub-a"), 410, "token-revoked")
	if pb.count() != 0 {
		t.Error("a bystander was kicked")
	}
	g.CloseLesson("math")
	eventually(t, func() bool { return pb.count() == 1 })
	expect(t, g.do("PATCH", b, frag, "Authorization", "Bearer pub-b"), 410, "lesson-ended")
}

// TestRightsThatEnd: a session ends by itself when what it was made by was taken back, whether it publishes or watches.
func TestRightsThatEnd(t *testing.T) {
	var out atomic.Bool
	g := newRig(t, func(c *Config) {
		c.Authorize = func(r *http.Request, lesson string, publish bool) (Grant, error) {
			grant, err := authorize(r, lesson, publish)
			grant.Holds = func() bool { return !out.Load() || grant.Name == "stays" }
			return grant, err
		}
	})
	watch := g.post("/whep/math", "sub-a", load(t, "firefox-watch.sdp")).Header.Get("Location")
	pw := g.last()
	publish := g.post("/whip/math", "pub-b", load(t, "obs-publish.sdp")).Header.Get("Location")
	pp := g.last()
	g.post("/whep/math", "sub-stays", load(t, "firefox-watch.sdp"))
	stays := g.last()
	g.sweep(time.Now())
	if pw.count()+pp.count() != 0 {
		t.Error("ended though their rights hold")
	}
	out.Store(true)
	eventually(t, func() bool { return pw.count() == 1 && pp.count() == 1 })
	expect(t, g.do("GET", watch, "", "Authorization", "Bearer sub-a"), 410, "token-revoked")
	expect(t, g.do("GET", publish, "", "Authorization", "Bearer pub-b"), 410, "token-revoked")
	if stays.count() != 0 {
		t.Error("a bystander was ended")
	}
}

func TestUnansweredParent(t *testing.T) {
	g := newRig(t, nil)
	g.lessons.slow = true
	began := time.Now()
	expect(t, g.post("/whep/math", "sub-a", load(t, "firefox-watch.sdp")), 404, "lesson-unknown")
	if d := time.Since(began); d < existWithin-100*time.Millisecond || d > existWithin+time.Second {
		t.Errorf("took %v", d)
	}
}

// A hostile offer is refused in little time and memory.
func TestHostileOffers(t *testing.T) {
	g := newBox(t)
	head := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\na=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02\r\n"
	video := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\na=sendonly\r\n"
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"10,000 m-lines", head + strings.Repeat("m=a 9 x 0\n", 10_000), 413},
		{"6,000 m-lines within the size", head + strings.Repeat("m=a 9 x 0\n", 6_000), 413},
		{"1,000,000 candidates", head + video + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n", 1_000_000), 413},
		{"1,000 candidates within the size", head + video + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n", 1_000), 413},
		{"a long line", head + video + "a=x:" + strings.Repeat("y", 50_000), 413},
		{"2,000 payload types", head + "m=video 9 UDP/TLS/RTP/SAVPF " + strings.Repeat("1 ", 2_000) + "\n", 422},
		{"30 video m-lines", head + strings.Repeat(video, 30), 422},
		{"zero bytes", head + "a=\x00\n" + video, 400},
		{"not UTF-8", head + "a=\xff\n" + video, 400},
		{"only newlines", strings.Repeat("\n", 60_000), 400},
		{"no credentials", "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n" + video, 400},
		{"no fingerprint", strings.ReplaceAll(head, "a=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02\r\n", "") + video, 400},
		{"data channel only", head + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", 422},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			r := httptest.NewRequest("POST", "/whip/math", strings.NewReader(c.body))
			r.Header.Set("Content-Type", typeSDP)
			r.Header.Set("Authorization", "Bearer pub-a")
			if len(c.body) > maxOffer {
				r.ContentLength = -1 // chunked: the size is not told beforehand
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if w.Code != c.status {
				t.Errorf("%d, want %d: %s", w.Code, c.status, w.Body)
			}
			if took > 500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
				t.Errorf("allocated %d bytes", grown)
			}
		})
	}
}
