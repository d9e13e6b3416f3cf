package rtc

import (
	"encoding/binary"
	"testing"
	"time"

	"tongke/media/packet"
)

func TestClockOffset(t *testing.T) {
	s := func(n float64) packet.Time { return packet.Time(n * float64(time.Second)) }
	var c clockOffset
	for _, step := range []struct {
		sent, arrival float64
		want          float64
	}{
		{100, 1100.050, 1000.050}, // a queue of 50 ms
		{101, 1101.010, 1000.010},
		{102, 1102.300, 1000.010},
		{120, 1120.020, 1000.010},
		{131.2, 1131.220, 1000.010}, // second half of the window
		{140, 1140.030, 1000.010},
		{170, 1170.040, 1000.020}, // the first half is forgotten: the clocks drift
	} {
		c.sample(s(step.sent), s(step.arrival))
		if got := c.value.Seconds(); !near(got, step.want) {
			t.Errorf("after %v: %v, want %v", step.sent, got, step.want)
		}
	}
	c.fix(3 * time.Second)
	c.sample(s(1), s(2))
	if c.value != 3*time.Second {
		t.Errorf("a measured offset was overruled: %v", c.value)
	}
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }

func TestCaptureClock(t *testing.T) {
	at := packet.Time(1_700_000_000 * int64(time.Second))
	ntp := func(d time.Duration) []byte { return binary.BigEndian.AppendUint64(nil, at.Add(d).NTP()) }
	var c captureClock
	if _, ok := c.time(0, 90000); ok {
		t.Error("a clock that knows nothing tells the time")
	}
	c.report(1<<32-90000, at)
	check := func(rtp, clock uint32, want time.Duration) {
		t.Helper()
		got, ok := c.time(rtp, clock)
		if d := got.Sub(at) - want; !ok || d < -time.Microsecond || d > time.Microsecond {
			t.Errorf("timestamp %d: %v, want %v", rtp, got.Sub(at), want)
		}
	}
	check(0, 90000, time.Second)                           // over the wrap
	check(1<<32-90000-45000, 90000, -500*time.Millisecond) // before the report
	if c.extension(0, ntp(0)[:7]) {
		t.Error("a short extension was taken")
	}
	if !c.extension(9000, ntp(2*time.Second)) {
		t.Error("an extension was not taken")
	}
	check(9000, 90000, 2*time.Second)
	c.report(0, at) // no longer counts
	check(18000, 90000, 2100*time.Millisecond)
	// The capture clock is 1.5 s behind the sender's.
	c.extension(48000, append(ntp(time.Second), binary.BigEndian.AppendUint64(nil, 3<<31)...))
	check(96000, 48000, 3500*time.Millisecond)
	minus := int64(-3 << 31)
	c.extension(48000, append(ntp(2*time.Second), binary.BigEndian.AppendUint64(nil, uint64(minus))...))
	check(48000, 48000, 500*time.Millisecond)
}

func TestReception(t *testing.T) {
	var r reception
	ms := packet.Time(time.Millisecond)
	// 10 packets of 20 ms at 48 kHz over the wrap of both counters, each third missing.
	for i := range packet.Time(10) {
		if i%3 != 2 {
			r.packet(65530+uint64(i), uint32(1<<32-1920+960*int64(i)), 48000, 1000*ms+i*20*ms)
		}
	}
	b := r.block(7, 0)
	if b.SSRC != 7 || b.LastSequenceNumber != 65539 || b.TotalLost != 3 || b.FractionLost != 3*256/10 || b.Jitter != 0 || b.LastSenderReport != 0 {
		t.Errorf("first block %+v", b)
	}
	r.senderReport(0x1234_5678_9abc_def0, 2000*ms)
	r.packet(65540, uint32(7680), 48000, 1000*ms+210*ms) // 10 ms late: D = 480
	b = r.block(7, 2500*ms)
	if b.TotalLost != 3 || b.FractionLost != 0 || b.Jitter != 480/16 || b.LastSenderReport != 0x5678_9abc || b.Delay != 32768 {
		t.Errorf("second block %+v", b)
	}
	b = r.block(7, 2500*ms) // nothing came since
	if b.FractionLost != 0 {
		t.Errorf("third block %+v", b)
	}
}

func TestKeyframeRequests(t *testing.T) {
	ms := packet.Time(time.Millisecond)
	var k keyframes
	want := func(at packet.Time, due bool) {
		t.Helper()
		if got := k.due(at * ms); got != due {
			t.Errorf("at %d ms: due %v, want %v", at, got, due)
		}
	}
	want(0, false)
	k.want(false)
	want(1, true)
	want(2, false) // one request is enough
	k.came()
	k.want(false)
	want(10, true) // the second of the burst
	k.came()
	k.want(false)
	want(20, false) // the bucket is empty
	want(900, false)
	want(1002, true)
	k.came()
	k.want(true)
	want(1010, true) // urgent goes past it
	k.came()
	k.want(false)
	want(1020, false)
	want(2003, true)
	want(2004, false)
	want(3100, true) // no keyframe came: again, at the bucket's pace
	want(4200, true)
	want(5300, true)
	want(6400, true)
	want(7500, false) // the publisher sends none
	k.want(false)
	want(9000, true)
}
