package library

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"tongke/media/mux"
	"tongke/media/recorder/journal"
)

// leastGap is the shortest hole worth a word: shorter ones are loss, which the players conceal.
const leastGap = time.Second

// names reads campus and room names out of a journal's Info. A room is "campus" or "campus/classroom".
type names map[string]string

func (n names) of(room string) string {
	campus, classroom, _ := strings.Cut(room, "/")
	name := cmp.Or(n[room], n[campus], campus)
	if classroom != "" && n[room] == "" {
		name += " " + classroom
	}
	return name
}

// facts are what an entry is made of. Streams are empty while the lesson goes on.
type facts struct {
	info     journal.Info
	events   []journal.Event
	tracks   []journal.Track
	start    time.Time
	duration time.Duration
	bytes    int64
	live     bool
	erased   []journal.ErasedRange
	damage   []mux.Gap
	before   time.Duration // how long it was when it was last looked at after its end
	streams  []streamFacts
}

// streamFacts say where one stream has something, and where it is loud.
type streamFacts struct {
	name, campus string
	voice        bool
	spans, loud  []Span
}

// describe makes an entry of what a journal says.
func describe(id string, f facts) Entry {
	e := Entry{
		ID: id, Lesson: cmp.Or(f.info.Lesson, id), Made: f.info.Planned, By: f.info.By, Title: cmp.Or(f.info.Title, id), Subject: f.info.Subject, Teacher: f.info.Teacher, Campus: f.info.Campus, Box: f.info.Box, Scope: f.info.Scope,
		Start: f.start.UTC().Truncate(time.Second), Duration: f.duration, Bytes: f.bytes, Live: f.live, Streams: []string{}, Gaps: []Gap{},
	}
	n := names(f.info.Names)
	for _, s := range f.streams {
		e.Streams = append(e.Streams, s.name)
	}
	e.Chapters = chapters(f.events, n)
	e.Campuses = campuses(f, n)
	e.Heard = heard(f, n)
	e.Gaps = gaps(f)
	for _, d := range f.damage {
		e.Damaged = append(e.Damaged, Damage{Span{d.From, d.To}, d.Source})
	}
	if lost := (Span{f.duration, f.before}); lost.Length() > leastGap { // its last segments went, and only the catalogue knows of them
		e.Duration = f.before
		e.Gaps = append(e.Gaps, Gap{lost, journal.CauseDamaged})
		e.Damaged = append(e.Damaged, Damage{Span: lost})
	}
	for _, r := range f.erased {
		if r.Source != "" && r.From == 0 && r.To == 0 && !slices.Contains(e.Erased, r.Source) {
			e.Erased = append(e.Erased, r.Source)
		}
	}
	return e
}

// chapters are the events worth jumping to. The same one twice within a second is one.
func chapters(events []journal.Event, n names) []Chapter {
	out := []Chapter{}
	add := func(c Chapter) {
		if k := len(out); k > 0 && out[k-1].Kind == c.Kind && out[k-1].Campus == c.Campus && c.At-out[k-1].At < time.Second {
			return
		}
		out = append(out, c)
	}
	for _, ev := range sorted(events) {
		switch ev.Name {
		case journal.EventStart:
			add(Chapter{At: ev.At, Kind: ChapterStart})
		case journal.EventFloor:
			add(Chapter{At: ev.At, Kind: ChapterFloor, Campus: ev.Campus, Name: n.of(ev.Campus)})
		case journal.EventEnd:
			add(Chapter{At: ev.At, Kind: ChapterEnd})
		}
	}
	return out
}

func sorted(events []journal.Event) []journal.Event {
	return slices.SortedStableFunc(slices.Values(events), func(a, b journal.Event) int { return cmp.Compare(a.At, b.At) })
}

