package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tongke/media/library"
	"tongke/signaling/store"
)

// Recording is a recording as a list shows it.
type Recording struct {
	ID         string            `json:"id"`
	Lesson     string            `json:"lesson"`
	Title      string            `json:"title"`
	Subject    string            `json:"subject,omitempty"`
	Teacher    string            `json:"teacher,omitempty"`
	Campus     string            `json:"campus"` // of the box that kept it
	Campuses   []recordingCampus `json:"campuses"`
	Scope      string            `json:"scope"`
	Start      time.Time         `json:"start"`
	DurationMs int64             `json:"durationMs"`
	Bytes      int64             `json:"bytes"`
	MissingMs  int64             `json:"missingMs"`       // all gaps together
	Live       bool              `json:"live,omitempty"`  // the lesson goes on
	Fault      string            `json:"fault,omitempty"` // why nothing can be played: "keys", "damaged", "newer"
	Protected  bool              `json:"protected,omitempty"`
	KeepUntil  time.Time         `json:"keepUntil,omitzero"`
	Own        bool              `json:"own,omitempty"` // the caller taught it
	May        recordingMay      `json:"may"`
}

// recordingCampus is a school that took part.
type recordingCampus struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// recordingMay says what the caller may do; playing goes without saying, because others are not shown.
type recordingMay struct {
	Pupils   bool `json:"pupils,omitempty"` // see and hear all pupils, where they were kept
	Download bool `json:"download,omitempty"`
	Protect  bool `json:"protect,omitempty"`
	Delete   bool `json:"delete,omitempty"`
}

// RecordingDetail is what a player needs. Times count from the recording's beginning.
type RecordingDetail struct {
	Recording
	Streams  []recordingStream  `json:"streams"`
	Chapters []recordingChapter `json:"chapters"`
	Heard    []recordingHeard   `json:"heard"`
	Gaps     []recordingGap     `json:"gaps"`
	Damaged  []recordingDamage  `json:"damaged,omitempty"`
	Pupils   bool               `json:"pupils"` // pupils' pictures were kept
	Others   []recordingOther   `json:"others,omitempty"`
}

// recordingOther is another recording of a lesson of the same id, newest first.
type recordingOther struct {
	ID    string    `json:"id"`
	Start time.Time `json:"start"`
}

// recordingStream is one picture or voice in fragments of a few seconds. The columns belong together; fragment n stands at place n.
type recordingStream struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"` // "video" or "audio"
	Campus    string  `json:"campus,omitempty"`
	MIME      string  `json:"mime"`
	Bytes     int64   `json:"bytes"`
	AtMs      []int64 `json:"atMs"`
	LastMs    []int64 `json:"lastMs"` // how long each lasts
	GapBefore []int   `json:"gapBefore,omitempty"`
}

type recordingChapter struct {
	AtMs   int64  `json:"atMs"`
	Kind   string `json:"kind"` // "start", "floor", "end"
	Campus string `json:"campus,omitempty"`
	Name   string `json:"name,omitempty"`
}

type recordingHeard struct {
	Campus string          `json:"campus"` // "" is the teacher
	Name   string          `json:"name"`
	Spans  []recordingSpan `json:"spans"`
}

type recordingSpan struct {
	FromMs int64 `json:"fromMs"`
	ToMs   int64 `json:"toMs"`
}

// recordingGap is where nothing of the lesson is there. Cause: "damaged", "missing" (a file of it), "restart", "disk", "queue", "erased"; none where nobody was seen
// or heard.
type recordingGap struct {
	recordingSpan
	Cause string `json:"cause,omitempty"`
}

// recordingDamage is where something cannot be read any more, of one source or of all.
type recordingDamage struct {
	recordingSpan
	Source string `json:"source,omitempty"`
}

func spanOf(s library.Span) recordingSpan {
	return recordingSpan{s.From.Milliseconds(), s.To.Milliseconds()}
}

func spansOf(list []library.Span) []recordingSpan {
	out := make([]recordingSpan, len(list))
	for i, s := range list {
		out[i] = spanOf(s)
	}
	return out
}

// recordingOf finds a recording and what the caller may do with it. What somebody may not play is not told apart from what is not there.
func (a *API) recordingOf(r request) (library.Entry, recordingRights, error) {
	if a.cfg.Library == nil {
		return library.Entry{}, recordingRights{}, errNoLibrary
	}
	id := r.PathValue("recording")
	if !library.ValidID(id) {
		return library.Entry{}, recordingRights{}, library.ErrUnknown
	}
	e, err := a.cfg.Library.Find(id)
	if err != nil {
		return e, recordingRights{}, err
	}
	rights := a.recordingRights(r.who, e)
	if !rights.play {
		return e, rights, library.ErrUnknown
	}
	return e, rights, nil
}

