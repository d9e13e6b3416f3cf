package protocol

import (
	"encoding/json"
	"fmt"
)

// MaxHops is how many links a frame may cross: the depth of the tree, up and down again.
const MaxHops = 10

// Presence is what a box says of one of its rooms in a lesson, whole, each second and at changes.
type Presence struct {
	Room       string   `json:"room"` // "campus/classroom", or "campus"
	Name       string   `json:"name"`
	Box        string   `json:"box"`      // that says so
	Page       bool     `json:"page"`     // a page plays the room
	Teachers   []string `json:"teachers"` // sessions of teachers' pages in the lesson that may lead
	Phones     int      `json:"phones"`   // assistants' pages
	Covered    bool     `json:"covered"`
	Cam        bool     `json:"cam"`
	Mic        bool     `json:"mic"`
	CamMissing bool     `json:"camMissing"`
	MicMissing bool     `json:"micMissing"`
	Level      int      `json:"level"`
	Step       string   `json:"step,omitempty"`
	Layout     string   `json:"layout,omitempty"`
	Sources    []string `json:"sources,omitempty"` // what a teacher's page of this room sends
	Stats      *Stats   `json:"stats,omitempty"`   // the playing page's newest, if not older than 3 s
	Known      *Known   `json:"known,omitempty"`   // set by the hub
}

// Known is what a box last heard of its room from the owner: after a restart the owner takes up what it had not yet written.
type Known struct {
	Epoch  uint64 `json:"epoch"`
	Rev    uint64 `json:"rev"`
	Hand   Millis `json:"hand,omitempty"`
	Floor  Millis `json:"floor,omitempty"`
	Second bool   `json:"second,omitempty"`
}

// Who is who acts: a session, as its box knows it.
type Who struct {
	Role    string `json:"role"`
	Room    string `json:"room"`
	Session string `json:"session"`
	Remote  bool   `json:"remote,omitempty"`
}

type (
	// Act asks the owner for what a person did.
	Act struct {
		ID      string          `json:"id"` // of the box From
		Lesson  string          `json:"lesson"`
		From    string          `json:"from"`
		Hops    int             `json:"hops"`
		Who     Who             `json:"who"`
		Request json.RawMessage `json:"request"` // with its id
	}
	// Acted is the owner's answer; no code is ok.
	Acted struct {
		ID      string `json:"id"`
		Lesson  string `json:"lesson"`
		To      string `json:"to"`
		Hops    int    `json:"hops"`
		Code    Code   `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	// StateFrame brings a lesson's state from its owner.
	StateFrame struct {
		Lesson State `json:"lesson"`
		Hops   int   `json:"hops"`
	}
	// Pulse is the owner's word that it is there, and how loud the floor is.
	Pulse struct {
		Lesson string         `json:"lesson"`
		Epoch  uint64         `json:"epoch"`
		Rev    uint64         `json:"rev"`
		Hops   int            `json:"hops"`
		Rooms  map[string]int `json:"rooms,omitempty"`
	}
	// Watch says that somebody in this direction looks at the lesson, and what is known of it there.
	Watch struct {
		Lesson string `json:"lesson"`
		Epoch  uint64 `json:"epoch"`
		Rev    uint64 `json:"rev"`
	}
	// PresenceFrame brings a room's presence to the owner.
	PresenceFrame struct {
		Lesson string   `json:"lesson"`
		Hops   int      `json:"hops"`
		Room   Presence `json:"presence"`
	}
)

func (LessonPut) kind() string     { return "lesson.put" }
func (LessonEnd) kind() string     { return "lesson.end" }
func (LessonAsk) kind() string     { return "lesson.ask" }
func (LessonNone) kind() string    { return "lesson.none" }
func (LessonSynced) kind() string  { return "lesson.synced" }
func (Below) kind() string         { return "below" }
func (Act) kind() string           { return "act" }
func (Acted) kind() string         { return "acted" }
func (StateFrame) kind() string    { return "state" }
func (Pulse) kind() string         { return "pulse" }
func (Watch) kind() string         { return "watch" }
func (PresenceFrame) kind() string { return "presence" }

func (m Below) check() error {
	if len(m.Campuses) > MaxBelow {
		return fmt.Errorf("campuses: %d", len(m.Campuses))
	}
	for _, c := range m.Campuses {
		if err := room(c); err != nil {
			return err
		}
	}
	return nil
}

func hops(n int) error { return within("hops", n, 1, MaxHops) }

func (m Act) check() error {
	return first(hops(m.Hops), token("id", m.ID, 40), token("lesson", m.Lesson, 40), token("from", m.From, 32), token("role", m.Who.Role, 20),
		text("room", m.Who.Room, 0, maxName), token("session", m.Who.Session, 64))
}

func (m Acted) check() error {
	return first(hops(m.Hops), token("id", m.ID, 40), token("lesson", m.Lesson, 40), token("to", m.To, 32), token("code", string(m.Code), 40))
}

func (m StateFrame) check() error {
	if n := len(m.Lesson.Rooms); n > MaxRooms {
		return fmt.Errorf("rooms: %d", n)
	}
	return first(hops(m.Hops), token("id", m.Lesson.ID, 40))
}

func (m Pulse) check() error { return first(hops(m.Hops), token("lesson", m.Lesson, 40)) }
func (m Watch) check() error { return token("lesson", m.Lesson, 40) }

func (m PresenceFrame) check() error {
	p := m.Room
	if len(p.Teachers) > 8 || len(p.Sources) > 4 {
		return fmt.Errorf("presence: too many teachers or sources")
	}
	for _, s := range p.Teachers {
		if err := token("session", s, 64); err != nil {
			return err
		}
	}
	for _, s := range p.Sources {
		if err := oneOf("source", s, sources, false); err != nil {
			return err
		}
	}
	if p.Stats != nil {
		if err := p.Stats.check(); err != nil {
			return err
		}
	}
	return first(hops(m.Hops), token("lesson", m.Lesson, 40), room(p.Room), text("name", p.Name, 0, maxName), token("box", p.Box, 32),
		within("phones", p.Phones, 0, 64), within("level", p.Level, 0, 100), oneOf("step", p.Step, []string{StepFull, StepSmall, StepStill, StepVoice}, true),
		oneOf("layout", p.Layout, layouts, true))
}

// The most that a lesson holds.
const (
	MaxCampuses      = 11 // beside the master's
	MaxRooms         = 24
	MaxRoomsOfCampus = 4
)
