package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRequestsRefused(t *testing.T) {
	deep := strings.Repeat(`[`, 9) + strings.Repeat(`]`, 9)
	for _, tt := range []struct {
		name, frame string
		id          int
		code        Code
	}{
		{"nothing", ``, 0, Malformed},
		{"no object", `[1]`, 0, Malformed},
		{"half", `{"type":"bye","id":1`, 0, Malformed},
		{"two", `{"type":"bye","id":1}{}`, 0, Malformed},
		{"no UTF-8", "{\"type\":\"note.text\",\"id\":1,\"text\":\"\xff\"}", 0, Malformed},
		{"no type", `{"id":7}`, 7, Malformed},
		{"no id", `{"type":"bye"}`, 0, Malformed},
		{"id 0", `{"type":"bye","id":0}`, 0, Malformed},
		{"id of a text", `{"type":"bye","id":"1"}`, 0, Malformed},
		{"id with a fraction", `{"type":"bye","id":1.5}`, 0, Malformed},
		{"id too large", `{"type":"bye","id":2147483648}`, 0, Malformed},
		{"type no text", `{"type":1,"id":1}`, 1, Malformed},
		{"unknown type", `{"type":"lesson.king","id":3}`, 3, UnknownType},
		{"a frame of boxes", `{"type":"watch","id":3,"lesson":"a","epoch":1,"rev":1}`, 3, UnknownType},
		{"an event", `{"type":"say","id":3,"code":"sent"}`, 3, UnknownType},
		{"key twice", `{"type":"room.mute","id":3,"room":"a","muted":true,"muted":false}`, 0, Malformed},
		{"type twice", `{"type":"bye","type":"hello","id":3}`, 0, Malformed},
		{"key twice, deep", `{"type":"media.up","id":3,"sdp":"v","tracks":[{"mid":"0","mid":"1","source":"voice"}]}`, 0, Malformed},
		{"unknown field", `{"type":"bye","id":3,"x":1}`, 3, Malformed},
		{"unknown field, deep", `{"type":"media.up","id":3,"sdp":"v","tracks":[{"mid":"0","source":"voice","x":1}]}`, 3, Malformed},
		{"another case", `{"type":"room.mute","id":3,"Room":"a","muted":true}`, 3, Malformed},
		{"re in a request", `{"type":"bye","id":3,"re":1}`, 3, Malformed},
		{"too deep", `{"type":"bye","id":3,"x":` + deep + `}`, 0, Malformed},
		{"null", `{"type":"room.mute","id":3,"room":null,"muted":true}`, 3, Malformed},
		{"null for a list", `{"type":"media.up","id":3,"sdp":"v","tracks":null}`, 3, Malformed},
		{"left out", `{"type":"room.mute","id":3,"room":"a"}`, 3, Malformed},
		{"wrong type", `{"type":"room.mute","id":3,"room":["a"],"muted":true}`, 3, Malformed},
		{"an object for a text", `{"type":"room.remove","id":3,"room":{"a":1}}`, 3, Malformed},
		{"no room", `{"type":"room.remove","id":3,"room":""}`, 3, Malformed},
		{"a room with a line break", `{"type":"room.remove","id":3,"room":"a\nb"}`, 3, Malformed},
		{"a long room", `{"type":"room.remove","id":3,"room":"` + strings.Repeat("字", 130) + `"}`, 3, Malformed},
		{"61 characters", `{"type":"note.text","id":3,"text":"` + strings.Repeat("字", 61) + `"}`, 3, Malformed},
		{"blank text", `{"type":"note.text","id":3,"text":"  "}`, 3, Malformed},
		{"not confirmed", `{"type":"lesson.end","id":3,"confirm":false}`, 3, Malformed},
		{"unknown page", `{"type":"hello","id":3,"page":"library"}`, 3, Malformed},
		{"unknown layout", `{"type":"lesson.set","id":3,"layout":"circus"}`, 3, Malformed},
		{"all for one room", `{"type":"room.layout","id":3,"layout":"all"}`, 3, Malformed},
		{"unknown phrase", `{"type":"note.phrase","id":3,"code":"hello"}`, 3, Malformed},
		{"loud", `{"type":"room.volume","id":3,"volume":101}`, 3, Malformed},
		{"unknown source", `{"type":"media.up","id":3,"sdp":"v","tracks":[{"mid":"0","source":"screen"}]}`, 3, Malformed},
		{"one m-line twice", `{"type":"media.up","id":3,"sdp":"v","tracks":[{"mid":"0","source":"voice"},{"mid":"0","source":"board"}]}`, 3, Malformed},
		{"negative count", `{"type":"stats","id":3,"total":-1,"concealed":0,"silentConcealed":0,"freezes":0,"freezeMs":0,"boardFrames":0,"teacherFrames":0,"level":0,"fps":0}`, 3, Malformed},
		{"a test of nothing", `{"type":"self-test","id":3,"test":0}`, 3, Malformed},
		{"louder than can be", `{"type":"self-test","id":3,"test":1,"chirp":{"microphone":"ok","plays":true,"heard":true,"level":1,"noise":-50}}`, 3, Malformed},
		{"a camera that is silent", `{"type":"self-test","id":3,"test":1,"picture":"silent"}`, 3, Malformed},
		{"half a chirp", `{"type":"self-test","id":3,"test":1,"chirp":{"microphone":"ok","heard":true}}`, 3, Malformed},
		{"a huge number", `{"type":"stats","id":3,"total":1e300,"concealed":0,"silentConcealed":0,"freezes":0,"freezeMs":0,"boardFrames":0,"teacherFrames":0,"level":0,"fps":0}`, 3, Malformed},
		{"many", `{"type":"bye","id":3,"x":[` + strings.Repeat("1,", maxTokens) + `1]}`, 0, Malformed},
		{"long", `{"type":"media.down","id":3,"sdp":"` + strings.Repeat("a", MaxFrame) + `"}`, 0, Malformed},
	} {
		id, m, err := Decode([]byte(tt.frame))
		var e *Error
		if !errors.As(err, &e) || e.Code != tt.code || id != tt.id || m != nil {
			t.Errorf("%s: %d %v %v, want %d %s", tt.name, id, m, err, tt.id, tt.code)
		}
	}
}

