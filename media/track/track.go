// Package track holds the words that the media packages share: which source a packet belongs to, and what a maker and a consumer of
// media owe each other. It has no behaviour of its own.
package track

import "tongke/media/packet"

// Kind is sound or picture.
type Kind uint8

const (
	Audio Kind = iota
	Video
)

// String is "audio" or "video".
func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// The sources that a classroom can make.
const (
	Voice   = "voice"   // the microphone
	Teacher = "teacher" // camera on the teacher
	Pupils  = "pupils"  // camera on the class
	Board   = "board"   // screen, window, capture device, or a camera on a blackboard
)

// KindOf is the kind of a source by its name, and whether that name is known.
func KindOf(source string) (Kind, bool) {
	switch source {
	case Voice:
		return Audio, true
	case Teacher, Pupils, Board:
		return Video, true
	}
	return Audio, false
}

// Key names one source for the whole tree of boxes.
type Key struct {
	Lesson string // lesson id
	Origin string // id of the box that first received it; "" in a request means: whichever box teaches the lesson
	Source string // Voice, Teacher, Pupils or Board
}

// Layer is the name (RID, RFC 8851) of one simulcast encoding; "" where a publisher sends a single encoding.
type Layer string

// Maker is asked by the relay on behalf of all who consume. Its methods are called from the relay's goroutine and must not block.
type Maker interface {
	// RequestKeyframe asks for a keyframe of a layer. urgent goes past rate limits (a change of who has the floor).
	RequestKeyframe(l Layer, urgent bool)
	// Want tells that somebody does or no longer does consume a layer. A layer nobody wants need not be sent.
	Want(l Layer, wanted bool)
}

// Down consumes packets.
type Down interface {
	// Write hands over packets of one up track, oldest first. They are borrowed until Write returns; it must not block.
	Write(batch []*packet.Buffer)
}
