package packet

import (
	"bytes"
	"testing"
	"time"
)

func TestBufferKeepsAndRefuses(t *testing.T) {
	b := Get()
	defer b.Release()
	long := make([]byte, MaxPayload+1)
	if !b.SetPayload([]byte("first")) || b.SetPayload(long) {
		t.Fatal("SetPayload takes what fits and refuses what does not")
	}
	if !bytes.Equal(b.Payload(), []byte("first")) {
		t.Errorf("payload %q after a refusal, want it unchanged", b.Payload())
	}
	if !b.SetPayload(long[:MaxPayload]) || len(b.Payload()) != MaxPayload {
		t.Error("the largest payload does not fit")
	}
}

func TestBufferComesBackClean(t *testing.T) {
	b := Get()
	b.Seq, b.Gen, b.Flags, b.Capture = 1, 2, Keyframe|Marker, 3
	b.SetPayload([]byte("x"))
	b.Retain()
	b.Release()
	if string(b.Payload()) != "x" {
		t.Fatal("released while a reference was left")
	}
	b.Release()
	for range 100 { // whichever buffer the pool gives
		c := Get()
		if c.Seq != 0 || c.Gen != 0 || c.Flags != 0 || c.Capture != 0 || len(c.Payload()) != 0 {
			t.Fatalf("not clean: %+v", c)
		}
		c.Release()
	}
}

func TestFlags(t *testing.T) {
	b := &Buffer{Flags: Keyframe | FrameStart}
	if !b.Is(Keyframe) || !b.Is(Keyframe|FrameStart) || b.Is(Marker) || b.Is(Keyframe|Marker) {
		t.Errorf("Is is wrong for %b", b.Flags)
	}
}

func TestNTP(t *testing.T) {
	tests := []struct {
		name string
		at   Time
		want uint64
	}{
		{"1970", 0, 2208988800 << 32},
		{"half a second", 5e8, 2208988800<<32 | 1<<31},
		{"2026", Time(1790000000e9), (2208988800 + 1790000000) << 32},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.at.NTP(); got != tt.want {
				t.Errorf("NTP %#x, want %#x", got, tt.want)
			}
		})
	}
	for _, at := range []Time{1, 999999999, 1790000000e9 + 123456789} {
		if back := FromNTP(at.NTP()); at-back < 0 || at-back > 1 { // 2^-32 s is 0.23 ns
			t.Errorf("%d came back as %d", at, back)
		}
	}
}

func TestClockRunsOn(t *testing.T) {
	a := Now()
	time.Sleep(time.Millisecond)
	if d := Now().Sub(a); d < time.Millisecond || d > 10*time.Second {
		t.Errorf("1 ms took %v", d)
	}
	if a.Add(time.Second).Sub(a) != time.Second {
		t.Error("Add and Sub do not agree")
	}
}
