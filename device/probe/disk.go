package probe

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// mountLine is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mountLine struct {
	device, root, point, kind, source string
	readOnly                          bool
}

func (t tree) mountinfo() []mountLine {
	var out []mountLine
	for _, l := range t.lines("proc/self/mountinfo") {
		before, after, ok := strings.Cut(l, " - ")
		b, a := strings.Fields(before), strings.Fields(after)
		if !ok || len(b) < 6 || len(a) < 3 {
			continue
		}
		m := mountLine{device: b[2], root: b[3], point: unescape(b[4]), kind: a[0], source: unescape(a[1])}
		// Of the file system itself, not of this view of it: a sandbox mounts everything read-only for whoever is in it.
		first, _, _ := strings.Cut(a[2], ",")
		m.readOnly = first == "ro"
		out = append(out, m)
	}
	return out
}

// unescape undoes the octal escapes of blanks in mount points.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// Read-only by their nature.
var alwaysReadOnly = map[string]bool{"squashfs": true, "iso9660": true, "udf": true, "erofs": true, "cramfs": true}

// mounts are the file systems on devices that one can write to by their nature.
func (t tree) mounts() []Mount {
	var out []Mount
	for _, m := range t.mountinfo() {
		if strings.HasPrefix(m.source, "/dev/") && !alwaysReadOnly[m.kind] {
			out = append(out, Mount{Point: m.point, Source: m.source, FileSystem: m.kind, ReadOnly: m.readOnly})
		}
	}
	return out
}

// mountOf finds the file system that holds a path: the last mounted of the longest mount points above it.
func (t tree) mountOf(name string) (mountLine, bool) {
	var best mountLine
	found := false
	for _, m := range t.mountinfo() {
		if under(name, m.point) && (!found || len(m.point) >= len(best.point)) {
			best, found = m, true
		}
	}
	return best, found
}

func under(name, folder string) bool {
	return folder == "/" || name == folder || strings.HasPrefix(name, folder+"/")
}

func (t tree) disk(calls Calls, dataDir string) Disk {
	d := Disk{WearPercent: -1}
	for at := path.Clean(dataDir); ; at = path.Dir(at) { // it may not be made yet
		if total, free, err := calls.Space(at); err == nil {
			d.Total, d.Free = total, free
			break
		}
		if at == "/" || at == "." {
			break
		}
	}
	m, ok := t.mountOf(path.Clean(dataDir))
	if !ok {
		return d
	}
	d.ReadOnly, d.FileSystem = m.readOnly, m.kind
	part := t.blockDevice(m)
	if part == "" {
		return d
	}
	d.Errors, _ = t.count("sys/fs/" + m.kind + "/" + path.Base(part) + "/errors_count")
	whole := t.wholeDisk(part, 0)
	d.Name = path.Base(whole)
	sectors, _ := t.number(whole + "/size")
	d.Size = sectors * 512 // the kernel counts in 512 bytes whatever the drive does
	d.Model = t.text(whole + "/device/model")
	if d.Model == "" {
		d.Model = t.text(whole + "/device/name")
	}
	d.Kind = t.diskKind(whole)
	t.wear(whole, &d)
	d.WriteWait = t.writeWait(d.Name)
	return d
}

// blockDevice is the folder of a mount's device under sys. btrfs and some others give no number of a device, so its path is the second way.
func (t tree) blockDevice(m mountLine) string {
	if byNumber := "sys/dev/block/" + m.device; t.has(byNumber) {
		return t.real(byNumber)
	}
	if !strings.HasPrefix(m.source, "/dev/") {
		return ""
	}
	dev := strings.TrimPrefix(m.source, "/")
	for range 4 { // /dev/mapper/x and /dev/disk/by-uuid/y are links
		next := t.real(dev)
		if next == dev {
			break
		}
		dev = next
	}
	if c := "sys/class/block/" + path.Base(dev); t.has(c) {
		return t.real(c)
	}
	return ""
}

// wholeDisk goes from a partition, and through LVM and encryption, to the drive.
func (t tree) wholeDisk(dev string, depth int) string {
	if t.has(dev + "/partition") {
		return path.Dir(dev)
	}
	if slaves := t.names(dev + "/slaves"); len(slaves) > 0 && depth < 4 {
		return t.wholeDisk(t.real(dev+"/slaves/"+slaves[0]), depth+1)
	}
	return dev
}

func (t tree) diskKind(whole string) string {
	name := path.Base(whole)
	switch {
	case strings.HasPrefix(name, "mmcblk"):
		return "emmc"
	case strings.HasPrefix(name, "vd") || strings.HasPrefix(name, "xvd"):
		return "virtual"
	case strings.HasPrefix(name, "nvme"):
		return "ssd"
	}
	switch t.text(whole + "/queue/rotational") {
	case "0":
		return "ssd"
	case "1":
		return "hdd"
	}
	return ""
}

// wear reads what eMMC says of its life: two estimates in steps of ten percent, and the state of the spare blocks.
func (t tree) wear(whole string, d *Disk) {
	for f := range strings.FieldsSeq(t.text(whole + "/device/life_time")) {
		n, err := strconv.ParseInt(f, 0, 32)
		if err != nil || n < 1 || n > 11 { // 0 is "not defined"
			continue
		}
		d.WearPercent = max(d.WearPercent, int(n)*10)
	}
	switch n, _ := t.number(whole + "/device/pre_eol_info"); n {
	case 2: // warning: 80 % of the spare blocks are used; it works, and is as good as worn
		d.WearPercent = max(d.WearPercent, 90)
	case 3: // urgent: 90 %
		d.Over = true
	}
	if s := t.text(whole + "/device/state"); s == "offline" || s == "dead" {
		d.Over = true
	}
}

// writeWait is the mean time of a write request (Documentation/admin-guide/iostats.rst, fields 5 and 8).
func (t tree) writeWait(name string) time.Duration {
	for _, l := range t.lines("proc/diskstats") {
		f := strings.Fields(l)
		if len(f) < 11 || f[2] != name {
			continue
		}
		writes, err1 := strconv.ParseInt(f[7], 10, 64)
		ms, err2 := strconv.ParseInt(f[10], 10, 64)
		if err1 != nil || err2 != nil || writes < 1000 || ms < 0 || ms > 1<<40 { // a mean over few says nothing
			return 0
		}
		return time.Duration(ms) * time.Millisecond / time.Duration(writes)
	}
	return 0
}
