package cascade

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	boxA = "0123456789abcdef"
	boxB = "ghjkmnpqrstvwxyz"
	boxC = "00000000000000zz"
)

var ref = sourceRef{Lesson: "maths-3", Origin: boxA, Source: "teacher"}

// samples is one message of each kind, with values at their limits.
var samples = []message{
	&hello{Version: 1, Capabilities: []string{"codec:pcma", "codec:pcmu", "field:want.deadline"}, Path: []string{boxB, boxA}, Alliance: "一中教联体", Campus: "core", DesiredVersion: ""},
	&announce{sourceRef: ref, Layers: []string{"q", "h", "f"}, Codec: "h264", Path: []string{boxA, boxB}, Epoch: 1<<32 - 1, Live: true, Alliance: "county-1", Campus: "core"},
	&withdraw{ref},
	&want{sourceRef: ref, Layer: "h", Priority: 3},
	&unwant{sourceRef: ref, Layer: "h"},
	&deny{sourceRef: ref, Layer: "", Code: denyFull},
	&bind{Slot: 8, sourceRef: ref, Layer: "h", Codec: "h264", Epoch: 1795000000, FirstSlotSequence: 131070,
		OriginSequence: 1<<48 - 1, TimestampOffset: 1<<32 - 1},
	&unbind{Slot: 63},
	&unbound{Slot: 0},
	&pli{Slot: 8},
	&bye{Reason: byeShutdown, Alternatives: []string{"https://tk-7k2m.example:8443"}},
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %s\nwant %s", name, got, want)
	}
}

func TestGolden(t *testing.T) {
	for _, m := range samples {
		t.Run(m.name(), func(t *testing.T) {
			data, err := encode(m)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, m.name()+".json", data)
			var d decoder
			got, err := d.decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Errorf("got %+v, want %+v", got, m)
			}
		})
	}
	if len(samples) != len(shapes) {
		t.Errorf("%d samples of %d messages", len(samples), len(shapes))
	}
	golden(t, "ping-request.bin", pingMessage{typ: 1, id: 7, t1: 1795000000_000000001}.append(nil))
	golden(t, "ping-response.bin", pingMessage{typ: 2, id: 7, t1: 1795000000_000000001, t2: -1, t3: 1795000000_000000002}.append(nil))
}

func TestDecodeRefuses(t *testing.T) {
	ok := `"lesson":"l","origin":"` + boxA + `","source":"voice"`
	for _, tt := range []struct{ name, in, want string }{
		{"empty", ``, "JSON"},
		{"array", `[]`, "not a JSON object"},
		{"cut", `{"type":"pli","slot":1`, "JSON"},
		{"trailing", `{"type":"pli","slot":1}{}`, "follows"},
		{"no type", `{"slot":1}`, "unknown message"},
		{"unknown type", `{"type":"dance"}`, "unknown message"},
		{"unknown field", `{"type":"pli","slot":1,"urgent":true}`, "unknown field"},
		{"other case", `{"type":"pli","Slot":1}`, "unknown field"},
		{"twice", `{"type":"pli","slot":1,"slot":2}`, "twice"},
		{"type twice", `{"type":"pli","type":"bye","slot":1}`, "twice"},
		{"missing", `{"type":"pli"}`, "missing"},
		{"null", `{"type":"pli","slot":null}`, "null"},
		{"null in a list", `{"type":"bye","reason":"loop","alternatives":[null]}`, "null"},
		{"fraction", `{"type":"pli","slot":1.5}`, "pli"},
		{"exponent", `{"type":"pli","slot":1e1}`, "pli"},
		{"string for number", `{"type":"pli","slot":"1"}`, "pli"},
		{"negative slot", `{"type":"pli","slot":-1}`, "slot"},
		{"slot 64", `{"type":"pli","slot":64}`, "slot"},
		{"deep", `{"type":"pli","slot":[[[[1]]]]}`, "nested"},
		{"not UTF-8", "{\"type\":\"\xff\"}", "UTF-8"},
		{"long", `{"type":"` + strings.Repeat("x", maxMessage) + `"}`, "limit"},
		{"lesson", `{"type":"withdraw","lesson":"L","origin":"` + boxA + `","source":"voice"}`, "lesson id"},
		{"lesson too long", `{"type":"withdraw","lesson":"` + strings.Repeat("a", 41) + `","origin":"` + boxA + `","source":"voice"}`, "lesson id"},
		{"origin", `{"type":"withdraw","lesson":"l","origin":"0123456789abcdei","source":"voice"}`, "box id"},
		{"empty origin", `{"type":"want","lesson":"l","origin":"","source":"voice","layer":"","priority":1}`, "box id"},
		{"source", `{"type":"withdraw","lesson":"l","origin":"` + boxA + `","source":"Voice"}`, "source"},
		{"layer", `{"type":"unwant",` + ok + `,"layer":"a b"}`, "layer"},
		{"priority", `{"type":"want",` + ok + `,"layer":"","priority":10}`, "priority"},
		{"deny code", `{"type":"deny",` + ok + `,"layer":"","code":"because"}`, "code"},
		{"sequence", `{"type":"bind","slot":1,` + ok + `,"layer":"","codec":"opus","epoch":1,"firstSlotSequence":281474976710656,"originSequence":1,"timestampOffset":0}`, "48 bits"},
		{"negative sequence", `{"type":"bind","slot":1,` + ok + `,"layer":"","codec":"opus","epoch":1,"firstSlotSequence":-1,"originSequence":1,"timestampOffset":0}`, "bind"},
		{"epoch", `{"type":"bind","slot":1,` + ok + `,"layer":"","codec":"opus","epoch":4294967296,"firstSlotSequence":1,"originSequence":1,"timestampOffset":0}`, "bind"},
		{"codec", `{"type":"bind","slot":1,` + ok + `,"layer":"","codec":"av1","epoch":1,"firstSlotSequence":1,"originSequence":1,"timestampOffset":0}`, "codec"},
		{"reason", `{"type":"bye","reason":"bored","alternatives":[]}`, "reason"},
		{"alternative", `{"type":"bye","reason":"loop","alternatives":["http://a"]}`, "https"},
		{"path", `{"type":"hello","version":1,"capabilities":[],"path":[],"alliance":"","campus":"","desiredVersion":""}`, "path"},
		{"path twice", `{"type":"hello","version":1,"capabilities":[],"path":["` + boxA + `","` + boxA + `"],"alliance":"","campus":"","desiredVersion":""}`, "twice"},
		{"control characters", `{"type":"hello","version":1,"capabilities":[],"path":["` + boxA + `"],"alliance":"\n","campus":"","desiredVersion":""}`, "control"},
		{"version 0", `{"type":"hello","version":0,"capabilities":[],"path":["` + boxA + `"],"alliance":"","campus":"","desiredVersion":""}`, "version"},
		{"announce path", `{"type":"announce",` + ok + `,"layers":[""],"codec":"opus","path":["` + boxB + `"],"epoch":1,"live":true,"alliance":"","campus":""}`, "origin"},
		{"announce no codec", `{"type":"announce",` + ok + `,"layers":[""],"codec":"","path":["` + boxA + `"],"epoch":1,"live":true,"alliance":"","campus":""}`, "codec"},
		{"announce codec's name", `{"type":"announce",` + ok + `,"layers":[""],"codec":"G.711","path":["` + boxA + `"],"epoch":1,"live":true,"alliance":"","campus":""}`, "codec"},
		{"announce layers", `{"type":"announce",` + ok + `,"layers":["a","a"],"codec":"opus","path":["` + boxA + `"],"epoch":1,"live":true,"alliance":"","campus":""}`, "layer"},
		{"announce codec", `{"type":"announce",` + ok + `,"layers":[""],"codec":"h264","path":["` + boxA + `"],"epoch":1,"live":true,"alliance":"","campus":""}`, "codec"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d decoder
			m, err := d.decode([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v, want an error with %q", m, err, tt.want)
			}
		})
	}
}

