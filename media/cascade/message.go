package cascade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	version       = 1     // spoken by this release; see agree
	maxMessage    = 65535 // bytes of a control message
	maxDepth      = 3     // of nesting; our own messages need 2
	maxBoxes      = 5     // on a path
	controlLabel  = "control"
	lessonLabel   = "lesson"
	pingLabel     = "ping"
	maxLessonSize = 65535 // bytes of a lesson frame
)

// message is a control message. README.md is the text; the types follow it.
type message interface {
	name() string
	check() error // ranges and grammar; fields that are missing were found before
}

type hello struct {
	Version        int      `json:"version"`
	Capabilities   []string `json:"capabilities"`
	Path           []string `json:"path"`
	Alliance       string   `json:"alliance"`
	Campus         string   `json:"campus"`
	DesiredVersion string   `json:"desiredVersion"`
}

// sourceRef names a source; the messages about one have its fields among their own.
type sourceRef struct {
	Lesson string `json:"lesson"`
	Origin string `json:"origin"`
	Source string `json:"source"`
}

type announce struct {
	sourceRef
	Layers   []string `json:"layers"`
	Codec    string   `json:"codec"`
	Path     []string `json:"path"`
	Epoch    uint32   `json:"epoch"`
	Live     bool     `json:"live"`
	Alliance string   `json:"alliance"`
	Campus   string   `json:"campus"`
}

type withdraw struct {
	sourceRef
}

type want struct {
	sourceRef
	Layer    string `json:"layer"`
	Priority int    `json:"priority"`
}

type unwant struct {
	sourceRef
	Layer string `json:"layer"`
}

type deny struct {
	sourceRef
	Layer string `json:"layer"`
	Code  string `json:"code"`
}

type bind struct {
	Slot int `json:"slot"`
	sourceRef
	Layer             string `json:"layer"`
	Codec             string `json:"codec"`
	Epoch             uint32 `json:"epoch"`
	FirstSlotSequence uint64 `json:"firstSlotSequence"`
	OriginSequence    uint64 `json:"originSequence"`
	TimestampOffset   uint32 `json:"timestampOffset"`
}

type unbind struct {
	Slot int `json:"slot"`
}

type unbound struct {
	Slot int `json:"slot"`
}

type pli struct {
	Slot int `json:"slot"`
}

type bye struct {
	Reason       string   `json:"reason"`
	Alternatives []string `json:"alternatives"`
}

func (*hello) name() string    { return "hello" }
func (*announce) name() string { return "announce" }
func (*withdraw) name() string { return "withdraw" }
func (*want) name() string     { return "want" }
func (*unwant) name() string   { return "unwant" }
func (*deny) name() string     { return "deny" }
func (*bind) name() string     { return "bind" }
func (*unbind) name() string   { return "unbind" }
func (*unbound) name() string  { return "unbound" }
func (*pli) name() string      { return "pli" }
func (*bye) name() string      { return "bye" }

// shape is what the decoder knows of one message.
type shape struct {
	fields []string
	make   func() message
}

var shapes = shapesOf(
	func() message { return new(hello) }, func() message { return new(announce) }, func() message { return new(withdraw) },
	func() message { return new(want) }, func() message { return new(unwant) }, func() message { return new(deny) },
	func() message { return new(bind) }, func() message { return new(unbind) }, func() message { return new(unbound) },
	func() message { return new(pli) }, func() message { return new(bye) },
)

func shapesOf(makers ...func() message) map[string]shape {
	out := map[string]shape{}
	for _, mk := range makers {
		m := mk()
		out[m.name()] = shape{fields: fieldsOf(reflect.TypeOf(m).Elem()), make: mk}
	}
	return out
}

func fieldsOf(t reflect.Type) (out []string) {
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, fieldsOf(f.Type)...)
			continue
		}
		out = append(out, f.Tag.Get("json"))
	}
	return out
}

// errSkipped is returned for a message that the peer's capabilities allow us not to know.
var errSkipped = errors.New("message of a newer release")

