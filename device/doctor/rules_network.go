package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tongke/device/probe"
)

// noAdapter: a container has none of its own either, and reaches others all the same.
func noAdapter(in *Input) ([]any, string, bool) {
	n := in.Machine.Network
	return nil, "", n.Known && len(n.Links) == 0 && !n.Routed
}

// adapterOff: nobody has switched any of them on, as on a system without a program for the network; whether a cable is in cannot be known.
func adapterOff(in *Input) ([]any, string, bool) {
	links := in.Machine.Network.Links
	return nil, tellLinks(in), len(links) > 0 && !slices.ContainsFunc(links, func(l probe.Link) bool { return l.Up || l.Carrier })
}

func wired(in *Input) []probe.Link {
	return slices.DeleteFunc(slices.Clone(in.Machine.Network.Links), func(l probe.Link) bool { return l.Wireless })
}

// noCable: nothing has carrier. A machine with Wi-Fi only that is not associated has no cable either, and plugging one in is the cure.
func noCable(in *Input) ([]any, string, bool) {
	links := in.Machine.Network.Links
	return nil, tellLinks(in), len(links) > 0 && !slices.ContainsFunc(links, func(l probe.Link) bool { return l.Carrier })
}

func noAddress(in *Input) ([]any, string, bool) {
	n := in.Machine.Network
	carrier := slices.ContainsFunc(n.Links, func(l probe.Link) bool { return l.Carrier })
	return nil, tellAddress(in), carrier && !n.Uplinked()
}

// noGateway explains a silent parent; a parent in the same network needs none.
func noGateway(in *Input) ([]any, string, bool) {
	n := in.Machine.Network
	return nil, tellAddress(in), n.Uplinked() && !n.Gateway.IsValid() && in.Facts.Parent == No
}

func loginNeeded(in *Input) ([]any, string, bool) {
	return nil, "", in.Facts.Portal == Yes && in.Facts.Parent != Yes
}

func certificateMismatch(in *Input) ([]any, string, bool) {
	return nil, "", in.Facts.Parent == No && in.Facts.ParentFault == "certificate-mismatch"
}

func namesDead(in *Input) ([]any, string, bool) {
	return nil, fmt.Sprintf("resolvers %v", in.Machine.Network.Resolvers), in.Facts.Names == No && in.Facts.Parent != Yes
}

func parentUnreachable(in *Input) ([]any, string, bool) {
	return nil, "", in.Facts.Parent == No
}

func spareChannel(in *Input) ([]any, string, bool) {
	return nil, "", in.Facts.SpareOnly == Yes
}

func linkSlow(in *Input) ([]any, string, bool) {
	k := in.Facts.UplinkKbps
	return []any{float64(k) / 1000}, fmt.Sprintf("%d kb/s", k), k > 0 && k < in.Profile.Thresholds.LinkKbps
}

// cableSlow: two of the four pairs of a cable carry 100 Mb/s, one broken wire leaves 10 or half duplex.
func cableSlow(in *Input) ([]any, string, bool) {
	for _, l := range wired(in) {
		if l.Carrier && l.SpeedMbps > 0 && (l.SpeedMbps < 100 || l.HalfDuplex) {
			return []any{l.SpeedMbps}, fmt.Sprintf("%s at %d Mb/s, half duplex %v", l.Name, l.SpeedMbps, l.HalfDuplex), true
		}
	}
	return nil, "", false
}

// cableLoose counts since boot. The first minutes do not count by the hour: switches in a building that gets its power back restart.
func cableLoose(in *Input) ([]any, string, bool) {
	hours := max(in.Machine.Uptime.Hours(), 1)
	for _, l := range wired(in) {
		if l.Losses >= 5 && float64(l.Losses)/hours > in.Profile.Thresholds.LossesAnHour {
			return nil, fmt.Sprintf("%s lost its carrier %d times in %v", l.Name, l.Losses, in.Machine.Uptime.Truncate(time.Minute)), true
		}
	}
	return nil, "", false
}

func wifiWeak(in *Input) ([]any, string, bool) {
	for _, l := range in.Machine.Network.Links {
		if !l.Wireless && l.Usable() {
			return nil, "", false
		}
	}
	for _, l := range in.Machine.Network.Links {
		if l.Wireless && l.Carrier && l.SignalDBM != 0 && l.SignalDBM < in.Profile.Thresholds.SignalDBM {
			return nil, fmt.Sprintf("%s at %d dBm", l.Name, l.SignalDBM), true
		}
	}
	return nil, "", false
}

func tellLinks(in *Input) string {
	var out []string
	for _, l := range in.Machine.Network.Links {
		s := l.Name + " "
		switch {
		case !l.Carrier:
			s += "without carrier"
		case l.Wireless:
			s += fmt.Sprintf("Wi-Fi %d dBm", l.SignalDBM)
		case l.SpeedMbps > 0:
			s += fmt.Sprintf("%d Mb/s", l.SpeedMbps)
		default:
			s += "up"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func tellAddress(in *Input) string {
	var out []string
	for _, l := range in.Machine.Network.Links {
		for _, a := range l.Addresses {
			if !a.Addr().IsLinkLocalUnicast() {
				out = append(out, l.Name+" "+a.String())
			}
		}
	}
	if g := in.Machine.Network.Gateway; g.IsValid() {
		out = append(out, "gateway "+g.String())
	}
	return strings.Join(out, ", ")
}
