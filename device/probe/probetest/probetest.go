// Package probetest makes machines out of recorded file trees, for tests: a txtar archive of /proc, /sys and /etc as the kernel prints
// them. Beside the files it holds
//
//	.links           a symbolic link a line: path -> target
//	NAME.hex         a binary file NAME in hexadecimal digits
//	.calls/now       the wall clock, RFC 3339
//	.calls/adjtimex  as adjtimex(8) prints it
//	.calls/statfs    path, total, free, available, in bytes
//	.calls/addresses as `ip -brief address` prints them
//	.calls/formats/  as `v4l2-ctl --list-formats-ext` prints them, a file a node
//	.calls/mixer/    as `amixer scontents` prints them, a file a card
package probetest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tongke/device/probe"
)

// Machine is one recorded machine. Its tree may be changed between reads.
type Machine struct {
	Name string
	Tree fstest.MapFS
}

// Load reads NAME.txtar of a folder.
func Load(t testing.TB, folder, name string) *Machine {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(folder, name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Name: name, Tree: fstest.MapFS{}}
	for _, f := range txtar.Parse(doc).Files {
		switch {
		case f.Name == ".links":
			for l := range strings.Lines(string(f.Data)) {
				from, to, ok := strings.Cut(strings.TrimSpace(l), " -> ")
				if !ok {
					t.Fatalf("%s: %q is no link", name, l)
				}
				m.Tree[from] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink}
			}
		case strings.HasSuffix(f.Name, ".hex"):
			b, err := hex.DecodeString(strings.Join(strings.Fields(string(f.Data)), ""))
			if err != nil {
				t.Fatalf("%s: %s: %v", name, f.Name, err)
			}
			m.Tree[strings.TrimSuffix(f.Name, ".hex")] = &fstest.MapFile{Data: b, Mode: 0o444}
		default:
			m.Tree[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o444}
		}
	}
	return m
}

// All loads every machine of a folder.
func All(t testing.TB, folder string) []*Machine {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no machines in %s: %v", folder, err)
	}
	var out []*Machine
	for _, f := range files {
		out = append(out, Load(t, folder, strings.TrimSuffix(filepath.Base(f), ".txtar")))
	}
	return out
}

// Read probes the machine with its data in the usual place.
func (m *Machine) Read() probe.Machine {
	return probe.Read(m.Tree, m, probe.Options{DataDir: "/var/lib/tongke"})
}

// Set writes a file; the links of the tree are followed as they are when the machine is read.
func (m *Machine) Set(name, text string) {
	m.Tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o444}
}

// Edit replaces text in a file that must hold it, which keeps a change of the tree from doing nothing.
func (m *Machine) Edit(t testing.TB, name, from, to string) {
	t.Helper()
	f := m.Tree[name]
	if f == nil || !strings.Contains(string(f.Data), from) {
		t.Fatalf("%s: %s does not hold %q", m.Name, name, from)
	}
	m.Set(name, strings.ReplaceAll(string(f.Data), from, to))
}

// Find returns the one path of the tree that ends so.
func (m *Machine) Find(t testing.TB, suffix string) string {
	t.Helper()
	found := ""
	for p := range m.Tree {
		if strings.HasSuffix(p, suffix) {
			if found != "" {
				t.Fatalf("%s: both %s and %s end in %s", m.Name, found, p, suffix)
			}
			found = p
		}
	}
	if found == "" {
		t.Fatalf("%s: nothing ends in %s", m.Name, suffix)
	}
	return found
}

// Remove takes everything away whose path matches; it must match something.
func (m *Machine) Remove(t testing.TB, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	n := len(m.Tree)
	for p := range m.Tree {
		if re.MatchString(p) {
			delete(m.Tree, p)
		}
	}
	if len(m.Tree) == n {
		t.Fatalf("%s: nothing matches %s", m.Name, pattern)
	}
}

func (m *Machine) call(name string) string {
	if f := m.Tree[".calls/"+name]; f != nil {
		return string(f.Data)
	}
	return ""
}

// Now is the recorded wall clock.
func (m *Machine) Now() time.Time {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(m.call("now")))
	if err != nil {
		panic(fmt.Sprintf("%s: .calls/now: %v", m.Name, err)) // a fault of the fixture
	}
	return t
}

