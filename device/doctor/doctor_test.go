package doctor

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tongke/device/health"
	"tongke/device/probe"
	"tongke/device/probe/probetest"
	"tongke/device/profile"
)

// machines are the recorded ones, each read anew, with the profile that it gets.
func machines(t *testing.T) (map[string]*probetest.Machine, []string, []profile.Profile) {
	t.Helper()
	all, err := profile.Load(os.DirFS("../../firmware-config"), "profiles")
	if err != nil {
		t.Fatal(err)
	}
	byName, names := map[string]*probetest.Machine{}, []string(nil)
	for _, m := range probetest.All(t, "../probe/testdata") {
		byName[m.Name], names = m, append(names, m.Name)
	}
	return byName, names, all
}

// well is what the other parts measure of a box that is well, in a lesson.
func well() Facts {
	return Facts{
		Built: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Running: Yes, Ports: []uint16{8443, 443, 8080},
		Parent: Yes, Names: Yes, Portal: No, SpareOnly: No, UplinkKbps: 3800, ClockKnown: true, ClockOffset: 40 * time.Millisecond,
		Picture: Yes, MicrophoneHeard: Yes, SpeakerHeard: Yes, ScreenSeen: Yes,
	}
}

func input(m *probetest.Machine, all []profile.Profile, f Facts) Input {
	read := m.Read()
	c, err := profile.Choose(all, read, "")
	if err != nil {
		panic(err) // generic takes whatever comes
	}
	return Input{Machine: read, Profile: c.Profile, History: health.History{PowerCuts: map[string]int{}}, Facts: f}
}

func codes(findings []Finding) []string {
	out := []string{}
	for _, f := range findings {
		out = append(out, f.Code)
	}
	return out
}

// TestClean: no recorded machine has a finding, with all measurements good, with none, in the evening of a day with its one power cut.
func TestClean(t *testing.T) {
	byName, names, all := machines(t)
	for _, name := range names {
		filmed := well()
		filmed.NetCameras, filmed.NetCamera, filmed.NetCameraName = 2, "camera-lesson-codec", "后墙" // the lesson's fault, not the room's
		for what, f := range map[string]Facts{"well": well(), "nothing measured": {}, "with network cameras": filmed} {
			in := input(byName[name], all, f)
			in.History.PowerCuts[in.Machine.At.Local().Format(time.DateOnly)] = 1
			if got := Judge(in); len(got) != 0 {
				t.Errorf("%s, %s: %+v", name, what, got)
			}
			r := Make(in, profile.Choice{Profile: in.Profile})
			if r.Verdict != Good || r.Text.ZH != "一切正常，可以走了" {
				t.Errorf("%s, %s: %v %v", name, what, r.Verdict, r.Text)
			}
		}
	}
}

// fault makes one thing wrong on a machine; false where the machine has no such thing.
type fault func(t *testing.T, m *probetest.Machine, in *Input) bool

// fact is a fault that another part measures.
func fact(change func(*Facts)) fault {
	return func(_ *testing.T, _ *probetest.Machine, in *Input) bool { change(&in.Facts); return true }
}

// netCameraFault is a network camera that gives no picture.
func netCameraFault(code string) fault {
	return fact(func(f *Facts) { f.NetCameras, f.NetCamera, f.NetCameraName = 1, "camera-"+code, "后墙" })
}

// past is a fault of the history.
func past(change func(*Input)) fault {
	return func(_ *testing.T, _ *probetest.Machine, in *Input) bool { change(in); return true }
}

// room is a fault that only a machine with a screen can have.
func room(f fault) fault {
	return func(t *testing.T, m *probetest.Machine, in *Input) bool { return hasScreen(m) && f(t, m, in) }
}

func hasScreen(m *probetest.Machine) bool { return len(m.Read().Displays) > 0 }

// edit changes every file whose path matches; false when there is none.
func edit(m *probetest.Machine, pattern string, change func(old string) string) bool {
	re, any := regexp.MustCompile(pattern), false
	for p, f := range m.Tree {
		if re.MatchString(p) {
			m.Set(p, change(string(f.Data)))
			any = true
		}
	}
	return any
}

