package testbench

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the house, read from the files themselves: what `go list` answers may come from a cache.

const module = "tongke"

// The module root holds these, hidden files, and what .gitignore names.
var rootEntries = []string{
	"cmd", "media", "signaling", "device", "firmware-config", "systemd", "testbench",
	"README.md", "SECURITY.md", "LICENSE", "Makefile", "go.mod", "go.sum",
}

// What each part may import of the others.
var mayImport = map[string][]string{
	"cmd":             {"media", "signaling", "device", "firmware-config", "systemd", "testbench"},
	"signaling":       {"media"},
	"testbench":       {"media", "signaling", "device"},
	"media":           nil,
	"device":          nil,
	"firmware-config": nil,
	"systemd":         nil,
}

// Modules that one package is the door to. Tests may look behind it.
var doors = []struct {
	module  string
	allowed []string
}{
	{"github.com/pion/webrtc/v4", []string{"media/rtc", "testbench/peer"}},
	{"go.etcd.io/bbolt", []string{"signaling/store", "media/library"}},
}

const (
	maxFileLines     = 600
	maxFunctionLines = 100
)

// A source is one text file of the tree, by its slash path from the module root.
type source struct {
	path string
	text []byte
}

func (s source) goFile() bool { return strings.HasSuffix(s.path, ".go") }
func (s source) test() bool   { return strings.HasSuffix(s.path, "_test.go") }
func (s source) pkg() string  { return path.Dir(s.path) }

// rootFaults names what does not belong at the module root; ignored are the root entries of .gitignore.
func rootFaults(entries, ignored []string) []string {
	var faults []string
	for _, e := range entries {
		if !strings.HasPrefix(e, ".") && !slices.Contains(rootEntries, e) && !slices.Contains(ignored, e) {
			faults = append(faults, e+": does not belong at the module root")
		}
	}
	return faults
}

// folderFaults refuses folder names that say nothing about what is inside.
func folderFaults(folder string) []string {
	switch name := path.Base(folder); name {
	case "internal", "pkg", "util", "utils", "common", "helpers", "types", "models":
		return []string{folder + ": " + name + " says nothing about what is inside"}
	}
	return nil
}

// importFaults checks one Go file's imports against mayImport and doors.
func importFaults(s source, f *ast.File) []string {
	var faults []string
	part, _, _ := strings.Cut(s.path, "/")
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			faults = append(faults, s.path+": "+err.Error())
			continue
		}
		if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
			other, _, _ := strings.Cut(inside, "/")
			if other != part && !slices.Contains(mayImport[part], other) {
				faults = append(faults, fmt.Sprintf("%s: %s must not import %s", s.path, part, imported))
			}
		}
		for _, d := range doors {
			if under(imported, d.module) && !s.test() && !slices.ContainsFunc(d.allowed, func(p string) bool { return under(s.pkg(), p) }) {
				faults = append(faults, fmt.Sprintf("%s: only %s may import %s", s.path, strings.Join(d.allowed, ", "), imported))
			}
		}
	}
	return faults
}

// under reports whether name is folder or inside it.
func under(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// sizeFaults holds the hard limits on files and functions outside tests.
func sizeFaults(s source, f *ast.File, set *token.FileSet) []string {
	if s.test() || ast.IsGenerated(f) {
		return nil
	}
	var faults []string
	if n := bytes.Count(s.text, []byte("\n")); n > maxFileLines {
		faults = append(faults, fmt.Sprintf("%s: %d lines, more than %d", s.path, n, maxFileLines))
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
			faults = append(faults, fmt.Sprintf("%s: func %s has %d lines, more than %d", s.path, fn.Name.Name, n, maxFunctionLines))
		}
	}
	return faults
}

// packageComments collects, over all files, which packages have a comment that says what they are for.
type packageComments map[string]bool

func (p packageComments) add(s source, f *ast.File) {
	if strings.HasSuffix(f.Name.Name, "_test") {
		return
	}
	begin := "Package " + f.Name.Name + " "
	if f.Name.Name == "main" {
		begin = "Command "
	}
	p[s.pkg()] = p[s.pkg()] || strings.HasPrefix(f.Doc.Text(), begin)
}

