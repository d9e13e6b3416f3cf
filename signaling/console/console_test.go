package console

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tongke/signaling/timetable"
)

func handler(t *testing.T) http.Handler {
	t.Helper()
	h, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	h := handler(t)
	for _, c := range []struct {
		method, target string
		code           int
		contentType    string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/class", 200, "text/html; charset=utf-8"},
		{"GET", "/class/music-3", 200, "text/html; charset=utf-8"},
		{"HEAD", "/class/music-3", 200, "text/html; charset=utf-8"},
		{"GET", "/class/music-3?lang=en", 200, "text/html; charset=utf-8"},
		{"GET", "/console/class.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/console/class.css", 200, "text/css; charset=utf-8"},
		{"GET", "/console/text/zh.json", 200, "application/json"},
		{"GET", "/class/", 404, ""},
		{"GET", "/class/Music_3", 404, ""},
		{"GET", "/class/" + strings.Repeat("a", 41), 404, ""},
		{"GET", "/class/a/b", 404, ""},
		{"GET", "/device", 200, "text/html; charset=utf-8"},
		{"GET", "/assist", 200, "text/html; charset=utf-8"},
		{"GET", "/assist/x", 404, ""},
		{"GET", "/library", 200, "text/html; charset=utf-8"},
		{"GET", "/library/music-3", 404, ""},
		{"GET", "/console/class.html", 404, ""},
		{"GET", "/console/console.go", 404, ""},
		{"GET", "/console/", 404, ""},
		{"GET", "/teach/music-3", 200, "text/html; charset=utf-8"},
		{"GET", "/teach/Music_3", 404, ""},
	} {
		w := get(h, c.method, c.target)
		if w.Code != c.code {
			t.Errorf("%s %s: %d, want %d", c.method, c.target, w.Code, c.code)
			continue
		}
		if c.contentType != "" && w.Header().Get("Content-Type") != c.contentType {
			t.Errorf("%s: content type %q, want %q", c.target, w.Header().Get("Content-Type"), c.contentType)
		}
		for k, v := range headers {
			if w.Header().Get(k) != v && k != "Cache-Control" {
				t.Errorf("%s: header %s is %q, want %q", c.target, k, w.Header().Get(k), v)
			}
		}
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	h := handler(t)
	tag := get(h, "GET", "/console/class.js").Header().Get("ETag")
	if w := get(h, "GET", "/console/class.js", "If-None-Match", tag); w.Code != http.StatusNotModified {
		t.Errorf("%d for the same version, want 304", w.Code)
	}
}

func words(t *testing.T, name string) map[string]string {
	t.Helper()
	raw, err := files.ReadFile("text/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

var place = regexp.MustCompile(`\{\w+\}`)

func TestWordsOfBothLanguagesMatch(t *testing.T) {
	zh, en := words(t, "zh"), words(t, "en")
	if a, b := slices.Sorted(maps.Keys(zh)), slices.Sorted(maps.Keys(en)); !slices.Equal(a, b) {
		t.Errorf("keys differ:\nzh %v\nen %v", a, b)
	}
	for k := range zh {
		a, b := place.FindAllString(zh[k], -1), place.FindAllString(en[k], -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: places %v in zh, %v in en", k, a, b)
		}
		if strings.HasSuffix(k, "language") {
			continue // the name of the other language is written in it
		}
		if strings.ContainsFunc(en[k], func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s: en.json says %q", k, en[k])
		}
	}
}

// TestGuardIsInEveryPage: what loads a page again stands in the page itself, and the policy lets it run.
func TestGuardIsInEveryPage(t *testing.T) {
	if !strings.Contains(policy, hashOf(guard)) {
		t.Errorf("the policy does not know the guard: %s", policy)
	}
	if bytes.Contains(guard, []byte("</")) {
		t.Error("the guard would end its own element")
	}
	h := handler(t)
	for _, at := range []string{"/", "/assist", "/class", "/device", "/library", "/teach/music-3"} {
		body := get(h, "GET", at).Body.String()
		if !strings.Contains(body, "<script>"+string(guard)+"</script>") || strings.Contains(body, "guard.js\"") {
			t.Errorf("%s does not have the guard", at)
		}
	}
}

// Pages and scripts hold no words of their own, and nothing that the policy forbids.
func TestPagesHoldNoWordsAndNoInlineScript(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]+</script>|\son\w+=|style=|<style|javascript:|innerHTML|insertAdjacentHTML|document\.write|eval\(`)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".json" {
			return err
		}
		raw, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		for n, line := range strings.Split(string(raw), "\n") {
			code, _, _ := strings.Cut(line, "// ")
			if strings.HasPrefix(strings.TrimSpace(line), "*") || strings.HasPrefix(strings.TrimSpace(line), "/*") {
				continue
			}
			if strings.ContainsFunc(code, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s:%d: words belong into text/: %s", name, n+1, line)
			}
			if m := inline.FindString(code); m != "" {
				t.Errorf("%s:%d: the policy forbids %q", name, n+1, m)
			}
		}
		if lines := strings.Count(string(raw), "\n"); path.Ext(name) == ".js" && lines > 400 {
			t.Errorf("%s: %d lines, want at most 400", name, lines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every sentence that class-state.js can choose, and every sign, has words.
func TestEveryStateHasWords(t *testing.T) {
	raw, err := files.ReadFile("class-state.js")
	if err != nil {
		t.Fatal(err)
	}
	zh := words(t, "zh")
	_, list, _ := strings.Cut(string(raw), "@typedef {\"floor.us")
	list, _, ok := strings.Cut("\"floor.us"+list, "} Key")
	if !ok {
		t.Fatal("class-state.js has no list of states")
	}
	found := regexp.MustCompile(`"([a-z.]+)"`).FindAllStringSubmatch(list, -1)
	if len(found) < 25 {
		t.Errorf("%d states", len(found))
	}
	for _, m := range found {
		if zh["class."+m[1]] == "" {
			t.Errorf("state %s has no words", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`"(class\.[a-zA-Z.]+)"`).FindAllStringSubmatch(string(raw), -1) {
		if zh[m[1]] == "" {
			t.Errorf("sign %s has no words", m[1])
		}
	}
}

// Every fault that an import can name has words and a cure.
func TestEveryFaultHasWords(t *testing.T) {
	zh := words(t, "zh")
	for _, code := range timetable.Codes {
		if zh["home.fault."+code] == "" || zh["home.cure."+code] == "" {
			t.Errorf("%s has no words", code)
		}
	}
}

// A page asks for all its scripts at once, each once and none that is not there; what it takes later it asks for later.
func TestPreload(t *testing.T) {
	link := regexp.MustCompile(`<link rel="modulepreload" href="/console/([a-z0-9-]+\.js)">`)
	for target, want := range map[string][]string{
		"/teach/x": {"teach-desk.js", "teach-view.js", "publish.js", "sdp.js", "text.js"}, "/class": {"class-room.js", "receive.js", "stats.js"}, "/assist": {"protocol.js"}, "/": {"home-plan.js"},
	} {
		body := get(handler(t), "GET", target).Body.String()
		var names []string
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			names = append(names, m[1])
			if _, err := fs.Stat(files, m[1]); err != nil {
				t.Errorf("%s: %v", target, err)
			}
		}
		if slices.Sort(names); len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s asks twice: %q", target, names)
		}
		for _, n := range want {
			if !slices.Contains(names, n) {
				t.Errorf("%s does not ask for %s: %q", target, n, names)
			}
		}
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "demo") || n == "messages.js" }) {
			t.Errorf("%s asks for too much: %q", target, names)
		}
	}
}
