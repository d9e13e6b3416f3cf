package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// childDir names the data directory in which a child process of the kill test writes until it is killed.
const childDir = "TONGKE_STORE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever keeps two records that must always agree, and prints each number once it is promised.
func writeForever(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	first, err := s.Children()
	if err != nil {
		return err
	}
	n := 0
	if len(first) > 0 {
		fmt.Sscan(first[0].Name, &n)
	}
	for {
		n++
		err := s.Update(func(tx *Tx) error {
			name := fmt.Sprint(n)
			if err := Children.Put(tx, "a", Child{ID: "a", Name: name}); err != nil {
				return err
			}
			return Children.Put(tx, "b", Child{ID: "b", Name: name, Classroom: strings.Repeat("x", n%5000)})
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRecordsSurvive(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if m, err := s.Meta(); err != nil || m != (Meta{}) {
		t.Errorf("fresh meta %+v, %v", m, err)
	}
	if _, ok, err := s.Parent(); ok || err != nil {
		t.Errorf("fresh parent %v, %v", ok, err)
	}
	meta := Meta{AllianceID: "a1", CampusID: "三河小学", Classroom: "三(2)班"}
	if err := s.UpdateMeta(func(m *Meta) { *m = meta }); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	child := Child{ID: "0123456789abcdef", Name: "tk-0123", CampusID: "north", Pin: "p", Joined: at}
	if err := s.Update(func(tx *Tx) error { return Children.Put(tx, child.ID, child) }); err != nil {
		t.Fatal(err)
	}
	if err := s.ChildSeen(child.ID, at); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if m, err := s.Meta(); err != nil || m != meta {
		t.Errorf("meta %+v, %v", m, err)
	}
	child.LastSeen = at
	if c, err := s.Child(child.ID); err != nil || !reflect.DeepEqual(c, child) {
		t.Errorf("child %+v, %v", c, err)
	}
	if _, err := s.Child("nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown child: %v", err)
	}
	if err := s.ChildSeen("nobody", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown child seen: %v", err)
	}
	if st, err := os.Stat(filepath.Join(dir, FileName)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
}

func TestSecondOpenerIsTold(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	start := time.Now()
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v, want ErrLocked", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("waited %v", d)
	}
}

func TestTwoCreatorsOneStore(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var won []*Store
	for range 4 {
		wg.Go(func() {
			s, err := Open(dir)
			if err != nil {
				if !errors.Is(err, ErrLocked) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			won = append(won, s)
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d openers at once", len(won))
	}
	for _, s := range won {
		s.Close()
	}
}

func TestHalfMadeStoreIsMadeAgain(t *testing.T) {
	for name, data := range map[string]string{"empty": "", "noise": strings.Repeat("noise", 4000), "short": "x"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, FileName+".half"), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			open(t, dir)
			if _, err := os.Stat(filepath.Join(dir, FileName+".half")); !os.IsNotExist(err) {
				t.Errorf("half file: %v", err)
			}
		})
	}
}

func TestDamagedStoreIsAnError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	if err := os.WriteFile(path, []byte(strings.Repeat("noise", 4000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
		t.Errorf("error %v", err)
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	err := s.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketSchema)).Put(keyVersion, binary.BigEndian.AppendUint32(nil, uint32(len(migrations)+1)))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(dir); !errors.Is(err, ErrNewer) {
		t.Errorf("error %v, want ErrNewer", err)
	}
}

func TestUnknownFieldIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	for name, data := range map[string]string{
		"unknown field": `{"allianceId":"a","campusId":"c","colour":"red"}`,
		"two values":    `{"allianceId":"a","campusId":"c"}{}`,
		"cut":           `{"allianceId":"a`,
		"other type":    `[1]`,
	} {
		err := s.db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(BucketBox)).Put([]byte(KeyMeta), []byte(data))
		})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := s.Meta(); err == nil {
			t.Errorf("%s: read %+v", name, m)
		}
	}
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	boom := errors.New("boom")
	err := s.Update(func(tx *Tx) error {
		if err := Children.Put(tx, "x", Child{ID: "x"}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if _, err := s.Child("x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("child after a failed update: %v", err)
	}
}

func TestFiles(t *testing.T) {
	s := open(t, t.TempDir())
	for _, text := range []string{"one", "two"} {
		if err := s.WriteFile("admin-password", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(s.Dir(), "admin-password")
	if data, err := os.ReadFile(path); err != nil || string(data) != "two" {
		t.Errorf("%q %v", data, err)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", st.Mode().Perm())
	}
	for range 2 {
		if err := s.RemoveFile("admin-password"); err != nil {
			t.Error(err)
		}
	}
}

// TestKilledWhileWriting kills a process in its write loop, from the first instant of the store's life on. What it had promised must be
// there, whole.
func TestKilledWhileWriting(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	for round := range 12 {
		if round%4 == 0 {
			dir = t.TempDir() // a kill in the making of the file
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(10+rand.IntN(200))*time.Millisecond, func() { cmd.Process.Kill() })
		promised := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Sscan(lines.Text(), &promised)
		}
		cmd.Wait()

		s, err := Open(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		children, err := s.Children()
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		switch {
		case promised == 0 && len(children) == 0:
		case len(children) != 2 || children[0].Name != children[1].Name:
			t.Errorf("round %d: torn: %d children", round, len(children))
		default:
			var found int
			fmt.Sscan(children[0].Name, &found)
			if found < promised {
				t.Errorf("round %d: promised %d, found %d", round, promised, found)
			}
		}
		s.Close()
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"a","name":"b","campusId":"c","pin":"p","joined":"2026-09-01T08:00:00Z"}`))
	f.Add([]byte(`{}{}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Child
		if err := decode(data, &c); err != nil {
			return
		}
		if !strings.HasPrefix(strings.TrimSpace(string(data)), "{") && strings.TrimSpace(string(data)) != "null" {
			t.Errorf("accepted %q", data)
		}
	})
}
