package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestParseConfigFaults(t *testing.T) {
	tests := []struct {
		name string
		doc  string
		want []string // "line: key: text"
	}{
		{"empty", "", nil},
		{"only comments", "# nothing\n", nil},
		{"all good", "data = \"/srv/tongke\"\nlisten = [\":8443\", \"[::1]:9000\"]\n[log]\nlevel = \"debug\"\n", nil},
		{"form", "listen = [\n", []string{`1: array is incomplete; correct the line, or see tongke.toml in the package for the form`}},
		{"typing error", "lisen = [\":1\"]\n", []string{`1: lisen: unknown key, write listen or remove the line`}},
		{"unknown without a neighbour", "[log]\ncolour = true\n", []string{`2: log.colour: unknown key, remove the line (known here: format, level)`}},
		{"unknown table", "\n[mediaserver]\nx = 1\n", []string{`2: mediaserver: unknown key, remove the line (known here: box, camera, data, device, ingest, listen, local, log, recording, uplink)`}},
		{"text for a list", "listen = \":8443\"\n", []string{`1: listen: write a list of texts, such as ["one", "two"], not the text ":8443"`}},
		{"numbers in a list", "listen = [8443]\n", []string{`1: listen: write a list of texts only, such as ["one", "two"], not a list`}},
		{"number for a text", "[box]\nname = 7\n", []string{`2: box.name: write a text in quotes, not the number 7`}},
		{"text for a table", "log = \"debug\"\n", []string{`1: log: write a table, each key on a line of its own under [name], not the text "debug"`}},
		{"date", "data = 2026-09-01\n", []string{`1: data: write a text in quotes, not a date or time`}},
		{"too small and too large", "[ingest]\npublishers = 0\nsubscribers = 20000\n", []string{
			`2: ingest.publishers: 0 is not in 1…10000`, `3: ingest.subscribers: 20000 is not in 1…10000`,
		}},
		{"text for a number", "[ingest]\npublishers = \"many\"\n", []string{`2: ingest.publishers: write a whole number, not the text "many"`}},
		{"dotted and inline", "box.name = 1\nlog = { level = \"loud\" }\n", []string{
			`1: box.name: write a text in quotes, not the number 1`,
			`2: log.level: "loud" is no level, write debug, info, warn or error`,
		}},
		{"cameras", "[[camera]]\nname = \"后墙\"\nurl = \"rtsp://192.0.2.64/1\"\nas = \"camera\"\n[[camera]]\nname = \"黑板\"\nurl = \"rtsps://192.0.2.65/1\"\nsub = \"rtsps://192.0.2.65/2\"\nas = \"board\"\ntransport = \"udp\"\nuser = \"admin\"\npassword_file = \"/etc/tongke/camera\"\n", nil},
		{"faults of cameras", "[[camera]]\nname = \"a\"\nurl = \"rtsp://admin:hidden@192.0.2.64/1\"\n[[camera]]\nname = \"a\"\nspeed = 1\nas = \"door\"\ntransport = \"quic\"\npassword_file = \"x\"\n", []string{
			`3: camera[1].url: user and password do not belong in the address, write them under their own keys`,
			`4: camera[2].url: this is no address of a camera, write it as rtsp://192.0.2.64/stream1`,
			`4: camera[2].user: there is a password file and no user, write the user as well`,
			`5: camera[2].name: "a" stands there twice, choose another name`,
			`6: camera[2].speed: unknown key, remove the line (known here: as, fingerprint, name, password_file, sound, sub, transport, url, user)`,
			`7: camera[2].as: "door" is none, write camera, pupils or board`,
			`8: camera[2].transport: "quic" is none, write auto, tcp or udp`,
			`9: camera[2].password_file: "x" is not a full path, begin it with /`,
		}},
		{"one bracket", "[camera]\nname = \"a\"\n", []string{`1: camera: write [[camera]] above its keys, with two brackets, once for each, not a table`}},
		{"all at once, by line", strings.Join([]string{
			`data = "relative"`, `listen = ["example:8443", ":70000", "8443", ":8443", ":8443"]`, `local = "0.0.0.0:8080"`, `speed = 1`,
			`[box]`, `name = " x"`, `hosts = ["https://a"]`, `[log]`, `level = "loud"`, `format = 3`,
			`[uplink]`, `proxy = "socks5://x:1"`, `alternatives = ["http://x"]`,
		}, "\n"), []string{
			`1: data: "relative" is not a full path, begin it with /`,
			`2: listen: "example" is not an IP address of this computer, write the number or nothing before the port`,
			`2: listen: "70000" is no port, write a number from 1 to 65535`,
			`2: listen: "8443" is no address, write it as :8443 or 192.0.2.1:8443 or [2001:db8::1]:8443`,
			`2: listen: ":8443" stands there twice, remove one`,
			`3: local: "0.0.0.0:8080" is not a loopback address, write it as 127.0.0.1:8080 or [::1]:8080`,
			`4: speed: unknown key, remove the line (known here: box, camera, data, device, ingest, listen, local, log, recording, uplink)`,
			`6: box.name: " x" has blanks around it or signs that cannot be printed, remove them`,
			`7: box.hosts: "https://a" is neither a host name nor an IP address, write it without https:// and without a port`,
			`9: log.level: "loud" is no level, write debug, info, warn or error`,
			`10: log.format: write a text in quotes, not the number 3`,
			`12: uplink.proxy: "socks5://x:1" is no HTTP proxy, write it as http://host:port`,
			`13: uplink.alternatives: "http://x" is no address of a box, write it as https://host:port`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			var got []string
			for _, f := range parseConfig([]byte(tt.doc), &c) {
				got = append(got, strings.TrimPrefix(strings.TrimSuffix(configFault("f", []keyFault{f}).en, "\n"), "the configuration file f has 1 fault(s); correct them and start again\nf:"))
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tt.want, "\n  "))
			}
		})
	}
}