func to(text string) func(string) string { return func(string) string { return text } }

// wiredFault changes the socket that the machine uses; machines on Wi-Fi have none.
func wiredFault(f func(m *probetest.Machine, link string) bool) fault {
	return func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		for _, l := range m.Read().Network.Links {
			if !l.Wireless && l.Usable() {
				return f(m, `/net/`+l.Name+`/`)
			}
		}
		return false
	}
}

// faults is one way to make each finding; the key is the code, and what follows a blank tells two ways apart.
var faults = map[string]fault{
	"config-wrong": fact(func(f *Facts) { f.ConfigFaults = []string{"log.level: \"loud\" is no level"} }),
	"port-taken":   fact(func(f *Facts) { f.Running = No }), // the recorded machines listen on 8443
	"data-newer": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Running, in.Facts.DataNewer = No, Yes
		return edit(m, `^proc/net/(tcp|udp)6?$`, to("  sl  local_address rem_address   st\n"))
	},
	"not-running": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Running = No
		return edit(m, `^proc/net/(tcp|udp)6?$`, to("  sl  local_address rem_address   st\n"))
	},
	"copied":      past(func(in *Input) { in.History.Copied = in.Machine.At }),
	"rolled-back": past(func(in *Input) { in.History.RolledBack = in.Machine.At.Add(-time.Hour) }),
	"power-cuts": past(func(in *Input) {
		in.History.PowerCuts[in.Machine.At.Local().AddDate(0, 0, -1).Format(time.DateOnly)] = in.Profile.Thresholds.PowerCutsADay
	}),

	"no-adapter": func(t *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent, in.Facts.Names = No, No
		m.Remove(t, `^sys/class/net/(e|w)`)
		m.Set(".calls/addresses", "lo UNKNOWN 127.0.0.1/8 ::1/128\n")
		return true
	},
	"no-cable": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent, in.Facts.Names = No, No
		edit(m, `^\.calls/addresses$`, to("lo UNKNOWN 127.0.0.1/8 ::1/128\n"))
		return edit(m, `/net/[ew][^/]*/carrier$`, to("0\n"))
	},
	"adapter-off": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent, in.Facts.Names = No, No
		edit(m, `^\.calls/addresses$`, to("lo UNKNOWN 127.0.0.1/8 ::1/128\n"))
		return edit(m, `/net/[ew][^/]*/flags$`, to("0x1002\n")) && edit(m, `/net/[ew][^/]*/operstate$`, to("down\n")) && edit(m, `/net/[ew][^/]*/carrier$`, to(""))
	},
	"no-cable with its old address": wiredFault(func(m *probetest.Machine, link string) bool { return edit(m, link+`carrier$`, to("0\n")) }),
	"no-address": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent = No
		return edit(m, `^\.calls/addresses$`, to("lo UNKNOWN 127.0.0.1/8 ::1/128\n"))
	},
	"no-address of its own making": func(t *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent, in.Facts.Names = No, No
		for _, l := range m.Read().Network.Links {
			if l.Usable() {
				m.Set(".calls/addresses", l.Name+" UP 169.254.7.9/16 fe80::1/64\n")
			}
		}
		m.Set("proc/net/route", "Iface\tDestination\tGateway\n")
		return true
	},
	"no-gateway": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent = No
		m.Set("proc/net/route", "Iface\tDestination\tGateway\n")
		return true
	},
	"login-needed":         fact(func(f *Facts) { f.Portal, f.Parent, f.Names = Yes, No, No }),
	"certificate-mismatch": fact(func(f *Facts) { f.Parent, f.ParentFault = No, "certificate-mismatch" }),
	"names-dead":           fact(func(f *Facts) { f.Parent, f.Names = No, No }),
	"parent-unreachable":   fact(func(f *Facts) { f.Parent = No }),
	"spare-channel":        fact(func(f *Facts) { f.SpareOnly = Yes }),
	"link-slow":            fact(func(f *Facts) { f.UplinkKbps = 400 }),
	"cable-slow": wiredFault(func(m *probetest.Machine, link string) bool {
		return edit(m, link+`speed$`, to("10\n")) && edit(m, link+`duplex$`, to("full\n")) && !strings.HasPrefix(link, "/net/eth")
	}),
	"cable-loose": wiredFault(func(m *probetest.Machine, link string) bool { return edit(m, link+`carrier_down_count$`, to("400\n")) }),
	"wifi-weak": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^proc/net/wireless$`, func(s string) string { return strings.Replace(s, "-52.", "-81.", 1) }) && m.Name == "notebook"
	},

	"no-display": room(func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.ScreenSeen = No
		return edit(m, `/drm/.*/status$`, to("disconnected\n"))
	}),
	"screen-elsewhere": room(fact(func(f *Facts) { f.ScreenSeen = No })),
	"no-speaker": room(func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.SpeakerHeard = No
		return edit(m, `^proc/asound/pcm$`, func(s string) string { return strings.ReplaceAll(s, "playback", "hidden") })
	}),
	"sound-off": room(func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.SpeakerHeard = No
		any := false
		edit(m, `^\.calls/mixer/`, func(s string) string {
			out := regexp.MustCompile(`Playback [0-9]+ \[[0-9]+%\]`).ReplaceAllString(s, "Playback 0 [0%]")
			any = any || out != s
			return out
		})
		return any
	}),
	"sound-off by the switch": room(func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.SpeakerHeard = Unknown
		any := false
		edit(m, `^\.calls/mixer/`, func(s string) string {
			out := regexp.MustCompile(`(Playback [0-9]+ .*)\[on\]`).ReplaceAllString(s, "$1[off]")
			any = any || out != s
			return out
		})
		return any
	}),
	"screen-silent": room(fact(func(f *Facts) { f.SpeakerHeard = No })),
	"camera-unplugged": room(func(t *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Picture = No
		m.Remove(t, `^sys/class/video4linux/`)
		return true
	}),
	"camera-unplugged, the chip's codecs stay": func(t *testing.T, m *probetest.Machine, in *Input) bool {
		if m.Name != "rk3588" {
			return false
		}
		m.Remove(t, `^sys/class/video4linux/video[34]$`)
		return true
	},
	"net-camera-away":                         netCameraFault("unreachable"),
	"net-camera-away that fell silent":        netCameraFault("silent"),
	"net-camera-password":                     netCameraFault("password"),
	"net-camera-format":                       netCameraFault("h265"),
	"net-camera-format with B-frames":         netCameraFault("b-frames"),
	"net-camera-keyframes":                    netCameraFault("no-keyframe"),
	"net-camera-busy":                         netCameraFault("busy"),
	"net-camera-certificate":                  netCameraFault("certificate"),
	"net-camera-settings":                     netCameraFault("path"),
	"net-camera-settings of the transport":    netCameraFault("transport"),
	"net-camera-settings that lead elsewhere": netCameraFault("elsewhere"),
	"camera-black":                            room(fact(func(f *Facts) { f.Picture = No })),
	"camera-slow": room(func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `/usb[12]/[^:]*/speed$`, to("12\n"))
	}),
	"microphone-missing": room(func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.MicrophoneHeard = No
		return edit(m, `^proc/asound/pcm$`, func(s string) string { return strings.ReplaceAll(s, "capture", "hidden") })
	}),
	"microphone-off": room(func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.MicrophoneHeard = No
		any := false
		edit(m, `^\.calls/mixer/`, func(s string) string {
			out := regexp.MustCompile(`Capture [0-9]+ \[[0-9]+%\]`).ReplaceAllString(s, "Capture 0 [0%]")
			any = any || out != s
			return out
		})
		return any && m.Name != "notebook" // whose second one has no volume, and is always on
	}),
	"microphone-silent": room(fact(func(f *Facts) { f.MicrophoneHeard = No })),

	"disk-failing": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `/pre_eol_info$`, to("0x03\n")) || edit(m, `^sys/fs/ext4/[^/]*/errors_count$`, to("7\n"))
	},
	"disk-failing past its life": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `/life_time$`, to("0x0b 0x04\n"))
	},
	"disk-read-only": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^proc/self/mountinfo$`, func(s string) string {
			return regexp.MustCompile(`(?m)^(28 .* / / )rw(,.* - [^ ]+ [^ ]+ )rw`).ReplaceAllString(s, "${1}ro${2}ro")
		})
	},
	"disk-full": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^\.calls/statfs$`, to("/ 62000000000 4194304 1048576\n"))
	},
	"disk-nearly-full": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^\.calls/statfs$`, to("/ 62000000000 3100000000 1100000000\n"))
	},
	"disk-worn": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `/life_time$`, to("0x09 0x0a\n"))
	},
	"disk-slow": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^proc/diskstats$`, func(s string) string {
			var out strings.Builder
			for l := range strings.Lines(s) {
				if f := strings.Fields(l); len(f) > 11 && len(f[7]) > 4 {
					f[10] = f[7] + "000" // a second each
					l = strings.Join(f, " ") + "\n"
				}
				out.WriteString(l)
			}
			return out.String()
		})
	},
	"too-hot": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `(hwmon/hwmon[0-9]+/temp1_input|thermal_zone[01]/temp)$`, to("96000\n"))
	},
	"throttled": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `package_throttle_total_time_ms$`, to("300000\n"))
	},
	"throttled by a cap": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `scaling_max_freq$`, to("800000\n")) && edit(m, `(hwmon/hwmon[0-9]+/temp1_input|thermal_zone[01]/temp)$`, to("79000\n"))
	},
	"memory-low": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^proc/meminfo$`, func(s string) string {
			return regexp.MustCompile(`MemAvailable: +[0-9]+`).ReplaceAllString(s, "MemAvailable:     120032")
		})
	},
	"memory-low by pressure": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^proc/pressure/memory$`, func(s string) string { return regexp.MustCompile(`avg60=[0-9.]+`).ReplaceAllString(s, "avg60=23.10") })
	},
	"clock-unset": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		in.Facts.Parent = No // certificates of the future are refused
		m.Set(".calls/now", "2019-01-01T00:00:17Z")
		edit(m, `^sys/class/rtc/rtc0/date$`, to("2019-01-01\n"))
		return true
	},
	"clock-unset in the far future": func(_ *testing.T, m *probetest.Machine, in *Input) bool {
		m.Set(".calls/now", "2037-01-01T00:00:17Z")
		edit(m, `^sys/class/rtc/rtc0/date$`, to("2037-01-01\n"))
		return true
	},
	"clock-unset ahead of the core": fact(func(f *Facts) { f.ClockOffset = -10 * 365 * 24 * time.Hour }),
	"clock-wrong": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
		return edit(m, `^sys/class/rtc/rtc0/date$`, to("1970-01-01\n"))
	},
}

// TestFaults makes each fault on each machine: the finding must be there, and no other. With -v it prints finding × machine.
func TestFaults(t *testing.T) {
	_, names, all := machines(t)
	made := map[string]bool{}
	ways := make([]string, 0, len(faults))
	for way := range faults {
		ways = append(ways, way)
	}
	slices.SortFunc(ways, func(a, b string) int {
		return slices.Index(Codes(), codeOf(a)) - slices.Index(Codes(), codeOf(b)) + strings.Compare(a, b)*0
	})
	var tab strings.Builder
	fmt.Fprintf(&tab, "%-44s%s\n", "", strings.Join(pad(names, 9), ""))
	cells := 0
	for _, way := range ways {
		code := codeOf(way)
		var row []string
		for _, name := range names {
			m := probetest.Load(t, "../probe/testdata", name)
			in := input(m, all, well())
			if !faults[way](t, m, &in) {
				row = append(row, "·")
				continue
			}
			in.Machine = m.Read()
			got := codes(Judge(in))
			if !slices.Equal(got, []string{code}) {
				t.Errorf("%s on %s: found %v", way, name, got)
				row = append(row, "FAILED")
				continue
			}
			row, made[code] = append(row, "found"), true
			cells++
		}
		fmt.Fprintf(&tab, "%-44s%s\n", way, strings.Join(pad(row, 9), ""))
	}
	for _, code := range Codes() {
		if !made[code] {
			t.Errorf("%s is made by no fault", code)
		}
	}
	t.Logf("%d findings, %d faults, %d machines, %d found:\n%s", len(Codes()), len(ways), len(names), cells, tab.String())
}

func codeOf(way string) string {
	return strings.TrimSuffix(strings.Fields(way)[0], ",")
}

func pad(all []string, width int) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s + strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s)))
	}
	return out
}

// TestWords: short enough for a phone in a hand, in both languages, and codes that can be read over the telephone.
func TestWords(t *testing.T) {
	places := regexp.MustCompile(`（?%[^s]*?[a-z]%*( ℃| 兆)?）?`)
	seen := map[string]bool{}
	for _, r := range table {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(r.code) || seen[r.code] {
			t.Errorf("code %q", r.code)
		}
		seen[r.code] = true
		for _, s := range []string{r.text.ZH, r.hint.ZH} {
			halves := 0 // a Latin letter is half as wide as a Chinese one
			for _, c := range places.ReplaceAllString(s, "") {
				halves++
				if c > 0x2000 {
					halves++
				}
			}
			if halves > 2*16 || halves == 0 {
				t.Errorf("%s: %q is %d halves of a character wide", r.code, s, halves)
			}
		}
		if r.text.EN == "" || r.hint.EN == "" {
			t.Errorf("%s: no English", r.code)
		}
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == r.part }) {
			t.Errorf("%s: no part %q", r.code, r.part)
		}
		for _, b := range r.behind {
			if !slices.Contains(Codes(), b) {
				t.Errorf("%s stands behind %s, which is no finding", r.code, b)
			}
		}
	}
}

// TestNoFalseAlarm: what looks like a fault and is none.
func TestNoFalseAlarm(t *testing.T) {
	_, names, all := machines(t)
	for what, change := range map[string]fault{
		"a bridge over the card holds the address": wiredFault(func(m *probetest.Machine, link string) bool {
			name := strings.Split(link, "/")[2]
			edit(m, `^\.calls/addresses$`, func(s string) string { return strings.ReplaceAll(s, name+" UP", "br0 UP") })
			m.Set(m.Find(t, "/net/"+name+"/operstate")[:len(m.Find(t, "/net/"+name+"/operstate"))-len("operstate")]+"upper_br0/operstate", "up\n")
			return edit(m, `^proc/net/route$`, func(s string) string { return strings.ReplaceAll(s, name, "br0") })
		}),
		"PPP over Ethernet": wiredFault(func(m *probetest.Machine, _ string) bool {
			m.Set(".calls/addresses", "lo UNKNOWN 127.0.0.1/8\nppp0 UNKNOWN 100.64.3.9/32\n")
			m.Set("proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n")
			return true
		}),
		"somebody saves power": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
			return edit(m, `scaling_max_freq$`, to("800000\n"))
		},
		"a CD and a package mounted read-only": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
			return edit(m, `^proc/self/mountinfo$`, func(s string) string {
				return s + "90 28 7:1 / /snap/x ro,nodev shared:40 - squashfs /dev/loop1 ro\n91 28 11:0 / /media/cd ro shared:41 - iso9660 /dev/sr0 ro\n"
			})
		},
		"a sandbox around us": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
			return edit(m, `^proc/self/mountinfo$`, func(s string) string { return strings.Replace(s, " / / rw,", " / / ro,", 1) })
		},
		"a power cut in the evening": past(func(in *Input) {
			in.History.PowerCuts[in.Machine.At.Local().AddDate(0, 0, -1).Format(time.DateOnly)] = 1
		}),
		"the board's clock keeps local time": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
			return edit(m, `^sys/class/rtc/rtc0/time$`, to("10:31:12\n"))
		},
		"a switch in the building restarted": wiredFault(func(m *probetest.Machine, link string) bool { return edit(m, link+`carrier_down_count$`, to("3\n")) }),
		"a sound card that only tests use": func(_ *testing.T, m *probetest.Machine, _ *Input) bool {
			return edit(m, `^proc/asound/cards$`, func(s string) string {
				return s + " 7 [Loopback       ]: Loopback - Loopback\n                      Loopback 1\n"
			}) && m.Name != "vm"
		},
		"nothing resolves, yet the parent answers": fact(func(f *Facts) { f.Names = No }),
		"a proxy answers for everything":           fact(func(f *Facts) { f.Portal = Yes }),
	} {
		for _, name := range names {
			m := probetest.Load(t, "../probe/testdata", name)
			in := input(m, all, well())
			if !change(t, m, &in) {
				continue
			}
			in.Machine = m.Read()
			if got := Judge(in); len(got) != 0 {
				t.Errorf("%s on %s: %+v", what, name, got)
			}
		}
	}
}

// TestOrder: a fault comes before a warning, and the verdict is that of the worst.
func TestOrder(t *testing.T) {
	byName, _, all := machines(t)
	in := input(byName["n100"], all, well())
	in.Facts.Picture, in.Facts.ScreenSeen, in.Facts.UplinkKbps = No, No, 400
	got := Make(in, profile.Choice{Profile: in.Profile})
	if c := codes(got.Findings); !slices.Equal(c, []string{"screen-elsewhere", "link-slow", "camera-black"}) {
		t.Errorf("%v", c)
	}
	if got.Verdict != Down || got.Text.ZH != "现在不能上课" || got.Findings[1].Text.ZH != "网络太慢（0.4 兆）" || got.Findings[1].Text.EN != "Link too slow (0.4 Mb/s)" {
		t.Errorf("%+v", got)
	}
	in.Facts.ScreenSeen = Yes
	if got = Make(in, profile.Choice{Profile: in.Profile}); got.Verdict != Works || got.Text.ZH != "能上课，有 2 个问题" || got.Text.EN != "Lessons work, 2 problems" {
		t.Errorf("%v %v", got.Verdict, got.Text)
	}
	if len(got.Checks) != len(parts) {
		t.Errorf("%d checks", len(got.Checks))
	}
	in = input(byName["vm"], all, well())
	if got := Make(in, profile.Choice{Profile: in.Profile}); len(got.Checks) != len(parts)-4 {
		t.Errorf("a machine without a screen has %d checks", len(got.Checks))
	}
}

func TestSince(t *testing.T) {
	var tr Tracker
	at := time.Date(2026, 11, 20, 8, 12, 0, 0, time.UTC)
	a := []Finding{{Code: "no-cable"}}
	tr.Note(a, at)
	b := []Finding{{Code: "too-hot"}, {Code: "no-cable"}}
	tr.Note(b, at.Add(time.Minute))
	if !b[1].Since.Equal(at) || !b[0].Since.Equal(at.Add(time.Minute)) {
		t.Errorf("%v", b)
	}
	tr.Note(nil, at.Add(2*time.Minute))
	tr.Note(a, at.Add(3*time.Minute))
	if !a[0].Since.Equal(at.Add(3 * time.Minute)) {
		t.Errorf("%v", a)
	}
}

// TestCabinet: a core school's mini-PC with nothing in its sockets lacks nothing; one that has a parent, a wall screen's package, or one of the
// things of a room, is asked for the others.
func TestCabinet(t *testing.T) {
	byName, _, all := machines(t)
	m := byName["n100"]
	if m == nil {
		t.Fatal("no such machine")
	}
	edit(m, `/drm/.*/status$`, func(string) string { return "disconnected\n" })
	bare := input(m, all, Facts{Top: Yes})
	bare.Machine.Cameras, bare.Machine.Sound = nil, probe.Sound{}
	if got := Judge(bare); len(got) != 0 {
		t.Errorf("in a cabinet: %v", codes(got))
	}
	for what, change := range map[string]func(in *Input){
		"has a parent":   func(in *Input) { in.Facts.Top = Unknown },
		"a camera":       func(in *Input) { in.Facts.NetCameras = 1 },
		"a screen is on": func(in *Input) { in.Machine.Displays = []probe.Display{{Connected: true}} },
	} {
		in := bare
		change(&in)
		if got := codes(Judge(in)); !slices.Contains(got, "microphone-missing") {
			t.Errorf("%s: %v", what, got)
		}
	}
}
