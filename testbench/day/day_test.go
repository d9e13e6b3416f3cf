package day_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tongke/signaling/timetable"
	"tongke/testbench/browser"
)

// plan imports a timetable at the core with one lesson today, from one minute to another, as an administrator does with his two files: first
// the preview, then what was looked at.
func (h *house) plan(start, end time.Time) {
	t := h.t
	t.Helper()
	day := timetable.DateOf(start)
	clock := func(at time.Time) string { return at.In(timetable.Zone).Format("15:04") }
	files := map[string]any{
		"entries": fmt.Appendf(nil, "星期,节次,学科,年级班级,主讲教师,主讲教室,听讲教室,开始日期,结束日期\n%d,1,音乐,三年级,李芳,%s,%s,%s,%s\n", day.Weekday(), schools[0], schools[1], day, day),
		"bells":   fmt.Appendf(nil, "作息名,节次,名称,开始,结束,类型\n今天,1,第一节,%s,%s,上课\n", clock(start), clock(end)),
	}
	var p timetable.Preview
	var now struct{ Revision uint64 }
	h.boxes[0].call(t, "GET", "/api/v1/timetable", nil, &now)
	h.boxes[0].call(t, "POST", "/api/v1/timetable/preview", files, &p)
	if len(p.Faults) > 0 {
		t.Fatalf("the files have faults: %+v", p.Faults)
	}
	files["revision"] = now.Revision
	h.boxes[0].call(t, "PUT", "/api/v1/timetable", files, &p)
}

// hour is a time as pages say it.
func hour(at time.Time) string {
	at = at.In(timetable.Zone)
	return fmt.Sprintf("%d:%02d", at.Hour(), at.Minute())
}

// words is the sentence of a wall screen.
const words = `document.getElementById("text").innerText`

// TestSchoolDay is one lesson from the timetable to the end, with a teacher at a desk and nobody at the wall screen but for a hand that is
// raised and given back by one key.
func TestSchoolDay(t *testing.T) {
	t.Parallel()
	if at := time.Now().In(timetable.Zone); at.Hour() == 23 && at.Minute() > 52 {
		t.Skip("a lesson of today would end tomorrow")
	}
	teacher := chromium(t)
	h := newHouse(t, schools[0], schools[1])
	core, member := h.boxes[0], h.boxes[1]
	var li struct{ Code string }
	core.call(t, "POST", "/api/v1/people", map[string]any{"name": "李芳", "role": "teacher"}, &li)

	class := another(t, teacher)
	open(t, class, member.url("/class"), calledProbe)
	wallIs(t, class, "idle")
	shows(t, class, "nothing to come", words+` === "今天没有同步课了"`)

	// The lesson is some minutes away; then the bell is moved.
	next := func(after time.Duration) time.Time {
		return time.Now().Add(after).Truncate(time.Minute).Add(time.Minute)
	}
	far := next(2 * time.Minute)
	h.plan(far, far.Add(time.Minute))
	wallIs(t, class, "soon")
	shows(t, class, "what begins when", words+`.startsWith("音乐课 `+hour(far)+` 开始，还有 ")`)
	if eval[bool](t, class, `tongke.sent.length > 0`) {
		t.Error("before the lesson something is sent")
	}
	start := next(25 * time.Second)
	bell := start.Add(time.Minute)
	h.plan(start, bell)
	wallIs(t, class, "soon.look")
	shows(t, class, "the own picture", words+` === "请看：镜头照到全班了吗？" && document.querySelector("#own video")?.videoWidth > 0`)

	signIn(t, teacher, core, "李芳", li.Code)
	shows(t, teacher, "today's lesson", `document.querySelector("#lessons a.go")?.closest("li, tr, article, div").innerText.includes("音乐 三年级")`)
	press(t, teacher, `document.querySelector("#lessons a.go")`)
	shows(t, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)

	showsIn(t, class, time.Until(start)+20*time.Second, "that it enters by itself", `["joining", "wait.teacher"].includes(tongke.state)`)
	t.Logf("the class entered %v before the bell", time.Until(start).Round(time.Second))
	shows(t, teacher, "who is there", `document.getElementById("people").innerText.includes("三河小学")`)
	press(t, teacher, `document.querySelector("#start")`)
	shows(t, teacher, "the lesson", `tongke.phase === "in" && tongke.publishing === "connected"`)
	wallIs(t, class, "live")
	press(t, teacher, `document.querySelector("#share")`)
	shows(t, class, "the board", `document.querySelector("#board video")?.videoWidth > 0`)
	flows(t, class, 2*time.Second)

	must(t, class.Do(chromedp.KeyEvent("h")))
	wallIs(t, class, "hand.up")
	shows(t, teacher, "the hand", `document.querySelector("#first").checkVisibility() && document.querySelector("#first").innerText.includes("三河小学")`)
	eval[bool](t, teacher, `(probe.forget(), document.activeElement?.blur(), true)`)
	must(t, teacher.Do(chromedp.KeyEvent(kb.Enter))) // calls the first hand
	wallIs(t, class, "floor.us")
	shows(t, class, "its turn", words+` === "轮到我们发言，请讲！" && document.getElementById("signs").innerText.includes("话筒开")`)
	shows(t, teacher, "that it is heard and seen", tile(schools[1])+`.classList.contains("floor") && Object.values(probe.heard).some((e) => e.first > 0) && `+tile(schools[1])+`.querySelector("video")?.videoWidth > 0`)
	time.Sleep(3200 * time.Millisecond)
	must(t, class.Do(chromedp.KeyEvent(kb.Enter))) // 说完了
	wallIs(t, class, "live")

	showsIn(t, class, time.Until(bell)+20*time.Second, "the bell", words+`.includes("到下课时间了，老师还在讲")`)
	shows(t, teacher, "the bell's question", `document.querySelector("#lesson .message").innerText.includes("`+hour(bell)+` 了。下课？") && document.querySelector("#lesson .message").innerText.includes("再上 5 分钟")`)
	press(t, teacher, `[...document.querySelectorAll("#lesson .message .acts button")].find((b) => b.textContent === "下课")`)
	if eval[bool](t, teacher, `document.querySelector("#sure").open`) {
		press(t, teacher, `document.querySelector("#sure-yes")`)
	}
	wallIs(t, class, "ended")
	shows(t, class, "thanks", words+` === "下课了，谢谢大家" && !tongke.facts.captures`)
	shows(t, teacher, "the end", `tongke.phase === "after"`)
	wallIs(t, class, "idle")
}

// signIn signs a person in at a box by the code that an administrator gave, and has a password chosen, as the front page does.
func signIn(t testing.TB, tab *browser.Tab, b *box, name, code string) {
	t.Helper()
	open(t, tab, b.url("/"), probe{Camera: &film{640, 360, 15}, Voice: &voice{Tone: 500, Gain: 0.2}, Board: &film{1280, 720, 8}, Listen: true})
	shows(t, tab, "the front page", `document.querySelector("#user")?.checkVisibility()`)
	must(t, tab.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		return chromedp.Do(ctx, chromedp.SendKeys("#user", name), chromedp.SendKeys("#password", code+kb.Enter))
	})))
	shows(t, tab, "a password to choose", `document.querySelector("#choose")?.checkVisibility()`)
	must(t, tab.Do(chromedp.SendKeys("#new", "chalk and talk"+kb.Enter)))
}
