package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and lists may be nested: the message itself is 1.
const maxDepth = 8

// maxTokens bounds the work on a text: the largest that anybody has a reason to send, a state of 24 rooms and 50 notes, has 2200.
const maxTokens = 4096

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// sound refuses what no receiver should have to think about: no object, bad UTF-8, more than one value, too deep, a key twice.
func sound(frame []byte) error {
	if !utf8.Valid(frame) {
		return errors.New("not UTF-8")
	}
	w := newWalker(frame)
	t, err := w.token()
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	if t != json.Delim('{') {
		return errors.New("no object")
	}
	if err := w.object(nil, nil, 1); err != nil {
		return err
	}
	if _, err := w.token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// strict reads a sound frame into a struct and refuses what encoding/json would let pass: unknown fields, names in other letters' case,
// null for what cannot be absent, and a field that is left out although its tag has no omitempty or omitzero. extra are further names
// that the outermost object may have.
func strict(frame []byte, into any, extra ...string) error {
	w := newWalker(frame)
	if _, err := w.token(); err != nil {
		return err
	}
	if err := w.object(reflect.TypeOf(into).Elem(), extra, 1); err != nil {
		return err
	}
	return json.Unmarshal(frame, into)
}

// walker reads a JSON text beside the type that it is meant for; a nil type means anything.
type walker struct {
	d      *json.Decoder
	tokens int
}

func newWalker(text []byte) *walker {
	w := &walker{d: json.NewDecoder(bytes.NewReader(text))}
	w.d.UseNumber()
	return w
}

func (w *walker) token() (json.Token, error) {
	if w.tokens++; w.tokens > maxTokens {
		return nil, errors.New("too many values")
	}
	return w.d.Token()
}

// field is what a struct says of one name.
type field struct {
	t      reflect.Type
	needed bool
}

func fieldsOf(t reflect.Type) map[string]field {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	fields := map[string]field{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous { // its fields stand beside ours
			for name, inner := range fieldsOf(f.Type) {
				fields[name] = inner
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = field{f.Type, options == ""}
	}
	return fields
}

// object reads the rest of an object whose brace was read.
func (w *walker) object(t reflect.Type, extra []string, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	fields := fieldsOf(t)
	seen := map[string]bool{}
	for w.d.More() {
		key, err := w.token()
		if err != nil {
			return fmt.Errorf("no JSON: %w", err)
		}
		name := key.(string) // the decoder lets nothing else stand here
		if seen[name] {
			return fmt.Errorf("%.40q twice", name)
		}
		seen[name] = true
		inner := field{}
		switch f, ok := fields[name]; {
		case ok:
			inner = f
		case depth == 1 && contains(extra, name):
		case fields != nil:
			return fmt.Errorf("unknown field %.40q", name)
		case t != nil && t.Kind() == reflect.Map:
			inner.t = t.Elem()
		}
		if err := w.value(inner.t, depth); err != nil {
			return fmt.Errorf("%.40s: %w", name, err)
		}
	}
	for name, f := range fields {
		if f.needed && !seen[name] {
			return fmt.Errorf("%s: must be given", name)
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) value(t reflect.Type, depth int) error {
	token, err := w.token()
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	if t != nil && reflect.PointerTo(t).Implements(unmarshaler) {
		t = nil // it judges for itself
	}
	if t != nil && t.Kind() == reflect.Pointer {
		if token == nil {
			return nil
		}
		t = t.Elem()
	} else if token == nil && t != nil {
		return errors.New("must not be null")
	}
	switch token {
	case json.Delim('{'):
		return w.object(t, nil, depth+1)
	case json.Delim('['):
		return w.list(t, depth+1)
	}
	return nil
}

func (w *walker) list(t reflect.Type, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	var elem reflect.Type
	if t != nil && t.Kind() == reflect.Slice {
		elem = t.Elem()
	}
	for w.d.More() {
		if err := w.value(elem, depth); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