// Synchronised is what adjtimex said.
func (m *Machine) Synchronised() bool {
	s := m.call("adjtimex")
	return s != "" && !strings.Contains(s, "UNSYNC")
}

// Space is what statfs said of the longest recorded path above this one.
func (m *Machine) Space(name string) (total, free int64, err error) {
	best := ""
	for l := range strings.Lines(m.call("statfs")) {
		f := strings.Fields(l)
		if len(f) != 4 || f[0] == "#" || len(f[0]) < len(best) {
			continue
		}
		if f[0] == "/" || name == f[0] || strings.HasPrefix(name, f[0]+"/") {
			best = f[0]
			total, _ = strconv.ParseInt(f[1], 10, 64)
			free, _ = strconv.ParseInt(f[3], 10, 64)
		}
	}
	if best == "" {
		return 0, 0, fs.ErrNotExist
	}
	return total, free, nil
}

// Addresses are the recorded ones.
func (m *Machine) Addresses() map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	for l := range strings.Lines(m.call("addresses")) {
		if f := strings.Fields(l); len(f) > 2 {
			for _, a := range f[2:] {
				out[f[0]] = append(out[f[0]], netip.MustParsePrefix(a))
			}
		}
	}
	return out
}

var (
	formatLine = regexp.MustCompile(`^\s*\[[0-9]+\]: '(.{4})'`)
	sizeLine   = regexp.MustCompile(`Size: Discrete ([0-9]+)x([0-9]+)`)
	rateLine   = regexp.MustCompile(`\(([0-9.]+) fps\)`)
)

var errRefused = errors.New("operation not permitted")

// Formats reads the recorded list of a node; a node without a record could not be opened.
func (m *Machine) Formats(node string) ([]probe.Format, error) {
	if m.Tree[path.Join(".calls/formats", node)] == nil {
		return nil, errRefused
	}
	var out []probe.Format
	for l := range strings.Lines(m.call("formats/" + node)) {
		if f := formatLine.FindStringSubmatch(l); f != nil {
			out = append(out, probe.Format{FourCC: f[1]})
		}
		if len(out) == 0 {
			continue
		}
		last := &out[len(out)-1]
		if s := sizeLine.FindStringSubmatch(l); s != nil {
			w, _ := strconv.Atoi(s[1])
			h, _ := strconv.Atoi(s[2])
			last.Sizes = append(last.Sizes, probe.Size{Width: w, Height: h})
		} else if r := rateLine.FindStringSubmatch(l); r != nil && len(last.Sizes) > 0 {
			fps, _ := strconv.ParseFloat(r[1], 64)
			size := &last.Sizes[len(last.Sizes)-1]
			size.FPS = max(size.FPS, fps)
		}
	}
	return out, nil
}

var (
	controlLine = regexp.MustCompile(`^Simple mixer control '(.*)',[0-9]+`)
	limitsLine  = regexp.MustCompile(`^\s*Limits: (Capture|Playback) ([0-9-]+) - ([0-9-]+)`)
	valueLine   = regexp.MustCompile(`^\s*[A-Z][A-Za-z ]*: (?:(Capture|Playback) )([0-9-]+) \[`)
	switchLine  = regexp.MustCompile(`\[(on|off)\]`)
)

// Mixer reads the recorded volumes of a card; a card without a record could not be opened.
func (m *Machine) Mixer(card int) ([]probe.Control, error) {
	name := fmt.Sprintf("mixer/card%d", card)
	if m.Tree[".calls/"+name] == nil {
		return nil, errRefused
	}
	var out []probe.Control
	for l := range strings.Lines(m.call(name)) {
		if f := controlLine.FindStringSubmatch(l); f != nil {
			out = append(out, probe.Control{Name: f[1]})
		}
		if len(out) == 0 {
			continue
		}
		c := &out[len(out)-1]
		if f := limitsLine.FindStringSubmatch(l); f != nil {
			c.Capture = f[1] == "Capture"
			c.Min, _ = strconv.Atoi(f[2])
			c.Max, _ = strconv.Atoi(f[3])
		}
		if f := valueLine.FindStringSubmatch(l); f != nil {
			c.Volume, _ = strconv.Atoi(f[2])
		}
		if f := switchLine.FindStringSubmatch(l); f != nil {
			c.Switch, c.On = true, f[1] == "on"
		}
	}
	return out, nil
}
