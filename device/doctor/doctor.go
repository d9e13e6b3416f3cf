// Package doctor judges a box: what is wrong, why, and what the person beside it does. The judgement is a pure function of what the probe
// has read, what others have measured (Facts), what the past says and where the profile draws its lines. The one table of all findings,
// with their codes and sentences, is codes.go; rules are in rules_*.go, one func a finding.
package doctor

import (
	"fmt"
	"slices"
	"time"

	"tongke/device/health"
	"tongke/device/probe"
	"tongke/device/profile"
)

// Severity says whether a lesson is possible.
type Severity string

const (
	Warning Severity = "warning" // lessons work
	Fault   Severity = "error"   // no lesson possible now
)

// Words is one sentence in both languages.
type Words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Finding is one thing that is wrong, said for the person who stands in the room.
type Finding struct {
	Code     string    `json:"code"` // kebab-case and stable
	Severity Severity  `json:"severity"`
	Part     string    `json:"part"` // of the box: one of Parts
	Text     Words     `json:"text"` // what is
	Hint     Words     `json:"hint"` // what to do
	Since    time.Time `json:"since,omitzero"`
	Detail   string    `json:"detail,omitempty"` // names and figures for the telephone, in English
}

// Answer is what somebody found out, or did not.
type Answer int

// The answers; a page or another part that does not know says nothing.
const (
	Unknown Answer = iota
	Yes
	No
)

var answers = [...]string{Unknown: "unknown", Yes: "yes", No: "no"}

// MarshalText is encoding.TextMarshaler.
func (a Answer) MarshalText() ([]byte, error) { return []byte(answers[a]), nil }

// UnmarshalText is encoding.TextUnmarshaler.
func (a *Answer) UnmarshalText(b []byte) error {
	i := slices.Index(answers[:], string(b))
	if i < 0 {
		return fmt.Errorf("%.20q is no answer, write unknown, yes or no", b)
	}
	*a = Answer(i)
	return nil
}

// Facts are measurements that the probe cannot make. The zero value knows nothing and makes no finding.
type Facts struct {
	Built time.Time `json:"built,omitzero"` // of this program: no clock is earlier

	Running      Answer   `json:"running,omitzero"`      // the daemon answers
	ConfigFaults []string `json:"configFaults,omitzero"` // of the configuration file, one a line
	DataNewer    Answer   `json:"dataNewer,omitzero"`    // the data directory was written by a newer version of the program
	Ports        []uint16 `json:"ports,omitzero"`        // that the daemon wants to listen on

	Parent      Answer `json:"parent,omitzero"`      // the parent answers; Unknown also without one
	Top         Answer `json:"top,omitzero"`         // it has no parent and no wall screen is installed: perhaps a core school's box in a cabinet
	ParentFault string `json:"parentFault,omitzero"` // "certificate-mismatch", or "" for silence
	Names       Answer `json:"names,omitzero"`       // the parent's name can be resolved
	Portal      Answer `json:"portal,omitzero"`      // a page that asks for a login answers instead of the network
	SpareOnly   Answer `json:"spareOnly,omitzero"`   // the uplink runs, but not over UDP
	UplinkKbps  int    `json:"uplinkKbps,omitzero"`  // what the path to the parent carries; 0 unknown

	ClockKnown  bool          `json:"clockKnown,omitzero"` // against the parent's clock
	ClockOffset time.Duration `json:"clockOffsetNs,omitzero"`

	NetCameras    int    `json:"netCameras,omitzero"`    // set up for this room
	NetCamera     string `json:"netCamera,omitzero"`     // why a network camera gives no picture: a code of media/ingest/rtsp
	NetCameraName string `json:"netCameraName,omitzero"` // which one

	Picture         Answer `json:"picture,omitzero"` // of the camera: No is black or frozen
	MicrophoneHeard Answer `json:"microphoneHeard,omitzero"`
	SpeakerHeard    Answer `json:"speakerHeard,omitzero"` // the microphone heard the chirp, or a person said so
	ScreenSeen      Answer `json:"screenSeen,omitzero"`   // a person saw the picture on the screen
}

// Input is everything that is judged.
type Input struct {
	Machine probe.Machine
	Profile profile.Profile
	History health.History
	Facts   Facts
}

