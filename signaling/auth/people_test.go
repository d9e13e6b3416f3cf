package auth

import (
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestCodeForANewPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, t.TempDir())
		ctx := t.Context()
		code, err := a.AddPerson(ctx, "李芳", Teacher, "north")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(codeLife)
		if _, err := a.SignIn(ctx, "192.0.2.1:1", "李芳", code); !errors.Is(err, ErrCredentials) {
			t.Errorf("a code of three days: %v", err)
		}
		if code, err = a.ResetPerson(ctx, "李芳"); err != nil {
			t.Fatal(err)
		}
		s, err := a.SignIn(ctx, "192.0.2.1:1", "李芳", code)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		a.SetSession(w, request(Public, "GET", "/"), s)
		if p, err := a.Who(request(Public, "GET", "/", cookies(w)), ""); !errors.Is(err, ErrPasswordDue) || p.Role != Nobody {
			t.Errorf("before a password is chosen: %+v, %v", p, err)
		}
		p, _ := a.WhoOrDue(request(Public, "GET", "/", cookies(w)), "")
		if p.Role != Teacher || !p.ByCode || p.Campus != "north" || !a.StillIn(p) {
			t.Errorf("%+v", p)
		}
		if err := a.ChangePassword(ctx, "192.0.2.1:1", p, "", "long enough"); err != nil {
			t.Error(err)
		}
		if a.StillIn(p) {
			t.Error("the sign-in by code lives on")
		}
		if _, err := a.ResetPerson(ctx, Admin); !errors.Is(err, ErrLastAdmin) {
			t.Errorf("admin: %v", err)
		}
		if _, err := a.ResetPerson(ctx, "nobody"); !errors.Is(err, ErrPersonUnknown) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// TestNamesThatLookAlike: a sign that nobody sees would make a second 李芳.
func TestNamesThatLookAlike(t *testing.T) {
	for name, want := range map[string]bool{"李芳": true, "Li Fang": true, "李\u200b芳": false, "\u202e芳李": false, "李芳\u2028": false, "a/b": false, " 李": false, "": false} {
		if got := personName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestTeaches(t *testing.T) {
	for _, tt := range []struct {
		p    Principal
		want bool
	}{
		{Principal{Role: Teacher, User: "李芳"}, true},
		{Principal{Role: Teacher, User: "admin"}, true},
		{Principal{Role: Teacher, User: "王五"}, false},
		{Principal{Role: Teacher, Lesson: "math"}, true},
		{Principal{Role: Teacher, Lesson: "art"}, false},
		{Principal{Role: Teacher}, false},
		{Principal{Role: Inspector, User: "李芳"}, false},
	} {
		if got := tt.p.Teaches("math", "李芳", "admin"); got != tt.want {
			t.Errorf("%+v: %v", tt.p, got)
		}
	}
}

func TestThreePhones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, t.TempDir())
		code := a.AssistCode("math", "north", "1")
		if a.AssistCode("math", "north", "1") != code || a.AssistCode("math", "north", "2") == code || a.AssistCode("art", "north", "1") == code || len(code) != codeLength {
			t.Errorf("code %q", code)
		}
		var ps []Principal
		for range 4 {
			p, err := a.Assist(httptest.NewRecorder(), request(Public, "POST", "/"), code)
			if err != nil {
				t.Fatal(err)
			}
			ps = append(ps, p)
		}
		for i, p := range ps {
			if err := a.PhoneCame(p); (err != nil) != (i == 3) {
				t.Errorf("phone %d: %v", i, err)
			}
		}
		if _, err := a.Assist(httptest.NewRecorder(), request(Public, "POST", "/"), code); !errors.Is(err, ErrPhones) {
			t.Errorf("a code for a fourth: %v", err)
		}
		a.PhoneWent(ps[0])
		if err := a.PhoneCame(ps[3]); err == nil {
			t.Error("the place was given away at once")
		}
		if err := a.PhoneCame(ps[0]); err != nil {
			t.Errorf("back again: %v", err)
		}
		a.PhoneWent(ps[1])
		time.Sleep(phoneGone + time.Second)
		if err := a.PhoneCame(ps[3]); err != nil {
			t.Errorf("after one went: %v", err)
		}
		a.EndAssist("math")
		var wrong *WrongCode
		for left := 4; left >= 0; left-- {
			if _, err := a.Assist(httptest.NewRecorder(), request(Public, "POST", "/"), code); !errors.As(err, &wrong) || wrong.Left != left {
				t.Errorf("after the end: %v", err)
			}
		}
		var many *TooManyTries
		if _, err := a.Assist(httptest.NewRecorder(), request(Public, "POST", "/"), code); !errors.As(err, &many) || many.Wait > time.Minute {
			t.Errorf("sixth: %v", err)
		}
	})
}

// TestAWithdrawnCodeStaysWithdrawn, over the lesson's end and a restart, and says nothing of a later lesson that has the id.
func TestAWithdrawnCodeStaysWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := newAuth(t, dir)
		enter := func(classroom string) Principal {
			t.Helper()
			p, err := a.Assist(httptest.NewRecorder(), request(Public, "POST", "/"), a.AssistCode("math", "north", classroom))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		first, beside := enter("1"), enter("2")
		if err := a.AssistRound("math", "north", "1", 1); err != nil {
			t.Fatal(err)
		}
		second := enter("1") // in the same second
		judged := func(when string, p Principal, want bool) {
			t.Helper()
			if got := a.Withdrawn(p); got != want {
				t.Errorf("%s: phone %d of %s: %v", when, p.Phone, p.Classroom, got)
			}
		}
		a.EndAssist("math")
		for _, when := range []string{"after the lesson", "after a restart"} {
			judged(when, first, true)
			judged(when, second, false)
			judged(when, beside, false)
			judged(when, Principal{Role: Assistant, Lesson: "math", Campus: "north", Classroom: "1"}, false) // by an operator's token
			a.phones.old = nil
			if err := a.openOldCodes(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		judged("in a later lesson of the id", enter("1"), false)
		time.Sleep(phoneLife)
		if err := a.AssistRound("art", "north", "1", 1); err != nil || len(a.phones.old) != 1 {
			t.Errorf("%+v, %v", a.phones.old, err)
		}
		for i := range maxCodes {
			a.phones.old = append(a.phones.old, oldCode{Lesson: "x", N: i, At: time.Now().Unix()})
		}
		if err := a.AssistRound("art", "north", "2", 1); err != nil || len(a.phones.old) > maxCodes {
			t.Errorf("%d kept, %v", len(a.phones.old), err)
		}
	})
}
