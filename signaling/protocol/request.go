package protocol

// Pages that speak tongke.v1.
const (
	PageClass  = "class"
	PageTeach  = "teach"
	PageAssist = "assist"
	PageHome   = "home"
)

// What a hello may take from another page.
const (
	TakePlay = "play" // the room's sound
	TakeLead = "lead" // the lesson
)

// Layouts of a lesson and of one room.
const (
	LayoutLecture = "lecture"
	LayoutBoard   = "board"
	LayoutAll     = "all"
)

// The phrases that an assistant sends with one touch.
const (
	PhraseUnclear  = "unclear"  // 听不清
	PhraseBoard    = "board"    // 看不清黑板
	PhraseFast     = "fast"     // 太快了
	PhraseDone     = "done"     // 我们做完了
	PhraseQuestion = "question" // 学生有问题
)

// MaxText is the longest text of a note, in characters.
const MaxText = 60

// Hello is a page's first message: where it wants to be.
type Hello struct {
	Page    string `json:"page"`
	Lesson  string `json:"lesson,omitempty"`
	Resume  string `json:"resume,omitempty"`
	Take    string `json:"take,omitempty"`
	Remote  bool   `json:"remote,omitempty"` // a teacher's second page, that controls and neither plays nor sends
	Lang    string `json:"lang,omitempty"`
	Version int    `json:"version,omitempty"` // 0 means 1
}

// HelloOK is the answer to Hello.
type HelloOK struct {
	Session  string `json:"session"`
	Resume   string `json:"resume"`
	Role     string `json:"role"`
	Room     string `json:"room"`
	RoomName string `json:"roomName"`
	Box      BoxRef `json:"box"`
	Now      Millis `json:"now"`
	Lesson   string `json:"lesson,omitempty"`
}

// BoxRef names a box.
type BoxRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url,omitempty"` // where other computers and phones find it; "" where none can
}

// SDP is the answer to a request that negotiates.
type SDP struct {
	SDP string `json:"sdp"`
}

