package rtc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"tongke/media/codec"
	"tongke/media/track"
)

// An offer as a client really wrote it (addresses changed), or one that OBS's library writes.
func readOffer(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "offers", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// formats are the payload types of an answer, one string a m-line; retransmissions last, because their order is pion's whim.
func formats(t *testing.T, answer string) (out []string) {
	t.Helper()
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(answer); err != nil {
		t.Fatalf("answer cannot be read: %v", err)
	}
	for _, m := range parsed.MediaDescriptions {
		line := m.MediaName.Media
		var rtx []string
		for _, f := range m.MediaName.Formats {
			for _, a := range m.Attributes {
				if rest, ok := strings.CutPrefix(a.Value, f+" "); ok && a.Key == "rtpmap" {
					name, _, _ := strings.Cut(rest, "/")
					if name == "rtx" {
						rtx = append(rtx, " "+f+":"+name)
						continue
					}
					line += " " + f + ":" + name
				}
			}
		}
		slices.Sort(rtx)
		line += strings.Join(rtx, "")
		if m.MediaName.Port.Value == 0 {
			line += " rejected"
		}
		for _, d := range []string{"sendonly", "recvonly", "sendrecv", "inactive"} {
			if _, ok := m.Attribute(d); ok {
				line += " " + d
			}
		}
		out = append(out, line)
	}
	return out
}

func TestRealOffers(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct {
		name  string
		video []codec.Codec
		want  []string
		rids  string
	}{
		{"chromium-publish", nil, []string{"audio 63:red 111:opus recvonly", "video 108:H264 109:rtx recvonly"}, ""},
		{"chromium-publish", []codec.Codec{codec.VP8}, []string{"audio 63:red 111:opus recvonly", "video 96:VP8 97:rtx recvonly"}, ""},
		{"chromium-simulcast", nil, []string{"audio 63:red 111:opus recvonly", "video 108:H264 109:rtx recvonly"}, "recv q;h;f"},
		{"chromium-watch", nil, []string{"audio 63:red 111:opus 8:PCMA 0:PCMU sendonly", "video 108:H264 96:VP8 109:rtx 97:rtx sendonly", "video 108:H264 96:VP8 109:rtx 97:rtx sendonly"}, ""},
		{"firefox-publish", nil, []string{"audio 109:opus recvonly", "video 120:VP8 124:rtx recvonly"}, ""},
		{"firefox-simulcast", nil, []string{"audio 109:opus recvonly", "video 120:VP8 124:rtx recvonly"}, "recv q;h;f"},
		{"firefox-watch", nil, []string{"audio 109:opus 8:PCMA 0:PCMU sendonly", "video 120:VP8 124:rtx sendonly", "video 120:VP8 124:rtx sendonly"}, ""},
		{"aiortc-publish", nil, []string{"audio 96:opus recvonly", "video 101:H264 102:rtx recvonly"}, ""},
		{"aiortc-watch", nil, []string{"audio 96:opus 8:PCMA 0:PCMU sendonly", "video 101:H264 97:VP8 102:rtx 98:rtx sendonly"}, ""},
		{"obs-publish", nil, []string{"audio 111:opus recvonly", "video 96:H264 recvonly"}, ""},
	} {
		var p *Peer
		var answer string
		var err error
		if strings.HasSuffix(c.name, "watch") {
			p, answer, err = e.Send(context.Background(), readOffer(t, c.name), SendOptions{Video: c.video})
		} else {
			p, answer, err = e.Receive(context.Background(), readOffer(t, c.name), ReceiveOptions{Video: c.video})
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := formats(t, answer); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		if got := attribute(answer, "simulcast"); got != c.rids {
			t.Errorf("%s: simulcast %q, want %q", c.name, got, c.rids)
		}
		if attribute(answer, "setup") != "passive" || !strings.Contains(answer, "a=candidate:") || !strings.Contains(answer, " 127.0.0.1 ") || !strings.Contains(answer, "a=end-of-candidates") {
			t.Errorf("%s: transport of the answer:\n%s", c.name, answer)
		}
		if strings.Contains(answer, "goog-remb") {
			t.Errorf("%s: answer offers REMB", c.name)
		}
		for _, s := range p.Slots() {
			if s.SSRC == 0 || !strings.Contains(answer, "a=ssrc:") || s.Kind == track.Video && s.RTXSSRC == 0 {
				t.Errorf("%s: slot %+v", c.name, s)
			}
		}
		p.Close()
	}
}

func attribute(text, key string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "a="+key+":"); ok {
			return v
		}
	}
	return ""
}

func TestBadOffers(t *testing.T) {
	good := readOffer(t, "chromium-publish")
	watch := readOffer(t, "chromium-watch")
	replace := func(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
	without := func(s, prefix string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			if !strings.HasPrefix(line, prefix) {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	var many strings.Builder
	many.WriteString(good)
	for range 63 {
		many.WriteString("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
	}
	onlyVP9 := replace(watch, "VP8/", "X1/", "H264/", "X2/")
	for _, c := range []struct {
		name, offer string
		send        bool
		video       []codec.Codec
		want        string // part of the error; "codec" and "nothing" are typed
	}{
		{"empty", "", false, nil, "no m-line"},
		{"rubbish", "v=0\r\nhello", false, nil, "malformed"},
		{"no m-line", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", false, nil, "no m-line"},
		{"many m-lines", many.String(), false, nil, "65 m-lines"},
		{"no ufrag", without(good, "a=ice-ufrag"), false, nil, "ice-ufrag"},
		{"no fingerprint", without(good, "a=fingerprint"), false, nil, "fingerprint"},
		{"short fingerprint", replace(good, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 AB:"), false, nil, "fingerprint"},
		{"not bundled", without(good, "a=group"), false, nil, "bundled"},
		{"same mid twice", replace(good, "a=mid:1", "a=mid:0"), false, nil, "occurs twice"},
		{"plain RTP", replace(good, "UDP/TLS/RTP/SAVPF", "RTP/AVP"), false, nil, "protocol"},
		{"a watcher publishes", watch, false, nil, "nothing"},
		{"a publisher watches", good, true, nil, "nothing"},
		{"no codec", onlyVP9, true, nil, "codec"},
		{"the lesson's codec is missing", replace(watch, "H264/", "X2/"), true, []codec.Codec{codec.H264}, "codec"},
	} {
		r := receives
		if c.send {
			r = sends
		}
		_, err := readDescription(c.offer, r, c.video)
		var offerError *OfferError
		var codecError *CodecError
		switch c.want {
		case "codec":
			if !errors.As(err, &codecError) || codecError.Kind != track.Video || len(codecError.Offered) == 0 {
				t.Errorf("%s: %v", c.name, err)
			}
		case "nothing":
			if !errors.Is(err, ErrNothing) {
				t.Errorf("%s: %v", c.name, err)
			}
		default:
			if !errors.As(err, &offerError) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}
