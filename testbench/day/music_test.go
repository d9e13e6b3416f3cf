package day_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// humming is a voice that never pauses, as a WAV file: a gliding vowel in quick syllables, which no noise suppression takes for noise.
func humming() []byte {
	const seconds = 8
	samples := make([]int16, soundRate*seconds)
	phase := 0.0
	for i := range samples {
		t := float64(i) / soundRate
		phase += 2 * math.Pi * (170 + 40*math.Sin(2*math.Pi*0.5*t)) / soundRate
		sum := 0.0
		for k := 1.0; k <= 12; k++ {
			near := math.Exp(-math.Pow((k*170-700)/500, 2)) + 0.4*math.Exp(-math.Pow((k*170-1700)/400, 2))
			sum += near * math.Sin(k*phase)
		}
		samples[i] = int16(6000 * sum * (0.7 + 0.3*math.Sin(2*math.Pi*4*t)))
	}
	var b bytes.Buffer
	b.WriteString("RIFF")
	size := uint32(2 * len(samples))
	_ = binary.Write(&b, binary.LittleEndian, 36+size)
	b.WriteString("WAVEfmt ")
	for _, v := range []any{uint32(16), uint16(1), uint16(1), uint32(soundRate), uint32(2 * soundRate), uint16(2), uint16(16)} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, size)
	_ = binary.Write(&b, binary.LittleEndian, samples)
	return b.Bytes()
}

// TestMusicMode turns 音乐模式 on and off while the teacher speaks, and calls a campus during it: each exchanges the microphone that is sent, by
// Chromium's own capture with other constraints. A class hears no pause of more than 200 ms in it.
func TestMusicMode(t *testing.T) {
	h := newHouse(t, schools[0], schools[1])
	file := filepath.Join(t.TempDir(), "voice.wav")
	must(t, os.WriteFile(file, humming(), 0o600))
	teacher := chromium(t, chromedp.Flag("use-file-for-fake-audio-capture", file))
	class := another(t, teacher)
	const id = "music"
	h.lesson(id, schools[1])
	open(t, teacher, h.boxes[0].url("/teach/"+id+"#token="+h.boxes[0].token(t, id, "teacher", "")), probe{Camera: &film{320, 180, 5}})
	open(t, class, h.boxes[1].url("/class"), probe{Camera: &film{320, 180, 5}, Voice: &voice{Tone: 700, Gain: 0}})
	shows(t, teacher, "before the lesson", `window.tongke?.phase === "before" && document.querySelector("#start").checkVisibility()`)
	press(t, teacher, `document.querySelector("#start")`)
	wallIs(t, class, "live")
	shows(t, class, "the teacher's voice", `tongke.table.some((s) => s.source === "voice")`)
	eval[bool](t, class, `(window.pause = probe.pauses(tongke.table.find((s) => s.source === "voice").mid), true)`)
	shows(t, class, "sound", `pause.total > 500`)
	shows(t, teacher, "a campus that can be called", tile(schools[1])+`?.querySelector(".call").getAttribute("aria-disabled") === "false"`)

	type figures struct{ Longest, Total, Concealed float64 }
	look := func() figures {
		return eval[figures](t, class, `(async () => {
			let s = 0;
			for (const pc of probe.pcs) {
				for (const r of (await pc.getStats()).values()) {
					s += r.type === "inbound-rtp" && r.kind === "audio" ? (r.concealedSamples ?? 0) : 0;
				}
			}
			return { Longest: pause.longest, Total: pause.total, Concealed: s / 48 };
		})()`)
	}
	// A machine that is busy with other things tears sound, so each exchange is content with the best of a few.
	best := map[string]float64{}
	const rounds = 5
	for round := 1; ; round++ {
		most := 0.0
		for _, step := range []struct {
			name, press string
			free        bool // of echo: what is sent then
		}{
			{"music on", `document.querySelector("#music")`, false},
			{"a campus called", tile(schools[1]) + `.querySelector(".call")`, true},
			{"the floor taken back", tile(schools[1]) + `.querySelector(".call")`, false},
			{"music off", `document.querySelector("#music")`, true},
		} {
			eval[bool](t, class, `(pause.longest = 0, true)`)
			before := look()
			press(t, teacher, step.press)
			shows(t, teacher, step.name, fmt.Sprintf(`tongke.echoFree === %v`, step.free))
			shows(t, class, "a second of sound", fmt.Sprintf(`pause.total > %f`, before.Total+1000))
			after := look()
			t.Logf("%s: the longest pause %.0f ms, %.0f ms concealed", step.name, after.Longest, after.Concealed-before.Concealed)
			lacked := max(after.Longest, after.Concealed-before.Concealed) // what is concealed is heard, and was not said
			if had, ok := best[step.name]; !ok || lacked < had {
				best[step.name] = lacked
			}
			most = max(most, best[step.name])
		}
		switch {
		case most <= 200:
			return
		case round == rounds:
			t.Fatalf("without sound for that many ms: %v", best)
		}
	}
}
