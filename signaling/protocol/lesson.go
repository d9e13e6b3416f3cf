// Package protocol holds the messages of tongke.v1, between boxes and between a page and its box. README.md is the text; this package is
// its types, and refuses what does not stand there. It has no state and starts nothing.
package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// State is where a lesson stands.
type State string

// planned → live → ended. A lesson that begins at once is live from the start; an ended one never comes back: its id may be used anew.
const (
	Planned State = "planned"
	Live    State = "live"
	Ended   State = "ended"
)

// What a lesson keeps, and whom.
const (
	ModeSame = "same"

	RecordOff    = "off"
	RecordBuffer = "buffer"
	RecordKeep   = "keep"

	ScopeTeacherBoard = "teacher+board"
	ScopePupils       = "+pupils"
)

// Lesson is a lesson as every box of the alliance knows it.
type Lesson struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Subject   string    `json:"subject,omitempty"`
	Teacher   string    `json:"teacher,omitempty"`
	Campuses  Campuses  `json:"campuses"`
	Mode      string    `json:"mode"`
	Record    string    `json:"record"`
	Scope     string    `json:"scope"`
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
	State     State     `json:"state"`
	Owner     string    `json:"owner"` // box id
	CreatedBy string    `json:"createdBy"`
	Implicit  bool      `json:"implicit,omitempty"` // made by a publisher; ends after its last one
	Created   time.Time `json:"created"`
	Ended     time.Time `json:"ended,omitzero"`
	Epoch     uint64    `json:"epoch"`
	Revision  uint64    `json:"revision"`
}

// Campuses are the members of a lesson: campus ids, or "campus/classroom" where only that room attends. Nil means all; in JSON "all".
type Campuses []string

// MarshalJSON writes "all" or a list.
func (c Campuses) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte(`"all"`), nil
	}
	return json.Marshal([]string(c))
}

// UnmarshalJSON reads "all" or a list; an empty list has no members besides the master classroom.
func (c *Campuses) UnmarshalJSON(data []byte) error {
	if string(data) == `"all"` {
		*c = nil
		return nil
	}
	list := []string{}
	if err := json.Unmarshal(data, &list); err != nil || list == nil {
		return errors.New(`campuses: a list of campus ids, or "all"`)
	}
	*c = list
	return nil
}

// Attend reports whether a classroom is a member.
func (c Campuses) Attend(campus, classroom string) bool {
	if c == nil {
		return true
	}
	for _, m := range c {
		id, room, one := strings.Cut(m, "/")
		if id == campus && campus != "" && (!one || room == classroom) {
			return true
		}
	}
	return false
}

// Message is one frame between boxes.
type Message interface{ kind() string }

// LessonPut says what a lesson is now.
type LessonPut struct {
	Lesson Lesson `json:"lesson"`
}

// LessonEnd says that a lesson is over.
type LessonEnd struct {
	ID       string    `json:"id"`
	Owner    string    `json:"owner"`
	Epoch    uint64    `json:"epoch"`
	Revision uint64    `json:"revision"`
	Ended    time.Time `json:"ended"`
}

// LessonAsk asks the parent for a lesson.
type LessonAsk struct {
	ID string `json:"id"`
}

// LessonNone says that nobody above knows the lesson.
type LessonNone struct {
	ID string `json:"id"`
}

// LessonSynced ends the puts of a link that came up.
type LessonSynced struct{}

func (LessonPut) kind() string    { return "lesson.put" }
func (LessonEnd) kind() string    { return "lesson.end" }
func (LessonAsk) kind() string    { return "lesson.ask" }
func (LessonNone) kind() string   { return "lesson.none" }
func (LessonSynced) kind() string { return "lesson.synced" }

// MaxFrame is the longest frame in bytes.
const MaxFrame = 16 << 10

var decoders = map[string]func([]byte) (Message, error){
	"lesson.put":    decodeAs[LessonPut],
	"lesson.end":    decodeAs[LessonEnd],
	"lesson.ask":    decodeAs[LessonAsk],
	"lesson.none":   decodeAs[LessonNone],
	"lesson.synced": decodeAs[LessonSynced],
}

// Decode reads a frame that came over an uplink.
func Decode(frame []byte) (Message, error) {
	if len(frame) > MaxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", len(frame))
	}
	var fields map[string]json.RawMessage
	if err := strict(frame, &fields); err != nil {
		return nil, err
	}
	var kind string
	if err := json.Unmarshal(fields["type"], &kind); err != nil {
		return nil, errors.New("a frame without a type")
	}
	decode := decoders[kind]
	if decode == nil {
		return nil, fmt.Errorf("unknown type %.40q", kind)
	}
	delete(fields, "type")
	rest, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return decode(rest)
}

func decodeAs[M Message](data []byte) (Message, error) {
	var m M
	if err := strict(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", m.kind(), err)
	}
	return m, nil
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// Encode writes a frame: the type first, then the message's fields.
func Encode(m Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	frame := append([]byte(`{"type":"`+m.kind()+`"`), ',')
	if string(body) == "{}" {
		frame[len(frame)-1] = '}'
	} else {
		frame = append(frame, body[1:]...)
	}
	if len(frame) > MaxFrame {
		return nil, fmt.Errorf("%s: a frame of %d bytes", m.kind(), len(frame))
	}
	return frame, nil
}
