package timetable

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

func keeper(t *testing.T) (*Keeper, *lesson.Registry) {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	log := slog.New(slog.DiscardHandler)
	r, err := lesson.New(s, lesson.Config{Box: "0123456789abcdef", Keep: true, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateMeta(func(m *store.Meta) { m.CampusID, m.Classroom = "实验小学", "录播室" }); err != nil {
		t.Fatal(err)
	}
	return NewKeeper(Config{Store: s, Lessons: r, Log: log}), r
}

func states(r *lesson.Registry) (list []string) {
	for _, l := range r.List() {
		list = append(list, l.ID[len(l.ID)-4:]+" "+string(l.State))
	}
	slices.Sort(list)
	return list
}

func same(t *testing.T, r *lesson.Registry, want ...string) {
	t.Helper()
	if got := states(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKeeperKeepsTheWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, r := keeper(t)
		monday, _ := ParseDate("2026-09-07")
		time.Sleep(time.Until(monday.At(7 * 60))) // week 2
		pass := func() {
			t.Helper()
			if err := k.Pass(time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		apply := func(text string, revision uint64) {
			t.Helper()
			if _, err := k.Apply(Files{Entries: []byte(text), Bells: []byte(bells)}, revision); err != nil {
				t.Fatal(err)
			}
			pass()
		}
		pass() // nothing to keep
		every := strings.Replace(good, "单", "全", 1)
		apply(every, 0)
		same(t, r, "0909 planned", "0910 planned")
		l := r.List()[0]
		if l.Record != protocol.RecordBuffer || l.Scope != protocol.ScopeTeacherBoard {
			t.Errorf("不录: %s %s", l.Record, l.Scope)
		}
		for _, x := range r.List() {
			if strings.HasSuffix(x.ID, "0909") {
				l = x
			}
		}
		if l.Title != "音乐 三年级 《茉莉花》" || l.Teacher != "李芳" || l.CreatedBy != createdBy || l.Profile != protocol.ProfileMusic || !slices.Equal(l.Campuses, protocol.Campuses{"三河小学/三(2)班", "邬阳小学/三(1)班"}) ||
			l.Start.In(Zone).Format("15:04") != "08:50" || l.End.In(Zone).Format("15:04") != "09:30" {
			t.Errorf("%+v", l)
		}
		pass() // nothing new
		same(t, r, "0909 planned", "0910 planned")

		apply(strings.Replace(every, "李芳", "赵敏", 1), 1) // a planned one follows
		if l, _ := r.Get(l.ID); l.Teacher != "赵敏" || l.State != protocol.Planned {
			t.Errorf("%+v", l)
		}
		if _, err := k.Apply(Files{Entries: []byte(every)}, 1); !errors.Is(err, ErrChanged) {
			t.Errorf("of an old revision: %v", err)
		}
		if _, err := k.Apply(Files{Entries: []byte(head)}, 2); !errors.Is(err, ErrFaults) {
			t.Errorf("with faults: %v", err)
		}

		if _, err := r.End(l.ID); err != nil { // a person calls one off: it stays so
			t.Fatal(err)
		}
		pass()
		same(t, r, "0909 ended", "0910 planned")

		time.Sleep(time.Until((monday + 2).At(12 * 60))) // Wednesday noon: next Wednesday's comes into sight
		pass()
		same(t, r, "0909 ended", "0910 planned", "0916 planned")

		apply(head+strings.Split(every, "\n")[1]+"\n", 2) // Thursday's lesson leaves the plan
		same(t, r, "0909 ended", "0910 ended", "0916 planned")
		apply(every, 3) // and comes back
		same(t, r, "0909 ended", "0910 planned", "0916 planned")
		for revision, tt := range []struct{ word, record, scope string }{
			{"老师和黑板", protocol.RecordKeep, protocol.ScopeTeacherBoard}, {"含学生", protocol.RecordKeep, protocol.ScopePupils}, {"不录", protocol.RecordBuffer, protocol.ScopeTeacherBoard},
		} {
			apply(strings.ReplaceAll(every, "不录", tt.word), uint64(4+revision))
			for _, x := range r.List() {
				if strings.HasSuffix(x.ID, "0916") && (x.Record != tt.record || x.Scope != tt.scope || x.State != protocol.Planned) {
					t.Errorf("%s: %s %s, %s", tt.word, x.Record, x.Scope, x.State)
				}
			}
		}
	})
}
