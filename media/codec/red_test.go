package codec

import (
	"bytes"
	"testing"
)

func blocks(payload []byte) []REDBlock {
	var all []REDBlock
	for b := Blocks(payload); ; {
		block, ok := b.Next()
		if !ok {
			return all
		}
		all = append(all, block)
	}
}

func TestRED(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		primary string
		blocks  []REDBlock
		ok      bool
	}{
		{"primary alone", "6f" + "fc0102", "fc0102", []REDBlock{{0, []byte{0xfc, 1, 2}}}, true},
		{
			"one redundant block, 20 ms older", "ef0f0002" + "6f" + "fcaa" + "fcbb01", "fcbb01",
			[]REDBlock{{960, []byte{0xfc, 0xaa}}, {0, []byte{0xfc, 0xbb, 1}}}, true,
		},
		{
			"two redundant blocks, one empty", "ef1e0000" + "ef0f0001" + "6f" + "aa" + "bb", "bb",
			[]REDBlock{{1920, []byte{}}, {960, []byte{0xaa}}, {0, []byte{0xbb}}}, true,
		},
		{"longest offset and length", "effffcff" + "6f" + elevens(255) + "bb", "bb", []REDBlock{{16383, bytes.Repeat([]byte{0x11}, 255)}, {0, []byte{0xbb}}}, true},
		{"empty", "", "", nil, false},
		{"last header missing", "ef0f0001", "", nil, false},
		{"header cut", "ef0f00", "", nil, false},
		{"redundant block cut", "ef0f0005" + "6f" + "aabb", "", nil, false},
		{"primary block empty", "ef0f0002" + "6f" + "aabb", "", nil, false},
		{"header alone", "6f", "", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payload := unhex(t, tt.payload)
			got, ok := REDPrimary(payload)
			if ok != tt.ok || !bytes.Equal(got, unhex(t, tt.primary)) {
				t.Errorf("primary %x %v, want %s %v", got, ok, tt.primary, tt.ok)
			}
			all := blocks(payload)
			if len(all) != len(tt.blocks) {
				t.Fatalf("%d blocks, want %d", len(all), len(tt.blocks))
			}
			for i, b := range all {
				if b.Offset != tt.blocks[i].Offset || !bytes.Equal(b.Payload, tt.blocks[i].Payload) {
					t.Errorf("block %d: %+v, want %+v", i, b, tt.blocks[i])
				}
			}
			for n := range payload {
				blocks(payload[:n])
			}
		})
	}
}

// elevens is n bytes 0x11 in hexadecimal.
func elevens(n int) string { return string(bytes.Repeat([]byte("11"), n)) }

func TestREDPack(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 1023)
	tests := []struct {
		name      string
		primary   []byte
		redundant []REDBlock
		want      []REDBlock
	}{
		{"primary alone", []byte{1}, nil, []REDBlock{{0, []byte{1}}}},
		{"two", []byte{3}, []REDBlock{{1920, []byte{1}}, {960, []byte{2, 2}}}, []REDBlock{{1920, []byte{1}}, {960, []byte{2, 2}}, {0, []byte{3}}}},
		{"longest", []byte{3}, []REDBlock{{16383, long}}, []REDBlock{{16383, long}, {0, []byte{3}}}},
		{"too old", []byte{3}, []REDBlock{{16384, []byte{1}}}, []REDBlock{{0, []byte{3}}}},
		{"too long", []byte{3}, []REDBlock{{960, append(long, 1)}}, []REDBlock{{0, []byte{3}}}},
		{"empty or not older", []byte{3}, []REDBlock{{960, nil}, {0, []byte{1}}}, []REDBlock{{0, []byte{3}}}},
		{"nothing", nil, []REDBlock{{960, []byte{1}}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := blocks(REDPack(nil, 111, tt.primary, tt.redundant...))
			if len(got) != len(tt.want) {
				t.Fatalf("%d blocks, want %d", len(got), len(tt.want))
			}
			for i, b := range got {
				if b.Offset != tt.want[i].Offset || !bytes.Equal(b.Payload, tt.want[i].Payload) {
					t.Errorf("block %d: %+v, want %+v", i, b, tt.want[i])
				}
			}
		})
	}
}

func TestREDSetPayloadType(t *testing.T) {
	b := unhex(t, "ef1e0001ef0f00016faabbcc")
	if !REDSetPayloadType(b, 96) || !bytes.Equal(b, unhex(t, "e01e0001e00f000160aabbcc")) {
		t.Errorf("got %x", b)
	}
	b = unhex(t, "ef0f0005") // cut: unchanged
	if REDSetPayloadType(b, 96) || !bytes.Equal(b, unhex(t, "ef0f0005")) {
		t.Errorf("got %x", b)
	}
}

func FuzzRED(f *testing.F) {
	for _, s := range []string{"6ffc0102", "ef0f00026ffcaafcbb01", "ef1e0000ef0f00016faabb", "ef0f0001", ""} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		primary, ok := REDPrimary(payload)
		all := blocks(payload)
		if ok != (len(all) > 0) {
			t.Fatalf("primary %v, %d blocks", ok, len(all))
		}
		if !ok {
			return
		}
		last := all[len(all)-1]
		if len(primary) == 0 || !bytes.Equal(primary, last.Payload) || last.Offset != 0 {
			t.Fatalf("primary %x, last block %+v", primary, last)
		}
		var kept []REDBlock
		for _, b := range all[:len(all)-1] {
			if b.fits() {
				kept = append(kept, b)
			}
		}
		again := blocks(REDPack(nil, 111, primary, kept...))
		if len(again) != len(kept)+1 {
			t.Fatalf("%d blocks packed, %d came back", len(kept)+1, len(again))
		}
		out := bytes.Clone(payload)
		if !REDSetPayloadType(out, 100) || len(blocks(out)) != len(all) {
			t.Error("layout changed with the payload type")
		}
	})
}
