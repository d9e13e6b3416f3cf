package probe

import (
	"net"
	"net/netip"
	"time"
)

// Calls asks the kernel what no text file tells. A fixture answers from recorded files.
type Calls interface {
	// Now is the machine's wall clock.
	Now() time.Time
	// Synchronised reports whether somebody sets the clock (adjtimex(2)).
	Synchronised() bool
	// Space is the size of the file system at a path and what is free for an ordinary user, in bytes.
	Space(path string) (total, free int64, err error)
	// Addresses are those of every interface, by its name.
	Addresses() map[string][]netip.Prefix
	// Formats are the picture formats of a V4L2 node such as video0; empty for one that gives no pictures. An error says that it could
	// not be asked.
	Formats(device string) ([]Format, error)
	// Mixer are the volumes of an ALSA card.
	Mixer(card int) ([]Control, error)
}

func addresses() map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	links, err := net.Interfaces()
	if err != nil {
		return out
	}
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out[l.Name] = append(out[l.Name], p)
			}
		}
	}
	return out
}
