package timetable

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const bells = `作息名,适用学校,开始日期,结束日期,节次,名称,开始,结束,类型
夏令,,2026-05-01,2026-09-30,1,第一节,08:00,08:40,上课
夏令,,,,2,第二节,08:50,09:30,上课
夏令,,,,,大课间,9:30,10:00,课间
夏令,,,,3,第三节,10:00,10:40,上课
冬令,,2026/10/1,2027/4/30,1,第一节,08:30,09:10,上课
冬令,,,,2,第二节,09:20,10:00,上课
冬令,,,,3,第三节,10:20,11:00,上课
`

const head = "星期,节次,连堂,周次,学科,课题,年级班级,方式,主讲教师,主讲教室,听讲教室,声音,录制,备注,开始日期,结束日期\n"

const good = head +
	"三,2,1,单,音乐,《茉莉花》,三年级,专递,李芳,实验小学/录播室,三河小学/三(2)班=王老师；邬阳小学/三(1)班=张老师,音乐,不录,带一支铅笔,2026-09-01,2027-01-15\n" +
	"周四,1,2,,美术,,,同上,陈明,实验小学/录播室,三河小学,,,,2026/9/1,2027/1/15\n"

// anywhere takes every room as it is written.
func anywhere(r Room) (Room, bool) { return r, true }

func read(t *testing.T, entries, bell string) (Timetable, Preview) {
	t.Helper()
	in := Files{}
	if entries != "" {
		in.Entries = []byte(entries)
	}
	if bell != "" {
		in.Bells = []byte(bell)
	}
	return Import(Timetable{}, in, anywhere)
}

func TestImport(t *testing.T) {
	next, p := read(t, good, bells)
	if len(p.Faults) > 0 || p.Added != 2 || p.Changed != 0 || p.Removed != 0 || next.Revision != 1 {
		t.Fatalf("%+v", p)
	}
	e := next.Entries[0]
	if e.Weekday != 3 || e.Period != 2 || e.Weeks != OddWeeks || e.Title() != "音乐 三年级 《茉莉花》" || e.Profile != "music" || e.Note != "带一支铅笔" ||
		e.Master != (Room{"实验小学", "录播室"}) || !slices.Equal(e.Members, []Member{{Room{"三河小学", "三(2)班"}, "王老师"}, {Room{"邬阳小学", "三(1)班"}, "张老师"}}) {
		t.Errorf("%+v", e)
	}
	if m := next.Term.FirstMonday.String(); m != "2026-08-31" {
		t.Errorf("first Monday %s", m)
	}
	for _, tt := range []struct{ day, want string }{
		{"2026-09-02", "08:50-09:30"}, // week 1
		{"2026-09-09", ""},            // week 2
		{"2026-09-30", "08:50-09:30"}, // the last day of summer's bell
		{"2026-10-14", "09:20-10:00"}, // week 7
		{"2026-09-03", "08:00-09:30"}, // two periods
		{"2026-08-27", ""},            // before the term
		{"2027-01-21", ""},            // after it
	} {
		d, _ := ParseDate(tt.day)
		var got []string
		for _, o := range Occurrences(next, d) {
			got = append(got, o.Start.Format("15:04")+"-"+o.End.Format("15:04"))
			if want := o.Entry.ID + "-" + strings.ReplaceAll(tt.day, "-", ""); o.ID != want || o.Start.Format("-0700") != "+0800" {
				t.Errorf("%s: id %s, start %v", tt.day, o.ID, o.Start)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %q", tt.day, got, tt.want)
		}
	}
}

func TestSameFileInEveryDress(t *testing.T) {
	want, p := read(t, good, bells)
	if len(p.Faults) > 0 {
		t.Fatal(p.Faults)
	}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(good)
	if err != nil {
		t.Fatal(err)
	}
	english := "period,weekday,span,weeks,subject,title,classes,mode,teacher,master,members,profile,record,note,from,until\n" +
		"2,Wednesday,1,odd,音乐,《茉莉花》,三年级,delivery,李芳,实验小学/录播室,三河小学/三(2)班=王老师;邬阳小学/三(1)班=张老师,music,buffer,带一支铅笔,2026-09-01,2027-01-15\n" +
		"1,4,2,all,美术,,,same,陈明,实验小学/录播室,三河小学,voice,,,2026-09-01,2027-01-15\n"
	semicolons := strings.NewReplacer(",", ";").Replace(good)
	for name, text := range map[string]string{
		"mark": "\xef\xbb\xbf" + good, "GB18030": gb, "tabs": strings.ReplaceAll(good, ",", "\t"), "semicolons": semicolons, "English": english,
		"CRLF": strings.ReplaceAll(good, "\n", "\r\n"), "CR": strings.ReplaceAll(good, "\n", "\r"), "no last line end": strings.TrimRight(good, "\n"),
		"quotes": strings.ReplaceAll(good, "带一支铅笔", `"带一支铅笔"`), "full-width": strings.ReplaceAll(good, "三,2,1,单", "星期三,２,１,单周"),
	} {
		got, p := read(t, text, bells)
		if len(p.Faults) > 0 || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: faults %+v\n%+v\n%+v", name, p.Faults, got, want)
		}
	}
}

