package cascade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"tongke/media/packet"
	"tongke/media/rtc"
	"tongke/media/udp"
)

const (
	maxPeerLinks  = 8
	maxRequests   = 40 // of one peer in requestWindow
	requestWindow = 10 * time.Second
	answerTimeout = 5 * time.Second
)

// statusOf is the HTTP status of each code.
var statusOf = map[string]int{
	"malformed": http.StatusBadRequest, "unknown-peer": http.StatusForbidden, "wrong-alliance": http.StatusForbidden,
	byeLoop: http.StatusConflict, byeTooDeep: http.StatusConflict, "too-large": http.StatusRequestEntityTooLarge,
	"version": http.StatusUpgradeRequired, byeTooMany: http.StatusTooManyRequests,
	"shutting-down": http.StatusServiceUnavailable, "busy": http.StatusServiceUnavailable,
}

// Handler serves the parent's side, under /uplink/v1/. It needs the TLS state of the box's HTTPS port in the request.
func (n *Node) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+connectPath, n.serveConnect)
	mux.HandleFunc("GET "+tunnelPath, n.serveTunnel)
	return mux
}

func refuse(w http.ResponseWriter, err error) {
	no := &refusal{}
	if !errors.As(err, &no) {
		no = &refusal{code: "malformed", text: "the request cannot be read"}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf[no.code])
	_ = json.NewEncoder(w).Encode(errorBody{no.code, no.text}) // the peer is gone otherwise
}

// peerOf finds out who dials, and whether it may once more.
func (n *Node) peerOf(r *http.Request) (Peer, error) {
	var p Peer
	ok := false
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		p, ok = n.cfg.Peers(r.TLS)
	}
	if !ok || n.cfg.Engine == nil || n.cfg.UDP == nil {
		return p, &refusal{code: "unknown-peer", text: "this box has not been invited here"}
	}
	many := false
	err := n.call(func() {
		s, now := n.state(p), packet.Now()
		s.recent = slices.DeleteFunc(s.recent, func(t packet.Time) bool { return now.Sub(t) > requestWindow })
		if many = len(s.recent) >= maxRequests; !many {
			s.recent = append(s.recent, now)
		}
	})
	if err != nil {
		return p, &refusal{code: "shutting-down", text: "this box is stopping"}
	}
	if many {
		return p, &refusal{code: byeTooMany, text: fmt.Sprintf("more than %d requests in %s", maxRequests, requestWindow)}
	}
	return p, nil
}

func (n *Node) serveConnect(w http.ResponseWriter, r *http.Request) {
	p, err := n.peerOf(r)
	if err != nil {
		refuse(w, err)
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			err = &refusal{code: "too-large", text: fmt.Sprintf("more than %d bytes", maxBody)}
		}
		refuse(w, err)
		return
	}
	answer, err := n.accept(r.Context(), p, data)
	if err != nil {
		n.log.Info("uplink refused", "peer", p.Name, "err", err)
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // without the answer the child's link never opens, and ends by itself
}

// accept makes the parent's side of a link and its answer.
func (n *Node) accept(ctx context.Context, p Peer, data []byte) ([]byte, error) {
	body, h, err := readRequest(data)
	if err != nil {
		return nil, &refusal{code: "malformed", text: err.Error()}
	}
	if _, ok := agree(version, h.Version); !ok {
		return nil, &refusal{code: "version", text: fmt.Sprintf("this box speaks %d", version)}
	}
	if h.Path[0] != p.ID {
		return nil, &refusal{code: "malformed", text: "hello is not of the box whose key this is"}
	}
	if p.Alliance != "" && h.Alliance != p.Alliance {
		return nil, &refusal{code: "wrong-alliance", text: "hello names another alliance than the invitation"}
	}
	own, err := n.admit(p)
	if err != nil {
		return nil, err
	}
	rg, o := rungUDP, rtc.UplinkOptions{Name: p.Name}
	if body.Rung == rungTunnel.wire() {
		rg, o.Tunnel = rungTunnel, udp.ParentAddr
	}
	c := newPeerConn()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	peer, answer, err := n.cfg.Engine.AnswerUplink(ctx, body.Offer, o)
	if err != nil {
		return nil, &refusal{code: "malformed", text: "offer: " + err.Error()}
	}
	c.peer = peer
	l := newLink(n, p, rg, c, h)
	if err := n.call(func() { n.add(l) }); err != nil {
		_ = c.Close()
		return nil, &refusal{code: "shutting-down", text: "this box is stopping"}
	}
	hb, err := json.Marshal(own)
	if err != nil {
		return nil, fmt.Errorf("encode hello: %w", err)
	}
	return json.Marshal(connectAnswer{Hello: hb, Answer: answer})
}

