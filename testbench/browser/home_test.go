package browser_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/signaling/api"
	"tongke/signaling/auth"
	"tongke/signaling/console"
	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
	"tongke/testbench/browser"
)

// school is a core's store, API and pages, reached over its loopback door.
type school struct {
	*httptest.Server
	t        *testing.T
	auth     *auth.Auth
	lessons  *lesson.Registry
	store    *store.Store
	password string
}

func newSchool(t *testing.T, ws http.Handler) *school {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(dir)
	must(t, err)
	t.Cleanup(func() { st.Close() })
	must(t, st.UpdateMeta(func(m *store.Meta) {
		m.AllianceID, m.CampusID, m.CampusName, m.Classroom = "a-1", "core", "实验小学", "录播室"
	}))
	s := &school{t: t, store: st}
	s.auth, err = auth.New(st, auth.Config{BoxID: "0123456789abcdef"})
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	s.lessons, err = lesson.New(st, lesson.Config{Box: "0123456789abcdef", Log: log})
	must(t, err)
	pages, err := console.Handler()
	must(t, err)
	mounts := map[string]http.Handler{"/": pages}
	if ws != nil {
		mounts["/ws"] = ws
	}
	name := func() string { return "tk-core" }
	handlers := api.New(api.Config{
		Log: log, Auth: s.auth, Store: st, Lessons: s.lessons, BoxID: "0123456789abcdef", Name: name, Version: "1",
		Host:      join.NewHost(join.Host{Store: st, Identity: jointest.New(t).Identity, Name: name, URLs: func() []string { return []string{"https://192.0.2.10:8443"} }, Log: log}),
		Timetable: timetable.NewKeeper(timetable.Config{Store: st, Lessons: s.lessons, Log: log}),
		Online:    func(box string) bool { return box == "b1" },
		Mounts:    mounts,
	})
	s.Server = httptest.NewServer(handlers.Local())
	t.Cleanup(s.Close)
	data, err := os.ReadFile(filepath.Join(dir, auth.PasswordFile))
	must(t, err)
	s.password = strings.TrimSpace(string(data))
	return s
}

// child makes a box below known.
func (s *school) child(id, campus, classroom string, seen time.Time) {
	s.t.Helper()
	must(s.t, s.store.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, id, store.Child{ID: id, Name: "tk-" + id, CampusID: campus, Classroom: classroom, LastSeen: seen})
	}))
}

// faults keeps what the browser complains of: a broken policy, an exception.
func complaints(t *testing.T, tab *browser.Tab) {
	t.Helper()
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`window.complaints = [];
		addEventListener("securitypolicyviolation", (e) => complaints.push(e.violatedDirective + " " + e.blockedURI));
		addEventListener("error", (e) => complaints.push(String(e.message)));
		addEventListener("unhandledrejection", (e) => complaints.push(String(e.reason)));`)))
}

// looks audits the page in every window and keeps its pictures.
func looks(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	for _, size := range browser.Sizes {
		must(t, browser.Resize(tab, size))
		faults, err := browser.Audit(tab)
		must(t, err)
		for _, f := range faults {
			t.Errorf("%s at %v: %s", name, size, f)
		}
		must(t, browser.Shoot(tab, name+"-"+size.String()))
	}
	must(t, browser.Resize(tab, browser.Sizes[1]))
	if list := eval[[]string](t, tab, `window.complaints ?? []`); len(list) > 0 {
		t.Errorf("%s: %q", name, list)
	}
}

// await waits for a script to become true.
func await(t *testing.T, tab *browser.Tab, script string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok, err := browser.Eval[bool](tab, script); err == nil && ok {
			return
		}
	}
	t.Fatalf("never: %s\n%s", script, eval[string](t, tab, `document.body.innerText`))
}

const visible = `((s) => [...document.querySelectorAll(s)].some((e) => e.checkVisibility()))`

func shown(selector string) string { return fmt.Sprintf("%s(%q)", visible, selector) }

func says(selector, text string) string {
	return fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").includes(%q)`, selector, text)
}

func click(t *testing.T, tab *browser.Tab, selector string) {
	t.Helper()
	await(t, tab, shown(selector))
	must(t, tab.Do(chromedp.Click(selector)))
}

