// Package protocol holds the messages of tongke.v1, between a page and its box and between boxes. README.md is the text; this package is its
// types, and refuses what does not stand there. It has no state and starts nothing.
package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Version is the version of the protocol; pages name it as the WebSocket subprotocol Subprotocol.
const (
	Version     = 1
	Subprotocol = "tongke.v1"
)

// MaxFrame is the longest frame in bytes, whoever sends it: what an uplink's lesson channel carries.
const MaxFrame = 1<<16 - 1

// Message is anything that has a type on the wire.
type Message interface{ kind() string }

// Request is what a page asks of its box; it is answered once.
type Request interface {
	Message
	check() error // what the shape alone cannot say: ranges, choices, lengths
}

// Event is what a box tells a page.
type Event interface {
	Message
	event()
}

// Kind is a message's type on the wire.
func Kind(m Message) string { return m.kind() }

// entry is one type of message: how it is read.
type entry struct {
	zero   Message
	decode func(frame []byte, extra ...string) (Message, error)
}

func of[M Message]() entry {
	var zero M
	return entry{zero, func(frame []byte, extra ...string) (Message, error) {
		var m M
		if err := strict(frame, &m, extra...); err != nil {
			return nil, err
		}
		if c, ok := any(m).(interface{ check() error }); ok {
			if err := c.check(); err != nil {
				return nil, err
			}
		}
		return m, nil
	}}
}

// table gives each type its entry. Two of one type in one direction would be a fault of this package.
func table(entries ...entry) map[string]entry {
	t := make(map[string]entry, len(entries))
	for _, e := range entries {
		t[e.zero.kind()] = e
	}
	return t
}

var (
	requests = table(
		of[Hello](), of[Leave](), of[LessonStart](), of[LessonFinish](), of[LessonExtend](), of[LessonSet](), of[LessonTake](),
		of[FloorCall](), of[FloorRelease](), of[FloorDone](), of[HandRaise](), of[HandLower](),
		of[RoomMute](), of[RoomRemove](), of[RoomAdmit](), of[RoomCode](), of[RoomReady](), of[RoomCover](), of[RoomLayout](), of[RoomVolume](), of[SelfMute](),
		of[NotePhrase](), of[NoteText](), of[NoteSeen](), of[Help](), of[Feedback](),
		of[MediaUp](), of[MediaDown](), of[MediaCandidate](), of[MediaRestart](), of[Encoded](), of[Stats](), of[Devices](), of[SelfTested](),
	)
	events = table(of[State](), of[Room](), of[Bound](), of[Encoding](), of[Level](), of[Say](), of[Bye](), of[SelfTest]())
	frames = table(
		of[LessonPut](), of[LessonEnd](), of[LessonAsk](), of[LessonNone](), of[LessonSynced](), of[Below](),
		of[Act](), of[Acted](), of[StateFrame](), of[Pulse](), of[Watch](), of[PresenceFrame](),
		of[BoxState](), of[Boxes](), of[CallTold](),
	)
)

// Requests is one empty request of every type, by type.
func Requests() []Request {
	var all []Request
	for _, e := range requests {
		all = append(all, e.zero.(Request))
	}
	slices.SortFunc(all, func(a, b Request) int { return bytes.Compare([]byte(a.kind()), []byte(b.kind())) })
	return all
}

// head is what every message of a page's connection has beside its own fields.
type head struct {
	Type string `json:"type"`
	ID   int    `json:"id"`
	Re   int    `json:"re"`
}

