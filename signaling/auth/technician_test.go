package auth

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const coreID = "core567890abcdef"

// alliance is a core and a member that has its key, in the middle of 2026.
func alliance(t *testing.T) (core, member *Auth, clock *fakeClock) {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)))
	core, member = newAuth(t, t.TempDir()), newAuth(t, t.TempDir())
	core.cfg.BoxID = coreID
	clock = &fakeClock{right: true}
	member.cfg.Clock = func() (time.Time, bool) { return time.Now().Add(clock.off), clock.right }
	key, err := core.TechnicianKey(boxID)
	if err != nil {
		t.Fatal(err)
	}
	if err := member.UseTechnicianKey(coreID, key); err != nil {
		t.Fatal(err)
	}
	return core, member, clock
}

// fakeClock is what the member knows of the time.
type fakeClock struct {
	off   time.Duration
	right bool
}

func newCode(t *testing.T, a *Auth, box string, life time.Duration, why Purpose) string {
	t.Helper()
	code, expires, err := a.NewTechnicianCode(box, life, why)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(expires); left < life || left > life+time.Hour {
		t.Errorf("a code for %v ends in %v", life, left)
	}
	if len(code) != 14 || strings.Trim(code, crockford+"-") != "" {
		t.Errorf("code %q", code)
	}
	return code
}

func TestTechniciansCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, member, _ := alliance(t)
		code := newCode(t, core, boxID, time.Hour, ForTechnician)
		if again := newCode(t, core, boxID, time.Hour, ForTechnician); again == code {
			t.Error("two codes are the same")
		}
		if _, err := core.SignInByCode("192.0.2.1:1", false, code); err == nil {
			t.Error("a member's code opens the core")
		}
		s, err := member.SignInByCode("192.0.2.1:1", false, strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(code, "-", " "), "0", "o")))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		member.SetSession(w, request(Public, "GET", "/"), s)
		p, err := member.Who(request(Public, "GET", "/", cookies(w)), "")
		if err != nil || p.Role != Technician || p.User != "" || p.ByCode || time.Until(p.Expires) > 12*time.Hour || !member.StillIn(p) {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := member.SignInByCode("192.0.2.66:1", false, code); !errors.Is(err, ErrCodeUsed) {
			t.Errorf("who looked over the shoulder: %v", err)
		}
		for i := range againTimes { // the clock may be set right meanwhile
			if _, err := member.SignInByCode([]string{"192.0.2.1:1", "127.0.0.1:1"}[i%2], i%2 == 1, code); err != nil {
				t.Errorf("once more: %v", err)
			}
		}
		if _, err := member.SignInByCode("192.0.2.1:1", false, code); !errors.Is(err, ErrCodeUsed) {
			t.Errorf("used up: %v", err)
		}
		own := newCode(t, core, coreID, time.Hour, ForTechnician)
		if _, err := core.SignInByCode("192.0.2.1:1", false, own); err != nil {
			t.Errorf("the core's own: %v", err)
		}
		for _, life := range []time.Duration{0, time.Minute, MaxCodeLife + time.Minute} {
			if _, _, err := core.NewTechnicianCode(boxID, life, ForTechnician); !errors.Is(err, ErrCodeRequest) {
				t.Errorf("%v: %v", life, err)
			}
		}
	})
}

// TestAMemberMakesNoCodesForOthers: what a member knows opens that member only.
func TestAMemberMakesNoCodesForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, member, _ := alliance(t)
		other := newAuth(t, t.TempDir())
		other.cfg.BoxID = "other00000000000"
		key, _ := core.TechnicianKey("other00000000000")
		if err := other.UseTechnicianKey(coreID, key); err != nil {
			t.Fatal(err)
		}
		for i, code := range []string{
			newCode(t, member, "other00000000000", time.Hour, ForTechnician),
			newCode(t, member, coreID, time.Hour, ForTechnician),
			newCode(t, core, boxID, time.Hour, ForTechnician),
		} {
			for _, a := range []*Auth{other, core} {
				if _, err := a.SignInByCode(fmt.Sprintf("192.0.2.%d:1", i), false, code); err == nil {
					t.Errorf("code %d opens %s", i, a.cfg.BoxID)
				}
			}
		}
	})
}

// TestCodeAndClock: without a right clock a code opens however wrong the clock is, unless its end was once known to be over.
func TestCodeAndClock(t *testing.T) {
	const years = 8 * 365 * 24 * time.Hour
	for _, tt := range []struct {
		name  string
		clock fakeClock
		after time.Duration // of the making
		noted time.Duration // a right time that was known before, counted from the making; 0 none
		want  error
	}{
		{"right, in time", fakeClock{0, true}, 30 * time.Minute, 0, nil},
		{"right, too late", fakeClock{0, true}, 2 * time.Hour, 0, ErrCodeExpired},
		{"own clock in the past, the parent says the time", fakeClock{0, true}, 2 * time.Hour, -time.Hour, ErrCodeExpired},
		{"wrong by years, ahead", fakeClock{years, false}, 30 * time.Minute, 0, nil},
		{"wrong by years, behind", fakeClock{-years, false}, 30 * time.Minute, 0, nil},
		{"wrong by years, noted before the code was made", fakeClock{years, false}, 30 * time.Minute, -time.Hour, nil},
		{"not right, but known to be over", fakeClock{-years, false}, 3 * time.Hour, 2 * time.Hour, ErrCodeExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, member, clock := alliance(t)
				made := time.Now()
				code := newCode(t, core, boxID, time.Hour, ForTechnician)
				if tt.noted != 0 {
					if err := member.NoteTime(made.Add(tt.noted)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(tt.after)
				*clock = tt.clock
				if _, err := member.SignInByCode("192.0.2.1:1", false, code); !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
			})
		})
	}
}

