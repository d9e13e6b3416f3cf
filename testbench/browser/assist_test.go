package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"tongke/signaling/lesson"
	"tongke/testbench/browser"
)

// desk is a box's /ws as a phone sees it, whose every word the test decides.
type desk struct {
	mu    sync.Mutex
	conn  *websocket.Conn // nil: nobody is connected
	asked []map[string]any
	deaf  bool   // takes no connection
	code  string // of the errors that requests are answered with; "" for ok
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	deaf := d.deaf
	d.mu.Unlock()
	if deaf {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
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
		d.mu.Lock()
		d.asked = append(d.asked, m)
		answer := map[string]any{"type": "ok", "re": m["id"]}
		if m["type"] == "hello" {
			d.conn = c
			answer["session"], answer["resume"], answer["role"], answer["room"] = "s-1", "r", "assistant", "sanhe/3-2"
			answer["roomName"], answer["box"], answer["now"] = "三河小学 三(2)班", map[string]string{"id": "b", "name": "tk"}, time.Now().UnixMilli()
		} else if d.code != "" {
			answer["type"], answer["code"], answer["message"] = "error", d.code, "no"
		}
		err := c.WriteJSON(answer)
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (d *desk) say(t *testing.T, event string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil {
		t.Fatal("nobody is connected")
	}
	must(t, d.conn.WriteMessage(websocket.TextMessage, []byte(event)))
}

func (d *desk) answer(code string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.code = code
}

// cut ends the connection and takes no other until it is heard again.
func (d *desk) cut(deaf bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaf = deaf
	if deaf && d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}

// requests are the types that were asked, without hellos, with their fields.
func (d *desk) requests() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for _, m := range d.asked {
		if m["type"] == "hello" {
			continue
		}
		delete(m, "id")
		data, _ := json.Marshal(m)
		list = append(list, string(data))
	}
	d.asked = nil
	return strings.Join(list, " ")
}

var rev int

// lessonNow is the event lesson; own is added to the fields of the phone's room, more to those of the lesson.
func lessonNow(state, own, more string) string {
	rev++
	end := time.Now().Add(27*time.Minute - 5*time.Second).UnixMilli()
	return fmt.Sprintf(`{"type":"lesson","id":"music","epoch":1,"rev":%d,"stale":false,"title":"音乐 三年级","subject":"音乐","teacher":"李老师","mode":"same","state":%q,"end":%d,"extended":0,
		"ownerBox":"core","record":"buffer","scope":"teacher+board","kept":false,"layout":"lecture","music":false,"mirror":false,"closed":false,"lead":null,"master":{"room":"core","name":"实验小学"},
		"sources":{"board":true,"teacher":true,"pupils":false,"voice":true,"muted":false},"floor":[],"notes":[],
		"rooms":[{"room":"sanhe/3-2","campus":"sanhe","name":"三河小学","state":"live","since":1,"word":"hears","wordSince":1,"covered":false,"cam":true,"mic":true,"camMissing":false,"micMissing":false,"level":0,"quiet":false,"muted":false,"phones":1%s}]%s}`,
		rev, state, end, own, more)
}

const roomNow = `{"type":"room","room":"sanhe/3-2","name":"三河小学","state":"in","covered":%s,"layout":"","volume":60,"uplink":{"up":%s,"since":1}}`

func TestAssistantsPhone(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) { assistantsPhone(t, lang) })
	}
}

