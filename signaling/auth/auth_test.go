package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/store"
)

const boxID = "0123456789abcdef"

func newAuth(t *testing.T, dir string) *Auth {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := newHasher()
	h.memory = 64 // the race detector makes the real one slow
	a, err := open(s, Config{BoxID: boxID, Place: func() (string, string) { return "core", "三(2)班" }}, h)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func oneTime(t *testing.T, a *Auth) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(a.store.Dir(), PasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// request makes a request that came through a listener.
func request(l Listener, method, target string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r = r.WithContext(WithListener(r.Context(), l))
	for _, c := range change {
		c(r)
	}
	return r
}

func header(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Add(k, v) } }

func cookies(w *httptest.ResponseRecorder) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range w.Result().Cookies() {
			if c.MaxAge >= 0 {
				r.AddCookie(c)
			}
		}
	}
}

func TestOneTimePasswordLife(t *testing.T) {
	dir := t.TempDir()
	a := newAuth(t, dir)
	ctx := context.Background()
	first := oneTime(t, a)
	if st, _ := os.Stat(filepath.Join(dir, PasswordFile)); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", st.Mode().Perm())
	}
	if fresh, err := a.Fresh(); !fresh || err != nil {
		t.Errorf("fresh %v, %v", fresh, err)
	}
	typed := strings.ToUpper(strings.ReplaceAll(first, "-", "")) // as a person may type it
	s, err := a.SignIn(ctx, "192.0.2.1:1000", Admin, typed)
	if err != nil {
		t.Fatal(err)
	}
	if fresh, _ := a.Fresh(); fresh {
		t.Error("fresh after a sign-in")
	}
	if got := oneTime(t, a); got != first {
		t.Error("the one-time password was changed by signing in")
	}
	w := httptest.NewRecorder()
	a.SetSession(w, request(Public, "GET", "/"), s)

	if err := a.ChangePassword(ctx, "192.0.2.1:1000", Principal{User: Admin}, first, "short"); !errors.Is(err, ErrPassword) {
		t.Errorf("short password: %v", err)
	}
	if err := a.ChangePassword(ctx, "192.0.2.1:1000", Principal{User: Admin}, first, "一个好记的长密码"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, PasswordFile)); !os.IsNotExist(err) {
		t.Errorf("the file of the one-time password: %v", err)
	}
	if p, _ := a.Who(request(Public, "GET", "/", cookies(w)), ""); p.Role != Nobody {
		t.Errorf("a sign-in lived through the change of its password: %+v", p)
	}
	if _, err := a.SignIn(ctx, "192.0.2.1:1000", Admin, first); !errors.Is(err, ErrCredentials) {
		t.Errorf("one-time password after its change: %v", err)
	}
	if _, err := a.SignIn(ctx, "192.0.2.1:1000", Admin, "一个好记的长密码"); err != nil {
		t.Error(err)
	}

	// A kill between the change and the removal leaves the file; the next start removes it.
	if err := a.store.WriteFile(PasswordFile, []byte("left\n")); err != nil {
		t.Fatal(err)
	}
	if err := a.openAdmin(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, PasswordFile)); !os.IsNotExist(err) {
		t.Errorf("left file: %v", err)
	}
}

func TestSessionsSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	a := newAuth(t, dir)
	s, err := a.SignIn(context.Background(), "192.0.2.1:1", Admin, oneTime(t, a))
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.NewToken("math", Watch, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.SetSession(w, request(Public, "GET", "/"), s)
	a.store.Close()
	a = newAuth(t, dir)
	p, err := a.Who(request(Public, "GET", "/", cookies(w)), "")
	if err != nil || p.Role != Administrator || p.User != Admin {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := a.CheckToken(token, "math"); err != nil {
		t.Errorf("token after a restart: %v", err)
	}
	w2 := httptest.NewRecorder()
	if err := a.EndSession(w2, request(Public, "DELETE", "/", cookies(w))); err != nil {
		t.Fatal(err)
	}
	if p, _ := a.Who(request(Public, "GET", "/", cookies(w)), ""); p.Role != Nobody {
		t.Errorf("after the end: %+v", p)
	}
	if got := w2.Result().Cookies(); len(got) != 1 || got[0].MaxAge >= 0 {
		t.Errorf("cookies at the end: %v", got)
	}
}

func TestCookieAttributes(t *testing.T) {
	a := newAuth(t, t.TempDir())
	s, err := a.SignIn(context.Background(), "192.0.2.1:1", Admin, oneTime(t, a))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		listener Listener
		name     string
		secure   bool
	}{{Public, "__Host-tongke-01234567", true}, {Local, "tongke-01234567", false}} {
		w := httptest.NewRecorder()
		a.SetSession(w, request(tt.listener, "POST", "/"), s)
		c := w.Result().Cookies()[0]
		if c.Name != tt.name || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 60 {
			t.Errorf("cookie %+v, want name %s, secure %v", c, tt.name, tt.secure)
		}
	}
}

func TestFiveTriesThenWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, t.TempDir())
		ctx := context.Background()
		const remote = "192.0.2.7:4000"
		for left := 4; left >= 0; left-- {
			_, err := a.SignIn(ctx, remote, Admin, "wrong wrong")
			var wrong *WrongPassword
			if !errors.As(err, &wrong) || wrong.Left != left {
				t.Fatalf("error %v, want %d tries left", err, left)
			}
		}
		_, err := a.SignIn(ctx, remote, Admin, oneTime(t, a))
		var wait *TooManyTries
		if !errors.As(err, &wait) || wait.Wait > time.Minute || wait.Wait < 59*time.Second {
			t.Fatalf("sixth try: %v", err)
		}
		if _, err := a.SignIn(ctx, "192.0.2.8:4000", Admin, oneTime(t, a)); err != nil {
			t.Errorf("another address: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := a.SignIn(ctx, remote, Admin, oneTime(t, a)); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestThrottleGrowsAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle(2, time.Minute, 4*time.Minute)
		run := func() time.Duration { // wrong tries until it must wait
			for {
				if _, wait := th.Begin("192.0.2.1:1"); wait > 0 {
					return wait
				}
			}
		}
		for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 4 * time.Minute} {
			got := run()
			if got != want {
				t.Errorf("wait %v, want %v", got, want)
			}
			time.Sleep(got)
		}
		time.Sleep(10 * time.Minute)
		if got := run(); got != time.Minute {
			t.Errorf("wait %v after a long silence", got)
		}
		// A right try does not count, and does not make good the wrong ones before it.
		th3 := NewThrottle(3, time.Minute, 4*time.Minute)
		for i, right := range []bool{false, true, true, false, true} {
			try, wait := th3.Begin("192.0.2.3:1")
			if wait > 0 {
				t.Fatalf("try %d has to wait", i)
			}
			if right {
				try.Right()
			}
		}
		if try, _ := th3.Begin("192.0.2.3:1"); try.Left != 0 {
			t.Errorf("third wrong one: %d left", try.Left)
		}
		if _, wait := th3.Begin("192.0.2.3:1"); wait != time.Minute {
			t.Errorf("wait %v", wait)
		}
		th3.Begin("192.0.2.4:1")
		time.Sleep(4*time.Minute + time.Second)
		if try, _ := th3.Begin("192.0.2.4:1"); try.Left != 2 {
			t.Errorf("%d left after a silence", try.Left)
		}
		try, _ := th.Begin("192.0.2.2:1")
		if try.Left != 1 {
			t.Errorf("left %d", try.Left)
		}
		try.Right()
		if try, _ := th.Begin("192.0.2.2:1"); try.Left != 1 {
			t.Errorf("left %d after a right one", try.Left)
		}
		if try, wait := th.Begin("192.0.2.2:1"); wait > 0 || try.Left != 0 {
			t.Errorf("last of a run: %v, %+v", wait, try)
		} else {
			try.Right()
		}
		if _, wait := th.Begin("192.0.2.2:1"); wait > 0 {
			t.Errorf("the last of a run was right, and the next has to wait %v", wait)
		}
		if _, wait := th.Begin("192.0.2.2:1"); wait != time.Minute {
			t.Errorf("it was wrong: wait %v, and no longer than after one run", wait)
		}
	})
}

func TestThrottleAddresses(t *testing.T) {
	same := [][2]string{
		{"192.0.2.1:1", "192.0.2.1:2"},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:2"},
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:1"},
		{"@", ""},
	}
	for _, s := range same {
		if throttleAddress(s[0]) != throttleAddress(s[1]) {
			t.Errorf("%s and %s differ", s[0], s[1])
		}
	}
	if throttleAddress("[2001:db8:1:2::1]:1") == throttleAddress("[2001:db8:1:3::1]:1") {
		t.Error("two sites are one")
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th := NewThrottle(1, time.Hour, time.Hour)
	for i := range 3 * throttleEntries {
		th.Begin("10." + itoa(i>>16) + "." + itoa(i>>8&255) + "." + itoa(i&255) + ":1")
		if len(th.entries) > throttleEntries {
			t.Fatalf("%d entries", len(th.entries))
		}
	}
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}

func TestFloodOfSignInsIsBounded(t *testing.T) {
	h := newHasher()
	var wg sync.WaitGroup
	var mu sync.Mutex
	busy := 0
	release := make(chan struct{})
	for range hashesAtOnce + hashesWaiting + 10 {
		wg.Go(func() {
			leave, err := h.enter(context.Background())
			if errors.Is(err, ErrBusy) {
				mu.Lock()
				if busy++; busy == 10 {
					close(release)
				}
				mu.Unlock()
				return
			}
			<-release
			leave()
		})
	}
	wg.Wait()
	if busy != 10 {
		t.Errorf("%d told to come back, want 10", busy)
	}
	ctx, cancel := context.WithCancel(context.Background())
	for range hashesAtOnce {
		h.enter(ctx)
	}
	cancel()
	if _, err := h.enter(ctx); err == nil {
		t.Error("entered after the caller went away")
	}
}

func TestPasswordStrings(t *testing.T) {
	h := newHasher()
	ctx := context.Background()
	stored, err := h.hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, stored, password string
		ok, broken             bool
	}{
		{"right", stored, "correct horse", true, false},
		{"wrong", stored, "correct horsf", false, false},
		{"empty", stored, "", false, false},
		{"no user", "", "", false, false},
		{"damaged", stored[:len(stored)-60], "correct horse", false, true},
		{"huge memory", strings.Replace(stored, "m=19456", "m=4194304", 1), "x", false, true},
		{"no passes", strings.Replace(stored, "t=2", "t=0", 1), "x", false, true},
	} {
		ok, err := h.verify(ctx, tt.stored, tt.password)
		if ok != tt.ok || (err != nil) != tt.broken {
			t.Errorf("%s: %v, %v", tt.name, ok, err)
		}
	}
}

func BenchmarkPassword(b *testing.B) {
	h := newHasher()
	for b.Loop() {
		h.hash(context.Background(), "correct horse battery staple")
	}
}
