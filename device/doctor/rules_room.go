package doctor

import (
	"fmt"
	"slices"
	"strings"

	"tongke/device/alsa"
	"tongke/device/probe"
)

func cameraUnplugged(in *Input) ([]any, string, bool) {
	return nil, "", in.classroom() && len(in.Machine.Cameras) == 0 && in.Facts.NetCameras == 0
}

func cameraBlack(in *Input) ([]any, string, bool) {
	return nil, tellCameras(in), in.Facts.Picture == No
}

// A network camera gives no picture. What its fault means for the person who stands below it; every other one means that it is away.
var netCameraMeans = map[string]string{
	"camera-password": "password",
	"camera-h265":     "format", "camera-mjpeg": "format", "camera-codec": "format", "camera-b-frames": "format",
	"camera-no-keyframe": "keyframes",
	"camera-busy":        "busy",
	"camera-certificate": "certificate",
	"camera-path":        "settings", "camera-no-video": "settings", "camera-not-understood": "settings", "camera-elsewhere": "settings", "camera-transport": "settings",
	"camera-lesson-codec": "nothing", // the lesson's fault
}

func netCamera(in *Input, means string) ([]any, string, bool) {
	f := in.Facts
	return nil, fmt.Sprintf("%s: %s", f.NetCameraName, f.NetCamera), f.NetCamera != "" && netCameraMeans[f.NetCamera] == means
}

func netCameraAway(in *Input) ([]any, string, bool)      { return netCamera(in, "") }
func netCameraPassword(in *Input) ([]any, string, bool)  { return netCamera(in, "password") }
func netCameraFormat(in *Input) ([]any, string, bool)    { return netCamera(in, "format") }
func netCameraKeyframes(in *Input) ([]any, string, bool) { return netCamera(in, "keyframes") }
func netCameraBusy(in *Input) ([]any, string, bool)      { return netCamera(in, "busy") }
func netCameraSettings(in *Input) ([]any, string, bool)  { return netCamera(in, "settings") }

func netCameraCertificate(in *Input) ([]any, string, bool) { return netCamera(in, "certificate") }

// cameraSlow: 12 Mb/s of USB 1.1 carry no picture worth the name; a camera gets them behind an old hub or by a broken wire.
func cameraSlow(in *Input) ([]any, string, bool) {
	for _, c := range in.Machine.Cameras {
		if c.USBMbps > 0 && c.USBMbps < 480 {
			return nil, fmt.Sprintf("%s at port %s with %g Mb/s", c.Name, c.Port, c.USBMbps), true
		}
	}
	return nil, "", false
}

func microphoneMissing(in *Input) ([]any, string, bool) {
	return nil, "", in.classroom() && len(in.Machine.Sound.Microphones()) == 0
}

// microphoneOff: every microphone lets nothing through. Boosts are amplifiers behind the volume. One without a volume, as many that are
// plugged in by USB, is always on; one whose volume is not known may be.
func microphoneOff(in *Input) ([]any, string, bool) {
	if in.Facts.MicrophoneHeard == Yes || !in.classroom() {
		return nil, "", false
	}
	wanted := func(c probe.Control) bool { return c.Capture && !alsa.Boost(c.Name) }
	cards := in.Machine.Sound.Microphones()
	if slices.ContainsFunc(cards, func(c probe.Card) bool { return !slices.ContainsFunc(c.Controls, wanted) }) {
		return nil, "", false
	}
	return allAtZero(cards, wanted)
}

func microphoneSilent(in *Input) ([]any, string, bool) {
	return nil, tellMicrophones(in), in.Facts.MicrophoneHeard == No
}

// soundOff: every card that has a volume plays nothing. Sockets of HDMI have switches only, and the screen its own volume.
func soundOff(in *Input) ([]any, string, bool) {
	if in.Facts.SpeakerHeard == Yes || !in.classroom() {
		return nil, "", false
	}
	cards := in.Machine.Sound.Speakers()
	for i, c := range cards {
		cards[i].Controls = nil
		for _, name := range alsa.Main() {
			at := slices.IndexFunc(c.Controls, func(k probe.Control) bool { return !k.Capture && k.Name == name && k.Max > k.Min })
			if at >= 0 {
				cards[i].Controls = []probe.Control{c.Controls[at]}
				break
			}
		}
	}
	return allAtZero(cards, func(probe.Control) bool { return true })
}

// allAtZero reports whether some card has a control of the wanted kind, and all such controls of all cards are at zero.
func allAtZero(cards []probe.Card, wanted func(probe.Control) bool) ([]any, string, bool) {
	var zero []string
	for _, c := range cards {
		for _, k := range c.Controls {
			if !wanted(k) {
				continue
			}
			if !k.Zero() {
				return nil, "", false
			}
			zero = append(zero, c.Name+": "+k.Name)
		}
	}
	return nil, strings.Join(zero, ", "), len(zero) > 0
}

func noSpeaker(in *Input) ([]any, string, bool) {
	return nil, "", in.classroom() && len(in.Machine.Sound.Speakers()) == 0
}

func screenSilent(in *Input) ([]any, string, bool) {
	return nil, tellSpeakers(in), in.Facts.SpeakerHeard == No
}

func noDisplay(in *Input) ([]any, string, bool) {
	return nil, "", in.classroom() && !slices.ContainsFunc(in.Machine.Displays, func(d probe.Display) bool { return d.Connected })
}

func screenElsewhere(in *Input) ([]any, string, bool) {
	return nil, tellScreen(in), in.Facts.ScreenSeen == No
}

func tellCameras(in *Input) string {
	var out []string
	for _, c := range in.Machine.Cameras {
		s := c.Name
		if w, h := c.Largest(15); w > 0 {
			s += fmt.Sprintf(" %d×%d", w, h)
		}
		if c.H264 {
			s += " H264"
		}
		if c.Port != "" {
			s += " at " + c.Port
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func tellMicrophones(in *Input) string { return cardNames(in.Machine.Sound.Microphones()) }

func tellSpeakers(in *Input) string { return cardNames(in.Machine.Sound.Speakers()) }

func cardNames(cards []probe.Card) string {
	var out []string
	for _, c := range cards {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

func tellScreen(in *Input) string {
	var out []string
	for _, d := range in.Machine.Displays {
		if d.Connected {
			out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s %s %d×%d", d.Name, d.Screen, d.Width, d.Height)), " "))
		}
	}
	return strings.Join(out, ", ")
}
