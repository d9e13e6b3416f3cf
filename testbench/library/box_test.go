package library_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/testbench"
	"tongke/testbench/browser"
	"tongke/testbench/peer"
)

// process is a box as it runs in a school: the program itself.
type process struct {
	t     *testing.T
	dir   string
	local string // http://127.0.0.1:port
	admin []*http.Cookie
}

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tongke-library-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tongke")
	if out, err := exec.Command("go", "build", "-o", path, "tongke/cmd/tongke").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func startBox(t *testing.T) *process {
	t.Helper()
	path, err := program()
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(path)) })
	p := &process{t: t, dir: t.TempDir()}
	cmd := exec.Command(path, "run", "--config", "/dev/null", "--data", p.dir, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	var said bytes.Buffer
	cmd.Stderr = &said
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer stop.Stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the box said: %s", said.String()[max(0, said.Len()-4000):])
		}
	})
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var at struct{ Local string }
		if raw, err := os.ReadFile(filepath.Join(p.dir, "addresses.json")); err == nil && json.Unmarshal(raw, &at) == nil && at.Local != "" {
			p.local = "http://" + at.Local
			if a, err := http.Get(p.local + "/readyz"); err == nil && a.Body.Close() == nil && a.StatusCode == 200 {
				return p
			}
		}
	}
	t.Fatalf("the box does not come: %s", said.String())
	return nil
}

// ask asks as the administrator, who signs in first.
func (p *process) ask(method, path string, in any) (int, []byte) {
	p.t.Helper()
	if p.admin == nil {
		password, err := os.ReadFile(filepath.Join(p.dir, "admin-password"))
		must(p.t, err)
		body, err := json.Marshal(map[string]string{"user": "admin", "password": strings.TrimSpace(string(password))})
		must(p.t, err)
		a, err := http.Post(p.local+"/api/v1/session", "application/json", bytes.NewReader(body))
		must(p.t, err)
		a.Body.Close()
		p.admin = a.Cookies()
	}
	var body bytes.Buffer
	if in != nil {
		must(p.t, json.NewEncoder(&body).Encode(in))
	}
	r, err := http.NewRequest(method, p.local+"/api/v1"+path, &body)
	must(p.t, err)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range p.admin {
		r.AddCookie(c)
	}
	a, err := http.DefaultClient.Do(r)
	must(p.t, err)
	defer a.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(a.Body)
	must(p.t, err)
	return a.StatusCode, out.Bytes()
}

func (p *process) want(status int, method, path string, in any) (answer map[string]any) {
	p.t.Helper()
	got, body := p.ask(method, path, in)
	if got != status {
		p.t.Fatalf("%s %s: %d %s, want %d", method, path, got, body, status)
	}
	_ = json.Unmarshal(body, &answer)
	return answer
}

// A lesson as it is: published by WHIP, kept, watched from its beginning while it runs, then from the shelf, taken along, deleted.
func TestRealLesson(t *testing.T) {
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	p := startBox(t)
	clips, err := testbench.Lesson()
	must(t, err)
	p.want(201, "POST", "/lessons", map[string]any{"id": "music-3", "title": "音乐《茉莉花》", "subject": "音乐", "teacher": "李老师", "campuses": "all", "record": "keep"})
	token := p.want(201, "POST", "/tokens", map[string]any{"lesson": "music-3", "role": "publish"})["token"].(string)
	teacher, err := peer.NewTeacher(peer.Config{URL: p.local, Lesson: "music-3", Token: token}, clips, true)
	must(t, err)
	began := time.Now()
	stop := background(t, teacher)

	tab := chromium(t)
	must(t, tab.Open(p.local+"/library?lang=zh"))
	await(t, tab, `document.querySelector("#list li.live")?.innerText.includes("正在上课")`)
	await(t, tab, `document.querySelectorAll("#list li.live .keys a").length === 2`)
	for time.Since(began) < 8*time.Second {
		time.Sleep(100 * time.Millisecond)
	}
	do(t, tab, `[...document.querySelectorAll("#list li.live .keys a")][1].click()`) // 从头看
	await(t, tab, playing+` && desk.player.at < 6`)
	if at := eval[float64](t, tab, `desk.player.at`); at > time.Since(began).Seconds()-2 {
		t.Errorf("from the start: at %.1f s", at)
	}
	do(t, tab, `document.querySelector("#live-now").click()`)
	await(t, tab, playing+` && desk.player.at > 2`)
	behind := time.Since(began).Seconds() - eval[float64](t, tab, `desk.player.at`)
	t.Logf("live in the library: %.1f s behind the teacher", behind)
	for time.Since(began) < 16*time.Second {
		time.Sleep(100 * time.Millisecond)
	}
	if !eval[bool](t, tab, playing) {
		await(t, tab, playing) // waits for what comes
	}
	p.want(200, "POST", "/lessons/music-3/end", nil)
	stop()
	await(t, tab, `!desk.detail.live`) // the page sees the end by itself
	p.over(tab)
	p.file()
	p.deleted(tab)
}

