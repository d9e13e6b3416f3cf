package mux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// Formats of files to keep.
const (
	// MP4 is H264 and Opus, the index first. Some old players show it without sound, because they do not know Opus. The sound of a network camera
	// is FLAC in it.
	MP4 = "mp4"
	// WebM is VP8 and Opus.
	WebM = "webm"
	// MKV takes everything, in as many tracks as are asked for.
	MKV = "mkv"
	// Sound is one voice as Ogg Opus: what Android, Windows, browsers and VLC play without more. Opus in MP4 is played by fewer of
	// them. The sound of a network camera is FLAC in MP4.
	Sound = "sound"
)

var (
	// ErrFormat means that a format cannot hold a stream: VP8 goes into WebM and MKV, H264 into MP4 and MKV, sound is one voice.
	ErrFormat = errors.New("format cannot hold this")
	// ErrEmpty means that there is nothing to export.
	ErrEmpty = errors.New("nothing was recorded")
)

// ExportOptions say what to export.
type ExportOptions struct {
	Format  string   // MP4, WebM, MKV or Sound
	Streams []string // by name; none: the board, else the teacher, with the teacher's voice; of MKV everything, of Sound the voice
	// Progress is told now and then how much of the file's playing time is written.
	Progress func(done, total time.Duration)
	// Marks become the file's chapters. What lies before its beginning or behind its end is left out.
	Marks []Mark
}

// Mark is a place on the journal's timeline that players show as a chapter.
type Mark struct {
	At   time.Duration
	Text string
}

// File is a file to be exported. Its size is known before the first byte is written, and nothing is kept on disk or, but for some seconds of
// each stream, in memory.
type File struct {
	Size      int64
	MIME      string
	Extension string // with its dot
	Duration  time.Duration

	reader   packets
	movie    *Movie
	progress func(done, total time.Duration)
	parts    []part
	marks    []Mark // in the file's time
	write    func(*output) error
}

// part is a stream in a file, from its first fragment there.
type part struct {
	stream    *stream
	fragments []fragment
	start     time.Duration // of the file on the journal's timeline
}

// at is where fragment i begins in the file.
func (p *part) offset() time.Duration { return span(p.fragments[0].at, p.stream.scale()) - p.start }

// Export writes a file of a journal to w.
func Export(ctx context.Context, w io.Writer, r *journal.Reader, o ExportOptions) error {
	m, err := Index(r)
	if err != nil {
		return err
	}
	f, err := m.File(o)
	if err != nil {
		return err
	}
	return f.Write(ctx, w)
}

// File plans an export. A lesson that still runs is exported as far as it is indexed.
func (m *Movie) File(o ExportOptions) (*File, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	chosen, err := m.chosenStreams(o)
	if err != nil {
		return nil, err
	}
	f := &File{reader: m.reader, movie: m, progress: o.Progress}
	f.cut(chosen)
	if len(f.parts) == 0 {
		return nil, ErrEmpty
	}
	f.mark(o.Marks)
	switch o.Format {
	case MP4:
		f.MIME, f.Extension = "video/mp4", ".mp4"
		err = f.planMP4()
	case WebM:
		f.MIME, f.Extension = "video/webm", ".webm"
		err = f.planMatroska("webm")
	case MKV:
		f.MIME, f.Extension = "video/x-matroska", ".mkv"
		err = f.planMatroska("matroska")
	case Sound:
		if chosen[0].codec.G711() {
			f.MIME, f.Extension = "audio/mp4", ".m4a"
			err = f.planMP4()
			break
		}
		f.MIME, f.Extension = "audio/ogg", ".opus"
		err = f.planOgg()
	}
	return f, err
}

// chosenStreams are the streams to export, checked against the format.
func (m *Movie) chosenStreams(o ExportOptions) ([]*stream, error) {
	allowed := map[string][]codec.Codec{
		MP4: {codec.H264, codec.Opus, codec.PCMA, codec.PCMU}, WebM: {codec.VP8, codec.Opus},
		MKV: {codec.H264, codec.VP8, codec.Opus, codec.PCMA, codec.PCMU}, Sound: {codec.Opus, codec.PCMA, codec.PCMU},
	}[o.Format]
	if allowed == nil {
		return nil, fmt.Errorf("%q: %w", o.Format, ErrFormat)
	}
	names := o.Streams
	if len(names) == 0 {
		names = m.usual(o.Format)
	}
	var out []*stream
	for _, n := range names {
		s := m.stream(n)
		if s == nil {
			return nil, fmt.Errorf("%s: %w", n, ErrNoStream)
		}
		ok := false
		for _, c := range allowed {
			ok = ok || c == s.codec
		}
		if !ok {
			return nil, fmt.Errorf("%s is %v: %w", n, s.codec, ErrFormat)
		}
		out = append(out, s)
	}
	if o.Format == Sound && len(out) > 1 {
		return nil, fmt.Errorf("%d voices: %w", len(out), ErrFormat)
	}
	return out, nil
}

func (m *Movie) usual(format string) (names []string) {
	switch format {
	case MKV:
		for _, s := range m.streams {
			if len(s.fragments) > 0 {
				names = append(names, s.name)
			}
		}
		return names
	case Sound:
	default:
		if m.stream(track.Board) != nil {
			names = append(names, track.Board)
		} else if m.stream(track.Teacher) != nil {
			names = append(names, track.Teacher)
		}
	}
	if s := m.stream(track.Voice); s != nil && (format != WebM || !s.codec.G711()) {
		names = append(names, track.Voice)
	}
	return names
}

