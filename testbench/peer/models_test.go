package peer

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/packet"
	"tongke/testbench/lesson"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

const t0 = packet.Time(1e18)

func TestPlayoutConcealsWhatIsNotThereInTime(t *testing.T) {
	const wrap = 1<<32 - 5*voiceTicks // the timestamps pass zero in the middle
	for _, c := range []struct {
		name  string
		delay func(i int) int // ms after its regular moment; < 0: never
		want  uint64          // concealed of 100
	}{
		{"all in time", func(int) int { return 0 }, 0},
		{"jitter within the buffer", func(i int) int { return i % 3 * 25 }, 0},
		{"each tenth lost", func(i int) int {
			if i%10 == 5 {
				return -1
			}
			return 0
		}, 10},
		{"each tenth 80 ms late", func(i int) int {
			if i%10 == 5 {
				return 80
			}
			return 0
		}, 10},
		{"five lost together", func(i int) int {
			if i >= 50 && i < 55 {
				return -1
			}
			return 0
		}, 5},
	} {
		type arrival struct {
			at time.Duration
			ts uint32
		}
		var arrivals []arrival
		for i := range 100 {
			if d := c.delay(i); d >= 0 {
				arrivals = append(arrivals, arrival{ms(20*i + d), uint32(wrap + i*voiceTicks)})
			}
		}
		slices.SortStableFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
		var p playout
		for _, a := range arrivals {
			p.push(a.ts, t0.Add(a.at))
		}
		p.advance(t0.Add(ms(99*20) + jitterBuffer))
		if p.total != 100 || p.concealed != c.want {
			t.Errorf("%s: %d of %d concealed, want %d of 100", c.name, p.concealed, p.total, c.want)
		}
	}
}

func TestPlayoutFollowsANewPublisher(t *testing.T) {
	var p playout
	at := t0
	for i := range 50 {
		p.push(uint32(i*voiceTicks), at)
		at = at.Add(voiceFrame)
	}
	at = at.Add(time.Second) // nobody speaks
	for i := range 100 {
		p.push(uint32(777_000_000+i*voiceTicks), at)
		at = at.Add(voiceFrame)
	}
	p.advance(at)
	// What was not there during the pause is counted, and nothing after it.
	if p.concealed < 50 || p.concealed > 54 {
		t.Errorf("%d concealed, want about 50", p.concealed)
	}
}

func TestLossesCountAndAsk(t *testing.T) {
	var l losses
	now := t0
	for i := range 200 { // across the wrap at 65535
		if i == 50 || i == 120 || i == 121 {
			continue
		}
		_, fresh, _ := l.note(uint16(65500+i), false, now)
		if !fresh {
			t.Fatalf("packet %d taken for a duplicate", i)
		}
	}
	if got := l.expected(); got != 200 {
		t.Errorf("expected %d, want 200", got)
	}
	if l.originals != 197 {
		t.Errorf("%d originals, want 197", l.originals)
	}
	if seqs, _ := l.missing(now); len(seqs) != 0 {
		t.Errorf("asks at once for %v: might be disorder", seqs)
	}
	lost := []uint16{14, 84, 85} // 65500+50, +120, +121, modulo 65536
	now = now.Add(ms(10))
	if seqs, _ := l.missing(now); !slices.Equal(seqs, lost) {
		t.Errorf("asks for %v, want %v", seqs, lost)
	}
	l.note(14, true, now)
	l.note(14, true, now)
	if l.repaired != 1 || l.duplicates != 1 {
		t.Errorf("%d repaired, %d duplicates, want 1 and 1", l.repaired, l.duplicates)
	}
	abandoned := false
	for range nackTries + 2 {
		now = now.Add(nackAgain)
		_, a := l.missing(now)
		abandoned = abandoned || a
	}
	if !abandoned {
		t.Error("asks for ever")
	}
	if _, _, restarted := l.note(30000, false, now); !restarted {
		t.Error("a jump of the numbers is not noticed")
	}
	if got := l.expected(); got != 201 {
		t.Errorf("expected %d after the jump, want 201", got)
	}
}

// sendFrames pushes frames of n packets each, every 40 ms; lost says which packets (frame, index) never come.
func sendFrames(f *frames, count, n int, lost func(frame, i int) bool) {
	for frame := range count {
		for i := range n {
			if lost(frame, i) {
				continue
			}
			f.push(slot{seq: uint64(1000 + frame*n + i), timestamp: uint32(frame * 3600), marker: i == n-1, keyframe: frame%25 == 0 && i == 0},
				t0.Add(ms(40*frame)+ms(i)))
		}
	}
}

