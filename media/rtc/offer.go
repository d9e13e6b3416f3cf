package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"

	"tongke/media/codec"
	"tongke/media/track"
)

const (
	maxSections   = 64 // m-lines; an uplink has 41
	maxCandidates = 100
	maxRIDs       = 4
)

// role is what we are to the side that wrote a description.
type role uint8

const (
	receives role = iota // it publishes, we take
	sends                // it subscribes, we give
	both                 // an uplink
	page                 // a page publishes, we take; its m-lines come, rest and go
)

// description is a remote description, read and chosen from. Nothing in it is longer or of another form than we like.
type description struct {
	role         role
	ufrag, pwd   string
	fingerprint  string // "sha-256 AB:CD:…"
	setup        string // RFC 8842: actpass, active or passive
	lite         bool
	candidates   []string // without "candidate:"
	ended        bool     // no more candidates will come
	sections     []*section
	usableMLines int
}

// section is one m-line as we take it.
type section struct {
	mid    string
	kind   track.Kind
	media  string   // as written: audio, video, application, …
	proto  string   // as written
	format []string // as written, for a rejection
	reject bool     // answered with port 0
	idle   bool     // of a page: kept, and carries nothing for now
	data   bool     // the data channels' m-line, of an uplink
	send   bool     // we send on it
	recv   bool     // we receive on it
	single bool     // one video codec is answered, not all

	codecs []payloadType
	ext    extensions
	rids   []string // of a simulcast publisher, in its order

	ssrc, rtxSSRC uint32 // declared by the other side; 0: learned from packets
}

// payloadType is one accepted format of an m-line.
type payloadType struct {
	pt       uint8
	codec    codec.Codec // what the payload is; for rtx, what is repaired
	rtx      bool
	apt      uint8 // of rtx: the payload type repaired; of RED: that of Opus inside
	fmtp     string
	feedback []string // "nack", "nack pli", …
}

// extensions holds ids of RTP header extensions (RFC 8285); 0 is not negotiated.
type extensions struct{ twcc, capture, mid, rid, rrid uint8 }

const (
	uriTWCC    = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriCapture = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	uriMID     = "urn:ietf:params:rtp-hdrext:sdes:mid"
	uriRID     = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	uriRRID    = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
)

func (x *extensions) field(uri string) *uint8 {
	switch uri {
	case uriTWCC:
		return &x.twcc
	case uriCapture:
		return &x.capture
	case uriMID:
		return &x.mid
	case uriRID:
		return &x.rid
	case uriRRID:
		return &x.rrid
	}
	return nil
}

// readDescription reads an offer or an answer and chooses from it by our role. video lists the video codecs that may be used, best
// first; nil is H264 and VP8. The error is an *OfferError, a *CodecError or ErrNothing.
func readDescription(text string, r role, video []codec.Codec) (*description, error) {
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(text); err != nil {
		return nil, badOffer("description is malformed: %s", oneLine(err.Error()))
	}
	if n := len(parsed.MediaDescriptions); n == 0 {
		return nil, badOffer("description has no m-line")
	} else if n > maxSections {
		return nil, badOffer("description has %d m-lines, the limit is %d", n, maxSections)
	}
	if len(video) == 0 {
		video = []codec.Codec{codec.H264, codec.VP8}
	}
	d := &description{role: r}
	bundled, err := bundle(&parsed)
	if err != nil {
		return nil, err
	}
	mids := map[string]bool{}
	for i, m := range parsed.MediaDescriptions {
		s := &section{media: m.MediaName.Media, proto: strings.Join(m.MediaName.Protos, "/"), format: m.MediaName.Formats}
		s.mid, _ = m.Attribute("mid")
		if s.mid == "" {
			s.mid = strconv.Itoa(i)
		} else if !isToken(s.mid, 32) {
			return nil, badOffer("mid of m-line %d is not a short token", i)
		}
		if mids[s.mid] {
			return nil, badOffer("mid %q occurs twice", s.mid)
		}
		mids[s.mid] = true
		d.sections = append(d.sections, s)
		if bundled != nil && !bundled[s.mid] {
			s.reject = true
			continue
		}
		if err := s.read(&parsed, m, r, video); err != nil {
			return nil, err
		}
		if !s.reject {
			d.usableMLines++
		}
	}
	if d.usableMLines == 0 {
		return nil, ErrNothing
	}
	if err := d.readTransport(&parsed); err != nil {
		return nil, err
	}
	return d, nil
}

