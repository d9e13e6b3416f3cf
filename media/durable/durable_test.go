package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// names are what is in a folder, hidden files too.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWriting(t *testing.T) {
	for name, write := range map[string]func(string, []byte, fs.FileMode) error{"WriteFile": WriteFile, "Replace": Replace} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		for i, text := range []string{"first", "", "a longer one than the first"} {
			mode := []fs.FileMode{0o600, 0o644, 0o600}[i]
			if err := write(path, []byte(text), mode); err != nil {
				t.Fatal(name, err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != text {
				t.Errorf("%s: %q, %v, want %q", name, got, err, text)
			}
			if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v, want %v", name, st.Mode(), err, mode)
			}
		}
		if list := names(t, dir); len(list) != 1 {
			t.Errorf("%s leaves %v", name, list)
		}
		if err := write(filepath.Join(dir, "nothing", "a"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s into no folder: %v", name, err)
		}
	}
}

// TestAFailureLeavesTheOldOne: what cannot be put at its place leaves nothing beside it either.
func TestAFailureLeavesTheOldOne(t *testing.T) {
	dir := t.TempDir()
	place := filepath.Join(dir, "folder") // a file cannot be renamed over it
	if err := os.MkdirAll(filepath.Join(place, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(place, []byte("x"), 0o600); err == nil {
		t.Error("written over a folder")
	}
	if list := names(t, dir); len(list) != 1 || len(names(t, place)) != 1 {
		t.Errorf("left: %v", list)
	}
}

// TestHalvesAreSwept: what kills left is removed by the next write into the folder, once an hour; what may still be written is not, and what
// has another name is somebody else's.
func TestHalvesAreSwept(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	put := func(name string, at time.Time) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	others := []string{".a.x1.half", ".a.half", "a.17.half", ".a.17.half.old", ".17.half"}
	for _, name := range others {
		put(name, old)
	}
	put(".a.17.half", old)
	put(".other.b.4294967295.half", old)
	put(".a.18.half", time.Now())
	place := filepath.Join(dir, "a")
	want := func(when string, more ...string) {
		t.Helper()
		if err := Replace(place, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		all := append(append([]string{"a"}, others...), more...)
		slices.Sort(all)
		if got := names(t, dir); !slices.Equal(got, all) {
			t.Errorf("%s: %v, want %v", when, got, all)
		}
	}
	want("first", ".a.18.half")
	put(".a.19.half", old)
	want("again", ".a.18.half", ".a.19.half")
	swept.Lock()
	swept.at[dir] = swept.at[dir].Add(-sweepEvery)
	swept.Unlock()
	want("an hour later", ".a.18.half")
	for i := range 2 * mostFolders {
		sweep(filepath.Join(dir, "nothing", string(rune('a'+i))))
	}
	swept.Lock()
	defer swept.Unlock()
	if len(swept.at) > mostFolders {
		t.Errorf("%d folders are remembered", len(swept.at))
	}
}

func TestRenameAndRemove(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"+Half), filepath.Join(dir, "a")
	if err := os.WriteFile(from, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if err := Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("renamed twice: %v", err)
	}
	for range 2 {
		if err := Remove(to); err != nil {
			t.Error(err)
		}
	}
	if list := names(t, dir); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
	if err := SyncFolder(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
