package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tongke/testbench"
	"tongke/testbench/peer"
)

var secretsFor = flag.Duration("secrets", 3*time.Second, "how long TestNoSecretInLogs lets its lesson run (10m by hand)")

// secrets remembers everything that nobody may read in a log, in the forms it may take there.
type secrets struct {
	mu  sync.Mutex
	all map[string]string // what it is, by the text that must not appear
}

// add takes a secret as text; short ones prove nothing and are left out.
func (s *secrets) add(what, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text = strings.TrimSpace(text)
	if len(text) < 8 {
		return
	}
	s.all[text] = what
	if bare := strings.ReplaceAll(text, "-", ""); len(bare) >= 8 {
		s.all[bare] = what
	}
	for _, form := range []string{hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text))} {
		s.all[form] = what
	}
}

// bytes takes key material: the whole, and its beginning.
func (s *secrets) bytes(what string, raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range [][]byte{raw, raw[:min(12, len(raw))]} {
		s.all[hex.EncodeToString(part)] = what
		s.all[base64.RawStdEncoding.EncodeToString(part)] = what
	}
}

// Secrets in what a box answers: fields of JSON, of SDP (RFC 8839 §5.4), cookies.
var (
	secretField = regexp.MustCompile(`"(token|resume|code|secret|password|key)":"([^"]{8,})"`)
	secretLine  = regexp.MustCompile(`(?m)^a=ice-pwd:(\S+)`)
)

func (s *secrets) answer(body []byte) {
	for _, m := range secretField.FindAllSubmatch(body, -1) {
		s.add("the field "+string(m[1]), string(m[2]))
	}
	for _, m := range secretLine.FindAllSubmatch(body, -1) {
		s.add("a password of ICE", string(m[1]))
	}
}

// RoundTrip is a client's way to a box, which learns the secrets that pass.
func (s *secrets) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), "Bearer "); ok {
		s.add("a token", token)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || res.StatusCode >= 300 {
		return res, err // the code of an error is none
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	s.answer(body)
	for _, c := range res.Cookies() {
		s.add("the cookie "+c.Name, c.Value)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// files takes everything in a data directory that only its owner may read, but what others may know too.
func (s *secrets) files(t *testing.T, dir string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || e.IsDir() || !strings.HasPrefix(name, "identity") && !strings.HasPrefix(name, "keys") && name != "admin-password" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode != 0o600 && name != filepath.Join("identity", "ca.crt") {
			t.Errorf("%s has mode %o", name, mode)
		}
		found++
		blocks := 0
		for rest := data; ; blocks++ {
			var b *pem.Block
			if b, rest = pem.Decode(rest); b == nil {
				break
			}
			if strings.Contains(b.Type, "PRIVATE") {
				s.bytes(name, b.Bytes)
				s.bytes(name, b.Bytes[len(b.Bytes)/2:])
			}
		}
		if blocks == 0 && name == "admin-password" {
			s.add(name, string(data))
		} else if blocks == 0 {
			for i := 0; i+16 <= len(data); i += 4 { // a key somewhere in a file
				s.bytes(name, data[i:i+16])
			}
		}
		return nil
	})
	if err != nil || found < 4 {
		t.Fatalf("%d files with secrets in %s, %v", found, dir, err)
	}
}

// Two boxes say everything they have to say about joining, signing in, a lesson that is kept, and pages; none of it is a secret.
func TestNoSecretInLogs(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "debug.toml")
	if err := os.WriteFile(config, []byte("[log]\nlevel = \"debug\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var boxes []*process
	for _, name := range []string{"core", "member"} {
		p := launch(t, filepath.Join(dir, name), "run", "--config", config, "--data", filepath.Join(dir, name), "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
		p.waitReady()
		boxes = append(boxes, p)
	}
	core, member := boxes[0], boxes[1]
	s := &secrets{all: map[string]string{}}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: s, Jar: jar}
	post := func(p *process, path, body string) (status int) {
		t.Helper()
		res, err := client.Post(local(t, p)+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	want := func(status, expected int, what string) {
		t.Helper()
		if status != expected {
			t.Errorf("%s: status %d, want %d", what, status, expected)
		}
	}

	code, invitation, errs := tongke(t, "invite", "--data", core.dir, "--campus", "sanhe")
	if code != 0 {
		t.Fatal(errs)
	}
	s.add("an invitation", invitation)
	at, err := readAddresses(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	const typed = "0000-0000-0000-0000" // by somebody who guesses
	tongke(t, "join", "--data", member.dir, "https://"+at.Listen[0], typed)
	if code, _, errs := tongke(t, "join", "--data", member.dir, "https://"+at.Listen[0], strings.TrimSpace(invitation)); code != 0 {
		t.Fatal(errs)
	}
	s.add("the password of a guest", "correct horse battery staple")
	want(post(core, "/api/v1/session", `{"user":"admin","password":"correct horse battery staple"}`), http.StatusUnauthorized, "a wrong password")
	password, err := os.ReadFile(filepath.Join(core.dir, "admin-password"))
	if err != nil {
		t.Fatal(err)
	}
	want(post(core, "/api/v1/session", `{"user":"admin","password":"`+strings.TrimSpace(string(password))+`"}`), http.StatusNoContent, "the password")
	want(post(core, "/api/v1/people", `{"name":"王老师","role":"teacher"}`), http.StatusCreated, "a person")
	want(post(core, "/api/v1/lessons", `{"id":"l1","title":"音乐","campuses":"all","record":"keep"}`), http.StatusCreated, "a lesson")
	code, token, errs := tongke(t, "token", "--data", core.dir, "--lesson", "l1", "--role", "publish")
	if code != 0 {
		t.Fatal(errs)
	}
	clips, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: local(t, core), Lesson: "l1", Token: strings.TrimSpace(token), Client: client}, clips, true)
	if err != nil {
		t.Fatal(err)
	}
	background(t, teacher.Run)
	seat, err := peer.NewClassroom(peer.Config{URL: local(t, member), Lesson: "l1", Client: client})
	if err != nil {
		t.Fatal(err)
	}
	background(t, seat.Run)
	eventually(t, 30*time.Second, "pictures", func() bool { return seat.Stats().Camera.Packets > 100 })
	s.page(t, member)
	time.Sleep(*secretsFor)
	for _, p := range boxes {
		s.files(t, p.dir)
		if len(p.stderr()) < 1000 || !strings.Contains(p.stderr(), "level=DEBUG") {
			t.Errorf("no log to search: %q", p.stderr())
		}
		log := p.stderr()
		for text, what := range s.all {
			if at := strings.Index(log, text); at >= 0 {
				t.Errorf("%s stands in the log: …%s", what, log[max(0, at-200):min(len(log), at+20)])
			}
		}
		if strings.Contains(log, typed) {
			t.Error("a code that somebody typed stands in the log")
		}
	}
	t.Logf("%d texts not found in %d and %d bytes", len(s.all), len(core.stderr()), len(member.stderr()))
}

// page is a wall screen: it learns what resumes its session and the codes that it shows, and leaves without a word.
func (s *secrets) page(t *testing.T, p *process) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"tongke.v1"}, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	c, res, err := d.Dial("ws"+strings.TrimPrefix(local(t, p), "http")+"/ws", http.Header{"Origin": {local(t, p)}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	defer c.Close()
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"type":"hello","id":1,"page":"class"}`)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	before := len(s.all)
	for len(s.all) == before { // until something secret came
		_, frame, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		s.answer(frame)
	}
}