// bundle is the set of mids that share the transport; nil for a single m-line without a group.
func bundle(parsed *sdp.SessionDescription) (map[string]bool, error) {
	for _, a := range parsed.Attributes {
		if words := strings.Fields(a.Value); a.Key == "group" && len(words) > 1 && words[0] == "BUNDLE" {
			set := map[string]bool{}
			for _, w := range words[1:] {
				set[w] = true
			}
			return set, nil
		}
	}
	if len(parsed.MediaDescriptions) > 1 {
		return nil, badOffer("m-lines are not bundled: a=group:BUNDLE with all mids is needed (RFC 8843)")
	}
	return nil, nil
}

// read fills s from its m-line.
func (s *section) read(parsed *sdp.SessionDescription, m *sdp.MediaDescription, r role, video []codec.Codec) error {
	switch {
	case s.media == "application" && r == both && strings.Contains(s.proto, "SCTP"):
		s.data = true
		return nil
	case s.media == "video":
		s.kind = track.Video
	case s.media != "audio":
		s.reject = true
		return nil
	}
	if !strings.HasSuffix(s.proto, "TLS/RTP/SAVPF") {
		return badOffer("m-line %q has protocol %s; UDP/TLS/RTP/SAVPF is needed", s.mid, s.proto)
	}
	_, bundleOnly := m.Attribute("bundle-only")
	theirSend, theirRecv := direction(parsed, m)
	if m.MediaName.Port.Value == 0 && !bundleOnly {
		theirSend, theirRecv = false, false
	}
	s.send = theirRecv && r != receives && r != page
	s.recv = theirSend && r != sends && !s.send // an uplink's m-line has one direction
	s.single = r == receives || r == page
	if !s.send && !s.recv {
		s.idle = r == page && (m.MediaName.Port.Value != 0 || bundleOnly)
		if s.reject = !s.idle; s.reject {
			return nil
		}
	}
	all := readFormats(m)
	s.choose(all, video)
	if len(s.codecs) == 0 {
		return &CodecError{MID: s.mid, Kind: s.kind, Offered: names(all)}
	}
	s.readExtensions(m)
	s.readSources(m)
	return nil
}

// direction is what the writer of m does; sendrecv when nothing says so (RFC 8866 §6.7).
func direction(parsed *sdp.SessionDescription, m *sdp.MediaDescription) (send, recv bool) {
	for _, list := range [][]sdp.Attribute{m.Attributes, parsed.Attributes} {
		for _, a := range list {
			switch a.Key {
			case "sendrecv":
				return true, true
			case "sendonly":
				return true, false
			case "recvonly":
				return false, true
			case "inactive":
				return false, false
			}
		}
	}
	return true, true
}

func (s *section) readExtensions(m *sdp.MediaDescription) {
	for _, a := range m.Attributes {
		if a.Key != "extmap" {
			continue
		}
		idText, rest, _ := strings.Cut(a.Value, " ")
		idText, _, _ = strings.Cut(idText, "/")
		id, err := strconv.ParseUint(idText, 10, 8)
		words := strings.Fields(rest)
		if err != nil || id == 0 || id > 14 || len(words) == 0 { // 14: the most that a one-byte header holds
			continue
		}
		if s.kind == track.Audio && (words[0] == uriRID || words[0] == uriRRID) {
			continue
		}
		if f := s.ext.field(words[0]); f != nil && *f == 0 {
			*f = uint8(id)
		}
	}
}

