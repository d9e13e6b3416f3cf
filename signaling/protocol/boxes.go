package protocol

import (
	"fmt"
	"strings"
	"unicode"
)

// MaxFindings is the most findings that a box tells of itself, worst first.
const MaxFindings = 16

// What a box's doctor says of it; "" is before the first look.
const (
	VerdictGood  = "good"
	VerdictWorks = "works"
	VerdictDown  = "down"
)

// How far a call for somebody to look is. The later two end it.
const (
	CallOpen = "open" // somebody in the room asked
	CallSeen = "seen" // somebody above knows
	CallDone = "done" // somebody above dealt with it
	CallBack = "back" // the room took it back
	CallGot  = "got"  // only as an answer: it is on the parent's disk
)

// Where a call came from.
const (
	CallFromPage   = "page"   // the page of the device, signed in
	CallFromScreen = "screen" // the wall screen
	CallFromPhone  = "phone"  // an assistant's
)

type (
	// BoxState is how a box is, as it says itself or as the box above it passes on.
	BoxState struct {
		Box       string       `json:"box"`
		Name      string       `json:"name"`
		Campus    string       `json:"campus"`
		Classroom string       `json:"classroom,omitempty"`
		Version   string       `json:"version,omitempty"`
		Verdict   string       `json:"verdict,omitempty"`
		Findings  []BoxFinding `json:"findings"`
		Online    bool         `json:"online"`         // true of the speaker itself
		Seen      Millis       `json:"seen,omitempty"` // when a box that is away was last there
		Call      *Call        `json:"call,omitempty"`
	}
	// BoxFinding is one thing that is wrong with a box. Its words are the reader's own.
	BoxFinding struct {
		Code     string `json:"code"`
		Severity string `json:"severity"`        // "warning" or "error"
		Since    Millis `json:"since,omitempty"` // by the box's clock
	}
	// Call is a room's request that somebody look at it. A box has one at a time.
	Call struct {
		ID    string `json:"id"`
		Since Millis `json:"since"` // by the box's clock
		From  string `json:"from"`
		Code  string `json:"code,omitempty"` // of the sentence that the person saw
		State string `json:"state"`
	}
	// Boxes is every box below the sender of which it tells; others of earlier are gone.
	Boxes struct {
		Boxes []string `json:"boxes"`
	}
	// CallTold answers a call: what of it is known and kept above.
	CallTold struct {
		Box   string `json:"box"`
		ID    string `json:"id"`
		State string `json:"state"`
		At    Millis `json:"at"`
	}
)

func (BoxState) kind() string { return "box" }
func (Boxes) kind() string    { return "boxes" }
func (CallTold) kind() string { return "call.told" }

// word is a kebab-case code.
func word(name, s string, empty bool) error {
	if s == "" && empty {
		return nil
	}
	if s == "" || len(s) > 40 || strings.ContainsFunc(s, func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') }) {
		return fmt.Errorf("%s: 1 to 40 small letters, digits and hyphens", name)
	}
	return nil
}

// boxID has the form of media/cascade: 16 characters of a base32 in small letters.
func boxID(s string) error {
	if len(s) != 16 {
		return fmt.Errorf("box: no box id")
	}
	return word("box", s, false)
}

// moment is not before 1970 and not beyond the year 2286, whatever a box's clock says.
func moment(name string, at Millis) error { return within(name, int64(at), 0, 1e13) }

// seen is a name without signs that nobody sees: they would make it look like another one, or turn the rest of a line around.
func seen(name, s string, least int) error {
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsGraphic(c) }) {
		return fmt.Errorf("%s: has a sign that nobody sees", name)
	}
	return text(name, s, least, 64)
}

func (m BoxState) check() error {
	if len(m.Findings) > MaxFindings {
		return fmt.Errorf("findings: %d", len(m.Findings))
	}
	for _, f := range m.Findings {
		if err := first(word("code", f.Code, false), oneOf("severity", f.Severity, []string{"warning", "error"}, false), moment("since", f.Since)); err != nil {
			return err
		}
	}
	if c := m.Call; c != nil {
		if err := c.check(); err != nil {
			return fmt.Errorf("call: %w", err)
		}
	}
	return first(boxID(m.Box), seen("name", m.Name, 1), seen("campus", m.Campus, 1), seen("classroom", m.Classroom, 0), token("version", m.Version, 64),
		oneOf("verdict", m.Verdict, []string{VerdictGood, VerdictWorks, VerdictDown}, true), moment("seen", m.Seen))
}

func (c Call) check() error {
	return first(callID(c.ID), moment("since", c.Since), oneOf("from", c.From, []string{CallFromPage, CallFromScreen, CallFromPhone}, false),
		word("code", c.Code, true), oneOf("state", c.State, []string{CallOpen, CallSeen, CallDone, CallBack}, false))
}

func callID(s string) error { return word("id", s, false) }

func (m Boxes) check() error {
	if len(m.Boxes) > MaxBelow {
		return fmt.Errorf("boxes: %d", len(m.Boxes))
	}
	for _, b := range m.Boxes {
		if err := boxID(b); err != nil {
			return err
		}
	}
	return nil
}

func (m CallTold) check() error {
	return first(boxID(m.Box), callID(m.ID), oneOf("state", m.State, []string{CallGot, CallSeen, CallDone, CallBack}, false), moment("at", m.At))
}

// ValidWord reports whether s has the form of a finding's or a sentence's code.
func ValidWord(s string) bool { return word("code", s, false) == nil }
