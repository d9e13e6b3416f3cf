package cascade

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gorilla/websocket"
)

const (
	tunnelProtocol = "tongke-tunnel.1"
	maxDatagram    = 1500
	tunnelWrite    = 5 * time.Second // a socket that takes nothing for so long is closed
	tunnelRead     = giveUpAfter     // and one that brings nothing; a link says something four times a second
)

// tunnelFramer carries datagrams as binary WebSocket messages; it is a udp.Framer.
type tunnelFramer struct{ ws *websocket.Conn }

func newTunnelFramer(ws *websocket.Conn) *tunnelFramer {
	ws.SetReadLimit(maxDatagram)
	return &tunnelFramer{ws: ws}
}

var errNoDatagram = errors.New("tunnel message is no datagram of 1 to 1500 bytes")

// ReadDatagram reads one message into b.
func (f *tunnelFramer) ReadDatagram(b []byte) (int, error) {
	if err := f.ws.SetReadDeadline(time.Now().Add(tunnelRead)); err != nil {
		return 0, err
	}
	typ, r, err := f.ws.NextReader()
	if err != nil {
		return 0, err
	}
	if typ != websocket.BinaryMessage {
		return 0, errNoDatagram
	}
	n, err := io.ReadFull(r, b[:min(len(b), maxDatagram)])
	switch {
	case n == 0:
		return 0, errNoDatagram
	case err == nil:
		var one [1]byte
		if more, _ := r.Read(one[:]); more > 0 {
			return 0, errNoDatagram
		}
		return n, nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return n, nil
	}
	return 0, fmt.Errorf("read tunnel: %w", err)
}

// WriteDatagram writes one message.
func (f *tunnelFramer) WriteDatagram(b []byte) error {
	if err := f.ws.SetWriteDeadline(time.Now().Add(tunnelWrite)); err != nil {
		return err
	}
	return f.ws.WriteMessage(websocket.BinaryMessage, b)
}

// Close ends both directions.
func (f *tunnelFramer) Close() error { return f.ws.Close() }
