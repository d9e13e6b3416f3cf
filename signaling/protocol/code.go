package protocol

import "fmt"

// Code says what went wrong, for programs and for the table of sentences.
type Code string

// The codes of an error answer.
const (
	Forbidden     Code = "forbidden"      // this role may not, ever
	WrongState    Code = "wrong-state"    // not as the lesson stands now
	NotYours      Code = "not-yours"      // the lead, the floor, the note is another's
	UnknownRoom   Code = "unknown-room"   // no such room in the lesson
	UnknownLesson Code = "unknown-lesson" // no such lesson, or it is over
	RoomTaken     Code = "room-taken"     // another page plays this room
	Elsewhere     Code = "lesson-elsewhere"
	Removed       Code = "removed" // the teacher asked this room to leave
	Closed        Code = "closed"  // the lesson takes nobody new
	Full          Code = "full"
	NoRecording   Code = "recording-not-available"
	NoCodec       Code = "codec-mismatch"
	TooMany       Code = "too-many"
	Malformed     Code = "malformed"
	UnknownType   Code = "unknown-type"
	VersionCode   Code = "version"
	OwnerAway     Code = "owner-away" // the owner cannot be reached; nothing was done
	Internal      Code = "internal"
)

// Codes of the event bye.
const (
	ByeEnded     Code = "ended"
	ByeRemoved   Code = "removed"
	ByeTakenOver Code = "taken-over"
	ByeSignedOut Code = "signed-out"
	ByeShutdown  Code = "shutdown"
)

// SayPhraseSeen is the code of the event say: the teacher has read a note.
const SayPhraseSeen Code = "phrase-seen"

// codes are those that may stand in an error answer.
var codes = []Code{Forbidden, WrongState, NotYours, UnknownRoom, UnknownLesson, RoomTaken, Elsewhere, Removed, Closed, Full, NoRecording, NoCodec,
	TooMany, Malformed, UnknownType, VersionCode, OwnerAway, Internal}

// Error is why a request was not done. Message is for logs and developers; people are told by the code.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Errorf makes an Error.
func Errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Message
}

// Is lets errors.Is compare codes: errors.Is(err, &Error{Code: Forbidden}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}
