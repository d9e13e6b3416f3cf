package probe

import (
	"testing"
	"unsafe"
)

// TestIoctlNumbers: the numbers hold the sizes of the structures, so they prove the layouts. The wanted ones are those that strace prints
// for v4l2-ctl and amixer on amd64 and arm64.
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
		{"SNDRV_CTL_IOCTL_ELEM_LIST", request(read|write, unsafe.Sizeof(alsaList{}), soundIoctls, elementList), 0xc0505510},
		{"SNDRV_CTL_IOCTL_ELEM_INFO", request(read|write, unsafe.Sizeof(alsaInfo{}), soundIoctls, elementInfo), 0xc1105511},
		{"SNDRV_CTL_IOCTL_ELEM_READ", request(read|write, unsafe.Sizeof(alsaValue{}), soundIoctls, elementRead), 0xc4c85512},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

func TestMixerElements(t *testing.T) {
	m := mixer{}
	m.element("Master Playback Volume", 0, false, 0, 87, []int64{0, 0})
	m.element("Master Playback Switch", 0, true, 0, 1, []int64{1, 1})
	m.element("Mic Capture Volume", 0, false, 0, 31, []int64{3, 9})
	m.element("Capture Switch", 0, true, 0, 1, []int64{0, 0})
	m.element("PCM Playback Channel Map", 0, false, 0, 36, []int64{3})
	got := m.controls()
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