func (p packageComments) faults() []string {
	var faults []string
	for pkg, ok := range p {
		if !ok {
			faults = append(faults, pkg+`: no package comment that begins "Package name" or, for a main package, "Command"`)
		}
	}
	slices.Sort(faults)
	return faults
}

// Words that tie the tree to the machine where it was written. Put together here so that this file passes its own check.
var foreignWords = []string{"/wo" + "rk/", "/ro" + "ot/", "../sha" + "red", "proxy.gol" + "ang.org", "goproxy" + ".", "registry.np" + "mjs.org"}

// The one place where a copy of the vulnerability database is looked for beside the checkout.
const vulndbScript = ".ci/run"

var document = regexp.MustCompile(`\b[A-Z][A-Za-z_-]*\.md\b`)

// wordFaults finds foreign words, and mentions of documents that the tree does not have.
func wordFaults(s source, documents []string) []string {
	var faults []string
	for i, line := range strings.Split(string(s.text), "\n") {
		at := fmt.Sprintf("%s:%d", s.path, i+1)
		for _, w := range foreignWords {
			if strings.Contains(line, w) && !(s.path == vulndbScript && w == "../sha"+"red") {
				faults = append(faults, fmt.Sprintf("%s: %q belongs to one machine", at, w))
			}
		}
		for _, d := range document.FindAllString(line, -1) {
			if !slices.Contains(documents, d) {
				faults = append(faults, fmt.Sprintf("%s: %s is not in the tree", at, d))
			}
		}
	}
	return faults
}

// commandFaults checks every command of a README: the lines of its sh blocks, and `make x` and `tongke x` in its text.
func commandFaults(readme string, targets, subcommands, folders []string) []string {
	var faults []string
	for _, c := range readmeCommands(readme) {
		if f := commandFault(strings.Fields(c), targets, subcommands, folders); f != "" {
			faults = append(faults, fmt.Sprintf("README.md: %q: %s", c, f))
		}
	}
	return faults
}

var inlineCommand = regexp.MustCompile("`((?:make|tongke|go run|go test|\\.ci/run)(?: [^`\n]*)?)`")

func readmeCommands(readme string) []string {
	var commands []string
	var text strings.Builder
	fence, inFence := "", false
	for line := range strings.Lines(readme) {
		if after, ok := strings.CutPrefix(line, "```"); ok {
			fence, inFence = strings.TrimSpace(after), !inFence
			continue
		}
		if !inFence {
			text.WriteString(line)
			continue
		}
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); fence == "sh" && line != "" {
			commands = append(commands, line)
		}
	}
	for _, m := range inlineCommand.FindAllStringSubmatch(text.String(), -1) {
		commands = append(commands, m[1])
	}
	return commands
}

// commandFault says what is wrong with one command, or "".
func commandFault(words, targets, subcommands, folders []string) string {
	subcommand := func(words []string) string {
		if len(words) > 0 && !slices.Contains(subcommands, words[0]) {
			return "no such subcommand"
		}
		return ""
	}
	switch {
	case words[0] == "make":
		for _, w := range words[1:] {
			if !strings.Contains(w, "=") && !slices.Contains(targets, w) {
				return "no such Makefile target"
			}
		}
		return ""
	case words[0] == "tongke" || words[0] == "dist/tongke":
		return subcommand(words[1:])
	case words[0] == ".ci/run", words[0] == "apt": // Debian's own
		return ""
	case len(words) > 2 && words[0] == "go" && words[1] == "run" && words[2] == "./cmd/tongke":
		return subcommand(words[3:])
	case len(words) > 2 && words[0] == "go" && (words[1] == "test" || words[1] == "run"):
		for _, w := range words[2:] {
			if folder, ok := strings.CutPrefix(w, "./"); ok && !slices.Contains(folders, strings.TrimSuffix(folder, "/")) {
				return "no such folder"
			}
		}
		return ""
	}
	return "a command that this test does not know"
}