// decoder reads one peer's control messages. extra holds the "field:…" and "message:…" of its hello.
type decoder struct {
	extra map[string]bool
}

// learn takes over what a hello says of messages newer than this release.
func (d *decoder) learn(capabilities []string) {
	d.extra = map[string]bool{}
	for _, c := range capabilities {
		if strings.HasPrefix(c, "field:") || strings.HasPrefix(c, "message:") {
			d.extra[c] = true
		}
	}
}

// decode reads a message with a "type"; errSkipped means that it is none of ours and allowed.
func (d *decoder) decode(data []byte) (message, error) {
	keys, err := scan(data, maxMessage)
	if err != nil {
		return nil, err
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("type: %w", err)
	}
	return d.read(head.Type, data, keys, true)
}

// decodeHello reads the hello of the connect request, that has no "type".
func (d *decoder) decodeHello(data []byte) (*hello, error) {
	keys, err := scan(data, maxMessage)
	if err != nil {
		return nil, err
	}
	m, err := d.read("hello", data, keys, false)
	if err != nil {
		return nil, err
	}
	return m.(*hello), nil
}

func (d *decoder) read(kind string, data []byte, keys []string, typed bool) (message, error) {
	sh, known := shapes[kind]
	if !known {
		if d.extra["message:"+kind] {
			return nil, errSkipped
		}
		return nil, fmt.Errorf("unknown message %.40q", kind)
	}
	m := sh.make()
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	h, isHello := m.(*hello)
	newer := isHello && h.Version > version
	for _, k := range keys {
		if !slices.Contains(sh.fields, k) && !(typed && k == "type") && !newer && !d.extra["field:"+kind+"."+k] {
			return nil, fmt.Errorf("%s: unknown field %.40q", kind, k)
		}
	}
	for _, f := range sh.fields {
		if !slices.Contains(keys, f) {
			return nil, fmt.Errorf("%s: %s is missing", kind, f)
		}
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return m, nil
}

// encode is the wire form of m, "type" first.
func encode(m message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.name(), err)
	}
	return append([]byte(`{"type":"`+m.name()+`",`), body[1:]...), nil
}

// scan checks the form of a JSON object, before anything is built from it, and returns its keys: size, UTF-8, depth, no key twice at any
// level, no null (the standard decoder would take one for any field), nothing after the end.
func scan(data []byte, limit int) ([]string, error) {
	if len(data) > limit {
		return nil, fmt.Errorf("%d bytes are over the limit of %d", len(data), limit)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	s := scanner{dec: json.NewDecoder(bytes.NewReader(data))}
	tok, err := s.dec.Token()
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	if tok != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	keys, err := s.object(1)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(data[s.dec.InputOffset():])) > 0 {
		return nil, errors.New("something follows the object")
	}
	return keys, nil
}

type scanner struct{ dec *json.Decoder }

func (s *scanner) object(depth int) (keys []string, err error) {
	for s.dec.More() {
		tok, err := s.dec.Token()
		if err != nil {
			return nil, fmt.Errorf("JSON: %w", err)
		}
		key, ok := tok.(string)
		if !ok {
			return nil, errors.New("JSON: key is not a string")
		}
		if slices.Contains(keys, key) {
			return nil, fmt.Errorf("key %.40q stands twice", key)
		}
		if keys = append(keys, key); len(keys) > 64 {
			return nil, errors.New("too many keys")
		}
		if err := s.value(depth); err != nil {
			return nil, err
		}
	}
	_, err = s.dec.Token() // the closing brace
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	return keys, nil
}

func (s *scanner) value(depth int) error {
	tok, err := s.dec.Token()
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	switch tok {
	case nil:
		return errors.New("null is no value here")
	case json.Delim('{'), json.Delim('['):
		if depth == maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
	default:
		return nil
	}
	if tok == json.Delim('{') {
		_, err := s.object(depth + 1)
		return err
	}
	for s.dec.More() {
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	if _, err := s.dec.Token(); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	return nil
}
