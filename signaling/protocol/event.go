package protocol

// What a room's own event says of it.
const (
	RoomIdle    = "idle"
	RoomSoon    = "soon"
	RoomLook    = "look"
	RoomJoining = "joining"
	RoomIn      = "in"
	RoomEnded   = "ended"
	RoomOut     = "removed"
	RoomTakenBy = "taken"
	RoomFresh   = "fresh"
)

type (
	// Room is what concerns the page's own room alone; the box beside it says so, with or without an uplink.
	Room struct {
		Room    string      `json:"room"`
		Name    string      `json:"name"`
		State   string      `json:"state"`
		Next    *NextLesson `json:"next,omitempty"`
		Uplink  *Uplink     `json:"uplink,omitempty"` // nil: this box has no parent
		Now     Millis      `json:"now,omitempty"`    // of the box's clock, when it was set since hello
		Assist  *Assist     `json:"assist,omitempty"`
		Covered bool        `json:"covered"`
		Layout  string      `json:"layout"` // "" follows the lesson's
		Volume  int         `json:"volume"` // 0…100
		Code    string      `json:"code,omitempty"`

		Installed int        `json:"installed,omitempty"` // minutes that setting up the box took, while that is news
		Films     []string   `json:"films,omitempty"`     // sources of the room that the box's own cameras make in this lesson: its pages open none for them
		Recording *Recording `json:"recording,omitempty"` // nil: this box has no recorder
	}
	// Recording is what the box of the room really does with the lesson.
	Recording struct {
		Mode    string `json:"mode"`            // RecordOff, RecordBuffer, RecordKeep
		Scope   string `json:"scope"`           // ScopeTeacherBoard, ScopePupils
		Fault   string `json:"fault,omitempty"` // disk-full, disk-failed: nothing is kept although it should be
		Seconds int    `json:"seconds"`         // on the disk; in steps of 10 while the lesson is on
	}
	// NextLesson is what the timetable has for the room.
	NextLesson struct {
		ID      string `json:"id"`
		Title   string `json:"title"`
		Subject string `json:"subject,omitempty"`
		Teacher string `json:"teacher,omitempty"`
		Start   Millis `json:"start"`
	}
	// Uplink is the box's link to its parent.
	Uplink struct {
		Up      bool   `json:"up"`
		Since   Millis `json:"since"`
		NextTry Millis `json:"nextTry,omitempty"`
	}
	// Assist is how an assistant's phone comes in.
	Assist struct {
		URL  string `json:"url"`
		Code string `json:"code"`
	}

	// Bound is the whole table of the page's down slots.
	Bound struct {
		Slots []Slot `json:"slots"`
	}
	// Slot is one place on the down connection. A slot without a source is free; one that could not be given says why.
	Slot struct {
		Slot   int    `json:"slot"`
		MID    string `json:"mid"`
		Kind   string `json:"kind"` // audio, video
		Source string `json:"source"`
		Room   string `json:"room"`
		Name   string `json:"name"`
		Own    bool   `json:"own"`
		Reason string `json:"reason,omitempty"` // full, thin
	}

	// Encoding asks the page to encode a source so; it answers with Encoded.
	Encoding struct {
		Source        string          `json:"source"`
		Layers        []EncodingLayer `json:"layers"`
		KeyframeEvery int             `json:"keyframeEvery"`       // ms between those that the box asks for, by RTCP; 0: only when somebody needs one
		MaxWidth      int             `json:"maxWidth,omitempty"`  // that the page's machine can encode; 0: no limit
		MaxHeight     int             `json:"maxHeight,omitempty"` // with MaxWidth
	}
	// EncodingLayer is what is asked of one encoding.
	EncodingLayer struct {
		RID        string  `json:"rid"`
		MaxBitrate int     `json:"maxBitrate"` // bit/s
		Scale      float64 `json:"scale"`      // scaleResolutionDownBy
		FPS        int     `json:"fps"`
		Active     bool    `json:"active"`
	}

	// Level is how loud rooms are, 0…100, while somebody has the floor.
	Level struct {
		Rooms map[string]int `json:"rooms"`
	}
	// Say is a note that is told once.
	Say struct {
		Code Code `json:"code"`
		Note int  `json:"note,omitempty"`
	}
	// Bye is the last event of a connection.
	Bye struct {
		Code Code `json:"code"`
	}
)

func (State) kind() string    { return "lesson" }
func (Room) kind() string     { return "room" }
func (Bound) kind() string    { return "bound" }
func (Encoding) kind() string { return "encode" }
func (Level) kind() string    { return "level" }
func (Say) kind() string      { return "say" }
func (Bye) kind() string      { return "bye" }

func (State) event()    {}
func (Room) event()     {}
func (Bound) event()    {}
func (Encoding) event() {}
func (Level) event()    {}
func (Say) event()      {}
func (Bye) event()      {}