// background runs the teacher until the func it gives is called.
func background(t *testing.T, teacher *peer.Teacher) (stop func()) {
	ctx, cancel := cancelable(t)
	var wg sync.WaitGroup
	wg.Go(func() { _ = teacher.Run(ctx) }) // ends with ctx
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// over plays the kept lesson.
func (p *process) over(tab *browser.Tab) {
	t := p.t
	t.Helper()
	must(t, tab.Open(p.local+"/library?lang=zh"))
	await(t, tab, `document.querySelector("#list li:not(.live) .marks")?.innerText.includes("完整")`)
	do(t, tab, probeJS)
	open := measure(t, tab, 0, 4, `document.querySelector("#list a.open").click()`)
	await(t, tab, playing)
	jump := measure(t, tab, 6.8, 9, `desk.player.jump(7)`)
	t.Logf("opened in %v ms, jumped in %v ms, fragments %v", open.Ms, jump.Ms, jump.Fragments)
	await(t, tab, playing)
	time.Sleep(time.Second)
	must(t, browser.ReadStamps(tab, map[string]string{"board": "#board video", "teacher": "#teacher video"}))
	time.Sleep(4 * time.Second)
	skew := apart(t, tab)
	t.Logf("board beside teacher, as drawn: median %.0f ms, p95 %.0f ms of %d pictures", skew[len(skew)/2], skew[len(skew)*95/100], len(skew))
	judge(t, skew)
	chapters := eval[[]string](t, tab, `[...document.querySelectorAll("#chapters button")].map((b) => b.innerText.replace(/^\S+\s+/, ""))`)
	if !slices.Contains(chapters, "下课") {
		t.Errorf("chapters %q", chapters)
	}
	do(t, tab, `document.querySelector("#other").click(); document.querySelector("#menu button").click()`)
	await(t, tab, `document.querySelector("#download").innerText.includes("您可以看，不能下载，请找录课的老师")`)
}

// file takes the board along.
func (p *process) file() {
	t := p.t
	t.Helper()
	a, err := http.Post(p.local+"/api/v1/recordings/music-3/export", "application/json", strings.NewReader(`{"format":"mp4","streams":["board","voice"]}`))
	must(t, err)
	var refusal struct{ Code, Message string }
	must(t, json.NewDecoder(a.Body).Decode(&refusal))
	a.Body.Close()
	if a.StatusCode != 403 || refusal.Code != "download-forbidden" || !strings.Contains(refusal.Message, "您可以看，不能下载，请找录课的老师") {
		t.Errorf("the screen downloads: %d %+v", a.StatusCode, refusal)
	}
	job := p.want(202, "POST", "/recordings/music-3/export", map[string]any{"format": "mp4", "streams": []string{"board", "voice"}})["job"].(string)
	path := "/recordings/music-3/export/" + job
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if s := p.want(200, "GET", path, nil); s["state"] == "done" {
			break
		} else if time.Now().After(end) {
			t.Fatalf("export: %v", s)
		}
	}
	status, film := p.ask("GET", path+"/file", nil)
	if status != 200 || len(film) < 10000 {
		t.Fatalf("file: %d, %d bytes", status, len(film))
	}
	name := filepath.Join(t.TempDir(), "film.mp4")
	must(t, os.WriteFile(name, film, 0o600))
	out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", name, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v %s", err, out)
	}
	p.want(400, "POST", "/recordings/music-3/export", map[string]any{"format": "exe", "streams": []string{"board"}})
	p.want(404, "POST", "/recordings/music-3/export", map[string]any{"format": "mp4", "streams": []string{"../board"}})
	p.want(204, "DELETE", path, nil)
	p.want(404, "GET", path, nil)
}

// deleted is what is left after the administrator deleted it.
func (p *process) deleted(tab *browser.Tab) {
	t := p.t
	t.Helper()
	proof := p.want(200, "DELETE", "/recordings/music-3", nil)
	if proof["keys"].(float64) < 4 || proof["files"].(float64) < 3 || proof["by"] != "admin" {
		t.Errorf("proof %v", proof)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "recordings", "music-3")); !os.IsNotExist(err) {
		t.Errorf("the folder: %v", err)
	}
	_, body := p.ask("GET", "/audit", nil)
	for _, want := range []string{"recording.delete", "recording.download", "music-3", "admin"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("the audit says %s, want %q in it", body, want)
		}
	}
	must(t, tab.Open("about:blank"))
	must(t, tab.Open(p.local+"/library?lang=zh#music-3"))
	await(t, tab, `document.querySelector("#said").innerText.includes("没有这个录像")`)
}