func (a *API) recording(e library.Entry, rights recordingRights) Recording {
	r := Recording{
		ID: e.ID, Lesson: e.Lesson, Title: e.Title, Subject: e.Subject, Teacher: e.Teacher, Campus: e.Campus, Campuses: []recordingCampus{}, Scope: e.Scope, Start: e.Start,
		DurationMs: e.Duration.Milliseconds(), Bytes: e.Bytes, MissingMs: e.Missing().Milliseconds(), Live: e.Live, Fault: e.Fault, Protected: e.Protected, Own: rights.own,
		May: recordingMay{Pupils: rights.pupils, Download: rights.download, Protect: rights.keep, Delete: rights.remove},
	}
	for _, c := range e.Campuses {
		r.Campuses = append(r.Campuses, recordingCampus{c.ID, c.Name})
	}
	if until, ends := a.cfg.Library.KeepUntil(e); ends {
		r.KeepUntil = until.UTC().Truncate(time.Minute)
	}
	return r
}

func (a *API) recordings(w http.ResponseWriter, r request) error {
	if a.cfg.Library == nil {
		return errNoLibrary
	}
	list := []Recording{}
	for _, e := range a.cfg.Library.List() {
		if rights := a.recordingRights(r.who, e); rights.play {
			list = append(list, a.recording(e, rights))
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (a *API) recordingDetail(w http.ResponseWriter, r request) error {
	if id := r.PathValue("recording"); a.cfg.Library != nil && r.URL.Query().Has("newest") { // id is a lesson's: one id may have several recordings
		_, _ = a.cfg.Library.Find(id) // perhaps it began just now
		if list := a.recordingsOf(r.who, id); len(list) > 0 {
			r.SetPathValue("recording", list[0].ID)
		}
	}
	e, rights, err := a.recordingOf(r)
	if err != nil {
		return err
	}
	var streams []library.Stream
	if e.Fault == "" {
		if streams, err = a.cfg.Library.Streams(e.ID); err != nil {
			return err
		}
	}
	if e, err = a.cfg.Library.Get(e.ID); err != nil { // a running one has grown
		return err
	}
	d := RecordingDetail{
		Recording: a.recording(e, rights), Streams: []recordingStream{}, Chapters: []recordingChapter{}, Heard: []recordingHeard{}, Gaps: []recordingGap{},
	}
	for _, o := range a.recordingsOf(r.who, e.Lesson) {
		if o.ID != e.ID {
			d.Others = append(d.Others, recordingOther{o.ID, o.Start})
		}
	}
	for _, g := range e.Gaps {
		d.Gaps = append(d.Gaps, recordingGap{spanOf(g.Span), g.Cause})
	}
	for _, g := range e.Damaged {
		d.Damaged = append(d.Damaged, recordingDamage{spanOf(g.Span), g.Source})
	}
	for _, s := range streams {
		d.Pupils = d.Pupils || s.Video && s.Campus != ""
		if rights.stream(s.Campus) {
			d.Streams = append(d.Streams, streamOf(s))
			if e.Live && len(s.Fragments) > 0 {
				last := s.Fragments[len(s.Fragments)-1]
				d.DurationMs = max(d.DurationMs, (last.At + last.Duration).Milliseconds())
			}
		}
	}
	for _, c := range e.Chapters {
		d.Chapters = append(d.Chapters, recordingChapter{c.At.Milliseconds(), c.Kind, c.Campus, c.Name})
	}
	for _, h := range e.Heard {
		d.Heard = append(d.Heard, recordingHeard{h.Campus, h.Name, spansOf(h.Spans)})
	}
	return writeJSON(w, http.StatusOK, d)
}

func streamOf(s library.Stream) recordingStream {
	out := recordingStream{Name: s.Name, Kind: "audio", Campus: s.Campus, MIME: s.MIME, Bytes: s.Bytes, AtMs: make([]int64, len(s.Fragments)), LastMs: make([]int64, len(s.Fragments))}
	if s.Video {
		out.Kind = "video"
	}
	for i, f := range s.Fragments {
		out.AtMs[i], out.LastMs[i] = f.At.Milliseconds(), f.Duration.Milliseconds()
		if f.Gap {
			out.GapBefore = append(out.GapBefore, i)
		}
	}
	return out
}

// recordingMedia answers with a stream's beginning ("init") or one of its fragments, by number.
func (a *API) recordingMedia(w http.ResponseWriter, r request) error {
	e, rights, err := a.recordingOf(r)
	if err != nil {
		return err
	}
	name := r.PathValue("stream")
	kind, campus, _ := strings.Cut(name, ":")
	campus, _, _ = strings.Cut(campus, "/")
	kind, _, _ = strings.Cut(kind, "/")
	switch kind {
	case "teacher", "board", "voice", "pupils":
	default:
		return library.ErrNoStream
	}
	if !rights.stream(campus) {
		return library.ErrNoStream
	}
	if campus != "" { // before the first byte, or not at all
		if err := a.notePupils(r.who, e, name); err != nil {
			return err
		}
	}
	var data []byte
	if part := r.PathValue("part"); part == "init" {
		data, err = a.cfg.Library.Init(e.ID, name)
	} else {
		n, bad := strconv.ParseUint(part, 10, 31)
		if bad != nil || strconv.FormatUint(n, 10) != part { // one spelling of a number
			return library.ErrNoStream
		}
		data, err = a.cfg.Library.Fragment(e.ID, name, int(n))
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // who went away needs none
	return nil
}

// protection is a recording that stays for ever, or not.
type protection struct {
	Protected *bool `json:"protected"`
}

func (a *API) protectRecording(w http.ResponseWriter, r request) error {
	var in protection
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	e, rights, err := a.recordingOf(r)
	switch {
	case err != nil:
		return err
	case !rights.keep:
		return errMayNotChange
	case in.Protected == nil:
		return writeJSON(w, http.StatusOK, a.recording(e, rights))
	}
	if e, err = a.cfg.Library.Protect(e.ID, *in.Protected); err != nil {
		return err
	}
	if err := a.audit(r.who, auditProtect, e.ID, map[string]string{"protected": strconv.FormatBool(e.Protected)}); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.recording(e, rights))
}

func (a *API) deleteRecording(w http.ResponseWriter, r request) error {
	e, rights, err := a.recordingOf(r)
	if err != nil {
		return err
	}
	if !rights.remove {
		return errMayNotChange
	}
	p, err := a.cfg.Library.Delete(e.ID, nameOf(r.who))
	if err != nil {
		return err
	}
	err = a.audit(r.who, store.AuditDelete, e.ID, map[string]string{"title": p.Title, "keys": strconv.Itoa(p.Keys), "files": strconv.Itoa(p.Files), "bytes": strconv.FormatInt(p.Bytes, 10)})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

// erasure says what is to go: a stream, a stretch of one, or a stretch of everything.
type erasure struct {
	Stream string `json:"stream"`
	FromMs int64  `json:"fromMs"`
	ToMs   int64  `json:"toMs"` // both 0: all of the stream
}

func (a *API) eraseRecording(w http.ResponseWriter, r request) error {
	e, rights, err := a.recordingOf(r)
	if err != nil {
		return err
	}
	if !rights.remove {
		return errMayNotChange
	}
	var in erasure
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	const longest = 24 * 3600 * 1000
	if in.FromMs < 0 || in.ToMs < in.FromMs || in.ToMs > longest || in.FromMs == in.ToMs && in.ToMs != 0 {
		return library.ErrNoStream
	}
	what := library.Erasure{Stream: in.Stream, From: time.Duration(in.FromMs) * time.Millisecond, To: time.Duration(in.ToMs) * time.Millisecond}
	erased := a.cfg.Library.Erase(e.ID, what) // one that fails may have erased something
	err = a.audit(r.who, auditErase, e.ID, map[string]string{"stream": in.Stream, "from": what.From.String(), "to": what.To.String()})
	if err := errors.Join(erased, err); err != nil {
		return err
	}
	return done(w)
}

// Disk is what the recordings have to stay on.
type Disk struct {
	Total   int64 `json:"total"` // bytes, like the others
	Free    int64 `json:"free"`
	Reserve int64 `json:"reserve"` // stays free
	Lessons int   `json:"lessons"` // how many more fit
}

func (a *API) disk(w http.ResponseWriter, _ request) error {
	if a.cfg.Library == nil {
		return errNoLibrary
	}
	s, err := a.cfg.Library.Space()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, Disk{s.Total, s.Free, s.Reserve, s.Lessons})
}
