package layer

import "testing"

func TestBest(t *testing.T) {
	tests := []struct {
		name    string
		in      []State
		current int
		want    int
	}{
		{"none", nil, -1, -1},
		{"none present", []State{{Layer: "l"}, {Layer: "h", Rank: 1}}, -1, -1},
		{"single", []State{{Present: true}}, -1, 0},
		{"by place while sizes are unknown", []State{{Layer: "l", Present: true}, {Layer: "h", Rank: 1, Present: true}}, -1, 1},
		{"by size against the place", []State{{Layer: "f", Pixels: 921600, Present: true}, {Layer: "q", Rank: 1, Pixels: 57600, Present: true}}, -1, 0},
		{"one size unknown: by place", []State{{Layer: "l", Pixels: 57600, Present: true}, {Layer: "h", Rank: 1, Present: true}}, -1, 1},
		{"the best is away", []State{{Layer: "l", Present: true}, {Layer: "m", Rank: 1, Present: true}, {Layer: "h", Rank: 2}}, 2, 1},
		{"current stays among equals", []State{{Layer: "a", Pixels: 100, Present: true}, {Layer: "b", Pixels: 100, Present: true}}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Best(tt.in, tt.current); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
