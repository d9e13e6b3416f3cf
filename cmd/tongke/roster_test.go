package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tongke/signaling/api"
)

// TestACallReachesTheCore kills the room's box between the call and its delivery, and the core between that and the answer.
func TestACallReachesTheCore(t *testing.T) {
	dir := t.TempDir()
	core, member := runBox(t, filepath.Join(dir, "core")), runBox(t, filepath.Join(dir, "member"))
	under(t, core, member, "--campus", "三河小学", "--classroom", "三(2)班", "--name", "tk-sanhe")
	at, err := readAddresses(core.dir)
	if err != nil {
		t.Fatal(err)
	}
	there := func() (b api.BoxBelow) {
		t.Helper()
		var all []api.BoxBelow
		ask(t, core.dir, "GET", "/api/v1/boxes", nil, &all)
		for _, one := range all {
			if !one.Own {
				b = one
			}
		}
		return b
	}
	eventually(t, 30*time.Second, "its verdict at the core", func() bool { b := there(); return b.Online && b.Verdict != "" && !b.Told.IsZero() })
	if b := there(); b.Name != "tk-sanhe" || b.Campus != "三河小学" || b.Classroom != "三(2)班" || b.Version == "" || b.Call != nil {
		t.Errorf("%+v", b)
	}
	var campuses []api.Campus
	if ask(t, core.dir, "GET", "/api/v1/campuses", nil, &campuses); campuses[1].Rooms[0].Verdict == "" {
		t.Errorf("%+v", campuses)
	}
	again := func(p *process, args ...string) *process {
		t.Helper()
		p = launch(t, p.dir, append([]string{"run", "--config", os.DevNull, "--data", p.dir, "--local", "127.0.0.1:0"}, args...)...)
		p.waitReady()
		return p
	}
	here := func() (c api.DeviceCall) {
		t.Helper()
		ask(t, member.dir, "GET", "/api/v1/device/call", nil, &c)
		return c
	}

	core.stop(syscall.SIGKILL)
	var raised, twice api.DeviceCall
	ask(t, member.dir, "POST", "/api/v1/device/call", map[string]string{"code": "camera-unplugged"}, &raised)
	ask(t, member.dir, "POST", "/api/v1/device/call", nil, &twice)
	if raised.State != "waiting" || !twice.Since.Equal(raised.Since) {
		t.Fatalf("with the core dead: %+v, then %+v", raised, twice)
	}
	member.stop(syscall.SIGKILL)
	member = again(member, "--listen", "127.0.0.1:0")
	if got := here(); got.State != "waiting" || !got.Since.Equal(raised.Since) {
		t.Fatalf("after a kill: %+v", got)
	}

	core = again(core, "--listen", at.Listen[0])
	began := time.Now()
	eventually(t, 30*time.Second, "the call at the core", func() bool { c := there().Call; return c != nil && c.State == "open" })
	t.Logf("the core was back, %v later it had the call", time.Since(began).Round(time.Millisecond))
	if c := there().Call; c.Code != "camera-unplugged" || c.Text == nil || c.Since.Sub(raised.Since).Abs() > time.Millisecond {
		t.Errorf("%+v", c)
	}
	eventually(t, 30*time.Second, "the room is told", func() bool { return here().State == "told" })

	core.stop(syscall.SIGKILL)
	core = again(core, "--listen", at.Listen[0])
	call := there().Call
	if call == nil || call.State != "open" {
		t.Fatalf("the core after a kill: %+v", call)
	}
	answer := func(state string) {
		t.Helper()
		ask(t, core.dir, "POST", "/api/v1/boxes/"+there().Box+"/call", map[string]string{"call": call.ID, "state": state}, nil)
		eventually(t, 30*time.Second, "the room is told "+state, func() bool { return here().State == state })
	}
	answer("seen")
	if c := there().Call; c == nil || c.State != "seen" {
		t.Errorf("known: %+v", c)
	}
	answer("done")
	if c := there().Call; c != nil {
		t.Errorf("dealt with: %+v", c)
	}
	var rows []struct{ Action, Object string }
	ask(t, core.dir, "GET", "/api/v1/audit", nil, &rows)
	if len(rows) < 2 || rows[0].Action != "box.call.done" || rows[1].Action != "box.call.seen" {
		t.Errorf("the audit of the core: %+v", rows)
	}
}