func assistantsPhone(t *testing.T, lang string) {
	d := &desk{}
	s := newSchool(t, d)
	_, err := s.lessons.Create(lesson.Spec{ID: "music", Title: "音乐 三年级", Teacher: "李老师"}, "admin")
	must(t, err)
	code := s.auth.AssistCode("music", "sanhe", "3-2")
	tab := start(t)
	phone := browser.Sizes[2]
	must(t, browser.Resize(tab, phone))
	query := "?lang=" + lang
	pick := func(zh, en string) string { return map[string]string{"zh": zh, "en": en}[lang] }
	must(t, tab.Open(s.URL+"/assist"+query))
	complaints(t, tab)
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`window.shaken = []; navigator.vibrate = (ms) => shaken.push(ms);
		window.sounds = 0; for (const c of [HTMLMediaElement]) c.prototype.play = () => sounds++;
		navigator.mediaDevices.getUserMedia = () => { sounds++; return Promise.reject(); }`)))
	show := func(state, zh, en string) {
		t.Helper()
		await(t, tab, fmt.Sprintf("document.body.dataset.state === %q && ", state)+says("#sentence", pick(zh, en)))
		for _, size := range []browser.Size{phone, {Width: 360, Height: 640}, browser.Sizes[1], browser.Sizes[0]} {
			must(t, browser.Resize(tab, size))
			faults, err := browser.Audit(tab)
			must(t, err)
			for _, f := range faults {
				t.Errorf("%s at %v: %s", state, size, f)
			}
			must(t, browser.Shoot(tab, fmt.Sprintf("assist-%s-%s-%v", state, lang, size)))
			if high := eval[float64](t, tab, `document.querySelector("#big").checkVisibility() ? document.querySelector("#big").getBoundingClientRect().height / innerHeight : 1`); high < 0.395 {
				t.Errorf("%s at %v: the big key has %.2f of the height", state, size, high)
			}
		}
		must(t, browser.Resize(tab, phone))
		if list := eval[[]string](t, tab, `window.complaints`); len(list) > 0 {
			t.Errorf("%s: %q", state, list)
		}
	}
	did := func(selector, want string) {
		t.Helper()
		d.requests()
		click(t, tab, selector)
		var got string
		for range 100 {
			if got = d.requests(); got != "" {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if got != want {
			t.Errorf("%s asks %s, want %s", selector, got, want)
		}
	}

	typed(t, tab, "#code", "zzzzzz\r")
	await(t, tab, says("#wrong", pick("这个码不对或已下课，请重新扫教室屏幕上的码", "Code wrong or lesson over: scan the code on the screen again")))
	must(t, browser.Shoot(tab, "assist-enter-"+lang))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").value = ""`)))
	typed(t, tab, "#code", strings.ToLower(code)+"\r")
	await(t, tab, `document.body.dataset.state === "joining" && document.querySelector("#room").innerText === "三河小学 三(2)班"`)

	d.say(t, fmt.Sprintf(roomNow, "false", "true"))
	d.say(t, lessonNow("waiting", `,"state":"here"`, ""))
	show("waiting", "老师还没开始", "Not started yet")
	did("#big", `{"type":"room.ready"}`)
	d.say(t, lessonNow("live", "", ""))
	show("live", "正在上课", "Lesson in progress")
	await(t, tab, says("#sentence", pick("还有 27 分", "27 min left"))+" && "+says("#signs", pick("不录制", "Not recorded"))+" && "+says("#about", "音乐 · 李老师"))
	did("#big", `{"type":"hand.raise"}`)
	d.say(t, lessonNow("live", `,"hand":5,"handOrder":1`, ""))
	show("hand", "已举手，等老师点名", "Waiting for the teacher")
	did("#big", `{"type":"hand.lower"}`)
	d.say(t, lessonNow("live", "", fmt.Sprintf(`,"floor":[{"room":"sanhe/3-2","since":%d,"second":false}]`, time.Now().Add(-14*time.Second).UnixMilli())))
	d.say(t, `{"type":"level","rooms":{"sanhe/3-2":62}}`)
	await(t, tab, says("#big", "0:1")+` && document.querySelector("#level").style.width === "62%"`)
	show("floor", "轮到我们发言", "Your turn to speak")
	did("#big", `{"type":"floor.done"}`)
	if got := eval[string](t, tab, `shaken.filter((x) => x > 0).join()`); got != "40,200" {
		t.Errorf("the phone shook %s", got)
	}
	d.say(t, lessonNow("live", `,"covered":true`, ""))
	d.say(t, fmt.Sprintf(roomNow, "true", "true"))
	show("covered", "镜头已遮，别的学校看不到我们", "Camera covered")
	did("#cover", `{"covered":false,"type":"room.cover"}`)
	d.say(t, lessonNow("live", "", ""))
	d.say(t, fmt.Sprintf(roomNow, "false", "true"))
	await(t, tab, `document.body.dataset.state === "live"`)

	did(`[data-phrase="board"]`, `{"code":"board","type":"note.phrase"}`)
	d.say(t, `{"type":"say","code":"phrase-seen","note":1}`)
	await(t, tab, says("#note", pick("老师看到了 ✓", "The teacher saw it ✓")))
	did("#board", `{"layout":"board","type":"room.layout"}`)
	did("#louder", `{"type":"room.volume","volume":70}`)
	did("#help", `{"code":"live","type":"help"}`)
	await(t, tab, says("#note", pick("已通知", "Sent")))
	click(t, tab, "#write")
	typed(t, tab, "#text", "我们的笔不够")
	must(t, browser.Shoot(tab, "assist-write-"+lang))
	did("#writer .primary", `{"text":"我们的笔不够","type":"note.text"}`)
	d.say(t, lessonNow("live", "", `,"notes":[{"id":7,"from":"teacher","room":"sanhe/3-2","kind":"text","text":"马上请你们","at":1,"seen":false}]`))
	await(t, tab, says("#note", "马上请你们"))
	must(t, browser.Shoot(tab, "assist-note-"+lang))
	did("#note-seen", `{"note":7,"type":"note.seen"}`)

	d.answer("owner-away")
	d.say(t, fmt.Sprintf(roomNow, "false", "false"))
	show("link", "教室网络断了，正在重连，不用管", "Room offline, reconnecting")
	click(t, tab, "#big")
	await(t, tab, says("#big", pick("正在举手", "Raising")))
	await(t, tab, says("#note", pick("没举成，请再按", "Not sent, press again"))) // after 10 s
	d.answer("")
	d.say(t, fmt.Sprintf(roomNow, "false", "true"))
	await(t, tab, `document.body.dataset.state === "live"`)

	d.cut(true)
	show("phone", "手机没连上教室设备，教室照常上课", "Phone not connected; the lesson goes on")
	await(t, tab, says("#big", pick("正在重连 4 秒", "Reconnecting, 4 s")))
	d.cut(false)
	for range 200 {
		d.mu.Lock()
		back := d.conn != nil
		d.mu.Unlock()
		if back {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.say(t, lessonNow("ended", "", ""))
	show("ended", "下课了", "Lesson over")
	did("#good", `{"ok":true,"type":"feedback"}`)
	await(t, tab, says("#thanks", pick("谢谢", "Thank you")))

	_, err = s.lessons.Create(lesson.Spec{ID: "art", Title: "美术"}, "admin")
	must(t, err)
	d.requests()
	next := s.auth.AssistCode("art", "sanhe", "3-2")
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`location.hash = %q`, next)))) // the next lesson's code, scanned on the same phone
	await(t, tab, `document.body.dataset.state === "joining" && location.hash === ""`)
	d.mu.Lock()
	for _, m := range d.asked {
		if m["type"] == "hello" && m["lesson"] != "art" {
			t.Errorf("the phone enters %v", m["lesson"])
		}
	}
	d.mu.Unlock()
	if n := eval[int](t, tab, `sounds + document.querySelectorAll("audio, video").length`); n != 0 {
		t.Errorf("the phone played or recorded %d times", n)
	}
}
