package protocol

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

const at = Millis(1788249600000)

// examples has at least one of each message between boxes and of each event.
func examples() map[string]Message {
	at := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	return map[string]Message{
		"lesson.put.json": LessonPut{Lesson{
			ID: "yinyue-20260901", Title: "《茉莉花》", Subject: "音乐", Teacher: "李芳", Campuses: Campuses{"sanhe", "wuyang/三(1)班"},
			Mode: ModeSame, Record: RecordBuffer, Scope: ScopeTeacherBoard, Start: at, End: at.Add(45 * time.Minute), State: Live,
			Owner: "0123456789abcdef", CreatedBy: "admin", Created: at.Add(-time.Hour), Epoch: 3, Revision: 2,
		}},
		"lesson.put-implicit.json": LessonPut{Lesson{
			ID: "demo", Title: "demo", Campuses: nil, Mode: ModeSame, Record: RecordBuffer, Scope: ScopeTeacherBoard, State: Live,
			Owner: "0123456789abcdef", CreatedBy: "token", Implicit: true, Created: at, Epoch: 1, Revision: 1,
		}},
		"lesson.end.json":    LessonEnd{ID: "demo", Owner: "0123456789abcdef", Epoch: 1, Revision: 2, Ended: at},
		"lesson.ask.json":    LessonAsk{ID: "demo"},
		"lesson.none.json":   LessonNone{ID: "demo"},
		"lesson.synced.json": LessonSynced{},
		"box.json": BoxState{Box: "0123456789abcdef", Name: "tk-0123", Campus: "sanhe", Classroom: "三(2)班", Version: "1.0", Verdict: VerdictWorks, Online: true,
			Findings: []BoxFinding{{Code: "camera-unplugged", Severity: "warning", Since: 1788249600000}},
			Call:     &Call{ID: "5b0e6a12", Since: 1788249720000, From: CallFromPage, Code: "camera-unplugged", State: CallOpen}},
		"box-away.json":  BoxState{Box: "123456789abcdefg", Name: "tk-1234", Campus: "wuyang", Findings: []BoxFinding{}, Seen: 1788163200000},
		"boxes.json":     Boxes{Boxes: []string{"123456789abcdefg", "23456789abcdefgh"}},
		"call.told.json": CallTold{Box: "0123456789abcdef", ID: "5b0e6a12", State: CallGot, At: 1788249721000},
		"below.json":     Below{Campuses: []string{"sanhe", "wuyang"}},
		"act.json": Act{ID: "17", Lesson: "demo", From: "0123456789abcdef", Hops: 1, Who: Who{Role: "classroom", Room: "sanhe/三(2)班", Session: "s-1"},
			Request: json.RawMessage(`{"type":"hand.raise","id":4}`)},
		"acted.json":       Acted{ID: "17", Lesson: "demo", To: "0123456789abcdef", Hops: 2},
		"acted-error.json": Acted{ID: "18", Lesson: "demo", To: "0123456789abcdef", Hops: 1, Code: WrongState, Message: "the lesson has not begun"},
		"state.json":       StateFrame{Lesson: exampleState(), Hops: 1},
		"pulse.json":       Pulse{Lesson: "demo", Epoch: 3, Rev: 41, Hops: 1, Rooms: map[string]int{"sanhe/三(2)班": 40}},
		"watch.json":       Watch{Lesson: "demo", Epoch: 3, Rev: 41},
		"presence.json": PresenceFrame{Lesson: "demo", Hops: 1, Room: Presence{Room: "sanhe/三(2)班", Name: "三河小学 三(2)班", Box: "0123456789abcdef", Page: true,
			Teachers: []string{}, Phones: 1, Cam: true, Mic: true, Level: 12, Step: StepFull, Stats: exampleStats(), Known: &Known{Epoch: 3, Rev: 40, Hand: 1788249600000}}},
	}
}

func exampleStats() *Stats {
	return &Stats{Total: 480000, Concealed: 960, SilentConcealed: 480, Freezes: 1, FreezeMs: 620, BoardFrames: 150, TeacherFrames: 300, Level: 12, FPS: 29.5, DelayMs: 140}
}

