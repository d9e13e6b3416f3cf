// Package rtsp makes a source of a network camera: it reads the camera's H264 by RTSP (RFC 2326, RFC 7826) and publishes it at
// media/relay, the main stream and the sub stream as two layers of one source. Nothing is decoded and nothing is encoded.
//
// A Camera is at rest until Publish is called, and connected only while Publish, Probe, Try or Look runs; all end with their context, and with
// them all that they started. A stream that breaks is dialled again, each stream for itself:
//
//	dialling ──answers──▶ waiting for a keyframe ──keyframe──▶ live
//	   ▲  │                       │                              │
//	   │  ╰──refuses──╮           │ silent, closed, unusable     │
//	   │              ▼           ▼                              │
//	   ╰──────────── resting ◀───────────────────────────────────╯
//
// While no stream is live the source is gone at the relay, and who was bound to it waits. What a camera does that browsers cannot show
// (H.265, MJPEG, B-frames) is refused in words that the person on the ladder understands: a *Fault names the thing and the cure.
//
// A camera's sound is passed on where the configuration says so: G.711 from the main stream, as it comes, published as the source that Voice names
// and only while nobody else publishes that. A camera has no echo cancellation, so it gives way to any microphone of a page.
//
// RTSP has no way to ask for a keyframe, so who joins waits for the camera's next one. A frame of which a packet is missing is dropped
// whole and leaves a gap in the numbers, so that no decoder takes the rest for a picture.
package rtsp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"tongke/media/track"
)

// How media comes from the camera.
const (
	Auto = "auto" // by TCP, and by UDP from a camera that refuses that
	TCP  = "tcp"  // interleaved with the commands (RFC 2326 §10.12): nothing is lost
	UDP  = "udp"
)

// The layers of a camera with two streams.
const (
	LayerMain = track.Layer("main")
	LayerSub  = track.Layer("sub")
)

// Config is one camera. Sub may be empty.
type Config struct {
	Name           string
	Main, Sub      string // addresses without user and password: rtsp://192.0.2.64/stream1
	User, Password string
	Transport      string // Auto, TCP, UDP; "" is Auto
	Sound          bool   // its G.711 is taken too, and published where Voice says
	Fingerprint    string // SHA-256 of an rtsps camera's certificate, in hex; "" has the certificate checked like a web site's
}

const (
	maxName   = 40
	maxURL    = 512
	maxSecret = 128
)

// Validate reports every impossible value with its key and what to write instead.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if n := utf8.RuneCountInString(c.Name); n < 1 || n > maxName || strings.TrimSpace(c.Name) != c.Name || strings.ContainsFunc(c.Name, unicode.IsControl) || !utf8.ValidString(c.Name) {
		add("name: write 1 to %d letters without blanks around them", maxName)
	}
	if _, err := parse(c.Main); err != nil {
		add("url: %w", err)
	}
	if c.Sub != "" {
		if _, err := parse(c.Sub); err != nil {
			add("sub: %w", err)
		} else if c.Sub == c.Main {
			add("sub: it is the same stream as url, remove it or write the small stream's address")
		}
	}
	if !slices.Contains([]string{"", Auto, TCP, UDP}, c.Transport) {
		add("transport: %q is none, write auto, tcp or udp", c.Transport)
	}
	if len(c.User) > maxSecret || strings.ContainsFunc(c.User, unicode.IsControl) || strings.Contains(c.User, ":") {
		add("user: at most %d letters, without a colon", maxSecret)
	}
	if len(c.Password) > maxSecret || strings.ContainsFunc(c.Password, unicode.IsControl) {
		add("password: at most %d letters", maxSecret)
	}
	if c.User == "" && c.Password != "" {
		add("user: there is a password and no user, write the user as well")
	}
	if raw, err := hex.DecodeString(strings.ReplaceAll(c.Fingerprint, ":", "")); err != nil || len(raw) != 0 && len(raw) != sha256.Size {
		add("fingerprint: it is no SHA-256, write its 64 digits and letters a to f")
	}
	return errors.Join(errs...)
}

