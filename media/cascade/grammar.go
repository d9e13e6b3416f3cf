package cascade

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"tongke/media/codec"
	"tongke/media/track"
)

const (
	maxSlot     = 63
	maxSequence = 1<<48 - 1
	maxLayers   = 4
)

// Codes of deny and reasons of bye.
const (
	denyFull      = "full"
	denyUnknown   = "unknown"
	denyForbidden = "forbidden"

	byeShutdown   = "shutdown"
	byeSuperseded = "superseded"
	byeLoop       = "loop"
	byeTooDeep    = "too-deep"
	byeRemoved    = "removed"
	byeProtocol   = "protocol"
	byeTooMany    = "too-many"
)

func (r sourceRef) key() track.Key {
	return track.Key{Lesson: r.Lesson, Origin: r.Origin, Source: r.Source}
}

func refOf(k track.Key) sourceRef {
	return sourceRef{Lesson: k.Lesson, Origin: k.Origin, Source: k.Source}
}

// all reports whether s has min to max bytes, all of which ok accepts.
func all(s string, min, max int, ok func(c byte) bool) bool {
	if len(s) < min || len(s) > max {
		return false
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) bool { return c >= 'a' && c <= 'z' }
func upper(c byte) bool { return c >= 'A' && c <= 'Z' }
func digit(c byte) bool { return c >= '0' && c <= '9' }

func isBox(s string) bool {
	// Crockford's base32 leaves out i, l, o and u.
	return all(s, 16, 16, func(c byte) bool { return digit(c) || lower(c) && !strings.ContainsRune("ilou", rune(c)) })
}

func isLesson(s string) bool {
	return all(s, 1, 40, func(c byte) bool { return lower(c) || digit(c) || c == '-' })
}

func isSource(s string) bool {
	return all(s, 1, 32, func(c byte) bool { return lower(c) || digit(c) || c == '-' }) && lower(s[0])
}

func isLayer(s string) bool {
	return all(s, 0, 16, func(c byte) bool { return lower(c) || upper(c) || digit(c) || c == '_' || c == '-' })
}

func isCodec(s string) bool {
	return all(s, 1, 16, func(c byte) bool { return lower(c) || digit(c) || c == '-' }) && lower(s[0])
}

func isCapability(s string) bool {
	return all(s, 1, 64, func(c byte) bool {
		return lower(c) || upper(c) || digit(c) || c == '.' || c == ':' || c == '-'
	}) && lower(s[0])
}

// isText accepts a short text for people or an id of the site's choosing.
func isText(s string) bool {
	n := 0
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
		n++
	}
	return n <= 64
}

func checkPath(p []string) error {
	if len(p) < 1 || len(p) > maxBoxes {
		return fmt.Errorf("path has %d boxes, not 1 to %d", len(p), maxBoxes)
	}
	for i, id := range p {
		if !isBox(id) {
			return fmt.Errorf("path: %.40q is no box id", id)
		}
		if slices.Contains(p[:i], id) {
			return fmt.Errorf("path: %s stands twice", id)
		}
	}
	return nil
}

func (r sourceRef) check() error {
	switch {
	case !isLesson(r.Lesson):
		return fmt.Errorf("%.60q is no lesson id", r.Lesson)
	case !isBox(r.Origin):
		return fmt.Errorf("origin: %.40q is no box id", r.Origin)
	case !isSource(r.Source):
		return fmt.Errorf("%.60q is no source", r.Source)
	}
	return nil
}

func checkLayer(r sourceRef, layer string) error {
	if !isLayer(layer) {
		return fmt.Errorf("%.60q is no layer", layer)
	}
	return r.check()
}

func checkSlot(slot int) error {
	if slot < 0 || slot > maxSlot {
		return fmt.Errorf("slot %d is not 0 to %d", slot, maxSlot)
	}
	return nil
}

func checkCodec(name string) error {
	if codec.Parse(name) == codec.None {
		return fmt.Errorf("unknown codec %.40q", name)
	}
	return nil
}

