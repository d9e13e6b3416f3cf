package lesson_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"tongke/media/codec"
	"tongke/testbench"
	"tongke/testbench/lesson"
)

func TestLessonLoopsWithoutASeam(t *testing.T) {
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		clip     *lesson.Clip
		codec    codec.Codec
		interval time.Duration
		gop      time.Duration // the longest wait for a keyframe
	}{
		{"camera", l.Camera, codec.H264, time.Second / 30, time.Second},
		{"board", l.Board, codec.H264, time.Second / 12, 2 * time.Second},
		{"voice", l.Voice, codec.Opus, 20 * time.Millisecond, 20 * time.Millisecond},
	} {
		if c.clip.Codec != c.codec {
			t.Errorf("%s: codec %v, want %v", c.name, c.clip.Codec, c.codec)
		}
		if got := c.clip.Interval(); got != c.interval {
			t.Errorf("%s: interval %v, want %v", c.name, got, c.interval)
		}
		if got := c.clip.Duration(); got != 25*time.Second {
			t.Errorf("%s: lasts %v, want 25 s", c.name, got)
		}
		if !c.clip.Units[0].Keyframe {
			t.Errorf("%s: the loop does not begin with a keyframe", c.name)
		}
		last, longest := 0, 0
		for i, u := range c.clip.Units {
			if u.Keyframe {
				longest, last = max(longest, i-last), i
			}
		}
		longest = max(longest, len(c.clip.Units)-last)
		if got := time.Duration(longest) * c.clip.Interval(); got > c.gop {
			t.Errorf("%s: %v without a keyframe, want at most %v", c.name, got, c.gop)
		}
	}
}

func TestFramesAreConstrainedBaseline(t *testing.T) {
	l, err := testbench.Lesson()
	if err != nil {
		t.Fatal(err)
	}
	for _, clip := range []*lesson.Clip{l.Camera, l.Board} {
		for i, u := range clip.Units {
			var kinds []byte
			for _, nal := range lesson.NALs(u.Data) {
				kinds = append(kinds, nal[0]&0x1f)
				if nal[0]&0x1f == 7 && (nal[1] != 66 || nal[2]&0x40 == 0 || nal[3] > 31) {
					t.Fatalf("frame %d: SPS says profile %d, constraints %#x, level %d", i, nal[1], nal[2], nal[3])
				}
			}
			want := []byte{1}
			if u.Keyframe {
				want = []byte{7, 8, 5}
			}
			if !bytes.Equal(kinds, want) {
				t.Fatalf("frame %d holds NAL units %v, want %v", i, kinds, want)
			}
		}
	}
}

func TestClipReadsBack(t *testing.T) {
	c := &lesson.Clip{Codec: codec.Opus, Step: 960, Units: []lesson.Unit{{Data: []byte{1, 2, 3}, Keyframe: true}, {Data: []byte{}}, {Data: []byte{4}}}}
	raw := c.AppendTo(nil)
	got, err := lesson.ParseClip(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again := got.AppendTo(nil); !bytes.Equal(again, raw) {
		t.Errorf("read back %x, want %x", again, raw)
	}
	for n := range raw {
		if _, err := lesson.ParseClip(raw[:n]); !errors.Is(err, lesson.ErrFormat) {
			t.Errorf("%d of %d bytes: %v, want ErrFormat", n, len(raw), err)
		}
	}
}

func FuzzParseClip(f *testing.F) {
	f.Add((&lesson.Clip{Codec: codec.H264, Step: 3000, Units: []lesson.Unit{{Data: []byte{0, 0, 1, 0x65}, Keyframe: true}}}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := lesson.ParseClip(raw)
		if err != nil {
			return
		}
		for _, u := range c.Units {
			lesson.NALs(u.Data)
		}
		if !bytes.Equal(c.AppendTo(nil), raw) {
			t.Error("a clip that was read is not written the same")
		}
	})
}

func TestStampSurvivesScaling(t *testing.T) {
	for _, size := range []struct{ w, h int }{{1280, 720}, {1920, 1080}, {960, 540}, {640, 360}, {480, 270}} {
		for _, value := range []uint32{0, 1, 749, lesson.StampBoard | 299, lesson.StampMax} {
			bits := lesson.StampBits(value)
			got, ok := lesson.ReadStamp(size.w, size.h, func(x, y int) uint8 {
				col := (x*lesson.StampWidth/size.w - lesson.StampX) / lesson.StampBlock
				row := (y*lesson.StampHeight/size.h - lesson.StampY) / lesson.StampBlock
				if bits>>(31-(row*lesson.StampColumns+col))&1 == 1 {
					return 200
				}
				return 40
			})
			if !ok || got != value {
				t.Errorf("%dx%d: read %d %v, want %d", size.w, size.h, got, ok, value)
			}
		}
	}
}

func TestStampRefusesWhatIsNone(t *testing.T) {
	for name, luma := range map[string]func(x, y int) uint8{
		"black":    func(int, int) uint8 { return 0 },
		"white":    func(int, int) uint8 { return 255 },
		"faint":    func(x, _ int) uint8 { return uint8(100 + x/lesson.StampBlock%2*40) },
		"chequers": func(x, _ int) uint8 { return uint8((x - lesson.StampX) / lesson.StampBlock % 2 * 255) },
	} {
		if v, ok := lesson.ReadStamp(lesson.StampWidth, lesson.StampHeight, luma); ok {
			t.Errorf("%s: read %d", name, v)
		}
	}
	for bit := range 32 { // one wrong block is always noticed
		if _, ok := lesson.StampValue(lesson.StampBits(123456) ^ 1<<bit); ok {
			t.Errorf("bit %d wrong went unnoticed", bit)
		}
	}
}