func TestSixtyCharactersAreRunes(t *testing.T) {
	frame := `{"type":"note.text","id":1,"text":"` + strings.Repeat("𠮷", MaxText) + `"}`
	if _, _, err := Decode([]byte(frame)); err != nil {
		t.Error(err)
	}
}

// TestMutated takes each field of each request away, doubles it, makes it null and renames it: only a field that may be left out may go.
func TestMutated(t *testing.T) {
	for _, r := range exampleRequests() {
		good, err := EncodeRequest(1, r)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(good, &fields); err != nil {
			t.Fatal(err)
		}
		optional := fieldsOf(reflect.TypeOf(r))
		for name, value := range fields {
			without := func(extra string) string {
				s := "{"
				for n, v := range fields {
					if n != name {
						s += fmt.Sprintf("%q:%s,", n, v)
					}
				}
				return strings.TrimSuffix(s+extra, ",") + "}"
			}
			for what, frame := range map[string]string{
				"twice":   without(fmt.Sprintf("%q:%s,%q:%s", name, value, name, value)),
				"upper":   without(fmt.Sprintf("%q:%s", strings.ToUpper(name), value)),
				"gone":    without(""),
				"null":    without(fmt.Sprintf("%q:null", name)),
				"a list":  without(fmt.Sprintf("%q:[[%s]]", name, value)),
				"a field": without(fmt.Sprintf("%q:%s,%q:1", name, value, "zzz")),
			} {
				f, is := optional[name]
				mayGo := is && !f.needed && (what == "gone" || what == "null" && f.t.Kind() == reflect.Pointer)
				if _, m, err := Decode([]byte(frame)); (err == nil) != mayGo && !(name == "sdp" && what == "gone") {
					t.Errorf("%s: %s %s: %+v, %v", r.kind(), name, what, m, err)
				}
			}
		}
	}
}

