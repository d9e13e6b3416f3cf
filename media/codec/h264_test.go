package codec

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// NAL units as x264 and Chromium's encoders write them, slices cut to their first bytes.
const (
	spsBase180  = "6742c00bda05067e7c0440000003004000000503c50aa8"                                             // 320×180, constrained baseline
	spsMain1080 = "674d4028eca03c0113f2e022000003000200000300281e30632c"                                       // 1920×1080, cropped from 1088
	spsHigh720  = "6764001facd9405005bb011000000300100000030140f1831960"                                       // 1280×720
	spsField    = "67640028acd94078044fde022000000300200000030283e2c5b2c0"                                     // 1920×1080 interlaced
	sps444      = "67f40016919b281407b6022000000300200000030281e2c5b2c0"                                       // 640×480, 4:4:4
	spsLists    = "67640029ad84010c20086100430802184010c200843b5014005ad37010101014000003000400000300a2100000" // 2560×1440 with six scaling lists
	pps         = "68ce0fc8"
	sei         = "0605ffff68dc45e9bde6d948b7962cd8"
	delimiter   = "09f0"
	sliceIDR    = "6588840dfffffc3d14000467fc9ff87fe0"
	sliceP      = "419a2037c9cc1ce11a89686721387e006048"
	sliceB      = "019e626a437f000003000003000003000003"
	sliceBRef   = "419e417886ff00001fbedd4bc0ac9d445121"
)

// stapA puts NAL units into one payload (RFC 6184 §5.7.1).
func stapA(t testing.TB, nals ...string) []byte {
	t.Helper()
	out := []byte{0x78}
	for _, s := range nals {
		n := unhex(t, s)
		out = append(out, byte(len(n)>>8), byte(len(n)))
		out = append(out, n...)
	}
	return out
}

// fuA is a fragment of a NAL unit (RFC 6184 §5.8); flags are S 0x80 and E 0x40.
func fuA(t testing.TB, nal string, flags byte) []byte {
	t.Helper()
	n := unhex(t, nal)
	return append([]byte{n[0]&0xe0 | nalFUA, flags | n[0]&0x1f}, n[1:]...)
}

func TestInspectH264(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    Info
	}{
		{"empty", nil, Info{}},
		{"header only", []byte{0x65}, Info{}},
		{"SPS alone", unhex(t, spsBase180), Info{Keyframe: true, FrameStart: true, Width: 320, Height: 180}},
		{"PPS alone", unhex(t, pps), Info{FrameStart: true}},
		{"SEI", unhex(t, sei), Info{FrameStart: true}},
		{"delimiter", unhex(t, delimiter), Info{FrameStart: true}},
		{"IDR alone", unhex(t, sliceIDR), Info{Intra: true, FrameStart: true}},
		{"P slice", unhex(t, sliceP), Info{FrameStart: true}},
		{"second P slice", unhex(t, "41048c"), Info{}},
		{"B slice", unhex(t, sliceB), Info{FrameStart: true, BFrame: true}},
		{"B slice that others refer to", unhex(t, sliceBRef), Info{FrameStart: true, BFrame: true}},
		{"STAP-A of SPS and PPS", stapA(t, spsHigh720, pps), Info{Keyframe: true, FrameStart: true, Width: 1280, Height: 720}},
		{
			"STAP-A of a whole keyframe", stapA(t, delimiter, spsMain1080, pps, sei, sliceIDR),
			Info{Keyframe: true, Intra: true, FrameStart: true, Width: 1920, Height: 1080},
		},
		{"STAP-A of PPS and IDR", stapA(t, pps, sliceIDR), Info{Intra: true, FrameStart: true}},
		{"STAP-A of P and B", stapA(t, sliceP, sliceB), Info{FrameStart: true, BFrame: true}},
		{"STAP-A with an empty NAL unit", []byte{0x78, 0, 0, 0, 1, 0x65}, Info{}},
		{"FU-A, start of an IDR", fuA(t, sliceIDR, 0x80), Info{Intra: true, FrameStart: true}},
		{"FU-A, middle of an IDR", fuA(t, sliceIDR, 0), Info{}},
		{"FU-A, end of an IDR", fuA(t, sliceIDR, 0x40), Info{}},
		{"FU-A, start of a P slice", fuA(t, sliceP, 0x80), Info{FrameStart: true}},
		{"FU-A, start of a B slice", fuA(t, sliceB, 0x80), Info{FrameStart: true, BFrame: true}},
		{"FU-A without body", []byte{0x7c, 0x85}, Info{}},
		{"STAP-B", append([]byte{25}, unhex(t, spsBase180)...), Info{}},
		{"FU-B", append([]byte{29}, fuA(t, sliceIDR, 0x80)[1:]...), Info{}},
		{"type 0", []byte{0, 0xff, 0xff}, Info{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Inspect(H264, tt.payload); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// A payload cut anywhere must never say more than the whole one does.
func TestInspectH264Truncated(t *testing.T) {
	whole := stapA(t, spsHigh720, pps, sliceIDR)
	spsEnd := 1 + 2 + len(spsHigh720)/2
	for n := range whole {
		got := Inspect(H264, whole[:n])
		if want := n >= spsEnd; got.Keyframe != want || (got.Width == 1280) != want {
			t.Errorf("%d of %d bytes: %+v, want keyframe %v", n, len(whole), got, want)
		}
		if got.Intra {
			t.Errorf("%d of %d bytes: the slice is not whole, yet Intra", n, len(whole))
		}
	}
	for _, nal := range []string{spsBase180, spsMain1080, spsField, sliceIDR, sliceB} {
		b := unhex(t, nal)
		for n := range b {
			Inspect(H264, b[:n])
			Inspect(H264, append([]byte{0x7c, 0x80 | b[0]&0x1f}, b[min(1, n):n]...))
		}
	}
}

func TestSPSSize(t *testing.T) {
	tests := []struct {
		name          string
		sps           string
		width, height int
	}{
		{"baseline", spsBase180, 320, 180},
		{"high", spsHigh720, 1280, 720},
		{"main, cropped", spsMain1080, 1920, 1080},
		{"interlaced", spsField, 1920, 1080},
		{"4:4:4", sps444, 640, 480},
		{"scaling lists", spsLists, 2560, 1440},
		{"nothing", "67", 0, 0},
		{"cut before the size", spsHigh720[:12], 0, 0},
		{"all zeros", "67000000000000000000000000000000000000", 0, 0},
		{"all ones", "67ffffffffffffffffffffffffffffffffffff", 16, 16},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info := Inspect(H264, unhex(t, tt.sps))
			if !info.Keyframe {
				t.Error("an SPS begins a keyframe, whatever it says")
			}
			if info.Width != tt.width || info.Height != tt.height {
				t.Errorf("got %d×%d, want %d×%d", info.Width, info.Height, tt.width, tt.height)
			}
		})
	}
}

func TestParameterSets(t *testing.T) {
	tests := []struct {
		name     string
		payload  []byte
		sps, pps bool
	}{
		{"empty", nil, false, false},
		{"SPS", unhex(t, spsBase180), true, false},
		{"PPS", unhex(t, pps), false, true},
		{"both", stapA(t, spsBase180, pps), true, true},
		{"STAP-A of SEI and slice", stapA(t, sei, sliceIDR), false, false},
		{"cut", stapA(t, spsBase180, pps)[:20], false, false},
		{"slice", unhex(t, sliceIDR), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sps, pps := ParameterSets(tt.payload)
			if sps != tt.sps || pps != tt.pps {
				t.Errorf("got %v %v, want %v %v", sps, pps, tt.sps, tt.pps)
			}
		})
	}
}

