package rtc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"tongke/media/codec"
	"tongke/media/track"
)

// canonical writes the description as pion is to see it: the accepted m-lines, with the formats and extensions that were chosen, one
// direction each and one transport. SSRCs are left out, so that pion waits for no track; streams are told apart by receiver.
func (d *description) canonical() string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
	fmt.Fprintf(&b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\n", d.ufrag, d.pwd, d.fingerprint)
	if d.lite {
		b.WriteString("a=ice-lite\r\n")
	}
	b.WriteString("a=ice-options:trickle\r\na=group:BUNDLE")
	for _, s := range d.sections {
		if !s.reject {
			b.WriteString(" " + s.mid)
		}
	}
	b.WriteString("\r\n")
	first := true
	for _, s := range d.sections {
		if s.reject {
			continue
		}
		s.write(&b, d.setup)
		if first {
			for _, c := range d.candidates {
				b.WriteString("a=candidate:" + c + "\r\n")
			}
			if d.ended {
				b.WriteString("a=end-of-candidates\r\n")
			}
			first = false
		}
	}
	return b.String()
}

func (s *section) write(b *strings.Builder, setup string) {
	if s.data {
		fmt.Fprintf(b, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=setup:%s\r\na=mid:%s\r\na=sctp-port:5000\r\na=max-message-size:%d\r\n", setup, s.mid, maxMessage)
		return
	}
	b.WriteString("m=" + s.media + " 9 UDP/TLS/RTP/SAVPF")
	for _, p := range s.codecs {
		b.WriteString(" " + strconv.Itoa(int(p.pt)))
	}
	fmt.Fprintf(b, "\r\nc=IN IP4 0.0.0.0\r\na=setup:%s\r\na=mid:%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", setup, s.mid)
	if s.send {
		b.WriteString("a=recvonly\r\n")
	} else {
		b.WriteString("a=sendonly\r\n")
	}
	for _, p := range s.codecs {
		fmt.Fprintf(b, "a=rtpmap:%d %s\r\n", p.pt, p.rtpmap())
		if p.fmtp != "" {
			fmt.Fprintf(b, "a=fmtp:%d %s\r\n", p.pt, p.fmtp)
		}
		for _, f := range p.feedback {
			fmt.Fprintf(b, "a=rtcp-fb:%d %s\r\n", p.pt, f)
		}
	}
	for _, x := range s.ext.list() {
		fmt.Fprintf(b, "a=extmap:%d %s\r\n", x.id, x.uri)
	}
	for _, rid := range s.rids {
		b.WriteString("a=rid:" + rid + " send\r\n")
	}
	if len(s.rids) > 0 {
		b.WriteString("a=simulcast:send " + strings.Join(s.rids, ";") + "\r\n")
	}
}

func (p payloadType) rtpmap() string {
	switch {
	case p.rtx:
		return "rtx/90000"
	case p.codec == codec.Opus:
		return "opus/48000/2"
	case p.codec == codec.RED:
		return "red/48000/2"
	case p.codec == codec.PCMA:
		return "PCMA/8000"
	case p.codec == codec.PCMU:
		return "PCMU/8000"
	case p.codec == codec.H264:
		return "H264/90000"
	}
	return "VP8/90000"
}

type extension struct {
	id  uint8
	uri string
}

func (x extensions) list() (out []extension) {
	for _, uri := range []string{uriTWCC, uriCapture, uriMID, uriRID, uriRRID} {
		if id := *x.field(uri); id != 0 {
			out = append(out, extension{id, uri})
		}
	}
	return out
}

// mediaEngine registers with pion exactly what the description's m-lines hold.
func (d *description) mediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, s := range d.sections {
		if s.reject || s.data {
			continue
		}
		kind := pionKind(s.kind)
		for _, p := range s.codecs {
			if err := m.RegisterCodec(p.pion(), kind); err != nil {
				return nil, badOffer("payload type %d means different things in one bundle", p.pt)
			}
		}
		for _, x := range s.ext.list() {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: x.uri}, kind); err != nil {
				return nil, err
			}
		}
	}
	if d.role == page {
		if err := registerLater(m, d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func pionKind(k track.Kind) webrtc.RTPCodecType {
	if k == track.Video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

func (p payloadType) pion() webrtc.RTPCodecParameters {
	name, _, _ := strings.Cut(p.rtpmap(), "/")
	c := webrtc.RTPCodecCapability{MimeType: "video/" + name, ClockRate: 90000, SDPFmtpLine: p.fmtp}
	switch {
	case p.codec.G711():
		c.MimeType, c.ClockRate = "audio/"+name, p.codec.ClockRate()
	case !p.codec.Video():
		c.MimeType, c.ClockRate, c.Channels = "audio/"+name, 48000, 2
	}
	for _, f := range p.feedback {
		typ, parameter, _ := strings.Cut(f, " ")
		c.RTCPFeedback = append(c.RTCPFeedback, webrtc.RTCPFeedback{Type: typ, Parameter: parameter})
	}
	return webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: webrtc.PayloadType(p.pt)}
}

// checkBundle refuses what one transport cannot hold: a payload type or an extension id with two meanings.
func (d *description) checkBundle() error {
	types := map[uint8]payloadType{}
	ids := map[uint8]string{}
	for _, s := range d.sections {
		if s.reject || s.data {
			continue
		}
		for _, p := range s.codecs {
			if q, ok := types[p.pt]; ok && (q.codec != p.codec || q.rtx != p.rtx || q.apt != p.apt || q.fmtp != p.fmtp) {
				return badOffer("payload type %d means different things in one bundle (RFC 8843 §9.1)", p.pt)
			}
			types[p.pt] = p
		}
		for _, x := range s.ext.list() {
			if uri, ok := ids[x.id]; ok && uri != x.uri {
				return badOffer("header extension id %d means different things in one bundle (RFC 8843 §9.1)", x.id)
			}
			ids[x.id] = x.uri
		}
	}
	return nil
}

// tidy leaves out of a description of pion's what no peer of today reads: candidates for RTCP, which is muxed (a client of ICE-TCP opens
// a connection for each), and the labels of Plan B. Between boxes the msid of each SSRC is of no use either.
func tidy(text string, r role) string {
	var b strings.Builder
	b.Grow(len(text))
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			if w := strings.Fields(rest); len(w) > 1 && w[1] == "2" {
				continue
			}
		}
		if rest, ok := strings.CutPrefix(line, "a=ssrc:"); ok {
			_, what, _ := strings.Cut(rest, " ")
			if strings.HasPrefix(what, "mslabel:") || strings.HasPrefix(what, "label:") || r == both && strings.HasPrefix(what, "msid:") {
				continue
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// complete puts the rejected m-lines back into pion's answer, so that it has those of the offer in their order.
func (d *description) complete(answer string) (string, error) {
	answer = tidy(answer, d.role)
	if d.usableMLines == len(d.sections) && !slices.ContainsFunc(d.sections, func(s *section) bool { return s.idle }) {
		return answer, nil
	}
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("read own answer: %w", err)
	}
	accepted := parsed.MediaDescriptions
	parsed.MediaDescriptions = nil
	for _, s := range d.sections {
		if !s.reject {
			if len(accepted) == 0 {
				return "", fmt.Errorf("own answer lacks m-line %q", s.mid)
			}
			if s.idle { // pion was told that it sends: it could not be woken again otherwise
				rest(accepted[0])
			}
			parsed.MediaDescriptions = append(parsed.MediaDescriptions, accepted[0])
			accepted = accepted[1:]
			continue
		}
		m := &sdp.MediaDescription{
			MediaName:             sdp.MediaName{Media: s.media, Protos: strings.Split(s.proto, "/"), Formats: s.format},
			ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"}},
		}
		parsed.MediaDescriptions = append(parsed.MediaDescriptions, m.WithValueAttribute("mid", s.mid).WithPropertyAttribute("inactive"))
	}
	out, err := parsed.Marshal()
	if err != nil {
		return "", fmt.Errorf("write answer: %w", err)
	}
	return string(out), nil
}
