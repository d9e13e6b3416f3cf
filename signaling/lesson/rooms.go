package lesson

import (
	"slices"
	"time"

	"tongke/signaling/protocol"
)

// stand moves a room to where it stands in the lesson.
func (l *Live) stand(r *protocol.RoomState, to protocol.Attendance, now time.Time) {
	if r.State == to {
		return
	}
	r.State, r.Since = to, protocol.At(now)
	l.touch()
}

func (l *Live) say(r *protocol.RoomState, w protocol.Word, now time.Time) {
	if r.Word == w {
		return
	}
	r.Word, r.WordSince = w, protocol.At(now)
	l.touch()
}

// Presence takes what a box says of one of its rooms: restated each second and at changes. What it says of camera, cover and microphone is
// the truth, because only the room can know.
func (l *Live) Presence(p protocol.Presence, now time.Time) {
	s := &l.kept.State
	if s.State == protocol.Ended {
		return
	}
	r := l.room(p.Room)
	master := p.Room == s.Master.Room
	if r == nil && !master {
		here := p.Page || p.Phones > 0
		if !here || s.Closed || !l.attends(p.Room) {
			return
		}
		if r = l.member(protocol.RoomRef{Room: p.Room, Name: p.Name}, now); r == nil {
			return
		}
	}
	at := l.at(p.Room)
	l.restate(at, p, now)
	at.last, at.heard = p, now
	at.last.Known = nil
	if p.Page || len(p.Teachers) > 0 {
		l.move(somebodyCame)
	}
	l.leadOf(p, now)
	if master {
		if name := def(p.Name, p.Room); name != s.Master.Name {
			s.Master.Name = name
			l.touch()
		}
	}
	if r != nil {
		l.attend(r, at, now)
	}
}

// attend brings a tile in line with its room's presence.
func (l *Live) attend(r *protocol.RoomState, at *attending, now time.Time) {
	p := at.last
	next := *r
	next.Name, next.Box, next.Covered, next.Cam, next.Mic = def(p.Name, p.Room), p.Box, p.Covered, p.Cam && !p.Covered, p.Mic
	next.CamMissing, next.MicMissing, next.Phones, next.Step, next.Layout = p.CamMissing, p.MicMissing, p.Phones, p.Step, p.Layout
	if next != *r {
		*r = next
		l.touch()
	}
	if r.Level != p.Level {
		r.Level, l.levels = p.Level, true
	}
	if r.State == protocol.RoomRemoved {
		return
	}
	if !p.Page {
		l.away(r, at, now)
		return
	}
	to := protocol.RoomLive
	if l.Phase() == protocol.Waiting || l.Phase() == protocol.Planned {
		to = protocol.RoomHere
		if at.ready {
			to = protocol.RoomPrepared
		}
	}
	l.stand(r, to, now)
	if p.Level >= speechLevel {
		at.loud = now
	}
	if p.Stats != nil {
		at.meter.take(*p.Stats, now)
		l.delayed(r, p.Stats.DelayMs)
	}
	l.figures(r, at, now)
}

// delayed shows how late a room sees the teacher: coarsely, so that each second is not a change of the lesson.
func (l *Live) delayed(r *protocol.RoomState, ms int) {
	next := max(0, (ms+delayStep/2)/delayStep*delayStep)
	if diff := next - r.DelayMs; diff > delayStep || diff < -delayStep || (next == 0) != (r.DelayMs == 0) {
		r.DelayMs = next
		l.touch()
	}
}

// away: nobody plays the room any more, and its box says so. A page that is loaded anew finds its hand and its floor as they were.
func (l *Live) away(r *protocol.RoomState, at *attending, now time.Time) {
	if r.State != protocol.RoomAbsent {
		at.left = now
		r.LastSeen = protocol.At(now)
		at.meter.silence()
		l.delayed(r, 0)
		l.stand(r, protocol.RoomAbsent, now)
		l.say(r, protocol.WordAbsent, now)
	}
	if now.Sub(at.left) >= reloadFor {
		l.forgo(r)
	}
}

