package mux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

var (
	// ErrNoStream means that the recording has no such stream, or no such fragment.
	ErrNoStream = errors.New("no such stream")
	// ErrGone means that what the index speaks of is not in the journal any more: it was erased, or a rolling journal let it go.
	ErrGone = errors.New("no longer in the journal")
)

// The first look at a lesson that has run for long takes no longer than scanLive, so that it can be played from its beginning at once; each Update
// goes on. The clock is looked at every scanLook packets.
const (
	scanLive = 300 * time.Millisecond
	scanLook = 1000
)

// Movie is a recording as players see it: streams of fragments on one timeline, which is the journal's. It serves several goroutines.
type Movie struct {
	reader *journal.Reader

	mu      sync.RWMutex
	streams []*stream
	grower  *indexer      // of a movie that may still grow; nil: the index was read from its file
	scanned time.Duration // arrival up to which the grower knows the journal
	whole   bool          // finished: the recording had ended
	damage  []Gap         // of the journal, as the scan came across it
	stamp   stamp         // of the journal that is indexed
}

// Stream is one source of the lesson: "teacher", "board", "voice" (the teaching room's), and for each other room "pupils:<campus>" and
// "voice:<campus>", with "/<room>" behind it where a campus has several, and "/<codec>" where a source goes on in another codec.
type Stream struct {
	Name      string
	Source    string // track.Voice, Teacher, Board, Pupils
	Campus    string
	Room      string
	Kind      track.Kind
	Codec     codec.Codec
	MIME      string // for MediaSource.addSourceBuffer
	Width     int    // of the largest picture; the size may change
	Height    int
	Fragments []Fragment // without holes: each begins where the one before ends
	Gaps      []Gap
}

// Fragment is some seconds of a stream. One of pictures begins with a keyframe, but see Continues.
type Fragment struct {
	At, Duration time.Duration // on the journal's timeline
	Bytes        int           // as Movie.Fragment gives it
	Gap          bool          // of pictures: the last one stands over a gap; of sound: nothing but silence that stands for what is not there
	Continues    bool          // begins without a keyframe, because none came for a minute: only to be played after the fragment before
}

// Gap is a range in which a stream lacks something.
type Gap struct {
	From, To time.Duration
	Why      string
	Source   string // of Movie.Damage: the only source that lacks it, "" all may
}

// Why there is a gap: a cause of the journal's own (journal.CauseRestart, …), or one of these.
const (
	WhyLost    = "lost"    // packets never came
	WhyStopped = "stopped" // the source was off, not wanted, or began anew
	WhyErased  = "erased"  // taken out on purpose
)

// Index gives the movie of a journal. It is read from the index beside the journal if that fits, else made by reading the journal once, and kept there when the
// recording is complete. A journal without media is a movie without streams.
func Index(r *journal.Reader) (*Movie, error) {
	m := &Movie{reader: r}
	s, err := stampOf(r)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", r.Dir(), err)
	}
	m.stamp = s
	if m.load() {
		return m, nil
	}
	if err := m.scan(); err != nil {
		return nil, fmt.Errorf("index %s: %w", r.Dir(), err)
	}
	return m, nil
}

// Update sees what the writer has stored since, and ends the movie when the recording has ended. Of a long lesson that was not looked at for long it
// sees a part, the next call more. Fragments that were given before stay as
// they are, unless parts of the journal were erased: then the movie is made anew.
func (m *Movie) Update() error {
	if err := m.reader.Refresh(); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	s, err := stampOf(m.reader)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s == m.stamp && (m.whole || m.reader.Live()) && m.scanned >= m.reader.Duration() {
		return nil
	}
	grown := m.grower != nil && !m.whole && s.erased == m.stamp.erased
	m.stamp = s
	if !grown {
		m.streams, m.grower, m.scanned, m.whole = nil, nil, 0, false
		if m.load() {
			return nil
		}
	}
	if err := m.scan(); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

// load takes the index from its file, if it fits.
func (m *Movie) load() (ok bool) {
	damage, streams, ok := load(m.reader.Dir(), m.stamp)
	if ok {
		m.damage, m.streams, m.whole, m.scanned = damage, streams, true, m.reader.Duration()
	}
	return ok
}

// spoil forgets the index: the journal holds less than it says. The next Update makes it anew.
func (m *Movie) spoil() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.whole || m.stamp == (stamp{}) {
		return
	}
	m.stamp = stamp{}
	_ = os.Remove(filepath.Join(m.reader.Dir(), IndexName)) // another that fits it no better
}

