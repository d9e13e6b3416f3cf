package protocol

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Phase is where a lesson stands.
type Phase string

// A lesson's record knows planned → live → ended, where live means open: who may may come in. The lesson as people see it (State) is more
// exact: planned → waiting → live → over → ended.
const (
	Planned Phase = "planned"
	Waiting Phase = "waiting" // somebody is there, the teacher has not begun
	Live    Phase = "live"
	Over    Phase = "over" // the bell has rung, the teacher goes on
	Ended   Phase = "ended"
)

// What a lesson keeps, and whom.
const (
	ModeSame = "same"

	RecordOff    = "off"
	RecordBuffer = "buffer"
	RecordKeep   = "keep"

	ScopeTeacherBoard = "teacher+board"
	ScopePupils       = "+pupils"

	ProfileVoice = "voice"
	ProfileMusic = "music"
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
	Profile   string    `json:"profile,omitempty"` // what the teacher's sound is made for at first; "" is voice
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
	State     Phase     `json:"state"`
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

// Below is every campus of the sender's subtree, its own among them.
type Below struct {
	Campuses []string `json:"campuses"`
}

// MaxBelow is the most campuses that a subtree may have.
const MaxBelow = 256

// LessonSynced ends the puts of a link that came up.
type LessonSynced struct{}