func readHead(frame []byte) (h head, err error) {
	if len(frame) > MaxFrame {
		return h, fmt.Errorf("a frame of %d bytes", len(frame))
	}
	if err := sound(frame); err != nil {
		return h, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(frame, &fields); err != nil {
		return h, err
	}
	for name, into := range map[string]*int{"id": &h.ID, "re": &h.Re} {
		if raw, ok := fields[name]; ok && json.Unmarshal(raw, into) != nil {
			*into = 0
		}
	}
	if raw, ok := fields["type"]; ok && json.Unmarshal(raw, &h.Type) != nil {
		return h, errors.New("type: must be a text")
	}
	if h.Type == "" {
		return h, errors.New("a message without a type")
	}
	return h, nil
}

// maxID is the highest id of a request.
const maxID = 1<<31 - 1

// Decode reads a page's request. Whatever is wrong with it is a *Error; id is 0 where even that could not be read.
func Decode(frame []byte) (id int, r Request, err error) {
	h, err := readHead(frame)
	if h.ID < 1 || h.ID > maxID {
		h.ID = 0
	}
	if err != nil {
		return h.ID, nil, Errorf(Malformed, "%v", err)
	}
	if h.ID == 0 {
		return 0, nil, Errorf(Malformed, "id: must be 1 to %d", maxID)
	}
	e, ok := requests[h.Type]
	if !ok {
		return h.ID, nil, Errorf(UnknownType, "no request %.40q", h.Type)
	}
	m, err := e.decode(frame, "type", "id")
	if err != nil {
		return h.ID, nil, Errorf(Malformed, "%s: %v", h.Type, err)
	}
	return h.ID, m.(Request), nil
}

// DecodeFrame reads a frame that came over an uplink.
func DecodeFrame(frame []byte) (Message, error) {
	h, err := readHead(frame)
	if err != nil {
		return nil, err
	}
	e, ok := frames[h.Type]
	if !ok {
		return nil, fmt.Errorf("unknown type %.40q", h.Type)
	}
	m, err := e.decode(frame, "type")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Type, err)
	}
	return m, nil
}

// Answer is what a request got; Err is nil for ok. Body is the whole frame, for ReadAnswer.
type Answer struct {
	Re   int
	Err  *Error
	Body []byte
}

// DecodeDown reads what a box sends to a page: an Event or an Answer. Clients use it.
func DecodeDown(frame []byte) (any, error) {
	h, err := readHead(frame)
	if err != nil {
		return nil, err
	}
	switch h.Type {
	case "ok":
		return Answer{Re: h.Re, Body: bytes.Clone(frame)}, nil
	case "error":
		var e Error
		if err := strict(frame, &e, "type", "re"); err != nil {
			return nil, fmt.Errorf("error: %w", err)
		}
		return Answer{Re: h.Re, Err: &e}, nil
	}
	e, ok := events[h.Type]
	if !ok {
		return nil, fmt.Errorf("unknown type %.40q", h.Type)
	}
	m, err := e.decode(frame, "type")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Type, err)
	}
	return m, nil
}

// ReadAnswer reads the fields of an ok.
func ReadAnswer(a Answer, into any) error {
	if a.Err != nil {
		return a.Err
	}
	return strict(a.Body, into, "type", "re")
}

// Encode writes an event or a frame between boxes: the type first, then the message's fields.
func Encode(m Message) ([]byte, error) { return write(`{"type":"`+m.kind()+`"`, m) }

// EncodeRequest writes a page's request. Clients use it.
func EncodeRequest(id int, r Request) ([]byte, error) {
	return write(fmt.Sprintf(`{"type":"%s","id":%d`, r.kind(), id), r)
}

// EncodeOK writes the answer to a request that was done; body is nil, HelloOK or SDP.
func EncodeOK(re int, body any) ([]byte, error) {
	if body == nil {
		body = struct{}{}
	}
	return write(fmt.Sprintf(`{"type":"ok","re":%d`, re), body)
}

// EncodeError writes the answer to a request that was not done. An error that is no *Error is told as internal, without its text.
func EncodeError(re int, err error) ([]byte, error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: Internal, Message: "the box could not do this; its log says why"}
	}
	return write(fmt.Sprintf(`{"type":"error","re":%d`, re), e)
}

func write(front string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	frame := []byte(front)
	if string(data) == "{}" {
		frame = append(frame, '}')
	} else {
		frame = append(append(frame, ','), data[1:]...)
	}
	if len(frame) > MaxFrame {
		return nil, fmt.Errorf("%s…: a frame of %d bytes", front, len(frame))
	}
	return frame, nil
}
