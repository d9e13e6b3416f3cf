package protocol

import "fmt"

// What a wall screen can try of its room.
const (
	DoChirp   = "chirp"   // plays a short tone and listens for it
	DoClap    = "clap"    // waits for a person to clap hands
	DoPicture = "picture" // looks at the camera's picture
	DoShow    = "show"    // shows a test picture until it is stopped
)

// What became of a device that was tried.
const (
	DeviceOK      = "ok"
	DeviceNone    = "none"    // the browser finds none
	DeviceBusy    = "busy"    // another program has it
	DeviceBlocked = "blocked" // the browser does not allow it
	DeviceSilent  = "silent"  // a microphone: digital silence, or less noise than any that works
	DeviceBlack   = "black"   // a camera
	DeviceFrozen  = "frozen"  // a camera: no two pictures differ
	DeviceCovered = "covered" // a camera that the room has covered, and that stays so
)

// Why a self-test ended before all was tried.
const (
	StoppedLesson = "lesson" // a lesson, or the minute before one
	StoppedAsked  = "asked"  // the box said so
	StoppedFailed = "failed" // something in the page
)

type (
	// SelfTest is the event that asks the wall screen beside the box to try its room, outside lessons. Do empty stops what is under way.
	SelfTest struct {
		Test int      `json:"test"`
		Do   []string `json:"do"`
	}
	// SelfTested is what came of it: of each part that was asked for, and tried.
	SelfTested struct {
		Test    int    `json:"test"`
		Chirp   *Chirp `json:"chirp,omitempty"`
		Clap    *Clap  `json:"clap,omitempty"`
		Picture string `json:"picture,omitempty"` // a Device word
		Shown   bool   `json:"shown,omitempty"`   // the test picture is drawn
		Stopped string `json:"stopped,omitempty"` // a Stopped word, "": everything was tried
	}
	// Chirp is what became of the tone. Levels are dB of full scale.
	Chirp struct {
		Microphone string `json:"microphone"` // a Device word
		Plays      bool   `json:"plays"`      // the machine took the tone
		Heard      bool   `json:"heard"`
		Level      int    `json:"level"` // of the tone at the microphone, or of the loudest that came
		Noise      int    `json:"noise"` // of the room before it
	}
	// Clap is whether somebody was heard to clap.
	Clap struct {
		Microphone string `json:"microphone"` // a Device word
		Heard      bool   `json:"heard"`
		Level      int    `json:"level"` // dB of full scale
	}
)

func (SelfTest) kind() string   { return "self-test" }
func (SelfTested) kind() string { return "self-test" }

func (SelfTest) event() {}

var (
	dos         = []string{DoChirp, DoClap, DoPicture, DoShow}
	stops       = []string{StoppedLesson, StoppedAsked, StoppedFailed}
	microphones = []string{DeviceOK, DeviceNone, DeviceBusy, DeviceBlocked, DeviceSilent}
	cameras     = []string{DeviceOK, DeviceNone, DeviceBusy, DeviceBlocked, DeviceBlack, DeviceFrozen, DeviceCovered}
)

const quietest = -200 // dB of full scale; 24 bits reach -144

func level(name string, n int) error { return within(name, n, quietest, 0) }

func (m SelfTest) check() error {
	if len(m.Do) > len(dos) {
		return fmt.Errorf("do: at most %d", len(dos))
	}
	for _, d := range m.Do {
		if err := oneOf("do", d, dos, false); err != nil {
			return err
		}
	}
	return within("test", m.Test, 1, maxID)
}

func (m SelfTested) check() error {
	if c := m.Chirp; c != nil {
		if err := first(oneOf("microphone", c.Microphone, microphones, false), level("level", c.Level), level("noise", c.Noise)); err != nil {
			return err
		}
	}
	if c := m.Clap; c != nil {
		if err := first(oneOf("microphone", c.Microphone, microphones, false), level("level", c.Level)); err != nil {
			return err
		}
	}
	return first(within("test", m.Test, 1, maxID), oneOf("picture", m.Picture, cameras, true), oneOf("stopped", m.Stopped, stops, true))
}