// State is what a camera does now.
type State string

// The states of a camera.
const (
	Off        State = "off"        // nobody asks for it
	Connecting State = "connecting" // dialled, or waiting for its first keyframe
	Live       State = "live"       // its pictures are at the relay
	Failing    State = "failing"    // the last try failed; it is tried again
)

// Stream is what one stream was seen to be.
type Stream struct {
	Layer           track.Layer `json:"layer"`
	Live            bool        `json:"live"`
	Codec           string      `json:"codec,omitempty"`
	Width           int         `json:"width,omitempty"`
	Height          int         `json:"height,omitempty"`
	FPS             float64     `json:"fps,omitempty"`
	KeyframeSeconds float64     `json:"keyframeSeconds,omitempty"` // between keyframes, the longest of the last few
	WaitSeconds     float64     `json:"waitSeconds,omitempty"`     // for its first keyframe, so far: RTSP cannot ask for one
	Kbps            int         `json:"kbps,omitempty"`
	Lost            uint64      `json:"lost"`    // packets
	Dropped         uint64      `json:"dropped"` // frames, because something of them was missing
	Transport       string      `json:"transport,omitempty"`
	Sound           string      `json:"sound,omitempty"` // what the camera offers
	Hears           bool        `json:"hears,omitempty"` // and that it comes
	Fault           *Fault      `json:"fault,omitempty"`
	Notes           []Words     `json:"notes,omitempty"` // what works and could be better
}

// Status is how a camera is. It holds neither addresses nor passwords.
type Status struct {
	State    State     `json:"state"`
	Since    time.Time `json:"since,omitzero"`
	Looked   time.Time `json:"looked,omitzero"` // when it was last asked what it offers, or left; zero: nobody knows anything of it
	Streams  []Stream  `json:"streams"`
	Fault    *Fault    `json:"fault,omitempty"` // why there is no picture
	Redials  int       `json:"redials"`         // since Publish began
	Requests uint64    `json:"requests"`        // for keyframes, which no camera can be asked for
}

// Camera is one camera. Its methods may be called from any goroutine; Publish by one at a time.
type Camera struct {
	cfg     Config
	log     *slog.Logger
	streams []*stream // the smallest first, as the relay wants layers
	clock   deviceClock
	secret  *password

	mu        sync.Mutex
	voice     wish
	speaking  track.Key    // as what its sound is at the relay
	published *publication // while Publish runs

	wanted   bool
	live     bool
	since    time.Time
	looked   time.Time
	refused  *Fault // by the relay
	redials  int
	requests uint64
}

// New makes a camera at rest from a valid configuration.
func New(cfg Config, log *slog.Logger) *Camera {
	c := &Camera{cfg: cfg, log: log.With("camera", cfg.Name), secret: newPassword()}
	if cfg.Sub != "" {
		c.streams = append(c.streams, newStream(c, cfg.Sub, LayerSub))
	}
	layer := LayerMain
	if cfg.Sub == "" {
		layer = "" // a single encoding
	}
	c.streams = append(c.streams, newStream(c, cfg.Main, layer))
	return c
}

// Status is how the camera is now.
func (c *Camera) Status() Status {
	s := Status{State: Off}
	for _, st := range c.streams {
		s.Streams = append(s.Streams, st.seen())
	}
	main := s.Streams[len(s.Streams)-1]
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Since, s.Looked, s.Redials, s.Requests = c.since, c.looked, c.redials, c.requests
	switch {
	case !c.wanted:
	case c.live:
		s.State = Live
	case c.refused != nil || main.Fault != nil:
		s.State = Failing
	default:
		s.State = Connecting
	}
	if s.Fault = c.refused; s.Fault == nil && !c.live {
		s.Fault = main.Fault
	}
	return s
}

// note changes what Status says.
func (c *Camera) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted, live := c.wanted, c.live
	f()
	if wanted != c.wanted || live != c.live {
		c.since = time.Now().UTC()
	}
}