// forgo lowers the hand and gives up the floor.
func (l *Live) forgo(r *protocol.RoomState) {
	if r.Hand != 0 {
		r.Hand = 0
		l.touch()
	}
	l.endFloor(r.Room)
}

func (l *Live) figures(r *protocol.RoomState, at *attending, now time.Time) {
	l.say(r, at.meter.judge(now, l.kept.State.Sources.Board, r.Step), now)
	quiet := l.holder(r.Room) >= 0 && !r.Muted && now.Sub(at.loud) >= quietAfter
	if quiet != r.Quiet {
		r.Quiet = quiet
		l.touch()
	}
}

// leadOf follows the lead's session and what its page sends.
func (l *Live) leadOf(p protocol.Presence, now time.Time) {
	s := &l.kept.State
	if s.Lead == nil || p.Room != s.Lead.Room {
		return
	}
	online := slices.Contains(p.Teachers, s.Lead.Session)
	l.leadOnline(online, now)
	if online {
		l.sources(p.Sources)
	}
}

func (l *Live) leadOnline(online bool, now time.Time) {
	s := &l.kept.State
	if s.Lead == nil || s.Lead.Online == online {
		return
	}
	s.Lead.Online, s.Lead.Since, l.ledAt = online, protocol.At(now), now
	if !online {
		l.sources(nil)
	}
	l.touch()
}

// sources is what the master classroom sends now: by its page, and by publishers without one.
func (l *Live) sources(page []string) {
	s, whip := &l.kept.State, l.pageless()
	next := protocol.Sources{
		Board:   whip.Board || slices.Contains(page, protocol.SourceBoard),
		Teacher: whip.Teacher || slices.Contains(page, protocol.SourceTeacher),
		Pupils:  whip.Pupils || slices.Contains(page, protocol.SourcePupils),
		Voice:   whip.Voice || slices.Contains(page, protocol.SourceVoice),
		Muted:   s.Sources.Muted,
	}
	if next != s.Sources {
		s.Sources = next
		l.touch()
	}
}

// pageless is what this box sends as the teacher without a page. Where a page of another box leads, this box's room is one that attends, and
// its voice is not the teacher's.
func (l *Live) pageless() protocol.Sources {
	if lead := l.kept.State.Lead; lead != nil && lead.Box != l.kept.State.OwnerBox {
		return protocol.Sources{}
	}
	return l.whip
}

// Published takes what publishers without a page (an encoder, OBS) send as the teacher. Such a teacher has no button: the lesson begins
// with the first picture or sound, unless a page leads it.
func (l *Live) Published(sources []string, now time.Time) {
	s := &l.kept.State
	if s.State == protocol.Ended {
		return
	}
	had := l.whip
	l.whip = protocol.Sources{
		Board: slices.Contains(sources, protocol.SourceBoard), Teacher: slices.Contains(sources, protocol.SourceTeacher),
		Pupils: slices.Contains(sources, protocol.SourcePupils), Voice: slices.Contains(sources, protocol.SourceVoice),
	}
	if l.whip != had {
		var page []string
		if s.Lead != nil && s.Lead.Online {
			page = l.at(s.Lead.Room).last.Sources
		}
		l.sources(page)
	}
	if (l.whip.Teacher || l.whip.Board) && s.Lead == nil && (s.State == protocol.Planned || s.State == protocol.Waiting) {
		_ = l.start(Actor{}, protocol.LessonStart{}, now) // never refuses
	}
}

// restate takes up, in the first word of a room after this box began anew, what the life before had not written down.
func (l *Live) restate(at *attending, p protocol.Presence, now time.Time) {
	k := p.Known
	if at.restated || now.Sub(l.began) > restateUntil {
		return
	}
	at.restated = true
	r := l.room(p.Room)
	if k == nil || r == nil || k.Epoch != l.old.epoch || k.Rev <= l.old.rev || l.Phase() != protocol.Live && l.Phase() != protocol.Over {
		return
	}
	if r.Hand = k.Hand; k.Floor != 0 {
		r.Hand = 0
	}
	l.touch()
	switch held := l.holder(p.Room) >= 0; {
	case k.Floor == 0 && held:
		l.endFloor(p.Room)
	case k.Floor != 0 && !held:
		l.refloor(protocol.Holder{Room: p.Room, Since: min(k.Floor, protocol.At(now)), Second: k.Second}, k.Rev)
	}
}

