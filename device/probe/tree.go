package probe

import (
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxFile bounds what is read of one file: the kernel's are small, and a fixture or a broken driver may not be.
const maxFile = 256 << 10

// tree reads the small text files of a root.
type tree struct{ root fs.FS }

// raw returns a file's bytes, nil when there is none or it cannot be read now, as speed of a link without carrier.
func (t tree) raw(name string) []byte {
	f, err := t.root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	return b
}

// text returns a file's content as one clean line: without what cannot be printed, so that a device's made-up name cannot break a
// terminal or a page.
func (t tree) text(name string) string { return clean(string(t.raw(name))) }

func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func (t tree) has(name string) bool {
	_, err := fs.Stat(t.root, name)
	return err == nil
}

func (t tree) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(t.text(name), 0, 64)
	return n, err == nil
}

// int is a number, 0 where there is none.
func (t tree) int(name string) int {
	n, ok := t.number(name)
	if !ok {
		return 0 // not what ParseInt makes of one that is too large
	}
	return int(n)
}

// count is how often something has happened; a value that no counter of the kernel's reaches in a box's life is a broken file.
func (t tree) count(name string) (int, bool) {
	n, ok := t.number(name)
	if !ok || n < 0 || n > 1<<31 {
		return 0, false
	}
	return int(n), true
}

// names lists a folder in the order of its names.
func (t tree) names(folder string) []string {
	entries, err := fs.ReadDir(t.root, folder)
	if err != nil {
		return nil
	}
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// lines are the lines of a file.
func (t tree) lines(name string) []string {
	var out []string
	for l := range strings.Lines(string(t.raw(name))) { // of any length
		out = append(out, strings.TrimRight(l, "\r\n"))
	}
	return out
}

// fields are the "key: value" lines of a file such as meminfo; the first of a key counts.
func (t tree) fields(name string) map[string]string {
	out := map[string]string{}
	for _, l := range t.lines(name) {
		if k, v, ok := strings.Cut(l, ":"); ok {
			k = strings.TrimSpace(k)
			if _, seen := out[k]; !seen {
				out[k] = strings.TrimSpace(v)
			}
		}
	}
	return out
}

// real follows one symbolic link of the class directories: sys/class/net/eth0 → sys/devices/…/net/eth0. Without a link it is name.
func (t tree) real(name string) string {
	target, err := fs.ReadLink(t.root, name)
	if err != nil {
		return name
	}
	if path.IsAbs(target) {
		return strings.TrimPrefix(path.Clean(target), "/")
	}
	return path.Join(path.Dir(name), target)
}

// usbParent climbs from a device to the USB device that it is part of, "" for others.
func (t tree) usbParent(device string) string {
	for d := device; d != "." && d != "/" && d != ""; d = path.Dir(d) {
		if t.has(d + "/idVendor") {
			return d
		}
	}
	return ""
}

func (t tree) uptime() time.Duration {
	first, _, _ := strings.Cut(t.text("proc/uptime"), " ")
	s, err := strconv.ParseFloat(first, 64)
	if err != nil || s < 0 || s > 1e9 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

func (t tree) osName() string {
	for _, l := range t.lines("etc/os-release") {
		if v, ok := strings.CutPrefix(l, "PRETTY_NAME="); ok {
			return clean(strings.Trim(v, `"'`))
		}
	}
	return ""
}

// filler is what makers of boards leave in DMI fields.
var filler = map[string]bool{
	"default string": true, "to be filled by o.e.m.": true, "system manufacturer": true, "system product name": true,
	"not applicable": true, "n/a": true, "o.e.m.": true, "invalid": true, "not specified": true, "none": true, "unknown": true,
	"system serial number": true, "base board serial number": true, "0123456789": true, "123456789": true, "1234567890": true,
	// What a firmware kit ships as the machine's number; thousands of boards have it.
	"03000200-0400-0500-0006-000700080009": true, "00020003-0004-0005-0006-000700080009": true,
}

func (t tree) model() Model {
	if doc := t.raw("proc/device-tree/model"); doc != nil {
		m := Model{Product: clean(string(doc))}
		for c := range strings.SplitSeq(strings.Trim(string(t.raw("proc/device-tree/compatible")), "\x00\n"), "\x00") {
			if c = clean(c); c != "" {
				m.Compatible = append(m.Compatible, c)
			}
		}
		return m
	}
	dmi := func(name string) string {
		s := t.text("sys/class/dmi/id/" + name)
		if filler[strings.ToLower(s)] {
			return ""
		}
		return s
	}
	return Model{Vendor: dmi("sys_vendor"), Product: dmi("product_name"), Board: dmi("board_name"), Chassis: t.int("sys/class/dmi/id/chassis_type")}
}

// hardwareIDs reads the numbers that makers give out once. DMI's are often left as filler, and zeros are no number.
func (t tree) hardwareIDs(disk string) []string {
	var out []string
	add := func(kind string, files ...string) {
		for _, f := range files {
			if v := t.text(f); v != "" && !filler[strings.ToLower(v)] && strings.Trim(v, "0-fF") != "" {
				out = append(out, kind+":"+v)
				return
			}
		}
	}
	if disk != "" {
		block := "sys/block/" + disk
		add("disk", block+"/device/cid", block+"/wwid", block+"/device/wwid", block+"/device/serial", block+"/serial")
	}
	add("board", "proc/device-tree/serial-number", "sys/class/dmi/id/product_uuid", "sys/class/dmi/id/board_serial", "sys/class/dmi/id/product_serial")
	return out
}