// readSources takes the declared SSRC and its retransmissions', or the RIDs. Of several encodings declared by SSRC alone (a form that
// browsers have left) the first is taken.
func (s *section) readSources(m *sdp.MediaDescription) {
	if !s.recv {
		return
	}
	var groups [][2]uint32
	for _, a := range m.Attributes {
		switch a.Key {
		case "rid":
			if w := strings.Fields(a.Value); len(w) >= 2 && w[1] == "send" && isToken(w[0], 16) && len(s.rids) < maxRIDs && !slices.Contains(s.rids, w[0]) {
				s.rids = append(s.rids, w[0])
			}
		case "ssrc":
			number, _, _ := strings.Cut(a.Value, " ")
			if n, err := strconv.ParseUint(number, 10, 32); err == nil && s.ssrc == 0 {
				s.ssrc = uint32(n)
			}
		case "ssrc-group":
			if w := strings.Fields(a.Value); len(w) == 3 && w[0] == "FID" {
				media, err1 := strconv.ParseUint(w[1], 10, 32)
				rtx, err2 := strconv.ParseUint(w[2], 10, 32)
				if err1 == nil && err2 == nil {
					groups = append(groups, [2]uint32{uint32(media), uint32(rtx)})
				}
			}
		}
	}
	for _, g := range groups {
		if g[1] == s.ssrc && g[0] != g[1] { // the retransmissions' lines came first
			s.ssrc = g[0]
		}
	}
	for _, g := range groups {
		if g[0] == s.ssrc && g[1] != s.ssrc {
			s.rtxSSRC = g[1]
		}
	}
	if s.ext.rid == 0 || s.ext.mid == 0 {
		s.rids = nil // could not be told apart
	}
	if len(s.rids) > 0 {
		s.ssrc, s.rtxSSRC = 0, 0
	}
}

// readTransport takes the one transport of all m-lines: the first that is bundled has it, or the session.
func (d *description) readTransport(parsed *sdp.SessionDescription) error {
	attribute := func(key string) string {
		if v, ok := parsed.Attribute(key); ok {
			return v
		}
		for i, m := range parsed.MediaDescriptions {
			if v, ok := m.Attribute(key); ok && !d.sections[i].reject {
				return v
			}
		}
		for _, m := range parsed.MediaDescriptions {
			if v, ok := m.Attribute(key); ok {
				return v
			}
		}
		return ""
	}
	d.ufrag, d.pwd = attribute("ice-ufrag"), attribute("ice-pwd")
	if err := checkCredentials(d.ufrag, d.pwd); err != nil {
		return err
	}
	words := strings.Fields(attribute("fingerprint"))
	if len(words) != 2 || !isFingerprint(words[0], words[1]) {
		return badOffer("description has no usable a=fingerprint (RFC 8122)")
	}
	d.fingerprint = strings.ToLower(words[0]) + " " + strings.ToUpper(words[1])
	switch d.setup = attribute("setup"); d.setup {
	case "active", "passive":
	default:
		d.setup = "actpass"
	}
	_, d.lite = parsed.Attribute("ice-lite")
	for _, m := range parsed.MediaDescriptions {
		for _, a := range m.Attributes {
			switch a.Key {
			case "end-of-candidates":
				d.ended = true
			case "candidate":
				d.addCandidate(a.Value)
			}
		}
	}
	return nil
}

// addCandidate takes one candidate that pion can read; others are passed over, as a newer kind of candidate must be.
func (d *description) addCandidate(value string) {
	if len(d.candidates) >= maxCandidates || slices.Contains(d.candidates, value) || strings.ContainsAny(value, "\r\n") {
		return
	}
	c, err := ice.UnmarshalCandidate(value)
	if err == nil && c.Component() == ice.ComponentRTP {
		d.candidates = append(d.candidates, value)
	}
}

// checkCredentials holds RFC 8839 §5.4.
func checkCredentials(ufrag, pwd string) error {
	ok := func(s string, least int) bool {
		return len(s) >= least && len(s) <= 256 && strings.IndexFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '-' || r == '_' || r == '=')
		}) < 0
	}
	if !ok(ufrag, 4) || !ok(pwd, 22) {
		return badOffer("ice-ufrag and ice-pwd must be 4 and 22 to 256 characters long (RFC 8839 §5.4)")
	}
	return nil
}

func isFingerprint(hash, value string) bool {
	length := map[string]int{"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}[strings.ToLower(hash)]
	if length == 0 || len(value) != 3*length-1 {
		return false
	}
	for i, r := range []byte(value) {
		hex := r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
		if (i%3 == 2) != (r == ':') || i%3 != 2 && !hex {
			return false
		}
	}
	return true
}

// isToken holds the grammar of mids and RIDs with a bound of ours.
func isToken(s string, most int) bool {
	return s != "" && len(s) <= most && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' || r == '{' || r == '}')
	}) < 0
}
