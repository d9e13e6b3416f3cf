package probe

import (
	"math"
	"path"
	"regexp"
	"strings"
)

const drmClass = "sys/class/drm"

var connector = regexp.MustCompile(`^card[0-9]+-(.+)$`)

// displays are the sockets of the graphics cards.
func (t tree) displays() []Display {
	var out []Display
	for _, n := range t.names(drmClass) {
		m := connector.FindStringSubmatch(n)
		if m == nil || strings.HasPrefix(m[1], "Writeback") || strings.HasPrefix(m[1], "Virtual") {
			continue
		}
		at := path.Join(drmClass, n)
		if t.management(n) {
			continue
		}
		status, enabled := t.text(at+"/status"), t.text(at+"/enabled") == "enabled"
		d := Display{
			Name: m[1], Connected: status == "connected" || status == "unknown" && enabled, Enabled: enabled,
			Internal: strings.HasPrefix(m[1], "eDP") || strings.HasPrefix(m[1], "LVDS") || strings.HasPrefix(m[1], "DSI"),
		}
		edid := t.raw(at + "/edid")
		parseEDID(edid, &d)
		out = append(out, d)
	}
	return out
}

// Graphics of a server's management controller: the socket is for who repairs it, and no room's screen.
var managementDrivers = map[string]bool{"ast": true, "mgag200": true, "hibmc-drm": true}

// management reports whether a connector such as card0-VGA-1 belongs to one.
func (t tree) management(connector string) bool {
	card, _, _ := strings.Cut(connector, "-")
	device := t.real(path.Join(drmClass, card)) // …/0000:02:00.0/drm/card0
	return managementDrivers[path.Base(t.real(path.Join(path.Dir(path.Dir(device)), "driver")))]
}

// parseEDID reads a screen's name, preferred mode and size (VESA E-EDID 1.4, §3). What is damaged is passed over.
func parseEDID(b []byte, d *Display) {
	if len(b) < 128 || string(b[:8]) != "\x00\xff\xff\xff\xff\xff\xff\x00" {
		return
	}
	var sum byte
	for _, v := range b[:128] {
		sum += v
	}
	if sum != 0 {
		return
	}
	widthMM, heightMM := int(b[21])*10, int(b[22])*10
	for i := 54; i+18 <= 126; i += 18 {
		block := b[i : i+18]
		switch {
		case block[0] != 0 || block[1] != 0: // a timing; the first is the preferred one
			if d.Width == 0 {
				d.Width, d.Height = int(block[2])|int(block[4]>>4)<<8, int(block[5])|int(block[7]>>4)<<8
				if w, h := int(block[12])|int(block[14]>>4)<<8, int(block[13])|int(block[14]&15)<<8; w > 0 && h > 0 {
					widthMM, heightMM = w, h
				}
			}
		case block[3] == 0xfc:
			name, _, _ := strings.Cut(string(block[5:]), "\n")
			d.Screen = clean(name)
		}
	}
	// Projectors have no size, and 160 × 90 mm or 16 × 9 is an aspect ratio that lazy makers write.
	if widthMM >= 200 && heightMM >= 100 {
		d.InchTenth = int(math.Round(math.Hypot(float64(widthMM), float64(heightMM)) / 2.54))
	}
}