func typed(t *testing.T, tab *browser.Tab, selector, text string) {
	t.Helper()
	await(t, tab, shown(selector))
	must(t, tab.Do(chromedp.SendKeys(selector, text)))
}

func TestFrontDoor(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) { frontDoor(t, lang) })
	}
}

func frontDoor(t *testing.T, lang string) {
	s := newSchool(t, nil)
	now := time.Now()
	s.child("b1", "三河小学", "三(2)班", now)
	s.child("b2", "邬阳小学", "", now.Add(-26*time.Hour))
	s.child("b3", "观音小学", "三(1)班", time.Time{})
	day := timetable.DateOf(now)
	for _, spec := range []lesson.Spec{
		{ID: "done", Title: "语文 二年级", Teacher: "王五", Campuses: protocol.Campuses{"三河小学"}, Start: day.At(1), End: day.At(2)},
		{ID: "later", Title: "美术 四年级 《我的学校》", Teacher: "陈明", Campuses: protocol.Campuses{"三河小学/三(2)班", "邬阳小学"}, Start: day.At(23*60 + 58), End: day.At(23*60 + 59)},
		{ID: "live", Title: "音乐 三年级", Teacher: "李芳", Start: day.At(0), End: day.At(24*60 - 1)},
	} {
		_, err := s.lessons.Create(spec, "timetable")
		must(t, err)
	}
	_, err := s.lessons.End("done")
	must(t, err)
	tab := start(t)
	must(t, browser.Resize(tab, browser.Sizes[1]))
	query := "?lang=" + lang
	pick := func(zh, en string) string { return map[string]string{"zh": zh, "en": en}[lang] }
	must(t, tab.Open(s.URL+"/"+query))
	complaints(t, tab)

	await(t, tab, fmt.Sprintf(`document.querySelector("#language").getAttribute("href") === "/?lang=%s"`, pick("en", "zh")))
	typed(t, tab, "#user", "admin")
	typed(t, tab, "#password", "wrong password\r")
	await(t, tab, says("#signin .error", pick("用户名或密码不对，还能试 4 次", "4 tries left")))
	looks(t, tab, "home-signin-"+lang)
	typed(t, tab, "#password", s.password+"\r")
	await(t, tab, shown("#lessons li"))
	if got := eval[string](t, tab, `document.querySelector("h1").innerText`); got != "实验小学" {
		t.Errorf("the school is %q", got)
	}
	if got := eval[string](t, tab, `[...document.querySelectorAll("#lessons li .title")].map((e) => e.innerText).join("|")`); got != "音乐 三年级|美术 四年级 《我的学校》|语文 二年级" {
		t.Errorf("the day is %q", got)
	}
	if got := eval[string](t, tab, `document.querySelector("#lessons a").getAttribute("href")`); got != "/teach/live"+query {
		t.Errorf("去上课 leads to %q", got)
	}
	if low := eval[float64](t, tab, `Math.min(...[...document.querySelectorAll("#lessons li")].map((e) => e.getBoundingClientRect().height))`); low < 72 {
		t.Errorf("a row is %v px high", low)
	}
	looks(t, tab, "home-today-"+lang)

	click(t, tab, "#make") // one
	typed(t, tab, "#title", "科学 五年级")
	if n := eval[int](t, tab, `document.querySelectorAll("#chips input:checked").length`); n != 3 {
		t.Errorf("%d schools are chosen, want 3", n)
	}
	looks(t, tab, "home-make-"+lang)
	click(t, tab, "#maker .primary") // two
	await(t, tab, says("#lessons", "科学 五年级"))
	await(t, tab, `document.activeElement.getAttribute("href")?.startsWith("/teach/l-")`)

	click(t, tab, `#places a[href="#rooms"]`)
	await(t, tab, says("#campuses", "三(2)班"))
	await(t, tab, says("#campuses", pick("在线", "Online"))+" && "+says("#campuses", pick("最后在线", "Last seen")))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#own-school").value = ""`)))
	typed(t, tab, "#own-school", "第一实验小学")
	click(t, tab, "#own .primary")
	await(t, tab, says("h1", "第一实验小学"))
	typed(t, tab, "#invite-campus", "三河小学")
	typed(t, tab, "#invite-room", "四(1)班")
	click(t, tab, "#invite .primary")
	await(t, tab, `/^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/.test(document.querySelector("#invited .code")?.innerText ?? "") && document.querySelector("#invited canvas") !== null`)
	await(t, tab, says("#waiting", "四(1)班"))
	looks(t, tab, "home-rooms-"+lang)

	click(t, tab, `#places a[href="#people"]`)
	typed(t, tab, "#add-name", "李芳")
	click(t, tab, "#add .primary")
	await(t, tab, `/^[2-9a-z]{4}(-[2-9a-z]{4}){2}$/.test(document.querySelector("#person-code .code")?.innerText ?? "")`)
	code := eval[string](t, tab, `document.querySelector("#person-code .code").innerText`)
	looks(t, tab, "home-people-"+lang)

	plan(t, tab, lang)

	click(t, tab, "#out")
	typed(t, tab, "#user", "李芳")
	typed(t, tab, "#password", code+"\r")
	typed(t, tab, "#new", "new password")
	looks(t, tab, "home-choose-"+lang)
	click(t, tab, "#choose .primary")
	await(t, tab, says("#lessons", "音乐 三年级"))
	if eval[bool](t, tab, shown("#places")+" || "+says("#lessons", "美术")) {
		t.Error("a teacher sees what is not hers")
	}
	looks(t, tab, "home-teacher-"+lang)

	must(t, tab.Open(s.URL+"/"+query+"#invite=7QRA-XN33-SKCF-Z1P0"))
	must(t, tab.Do(chromedp.Reload()))
	await(t, tab, says("#carry", "7QRA-XN33-SKCF-Z1P0")+" && "+says("#carry", s.URL))
	looks(t, tab, "home-carry-"+lang)
}

