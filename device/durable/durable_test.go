package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
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
