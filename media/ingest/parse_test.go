package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tongke/media/track"
)

func TestParseOffers(t *testing.T) {
	for _, c := range []struct {
		file             string
		audio, video     bool // sent
		publishes, takes bool
		ufrag            string
	}{
		{"chromium-publish.sdp", true, true, true, false, "EsAw"},
		{"gstreamer-publish.sdp", true, true, true, false, "qZ3Yw8mRx1uP5bN0a7TfKq2VdJ4cLs6E"},
		{"obs-publish.sdp", true, true, true, false, "fbJ1"},
		{"aiortc-publish.sdp", true, true, true, true, "eYhH"},
		{"aiortc-watch.sdp", false, false, false, true, ""},
		{"firefox-watch.sdp", false, false, false, true, "f2f9a5bd"},
	} {
		t.Run(c.file, func(t *testing.T) {
			o, err := parseOffer(load(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if a, v := o.sends(track.Audio), o.sends(track.Video); a != c.audio || v != c.video {
				t.Errorf("sends %v %v", a, v)
			}
			if err := o.published(track.Teacher); (err == nil) != c.publishes {
				t.Errorf("published: %v", err)
			}
			if err := o.watched(); (err == nil) != c.takes {
				t.Errorf("watched: %v", err)
			}
			if c.ufrag != "" && o.ufrag != c.ufrag {
				t.Errorf("ufrag %q", o.ufrag)
			}
		})
	}
	sound := strings.Split(load(t, "obs-publish.sdp"), "m=video")[0]
	o, err := parseOffer(sound)
	if err != nil {
		t.Fatal(err)
	}
	if o.published(track.Teacher) != nil || o.published(track.Board) == nil {
		t.Error("sound alone is enough for the teacher and for nobody else")
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		field   string
		any, ok bool
	}{
		{`"a"`, false, true}, {`a`, false, true}, {`"b", "a"`, false, true}, {`*`, true, true}, {`"*"`, true, true}, {` * `, true, true},
		{`"b"`, false, false}, {`W/"a"`, false, false}, {``, false, false}, {`,`, false, false}, {`"a`, false, false},
	} {
		if star, ok := matches(c.field, `"a"`); star != c.any || ok != c.ok {
			t.Errorf("matches(%q) = %v, %v", c.field, star, ok)
		}
	}
}

func seeds(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(files) < 6 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
		f.Add(strings.ReplaceAll(string(b), "\r\n", "\n"))
	}
	f.Add("v=0\nm=video 9 x 96\na=rtpmap:96 H264\na=rtpmap:97\na=mid\na=:\n")
}

func FuzzOffer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := parseOffer(body)
		if err != nil {
			return
		}
		if len(o.media) == 0 || len(o.media) > maxMLines {
			t.Errorf("accepted %d m-lines", len(o.media))
		}
		_ = o.published(track.Teacher)
		_ = o.watched()
	})
}

func FuzzFragment(f *testing.F) {
	seeds(f)
	f.Add(frag)
	f.Add("a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n")
	f.Add("a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		if p, err := parseFragment(body); err == nil {
			if len(p.candidates) > maxFragmentCandidates || (p.ufrag == "") != (p.pwd == "") {
				t.Errorf("%+v", p)
			}
		}
		_ = frameOf(body)
	})
}
