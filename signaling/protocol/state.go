package protocol

import "time"

// Millis is a time on the box's clock: milliseconds since 1970. 0 is never.
type Millis int64

// At is a time as it stands in messages.
func At(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time is the reverse of At.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// State is the event lesson: a live lesson whole. It replaces what the page knew before; a lower (Epoch, Rev) is ignored.
type State struct {
	ID        string      `json:"id"`
	Epoch     uint64      `json:"epoch"` // rises each time its owner begins anew
	Rev       uint64      `json:"rev"`   // rises with each change
	Stale     bool        `json:"stale"` // the owner has not been heard for 2 s
	Title     string      `json:"title"`
	Subject   string      `json:"subject,omitempty"`
	Teacher   string      `json:"teacher,omitempty"`
	Mode      string      `json:"mode"`
	State     Phase       `json:"state"`
	Start     Millis      `json:"start,omitempty"` // by the timetable
	End       Millis      `json:"end,omitempty"`   // by the timetable, with the minutes added
	StartedAt Millis      `json:"startedAt,omitempty"`
	EndedAt   Millis      `json:"endedAt,omitempty"`
	Extended  int         `json:"extended"` // times 5 minutes
	OwnerBox  string      `json:"ownerBox"`
	Record    string      `json:"record"`
	Scope     string      `json:"scope"`
	Kept      bool        `json:"kept"` // something is really being kept
	Layout    string      `json:"layout"`
	Music     bool        `json:"music"`
	Mirror    bool        `json:"mirror"`
	Closed    bool        `json:"closed"`
	Lead      *Lead       `json:"lead"`
	Master    RoomRef     `json:"master"`
	Sources   Sources     `json:"sources"`
	Floor     []Holder    `json:"floor"`
	Rooms     []RoomState `json:"rooms"`
	Notes     []Note      `json:"notes"`
}

// roomy is what a state with few rooms and notes stays far below MaxFrame with, however long their names.
const roomy = 16

// Fit is s with as many of the newest notes as one frame can carry: rooms may have long names.
func (s State) Fit() State {
	if len(s.Rooms)+len(s.Notes) <= roomy {
		return s
	}
	for len(s.Notes) > 0 {
		if _, err := Encode(StateFrame{Lesson: s, Hops: MaxHops}); err == nil {
			break
		}
		s.Notes = s.Notes[(len(s.Notes)+1)/2:]
	}
	return s
}

// Lead is the page that teaches.
type Lead struct {
	Session string `json:"session"`
	Room    string `json:"room"`
	Box     string `json:"box,omitempty"`
	Online  bool   `json:"online"`
	Since   Millis `json:"since"` // of Online's last change
}

// RoomRef names a room.
type RoomRef struct {
	Room string `json:"room"`
	Name string `json:"name"`
}

// Sources says what the master classroom sends.
type Sources struct {
	Board   bool `json:"board"`
	Teacher bool `json:"teacher"`
	Pupils  bool `json:"pupils"`
	Voice   bool `json:"voice"`
	Muted   bool `json:"muted"` // the teacher muted himself
}

// Holder is a room with the floor.
type Holder struct {
	Room   string `json:"room"`
	Since  Millis `json:"since"`
	Second bool   `json:"second"`
}

// Attendance is where a room stands in a lesson.
type Attendance string

// What a room can be in a lesson.
const (
	RoomAbsent   Attendance = "absent"
	RoomHere     Attendance = "here"  // its screen is there, the lesson has not begun
	RoomPrepared Attendance = "ready" // and somebody said so
	RoomLive     Attendance = "live"
	RoomLost     Attendance = "lost" // its box has not been heard for 2 s
	RoomRemoved  Attendance = "removed"
)

// Word is a room's state in one word, by the table of words.
type Word string

// The words of a room, best first.
const (
	WordHears   Word = "hears"
	WordSmaller Word = "smaller"
	WordChoppy  Word = "choppy"
	WordHard    Word = "hard"
	WordOffline Word = "offline" // it was there
	WordAbsent  Word = "absent"  // it never was
	WordUnknown Word = "unknown" // it is there, and has no fresh figures
)

// Steps of the ladder that a thin link comes down.
const (
	StepFull  = "full"
	StepSmall = "small"
	StepStill = "still"
	StepVoice = "voice"
)

// RoomState is a room in a lesson.
type RoomState struct {
	Room       string     `json:"room"`
	Campus     string     `json:"campus"`
	Name       string     `json:"name"`
	Box        string     `json:"box,omitempty"`
	State      Attendance `json:"state"`
	Since      Millis     `json:"since"`
	Word       Word       `json:"word"`
	WordSince  Millis     `json:"wordSince"`
	Hand       Millis     `json:"hand,omitempty"` // since when
	HandOrder  int        `json:"handOrder,omitempty"`
	Covered    bool       `json:"covered"`
	Cam        bool       `json:"cam"`
	Mic        bool       `json:"mic"`
	CamMissing bool       `json:"camMissing"`
	MicMissing bool       `json:"micMissing"`
	Level      int        `json:"level"` // as of the last change; the event level is fresher
	Quiet      bool       `json:"quiet"` // has had the floor for 3 s below speech level
	Muted      bool       `json:"muted"`
	Phones     int        `json:"phones"`
	Codes      int        `json:"codes,omitempty"` // times that its phones were given a new code
	LastSeen   Millis     `json:"lastSeen,omitempty"`
	Step       string     `json:"step,omitempty"`
	Layout     string     `json:"layout,omitempty"`
	DelayMs    int        `json:"delayMs,omitempty"` // from the teacher's camera to the room's screen, in steps of 50
}

// What a note is.
const (
	NoteKindPhrase = "phrase"
	NoteKindText   = "text"

	FromTeacher   = "teacher"
	FromAssistant = "assistant"
)

// Note is a phrase or a short text between a room and the teacher.
type Note struct {
	ID   int    `json:"id"`
	From string `json:"from"` // FromTeacher or FromAssistant
	Room string `json:"room"` // whose assistant wrote it, or whom the teacher wrote to; "" is all
	Kind string `json:"kind"`
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	At   Millis `json:"at"`
	Seen bool   `json:"seen"`
}