// TestATimeThatWasNotedGoesBack: a parent whose clock was once years ahead must not shut technicians out for years.
func TestATimeThatWasNotedGoesBack(t *testing.T) {
	for _, tt := range []struct {
		name  string
		noted []time.Duration // what the parent said, counted from the making of the code
		want  error
	}{
		{"years ahead, then mended", []time.Duration{8 * 365 * 24 * time.Hour, 10 * time.Minute}, nil},
		{"years ahead", []time.Duration{8 * 365 * 24 * time.Hour}, ErrCodeExpired},
		{"a day and a little ahead, then mended", []time.Duration{25 * time.Hour, 30 * time.Minute}, nil},
		{"some hours ahead, and back: what was over stays over", []time.Duration{20 * time.Hour, 10 * time.Minute}, ErrCodeExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, member, clock := alliance(t)
				made := time.Now()
				code := newCode(t, core, boxID, time.Hour, ForTechnician)
				for _, n := range tt.noted {
					if err := member.NoteTime(made.Add(n)); err != nil {
						t.Fatal(err)
					}
				}
				clock.right = false
				if _, err := member.SignInByCode("192.0.2.1:1", false, code); !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
			})
		})
	}
}

func TestCodeForTheAdministratorsPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, member, _ := alliance(t)
		if err := member.SetPassword(t.Context(), Admin, "forgotten long ago"); err != nil {
			t.Fatal(err)
		}
		code := newCode(t, core, boxID, time.Hour, ForPassword)
		s, err := member.SignInByCode("192.0.2.1:1", false, code)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		member.SetSession(w, request(Public, "GET", "/"), s)
		if p, err := member.Who(request(Public, "GET", "/", cookies(w)), ""); !errors.Is(err, ErrPasswordDue) || p.Role != Nobody {
			t.Errorf("before a password is chosen: %+v, %v", p, err)
		}
		if _, err := member.SignInByCode("192.0.2.1:1", false, code); err != nil { // the clock was set meanwhile
			t.Error(err)
		}
		p, _ := member.WhoOrDue(request(Public, "GET", "/", cookies(w)), "")
		if p.Role != Administrator || !p.ByCode {
			t.Fatalf("%+v", p)
		}
		if err := member.ChangePassword(t.Context(), "192.0.2.1:1", p, "", "remembered better"); err != nil {
			t.Fatal(err)
		}
		if _, err := member.SignIn(t.Context(), "192.0.2.1:1", Admin, "remembered better"); err != nil {
			t.Error(err)
		}
		if _, err := member.SignInByCode("127.0.0.1:1", true, code); !errors.Is(err, ErrCodeUsed) {
			t.Errorf("the slip of paper still opens: %v", err)
		}
	})
}

func TestWrongCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, member, _ := alliance(t)
		for i, typed := range []string{"", "0000-0000-0000", "ABCD", strings.Repeat("-", 1000), "0123-4567-89AU"} {
			var wrong *WrongCode
			if _, err := member.SignInByCode("192.0.2.1:1", false, typed); !errors.As(err, &wrong) || wrong.Left != 4-i {
				t.Errorf("%q: %v", typed, err)
			}
		}
		code := newCode(t, core, boxID, time.Hour, ForTechnician)
		var many *TooManyTries
		if _, err := member.SignInByCode("192.0.2.1:9", false, code); !errors.As(err, &many) {
			t.Errorf("sixth: %v", err)
		}
		busy := 0
		for i := range 100 { // from anywhere
			if _, err := member.SignInByCode(fmt.Sprintf("198.51.%d.1:1", i), false, "0000-0000-0000"); errors.Is(err, ErrBusy) {
				busy++
			}
		}
		if busy < 60 {
			t.Errorf("%d of 100 had to wait", busy)
		}
		if _, err := member.SignInByCode("127.0.0.1:1", true, code); err != nil {
			t.Errorf("at the box itself: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := member.SignInByCode("192.0.2.2:1", false, newCode(t, core, boxID, time.Hour, ForTechnician)); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func FuzzParseTechniciansCode(f *testing.F) {
	f.Add("0123-4567-89AB")
	f.Add("oil０１２３")
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		slot, mac, ok := parseCode(typed)
		if !ok {
			return
		}
		if slot >= 1<<20 || len(mac) != codeTag {
			t.Fatalf("%q: %d, %d bytes", typed, slot, len(mac))
		}
		if s, m, ok := parseCode(codeText(slot, mac)); !ok || s != slot || string(m) != string(mac) {
			t.Errorf("%q: %d %x, then %d %x", typed, slot, mac, s, m)
		}
	})
}
