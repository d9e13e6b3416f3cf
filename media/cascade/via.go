package cascade

import (
	"fmt"
	"net/netip"
	"strings"
)

// withoutCandidates takes the candidates out of a description (RFC 8839 §5.1): the other side learns the addresses from the checks.
func withoutCandidates(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// onlyCandidate puts one candidate in the place of those of a description.
func onlyCandidate(sdp string, at netip.AddrPort) string {
	var b strings.Builder
	told := false // in this m-line
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, "m="):
			told = false
		case strings.HasPrefix(line, "a=candidate:"):
			if told {
				continue
			}
			told = true
			// RFC 8445 §5.1.2.1: 126 for the type, 65535 for the only address, component 1.
			line = fmt.Sprintf("a=candidate:1 1 udp 2130706431 %s %d typ host\r\n", at.Addr(), at.Port())
		}
		b.WriteString(line)
	}
	return b.String()
}