// refloor puts a restated holder in its place; of two that were first, the one with the newer word was it.
func (l *Live) refloor(h protocol.Holder, rev uint64) {
	s := &l.kept.State
	switch {
	case h.Second && len(s.Floor) > 0:
		s.Floor = []protocol.Holder{s.Floor[0], h}
	case rev > l.floorRev:
		l.floorRev = rev
		if len(s.Floor) > 1 {
			s.Floor = []protocol.Holder{h, s.Floor[1]}
		} else {
			s.Floor = []protocol.Holder{h}
		}
	default:
		return
	}
	l.at(h.Room).loud = l.began
	l.settle()
}

// Tick lets time pass: the bell, rooms that fell silent, words. Call it at least twice a second.
func (l *Live) Tick(now time.Time) {
	s := &l.kept.State
	if s.State == protocol.Ended {
		return
	}
	l.bell(now)
	if s.Lead != nil && now.Sub(l.at(s.Lead.Room).heard) > lostAfter {
		l.leadOnline(false, now)
	}
	for i := range s.Rooms {
		r := &s.Rooms[i]
		at := l.at(r.Room)
		switch r.State {
		case protocol.RoomRemoved:
			continue
		case protocol.RoomAbsent:
			l.away(r, at, now)
			continue
		}
		if silent := now.Sub(at.heard); silent <= lostAfter {
			l.figures(r, at, now)
		} else {
			l.lose(r, at, silent, now)
		}
	}
}

// lose: nothing was heard of a room's box for 2 s.
func (l *Live) lose(r *protocol.RoomState, at *attending, silent time.Duration, now time.Time) {
	if r.State != protocol.RoomLost {
		r.LastSeen = protocol.At(at.heard)
		at.meter.silence()
		l.delayed(r, 0)
		l.stand(r, protocol.RoomLost, now)
		l.say(r, protocol.WordOffline, now)
	}
	if silent > handKept {
		l.forgo(r)
	}
}

// bell rings at the end, whatever page is open. Silence after its question is five more minutes, twice at most.
func (l *Live) bell(now time.Time) {
	s := &l.kept.State
	if s.End == 0 {
		return
	}
	ring := func() {
		if !now.Before(s.End.Time()) {
			l.move(bellRang)
		}
	}
	for ring(); s.State == protocol.Over && s.Extended < maxExtended && !now.Before(s.End.Time().Add(silentFor)); ring() {
		l.lengthen()
		if now.Before(s.End.Time()) {
			l.move(extended)
		}
	}
}

// abandoned reports whether a lesson is over although nobody said 下课: nobody teaches it, and the time is up for rooms too. One without
// an end that has begun waits two hours for its teacher.
func (l *Live) abandoned(now time.Time) bool {
	s := &l.kept.State
	if s.State == protocol.Ended || l.pageless() != (protocol.Sources{}) || s.Lead != nil && s.Lead.Online {
		return false
	}
	gone := l.began // what was before this life counts from its start
	if s.Lead != nil && l.ledAt.After(gone) {
		gone = l.ledAt
	}
	leave := LeaveAt(*s)
	if leave.IsZero() {
		return (s.State == protocol.Live || s.State == protocol.Over) && now.Sub(gone) >= leftAlone
	}
	return !now.Before(leave) && now.Sub(gone) >= awayFor
}

// Levels are how loud the rooms with the floor are; nil if that did not change or nobody has it.
func (l *Live) Levels() map[string]int {
	if !l.levels || len(l.kept.State.Floor) == 0 {
		return nil
	}
	l.levels = false
	levels := map[string]int{}
	for _, h := range l.kept.State.Floor {
		if r := l.room(h.Room); r != nil {
			levels[h.Room] = r.Level
		}
	}
	return levels
}
