package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"html"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// example is a report with something of everything.
func example() *Report {
	voice := Stream{Campus: "member1", Kind: "voice", Hop: "total", Sent: 1250, Received: 1248, LossBeforePct: 5.12, LossAfterPct: 0.16,
		LatencyMs: Quantiles{20.8, 40.6, 67, 180.5}, JitterMs: Jitter{1.3, 8.9, 25.7}, PDVMs: Variation{20.5, 46.8}, ConcealedPct: 0.42}
	camera := Stream{Campus: "member1", Kind: "camera", Hop: "total", Sent: 1602, Received: 1602, LossBeforePct: 5, LatencyMs: Quantiles{20.7, 74, 129.6, 229},
		JitterMs: Jitter{1.5, 10.6, 28.7}, PDVMs: Variation{53.9, 109.5}, Freezes: Freezes{2, 410.5, 226.9}}
	uplink := Stream{Campus: "member1", Kind: "camera", Hop: "uplink", Sent: 1602, Received: 1602, LossBeforePct: 5, LatencyMs: Quantiles{20.1, 70, 120, 220}}
	out := Stream{Campus: "member1", Kind: "voice", Hop: "total", Sent: 1800, Received: 600, LossBeforePct: 66, LossAfterPct: 66, LatencyMs: Quantiles{10.6, 12, 45, 84},
		ConcealedPct: 66, RecoveryMs: 1087, Outage: Outage{69.4, 0.35}}
	plot := &Plot{Seconds: 2, Bucket: 0.5, Outages: [][2]float64{{0.5, 1}},
		Lines: []Line{{Campus: "member1", Kind: "voice", P50: []float64{20, math.NaN(), 21, 22}, P95: []float64{40, math.NaN(), 41, 42}, Jitter: []float64{1, 0, 2, 1},
			Loss: []float64{4, 100, 5, 6}, Spread: []float64{19, 20, 21, 60}}},
		Rates: []Rate{{"member1", "down", []float64{600, 0, 900, 610}}, {"member1", "up", []float64{30, 0, 30, 30}}}}
	return &Report{Schema: Schema, Version: "0.1", Seed: 7, Machine: "linux/amd64, 2 CPUs, load 0.40", Scenarios: []Scenario{
		{Name: "loss-5", Seconds: 25, Passed: true, Streams: []Stream{voice, camera, uplink},
			Limits: []Limit{{"concealedPct", "member1/voice/total", "<=", 1.5, 0.42, true}, {"linkErrorMs.p50", "", "<=", 1, 0.06, true}},
			Words:  Words{"随机丢包 5%", "5 % random loss", "往返 40 毫秒。", "40 ms there and back.", []string{"member1 ↓ 20ms, loss 5 %"}}, Plot: plot,
			Reference: Stream{Sent: 2500, LatencyMs: Quantiles{0.1, 0.4, 1, 6}}},
		{Name: "outage-25s", Seconds: 36, Passed: false, Streams: []Stream{out},
			Limits: []Limit{{"recoveryMs", "member1/voice/total", "<=", 1000, 1087, false}},
			Words:  Words{Title: "断线 25 秒 <b>", TitleEn: "Out for 25 s <b>"}, Reference: Stream{Sent: 10, LatencyMs: Quantiles{1, 10, 90, 120}},
			Real: &Pages{Product: Page{480, Quantiles{120, 180, 240.5, 300}, 3, 640, 0.21}, Bare: Page{470, Quantiles{118, 200, 310, 500}, 2, 500, 0}}},
	}}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed; look at it, then write it anew with -update:\n%s", name, got)
	}
}