func TestBitReader(t *testing.T) {
	// §7.3.1: 00 00 03 stands for 00 00; 00 00 03 03 for 00 00 03.
	r := bitReader{data: unhex(t, "0000030100000303000003")}
	var got []byte
	for !r.short {
		got = append(got, byte(r.bits(8)))
	}
	if want := unhex(t, "0000010000030000"); !bytes.Equal(got[:len(got)-1], want) {
		t.Errorf("got %x, want %x", got[:len(got)-1], want)
	}

	// §9.1.1, table 9-3: codes 1, 010, 011, 00100, 00101.
	r = bitReader{data: []byte{0b1_010_011_0, 0b0100_0010, 0b1_0000000}}
	for i, want := range []int32{0, 1, -1, 2, -2} {
		if got := r.se(); got != want || r.short {
			t.Errorf("code %d: got %d (short %v), want %d", i, got, r.short, want)
		}
	}

	r = bitReader{data: append([]byte{1}, bytes.Repeat([]byte{0xff}, 8)...)}
	r.bits(7)
	if got := r.ue(); got != 0 || r.short {
		t.Errorf("got %d (short %v)", got, r.short)
	}
	r = bitReader{data: []byte{0, 0, 1, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}}
	if r.ue(); r.short {
		t.Error("23 leading zeros are an allowed code")
	}
	r = bitReader{data: bytes.Repeat([]byte{0}, 9)}
	if r.ue(); !r.short {
		t.Error("a code of more than 31 leading zeros was accepted")
	}
}

func FuzzInspectH264(f *testing.F) {
	for _, s := range []string{spsBase180, spsMain1080, spsHigh720, spsField, sps444, spsLists, pps, sei, sliceIDR, sliceP, sliceB} {
		f.Add(unhex(f, s))
		f.Add(fuA(f, s, 0x80))
	}
	f.Add(stapA(f, delimiter, spsHigh720, pps, sliceIDR))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		info := Inspect(H264, payload)
		if info.Width < 0 || info.Width > maxSide || info.Height < 0 || info.Height > maxSide {
			t.Errorf("size %d×%d", info.Width, info.Height)
		}
		if info.Width > 0 && !info.Keyframe {
			t.Errorf("a size without an SPS: %+v", info)
		}
		if sps, _ := ParameterSets(payload); sps && !info.Keyframe {
			t.Errorf("an SPS, yet no keyframe: %+v", info)
		}
		if !bytes.Equal(before, payload) {
			t.Error("payload changed")
		}
	})
}
