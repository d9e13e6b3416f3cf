package codec

import "testing"

func TestNames(t *testing.T) {
	for _, c := range []Codec{Opus, RED, H264, VP8, PCMA, PCMU} {
		if got := Parse(c.String()); got != c {
			t.Errorf("Parse(%q) = %v", c.String(), got)
		}
	}
	if Parse("none") != None || Parse("av1") != None || Codec(200).String() != "none" {
		t.Error("unknown codecs are None")
	}
	for c, want := range map[Codec]uint32{None: 48000, Opus: 48000, RED: 48000, H264: 90000, VP8: 90000, PCMA: 8000, PCMU: 8000} {
		if got := c.ClockRate(); got != want {
			t.Errorf("%v has a clock of %d Hz, want %d", c, got, want)
		}
	}
}

// TestNumbers: the values stand in recordings and are never changed.
func TestNumbers(t *testing.T) {
	for i, name := range []string{"none", "opus", "red", "h264", "vp8", "pcma", "pcmu"} {
		if got := Codec(i).String(); got != name {
			t.Errorf("%d is %s, was %s", i, got, name)
		}
	}
}

func TestInspectAllocatesNothing(t *testing.T) {
	h264, vp8 := stapA(t, spsHigh720, pps, sliceIDR), unhex(t, "90f0812c072a"+vp8Key)
	red := unhex(t, "ef0f00026ffcaafcbb01")
	n := testing.AllocsPerRun(100, func() {
		Inspect(H264, h264)
		Inspect(VP8, vp8)
		VP8SetIDs(vp8, 1, 2)
		REDPrimary(red)
		REDSetPayloadType(red, 111)
		for b := Blocks(red); ; {
			if _, ok := b.Next(); !ok {
				break
			}
		}
		OpusSamples(red)
		G711Level(PCMA, red)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkInspect(b *testing.B) {
	for _, bench := range []struct {
		name    string
		codec   Codec
		payload []byte
	}{
		{"H264-parameters", H264, stapA(b, spsHigh720, pps)},
		{"H264-slice", H264, fuA(b, sliceP, 0x80)},
		{"H264-fragment", H264, fuA(b, sliceP, 0)},
		{"VP8-keyframe", VP8, unhex(b, "90f0812c072a"+vp8Key)},
		{"VP8-frame", VP8, unhex(b, "90f0812c072a"+vp8Inter)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Inspect(bench.codec, bench.payload)
			}
		})
	}
}

func BenchmarkREDPrimary(b *testing.B) {
	red := unhex(b, "ef0f00026ffcaafcbb01")
	b.ReportAllocs()
	for b.Loop() {
		REDPrimary(red)
	}
}