func TestGolden(t *testing.T) {
	for name, write := range map[string]func(*Report, *bytes.Buffer) error{
		"report.json": func(r *Report, b *bytes.Buffer) error { return r.Write(b) },
		"report.txt":  func(r *Report, b *bytes.Buffer) error { return r.Table(b) },
		"report.html": func(r *Report, b *bytes.Buffer) error { return r.HTML(b, time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)) },
	} {
		var b bytes.Buffer
		if err := write(example(), &b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// The names of the JSON are a promise to other programs.
func TestSchema(t *testing.T) {
	var b bytes.Buffer
	if err := example().Write(&b); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	keys := func(v any) (out []string) {
		for k := range v.(map[string]any) {
			out = append(out, k)
		}
		return out
	}
	same := func(what string, got []string, want ...string) {
		t.Helper()
		seen := map[string]bool{}
		for _, k := range got {
			seen[k] = true
		}
		for _, k := range want {
			if !seen[k] {
				t.Errorf("%s has no %s", what, k)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s has %v, want %v", what, got, want)
		}
	}
	same("the report", keys(doc), "schema", "version", "seed", "machine", "scenarios")
	s := doc["scenarios"].([]any)[0].(map[string]any)
	same("a scenario", keys(s), "name", "seconds", "passed", "streams", "limits")
	x := s["streams"].([]any)[0].(map[string]any)
	same("a stream", keys(x), "campus", "kind", "hop", "sent", "received", "lossBeforePct", "lossAfterPct", "latencyMs", "jitterMs", "pdvMs", "freezes",
		"concealedPct", "recoveryMs")
	second := doc["scenarios"].([]any)[1].(map[string]any)
	same("a scenario with real pages", keys(second), "name", "seconds", "passed", "streams", "limits", "real")
	pages := second["real"].(map[string]any)
	same("real", keys(pages), "product", "bare")
	same("a page", keys(pages["bare"]), "frames", "latencyMs", "freezes", "freezeMs", "concealedPct")
	same("latencyMs", keys(x["latencyMs"]), "p50", "p95", "p99", "max")
	same("jitterMs", keys(x["jitterMs"]), "p50", "p95", "max")
	same("pdvMs", keys(x["pdvMs"]), "p95", "p99")
	same("freezes", keys(x["freezes"]), "count", "totalMs", "maxMs")
	same("a limit", keys(s["limits"].([]any)[0]), "measure", "stream", "op", "limit", "value", "passed")
}

func TestReadsWhatItWrites(t *testing.T) {
	r := example()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Scenarios {
		r.Scenarios[i].Plot, r.Scenarios[i].Words, r.Scenarios[i].Reference = nil, Words{}, Stream{}
		for j := range r.Scenarios[i].Streams {
			r.Scenarios[i].Streams[j].Outage = Outage{}
		}
	}
	if !reflect.DeepEqual(got, r) {
		t.Errorf("read %+v\nwrote %+v", got, r)
	}
	for name, doc := range map[string]string{"nothing": "", "another schema": `{"schema":2}`, "no object": `[1]`, "two": `{"schema":1}{}`, "text": "hello"} {
		if _, err := Read(strings.NewReader(doc)); !errors.Is(err, ErrReport) {
			t.Errorf("%s: %v, want ErrReport", name, err)
		}
	}
}

func TestPageHoldsNothingFromElsewhere(t *testing.T) {
	var b bytes.Buffer
	if err := example().HTML(&b, time.Time{}); err != nil {
		t.Fatal(err)
	}
	page := html.UnescapeString(b.String())
	if strings.Contains(b.String(), "断线 25 秒 <b>") {
		t.Error("words are not escaped")
	}
	for _, bad := range []string{"http://", "https://", "src=", "<link", "url(", "style=", "onclick", "NaN"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"default-src 'none'", "'sha256-", "能不能上课", "能上课：声音清楚", "Fit for a lesson", "<svg", "断线恢复后 1.1 秒自己接上", "这台电脑很忙"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}

func TestCompare(t *testing.T) {
	old, now := example(), example()
	now.Seed = 8
	now.Scenarios[0].Passed = false
	now.Scenarios[0].Streams[0].LatencyMs.P50 = 51 // worse
	now.Scenarios[0].Streams[0].ConcealedPct = 0.6 // within what two runs differ
	now.Scenarios[0].Streams[1].Freezes.MaxMs = 0  // better
	now.Scenarios[1].Name = "outage-30s"           // another one
	c := Compare(old, now)
	if len(c.Changes) != 2 || !c.Changes[0].Worse || c.Changes[0].Measure != "latencyMs.p50" || !c.Changes[1].Better || c.Changes[1].Measure != "freezes.maxMs" {
		t.Errorf("changes %+v", c.Changes)
	}
	if len(c.Broken) != 1 || c.Broken[0] != "loss-5" || len(c.Fresh) != 1 || len(c.Gone) != 1 || !c.SeedsDiffer {
		t.Errorf("%+v", c)
	}
	var b bytes.Buffer
	if err := c.Table(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"loss-5", "outage-30s", "↑", "↓", "51.00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, b.String())
		}
	}
	if same := Compare(old, example()); len(same.Changes) != 0 || len(same.Broken) != 0 || same.Same == 0 {
		t.Errorf("with itself: %+v", same)
	}
}

func TestVerdictIsInWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		voice  Stream
		camera Stream
		want   Grade
		words  string
	}{
		{"good", Stream{LatencyMs: Quantiles{P95: 40}}, Stream{}, Good, "能上课：声音清楚，画面流畅，对话自然"},
		{"choppy", Stream{ConcealedPct: 3}, Stream{}, Fair, "声音偶尔断"},
		{"unheard", Stream{ConcealedPct: 30}, Stream{}, Bad, "不能上课"},
		{"picture stands", Stream{}, Stream{Freezes: Freezes{9, 8000, 3000}}, Fair, "画面卡得多"},
		{"slow", Stream{LatencyMs: Quantiles{P95: 600}}, Stream{}, Bad, "对话太慢"},
	} {
		c.voice.Kind, c.voice.Hop, c.camera.Kind, c.camera.Hop = "voice", "total", "camera", "total"
		s := Scenario{Seconds: 20, Streams: []Stream{c.voice, c.camera}}
		if v := s.Verdict(); v.Grade != c.want || !strings.Contains(v.ZH, c.words) {
			t.Errorf("%s: %v %s", c.name, v.Grade, v.ZH)
		}
	}
}

func TestTicksAreNice(t *testing.T) {
	for v, want := range map[float64]float64{0.03: 0.05, 0.9: 1, 1.2: 2, 23: 50, 100: 100, 0: 1} {
		if got := nice(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("nice(%v) = %v, want %v", v, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := example().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":1,"scenarios":[{"name":"a","streams":[{}],"limits":[{}]}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := Read(bytes.NewReader(doc))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := errors.Join(r.Table(&out), Compare(r, r).Table(&out), r.HTML(&out, time.Time{})); err != nil {
			t.Error(err)
		}
	})
}