// at spells a fault as file:line column code value/other.
func at(f Fault) string {
	s := fmt.Sprintf("%s:%d %s %s", f.File, f.Line, f.Column, f.Code)
	if f.Other > 0 {
		s += fmt.Sprintf(" %d", f.Other)
	}
	return s
}

func TestEveryFaultAtOnce(t *testing.T) {
	line := func(cells string) string { return cells + "\n" }
	for _, tt := range []struct {
		name, entries, bells string
		want                 []string
	}{
		{"many", head +
			line("八,0,9,0-3,,,,名师,李芳,实验小学/a/b,三河小学(听),体育,老师和黑板,,2026-02-30,昨天") +
			line("一,1,,,数学,,,网课,王五,甲,乙；甲；乙,立体声,全录,,2026-09-01,2026-08-01"), bells, []string{
			"课表.csv:2 星期 weekday", "课表.csv:2 节次 period", "课表.csv:2 连堂 span", "课表.csv:2 周次 weeks", "课表.csv:2 学科 needed",
			"课表.csv:2 开始日期 date", "课表.csv:2 结束日期 date", "课表.csv:2 方式 mode-unsupported", "课表.csv:2 声音 profile-unsupported",
			"课表.csv:2 主讲教室 room", "课表.csv:2 听讲教室 listen-unsupported",
			"课表.csv:3 方式 mode", "课表.csv:3 声音 profile", "课表.csv:3 录制 record", "课表.csv:3 结束日期 date-order",
			"课表.csv:3 听讲教室 member-master", "课表.csv:3 听讲教室 member-twice",
		}},
		{"headings", "星期,节次,节次,颜色\n一,1,1,红\n", "", []string{
			"课表.csv:1 节次 column-twice", "课表.csv:1 颜色 column-unknown", "课表.csv:1 学科 column-missing", "课表.csv:1 主讲教师 column-missing",
			"课表.csv:1 主讲教室 column-missing", "课表.csv:1 听讲教室 column-missing",
		}},
		{"nothing", "\n\n", "", []string{"课表.csv:1  empty-file"}},
		{"quote", head + "三,\"2\n", "", []string{"课表.csv:2  quote"}},
		{"UTF-16", "\xff\xfe\x1a\x66", "", []string{"课表.csv:1  encoding"}},
		{"no text", head + "\xff\xff\xff", "", []string{"课表.csv:2  encoding"}},
		{"the same place twice", head + line("一,1,,,数学,,,,王五,甲,乙,,,,2026-09-01,2026-12-01") + line("一,1,,,语文,,,,李六,甲,丙,,,,2026-09-01,2026-12-01"), bells,
			[]string{"课表.csv:3 星期 entry-twice 2"}},
		{"conflicts", head + line("一,1,2,,数学,,,,王五,甲,乙=赵,,,,2026-09-01,2026-12-01") + line("一,2,,双,语文,,,,李六,丙,乙,,,,2026-09-01,2026-12-01") +
			line("一,1,,,语文,,,,王五,丁,戊,,,,2026-09-01,2026-12-01") + line("一,9,,,语文,,,,孙七,丁,戊,,,,2026-09-01,2026-12-01"), bells,
			[]string{"课表.csv:3 听讲教室 conflict-room 2", "课表.csv:4 主讲教师 conflict-teacher 2", "课表.csv:5 节次 no-bell"}},
		{"odd and even weeks do not meet", head + line("一,1,,单,数学,,,,王五,甲,乙,,,,2026-09-01,2026-12-01") + line("一,1,,双,语文,,,,王五,甲,乙,,,,2026-09-01,2026-12-01"), bells, nil},
		{"never", head + line("一,1,,40,数学,,,,王五,甲,乙,,,,2026-09-01,2026-12-01"), bells, []string{"课表.csv:2 周次 no-lesson"}},
		{"no dates at all", head + line("一,1,,,数学,,,,王五,甲,乙,,,,,"), bells, []string{"课表.csv:2 开始日期 term-needed"}},
		{"bells", "", "作息名,开始日期,节次,开始,结束,类型\n夏,2026-05-01,1,8:00,8:40,上课\n夏,2026-05-02,1,25:00,8:00,上课\n夏,,2,8:30,8:20,唱歌\n夏,,1,8:50,9:00,上课\n夏,2026-05-02,3,8:35,9:30,上课\n冬,2026-05-01,1,8:00,8:40,上课\n", []string{
			"作息.csv:3 开始 clock", "作息.csv:4 类型 kind", "作息.csv:5 节次 period-twice 2", "作息.csv:6 开始日期 bell-differs 2",
			"作息.csv:6 开始 periods-overlap 2", "作息.csv:6 开始 periods-overlap 5", "作息.csv:7  bell-twice 2",
		}},
		{"too many cells", head + good[len(head):len(good)-1] + ",,,多\n", bells, []string{"课表.csv:3  cells"}},
	} {
		_, p := read(t, tt.entries, tt.bells)
		var got []string
		for _, f := range p.Faults {
			got = append(got, at(f))
			if !slices.Contains(Codes, f.Code) {
				t.Errorf("%s: code %s is not in the list", tt.name, f.Code)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestPreviewAgainstThePlanThereIs(t *testing.T) {
	old, _ := read(t, good, bells)
	changed := strings.Replace(good, "《茉莉花》", "《小白菜》", 1)
	changed = strings.Replace(changed, "周四,1,2", "周五,1,2", 1)
	next, p := Import(old, Files{Entries: []byte(changed)}, anywhere)
	if p.Added != 1 || p.Changed != 1 || p.Removed != 1 || len(p.Faults) != 0 || p.Revision != 1 || next.Revision != 2 {
		t.Errorf("%+v", p)
	}
	if next.Entries[0].ID != old.Entries[0].ID || next.Term != old.Term {
		t.Errorf("id %s, was %s", next.Entries[0].ID, old.Entries[0].ID)
	}
	if _, p := Import(old, Files{Entries: []byte(head + "\n" + good[len(head):])}, anywhere); p.Added+p.Changed+p.Removed != 0 {
		t.Errorf("an empty line changed %+v", p.Changes)
	}
	if _, p := Import(old, Files{Bells: []byte(strings.Split(bells, "冬令")[0])}, anywhere); len(p.Faults) != 2 || p.Conflicts != 2 || p.Faults[0].Code != "no-bell" || p.Faults[0].Date.String() != "2026-10-14" {
		t.Errorf("without winter's bell: %+v", p)
	}
}

func TestRoomsByNameOrID(t *testing.T) {
	place := Rooms([]Room{{"c1", "三(2)班"}, {"c2", ""}}, map[string]string{"c1": "三河小学"})
	for _, tt := range []struct {
		in, want Room
		known    bool
	}{
		{Room{"三河小学", "三（２）班"}, Room{"c1", "三(2)班"}, true},
		{Room{"c1", "三(2)班"}, Room{"c1", "三(2)班"}, true},
		{Room{"c1", ""}, Room{"c1", ""}, true},
		{Room{"C2", ""}, Room{"c2", ""}, true},
		{Room{"三河小学", "四班"}, Room{"c1", "四班"}, false},
		{Room{"观音小学", ""}, Room{"观音小学", ""}, false},
	} {
		if got, known := place(tt.in); got != tt.want || known != tt.known {
			t.Errorf("%v: %v %v", tt.in, got, known)
		}
	}
}

// A plan of a term: no room and no person has two lessons at once, every entry comes as often as its weeks say, ids are unlike.
func TestTermProperties(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		var text strings.Builder
		text.WriteString(head)
		weeks := []string{"全", "单", "双", "1-8", "3,5,7-9"}
		for range 120 {
			fmt.Fprintf(&text, "%d,%d,,%s,数学,,,,师%d,校%d/1,校%d/2,,,,2026-09-01,2027-01-15\n", 1+r.IntN(5), 1+r.IntN(3), weeks[r.IntN(5)], r.IntN(30), r.IntN(20), r.IntN(20))
		}
		// Lines that the import refuses are left out, as a person would do, until none is refused.
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		var plan Timetable
		for {
			next, p := read(t, strings.Join(lines, "\n")+"\n", bells)
			if len(p.Faults) == 0 {
				plan = next
				break
			}
			bad := map[int]bool{}
			for _, f := range p.Faults {
				bad[f.Line-1] = true
			}
			var kept []string
			for i, l := range lines {
				if !bad[i] {
					kept = append(kept, l)
				}
			}
			lines = kept
		}
		if len(plan.Entries) < 10 {
			t.Fatalf("seed %d: only %d lines left", seed, len(plan.Entries))
		}
		count, ids := map[string]int{}, map[string]bool{}
		for d := plan.Term.FirstMonday - 14; d < plan.Term.Until+14; d++ {
			used := map[string]bool{}
			for _, o := range Occurrences(plan, d) {
				if ids[o.ID] || DateOf(o.Start) != d || !o.Start.Before(o.End) {
					t.Fatalf("seed %d: %+v", seed, o)
				}
				ids[o.ID] = true
				count[o.Entry.ID]++
				who := []string{o.Entry.Teacher, o.Entry.Master.String()}
				for _, m := range o.Entry.Members {
					who = append(who, m.Room.String())
				}
				for _, w := range who {
					if key := w + o.Start.String(); used[key] {
						t.Fatalf("seed %d: %s twice on %v", seed, w, o.Start)
					} else {
						used[key] = true
					}
				}
			}
		}
		for _, e := range plan.Entries {
			want := 0
			for d := e.From; d <= e.Until; d++ {
				if d.Weekday() == e.Weekday && e.Weeks.Has(plan.Term.Week(d)) {
					want++
				}
			}
			if count[e.ID] != want || want == 0 {
				t.Errorf("seed %d: line %d came %d times, want %d", seed, e.Line, count[e.ID], want)
			}
		}
	}
}

func TestDates(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		weekday  int
	}{{"2026-09-01", "2026-09-01", 2}, {"2026/9/1", "2026-09-01", 2}, {"2028-2-29", "2028-02-29", 2}, {"2026-2-29", "", 0}, {"26-9-1", "", 0}, {"2026-9", "", 0}, {"1999-1-1", "", 0}, {"2026-+9-1", "", 0}} {
		d, ok := ParseDate(tt.in)
		if ok != (tt.want != "") || ok && (d.String() != tt.want || d.Weekday() != tt.weekday) {
			t.Errorf("%s: %v %v %d", tt.in, d, ok, d.Weekday())
		}
	}
	late := time.Date(2026, 9, 1, 17, 0, 0, 0, time.UTC)
	if d := DateOf(late); d.String() != "2026-09-02" {
		t.Errorf("17:00 UTC is %v in Shanghai", d)
	}
	for d := firstDate; d < lastDate; d += 97 {
		if got, ok := ParseDate(d.String()); !ok || got != d || int(d.At(0).Weekday()+6)%7+1 != d.Weekday() {
			t.Fatalf("%v", d)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(good), []byte(bells))
	f.Add([]byte("\xef\xbb\xbf"+good), []byte(strings.ReplaceAll(bells, ",", ";")))
	gb, _ := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(good))
	f.Add(gb, []byte("bell\tperiod\tstart\tend\nx\t1\t8:00\t9:00\n"))
	f.Add([]byte("\"a\n\"\"\r\n,,;\t"), []byte{})
	f.Fuzz(func(t *testing.T, entries, bells []byte) {
		next, p := Import(Timetable{}, Files{Entries: entries, Bells: bells}, anywhere)
		if len(p.Faults) > maxFaults || len(p.Hints) > maxFaults {
			t.Errorf("%d faults, %d hints", len(p.Faults), len(p.Hints))
		}
		for _, x := range p.Faults {
			if !slices.Contains(Codes, x.Code) || x.Line < 0 {
				t.Errorf("%+v", x)
			}
		}
		if len(p.Faults) == 0 {
			for d := next.Term.FirstMonday; d < next.Term.FirstMonday+14; d++ {
				Occurrences(next, d)
			}
		}
	})
}
