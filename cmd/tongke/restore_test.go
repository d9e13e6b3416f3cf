package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/device/identity"
	"tongke/signaling/store"
)

// TestARestoreThatFailsAfterItsMarkerIsFinished has the old box not go aside: the backup lies beside, proven whole, and the next start puts
// it in its place.
func TestARestoreThatFailsAfterItsMarkerIsFinished(t *testing.T) {
	id, packed := packedBox(t)
	dir := t.TempDir()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	old, err := identity.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	for i := range 120 { // whichever second it is then
		blocked := filepath.Join(dir, asidePrefix+now.Add(time.Duration(i)*time.Second).Format("20060102-150405"))
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := restore(dir, bytes.NewReader(packed)); err == nil || !strings.Contains(err.Error(), "start again") {
		t.Fatalf("%v", err)
	}
	if got, err := identity.ReadID(dir); err != nil || got != old.ID() {
		t.Errorf("box %s, %v: not the old one yet", got, err)
	}
	if s, err := openStore(dir); err == nil {
		s.Close()
		t.Error("a box that is being restored was opened")
	}
	blocked, err := filepath.Glob(filepath.Join(dir, asidePrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocked {
		if err := os.Remove(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := settle(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := identity.Check(dir); err != nil || got != id {
		t.Errorf("box %s, %v, want %s", got, err, id)
	}
	if s, err = openStore(dir); err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// TestNoDaemonBeginsWhileABackupIsLookedAt: the lock of the old store is held to the end.
func TestNoDaemonBeginsWhileABackupIsLookedAt(t *testing.T) {
	_, packed := packedBox(t)
	dir := t.TempDir()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	looked := false
	var held error
	_, err = restore(dir, readFunc(func(p []byte) (int, error) {
		if !looked {
			looked = true
			if s, held = openStore(dir); held == nil {
				s.Close()
			}
		}
		n := copy(p, packed)
		packed = packed[n:]
		if n == 0 {
			return 0, errors.New("read past the end")
		}
		return n, nil
	}))
	if err == nil || !looked {
		t.Fatalf("%v, looked %v", err, looked)
	}
	var f *fault
	if !errors.As(held, &f) || f.code != "data-in-use" {
		t.Errorf("opened meanwhile: %v", held)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestADamagedRestoreMarker says what is wrong with it.
func TestADamagedRestoreMarker(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                    "unexpected end",
		`{"staging":"x","aside":"aside-1"}`:    `"x"`,
		`{"staging":".restore-1","aside":"y"}`: `"y"`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, restoreMarker), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := finishRestore(dir, nil)
		if s := fmt.Sprint(err); err == nil || !strings.Contains(s, want) || strings.Contains(s, "%!") || !strings.Contains(s, dir) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestWithdrawingAStoppedBoxIsNoted: without the daemon it leaves the same row.
func TestWithdrawingAStoppedBoxIsNoted(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(tx *store.Tx) error {
		return store.Children.Put(tx, "child", store.Child{ID: "child", Name: "三河", CampusID: "sanhe", Pin: "p", Joined: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if exit, out, errs := tongke(t, "withdraw", "--yes", "--data", dir, "三河"); exit != 0 || strings.TrimSpace(out) != "withdrawn 三河" {
		t.Fatalf("%d %s%s", exit, out, errs)
	}
	if s, err = store.Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Audits(10)
	if err != nil || len(rows) != 1 || rows[0].Action != store.AuditWithdraw || rows[0].Object != "child" || rows[0].Who != "operator" {
		t.Errorf("%+v, %v", rows, err)
	}
}