func exampleState() State {
	return State{
		ID: "yinyue-20260901", Epoch: 3, Rev: 41, Title: "《茉莉花》", Subject: "音乐", Teacher: "李芳", Mode: ModeSame, State: Live,
		Start: at, End: at + 2700000, StartedAt: at + 12000, OwnerBox: "0123456789abcdef", Record: RecordBuffer, Scope: ScopeTeacherBoard, Layout: LayoutLecture,
		Lead: &Lead{Session: "s-9", Room: "core/录播室", Box: "0123456789abcdef", Online: true, Since: at}, Master: RoomRef{"core/录播室", "实验小学 录播室"},
		Sources: Sources{Board: true, Teacher: true, Voice: true}, Floor: []Holder{{Room: "wuyang", Since: at + 60000}},
		Rooms: []RoomState{
			{Room: "sanhe/三(2)班", Campus: "sanhe", Name: "三河小学 三(2)班", Box: "123456789abcdefg", State: RoomLive, Since: at, Word: WordHears, WordSince: at,
				Hand: at + 61000, HandOrder: 1, Cam: true, Mic: true, Level: 3, Phones: 1, Step: StepFull, DelayMs: 150},
			{Room: "wuyang", Campus: "wuyang", Name: "邬阳小学", Box: "23456789abcdefgh", State: RoomLive, Since: at, Word: WordChoppy, WordSince: at + 70000, Covered: true, Mic: true, Level: 44},
			{Room: "guanyin", Campus: "guanyin", Name: "观音小学", State: RoomAbsent, Since: at, Word: WordAbsent, WordSince: at, LastSeen: at - 7200000},
		},
		Notes: []Note{{ID: 1, From: FromAssistant, Room: "sanhe/三(2)班", Kind: NoteKindPhrase, Code: PhraseBoard, At: at + 30000, Seen: true}},
	}
}

func exampleEvents() map[string]Event {
	return map[string]Event{
		"event-lesson.json": exampleState(),
		"event-lesson-empty.json": State{ID: "demo", Epoch: 1, Rev: 1, Title: "demo", Mode: ModeSame, State: Planned, OwnerBox: "0123456789abcdef", Record: RecordOff,
			Scope: ScopeTeacherBoard, Layout: LayoutLecture, Floor: []Holder{}, Rooms: []RoomState{}, Notes: []Note{}},
		"event-room.json": Room{Room: "sanhe/三(2)班", Name: "三河小学 三(2)班", State: RoomSoon, Next: &NextLesson{ID: "yinyue-20260901", Title: "《茉莉花》", Subject: "音乐", Teacher: "李芳", Start: at},
			Uplink: &Uplink{Up: false, Since: at, NextTry: at + 2000}, Now: at + 500, Assist: &Assist{URL: "https://192.0.2.1:8443/assist#K7M3PX", Code: "K7M3PX"}, Volume: 60, Code: "link-down", Installed: 7, Films: []string{SourcePupils},
			Recording: &Recording{Mode: RecordKeep, Scope: ScopeTeacherBoard, Seconds: 310}},
		"event-bound.json": Bound{Slots: []Slot{{Slot: 0, MID: "0", Kind: "audio", Source: SourceVoice, Room: "core/录播室", Name: "实验小学 录播室"},
			{Slot: 4, MID: "4", Kind: "video"}, {Slot: 5, MID: "5", Kind: "video", Source: SourcePupils, Room: "wuyang", Name: "邬阳小学", Reason: "thin"}}},
		"event-encode.json": Encoding{Source: SourceTeacher, Layers: []EncodingLayer{{RID: "h", MaxBitrate: 1500000, Scale: 1, FPS: 30, Active: true}}, KeyframeEvery: 4000},
		"event-encode-bounded.json": Encoding{Source: SourcePupils, Layers: []EncodingLayer{{RID: "q", Scale: 4, FPS: 15}, {RID: "h", MaxBitrate: 250000, Scale: 2, FPS: 25, Active: true}},
			MaxWidth: 1280, MaxHeight: 720},
		"event-level.json":          Level{Rooms: map[string]int{"wuyang": 44}},
		"event-say.json":            Say{Code: SayPhraseSeen, Note: 1},
		"event-bye.json":            Bye{Code: ByeTakenOver},
		"event-self-test.json":      SelfTest{Test: 7, Do: []string{DoChirp, DoPicture}},
		"event-self-test-stop.json": SelfTest{Test: 7, Do: []string{}},
	}
}

