package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gorilla/websocket"

	"tongke/signaling/console"
	"tongke/testbench/browser"
)

// podium is the box at the other end of a teacher's page. It keeps the lesson that its test gives it and does what floor requests ask.
type podium struct {
	url string

	mu     sync.Mutex
	conn   *websocket.Conn
	lesson map[string]any
	asked  []string // without what pages say by themselves
	hellos []map[string]any
	refuse string // hellos without take or remote
}

func newPodium(t *testing.T, campuses int) *podium {
	t.Helper()
	now := time.Now().UnixMilli()
	p := &podium{lesson: map[string]any{
		"type": "lesson", "id": "music", "epoch": 1, "rev": 1, "stale": false, "title": "音乐", "mode": "same", "state": "live", "startedAt": now, "extended": 0, "ownerBox": "core",
		"record": "off", "scope": "teacher+board", "kept": false, "layout": "lecture", "music": false, "mirror": false, "closed": false, "lead": nil,
		"master": map[string]any{"room": "core", "name": "实验小学"}, "sources": map[string]any{"board": true, "teacher": true, "pupils": false, "voice": true, "muted": false},
		"floor": []any{}, "notes": []any{},
	}}
	var rooms []any
	for i := range campuses {
		rooms = append(rooms, map[string]any{"room": fmt.Sprint("r", i), "campus": fmt.Sprint("r", i), "name": fmt.Sprintf("第%d小学", i+1), "state": "live", "since": now, "word": "hears",
			"wordSince": now, "covered": false, "cam": true, "mic": true, "camMissing": false, "micMissing": false, "level": 0, "quiet": false, "muted": false, "phones": 0})
	}
	p.lesson["rooms"] = rooms
	pages, err := console.Handler()
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("/ws", p.serve)
	mux.HandleFunc("GET /api/v1/session", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"role":"teacher","user":"li"}`) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *podium) serve(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{Subprotocols: []string{"tongke.v1"}}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		var m map[string]any
		if c.ReadJSON(&m) != nil {
			return
		}
		p.mu.Lock()
		p.answer(c, m)
		p.mu.Unlock()
	}
}

// answer is called with p.mu held.
func (p *podium) answer(c *websocket.Conn, m map[string]any) {
	id := m["id"]
	delete(m, "id")
	kind := m["type"].(string)
	ok := map[string]any{"type": "ok", "re": id}
	switch {
	case kind == "hello":
		p.hellos = append(p.hellos, m)
		if p.refuse != "" && m["take"] == nil && m["remote"] == nil {
			_ = c.WriteJSON(map[string]any{"type": "error", "re": id, "code": p.refuse, "message": ""})
			return
		}
		p.conn = c
		ok["session"], ok["resume"], ok["role"], ok["room"], ok["roomName"] = "s", "r", "teacher", "core", "实验小学"
		ok["box"], ok["now"] = map[string]string{"id": "core", "name": "tk"}, time.Now().UnixMilli()
		_ = c.WriteJSON(ok)
		_ = c.WriteJSON(p.lesson)
		return
	case strings.HasPrefix(kind, "media."):
		_ = c.WriteJSON(map[string]any{"type": "error", "re": id, "code": "internal", "message": ""})
		return
	case kind != "devices" && kind != "stats" && kind != "encoded":
		text, _ := json.Marshal(m)
		p.asked = append(p.asked, string(text))
	}
	_ = c.WriteJSON(ok)
	room, _ := m["room"].(string)
	floor, _ := p.lesson["floor"].([]any)
	switch kind {
	case "floor.call":
		if m["second"] == nil {
			floor = nil
		}
		p.lesson["floor"] = append(floor, map[string]any{"room": room, "since": time.Now().UnixMilli(), "second": m["second"] != nil})
		p.tell()
	case "floor.release":
		p.lesson["floor"] = []any{}
		p.tell()
	}
}

// tell sends the lesson as it is; p.mu is held.
func (p *podium) tell() {
	p.lesson["rev"] = p.lesson["rev"].(int) + 1
	if p.conn != nil {
		_ = p.conn.WriteJSON(p.lesson)
	}
}

// change changes the lesson, or one room of it.
func (p *podium) change(fields map[string]any, room int, more map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, v := range fields {
		p.lesson[k] = v
	}
	for k, v := range more {
		p.lesson["rooms"].([]any)[room].(map[string]any)[k] = v
	}
	p.tell()
}

// requested waits for what the page asks next.
func (p *podium) requested(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		got = p.asked
		p.mu.Unlock()
		if len(got) >= len(want) && len(want) > 0 {
			break
		}
		if len(want) == 0 && time.Until(end) < 4500*time.Millisecond {
			break
		}
	}
	p.mu.Lock()
	p.asked = nil
	p.mu.Unlock()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the page asked %q, want %q", got, want)
	}
}

// TestTeachKeys presses every key of the teacher's page, and tiles by hand: taps, double taps, held presses.
func TestTeachKeys(t *testing.T) {
	tab := start(t)
	must(t, browser.Resize(tab, browser.Sizes[1]))
	p := newPodium(t, 5)
	must(t, tab.Open(p.url+"/teach/music"))
	shows(t, tab, "the lesson", `window.tongke?.phase === "in" && document.querySelectorAll(".tile").length === 5`)
	key := func(keys string, want ...string) {
		t.Helper()
		must(t, tab.Do(chromedp.KeyEvent(keys)))
		p.requested(t, want...)
		time.Sleep(60 * time.Millisecond) // the lesson that follows
	}
	key("1", `{"room":"r0","type":"floor.call"}`)
	key("2", `{"room":"r1","type":"floor.call"}`)
	key("2", `{"room":"r1","type":"floor.release"}`)
	key("9")
	key("-")
	p.change(nil, 3, map[string]any{"hand": time.Now().Add(-8 * time.Second).UnixMilli(), "handOrder": 1})
	shows(t, tab, "the first hand", `document.querySelector("#first").innerText.includes("第4小学") && document.querySelector("#first").checkVisibility()`)
	key(kb.Enter, `{"room":"r3","type":"floor.call"}`)
	p.change(nil, 3, map[string]any{"hand": 0})
	key("!", `{"room":"r0","second":true,"type":"floor.call"}`) // Shift and 1
	key(kb.Escape, `{"type":"floor.release"}`)
	key(kb.Escape)
	key("m", `{"muted":true,"type":"self.mute"}`)
	p.change(map[string]any{"sources": map[string]any{"board": true, "teacher": true, "pupils": false, "voice": true, "muted": true}}, 0, nil)
	shows(t, tab, "muted", `document.querySelector("#mute").classList.contains("on")`)
	key("m", `{"muted":false,"type":"self.mute"}`)
	key("l", `{"layout":"board","type":"lesson.set"}`)
	key("?")
	shows(t, tab, "the keys", `document.querySelector("#keys-box").open`)
	key("1") // rests while a dialog is open
	key(kb.Escape)
	shows(t, tab, "no dialog", `document.querySelector("dialog[open]") === null`)

	x, y := middle(t, tab, 0)
	must(t, tab.Do(chromedp.MouseClickXY(x, y)))
	p.requested(t, `{"room":"r0","type":"floor.call"}`)
	must(t, tab.Do(chromedp.KeyEvent(kb.Enter))) // a tap by hand leaves the keys to the page
	p.requested(t)
	x2, y2 := middle(t, tab, 2)
	must(t, tab.Do(chromedp.MouseEvent("mousePressed", x2, y2, chromedp.ButtonLeft, chromedp.ClickCount(1))))
	time.Sleep(900 * time.Millisecond)
	must(t, tab.Do(chromedp.MouseEvent("mouseReleased", x2, y2, chromedp.ButtonLeft, chromedp.ClickCount(1))))
	p.requested(t, `{"room":"r2","second":true,"type":"floor.call"}`)
	shows(t, tab, "two speak", `document.querySelectorAll(".tile.floor").length === 2`)
	x3, y3 := middle(t, tab, 4)
	must(t, tab.Do(chromedp.MouseClickXY(x3, y3, chromedp.ClickCount(1))))
	must(t, tab.Do(chromedp.MouseClickXY(x3, y3, chromedp.ClickCount(2))))
	p.requested(t, `{"room":"r4","type":"floor.call"}`)

	p.change(map[string]any{"state": "over", "end": time.Now().UnixMilli()}, 0, nil)
	shows(t, tab, "the bell's question", `document.querySelector("#lesson .message .acts").innerText.includes("再上 5 分钟")`)
	at, err := browser.Eval[[]float64](tab, `(() => { const r = document.querySelector("#lesson .message .acts button:last-child").getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`)
	must(t, err)
	must(t, tab.Do(chromedp.MouseClickXY(at[0], at[1], chromedp.ClickCount(1))))
	must(t, tab.Do(chromedp.MouseClickXY(at[0], at[1], chromedp.ClickCount(2))))
	must(t, tab.Do(chromedp.KeyEvent("m"))) // comes after whatever the second press does
	p.requested(t, `{"type":"lesson.extend"}`, `{"muted":false,"type":"self.mute"}`)
	must(t, tab.Do(chromedp.Click("#end")))
	shows(t, tab, "the safe default", `document.querySelector("#sure").open && document.activeElement.id === "sure-no"`)
	key(kb.Enter)
	shows(t, tab, "the lesson goes on", `!document.querySelector("#sure").open`)
}

// TestTeachTakeover opens a lesson that another page teaches: nothing happens until a person says what shall.
func TestTeachTakeover(t *testing.T) {
	tab := start(t)
	p := newPodium(t, 2)
	p.refuse = "lesson-elsewhere"
	must(t, tab.Open(p.url+"/teach/music"))
	shows(t, tab, "the choice", `window.tongke?.phase === "elsewhere" && document.querySelectorAll("#ways button").length === 2`)
	p.mu.Lock()
	p.refuse = "" // the other page goes away
	p.mu.Unlock()
	time.Sleep(2500 * time.Millisecond)
	shows(t, tab, "the choice still", `tongke.phase === "elsewhere"`)
	must(t, tab.Do(chromedp.Click("#ways button:last-child")))
	shows(t, tab, "the lesson to look at", `tongke.phase === "in" && !document.querySelector("#stage").hidden && document.querySelector("#share").hidden`)
	must(t, tab.Open(p.url+"/teach/music"))
	p.change(map[string]any{"type": "lesson"}, 0, nil)
	shows(t, tab, "the lesson", `window.tongke?.phase === "in"`)
	p.mu.Lock()
	_ = p.conn.WriteJSON(map[string]any{"type": "bye", "code": "taken-over"})
	p.mu.Unlock()
	shows(t, tab, "taken over", `tongke.phase === "elsewhere"`)
	must(t, tab.Do(chromedp.Click("#ways button:first-child")))
	shows(t, tab, "the lesson again", `tongke.phase === "in" && !document.body.classList.contains("remote")`)
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := p.hellos[len(p.hellos)-1]; last["take"] != "lead" || last["resume"] != nil {
		t.Errorf("the last hello was %v", last)
	}
}

// middle is where a tile's picture stands.
func middle(t *testing.T, tab *browser.Tab, n int) (x, y float64) {
	t.Helper()
	at, err := browser.Eval[[]float64](tab, fmt.Sprintf(`(() => { const r = document.querySelectorAll(".tile .call")[%d].getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, n))
	must(t, err)
	return at[0], at[1]
}