func TestFramesAreShownOnlyWhole(t *testing.T) {
	for _, c := range []struct {
		name    string
		lost    func(frame, i int) bool
		shown   uint64
		freezes int
	}{
		{"all there", func(int, int) bool { return false }, 100, 0},
		{"begins in the middle", func(f, _ int) bool { return f < 10 }, 75, 0},
		{"one packet lost", func(f, i int) bool { return f == 30 && i == 1 }, 80, 1},
		{"a keyframe's packet lost", func(f, i int) bool { return f == 50 && i == 0 }, 75, 1},
		{"last packet of a frame lost", func(f, i int) bool { return f == 30 && i == 3 }, 80, 1},
	} {
		var f frames
		sendFrames(&f, 100, 4, c.lost)
		if f.shown != c.shown || f.freezes != c.freezes {
			t.Errorf("%s: %d shown, %d freezes; want %d, %d", c.name, f.shown, f.freezes, c.shown, c.freezes)
		}
	}
}

func TestRepairedFrameIsShown(t *testing.T) {
	var f frames
	sendFrames(&f, 30, 4, func(frame, i int) bool { return frame == 28 && i == 2 })
	if f.shown != 28 {
		t.Fatalf("%d shown before the repair, want 28", f.shown)
	}
	f.push(slot{seq: 1000 + 28*4 + 2, timestamp: 28 * 3600}, t0.Add(ms(40*30)))
	if f.shown != 30 || f.freezes != 0 {
		t.Errorf("%d shown, %d freezes after the repair, want 30 and 0", f.shown, f.freezes)
	}
}

func TestFreezeLimitFollowsTheFrameRate(t *testing.T) {
	for _, c := range []struct {
		gap, interval time.Duration
		want          int
	}{{ms(140), ms(33), 0}, {ms(160), ms(33), 1}, {ms(240), ms(83), 0}, {ms(260), ms(83), 1}} {
		var f frames
		at := t0
		for i := range 20 {
			f.count(uint32(i)*uint32(c.interval*90000/time.Second), at)
			at = at.Add(c.interval)
		}
		f.count(uint32(20)*uint32(c.interval*90000/time.Second), at.Add(c.gap-c.interval))
		if f.freezes != c.want {
			t.Errorf("gap %v at interval %v: %d freezes, want %d", c.gap, c.interval, f.freezes, c.want)
		}
	}
}

func TestCaptureTimeOfStamp(t *testing.T) {
	clip := &lesson.Clip{Codec: codec.H264, Step: 3000, Units: make([]lesson.Unit, 750)}
	for _, c := range []struct {
		frame uint32
		now   time.Duration
		want  time.Duration
	}{
		{0, 0, 0},
		{30, ms(1050), time.Second},
		{30, ms(25_990), time.Second},
		{30, ms(26_010), 26 * time.Second},
		{749, ms(24_980), 749 * time.Second / 30},
	} {
		if got := captureTime(clip, t0, c.frame, t0.Add(c.now)).Sub(t0); (got - c.want).Abs() > time.Microsecond {
			t.Errorf("frame %d at %v: captured at %v, want %v", c.frame, c.now, got, c.want)
		}
	}
	if got, want := unitTime(clip, 30*86400*30), 30*24*time.Hour; got != want {
		t.Errorf("after 30 days: %v, want %v", got, want)
	}
}

func TestFiguresBeginAnew(t *testing.T) {
	m := newMeter("camera")
	push := func(frame int, at packet.Time) {
		h := &rtp.Header{SequenceNumber: uint16(65530 + frame), Timestamp: uint32(frame * 3600), Marker: true}
		payload := []byte{0x10, 0x11, 0, 0} // RFC 7741: the start of a frame that needs others
		if frame%25 == 0 {
			payload = []byte{0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00} // a keyframe of 320×240
		}
		m.push(h, payload, codec.VP8, 0, false, at)
	}
	for i := range 50 {
		if i != 20 {
			push(i, t0.Add(ms(40*i)))
		}
	}
	m.anew(t0.Add(ms(2000)))
	for i := 50; i < 100; i++ {
		push(i, t0.Add(ms(40*i)))
	}
	s := m.stats(t0.Add(ms(40 * 99)))
	if s.Frames != 50 || s.Freezes != 0 || s.LossBeforePercent != 0 || s.Packets != 50 {
		t.Errorf("of a stream that is whole since: %+v", s)
	}
	s = m.stats(t0.Add(ms(40*99 + 700)))
	if s.Freezes != 1 || s.Longest != ms(700) || s.Frozen != ms(700) {
		t.Errorf("700 ms after the last picture: %d freezes, longest %v", s.Freezes, s.Longest)
	}
}
