package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongke/device/backup"
	"tongke/device/identity"
	"tongke/signaling/join"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
	"tongke/testbench"
	"tongke/testbench/peer"
)

// trySignIn posts to a box's sign-in and returns the answer with a client that has its cookie.
func trySignIn(t *testing.T, base, body string) (status int, client *http.Client) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client = &http.Client{Transport: noKeepAlive.Transport, Timeout: 10 * time.Second, Jar: jar}
	res, err := client.Post(base+"/api/v1/session", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, client
}

func getStatus(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestPairThenCodesThenWithdraw is a box's life below another: it joins by digits, opens to a technician while its parent is dead, and loses
// its place.
func TestPairThenCodesThenWithdraw(t *testing.T) {
	dir := t.TempDir()
	core, member := runBox(t, filepath.Join(dir, "core")), runBox(t, filepath.Join(dir, "member"))
	at, err := readAddresses(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	var here pairAnswer
	ask(t, member.dir, "POST", pairPath, map[string]any{"address": "https://" + at.Listen[0]}, &here)
	eventually(t, 20*time.Second, "digits", func() bool {
		ask(t, member.dir, "GET", pairPath, nil, &here)
		return here.State == "compare"
	})
	var there []struct{ ID, Name, Digits string }
	eventually(t, 20*time.Second, "digits at the core", func() bool {
		ask(t, core.dir, "GET", "/api/v1/pairings", nil, &there)
		return len(there) == 1
	})
	if there[0].Digits != here.Digits {
		t.Fatalf("%+v, %+v", there, here)
	}
	ask(t, core.dir, "POST", "/api/v1/pairings/"+there[0].ID, map[string]any{"same": true, "name": "三河小学"}, nil)
	ask(t, member.dir, "POST", pairPath+"/"+here.ID, map[string]any{"same": true}, nil)
	eventually(t, 20*time.Second, "the uplink", func() bool { return uplinkUp(member.dir) })
	if ask(t, member.dir, "GET", pairPath, nil, &here); here.State != "accepted" {
		t.Errorf("%+v", here)
	}

	memberAt, err := readAddresses(member.dir)
	if err != nil {
		t.Fatal(err)
	}
	base := "https://" + memberAt.Listen[0]
	code := func(args ...string) string {
		t.Helper()
		exit, out, errs := tongke(t, append([]string{"technician-code", "--data", core.dir, "--box", here.Name}, args...)...)
		if exit != 0 {
			t.Fatal(errs)
		}
		return strings.TrimSpace(out)
	}
	technician, password := code(), code("--password")
	id := ""
	eventually(t, 30*time.Second, "the member has its key", func() bool {
		var s struct{ Box struct{ ID string } }
		ask(t, member.dir, "GET", "/api/v1/status", nil, &s)
		id = s.Box.ID
		status, _ := trySignIn(t, base, `{"code":"`+code()+`"}`)
		if status == http.StatusTooManyRequests {
			t.Fatal("not in five tries")
		}
		if status != http.StatusNoContent {
			time.Sleep(trustEvery) // as often as it asks, and within its tries
		}
		return status == http.StatusNoContent
	})
	core.stop(syscall.SIGKILL)
	status, client := trySignIn(t, base, `{"code":"`+strings.ToLower(technician)+`"}`)
	if status != http.StatusNoContent {
		t.Fatalf("with the core dead: %d", status)
	}
	for path, want := range map[string]int{"/api/v1/status": 200, "/api/v1/disk": 200, "/api/v1/recordings": 403, "/api/v1/people": 403, "/api/v1/technician-codes": 405} {
		if got := getStatus(t, client, base+path); got != want {
			t.Errorf("a technician gets %s: %d, want %d", path, got, want)
		}
	}
	status, client = trySignIn(t, base, `{"code":"`+password+`"}`)
	if got := getStatus(t, client, base+"/api/v1/people"); status != http.StatusNoContent || got != http.StatusForbidden {
		t.Errorf("before a password is chosen: %d, %d", status, got)
	}
	watch, err := client.Post(base+"/whep/l1", "application/sdp", strings.NewReader("v=0\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	watch.Body.Close()
	if watch.StatusCode != http.StatusUnauthorized {
		t.Errorf("before a password is chosen, watching a lesson: %d", watch.StatusCode)
	}
	res, err := client.Post(base+"/api/v1/password", "application/json", strings.NewReader(`{"password":"remembered better"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := getStatus(t, client, base+"/api/v1/people"); res.StatusCode != http.StatusNoContent || got != http.StatusOK {
		t.Errorf("a new password: %d, then %d", res.StatusCode, got)
	}

	core = launch(t, core.dir, "run", "--config", os.DevNull, "--data", core.dir, "--listen", at.Listen[0], "--local", "127.0.0.1:0")
	core.waitReady()
	eventually(t, 30*time.Second, "the uplink again", func() bool {
		var campuses []struct {
			Rooms []struct {
				Box    string
				Online bool
			}
		}
		ask(t, core.dir, "GET", "/api/v1/campuses", nil, &campuses)
		return len(campuses) == 2 && campuses[1].Rooms[0].Online && uplinkUp(member.dir)
	})
	began := time.Now()
	if exit, _, errs := tongke(t, "withdraw", "--yes", "--data", core.dir, id); exit != 0 {
		t.Fatal(errs)
	}
	eventually(t, 10*time.Second, "the end of the uplink", func() bool { return !uplinkUp(member.dir) })
	t.Logf("withdrawn to the end of its uplink: %v", time.Since(began).Round(time.Millisecond))
	key, err := identity.Open(member.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: key.ClientTLS(""), DisableKeepAlives: true}}
	for path, want := range map[string]int{"/uplink/v1/connect": http.StatusForbidden, "/uplink/v1/tunnel": http.StatusForbidden, join.KeyPath: http.StatusNotFound} {
		method := http.MethodGet
		if strings.HasSuffix(path, "connect") {
			method = http.MethodPost
		}
		req, err := http.NewRequest(method, "https://"+at.Listen[0]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s after the withdrawal: %d, want %d", path, res.StatusCode, want)
		}
	}
	if uplinkUp(member.dir) {
		t.Error("it is back")
	}
}

// TestANewCoreFromABackup throws the core's disk away and has another take its place: no member is touched, and a lesson goes.
func TestANewCoreFromABackup(t *testing.T) {
	clips, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(passphraseVar, "eight words nobody would ever guess")
	dir := t.TempDir()
	core := runBox(t, filepath.Join(dir, "core"))
	members := []*process{runBox(t, filepath.Join(dir, "m1")), runBox(t, filepath.Join(dir, "m2"))}
	for i, m := range members {
		under(t, core, m, "--campus", fmt.Sprintf("school%d", i+1), "--name", fmt.Sprintf("m%d", i+1))
	}
	eventually(t, 20*time.Second, "both have told their addresses", func() bool {
		var s struct{ Children []struct{ URLs []string } }
		ask(t, core.dir, "GET", "/api/v1/status", nil, &s)
		return len(s.Children) == 2 && len(s.Children[0].URLs) > 0 && len(s.Children[1].URLs) > 0
	})
	ask(t, core.dir, "POST", "/api/v1/people", map[string]string{"name": "李芳", "role": "teacher"}, nil)
	ask(t, core.dir, "POST", "/api/v1/lessons", map[string]any{"id": "planned", "title": "明天", "campuses": "all", "start": time.Now().Add(time.Hour), "end": time.Now().Add(2 * time.Hour)}, nil)
	file := filepath.Join(dir, "core.backup")
	if exit, _, errs := tongke(t, "backup", "--data", core.dir, file); exit != 0 {
		t.Fatal(errs)
	}
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	t.Logf("backup of %d bytes", st.Size())
	ask(t, core.dir, "POST", "/api/v1/lessons", map[string]any{"id": "after", "title": "备份以后", "campuses": "all"}, nil)
	at, err := readAddresses(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	core.stop(syscall.SIGKILL)
	if err := os.RemoveAll(core.dir); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	fresh := filepath.Join(dir, "new")
	exit, out, errs := tongke(t, "restore", "--data", fresh, file)
	if exit != 0 || !strings.HasPrefix(out, "restored ") {
		t.Fatalf("exit %d: %s%s", exit, out, errs)
	}
	restored := time.Since(began)
	if !strings.Contains(errs, "Boxes that look for it: 2, at https://"+at.Listen[0]) || !strings.Contains(errs, "有 2 台设备会到 https://"+at.Listen[0]) {
		t.Errorf("restore does not say where the schools look: %s", errs)
	}
	core = launch(t, fresh, "run", "--config", os.DevNull, "--data", fresh, "--listen", at.Listen[0], "--local", "127.0.0.1:0")
	core.waitReady()
	for _, m := range members {
		eventually(t, 60*time.Second, "a member comes back", func() bool { return uplinkUp(m.dir) })
	}
	back := time.Since(began)
	_, token, errs := tongke(t, "token", "--data", fresh, "--lesson", "l1", "--role", "publish")
	ask(t, fresh, "POST", "/api/v1/lessons", map[string]any{"id": "l1", "title": "音乐", "campuses": "all"}, nil)
	teacher, err := peer.NewTeacher(peer.Config{URL: local(t, core), Lesson: "l1", Token: strings.TrimSpace(token)}, clips, true)
	if err != nil {
		t.Fatal(errs, err)
	}
	background(t, teacher.Run)
	var seats []*peer.Classroom
	for _, m := range members {
		seat, err := peer.NewClassroom(peer.Config{URL: local(t, m), Lesson: "l1"})
		if err != nil {
			t.Fatal(err)
		}
		background(t, seat.Run)
		seats = append(seats, seat)
	}
	for _, s := range seats {
		eventually(t, 60*time.Second, "the lesson in a classroom", func() bool { st := s.Stats(); return st.Voice.Voice > 20 && st.Camera.Frames > 5 })
	}
	t.Logf("restored after %v, both members back after %v, lesson in both classrooms after %v", restored.Round(time.Millisecond), back.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

	var people []struct{ Name string }
	ask(t, fresh, "GET", "/api/v1/people", nil, &people)
	if !strings.Contains(fmt.Sprint(people), "李芳") {
		t.Errorf("people %v", people)
	}
	var lessons []struct{ ID, State string }
	ask(t, members[0].dir, "GET", "/api/v1/lessons", nil, &lessons)
	for _, l := range lessons {
		if l.ID == "after" && l.State != "ended" || l.ID == "planned" && l.State != "planned" {
			t.Errorf("a member knows %+v", l)
		}
	}

	// And at an address that no member knows: it calls them.
	core.stop(syscall.SIGKILL)
	began = time.Now()
	core = launch(t, fresh, "run", "--config", os.DevNull, "--data", fresh, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	core.waitReady()
	for _, m := range members {
		eventually(t, 60*time.Second, "a member follows", func() bool { return childrenUp(t, fresh) == 2 && uplinkUp(m.dir) })
	}
	t.Logf("both members follow to another address after %v", time.Since(began).Round(time.Millisecond))
}

// childrenUp counts the boxes below that are connected.
func childrenUp(t *testing.T, dir string) (n int) {
	t.Helper()
	var campuses []struct{ Rooms []struct{ Online bool } }
	ask(t, dir, "GET", "/api/v1/campuses", nil, &campuses)
	for _, c := range campuses[1:] {
		for _, r := range c.Rooms {
			if r.Online {
				n++
			}
		}
	}
	return n
}

// TestRestoreRefuses tries what is refused before the passphrase is looked at, whose key takes its time.
func TestRestoreRefuses(t *testing.T) {
	t.Setenv(passphraseVar, "eight words nobody would ever guess")
	dir := t.TempDir()
	data, other := filepath.Join(dir, "data"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	box := runBox(t, data)
	refused := func(want string, args ...string) {
		t.Helper()
		if exit, out, errs := tongke(t, args...); exit == 0 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s%s, want %s", args, exit, out, errs, want)
		}
	}
	refused("data-in-use", "restore", "--force", "--data", data, other)
	refused("no-box", "backup", "--data", filepath.Join(dir, "nothing"), filepath.Join(dir, "b"))
	box.stop(syscall.SIGTERM)
	refused("data-not-empty", "restore", "--data", data, other)
	refused("backup-unknown", "restore", "--force", "--data", data, other)
	refused("backup-missing", "restore", "--force", "--data", data, filepath.Join(dir, "nothing"))
	if names, err := filepath.Glob(filepath.Join(data, "aside-*")); err != nil || len(names) > 0 {
		t.Errorf("put aside: %v, %v", names, err)
	}
	t.Setenv(passphraseVar, "short")
	refused("passphrase-short", "backup", "--data", data, filepath.Join(dir, "b"))

	for err, code := range map[error]string{
		backup.ErrPassphrase: "passphrase-wrong", backup.ErrDamaged: "backup-damaged", backup.ErrTruncated: "backup-truncated", backup.ErrNewer: "backup-newer",
	} {
		var f *fault
		if !errors.As(backupFault("x", fmt.Errorf("read: %w", err)), &f) || f.code != code || f.exit != exitRefused || f.zh == "" {
			t.Errorf("%v: %+v, want %s", err, f, code)
		}
	}
}

// packedBox is what a backup of a box holds, not encrypted.
func packedBox(t *testing.T) (id string, packed []byte) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	box, err := identity.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := packBox(dir, s, DefaultConfig(), nil, &b); err != nil {
		t.Fatal(err)
	}
	return box.ID(), b.Bytes()
}

// stopAt lets n steps pass.
func stopAt(n int) func(string) error {
	return func(string) error {
		if n--; n < 0 {
			return errStopped
		}
		return nil
	}
}

var errStopped = errors.New("pulled the plug")

// TestRestoreBrokenOffAnywhere stops the restoring before each thing it moves: the next start makes the new box whole, and the old one
// lies aside.
func TestRestoreBrokenOffAnywhere(t *testing.T) {
	id, packed := packedBox(t)
	for n := 0; ; n++ {
		dir := t.TempDir()
		old, err := identity.Open(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		fill(t, dir, filepath.Join(dir, "recordings"))
		if _, err := identity.Open(dir, ""); err == nil {
			t.Fatal("the old key should be of no use") // fill wrote over it
		}
		plan := restorePlan{Staging: stagingPrefix + "x", Aside: asidePrefix + "x"}
		if plan.Old, err = boxFiles(dir); err != nil || !slices.Contains(plan.Old, "identity") || !slices.Contains(plan.Old, "recordings") {
			t.Fatal(plan.Old, err)
		}
		if _, err := backup.Unpack(bytes.NewReader(packed), filepath.Join(dir, plan.Staging)); err != nil {
			t.Fatal(err)
		}
		doc, _ := json.Marshal(plan)
		if err := os.WriteFile(filepath.Join(dir, restoreMarker), doc, 0o600); err != nil {
			t.Fatal(err)
		}
		err = finishRestore(dir, stopAt(n))
		if err != nil && !errors.Is(err, errStopped) {
			t.Fatal(n, err)
		}
		if _, err := settle(dir); err != nil {
			t.Errorf("step %d: the next start: %v", n, err)
		}
		if got, err := identity.Check(dir); err != nil || got != id || got == old.ID() {
			t.Errorf("step %d: box %s, %v, want %s", n, got, err, id)
		}
		for _, name := range []string{"tongke.db", "keys/l1.keys", "recordings/l1/0.seg"} {
			if _, err := os.Stat(filepath.Join(dir, plan.Aside, name)); err != nil {
				t.Errorf("step %d: %v", n, err)
			}
		}
		if err == nil {
			if n < 8 {
				t.Errorf("only %d steps", n)
			}
			break
		}
	}

	// The same box again: its recordings stay where they are.
	dir := t.TempDir()
	if _, err := restore(dir, bytes.NewReader(packed)); err != nil {
		t.Fatal(err)
	}
	recording := filepath.Join(dir, "recordings", "l1")
	if err := os.MkdirAll(recording, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(dir, bytes.NewReader(packed)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(recording); err != nil {
		t.Error(err)
	}
}

// TestAnOldBackupBringsNoLessonBack: a lesson that ran when the backup was made would draw rooms in for ever.
func TestAnOldBackupBringsNoLessonBack(t *testing.T) {
	for age, want := range map[time.Duration]protocol.Phase{time.Minute: protocol.Live, 48 * time.Hour: protocol.Ended} {
		dir := t.TempDir()
		s, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		box, err := identity.Open(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		cfg := lesson.Config{Box: box.ID(), Log: slog.New(slog.DiscardHandler)}
		r, err := lesson.New(s, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Create(lesson.Spec{ID: "l", Title: "l"}, "admin"); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := prove(dir, backup.Manifest{Box: box.ID(), Made: time.Now().Add(-age)}); err != nil {
			t.Fatal(err)
		}
		if s, err = store.Open(dir); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if r, err = lesson.New(s, cfg); err != nil {
			t.Fatal(err)
		}
		if l, ok := r.Get("l"); !ok || l.State != want {
			t.Errorf("after %v: %v, want %v", age, l.State, want)
		}
	}
}

// fill makes a data directory of a box that has been used.
func fill(t *testing.T, dir, recordings string) {
	t.Helper()
	for _, name := range []string{
		"keys/l1.keys", "keys/l2.keys", "recordings/l1/0.seg", "recordings/l2/0.seg", "exports/0.mp4", "identity/box.key", "tongke.db", "admin-password", "health.json",
		"aside-1/tongke.db", "aside-1/keys/l0.keys", "aside-1/recordings/l0/0.seg", ".restore-1/identity/box.key",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("secret "+name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"l3/0.seg", "Fotos/me.jpg"} {
		path := filepath.Join(recordings, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestResetBrokenOffAnywhere stops the erasing before each thing it erases. What is left has no key at any time that the recordings still
// need, and the next start finishes it.
func TestResetBrokenOffAnywhere(t *testing.T) {
	for n := 0; ; n++ {
		dir, other := t.TempDir(), t.TempDir()
		fill(t, dir, other)
		cfg := DefaultConfig()
		cfg.Recording.Dir = other
		if err := markReset(dir, cfg); err != nil {
			t.Fatal(err)
		}
		var order []string
		stop := stopAt(n)
		_, err := finishReset(dir, func(path string) error {
			order = append(order, path)
			return stop(path)
		})
		if err != nil && !errors.Is(err, errStopped) {
			t.Fatal(n, err)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "keys", "*"))
		key, _ := os.Stat(filepath.Join(dir, "identity", "box.key"))
		rec, _ := os.Stat(filepath.Join(dir, "recordings", "l1", "0.seg"))
		if len(left) > 0 && (key == nil || rec == nil) {
			t.Errorf("step %d: keys %v outlive what they are for", n, left)
		}
		if erased, err2 := settle(dir); err2 != nil || erased != (err != nil) {
			t.Errorf("step %d: the next start: %v, %v", n, erased, err2)
		}
		if names, _ := os.ReadDir(dir); len(names) != 0 {
			t.Errorf("step %d: %v is left", n, names)
		}
		if _, err := os.Stat(filepath.Join(other, "l3")); err == nil {
			t.Errorf("step %d: a recording elsewhere is left", n)
		}
		if _, err := os.Stat(filepath.Join(other, "Fotos", "me.jpg")); err != nil {
			t.Error("what is not ours is gone")
		}
		if err == nil {
			if n < 15 || !strings.Contains(order[0], "keys") || filepath.Base(order[len(order)-1]) != resetMarker {
				t.Errorf("%d steps: %v", n, order)
			}
			return
		}
	}
}

// TestFactoryResetAndKill kills the command while it erases thousands of files; the daemon finishes it and is a new box.
func TestFactoryResetAndKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	box := runBox(t, dir)
	was, err := identity.ReadID(dir)
	if err != nil {
		t.Fatal(err)
	}
	box.stop(syscall.SIGTERM)
	for _, folder := range []string{"keys", "recordings/l1"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range 400 {
			if err := os.WriteFile(filepath.Join(dir, folder, fmt.Sprintf("%d.keys", i)), make([]byte, 512), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if exit, _, errs := tongke(t, "factory-reset", "--data", dir); exit != exitRefused || !strings.Contains(errs, "not-confirmed") {
		t.Errorf("without a word: %d %s", exit, errs)
	}
	if got, err := identity.ReadID(dir); err != nil || got != was {
		t.Fatalf("erased without a word: %v", err)
	}
	cmd := launch(t, dir, "factory-reset", "--yes", "--data", dir)
	count := func() int { names, _ := os.ReadDir(filepath.Join(dir, "keys")); return len(names) }
	eventually(t, 20*time.Second, "erasing has begun", func() bool { return count() < 400 })
	cmd.cmd.Process.Kill()
	<-cmd.done
	t.Logf("killed with %d of 400 keys left", count())
	box = runBox(t, dir)
	now, err := identity.ReadID(dir)
	if err != nil || now == was {
		t.Errorf("box %s as before, %v", now, err)
	}
	if count() != 0 {
		t.Errorf("%d keys are left", count())
	}
	if names, _ := os.ReadDir(filepath.Join(dir, "recordings")); slices.ContainsFunc(names, func(e os.DirEntry) bool { return e.Name() == "l1" }) {
		t.Error("a recording is left")
	}
	for _, name := range []string{"identity/box.key", "identity/ca.pem", "identity/server.pem", "tongke.db", "admin-password"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}

	// And a running one, by the command.
	exit, out, errs := tongke(t, "factory-reset", "--yes", "--data", dir)
	if exit != 0 || strings.TrimSpace(out) != "erased" {
		t.Fatalf("%d %s%s", exit, out, errs)
	}
	eventually(t, 20*time.Second, "a new box in the same process", func() bool {
		id, err := identity.ReadID(dir)
		return err == nil && id != now
	})
	box.waitReady()
}