func seeds(f *testing.F, prefix string) {
	names, err := filepath.Glob(filepath.Join("testdata", prefix+"*.json"))
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"type":"bye","id":1,"a":{"b":[[[[[[]]]]]]}}`))
	f.Add([]byte(`{"type":"\u0062ye","id":1}`))
}

// FuzzRequest: whatever comes is refused with a code or is read, and what was read is written and read again as the same.
func FuzzRequest(f *testing.F) {
	seeds(f, "request-")
	f.Fuzz(func(t *testing.T, frame []byte) {
		id, r, err := Decode(frame)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || r != nil {
				t.Fatalf("%v %v", r, err)
			}
			return
		}
		again, err := EncodeRequest(id, r)
		if err != nil {
			return // grew past the limit by escapes
		}
		back, same, err := Decode(again)
		if err != nil || back != id || !reflect.DeepEqual(same, r) {
			t.Errorf("%s: %d %+v, %v", again, back, same, err)
		}
	})
}

func FuzzDown(f *testing.F) {
	seeds(f, "event-")
	seeds(f, "answer-")
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := DecodeDown(frame)
		if err != nil {
			return
		}
		if a, ok := m.(Answer); ok {
			var h HelloOK
			_ = ReadAnswer(a, &h)
			return
		}
		again, err := Encode(m.(Message))
		if err != nil {
			return
		}
		if _, err := DecodeDown(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

// FuzzFrame reads what comes over an uplink.
func FuzzFrame(f *testing.F) {
	for _, prefix := range []string{"lesson.", "act", "state", "pulse", "watch", "presence", "below", "box", "call."} {
		seeds(f, prefix)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := DecodeFrame(frame)
		if err != nil {
			return
		}
		again, err := Encode(m)
		if err != nil {
			return
		}
		if _, err := DecodeFrame(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

// TestBoxFramesRefused: what a child says of boxes is small, and a code is a code.
func TestBoxFramesRefused(t *testing.T) {
	const row = `{"type":"box","box":"0123456789abcdef","name":"tk-0","campus":"sanhe","findings":[],"online":true`
	finding := `{"code":"too-hot","severity":"warning"}`
	call := func(more string) string { return row + `,"call":{"id":"a1","since":5,"from":"page"` + more + `}}` }
	for _, tt := range []struct {
		name, frame string
		good        bool
	}{
		{"least", row + `}`, true},
		{"16 findings", strings.Replace(row+`}`, `[]`, `[`+strings.Repeat(finding+`,`, 15)+finding+`]`, 1), true},
		{"17 findings", strings.Replace(row+`}`, `[]`, `[`+strings.Repeat(finding+`,`, 16)+finding+`]`, 1), false},
		{"no list", strings.Replace(row+`}`, `[]`, `null`, 1), false},
		{"a code that is markup", strings.Replace(row+`}`, `[]`, `[{"code":"<b>","severity":"error"}]`, 1), false},
		{"a code that is long", strings.Replace(row+`}`, `[]`, `[{"code":"`+strings.Repeat("a", 41)+`","severity":"error"}]`, 1), false},
		{"severity", strings.Replace(row+`}`, `[]`, `[{"code":"a","severity":"bad"}]`, 1), false},
		{"a time before 1970", strings.Replace(row+`}`, `[]`, `[{"code":"a","severity":"error","since":-1}]`, 1), false},
		{"verdict", row + `,"verdict":"well"}`, false},
		{"box id", strings.Replace(row+`}`, "0123456789abcdef", "0123456789abcde", 1), false},
		{"name", strings.Replace(row+`}`, "tk-0", strings.Repeat("字", 65), 1), false},
		{"a name of two lines", strings.Replace(row+`}`, "tk-0", `a\nb`, 1), false},
		{"a name with a sign that nobody sees", strings.Replace(row+`}`, "tk-0", "tk\u200b-0", 1), false},
		{"a campus that turns the line", strings.Replace(row+`}`, "sanhe", "\u202esanhe", 1), false},
		{"unknown field", row + `,"mood":"good"}`, false},
		{"call", call(`,"state":"open"`), true},
		{"call without a state", call(``), false},
		{"state of a call", call(`,"state":"got"`), false},
		{"code of a call", call(`,"state":"open","code":"网络"`), false},
		{"boxes", `{"type":"boxes","boxes":["0123456789abcdef"]}`, true},
		{"boxes, a short one", `{"type":"boxes","boxes":["0"]}`, false},
		{"told", `{"type":"call.told","box":"0123456789abcdef","id":"a1","state":"got","at":5}`, true},
		{"told open", `{"type":"call.told","box":"0123456789abcdef","id":"a1","state":"open","at":5}`, false},
		{"told in the year 9999", `{"type":"call.told","box":"0123456789abcdef","id":"a1","state":"got","at":253370764800000}`, false},
	} {
		if _, err := DecodeFrame([]byte(tt.frame)); (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	many := make([]string, MaxBelow+1)
	for i := range many {
		many[i] = fmt.Sprintf("%016d", i)
	}
	for n, good := range map[int]bool{MaxBelow: true, MaxBelow + 1: false} {
		frame, err := Encode(Boxes{Boxes: many[:n]})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeFrame(frame); (err == nil) != good {
			t.Errorf("%d boxes: %v", n, err)
		}
	}
}

// TestLargestState: eleven campuses and every note at its longest fit into a frame, with room to spare.
func TestLargestState(t *testing.T) {
	s := exampleState()
	s.Rooms, s.Notes = nil, nil
	name := strings.Repeat("字", 40)
	for range MaxRooms {
		r := exampleState().Rooms[0]
		r.Room, r.Name = name, name
		s.Rooms = append(s.Rooms, r)
	}
	for i := range 50 {
		s.Notes = append(s.Notes, Note{ID: i + 1, From: FromAssistant, Room: name, Kind: NoteKindText, Text: strings.Repeat("字", MaxText), At: at})
	}
	frame, err := Encode(StateFrame{Lesson: s, Hops: 1})
	if err != nil || len(frame) > MaxFrame*3/4 {
		t.Fatalf("%d bytes, %v", len(frame), err)
	}
	if _, err := DecodeFrame(frame); err != nil {
		t.Error(err)
	}
}

func BenchmarkDecode(b *testing.B) {
	frame, err := EncodeRequest(7, *exampleStats())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeHostile is the dearest frame of its length that is looked at whole.
func BenchmarkDecodeHostile(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"type":"bye","id":1`)
	for i := 0; s.Len() < MaxFrame-20; i++ {
		fmt.Fprintf(&s, `,"%x":%d`, i, rand.IntN(9))
	}
	s.WriteString("}")
	for b.Loop() {
		if _, _, err := Decode([]byte(s.String())); err == nil {
			b.Fatal("read")
		}
	}
}
