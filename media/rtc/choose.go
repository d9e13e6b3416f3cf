package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"tongke/media/codec"
	"tongke/media/track"
)

// format is one payload type as offered.
type format struct {
	pt       uint8
	name     string // lower case
	clock    string // "90000", "48000/2", "8000"
	params   map[string]string
	rawFmtp  string
	feedback []string
}

// readFormats reads the payload types of an m-line in its order.
func readFormats(m *sdp.MediaDescription) []format {
	var all []format
	find := func(value string) (*format, string) {
		number, rest, _ := strings.Cut(value, " ")
		for i := range all {
			if strconv.Itoa(int(all[i].pt)) == number {
				return &all[i], strings.TrimSpace(rest)
			}
		}
		return nil, ""
	}
	for _, f := range m.MediaName.Formats {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil && len(all) < 128 {
			all = append(all, format{pt: uint8(pt)})
		}
	}
	for i := range all { // RFC 3551 table 4: these need no rtpmap
		switch {
		case m.MediaName.Media == "audio" && all[i].pt == 0:
			all[i].name, all[i].clock = "pcmu", "8000"
		case m.MediaName.Media == "audio" && all[i].pt == 8:
			all[i].name, all[i].clock = "pcma", "8000"
		}
	}
	for _, a := range m.Attributes {
		switch a.Key {
		case "rtpmap":
			if f, rest := find(a.Value); f != nil {
				name, clock, _ := strings.Cut(rest, "/")
				f.name, f.clock = strings.ToLower(name), strings.TrimSuffix(clock, "/1") // one channel, which need not be said
			}
		case "fmtp":
			if f, rest := find(a.Value); f != nil {
				f.rawFmtp, f.params = rest, parameters(rest)
			}
		case "rtcp-fb":
			if rest, ok := strings.CutPrefix(a.Value, "* "); ok {
				for i := range all {
					all[i].feedback = append(all[i].feedback, strings.TrimSpace(rest))
				}
			} else if f, rest := find(a.Value); f != nil {
				f.feedback = append(f.feedback, rest)
			}
		}
	}
	return all
}

func parameters(fmtp string) map[string]string {
	out := map[string]string{}
	for p := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		out[strings.ToLower(k)] = v
	}
	return out
}

func names(all []format) (out []string) {
	for _, f := range all {
		if f.name != "" && len(f.name) <= 32 && !slices.Contains(out, f.name) && f.name != "rtx" {
			out = append(out, f.name)
		}
	}
	return out
}

// choose picks the formats that are answered, in our order. A publisher gets one video codec, so that it cannot change its mind in
// mid-lesson; a subscriber all that it offers, because a slot changes with its source.
func (s *section) choose(all []format, video []codec.Codec) {
	if s.kind == track.Audio {
		s.chooseAudio(all)
		return
	}
	for _, c := range video {
		var f *format
		if c == codec.H264 {
			f = bestH264(all, s.send)
		} else {
			f = first(all, c.String(), "90000")
		}
		if f == nil || s.taken(f.pt) {
			continue
		}
		p := payloadType{pt: f.pt, codec: c, feedback: common(f.feedback, videoFeedback)}
		if c == codec.H264 {
			p.fmtp = h264Fmtp(f)
		}
		s.codecs = append(s.codecs, p)
		if x := retransmission(all, f.pt); x != nil && !s.taken(x.pt) {
			s.codecs = append(s.codecs, payloadType{pt: x.pt, codec: c, rtx: true, apt: f.pt, fmtp: "apt=" + strconv.Itoa(int(f.pt))})
		}
		if s.single {
			return
		}
	}
}

func (s *section) chooseAudio(all []format) {
	opus := first(all, "opus", "48000/2")
	if opus == nil {
		return
	}
	feedback := common(opus.feedback, audioFeedback)
	for i := range all {
		// RFC 2198 §5: the fmtp of RED lists the types of its blocks, newest last.
		f := &all[i]
		if inner, _, _ := strings.Cut(f.rawFmtp, "/"); f.name == "red" && f.clock == "48000/2" && inner == strconv.Itoa(int(opus.pt)) && f.pt != opus.pt {
			s.codecs = append(s.codecs, payloadType{pt: f.pt, codec: codec.RED, apt: opus.pt, fmtp: inner + "/" + inner, feedback: common(f.feedback, audioFeedback)})
			break
		}
	}
	s.codecs = append(s.codecs, payloadType{pt: opus.pt, codec: codec.Opus, fmtp: "minptime=10;useinbandfec=1", feedback: feedback})
	if s.single {
		return // whoever publishes to us can do better
	}
	for _, c := range []codec.Codec{codec.PCMA, codec.PCMU} {
		if f := first(all, c.String(), "8000"); f != nil && !s.taken(f.pt) {
			s.codecs = append(s.codecs, payloadType{pt: f.pt, codec: c, feedback: common(f.feedback, audioFeedback)})
		}
	}
}

var (
	videoFeedback = []string{"nack", "nack pli", "ccm fir", "transport-cc"}
	audioFeedback = []string{"transport-cc"}
)

func common(offered, ours []string) (out []string) {
	for _, f := range ours {
		if slices.Contains(offered, f) {
			out = append(out, f)
		}
	}
	return out
}

func (s *section) taken(pt uint8) bool {
	return slices.ContainsFunc(s.codecs, func(p payloadType) bool { return p.pt == pt })
}

func first(all []format, name, clock string) *format {
	for i := range all {
		if all[i].name == name && all[i].clock == clock {
			return &all[i]
		}
	}
	return nil
}

func retransmission(all []format, pt uint8) *format {
	for i := range all {
		if all[i].name == "rtx" && all[i].params["apt"] == strconv.Itoa(int(pt)) && all[i].pt != pt {
			return &all[i]
		}
	}
	return nil
}

// bestH264 prefers the constrained baseline, which everybody decodes, then the baseline, then what else is offered. Toward a subscriber
// only packetization-mode 1 will do: what is forwarded was cut for it (RFC 6184 §6).
func bestH264(all []format, send bool) *format {
	var best *format
	rank := 1 << 10
	for i := range all {
		f := &all[i]
		if f.name != "h264" || f.clock != "90000" {
			continue
		}
		mode, profile := h264Parameters(f)
		r := 10
		switch {
		case len(profile) != 6:
			continue
		case profile[:2] == "42" && (profile[2] == 'e' || profile[2] == 'c' || profile[2] == '4' || profile[2] == '6'):
			r = 0 // constraint_set1 is set
		case profile[:2] == "42":
			r = 1
		case profile[:2] == "4d":
			r = 2
		case profile[:2] == "64":
			r = 3
		}
		if mode != "1" {
			if mode != "0" || send {
				continue
			}
			r += 20
		}
		if r < rank {
			best, rank = f, r
		}
	}
	return best
}

// h264Parameters gives the defaults of RFC 6184 §8.1 where a parameter is absent. A profile that is not six hexadecimal digits is "".
func h264Parameters(f *format) (mode, profile string) {
	mode, profile = f.params["packetization-mode"], strings.ToLower(f.params["profile-level-id"])
	if mode == "" {
		mode = "0"
	}
	if profile == "" {
		profile = "42000a"
	}
	if len(profile) != 6 || strings.Trim(profile, "0123456789abcdef") != "" {
		profile = ""
	}
	return mode, profile
}

func h264Fmtp(f *format) string {
	mode, profile := h264Parameters(f)
	return "level-asymmetry-allowed=1;packetization-mode=" + mode + ";profile-level-id=" + profile
}
