package lesson

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

const victimDir = "TONGKE_TEST_VICTIM"

// TestVictim is no test: it is the process that TestKillAtAnyInstant kills. It says on stdout what it was answered.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("run by TestKillAtAnyInstant")
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	r, err := New(s, Config{Box: "core", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHub(HubConfig{Registry: r, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	go h.Run(context.Background()) // ends by SIGKILL
	ctx := t.Context()
	lead := Actor{Role: auth.Teacher, Room: "core", Session: "s"}
	must := func(id string, m protocol.Request) {
		if err := h.Act(ctx, id, lead, m); err != nil {
			t.Fatal(id, protocol.Kind(m), err)
		}
		fmt.Println("did", id, protocol.Kind(m))
	}
	for i := range 1000 {
		id := fmt.Sprintf("k%d", i)
		if _, err := r.Create(Spec{ID: id, Title: id, Campuses: protocol.Campuses{"north"}}, "admin"); err != nil {
			t.Fatal(err)
		}
		fmt.Println("did", id, "create")
		off := protocol.RecordOff
		must(id, protocol.LessonTake{})
		must(id, protocol.LessonStart{})
		must(id, protocol.LessonSet{Record: &off})
		must(id, protocol.RoomRemove{Room: "north"})
		if i%2 == 1 {
			must(id, protocol.LessonFinish{Confirm: true})
		}
	}
}

// TestKillAtAnyInstant: what was answered before SIGKILL is there afterwards.
func TestKillAtAnyInstant(t *testing.T) {
	for _, after := range []time.Duration{30 * time.Millisecond, 77 * time.Millisecond, 210 * time.Millisecond} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$")
		cmd.Env = append(os.Environ(), victimDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		did := map[string][]string{}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == "did" {
				if len(did) == 0 {
					time.AfterFunc(after, func() { cmd.Process.Kill() })
				}
				did[f[1]] = append(did[f[1]], f[2])
			}
		}
		_ = cmd.Wait() // killed
		if len(did) == 0 {
			t.Fatal("the victim did nothing")
		}
		core := at(t, dir, "core")
		for id, kinds := range did {
			for _, kind := range kinds {
				if !survived(core, id, kind) {
					t.Errorf("after %v: %s of %s was answered and is gone", after, kind, id)
				}
			}
		}
	}
}

func survived(s *station, id, kind string) bool {
	rec, ok := s.reg.Get(id)
	if rec.State == protocol.Ended {
		return true // the end says it all
	}
	var live protocol.State
	if s.Hub.do(s.t.Context(), func() {
		if v := s.views[id]; v != nil {
			live = v.live.State()
		}
	}) != nil {
		return false
	}
	switch kind {
	case "create":
		return ok
	case "lesson.take":
		return live.Lead != nil
	case "lesson.start":
		return live.State == protocol.Live
	case "lesson.set":
		return live.Record == protocol.RecordOff && rec.Record == protocol.RecordOff
	case "room.remove":
		return len(live.Rooms) == 1 && live.Rooms[0].State == protocol.RoomRemoved
	}
	return false // lesson.end
}