// cut lets the file begin where the first of the streams does: what was filled in before that is left out.
func (f *File) cut(chosen []*stream) {
	start := time.Duration(-1)
	for _, s := range chosen {
		for i := range s.fragments {
			if fr := &s.fragments[i]; s.codec.Video() || !fr.gap {
				if at := span(fr.at, s.scale()); start < 0 || at < start {
					start = at
				}
				break
			}
		}
	}
	for _, s := range chosen {
		first := 0
		for first < len(s.fragments) && span(s.fragments[first].at, s.scale()) < start {
			first++
		}
		if start < 0 || first == len(s.fragments) {
			continue
		}
		fragments := s.fragments[first:len(s.fragments):len(s.fragments)]
		f.parts = append(f.parts, part{s, fragments, start})
		last := &fragments[len(fragments)-1]
		f.Duration = max(f.Duration, span(last.at+last.duration, s.scale())-start)
	}
}

// mostMarks is how many an MP4 file can count.
const mostMarks = 255

// mark takes the chapters over into the file's time.
func (f *File) mark(marks []Mark) {
	start := f.parts[0].start
	for _, m := range marks {
		at := m.At - start
		if at < 0 && at > -5*time.Second { // the lesson began a moment before the first picture
			at = 0
		}
		if at >= 0 && at < f.Duration && len(f.marks) < mostMarks {
			for m.Text = strings.ToValidUTF8(m.Text, ""); len(m.Text) > 255; {
				_, n := utf8.DecodeLastRuneInString(m.Text)
				m.Text = m.Text[:len(m.Text)-n]
			}
			f.marks = append(f.marks, Mark{at, m.Text})
		}
	}
	slices.SortStableFunc(f.marks, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
}

// Write writes the file. It may be called again, also at the same time. ErrGone: the journal holds less than was planned; after an Update of the
// movie a new File is made of what is left.
func (f *File) Write(ctx context.Context, w io.Writer) error {
	out := &output{ctx: ctx, w: w, file: f}
	if err := f.write(out); err != nil {
		if errors.Is(err, ErrGone) {
			f.movie.spoil()
		}
		return fmt.Errorf("export: %w", err)
	}
	if out.written != f.Size {
		return fmt.Errorf("export: %d bytes instead of %d", out.written, f.Size)
	}
	return nil
}

// output counts what is written and tells of the progress.
type output struct {
	ctx     context.Context
	w       io.Writer
	file    *File
	written int64
	told    time.Duration
}

func (o *output) write(b []byte) error {
	if err := o.ctx.Err(); err != nil {
		return err
	}
	n, err := o.w.Write(b)
	o.written += int64(n)
	return err
}

// reached tells that everything before a time in the file is written.
func (o *output) reached(at time.Duration) {
	if o.file.progress != nil && (at >= o.told+time.Second || at >= o.file.Duration) {
		o.told = at
		o.file.progress(min(at, o.file.Duration), o.file.Duration)
	}
}

// cursor walks through the samples of a part. With a reader it has their data too.
type cursor struct {
	part   *part
	reader packets
	next   int // fragment
	rest   []sample
	data   []byte
	at     int64 // ticks of rest[0]
	err    error
}

// more makes rest hold at least one sample; false at the end or after an error.
func (c *cursor) more() bool {
	for len(c.rest) == 0 && c.err == nil {
		if c.next == len(c.part.fragments) {
			return false
		}
		f := &c.part.fragments[c.next]
		c.next++
		c.at = f.at
		if c.reader == nil {
			c.rest, c.err = readSamples(f.table)
		} else {
			c.rest, c.data, c.err = read(c.reader, c.part.stream.codec, f)
		}
		c.part.even(c.rest)
	}
	return c.err == nil
}

// few pictures are too few for the grid of 5 ms that they lie on: of more, ffmpeg takes the durations' common divisor, of fewer it guesses a
// rate that their times meet roughly (libavformat's estimation of r_frame_rate wants more than 15 durations, and of a Matroska file it does not
// see the first).
const few = 28

// even gives the pictures of a file of few, where they come as regularly as the grid lets one see, all the same duration but the last one.
// Then there is nothing to guess, and none fall together.
func (p *part) even(samples []sample) {
	n := int64(len(samples)) - 1
	if p.stream.codec != codec.H264 || len(p.fragments) > 1 || n < 2 || n >= few {
		return
	}
	total := int64(0)
	for _, s := range samples[:n] {
		total += int64(s.duration)
	}
	each, at := (total+n/2)/n, int64(0)
	for i, s := range samples[:n] {
		if off := at - int64(i)*each; off > 2*pictureGrid || off < -2*pictureGrid {
			return
		}
		at += int64(s.duration)
	}
	for i := range samples[:n] {
		samples[i].duration = uint32(each)
	}
}

// time is where the next sample lies in the file.
func (c *cursor) time() time.Duration {
	return span(c.at, c.part.stream.scale()) - c.part.start
}

// take gives the next sample and its data.
func (c *cursor) take() (s sample, data []byte) {
	s = c.rest[0]
	c.rest = c.rest[1:]
	c.at += int64(s.duration)
	if c.reader != nil {
		data, c.data = c.data[:s.size], c.data[s.size:]
	}
	return s, data
}

// earliest is the cursor with the earliest next sample, nil when all are at their end. Of equal ones the first wins.
func earliest(cursors []*cursor) (*cursor, error) {
	var first *cursor
	for _, c := range cursors {
		if !c.more() {
			if c.err != nil {
				return nil, c.err
			}
			continue
		}
		if first == nil || c.time() < first.time() {
			first = c
		}
	}
	return first, nil
}

func (f *File) cursors(r packets) []*cursor {
	out := make([]*cursor, len(f.parts))
	for i := range f.parts {
		out[i] = &cursor{part: &f.parts[i], reader: r}
	}
	return out
}
