package cascade

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"tongke/media/track"
)

// ledger reads the headers of SRTP packets on the wire, which are in clear, and counts every (connection, direction, SSRC, index): SRTP would seal two
// packets of the same index with one nonce (RFC 7714 §8.1).
type ledger struct {
	mu      sync.Mutex
	seen    map[stream]*indices
	packets int
	repeats int
	rng     *rand.Rand
	loss    float64
}

type stream struct {
	toParent bool
	ssrc     uint32
}

type indices struct {
	highest uint64
	seen    map[uint64]bool
}

// note is a wire's filter. One wire carries one connection here.
func (l *ledger) note(toParent bool, p []byte) bool {
	// RFC 7983 §7 and RFC 5761 §4: RTP, not RTCP.
	if len(p) < 12 || p[0] < 128 || p[0] > 191 || (p[1] >= 192 && p[1] <= 223) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packets++
	k := stream{toParent, binary.BigEndian.Uint32(p[8:])}
	seq := uint64(binary.BigEndian.Uint16(p[2:]))
	s := l.seen[k]
	if s == nil {
		s = &indices{highest: 1<<16 | seq, seen: map[uint64]bool{}}
		l.seen[k] = s
	}
	index := align(seq, s.highest)
	s.highest = max(s.highest, index)
	if s.seen[index] {
		l.repeats++
	}
	s.seen[index] = true
	return l.rng.Float64() < l.loss
}

func TestNoIndexTwice(t *testing.T) {
	t.Parallel()
	core, member := newBox(t, "core"), newBox(t, "member")
	w := wireTo(t, core)
	l := &ledger{seen: map[stream]*indices{}, rng: rand.New(rand.NewPCG(1, 2)), loss: 0.05}
	note := l.note
	w.filter.Store(&note)
	member.node.SetParents([]Parent{w.through(member, core)})
	settle(t, member, core)

	sources := []string{track.Teacher, track.Board, track.Pupils, track.Voice}
	makers := map[string]*maker{}
	for _, s := range sources {
		makers[s] = core.publish("l1", s)
	}
	own := member.publish("l1", track.Pupils)
	up := core.watch(own.key)
	var watchers []*watcher
	for round := range 3 {
		// All are watched, publishers begin anew meanwhile, then nobody watches until the slots are free and other sources take them.
		var now []*watcher
		for i := range sources {
			now = append(now, member.watch(makers[sources[(i+round)%len(sources)]].key))
		}
		for range 2 {
			time.Sleep(400 * time.Millisecond)
			for _, s := range sources[:2] {
				makers[s].close()
				makers[s] = core.publish("l1", s)
			}
		}
		time.Sleep(400 * time.Millisecond)
		for i, x := range now {
			source := sources[(i+round)%len(sources)]
			before := x.count()
			eventually(t, 3*time.Second, source+" goes on after restarts", func() bool { return x.count() > before+10 })
		}
		w.cut(true)
		time.Sleep(300 * time.Millisecond)
		w.cut(false)
		for _, x := range now {
			x.sub.Close()
		}
		watchers = append(watchers, now...)
		eventually(t, 6*time.Second, "slots are free", func() bool { return core.stats(member).TracksOut == 0 })
	}
	for i, x := range watchers {
		source := sources[(i%4+i/4)%4]
		x.mu.Lock()
		for _, text := range x.got {
			if !strings.HasPrefix(text, source+" ") {
				t.Errorf("a watcher of %s got %q", source, text)
				break
			}
		}
		x.mu.Unlock()
	}
	if up.count() < 100 {
		t.Errorf("%d packets came up, want more", up.count())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d packets of %d streams, %d repeated", l.packets, len(l.seen), l.repeats)
	if l.repeats != 0 || len(l.seen) < 8 {
		t.Errorf("%d indices were used twice, in %d streams", l.repeats, len(l.seen))
	}
	if links := member.stats(core).Links; links != 1 {
		t.Errorf("%d links: the ledger is for one", links)
	}
}