func plan(t *testing.T, tab *browser.Tab, lang string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	head := "星期,节次,周次,学科,年级班级,方式,主讲教师,主讲教室,听讲教室,录制\n"
	bad := write("bad.csv", head+"三,2,单,音乐,三年级,名师,李芳,实验小学/录播室,三河小学/三(2)班,老师和黑板\n八,2,,美术,,,陈明,实验小学/录播室,三河小学/三(2)班,\n")
	good := write("good.csv", head+"三,2,单,音乐,三年级,专递,李芳,实验小学/录播室,三河小学/三(2)班=王老师；清水小学,不录\n四,1,,美术,四年级,同上,陈明,实验小学/录播室,三河小学/三(2)班,\n")
	clash := write("clash.csv", head+"三,2,单,音乐,三年级,专递,李芳,实验小学/录播室,三河小学/三(2)班,\n三,2,,美术,四年级,同上,陈明,实验小学/录播室,邬阳小学,\n")
	bells := write("bells.csv", "作息名,节次,开始,结束\n全年,1,8:00,8:40\n全年,2,8:50,9:30\n")
	click(t, tab, `#places a[href="#plan"]`)
	look := func(entries string) {
		t.Helper()
		await(t, tab, shown("#plan-entries"))
		must(t, tab.Do(chromedp.SetUploadFiles("#plan-entries", []string{entries}), chromedp.SetUploadFiles("#plan-bells", []string{bells})))
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#plan-monday").value = "2026-08-31"`)))
		click(t, tab, "#plan-form .primary")
		await(t, tab, shown("#preview .title"))
	}
	pick := func(zh, en string) string { return map[string]string{"zh": zh, "en": en}[lang] }
	look(bad)
	await(t, tab, `document.querySelectorAll("#preview tbody tr").length >= 3`)
	await(t, tab, says("#preview", pick("还不支持的方式：名师", "not supported yet: 名师"))+" && "+says("#preview", pick("写 一 到 日", "Write 1 to 7")))
	looks(t, tab, "home-plan-faults-"+lang)
	look(clash)
	await(t, tab, says("#preview", pick("冲突 1", "conflicts 1"))+" && "+says("#preview", pick("和第 2 行同时上课", "line 2 at the same time")))
	look(good)
	await(t, tab, says("#preview .title", pick("新增 2 改 0 删 0 冲突 0", "New 2, changed 0, removed 0, conflicts 0")))
	click(t, tab, "#preview summary")
	looks(t, tab, "home-plan-good-"+lang)
	click(t, tab, "#preview .primary")
	await(t, tab, says("#preview", pick("导入了", "Imported"))+" && "+says("#plan-now", "2"))
}