func exampleRequests() []Request {
	layout, yes, record := LayoutBoard, true, RecordOff
	return []Request{
		Hello{Page: PageClass, Lesson: "demo", Resume: "r-1", Take: TakePlay, Lang: "zh-CN", Version: 1}, Leave{},
		LessonStart{}, LessonFinish{Confirm: true}, LessonExtend{}, LessonSet{Layout: &layout, Music: &yes, Record: &record}, LessonTake{},
		FloorCall{Room: "sanhe/三(2)班", Second: true}, FloorRelease{Room: "wuyang"}, FloorDone{}, HandRaise{}, HandLower{},
		RoomMute{Room: "wuyang", Muted: true}, RoomRemove{Room: "wuyang"}, RoomAdmit{Room: "wuyang"}, RoomReady{}, RoomCover{Covered: true}, RoomLayout{Layout: LayoutBoard},
		RoomVolume{Volume: 60}, SelfMute{Muted: true}, NotePhrase{Code: PhraseBoard}, NoteText{Text: "看不清黑板", Room: "wuyang"}, NoteSeen{Note: 1}, Help{Code: "mic-missing"},
		Feedback{OK: true}, MediaUp{SDP: "v=0\r\n", Tracks: []Track{{"0", SourceVoice}, {"1", SourceTeacher}}}, MediaDown{SDP: "v=0\r\n"},
		MediaCandidate{PC: "up", Candidate: "candidate:1 1 udp 2130706431 127.0.0.1 8443 typ host", MID: "0"}, MediaRestart{PC: "down"},
		Encoded{Source: SourceTeacher, Layers: []EncodedLayer{{RID: "h", Active: true, Width: 1280, Height: 720, FPS: 29.97, Bitrate: 1400000}}, Limited: "none"},
		*exampleStats(), Devices{Cam: true, Mic: true},
		SelfTested{Test: 7, Chirp: &Chirp{Microphone: DeviceOK, Plays: true, Heard: true, Level: -31, Noise: -58}, Clap: &Clap{Microphone: DeviceOK, Heard: true, Level: -9},
			Picture: DeviceBlack, Shown: true, Stopped: StoppedLesson},
		RoomCode{Room: "wuyang"},
	}
}

func golden(t *testing.T, name string, got []byte, err error) (want []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
	return want
}

func TestGoldenFrames(t *testing.T) {
	for name, m := range examples() {
		got, err := Encode(m)
		back, err := DecodeFrame(golden(t, name, got, err))
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: read back %+v, %v", name, back, err)
		}
	}
}

func TestGoldenEvents(t *testing.T) {
	for name, m := range exampleEvents() {
		got, err := Encode(m)
		back, err := DecodeDown(golden(t, name, got, err))
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: read back %+v, %v", name, back, err)
		}
	}
}

func TestGoldenRequests(t *testing.T) {
	for i, r := range exampleRequests() {
		got, err := EncodeRequest(i+1, r)
		id, back, err := Decode(golden(t, "request-"+r.kind()+".json", got, err))
		if err != nil || id != i+1 || !reflect.DeepEqual(back, r) {
			t.Errorf("%s: read back %d %+v, %v", r.kind(), id, back, err)
		}
	}
}

func TestGoldenAnswers(t *testing.T) {
	hello := HelloOK{Session: "s-1", Resume: "r-2", Role: "classroom", Room: "sanhe", RoomName: "三河小学", Box: BoxRef{ID: "0123456789abcdef", Name: "tk-0123"}, Now: at, Lesson: "demo"}
	got, err := EncodeOK(1, hello)
	down, err := DecodeDown(golden(t, "answer-hello.json", got, err))
	var back HelloOK
	if a, ok := down.(Answer); err != nil || !ok || a.Re != 1 || ReadAnswer(a, &back) != nil || back != hello {
		t.Errorf("read back %+v %+v, %v", down, back, err)
	}
	got, err = EncodeOK(2, nil)
	golden(t, "answer-ok.json", got, err)
	got, err = EncodeOK(3, SDP{"v=0\r\n"})
	golden(t, "answer-sdp.json", got, err)
	got, err = EncodeError(4, Errorf(WrongState, "the lesson has not begun"))
	down, err = DecodeDown(golden(t, "answer-error.json", got, err))
	if a, ok := down.(Answer); err != nil || !ok || a.Re != 4 || a.Err == nil || a.Err.Code != WrongState {
		t.Errorf("read back %+v, %v", down, err)
	}
}

func TestEveryTypeHasAnExampleAndItsText(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range examples() {
		seen["frame "+m.kind()] = true
	}
	for _, m := range exampleEvents() {
		seen["event "+m.kind()] = true
	}
	for _, m := range exampleRequests() {
		seen["request "+m.kind()] = true
	}
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	for family, kinds := range map[string]map[string]entry{"frame": frames, "event": events, "request": requests} {
		for kind := range kinds {
			if !seen[family+" "+kind] {
				t.Errorf("no example of the %s %s", family, kind)
			}
			if !strings.Contains(readme, "`"+kind+"`") && !strings.Contains(readme, "`"+kind+" ") {
				t.Errorf("README.md does not tell of %s", kind)
			}
		}
	}
	for _, c := range codes {
		if !strings.Contains(readme, "`"+string(c)+"`") {
			t.Errorf("README.md does not tell of the code %s", c)
		}
	}
}
