package codec

import (
	"bytes"
	"testing"
)

// Frames as libvpx writes them, cut to their first bytes: 320×180.
const (
	vp8Key   = "3051009d012a4001b400004708858885"
	vp8Inter = "5108001210ac001bb89181600ffe"
)

func TestParseVP8(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		want    VP8Descriptor
		ok      bool
	}{
		{"empty", "", VP8Descriptor{}, false},
		{"shortest", "1000", VP8Descriptor{Start: true, HeaderSize: 1}, true},
		{"no data", "10", VP8Descriptor{Start: true, HeaderSize: 1}, false},
		{"not referred to, partition 5", "2500", VP8Descriptor{NonRef: true, Partition: 5, HeaderSize: 1}, true},
		{"7-bit id", "90802a00", VP8Descriptor{Start: true, HasID: true, PictureID: 42, HeaderSize: 3}, true},
		{"15-bit id", "9080ffff00", VP8Descriptor{Start: true, HasID: true, LongID: true, PictureID: 32767, HeaderSize: 4}, true},
		{
			"all fields", "90f0812c07ba00",
			VP8Descriptor{Start: true, HasID: true, LongID: true, PictureID: 300, HasTL0: true, TL0PicIdx: 7, HasTID: true, TID: 2, LayerSync: true, HeaderSize: 6},
			true,
		},
		{"key index only", "90100500", VP8Descriptor{Start: true, HeaderSize: 3}, true},
		{"extension byte missing", "90", VP8Descriptor{Start: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := ParseVP8(unhex(t, tt.payload))
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %+v %v\nwant %+v %v", got, ok, tt.want, tt.ok)
			}
		})
	}
	whole := unhex(t, "90f0812c07ba00")
	for n := range whole {
		if _, ok := ParseVP8(whole[:n]); ok {
			t.Errorf("%d of %d bytes accepted", n, len(whole))
		}
	}
}

func TestInspectVP8(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		want    Info
	}{
		{"keyframe", "10" + vp8Key, Info{Keyframe: true, Intra: true, FrameStart: true, Width: 320, Height: 180}},
		{"keyframe with all fields", "90f0812c072a" + vp8Key, Info{Keyframe: true, Intra: true, FrameStart: true, Width: 320, Height: 180}},
		{"keyframe, later packet", "00" + vp8Key, Info{}},
		{"keyframe, second partition", "11" + vp8Key, Info{}},
		{"keyframe with scale bits", "103051009d012a4041b480", Info{Keyframe: true, Intra: true, FrameStart: true, Width: 320, Height: 180}},
		{"no start code", "103051009d012b4001b400", Info{FrameStart: true}},
		{"frame between", "10" + vp8Inter, Info{FrameStart: true}},
		{"empty", "", Info{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Inspect(VP8, unhex(t, tt.payload)); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
	whole := unhex(t, "10"+vp8Key)
	for n := range whole {
		if got := Inspect(VP8, whole[:n]); got.Keyframe != (n >= 11) {
			t.Errorf("%d bytes: %+v", n, got)
		}
	}
}

func TestVP8SetIDs(t *testing.T) {
	tests := []struct {
		name, payload string
		pid           uint16
		tl0           uint8
		want          string
		ok            bool
	}{
		{"15 bits", "90c0812c0701", 32767, 255, "90c0ffffff01", true},
		{"wrap", "90c0812c0701", 0, 0, "90c080000001", true},
		{"top bit is no part of it", "90c0812c0701", 0x8001, 1, "90c080010101", true},
		{"7 bits", "90c02a0701", 300, 9, "90c02c0901", true},
		{"id only", "9080812c01", 5, 9, "9080800501", true},
		{"TL0 only", "90400701", 5, 9, "90400901", true},
		{"neither", "1001", 5, 9, "1001", true},
		{"TID stays", "90f0812c07ba01", 5, 9, "90f0800509ba01", true},
		{"cut", "90c0812c", 5, 9, "90c0812c", false},
		{"empty", "", 5, 9, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.payload)
			if ok := VP8SetIDs(b, tt.pid, tt.tl0); ok != tt.ok {
				t.Errorf("ok %v, want %v", ok, tt.ok)
			}
			if want := unhex(t, tt.want); !bytes.Equal(b, want) {
				t.Errorf("got %x, want %x", b, want)
			}
		})
	}
}

func FuzzVP8(f *testing.F) {
	for _, s := range []string{"10" + vp8Key, "90f0812c072a" + vp8Key, "90802a" + vp8Inter, "10" + vp8Inter, "90", "90f0ff"} {
		f.Add(unhex(f, s), uint16(7), uint8(3))
	}
	f.Fuzz(func(t *testing.T, payload []byte, pid uint16, tl0 uint8) {
		d, ok := ParseVP8(payload)
		if info := Inspect(VP8, payload); info != (Info{}) && !ok {
			t.Errorf("no descriptor, yet %+v", info)
		}
		out := bytes.Clone(payload)
		if VP8SetIDs(out, pid, tl0) != ok {
			t.Fatal("ParseVP8 and VP8SetIDs disagree")
		}
		if !ok {
			if !bytes.Equal(out, payload) {
				t.Error("changed what is no VP8")
			}
			return
		}
		want := d
		switch {
		case d.LongID:
			want.PictureID = pid & 0x7fff
		case d.HasID:
			want.PictureID = pid & 0x7f
		}
		if d.HasTL0 {
			want.TL0PicIdx = tl0
		}
		if got, _ := ParseVP8(out); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !bytes.Equal(out[d.HeaderSize:], payload[d.HeaderSize:]) {
			t.Error("VP8 data changed")
		}
	})
}
