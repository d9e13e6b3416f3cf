package ingest

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"tongke/media/track"
)

// What an offer may hold. A browser that sends one camera and one microphone makes about 8 KiB, 2 m-lines and 10 candidates; one that
// watches makes at most 3 useful m-lines. The limits keep a hostile offer from reaching the SDP machinery, whose cost grows with each.
const (
	maxOffer      = 64 << 10 // bytes
	maxMLines     = 32
	maxCandidates = 200
	maxLine       = 4096 // bytes
)

// offer is what this package must know of an SDP offer. What media/rtc chooses from it, and refuses in it, is not looked at here.
type offer struct {
	media []mline
	ufrag string // of the one transport
}

// mline is one m-line of an offer.
type mline struct {
	kind  track.Kind
	other bool // neither audio nor video: a data channel
	sends bool // sendonly or sendrecv
	takes bool // recvonly or sendrecv
}

// parseOffer reads an offer line by line in one pass, and refuses with a *problem what is malformed (400) or too large (413).
func parseOffer(body string) (*offer, error) {
	if !utf8.ValidString(body) {
		return nil, refuse(http.StatusBadRequest, "sdp-malformed", "the offer is not UTF-8 text; send the SDP as the client made it")
	}
	p := offerParser{offer: &offer{}, sends: true, takes: true}
	n := 0
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue // some clients end with an empty line
		}
		n++
		if len(line) > maxLine {
			return nil, refuse(http.StatusRequestEntityTooLarge, "sdp-too-large", "line %d of the offer has %d bytes, the limit is %d", n, len(line), maxLine)
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' || strings.IndexByte(line, 0) >= 0 {
			return nil, refuse(http.StatusBadRequest, "sdp-malformed", "line %d of the offer is not of the form x=…; send the SDP as the client made it", n)
		}
		if n == 1 && line != "v=0" {
			return nil, refuse(http.StatusBadRequest, "sdp-malformed", "the offer must begin with v=0 (RFC 8866 §5.1)")
		}
		if err := p.line(line[0], line[2:]); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

type offerParser struct {
	*offer
	sends, takes bool // the session's direction, for m-lines without their own
	candidates   int
}

func (p *offerParser) line(typ byte, value string) error {
	switch typ {
	case 'm':
		return p.mline(value)
	case 'a':
		return p.attribute(value)
	}
	return nil
}

func (p *offerParser) mline(value string) error {
	if len(p.media) == maxMLines {
		return refuse(http.StatusRequestEntityTooLarge, "sdp-too-large", "the offer has more than %d m-lines", maxMLines)
	}
	f := strings.Fields(value)
	if len(f) < 4 {
		return refuse(http.StatusBadRequest, "sdp-malformed", "m-line %d of the offer has %d words, at least 4 are needed (RFC 8866 §5.14)", len(p.media)+1, len(f))
	}
	m := mline{sends: p.sends, takes: p.takes}
	switch f[0] {
	case "audio":
		m.kind = track.Audio
	case "video":
		m.kind = track.Video
	default:
		m.other = true
	}
	p.media = append(p.media, m)
	return nil
}

func (p *offerParser) attribute(value string) error {
	name, arg, _ := strings.Cut(value, ":")
	switch name {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		p.direction(name)
	case "ice-ufrag":
		if p.ufrag == "" {
			p.ufrag = arg
		}
	case "candidate":
		if p.candidates++; p.candidates > maxCandidates {
			return refuse(http.StatusRequestEntityTooLarge, "sdp-too-large", "the offer has more than %d candidates", maxCandidates)
		}
	}
	return nil
}

func (p *offerParser) direction(name string) {
	sends := name == "sendrecv" || name == "sendonly"
	takes := name == "sendrecv" || name == "recvonly"
	if n := len(p.media); n > 0 {
		p.media[n-1].sends, p.media[n-1].takes = sends, takes
		return
	}
	p.sends, p.takes = sends, takes
}

func (p *offerParser) finish() (*offer, error) {
	if len(p.media) == 0 {
		return nil, refuse(http.StatusBadRequest, "sdp-malformed", "the offer has no m-line; add a track or a transceiver before making it")
	}
	return p.offer, nil
}

// published refuses (422) a WHIP offer that brings nothing for the source, or more than one track of a kind (RFC 9725 §4.4.2). M-lines
// that send nothing are left alone.
func (o *offer) published(source string) error {
	audio, video := 0, 0
	for _, m := range o.media {
		switch {
		case m.other || !m.sends:
		case m.kind == track.Audio:
			audio++
		default:
			video++
		}
	}
	switch {
	case audio == 0 && video == 0:
		return refuse(http.StatusUnprocessableEntity, "nothing-offered", "the offer sends neither sound nor picture; add a sendonly track")
	case source != track.Teacher && video == 0:
		return refuse(http.StatusUnprocessableEntity, "nothing-offered", "source %s is a picture and the offer sends none; add a sendonly video track", source)
	case audio > 1 || video > 1:
		return refuse(http.StatusUnprocessableEntity, "too-many-tracks",
			"the offer sends %d audio and %d video tracks; send one of each, and another source (board, pupils) by a publication of its own", audio, video)
	}
	return nil
}

// watched refuses (422) a WHEP offer that takes nothing.
func (o *offer) watched() error {
	for _, m := range o.media {
		if !m.other && m.takes {
			return nil
		}
	}
	return refuse(http.StatusUnprocessableEntity, "nothing-asked", "the offer takes neither sound nor picture; add recvonly transceivers")
}

// sends reports whether the offer brings a track of a kind.
func (o *offer) sends(k track.Kind) bool {
	return slices.ContainsFunc(o.media, func(m mline) bool { return !m.other && m.kind == k && m.sends })
}
