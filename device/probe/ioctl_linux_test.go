package probe

import (
	"testing"
	"unsafe"

	"tongke/device/alsa"
)

// TestIoctlNumbers: the numbers hold the sizes of the structures, so they prove the layouts. The wanted ones are those that strace prints
// for v4l2-ctl on amd64 and arm64.
func TestIoctlNumbers(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  uint
		want uint
	}{
		{"VIDIOC_QUERYCAP", request(read, unsafe.Sizeof(v4l2Capability{}), videoIoctls, queryCap), 0x80685600},
		{"VIDIOC_ENUM_FMT", request(read|write, unsafe.Sizeof(v4l2FmtDesc{}), videoIoctls, enumFormats), 0xc0405602},
		{"VIDIOC_ENUM_FRAMESIZES", request(read|write, unsafe.Sizeof(v4l2FrameSize{}), videoIoctls, enumSizes), 0xc02c564a},
		{"VIDIOC_ENUM_FRAMEINTERVALS", request(read|write, unsafe.Sizeof(v4l2FrameInterval{}), videoIoctls, enumIntervals), 0xc034564b},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

func TestMixerElements(t *testing.T) {
	got := controls([]alsa.Element{
		{Name: "Master Playback Volume", Max: 87, Values: []int64{0, 0}},
		{Name: "Master Playback Switch", Switch: true, Max: 1, Values: []int64{1, 1}},
		{Name: "Mic Capture Volume", Max: 31, Values: []int64{3, 9}},
		{Name: "Capture Switch", Switch: true, Max: 1, Values: []int64{0, 0}},
		{Name: "PCM Playback Channel Map", Max: 36, Values: []int64{3}},
	})
	want := []Control{
		{Name: "Master", Volume: 0, Max: 87, Switch: true, On: true},
		{Name: "Capture", Capture: true, Switch: true},
		{Name: "Mic", Capture: true, Volume: 9, Max: 31},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}
