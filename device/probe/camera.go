package probe

import (
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

const videoClass = "sys/class/video4linux"

var videoNode = regexp.MustCompile(`^video([0-9]+)$`)

// cameras are the V4L2 nodes that give pictures, one entry a camera: nodes of one USB device are one camera, named by its first node. The
// codecs and scalers of a system on chip are nodes too; they give no format for capture, or are no USB devices when none can be asked.
func (t tree) cameras(calls Calls) []Camera {
	var out []Camera
	byDevice := map[string]int{}
	for _, node := range t.videoNodes() {
		at := t.real(path.Join(videoClass, node))
		if strings.Contains(at, "/devices/virtual/") { // a program's own, such as v4l2loopback
			continue
		}
		usb := t.usbParent(at)
		formats, err := calls.Formats(node)
		if err != nil && (usb == "" || t.text(at+"/index") != "0") && !sensor(t.text(at+"/name")) || err == nil && !pictures(formats) {
			continue
		}
		if i, seen := byDevice[usb]; seen && usb != "" {
			out[i].Formats = append(out[i].Formats, formats...)
			out[i].H264 = out[i].H264 || encodes(formats)
			continue
		}
		c := Camera{Device: node, Name: t.text(at + "/name"), Known: err == nil, Formats: formats, H264: encodes(formats)}
		if name, again, ok := strings.Cut(c.Name, ": "); ok && strings.HasPrefix(name, again) {
			c.Name = name // "HD Camera: HD Camera", cut at 31 letters
		}
		if usb != "" {
			c.Vendor, c.Product, c.Serial = t.text(usb+"/idVendor"), t.text(usb+"/idProduct"), t.text(usb+"/serial")
			c.Port = path.Base(usb)
			c.USBMbps, _ = strconv.ParseFloat(t.text(usb+"/speed"), 64)
			byDevice[usb] = len(out)
		}
		out = append(out, c)
	}
	return out
}

// sensor knows cameras on a board's own ribbon cable, for when their formats cannot be asked, by the names that their drivers give the one
// node of each that is meant for pictures.
func sensor(name string) bool {
	return strings.HasPrefix(name, "rkisp_mainpath") || strings.HasPrefix(name, "unicam-image") || strings.HasPrefix(name, "rp1-cfe-csi2_ch0")
}

// videoNodes are the nodes by number.
func (t tree) videoNodes() []string {
	var nodes []string
	for _, n := range t.names(videoClass) {
		if videoNode.MatchString(n) {
			nodes = append(nodes, n)
		}
	}
	number := func(s string) int { n, _ := strconv.Atoi(s[len("video"):]); return n }
	sort.Slice(nodes, func(i, j int) bool { return number(nodes[i]) < number(nodes[j]) })
	return nodes
}

// pictures reports whether formats hold one for people: not depth, not an infrared sensor for faces.
func pictures(formats []Format) bool {
	for _, f := range formats {
		switch f.FourCC {
		case "GREY", "Y8  ", "Y10 ", "Y12 ", "Y16 ", "Z16 ", "INZI", "L8I ":
		default:
			return true
		}
	}
	return false
}

func encodes(formats []Format) bool {
	for _, f := range formats {
		if f.FourCC == "H264" {
			return true
		}
	}
	return false
}

// Largest is the widest picture that the camera gives at fps or more, in a format that a browser takes.
func (c Camera) Largest(fps float64) (width, height int) {
	for _, f := range c.Formats {
		if f.FourCC == "HEVC" {
			continue
		}
		for _, s := range f.Sizes {
			if s.FPS >= fps && s.Width > width {
				width, height = s.Width, s.Height
			}
		}
	}
	return width, height
}