// TestExampleConfig holds the packaged example to the program: as it is, and with every setting uncommented, it means the defaults,
// and it shows every key there is.
func TestExampleConfig(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "firmware-config", "etc", "tongke.toml"))
	if err != nil {
		t.Fatal(err)
	}
	setting := regexp.MustCompile(`(?m)^#([a-z_]+ = )`)
	camera := regexp.MustCompile(`(?m)^#\[\[camera\]\]`).FindIndex(doc)
	if camera == nil {
		t.Fatal("there is no example of a camera")
	}
	open := setting.ReplaceAll(doc[:camera[0]], []byte("$1")) // what stands there once and has a default
	for name, d := range map[string][]byte{"as packaged": doc, "uncommented": open} {
		c := DefaultConfig()
		if faults := parseConfig(d, &c); faults != nil {
			t.Errorf("%s: %v", name, faults)
		}
		if want := DefaultConfig(); !equalConfig(c, want) {
			t.Errorf("%s: got %+v, want the defaults %+v", name, c, want)
		}
	}
	open = regexp.MustCompile(`(?m)^#(\[\[|[a-z_]+ = )`).ReplaceAll(doc, []byte("$1"))
	c := DefaultConfig()
	if faults := parseConfig(open, &c); faults != nil || len(c.Cameras) != 1 {
		t.Errorf("with a camera: %v, %d cameras", faults, len(c.Cameras))
	}
	lines := keyLines(open)
	for _, key := range allKeys("", reflect.TypeFor[Config]()) {
		if lines[key] == 0 {
			t.Errorf("%s is not in the example", key)
		}
	}
}

// equalConfig compares with nil and empty lists taken for the same.
func equalConfig(a, b Config) bool {
	for _, c := range []*Config{&a, &b} {
		for _, l := range []*[]string{&c.Listen, &c.Box.Hosts, &c.Uplink.Alternatives} {
			if len(*l) == 0 {
				*l = nil
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

func allKeys(prefix string, t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		key := prefix + f.Tag.Get("toml")
		keys = append(keys, key)
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, allKeys(key+".", f.Type)...)
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			keys = append(keys, allKeys(key+"[1].", f.Type.Elem())...)
		}
	}
	return keys
}

func TestDataDir(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Setenv("STATE_DIRECTORY", "")
		if got, _ := dataDir("", Config{}); got != "/var/lib/tongke" {
			t.Errorf("root: got %s", got)
		}
	}
	t.Setenv("STATE_DIRECTORY", "/var/lib/tongke-b:/var/lib/other")
	for _, tt := range []struct{ name, flag, file, want string }{
		{"state directory of the service", "", "", "/var/lib/tongke-b"},
		{"file", "", "/srv/a", "/srv/a"},
		{"flag", "/srv/b", "/srv/a", "/srv/b"},
	} {
		if got, err := dataDir(tt.flag, Config{Data: tt.file}); got != tt.want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, s := range []string{"", "a", "[log]\nlevel='debug'", "box.name=1\n[box]", "listen=[{a=1}]", "[[log]]\n[[log]]", "log={level=1,x={y=2}}", "\"\"=1", "[box.name.x]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c := DefaultConfig()
		if len(parseConfig(doc, &c)) == 0 && c.Validate() != nil {
			t.Errorf("accepted what it should refuse: %q", doc)
		}
	})
}