// classroom reports whether this machine stands in a room: it has a socket for a screen. A virtual machine at the core has none, and a
// core school's mini-PC in a cabinet has nothing in it: neither camera nor microphone are missed there.
func (in *Input) classroom() bool {
	inUse := func(d probe.Display) bool { return d.Connected }
	cabinet := in.Facts.Top == Yes && !slices.ContainsFunc(in.Machine.Displays, inUse) && len(in.Machine.Cameras) == 0 && in.Facts.NetCameras == 0
	return len(in.Machine.Displays) > 0 && !cabinet
}

// Judge returns the findings, worst first, and within one severity in the order of the table.
func Judge(in Input) []Finding {
	found := map[string]Finding{}
	for _, r := range table {
		args, detail, ok := r.check(&in)
		if !ok {
			continue
		}
		found[r.code] = Finding{
			Code: r.code, Severity: r.severity, Part: r.part, Detail: detail,
			Text: Words{fill(r.text.ZH, args, func(w Words) string { return w.ZH }), fill(r.text.EN, args, func(w Words) string { return w.EN })},
			Hint: r.hint,
		}
	}
	var out []Finding
	for _, severity := range []Severity{Fault, Warning} {
		for _, r := range table {
			f, ok := found[r.code]
			if !ok || f.Severity != severity || slices.ContainsFunc(r.behind, func(code string) bool { _, there := found[code]; return there }) {
				continue
			}
			out = append(out, f)
		}
	}
	return out
}

// fill puts figures into a sentence that has places for them; words among them in its language.
func fill(text string, args []any, language func(Words) string) string {
	if len(args) == 0 {
		return text
	}
	out := slices.Clone(args)
	for i, a := range out {
		if w, ok := a.(Words); ok {
			out[i] = language(w)
		}
	}
	return fmt.Sprintf(text, out...)
}

// Verdict is the line above all findings.
type Verdict string

const (
	Good  Verdict = "good"  // all good, you may leave
	Works Verdict = "works" // lessons work
	Down  Verdict = "down"  // no lesson possible now
)

// Check is one part of the box that was looked at.
type Check struct {
	Part string `json:"part"`
	Name Words  `json:"name"`
	OK   bool   `json:"ok"`
	Told string `json:"told,omitempty"` // what it is, for the telephone
}

// Report is what `tongke doctor --json` prints and the page of the device shows.
type Report struct {
	Schema   int            `json:"schema"`
	At       time.Time      `json:"at"`
	Verdict  Verdict        `json:"verdict"`
	Text     Words          `json:"text"`
	Profile  profile.Choice `json:"profile"`
	Findings []Finding      `json:"findings"`
	Checks   []Check        `json:"checks"`
}

// Make judges and writes the report.
func Make(in Input, choice profile.Choice) Report {
	in.Profile = choice.Profile
	r := Report{Schema: 1, At: in.Machine.At, Profile: choice, Findings: Judge(in)}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	r.Verdict, r.Text = verdict(r.Findings)
	for _, p := range parts {
		if !in.classroom() && p.room {
			continue
		}
		bad := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Part == p.name })
		r.Checks = append(r.Checks, Check{Part: p.name, Name: p.words, OK: !bad, Told: p.told(&in)})
	}
	return r
}

func verdict(findings []Finding) (Verdict, Words) {
	n := len(findings)
	problems := "problems"
	if n == 1 {
		problems = "problem"
	}
	switch {
	case n == 0:
		return Good, Words{"一切正常，可以走了", "All good, you may leave"}
	case findings[0].Severity == Fault: // worst first
		return Down, Words{"现在不能上课", "No lesson possible now"}
	}
	return Works, Words{fmt.Sprintf("能上课，有 %d 个问题", n), fmt.Sprintf("Lessons work, %d %s", n, problems)}
}

// Tracker remembers since when each finding is there. It belongs to one goroutine.
type Tracker struct{ since map[string]time.Time }

// Note fills Since in findings and forgets the findings that are over.
func (t *Tracker) Note(findings []Finding, now time.Time) {
	next := map[string]time.Time{}
	for i := range findings {
		at, ok := t.since[findings[i].Code]
		if !ok {
			at = now
		}
		findings[i].Since, next[findings[i].Code] = at, at
	}
	t.since = next
}
