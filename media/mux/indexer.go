package mux

import (
	"cmp"
	"slices"
	"time"

	"tongke/media/recorder/journal"
	"tongke/media/track"
)

// stepEvery is how far apart on the journal's timeline the queues are looked at.
const stepEvery = 100 * time.Millisecond

// indexer lays the packets of a journal out as streams. What it makes depends on the order of the packets in the journal and on nothing else, so
// that an index grown with a running lesson is the one that is made of the whole recording later.
type indexer struct {
	info    journal.Info
	start   time.Duration // of the journal, above 0 where its beginning was let go
	streams []*stream
	tracks  []*feed // in order of appearance
	byID    map[uint16]*feed
	now     time.Duration // newest arrival
	stepped time.Duration
}

// feed is a track on its way into its stream.
type feed struct {
	queue  *queue
	stream *stream
	frames []frame
	newest time.Duration // arrival
}

func newIndexer(info journal.Info, start time.Duration) *indexer {
	return &indexer{info: info, start: start, byID: map[uint16]*feed{}}
}

// packet takes the packets of the journal in its order. What was given before is ignored.
func (x *indexer) packet(t journal.Track, p journal.Packet) {
	if p.Seq>>48 != 0 {
		return // no origin number
	}
	f := x.byID[p.Track]
	if f == nil {
		f = &feed{queue: newQueue(t), stream: x.stream(t)}
		x.byID[p.Track] = f
		x.tracks = append(x.tracks, f)
		if f.stream != nil {
			f.stream.layout.feeds = append(f.stream.layout.feeds, f)
		}
	}
	if f.stream == nil {
		return
	}
	f.queue.put(p)
	f.newest = max(f.newest, p.Arrival)
	x.now = max(x.now, p.Arrival)
	if x.now-x.stepped >= stepEvery {
		x.stepped = x.now
		x.step(false)
	}
}

// step moves on what is due.
func (x *indexer) step(end bool) {
	for _, s := range x.streams {
		s.step(x.now, end)
	}
}

func (s *stream) step(now time.Duration, end bool) {
	type due struct {
		track journal.Track
		order time.Duration // a track's frames stay in its order even where its clock was put back
		frame
	}
	var all []due
	lively := 0
	for _, f := range s.layout.feeds {
		if now-f.newest < 2*lateness {
			lively++
		}
	}
	for _, f := range s.layout.feeds {
		f.queue.prompt = lively == 1 && now-f.newest < 2*lateness // of several, one may be about to take over from another
		f.queue.take(now, end, func(fr frame) { f.frames = append(f.frames, fr) })
		if len(s.layout.feeds) == 1 {
			for _, fr := range f.frames {
				s.accept(f.queue.track, fr)
			}
		} else {
			var order time.Duration
			for _, fr := range f.frames {
				order = max(order, fr.at)
				all = append(all, due{f.queue.track, order, fr})
			}
		}
		f.frames = f.frames[:0]
	}
	slices.SortStableFunc(all, func(a, b due) int { return cmp.Compare(a.order, b.order) })
	for _, d := range all {
		s.accept(d.track, d.frame)
	}
	if !end && !s.codec.Video() {
		s.idle(now - lateness - time.Second)
	}
}

// finish takes what is still waiting and ends all streams together.
func (x *indexer) finish() {
	x.step(true)
	var end time.Duration
	for _, s := range x.streams {
		if s.layout.begun {
			end = max(end, span(s.layout.end, s.scale()))
		}
	}
	for _, s := range x.streams {
		s.finish(end)
	}
}

// stream finds the stream of a track, or makes it. The same source of the same room goes on in one stream whatever happens to its publisher; another codec
// is another stream, for a player cannot go on with it.
func (x *indexer) stream(t journal.Track) *stream {
	kind, known := track.KindOf(t.Source)
	if !known || t.Codec.String() == "none" || t.Codec.Video() != (kind == track.Video) {
		return nil
	}
	teaching := t.Source == track.Teacher || t.Source == track.Board
	if t.Source == track.Voice {
		teaching = x.teaches(t)
	}
	for _, s := range x.streams {
		if s.source == t.Source && s.codec == t.Codec && s.layout.teaching == teaching && (teaching || s.campus == t.Campus && s.room == t.Room) {
			return s
		}
	}
	name := t.Source
	if !teaching {
		name += ":" + cmp.Or(t.Campus, t.Origin)
	}
	taken := func(s *stream) bool { return s.name == name }
	for _, more := range []string{t.Room, t.Codec.String(), t.Origin} { // whatever tells it apart
		if more != "" && slices.ContainsFunc(x.streams, taken) {
			name += "/" + more
		}
	}
	if slices.ContainsFunc(x.streams, taken) {
		return nil
	}
	s := &stream{name: name, source: t.Source, campus: t.Campus, room: t.Room, codec: t.Codec}
	s.layout.teaching = teaching
	s.layout.start = s.samples(x.start / fillerGrid * fillerGrid)
	x.streams = append(x.streams, s)
	return s
}

// teaches says whether a voice is that of the teaching room: it comes from where the teacher's or the board's pictures come from. While there are
// none, the campus that the journal names as master counts, and where it names none, the first voice.
func (x *indexer) teaches(t journal.Track) bool {
	pictures, voices := false, false
	for _, f := range x.tracks {
		o := f.queue.track
		if f.stream == nil {
			continue
		}
		if o.Source == track.Teacher || o.Source == track.Board {
			pictures = true
			if o.Origin == t.Origin || o.Campus == t.Campus && o.Room == t.Room && t.Campus != "" {
				return true
			}
		}
		voices = voices || o.Source == track.Voice
	}
	if pictures {
		return false
	}
	if x.info.Master != "" {
		return t.Campus == x.info.Master
	}
	return !voices
}
