// Package journal keeps the packets of one lesson on disk so that a pulled plug loses at most the last quarter of a second and damages
// nothing. The README of media/recorder is the format. A journal has one Writer at a time and any number of Readers beside it, in any
// process; keys come from a Keys.
//
// Nothing here starts a goroutine. A Writer's methods are called from one goroutine, its owner's; they may block on the disk, so
// that owner is never the relay's.
package journal

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/media/track"
)

// Modes and scopes of a recording, as the lesson names them.
const (
	ModeOff    = "off"
	ModeBuffer = "buffer"
	ModeKeep   = "keep"

	ScopeTeacher = "teacher+board"
	ScopePupils  = "+pupils"
)

// Names of events. A reader passes others on.
const (
	EventStart   = "start"   // the lesson has begun (上课)
	EventEnd     = "end"     // it is over (下课)
	EventFloor   = "floor"   // Campus may speak
	EventRelease = "release" // nobody has the floor any more
	EventGap     = "gap"     // At … At+Detail["for"] is missing; Detail["cause"] says why
	EventResume  = "resume"  // the writer was started again
	EventMode    = "mode"    // Detail["mode"], Detail["scope"] hold from here on
)

// Causes of a gap.
const (
	CauseRestart = "restart" // the daemon or the machine was down
	CauseDisk    = "disk"    // the disk was full or did not write
	CauseQueue   = "queue"   // the disk was too slow for too long
	CauseDamaged = "damaged" // the file is damaged
	CauseMissing = "missing" // a segment is not there
)

var (
	// ErrErased means that the key was erased: what was sealed with it is gone for good.
	ErrErased = errors.New("erased")
	// ErrNoKey means that there never was such a key here: the keys are elsewhere or lost.
	ErrNoKey = errors.New("no key")
	// ErrNewer means that a newer version of the program wrote the journal.
	ErrNewer = errors.New("written by a newer version of tongke")
	// ErrDamaged means that nothing of the journal, or of a segment, can be read.
	ErrDamaged = errors.New("damaged")
	// ErrExists means that the folder already holds a journal.
	ErrExists = errors.New("journal exists")
	// ErrNotJournal means that the folder holds no segment.
	ErrNotJournal = errors.New("not a journal")
	// ErrLocked means that another writer has the journal.
	ErrLocked = errors.New("journal is being written")
	// ErrClosed means that the Writer or Reader was closed.
	ErrClosed = errors.New("journal is closed")
)

// Info says what was recorded and where. It is repeated in every segment; the last one holds.
type Info struct {
	Lesson   string            `json:"lesson"`
	Title    string            `json:"title,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Teacher  string            `json:"teacher,omitempty"`
	By       string            `json:"by,omitempty"` // who made the lesson
	Alliance string            `json:"alliance,omitempty"`
	Campus   string            `json:"campus,omitempty"` // of this box
	Box      string            `json:"box,omitempty"`
	Master   string            `json:"master,omitempty"` // campus where the teacher is
	Names    map[string]string `json:"names,omitempty"`  // campus id → name
	Start    time.Time         `json:"start,omitzero"`   // as planned
	End      time.Time         `json:"end,omitzero"`
	Created  time.Time         `json:"created,omitzero"` // the journal
	Planned  time.Time         `json:"planned,omitzero"` // when the lesson itself was made: tells two lessons of one id apart
	Mode     string            `json:"mode"`
	Scope    string            `json:"scope"`
}

// Track is one numbering: packets of one Track compare by sequence and timestamp.
type Track struct {
	ID     uint16      `json:"id"`
	Origin string      `json:"origin"` // id of the box that first received it
	Campus string      `json:"campus,omitempty"`
	Room   string      `json:"room,omitempty"`
	Source string      `json:"source"`
	Layer  track.Layer `json:"layer,omitempty"`
	Kind   track.Kind  `json:"kind"`
	Codec  codec.Codec `json:"codec"`
	Gen    uint32      `json:"gen"`
}

// Packet is one canonical packet. Times are journal time.
type Packet struct {
	Track     uint16
	Seq       uint64
	Timestamp uint32
	Capture   time.Duration // when it was captured; Arrival where that is not known
	Arrival   time.Duration // when it reached this box; of records in a file it never goes back
	Flags     packet.Flags
	Payload   []byte // of a Reader: valid only during the call
}

// Event is something that happened in the lesson, or to the journal.
type Event struct {
	At     time.Duration     `json:"at"`
	Wall   time.Time         `json:"wall,omitzero"`
	Name   string            `json:"name"`
	Campus string            `json:"campus,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
}

// ErasedRange is what was taken out of a journal on purpose. From = To = 0: the whole source, by its key.
type ErasedRange struct {
	From   time.Duration `json:"from"`
	To     time.Duration `json:"to"`
	Origin string        `json:"origin,omitempty"` // "" = all sources
	Source string        `json:"source,omitempty"`
}

// Keys gives and erases the keys of sources; lesson is the name of the journal's folder. origin and source "" name the lesson's own key. Implementations serve several goroutines.
type Keys interface {
	// Seal is the key to write with; it is made, and on disk, when there was none. ErrErased when it was erased before.
	Seal(lesson, origin, source string) (key []byte, err error)
	// Open is the key to read with; ErrErased or ErrNoKey.
	Open(lesson, origin, source string) (key []byte, err error)
	// Erase makes a key unreadable for ever.
	Erase(lesson, origin, source string) error
	// EraseLesson does so with all keys of a lesson and forgets the lesson.
	EraseLesson(lesson string) error
}

// Options of a Writer; the zero value is what a box uses.
type Options struct {
	Log     *slog.Logger
	Segment time.Duration // longest segment, default 60 s
	Pending int           // bytes of packets kept in memory while the disk does not take them, default 16 MiB
	Wall    func() time.Time
	Media   func() packet.Time               // a clock that only runs on, default packet.Now
	Boot    func() ([16]byte, time.Duration) // start of the machine and the time since, default from the system
	Begin   packet.Time                      // when the first packet came: journal time 0 of Create, the end of the gap of Resume; default now
	Disk    Disk                             // default the system's

	reads func(number uint32, f io.ReaderAt) io.ReaderAt // what Resume reads a segment through; nil: the file itself
}

const (
	defaultSegment = 60 * time.Second
	defaultPending = 16 << 20
)