// mapFaults compares README's map of the parts with the folders that hold Go code. The map is the README's text block whose first line
// begins with cmd/; a line is a folder, two spaces deeper than the one it lies in, and what it is for.
func mapFaults(readme string, packages []string) []string {
	listed := readmeMap(readme)
	if len(listed) == 0 {
		return []string{"README.md: no map of the parts"}
	}
	var faults []string
	for _, p := range packages {
		if !slices.Contains(listed, p) {
			faults = append(faults, "README.md: the map lacks "+p)
		}
	}
	for _, l := range listed {
		if !slices.ContainsFunc(packages, func(p string) bool { return under(p, l) }) && !slices.Contains(rootEntries, l) && path.Dir(l) != "firmware-config" {
			faults = append(faults, "README.md: the map names "+l+", which is not there")
		}
	}
	return faults
}

func readmeMap(readme string) []string {
	_, block, ok := strings.Cut(readme, "```text\ncmd/")
	if !ok {
		return nil
	}
	block, _, _ = strings.Cut("cmd/"+block, "```")
	var listed, open []string // open: the folders around the next line
	for line := range strings.Lines(block) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasSuffix(name, "/") {
			continue // a line goes on
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth > len(open) {
			continue
		}
		open = append(open[:depth], strings.TrimSuffix(name, "/"))
		listed = append(listed, path.Join(open...))
	}
	return listed
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)

func makeTargets(makefile string) []string {
	var targets []string
	for _, m := range makeTarget.FindAllStringSubmatch(makefile, -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// subcommands reads the names of the commands from the struct that declares the command line.
func subcommands(f *ast.File) []string {
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "commands" {
			return true
		}
		if st, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range st.Fields.List {
				if field.Tag == nil || len(field.Names) == 0 {
					continue
				}
				tag, _ := strconv.Unquote(field.Tag.Value)
				if _, ok := reflect.StructTag(tag).Lookup("cmd"); ok {
					name := reflect.StructTag(tag).Get("name")
					if name == "" {
						name = strings.ToLower(field.Names[0].Name)
					}
					names = append(names, name)
				}
			}
		}
		return false
	})
	return names
}

// tree is everything the checks read.
type tree struct {
	sources []source
	folders []string // all, by slash path
	root    []string // names at the module root
	ignored []string // root entries of .gitignore
}