// campuses are those who took part: the teacher's first, then the others by name.
func campuses(f facts, n names) []Campus {
	ids := map[string]bool{}
	for id := range f.info.Names {
		ids[id] = true
	}
	for _, t := range f.tracks {
		ids[t.Campus] = true
	}
	for _, ev := range f.events {
		id, _, _ := strings.Cut(ev.Campus, "/")
		ids[id] = true
	}
	delete(ids, "")
	list := []Campus{}
	for id := range ids {
		if !strings.Contains(id, "/") {
			list = append(list, Campus{id, n.of(id)})
		}
	}
	slices.SortFunc(list, func(a, b Campus) int {
		if (a.ID == f.info.Master) != (b.ID == f.info.Master) {
			if a.ID == f.info.Master {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// heard says who was heard when: the teacher by how loud the voice is, the others by the floor, which is what let them be heard, and by
// their own voices where these were kept.
func heard(f facts, n names) []Heard {
	by := map[string][]Span{}
	var order []string
	add := func(room string, s ...Span) {
		if by[room] == nil {
			order = append(order, room)
		}
		by[room] = append(by[room], s...)
	}
	var teacher []Span
	for _, s := range f.streams {
		if s.voice && s.campus == "" {
			teacher = append(teacher, s.loud...)
		}
	}
	for _, s := range floors(f.events, f.duration) {
		add(s.room, s.Span)
	}
	for _, s := range f.streams {
		if s.voice && s.campus != "" {
			add(s.campus, s.spans...)
		}
	}
	out := []Heard{}
	if len(teacher) > 0 {
		out = append(out, Heard{Name: f.info.Teacher, Spans: merge(teacher, leastGap)})
	}
	for _, room := range order {
		if spans := merge(by[room], leastGap); len(spans) > 0 {
			out = append(out, Heard{Campus: room, Name: n.of(room), Spans: spans})
		}
	}
	return out
}

type floorSpan struct {
	room string
	Span
}

// floors reads who had the floor when. A release names the room, or nobody: then all have given it back.
func floors(events []journal.Event, end time.Duration) (out []floorSpan) {
	since := map[string]time.Duration{}
	closeOne := func(room string, at time.Duration) {
		if from, ok := since[room]; ok {
			out = append(out, floorSpan{room, Span{from, at}})
			delete(since, room)
		}
	}
	closeAll := func(at time.Duration) {
		for _, room := range slices.Sorted(maps.Keys(since)) {
			closeOne(room, at)
		}
	}
	for _, ev := range sorted(events) {
		switch ev.Name {
		case journal.EventFloor:
			if ev.Detail["second"] == "" {
				closeAll(ev.At)
			}
			if _, ok := since[ev.Campus]; !ok {
				since[ev.Campus] = ev.At
			}
		case journal.EventRelease:
			if ev.Campus != "" {
				closeOne(ev.Campus, ev.At)
			} else {
				closeAll(ev.At)
			}
		case journal.EventEnd:
			closeAll(ev.At)
		}
	}
	closeAll(end)
	return out
}

// gaps are where nothing of the lesson is there: neither the teacher's voice nor picture nor board, between the first of them and the last.
// A journal that says that it was not written names it also where a stream seems to go on.
func gaps(f facts) []Gap {
	var spans []Span
	for _, s := range f.streams {
		if s.campus == "" {
			spans = append(spans, s.spans...)
		}
	}
	var out []Span
	if spans = merge(spans, 0); len(spans) > 0 {
		out = holes(spans, Span{spans[0].From, spans[len(spans)-1].To}, leastGap)
	}
	var said []Gap
	add := func(at Span, cause string) {
		said = append(said, Gap{at, cause})
		if at.Length() >= leastGap {
			out = append(out, Span{max(at.From, 0), min(at.To, f.duration)})
		}
	}
	for _, d := range f.damage {
		if d.Source == "" {
			add(Span{d.From, d.To}, d.Why)
		}
	}
	for _, ev := range f.events {
		cause := ev.Detail["cause"]
		if ev.Name != journal.EventGap || cause == journal.CauseDamaged || cause == journal.CauseMissing {
			continue
		}
		if d, err := time.ParseDuration(ev.Detail["for"]); err == nil {
			add(Span{ev.At, ev.At + d}, cause)
		}
	}
	for _, e := range f.erased {
		if e.Source == "" && e.To > e.From {
			said = append(said, Gap{Span{e.From, e.To}, mux.WhyErased})
		}
	}
	list := []Gap{}
	for _, g := range merge(out, 0) {
		list = append(list, Gap{g, causeOf(g, said)})
	}
	return list
}

// causeOf is the cause that covers most of a gap.
func causeOf(g Span, said []Gap) (cause string) {
	const near = time.Second // a stream's gap begins where its last picture stood
	most := time.Duration(0)
	for _, s := range said {
		if d := min(g.To, s.To+near) - max(g.From, s.From-near); d > most {
			most, cause = d, s.Cause
		}
	}
	return cause
}

// loudParts are the pieces of a voice that hold more than a share of what its loud ones hold: an encoder spends little on silence. bytes and
// spans belong together.
func loudParts(spans []Span, bytes []int) []Span {
	rates := make([]float64, 0, len(spans))
	for i, s := range spans {
		if s.To > s.From {
			rates = append(rates, float64(bytes[i])/s.Length().Seconds())
		}
	}
	if len(rates) == 0 {
		return nil
	}
	slices.Sort(rates)
	const share = 0.6
	limit := share * rates[len(rates)*9/10]
	var out []Span
	for i, s := range spans {
		if s.To > s.From && float64(bytes[i])/s.Length().Seconds() >= limit {
			out = append(out, s)
		}
	}
	return merge(out, leastGap)
}
