package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	"tongke/testbench/lesson"
)

// What the teacher says, at its second of the loop; the melody follows.
var sentences = []struct {
	at   float64
	text string
}{
	{0.3, "同学们好，今天我们学唱茉莉花。"},
	{6.0, "三河小学的同学，请听第一句。"},
	{18.6, "谁来唱一唱？请举手。"},
}

// The first line of the song (traditional, Jiangsu), in half beats of 0.25 s: semitones above C5, length.
var melody = []struct{ note, halves int }{
	{4, 2}, {4, 1}, {7, 1}, {9, 1}, {12, 1}, {12, 1}, {9, 1}, {7, 2}, {7, 1}, {9, 1}, {7, 4},
}

const melodyAt = 12.4

// makeVoice reads the sentences aloud, adds the melody, and encodes Opus packets of 20 ms.
func makeVoice() ([]lesson.Unit, error) {
	dir, err := os.MkdirTemp("", "lesson-voice")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	pcm := make([]float64, seconds*sampleRate)
	for _, s := range sentences {
		samples, err := speak(dir, s.text)
		if err != nil {
			return nil, err
		}
		fmt.Printf("voice: at %.1f s, %.1f s: %s\n", s.at, float64(len(samples))/sampleRate, s.text)
		mix(pcm, int(s.at*sampleRate), samples, 0.8)
	}
	at := melodyAt
	for _, n := range melody {
		length := float64(n.halves) * 0.25
		mix(pcm, int(at*sampleRate), tone(523.25*math.Pow(2, float64(n.note)/12), length), 0.25)
		at += length * 1.4
	}
	var raw bytes.Buffer
	for _, v := range pcm {
		_ = binary.Write(&raw, binary.LittleEndian, int16(max(-1, min(1, v))*32000)) // a bytes.Buffer takes everything
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "-", "-c:a", "libopus", "-application", "voip",
		"-frame_duration", "20", "-vbr", "on", "-b:a", "28k", "-f", "ogg", "-")
	cmd.Stdin = &raw
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ogg, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg opus: %w: %s", err, stderr.String())
	}
	packets, err := oggPackets(ogg)
	if err != nil {
		return nil, err
	}
	// The encoder adds its delay as one more packet at the end; the loop is whole without it.
	if len(packets) < seconds*50 {
		return nil, fmt.Errorf("%d opus packets, want %d", len(packets), seconds*50)
	}
	units := make([]lesson.Unit, seconds*50)
	for i := range units {
		units[i] = lesson.Unit{Data: packets[i], Keyframe: true}
	}
	return units, nil
}

func mix(pcm []float64, at int, samples []float64, gain float64) {
	for i, v := range samples {
		if at+i < len(pcm) {
			pcm[at+i] += v * gain
		}
	}
}

// tone is a plucked sound: a few partials that die away.
func tone(freq, length float64) []float64 {
	out := make([]float64, int((length+0.25)*sampleRate))
	for i := range out {
		t := float64(i) / sampleRate
		env := math.Exp(-3*t/length) * min(1, t/0.01)
		for k, a := range []float64{1, 0.4, 0.15} {
			out[i] += env * a * math.Sin(2*math.Pi*freq*float64(k+1)*t)
		}
	}
	return out
}

// speak reads text in Mandarin at 48 kHz.
func speak(dir, text string) ([]float64, error) {
	wav := filepath.Join(dir, "say.wav")
	if out, err := exec.Command("espeak-ng", "-v", "cmn", "-s", "190", "-p", "62", "-w", wav, text).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("espeak-ng: %w: %s", err, out)
	}
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", wav, "-ar", "48000", "-ac", "1", "-f", "s16le", "-").Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg resample: %w", err)
	}
	out := make([]float64, len(raw)/2)
	for i := range out {
		out[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return out, nil
}

// oggPackets takes the Opus packets out of an Ogg stream (RFC 3533 §6) and leaves out the two header packets (RFC 7845 §5).
func oggPackets(b []byte) ([][]byte, error) {
	var packets [][]byte
	var packet []byte
	for len(b) > 0 {
		if len(b) < 27 || string(b[:4]) != "OggS" || len(b) < 27+int(b[26]) {
			return nil, errors.New("ogg: bad page")
		}
		table := b[27 : 27+int(b[26])]
		b = b[27+len(table):]
		for _, n := range table {
			if int(n) > len(b) {
				return nil, errors.New("ogg: page cut short")
			}
			packet = append(packet, b[:n]...)
			b = b[n:]
			if n < 255 { // the last segment of a packet
				packets = append(packets, packet)
				packet = nil
			}
		}
	}
	if len(packets) < 2 {
		return nil, errors.New("ogg: no header packets")
	}
	return packets[2:], nil
}