func TestNewerRelease(t *testing.T) {
	var d decoder
	d.learn([]string{"field:pli.urgent", "message:dance", "other"})
	if m, err := d.decode([]byte(`{"type":"pli","slot":1,"urgent":true}`)); err != nil || m.(*pli).Slot != 1 {
		t.Errorf("announced field: %v, %v", m, err)
	}
	if _, err := d.decode([]byte(`{"type":"unbind","slot":1,"urgent":true}`)); err == nil {
		t.Error("a field of another message is taken")
	}
	if _, err := d.decode([]byte(`{"type":"dance","steps":[1,2]}`)); !errors.Is(err, errSkipped) {
		t.Errorf("announced message: %v, want errSkipped", err)
	}
	h := `"capabilities":[],"path":["` + boxA + `"],"alliance":"","campus":"","desiredVersion":"","mood":"good"}`
	if _, err := d.decodeHello([]byte(`{"version":1,` + h)); err == nil {
		t.Error("hello of our version with an unknown field is taken")
	}
	if got, err := d.decodeHello([]byte(`{"version":2,` + h)); err != nil || got.Version != 2 {
		t.Errorf("hello of a higher version: %v", err)
	}
}

func TestAgree(t *testing.T) {
	for _, tt := range []struct {
		ours, theirs, want int
		ok                 bool
	}{
		{1, 1, 1, true}, {1, 2, 1, true}, {1, 3, 1, true}, {1, 4, 1, false},
		{5, 5, 5, true}, {5, 4, 4, true}, {5, 3, 3, true}, {5, 2, 2, false}, {5, 7, 5, true}, {5, 8, 5, false}, {2, 0, 0, false},
	} {
		if got, ok := agree(tt.ours, tt.theirs); got != tt.want || ok != tt.ok {
			t.Errorf("agree(%d, %d) = %d, %v, want %d, %v", tt.ours, tt.theirs, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples {
		data, err := encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"type":"bye","reason":"loop","alternatives":[[[[]]]]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d := decoder{extra: map[string]bool{"field:pli.x": true, "message:y": true}}
		m, err := d.decode(in)
		if err != nil {
			return
		}
		out, err := encode(m)
		if err != nil {
			t.Fatalf("%q decodes to %+v, which does not encode: %v", in, m, err)
		}
		again, err := new(decoder).decode(out)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%q decodes to %+v, and that again to %+v, %v", in, m, again, err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"hello":{"version":1,"capabilities":[],"path":["` + boxA + `"],"alliance":"","campus":"","desiredVersion":""},"rung":"udp","offer":"v=0"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		body, h, err := readRequest(in)
		if err == nil && (h.check() != nil || (body.Rung != "udp" && body.Rung != "tunnel")) {
			t.Fatalf("%q is taken", in)
		}
		_, _, _ = readAnswer(in) // must not panic
	})
}

func FuzzPing(f *testing.F) {
	f.Add(pingMessage{typ: 1, id: 1, t1: 1}.append(nil))
	f.Add(pingMessage{typ: 2, id: 1, t1: 1, t2: 2, t3: 3}.append(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if p, ok := parsePing(in); ok && !bytes.Equal(p.append(nil), in) {
			t.Fatalf("%x reads as %+v", in, p)
		}
	})
}
