package rtsp

import (
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
)

// g711 is the name of the sound that can be passed through.
const g711 = "G.711"

// choose finds the H264 stream in what the camera describes, and notes what else there is.
func (s *stream) choose(session *description.Session) (*description.Media, *format.H264, error) {
	var found *description.Media
	var h264 *format.H264
	var other []string
	sound := ""
	for _, m := range session.Medias {
		for _, f := range m.Formats {
			switch f := f.(type) {
			case *format.H264:
				if found == nil && !m.IsBackChannel {
					found, h264 = m, f
				}
			default:
				name, _, _ := strings.Cut(f.RTPMap(), "/")
				switch {
				case m.Type == description.MediaTypeAudio && !m.IsBackChannel && sound == "":
					sound = codecName(f, name)
				case m.Type == description.MediaTypeVideo:
					other = append(other, codecName(f, name))
				}
			}
		}
	}
	if m, _ := chooseSound(session); m != nil {
		sound = g711
	} else if sound == g711 {
		sound = "other G.711" // in stereo, or at another rate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sound, s.codec = sound, "H264"
	switch {
	case h264 != nil:
		return found, h264, nil
	case len(other) == 0:
		s.codec = ""
		return nil, nil, fault(NoVideo, "%d other streams", len(session.Medias))
	}
	s.codec = other[0]
	switch other[0] {
	case "H265":
		return nil, nil, fault(HEVC, "")
	case "MJPEG":
		return nil, nil, fault(MJPEG, "")
	}
	return nil, nil, fault(OtherCodec, "%s", other[0])
}

// codecName is a name for people of what a camera offers; a name that the camera made up is not repeated.
func codecName(f format.Format, name string) string {
	switch f.(type) {
	case *format.H265:
		return "H265"
	case *format.MJPEG:
		return "MJPEG"
	case *format.G711:
		return g711
	case *format.MPEG4Audio, *format.MPEG4AudioLATM:
		return "AAC"
	case *format.Generic:
		return "another"
	}
	if len(name) > 12 || strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) || name == "" {
		return "another"
	}
	return name
}
