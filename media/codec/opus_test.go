package codec

import "testing"

func TestOpusSamples(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    int
	}{
		{"empty", nil, 0},
		{"CELT 20 ms stereo", []byte{0xfc, 1}, 960},
		{"CELT 2.5 ms", []byte{16 << 3, 1}, 120},
		{"SILK 60 ms", []byte{11 << 3, 1}, 2880},
		{"SILK 10 ms, two frames", []byte{8<<3 | 1, 1, 2}, 960},
		{"hybrid 10 ms", []byte{12 << 3, 1}, 480},
		{"hybrid 20 ms", []byte{15 << 3, 1}, 960},
		{"CELT 20 ms, six frames", []byte{31<<3 | 3, 6, 0}, 5760},
		{"CELT 20 ms, seven frames", []byte{31<<3 | 3, 7, 0}, 0},
		{"SILK 60 ms, three frames", []byte{11<<3 | 3, 3}, 0},
		{"count missing", []byte{31<<3 | 3}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := OpusSamples(tt.payload); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	if OpusSilent(nil) || !OpusSilent([]byte{0xf8}) || !OpusSilent([]byte{0xf8, 0xff}) || OpusSilent([]byte{0xf8, 0xff, 0xfe}) {
		t.Error("silence is one or two bytes")
	}
}

func FuzzOpus(f *testing.F) {
	f.Add([]byte{0xfc, 1})
	f.Add([]byte{0xff, 6})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if n := OpusSamples(payload); n < 0 || n > maxOpusSamples || n%120 != 0 {
			t.Errorf("%d samples", n)
		}
	})
}