type (
	// Leave is a page's last request.
	Leave struct{}

	// LessonStart is 上课.
	LessonStart struct{}
	// LessonFinish is 下课, for all.
	LessonFinish struct {
		Confirm bool `json:"confirm"`
	}
	// LessonExtend is five more minutes.
	LessonExtend struct{}
	// LessonSet changes what holds for all rooms; what is nil stays.
	LessonSet struct {
		Layout *string `json:"layout,omitempty"`
		Music  *bool   `json:"music,omitempty"`
		Mirror *bool   `json:"mirror,omitempty"`
		Closed *bool   `json:"closed,omitempty"`
		Record *string `json:"record,omitempty"`
		Scope  *string `json:"scope,omitempty"`
	}
	// LessonTake is 在这里接着讲.
	LessonTake struct{}

	// FloorCall is 点名.
	FloorCall struct {
		Room   string `json:"room"`
		Second bool   `json:"second,omitempty"` // beside whoever has the floor
	}
	// FloorRelease is 请坐; without a room, everybody.
	FloorRelease struct {
		Room string `json:"room,omitempty"`
	}
	// FloorDone is 说完了.
	FloorDone struct{}
	// HandRaise is 举手.
	HandRaise struct{}
	// HandLower is 放下.
	HandLower struct{}

	// RoomMute silences a room that has the floor.
	RoomMute struct {
		Room  string `json:"room"`
		Muted bool   `json:"muted"`
	}
	// RoomRemove asks a room to leave; it stays out until RoomAdmit or the end.
	RoomRemove struct {
		Room string `json:"room"`
	}
	// RoomAdmit lets a removed room in again.
	RoomAdmit struct {
		Room string `json:"room"`
	}
	// RoomCode gives a room's phones a new code: whoever came by an older one is out.
	RoomCode struct {
		Room string `json:"room"`
	}
	// RoomReady is 我们准备好了.
	RoomReady struct{}
	// RoomCover covers or uncovers the room's camera.
	RoomCover struct {
		Covered bool `json:"covered"`
	}
	// RoomLayout is the layout of this room's screen; "" follows the lesson's.
	RoomLayout struct {
		Layout string `json:"layout"`
	}
	// RoomVolume is the loudness of this room's screen.
	RoomVolume struct {
		Volume int `json:"volume"` // 0…100
	}
	// SelfMute is the teacher's own microphone.
	SelfMute struct {
		Muted bool `json:"muted"`
	}

	// NotePhrase is one of the fixed phrases, from a room to the teacher.
	NotePhrase struct {
		Code string `json:"code"`
	}
	// NoteText is a short text: an assistant to the teacher, or the teacher to a room.
	NoteText struct {
		Text string `json:"text"`
		Room string `json:"room,omitempty"`
	}
	// NoteSeen says that a note was read.
	NoteSeen struct {
		Note int `json:"note"`
	}
	// Help is 叫技术员.
	Help struct {
		Code string `json:"code,omitempty"` // of the sentence that the screen shows
	}
	// Feedback is how the lesson went, by the assistant.
	Feedback struct {
		OK bool `json:"ok"`
	}

	// MediaUp offers what the page sends.
	MediaUp struct {
		SDP    string  `json:"sdp"`
		Tracks []Track `json:"tracks"`
	}
	// Track says which source an m-line carries.
	Track struct {
		MID    string `json:"mid"`
		Source string `json:"source"`
	}
	// MediaDown asks for the offer of the page's slots, then brings its answer.
	MediaDown struct {
		SDP string `json:"sdp,omitempty"`
	}
	// MediaCandidate brings an ICE candidate.
	MediaCandidate struct {
		PC        string `json:"pc"`
		Candidate string `json:"candidate"`
		MID       string `json:"mid"`
	}
	// MediaRestart asks for an ICE restart of a connection that the box offers.
	MediaRestart struct {
		PC string `json:"pc"`
	}
	// Encoded says what the page makes of a source at the moment.
	Encoded struct {
		Source  string         `json:"source"`
		Layers  []EncodedLayer `json:"layers"`
		Limited string         `json:"limited"` // as WebRTC's qualityLimitationReason
	}
	// EncodedLayer is one encoding as it is.
	EncodedLayer struct {
		RID     string  `json:"rid"`
		Active  bool    `json:"active"`
		Width   int     `json:"width"`
		Height  int     `json:"height"`
		FPS     float64 `json:"fps"`
		Bitrate int     `json:"bitrate"` // bit/s
	}
	// Stats is what the page plays: counts since it was loaded.
	Stats struct {
		Total           int64   `json:"total"`           // samples of voice
		Concealed       int64   `json:"concealed"`       // samples
		SilentConcealed int64   `json:"silentConcealed"` // samples
		Freezes         int64   `json:"freezes"`
		FreezeMs        int64   `json:"freezeMs"`
		BoardFrames     int64   `json:"boardFrames"`
		TeacherFrames   int64   `json:"teacherFrames"`
		Level           int     `json:"level"` // of the own microphone, 0…100
		FPS             float64 `json:"fps"`
		DelayMs         int     `json:"delayMs,omitempty"` // from capture to the screen
	}
	// Devices is the state of the room's camera and microphone.
	Devices struct {
		Cam        bool `json:"cam"` // is sent
		Mic        bool `json:"mic"`
		CamMissing bool `json:"camMissing"`
		MicMissing bool `json:"micMissing"`
	}
)

func (Hello) kind() string          { return "hello" }
func (Leave) kind() string          { return "bye" }
func (LessonStart) kind() string    { return "lesson.start" }
func (LessonFinish) kind() string   { return "lesson.end" }
func (LessonExtend) kind() string   { return "lesson.extend" }
func (LessonSet) kind() string      { return "lesson.set" }
func (LessonTake) kind() string     { return "lesson.take" }
func (FloorCall) kind() string      { return "floor.call" }
func (FloorRelease) kind() string   { return "floor.release" }
func (FloorDone) kind() string      { return "floor.done" }
func (HandRaise) kind() string      { return "hand.raise" }
func (HandLower) kind() string      { return "hand.lower" }
func (RoomMute) kind() string       { return "room.mute" }
func (RoomRemove) kind() string     { return "room.remove" }
func (RoomAdmit) kind() string      { return "room.admit" }
func (RoomCode) kind() string       { return "room.code" }
func (RoomReady) kind() string      { return "room.ready" }
func (RoomCover) kind() string      { return "room.cover" }
func (RoomLayout) kind() string     { return "room.layout" }
func (RoomVolume) kind() string     { return "room.volume" }
func (SelfMute) kind() string       { return "self.mute" }
func (NotePhrase) kind() string     { return "note.phrase" }
func (NoteText) kind() string       { return "note.text" }
func (NoteSeen) kind() string       { return "note.seen" }
func (Help) kind() string           { return "help" }
func (Feedback) kind() string       { return "feedback" }
func (MediaUp) kind() string        { return "media.up" }
func (MediaDown) kind() string      { return "media.down" }
func (MediaCandidate) kind() string { return "media.candidate" }
func (MediaRestart) kind() string   { return "media.restart" }
func (Encoded) kind() string        { return "encoded" }
func (Stats) kind() string          { return "stats" }
func (Devices) kind() string        { return "devices" }