func readRequest(data []byte) (body connectRequest, h *hello, err error) {
	if err = readBody(data, &body, "hello", "rung", "offer"); err != nil {
		return body, nil, err
	}
	if body.Rung != rungUDP.wire() && body.Rung != rungTunnel.wire() {
		return body, nil, fmt.Errorf("unknown rung %.40q", body.Rung)
	}
	var d decoder
	h, err = d.decodeHello(body.Hello)
	return body, h, err
}

// admit checks what only the state can tell, and gives this box's hello.
func (n *Node) admit(p Peer) (h *hello, err error) {
	code := ""
	closed := n.call(func() {
		links := 0
		for l := range n.links {
			if l.peer.ID == p.ID && !l.dialled {
				links++
			}
		}
		switch {
		case slices.Contains(n.path, p.ID):
			code = byeLoop
		case len(n.path) >= maxBoxes:
			code = byeTooDeep
		case links >= maxPeerLinks:
			code = byeTooMany
		}
		h = n.hello(p)
	})
	switch {
	case closed != nil:
		return nil, &refusal{code: "shutting-down", text: "this box is stopping"}
	case code != "":
		return nil, &refusal{code: code, text: "this box cannot be the parent now"}
	}
	return h, nil
}

// tunnelCount counts open tunnels by peer id.
type tunnelCount struct {
	mu   sync.Mutex
	open map[string]int
}

// enter counts a peer's tunnel and reports whether it may have one more.
func (t *tunnelCount) enter(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[id] >= maxPeerLinks {
		return false
	}
	t.open[id]++
	return true
}

func (t *tunnelCount) leave(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[id]--; t.open[id] == 0 {
		delete(t.open, id)
	}
}

func (n *Node) serveTunnel(w http.ResponseWriter, r *http.Request) {
	p, err := n.peerOf(r)
	if err != nil {
		refuse(w, err)
		return
	}
	from, err := netip.ParseAddr(r.URL.Query().Get("from"))
	if err != nil || !udp.IsSynthetic(from) || from == udp.ParentAddr.Addr() || !slices.Contains(websocket.Subprotocols(r), tunnelProtocol) {
		refuse(w, &refusal{code: "malformed", text: "from is no tunnel address, or the subprotocol is unknown"})
		return
	}
	if !n.tunnels.enter(p.ID) {
		refuse(w, &refusal{code: byeTooMany, text: fmt.Sprintf("more than %d tunnels", maxPeerLinks)})
		return
	}
	defer n.tunnels.leave(p.ID)
	up := websocket.Upgrader{Subprotocols: []string{tunnelProtocol}, HandshakeTimeout: attemptTimeout, WriteBufferSize: 2048, ReadBufferSize: 4096}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	t, err := n.cfg.UDP.AddTunnel(newTunnelFramer(ws), netip.AddrPortFrom(from, udp.ParentAddr.Port()), nil)
	if err != nil {
		_ = ws.Close()
		return
	}
	ctx, cancel := context.WithCancel(context.Background()) // a hijacked request's context is of no more use
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // ends with the tunnel or the node
		select {
		case <-n.done:
			cancel()
		case <-stop:
		}
	}()
	if err := t.Run(ctx); err != nil {
		n.log.Debug("tunnel ended", "peer", p.Name, "err", err)
	}
}
