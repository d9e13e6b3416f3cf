// Package rtc is the only door to pion/webrtc. An Engine owns one UDP socket and, where given, one TCP listener, and makes peers
// on them: Receive answers a publisher, Send answers a subscriber, ReceivePage and SendPage are a page's two connections, OfferUplink and
// AnswerUplink are the two ends of a link between boxes. What comes out is packets as media/packet keeps them and slots as media/relay wants them; SDP, ICE, DTLS, SRTP, RTX,
// header extensions and feedback toward those who send stay in here.
//
// Two decisions shape it. First, an offer is read and chosen from by our own code (offer.go), and pion only sees what was chosen, in
// canonical form: so what is accepted is a table in one place, and bytes from outside never reach pion's negotiation. Second, pion's
// tracks and interceptors are not used: its SRTP session writes each decrypted packet into a stream (stream.go) that hands it on in the
// same call, which saves the goroutine hops and copies between socket and relay, and needs no goroutine a track.
//
// Each peer has one goroutine: it sends feedback, tells state changes and new tracks, and closes the connection. It ends with
// Peer.Close, Peer.End, the connection's failure, or the other side's close. Engine.Close closes every peer and then the sockets.
package rtc

import (
	"errors"
	"fmt"
	"strings"

	"tongke/media/track"
)

// Why a peer ended, as told by Peer.Reason.
var (
	ErrClosed       = errors.New("closed here")
	ErrRemoteClosed = errors.New("closed by the other side")
	ErrFailed       = errors.New("connection failed")
	ErrBFrames      = errors.New("publisher sends B-frames")         // a caller tells the publisher to switch them off
	ErrStreams      = errors.New("too many streams on a connection") // authenticated, yet out of bounds
)

// ErrNotConnected is returned by a sink whose packets cannot leave yet.
var ErrNotConnected = errors.New("not connected")

// OfferError is a description that cannot be answered, whoever asks: malformed, or without what WebRTC needs.
type OfferError struct{ Text string }

func (e *OfferError) Error() string { return e.Text }

func badOffer(format string, args ...any) error { return &OfferError{fmt.Sprintf(format, args...)} }

// CodecError is an offer that is well formed but holds an m-line with no codec that may be used.
type CodecError struct {
	MID     string
	Kind    track.Kind
	Offered []string // encoding names as offered, each once
}

func (e *CodecError) Error() string {
	return fmt.Sprintf("m-line %q (%s) offers no codec that can be used: %s", e.MID, e.Kind, strings.Join(e.Offered, ", "))
}

// ErrNothing is an offer without any m-line for this purpose.
var ErrNothing = errors.New("offer has no m-line that can be used")
