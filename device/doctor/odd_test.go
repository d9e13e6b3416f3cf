package doctor

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"tongke/device/probe"
	"tongke/device/probe/probetest"
	"tongke/device/profile"
)

const oddMachines = "../probe/testdata/odd"

// wanted is what the head of an odd machine's file says of it: "finds: CODE…" or "finds: nothing".
func wanted(t *testing.T, name string) []string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(oddMachines, name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(doc), "\nfinds: ")
	list, _, ok := strings.Cut(list, "\n")
	if !ok {
		t.Fatalf("%s does not say what is found", name)
	}
	if list == "nothing" {
		return []string{}
	}
	return strings.Fields(list)
}

// TestOdd: shapes of machines that no rule was written for. What is wrong with each is named, and nothing else, with all measurements good
// and with none.
func TestOdd(t *testing.T) {
	_, _, all := machines(t)
	for _, m := range probetest.All(t, oddMachines) {
		want := wanted(t, m.Name)
		for what, f := range map[string]Facts{"well": well(), "nothing measured": {Built: well().Built}} {
			in := input(m, all, f)
			if got := codes(Judge(in)); !slices.Equal(got, want) {
				t.Errorf("%s, %s: found %v, want %v", m.Name, what, got, want)
			}
			readable(t, Make(in, profile.Choice{Profile: in.Profile}))
		}
	}
}

// readable: whatever a device calls itself, a report is text that a terminal and a page take.
func readable(t *testing.T, r Report) {
	t.Helper()
	check := func(s string) {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return c == unicode.ReplacementChar || !unicode.IsPrint(c) }) {
			t.Errorf("told as %q", s)
		}
	}
	for _, c := range r.Checks {
		check(c.Told)
	}
	for _, f := range r.Findings {
		check(f.Text.ZH)
		check(f.Detail)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// closed refuses one file, as the kernel does one who may not read it.
type closed struct {
	fstest.MapFS
	name string
}

func (c closed) Open(name string) (fs.File, error) {
	if name == c.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.MapFS.Open(name)
}

// figures are findings that somebody must have measured; a file that cannot be understood is no measurement.
var figures = []string{
	"no-adapter", "cable-slow", "cable-loose", "sound-off", "microphone-off", "camera-slow", "disk-failing", "disk-read-only", "disk-full",
	"disk-nearly-full", "disk-worn", "disk-slow", "too-hot", "throttled", "memory-low", "clock-unset", "clock-wrong",
}

// TestBroken makes each file of a machine in turn empty, a folder, a megabyte, noise, larger than any counter, and closed to us. Nothing
// panics, and nothing is said to be wrong that somebody would have to have measured.
func TestBroken(t *testing.T) {
	_, _, all := machines(t)
	kinds := map[string]*fstest.MapFile{
		"empty":  {Mode: 0o444},
		"folder": {Mode: fs.ModeDir | 0o755},
		"long":   {Data: bytes.Repeat([]byte("7"), 1<<20), Mode: 0o444},
		"noise":  {Data: []byte("\xff\xfe\x00\x1b[2J"), Mode: 0o444},
		"huge":   {Data: []byte("9223372036854775807\n"), Mode: 0o444},
		"closed": nil,
	}
	for _, m := range []*probetest.Machine{
		probetest.Load(t, oddMachines, "rk3588-zones"), probetest.Load(t, oddMachines, "emmc-undefined"),
	} {
		for name, was := range maps.Clone(m.Tree) {
			if strings.HasPrefix(name, ".calls/") || was.Mode&fs.ModeSymlink != 0 {
				continue
			}
			for kind, file := range kinds {
				in := input(m, all, Facts{Built: well().Built})
				if file != nil {
					m.Tree[name] = file
					in.Machine = m.Read()
				} else {
					in.Machine = probe.Read(closed{m.Tree, name}, m, probe.Options{DataDir: "/var/lib/tongke"})
				}
				for _, code := range codes(Judge(in)) {
					if slices.Contains(figures, code) {
						t.Errorf("%s, %s of %s: %s", name, kind, m.Name, code)
					}
				}
				m.Tree[name] = was
			}
		}
	}
}

// FuzzMachine puts any content into any file of an odd machine; the report stays one that can be shown.
func FuzzMachine(f *testing.F) {
	all, err := profile.Load(os.DirFS("../../firmware-config"), "profiles")
	if err != nil {
		f.Fatal(err)
	}
	odd := probetest.All(f, oddMachines)
	names, seeded := make([][]string, len(odd)), map[string]bool{}
	for i, m := range odd {
		for _, name := range slices.Sorted(maps.Keys(m.Tree)) {
			// Not what is ours, and no links: a kernel ends a circle of them, and the tests' file system does not.
			if strings.HasPrefix(name, ".calls/") || m.Tree[name].Mode&fs.ModeSymlink != 0 {
				continue
			}
			if kind := filepath.Base(name); !seeded[kind] { // one seed a kind of file: thousands would take all of a short run
				seeded[kind] = true
				f.Add(uint(i), uint(len(names[i])), m.Tree[name].Data)
			}
			names[i] = append(names[i], name)
		}
	}
	f.Fuzz(func(t *testing.T, machine, which uint, doc []byte) {
		i := machine % uint(len(odd))
		name := names[i][which%uint(len(names[i]))]
		m := &probetest.Machine{Name: odd[i].Name, Tree: maps.Clone(odd[i].Tree)}
		m.Tree[name] = &fstest.MapFile{Data: doc, Mode: m.Tree[name].Mode}
		in := input(m, all, well())
		readable(t, Make(in, profile.Choice{Profile: in.Profile}))
	})
}
