package ingest

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"tongke/media/rtc"
)

// Limits of a trickle fragment. A browser sends 1 to 20 candidates in one.
const (
	maxFragment           = 16 << 10 // bytes
	maxFragmentCandidates = 64
)

// fragment is an SDP fragment for trickle ICE (RFC 8840 §9.2). All m-lines are bundled, so it has one set of credentials.
type fragment struct {
	ufrag, pwd string   // "" if not named
	mid        string   // of the m-line that the candidates belong to
	candidates []string // without "a=", e.g. "candidate:1 1 udp …"
	end        bool     // no more candidates will come
}

// parseFragment reads a fragment and refuses with a *problem what is malformed (400) or too large (413).
func parseFragment(body string) (*fragment, error) {
	if !utf8.ValidString(body) || strings.IndexByte(body, 0) >= 0 {
		return nil, refuse(http.StatusBadRequest, "fragment-malformed", "the SDP fragment is not text")
	}
	f, n := &fragment{}, 0
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		n++
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' {
			return nil, refuse(http.StatusBadRequest, "fragment-malformed", "line %d of the SDP fragment is not of the form x=… (RFC 8840 §9.2)", n)
		}
		if line[0] == 'a' {
			if err := f.attribute(line[2:]); err != nil {
				return nil, err
			}
		}
	}
	if n == 0 {
		return nil, refuse(http.StatusBadRequest, "fragment-malformed", "the SDP fragment is empty")
	}
	if (f.ufrag == "") != (f.pwd == "") {
		return nil, refuse(http.StatusBadRequest, "fragment-malformed", "ice-ufrag and ice-pwd go together (RFC 8839 §5.4)")
	}
	return f, nil
}

func (f *fragment) attribute(value string) error {
	name, arg, _ := strings.Cut(value, ":")
	switch name {
	case "ice-ufrag":
		// RFC 8839 §5.4: 4 to 256 ice-chars.
		return f.credential(&f.ufrag, name, arg, 4)
	case "ice-pwd":
		return f.credential(&f.pwd, name, arg, 22)
	case "mid":
		if f.mid == "" {
			f.mid = arg
		}
	case "end-of-candidates":
		f.end = true
	case "candidate":
		if len(f.candidates) == maxFragmentCandidates {
			return refuse(http.StatusRequestEntityTooLarge, "fragment-too-large", "the SDP fragment has more than %d candidates", maxFragmentCandidates)
		}
		// RFC 8839 §5.1: foundation, component, transport, priority, address, port, "typ", type.
		if w := strings.Fields(arg); len(w) < 8 || w[6] != "typ" {
			return refuse(http.StatusBadRequest, "fragment-malformed", "candidate %d of the SDP fragment is not one (RFC 8839 §5.1)", len(f.candidates)+1)
		}
		f.candidates = append(f.candidates, value)
	}
	return nil
}

// credential keeps the first value; a second, different one cannot be: everything is bundled.
func (f *fragment) credential(to *string, name, value string, least int) error {
	if len(value) < least || len(value) > 256 || strings.IndexFunc(value, notIceChar) >= 0 {
		return refuse(http.StatusBadRequest, "fragment-malformed", "%s must be %d to 256 ice-chars (RFC 8839 §5.4)", name, least)
	}
	if *to != "" && *to != value {
		return refuse(http.StatusBadRequest, "fragment-malformed", "the SDP fragment has two different %s; all m-lines share one transport", name)
	}
	*to = value
	return nil
}

// notIceChar is lax by three characters of base64, which some clients use.
func notIceChar(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+/-_=", r))
}

// frameOf is the part of a fragment that does not change with an ICE restart: the ICE options and the bundle as in the answer, and the
// m-line that stands for the one transport (RFC 8840 §9.2).
func frameOf(answer string) string {
	var session, media strings.Builder
	lines := 0 // m-lines seen
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			if lines++; lines > 1 {
				break
			}
			media.WriteString(line + "\r\n")
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
		switch name {
		case "ice-lite", "ice-options", "group":
			session.WriteString(line + "\r\n")
		case "mid":
			media.WriteString(line + "\r\n")
		}
	}
	return session.String() + media.String()
}

// fragmentOf is the rest: credentials and all candidates.
func fragmentOf(c rtc.Credentials) string {
	var b strings.Builder
	b.WriteString("a=ice-ufrag:" + c.Ufrag + "\r\na=ice-pwd:" + c.Pwd + "\r\n")
	for _, candidate := range c.Candidates {
		b.WriteString("a=" + candidate + "\r\n")
	}
	b.WriteString("a=end-of-candidates\r\n")
	return b.String()
}