// scan reads what the journal has beyond scanned: of a running lesson for as long as a viewer may wait, the rest the next time.
func (m *Movie) scan() error {
	r := m.reader
	live, began := r.Live(), time.Now()
	if m.grower == nil {
		m.grower = newIndexer(r.Info(), r.First())
	}
	end, n := r.Duration(), 0
	err := r.Packets(m.scanned, end+1, nil, func(t journal.Track, p journal.Packet) error {
		m.grower.packet(t, p)
		if n++; live && n%scanLook == 0 && p.Arrival > m.scanned && time.Since(began) > scanLive {
			end = p.Arrival
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	m.scanned = end
	if !live {
		m.grower.finish()
		m.whole = true
	}
	m.streams = m.grower.streams
	m.damage = DamageOf(r.Events())
	m.choose()
	if m.whole {
		m.grower = nil
		for _, s := range m.streams {
			s.layout = layout{}
		}
		// A full disk is no reason to refuse playing: without the file it is made anew the next time.
		_ = save(r.Dir(), m.stamp, m.damage, m.streams)
	}
	return nil
}

// choose decides once for each stream what its fragments are: sound goes with the pictures of the lesson.
func (m *Movie) choose() {
	webm := false
	for _, s := range m.streams {
		if s.codec.Video() {
			webm = s.codec == codec.VP8
			break
		}
	}
	for _, s := range m.streams {
		if !s.chosen && len(s.fragments) > 0 {
			s.chosen, s.webm = true, s.codec == codec.VP8 || s.codec == codec.Opus && webm
		}
		s.measure()
	}
}

// DamageOf is what of a journal is damaged or not there, by its events. Of a journal that was not read yet that is not all.
func DamageOf(events []journal.Event) (out []Gap) {
	for _, e := range events {
		if why := e.Detail["cause"]; e.Name == journal.EventGap && (why == journal.CauseDamaged || why == journal.CauseMissing) {
			d, _ := time.ParseDuration(e.Detail["for"])
			out = append(out, Gap{From: e.At, To: e.At + d, Why: why, Source: e.Detail["source"]})
		}
	}
	return out
}

// Damage is what of the journal is damaged or not there, as far as it was read for the index. A gap of no length is one too.
func (m *Movie) Damage() []Gap {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.damage)
}

// Whole reports whether the recording has ended and all of it is indexed.
func (m *Movie) Whole() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.whole
}

// Duration is where the last fragment ends.
func (m *Movie) Duration() time.Duration {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var d time.Duration
	for _, s := range m.streams {
		if n := len(s.fragments); n > 0 {
			f := &s.fragments[n-1]
			d = max(d, span(f.at+f.duration, s.scale()))
		}
	}
	return d
}

// Streams are the streams that have fragments: teacher and board first, then the teaching room's voice, then the others as they appeared.
func (m *Movie) Streams() []Stream {
	events, erased := m.reader.Events(), m.reader.Erased()
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []Stream
	for _, s := range m.streams {
		if len(s.fragments) == 0 {
			continue
		}
		out = append(out, s.public(events, erased, m.damage))
	}
	slices.SortStableFunc(out, func(a, b Stream) int { return rank(a) - rank(b) })
	return out
}

func rank(s Stream) int {
	first := []string{track.Teacher, track.Board, track.Voice}
	if i := slices.Index(first, s.Name); i >= 0 {
		return i
	}
	return len(first)
}

func (s *stream) public(events []journal.Event, erased []journal.ErasedRange, damage []Gap) Stream {
	out := Stream{
		Name: s.name, Source: s.source, Campus: s.campus, Room: s.room, Kind: track.Audio, Codec: s.codec, MIME: s.mime(),
		Width: s.largest.Width, Height: s.largest.Height, Fragments: make([]Fragment, len(s.fragments)),
	}
	if s.codec.Video() {
		out.Kind = track.Video
	}
	for i := range s.fragments {
		f := &s.fragments[i]
		at := span(f.at, s.scale())
		out.Fragments[i] = Fragment{At: at, Duration: span(f.at+f.duration, s.scale()) - at, Bytes: f.size, Gap: f.gap, Continues: f.continues}
	}
	for _, g := range s.gaps {
		why := g.why(events, erased, damage, s.source)
		if why == WhyLost && g.to-g.from >= unwanted && !s.teaches() {
			why = WhyStopped
		}
		out.Gaps = append(out.Gaps, Gap{From: g.from, To: g.to, Why: why})
	}
	return out
}

// unwanted: a room that did not have the floor leaves out as many numbers as it made meanwhile. Where they are that long, nothing was lost.
const unwanted = 3 * time.Second

// teaches says whether a stream is of the teaching room.
func (s *stream) teaches() bool {
	return s.name == track.Teacher || s.name == track.Board || s.name == track.Voice || strings.HasPrefix(s.name, track.Voice+"/")
}

// A packet lies in the journal when it came, and in its stream when it was made.
const underway = 2 * time.Second

// why looks for what the journal says of that time.
func (g gap) why(events []journal.Event, erased []journal.ErasedRange, damage []Gap, source string) string {
	for _, e := range erased {
		if e.From < g.to && e.To > g.from && (e.Source == "" || e.Source == source) {
			return WhyErased
		}
	}
	for _, e := range events {
		if c := e.Detail["cause"]; e.Name != journal.EventGap || c == journal.CauseDamaged || c == journal.CauseMissing {
			continue
		}
		d, err := time.ParseDuration(e.Detail["for"])
		if err == nil && e.At < g.to && e.At+d > g.from {
			return e.Detail["cause"]
		}
	}
	for _, d := range damage {
		if d.From-underway < g.to && d.To > g.from-underway && (d.Source == "" || d.Source == source) {
			return d.Why
		}
	}
	if g.lost {
		return WhyLost
	}
	return WhyStopped
}

// stream is called with mu held.
func (m *Movie) stream(name string) *stream {
	for _, s := range m.streams {
		if s.name == name && len(s.fragments) > 0 {
			return s
		}
	}
	return nil
}

// Init is the initialisation segment of a stream.
func (m *Movie) Init(stream string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.stream(stream)
	if s == nil {
		return nil, ErrNoStream
	}
	return s.initial(), nil
}

// Fragment makes fragment n of a stream, reading only its part of the journal. ErrGone: the next Update makes the movie of what is left.
func (m *Movie) Fragment(stream string, n int) ([]byte, error) {
	m.mu.RLock()
	s := m.stream(stream)
	if s == nil || n < 0 || n >= len(s.fragments) {
		m.mu.RUnlock()
		return nil, ErrNoStream
	}
	f := s.fragments[n]
	m.mu.RUnlock()
	samples, data, err := read(m.reader, s.codec, &f)
	if errors.Is(err, ErrGone) {
		m.spoil()
	}
	if err != nil {
		return nil, fmt.Errorf("fragment %d of %s: %w", n, stream, err)
	}
	if s.webm {
		return s.clusters(&f, samples, data), nil
	}
	return s.movieFragment(n+1, &f, samples, data), nil
}