func (m *hello) check() error {
	if m.Version < 1 || m.Version > 1000 {
		return fmt.Errorf("version %d is not 1 to 1000", m.Version)
	}
	if len(m.Capabilities) > 64 {
		return errors.New("more than 64 capabilities")
	}
	for _, c := range m.Capabilities {
		if !isCapability(c) {
			return fmt.Errorf("%.80q is no capability", c)
		}
	}
	if !isText(m.Alliance) || !isText(m.Campus) || !isText(m.DesiredVersion) {
		return errors.New("alliance, campus or desiredVersion is too long or has control characters")
	}
	return checkPath(m.Path)
}

func (a *announce) check() error {
	if len(a.Layers) < 1 || len(a.Layers) > maxLayers {
		return fmt.Errorf("%d layers, not 1 to %d", len(a.Layers), maxLayers)
	}
	for i, l := range a.Layers {
		if !isLayer(l) || slices.Contains(a.Layers[:i], l) {
			return fmt.Errorf("layer %.40q", l)
		}
	}
	if !isCodec(a.Codec) {
		return fmt.Errorf("%.40q is no codec", a.Codec)
	}
	if kind, known := track.KindOf(a.Source); known && codec.Parse(a.Codec) != codec.None && (kind == track.Video) != codec.Parse(a.Codec).Video() {
		return fmt.Errorf("%s is no codec for %s", a.Codec, a.Source)
	}
	if !isText(a.Alliance) || !isText(a.Campus) {
		return errors.New("alliance or campus is too long or has control characters")
	}
	if err := checkPath(a.Path); err != nil {
		return err
	}
	if a.Path[0] != a.Origin {
		return errors.New("path does not begin at the origin")
	}
	return a.sourceRef.check()
}

func (m *want) check() error {
	if m.Priority < 1 || m.Priority > 9 {
		return fmt.Errorf("priority %d is not 1 to 9", m.Priority)
	}
	return checkLayer(m.sourceRef, m.Layer)
}

func (m *unwant) check() error { return checkLayer(m.sourceRef, m.Layer) }

func (m *deny) check() error {
	if m.Code != denyFull && m.Code != denyUnknown && m.Code != denyForbidden {
		return fmt.Errorf("unknown code %.40q", m.Code)
	}
	return checkLayer(m.sourceRef, m.Layer)
}

func (m *bind) check() error {
	if m.FirstSlotSequence > maxSequence || m.OriginSequence > maxSequence {
		return errors.New("sequence is longer than 48 bits")
	}
	if err := errors.Join(checkSlot(m.Slot), checkCodec(m.Codec)); err != nil {
		return err
	}
	return checkLayer(m.sourceRef, m.Layer)
}

func (m *unbind) check() error  { return checkSlot(m.Slot) }
func (m *unbound) check() error { return checkSlot(m.Slot) }
func (m *pli) check() error     { return checkSlot(m.Slot) }

func (m *bye) check() error {
	if !slices.Contains([]string{byeShutdown, byeSuperseded, byeLoop, byeTooDeep, byeRemoved, byeProtocol, byeTooMany}, m.Reason) {
		return fmt.Errorf("unknown reason %.40q", m.Reason)
	}
	if len(m.Alternatives) > 8 {
		return errors.New("more than 8 alternatives")
	}
	for _, a := range m.Alternatives {
		if err := checkURL(a); err != nil {
			return err
		}
	}
	return nil
}

// checkURL accepts https://host[:port], where a box can be dialled.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > 300 || u.Scheme != "https" || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%.80q is not https://host[:port]", s)
	}
	return nil
}

// agree is the version that two boxes speak: the lower one, if that is within two of both. One box's releases cover three versions.
func agree(ours, theirs int) (spoken int, ok bool) {
	spoken = min(ours, theirs)
	return spoken, spoken >= 1 && spoken >= ours-2 && spoken >= theirs-2
}

// priorityOf is how important a source is when slots or bits are short: voice, then board, then the teacher, then the others.
func priorityOf(source string) int {
	switch source {
	case track.Voice:
		return 1
	case track.Board:
		return 2
	case track.Teacher:
		return 3
	}
	return 4
}