func readTree(t *testing.T) tree {
	t.Helper()
	const root = ".."
	var all tree
	ignore, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(ignore)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "/"); ok {
			all.ignored = append(all.ignored, strings.TrimSuffix(name, "/"))
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all.root = append(all.root, e.Name())
	}
	err = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if name == ".git" || d.Name() == "node_modules" || slices.Contains(all.ignored, name) {
				return filepath.SkipDir
			}
			all.folders = append(all.folders, name)
			return nil
		}
		if !d.Type().IsRegular() || slices.Contains(all.ignored, name) {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if !bytes.Contains(text[:min(len(text), 8000)], []byte{0}) {
			all.sources = append(all.sources, source{name, text})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (all tree) text(t *testing.T, name string) string {
	t.Helper()
	for _, s := range all.sources {
		if s.path == name {
			return string(s.text)
		}
	}
	t.Fatalf("%s is missing", name)
	return ""
}

func TestLayout(t *testing.T) {
	all := readTree(t)
	if len(all.sources) < 50 {
		t.Fatalf("only %d files found: is this the module root?", len(all.sources))
	}
	faults := rootFaults(all.root, all.ignored)
	for _, f := range all.folders {
		faults = append(faults, folderFaults(f)...)
	}
	var documents, packages, commands []string
	for _, s := range all.sources {
		if strings.HasSuffix(s.path, ".md") {
			documents = append(documents, path.Base(s.path))
		}
	}
	comments := packageComments{}
	for _, s := range all.sources {
		faults = append(faults, wordFaults(s, documents)...)
		if !s.goFile() {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, s.path, s.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		faults = append(faults, importFaults(s, f)...)
		faults = append(faults, sizeFaults(s, f, set)...)
		comments.add(s, f)
		if s.path == "cmd/tongke/main.go" {
			commands = subcommands(f)
		}
	}
	for p := range comments {
		packages = append(packages, p)
	}
	slices.Sort(packages)
	readme := all.text(t, "README.md")
	faults = append(faults, comments.faults()...)
	faults = append(faults, commandFaults(readme, makeTargets(all.text(t, "Makefile")), commands, all.folders)...)
	faults = append(faults, mapFaults(readme, packages)...)
	for _, f := range faults {
		t.Error(f)
	}
}

// Each check must find what it is there for.
func TestLayoutChecksCanFail(t *testing.T) {
	parse := func(t *testing.T, s source) (*ast.File, *token.FileSet) {
		t.Helper()
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, s.path, s.text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		return f, set
	}
	imports := func(name, imported string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			s := source{name, []byte("package p\n\nimport _ \"" + imported + "\"\n")}
			f, _ := parse(t, s)
			return importFaults(s, f)
		}
	}
	sizes := func(name, text string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			s := source{name, []byte(text)}
			f, set := parse(t, s)
			return sizeFaults(s, f, set)
		}
	}
	comment := func(files ...string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			p := packageComments{}
			for i, text := range files {
				s := source{fmt.Sprintf("media/p/%d.go", i), []byte(text)}
				f, _ := parse(t, s)
				p.add(s, f)
			}
			return p.faults()
		}
	}
	words := func(name, text string) func(*testing.T) []string {
		return func(*testing.T) []string { return wordFaults(source{name, []byte(text)}, []string{"README.md"}) }
	}
	commands := func(readme string) func(*testing.T) []string {
		return func(*testing.T) []string {
			return commandFaults(readme, []string{"test", "build"}, []string{"run", "demo"}, []string{"media", "media/relay"})
		}
	}
	parts := func(readme string) func(*testing.T) []string {
		return func(*testing.T) []string { return mapFaults(readme, []string{"cmd/tongke", "media", "media/relay"}) }
	}
	const lines = "package p\n\nfunc f() {\n"
	tests := []struct {
		name   string
		faults func(*testing.T) []string
		want   int
	}{
		{"root: the house", func(*testing.T) []string {
			return rootFaults(append([]string{".ci", "dist"}, rootEntries...), []string{"dist"})
		}, 0},
		{"root: a folder and a file too many", func(*testing.T) []string { return rootFaults([]string{"docs", "NOTES", "media"}, nil) }, 2},
		{"folder: internal", func(*testing.T) []string { return folderFaults("media/internal") }, 1},
		{"folder: util", func(*testing.T) []string { return folderFaults("util") }, 1},
		{"folder: relay", func(*testing.T) []string { return folderFaults("media/relay") }, 0},

		{"import: cmd, anything", imports("cmd/tongke/a.go", "tongke/testbench"), 0},
		{"import: signaling, media", imports("signaling/api/a.go", "tongke/media/track"), 0},
		{"import: signaling, device", imports("signaling/api/a.go", "tongke/device/identity"), 1},
		{"import: media, signaling", imports("media/ingest/a.go", "tongke/signaling/auth"), 1},
		{"import: media's tests too", imports("media/ingest/a_test.go", "tongke/testbench/peer"), 1},
		{"import: media, media", imports("media/ingest/a.go", "tongke/media/rtc"), 0},
		{"import: testbench, cmd", imports("testbench/a.go", "tongke/cmd/tongke"), 1},
		{"import: testbench, device", imports("testbench/a.go", "tongke/device/identity"), 0},
		{"import: device, media", imports("device/a.go", "tongke/media/packet"), 1},
		{"import: firmware-config, media", imports("firmware-config/a.go", "tongke/media"), 1},
		{"import: pion outside its door", imports("media/relay/a.go", "github.com/pion/webrtc/v4"), 1},
		{"import: pion's package outside its door", imports("cmd/tongke/a.go", "github.com/pion/webrtc/v4/pkg/media"), 1},
		{"import: pion at its door", imports("media/rtc/a.go", "github.com/pion/webrtc/v4"), 0},
		{"import: pion beside its door", imports("media/rtcp/a.go", "github.com/pion/webrtc/v4"), 1},
		{"import: pion in a peer", imports("testbench/peer/a.go", "github.com/pion/webrtc/v4"), 0},
		{"import: pion in a test", imports("media/relay/a_test.go", "github.com/pion/webrtc/v4"), 0},
		{"import: bbolt outside the store", imports("signaling/auth/a.go", "go.etcd.io/bbolt"), 1},
		{"import: bbolt in the store", imports("signaling/store/a.go", "go.etcd.io/bbolt"), 0},

		{"size: longest allowed file", sizes("media/a.go", "package p\n"+strings.Repeat("\n", 599)), 0},
		{"size: too long a file", sizes("media/a.go", "package p\n"+strings.Repeat("\n", 600)), 1},
		{"size: a long test", sizes("media/a_test.go", "package p\n"+strings.Repeat("\n", 600)), 0},
		{"size: longest allowed function", sizes("media/a.go", lines+strings.Repeat("\n", 98)+"}\n"), 0},
		{"size: too long a function", sizes("media/a.go", lines+strings.Repeat("\n", 99)+"}\n"), 1},

		{"comment: none", comment("package p\n"), 1},
		{"comment: in one of two files", comment("package p\n", "// Package p does.\npackage p\n"), 0},
		{"comment: of another package", comment("// Package q does.\npackage p\n"), 1},
		{"comment: detached", comment("// Package p does.\n\npackage p\n"), 1},
		{"comment: a command", comment("// Command p does.\npackage main\n"), 0},
		{"comment: a command's, missing", comment("package main\n"), 1},

		{"words: none", words("media/a.go", "see README.md and RFC 2198\n"), 0},
		{"words: a build machine's path", words("media/a.go", "// in /wo"+"rk/main\n"), 1},
		{"words: a module proxy", words("Makefile", "GOPROXY=https://proxy.gol"+"ang.org\n"), 1},
		{"words: beside the checkout", words("Makefile", "x: ../sha"+"red/a\n"), 1},
		{"words: beside the checkout, where it may", words(".ci/run", "tar ../sha"+"red/a\n"), 0},
		{"words: a document that is not there", words("media/a.go", "// see THERE"+".md §4\n"), 1},

		{"README: good", commands("```sh\nmake test BROWSER=0 # all\ngo run ./cmd/tongke demo --for 60s\ngo test -race ./media/relay/\n```\nOr `tongke run`.\n"), 0},
		{"README: no such target", commands("```sh\nmake tset\n```\n"), 1},
		{"README: no such target in the text", commands("Say `make coffee`.\n"), 1},
		{"README: no such subcommand", commands("```sh\ngo run ./cmd/tongke demmo\n```\nand `tongke stop`\n"), 2},
		{"README: no such folder", commands("```sh\ngo test ./media/realy/\n```\n"), 1},
		{"README: an unknown command", commands("```sh\ncurl example.org\n```\n"), 1},
		{"README: a name and not a command", commands("The protocol is `tongke.v1`, the file `tongke.toml`.\n"), 0},
		{"README: not a command", commands("```text\nmake coffee\n```\n"), 0},

		{"map: whole", parts("```text\ncmd/\n  tongke/  main\nmedia/  packets\n         of sound\n  relay/\nsystemd/ units\n```\n"), 0},
		{"map: a package missing", parts("```text\ncmd/\n  tongke/\nmedia/\n```\n"), 1},
		{"map: a package too many", parts("```text\ncmd/\n  tongke/\nmedia/\n  relay/\n  mixer/\n```\n"), 1},
		{"map: missing", parts("# tongke\n"), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.faults(t); len(got) != tt.want {
				t.Errorf("%d faults, want %d: %q", len(got), tt.want, got)
			}
		})
	}
	f, _ := parse(t, source{"main.go", []byte("package main\n\ntype commands struct {\n\tRun r `cmd:\"\"`\n\tx int\n\tDemo d `cmd:\"\" help:\"h\"`\n}\n")})
	if got := subcommands(f); !slices.Equal(got, []string{"run", "demo"}) {
		t.Errorf("subcommands %q", got)
	}
	if got := makeTargets("export A ?= 1\n\nbuild:\n\tgo build\ntest: lint\n\ttrue: x\n"); !slices.Equal(got, []string{"build", "test"}) {
		t.Errorf("targets %q", got)
	}
}
