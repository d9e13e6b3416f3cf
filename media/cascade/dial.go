package cascade

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/websocket"

	"tongke/media/rtc"
	"tongke/media/udp"
)

const (
	connectPath = "/uplink/v1/connect"
	tunnelPath  = "/uplink/v1/tunnel"
	maxBody     = 256 << 10
)

// connectRequest and connectAnswer are the bodies of connect.
type connectRequest struct {
	Hello json.RawMessage `json:"hello"`
	Rung  string          `json:"rung"`
	Offer string          `json:"offer"`
}

type connectAnswer struct {
	Hello  json.RawMessage `json:"hello"`
	Answer string          `json:"answer"`
}

type errorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// connected is what a dial has led to.
type connected struct {
	conn  conn
	hello *hello
	peer  Peer
}

// dialOut is how one attempt reaches its parent: TLS to a pinned key, direct or through the proxy.
type dialOut struct {
	tls   *tls.Config
	proxy func(*http.Request) (*url.URL, error)
	peer  *Parent // whose pin the handshake has shown
}

// connect exchanges descriptions with a parent. hellos belong to a.parents.
func (n *Node) connect(ctx context.Context, a *attempt, hellos []*hello) (connected, error) {
	out := &dialOut{}
	if a.rung == rungProxy {
		proxy, err := n.proxyFor(a.url)
		if err != nil || proxy == nil {
			return connected{}, fmt.Errorf("proxy for %s: %w", a.url, err)
		}
		out.proxy = http.ProxyURL(proxy)
	}
	out.tls = n.anyOf(a.parents, out)
	dial := n.offerUDP
	if a.rung != rungUDP {
		dial = n.offerTunnel
	}
	p, offer, err := dial(ctx, a, out)
	if err != nil {
		return connected{}, err
	}
	if a.rung == rungUDP && n.cfg.Via.IsValid() {
		offer = withoutCandidates(offer)
	}
	if n.mangleOffer != nil {
		offer = n.mangleOffer(offer)
	}
	c, err := n.exchange(ctx, a, out, hellos, offer, p)
	if err != nil {
		_ = p.Close()
		return connected{}, fmt.Errorf("connect to %s: %w", a.url, err)
	}
	return c, nil
}

// anyOf accepts the pins of all given parents and notes whose it was.
func (n *Node) anyOf(parents []Parent, out *dialOut) *tls.Config {
	configs := make([]*tls.Config, len(parents))
	for i, p := range parents {
		configs[i] = n.cfg.ClientTLS(p.Pin)
	}
	c := configs[0].Clone()
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		var errs []error
		for i := range configs {
			err := configs[i].VerifyConnection(cs)
			if err == nil {
				out.peer = &parents[i]
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	return c
}

// offerUDP makes a connection on a socket of its own.
func (n *Node) offerUDP(ctx context.Context, a *attempt, _ *dialOut) (*peerConn, string, error) {
	addr, err := resolve(ctx, a.url)
	if err != nil {
		return nil, "", err
	}
	sock, err := udp.ListenFor(addr, udp.Options{})
	if err != nil {
		return nil, "", err
	}
	return n.offerOn(ctx, sock, netip.AddrPort{})
}

// resolve finds an address of the host in a URL.
func resolve(ctx context.Context, base string) (netip.Addr, error) {
	u, err := url.Parse(base)
	if err != nil {
		return netip.Addr{}, err
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return a, nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return netip.Addr{}, err
	}
	if len(addrs) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no address", u.Hostname())
	}
	return addrs[0].Unmap(), nil
}

// offerTunnel makes a connection whose only way is a tunnel.
func (n *Node) offerTunnel(ctx context.Context, a *attempt, out *dialOut) (*peerConn, string, error) {
	local := udp.RandomAddr()
	d := websocket.Dialer{
		TLSClientConfig: out.tls, Proxy: out.proxy, HandshakeTimeout: attemptTimeout,
		Subprotocols: []string{tunnelProtocol}, WriteBufferSize: 2048, ReadBufferSize: 4096,
	}
	at := "wss" + strings.TrimPrefix(strings.TrimSuffix(a.url, "/"), "https") + tunnelPath + "?from=" + url.QueryEscape(local.Addr().String())
	ws, resp, err := d.DialContext(ctx, at, nil)
	if err != nil {
		if resp != nil {
			return nil, "", fmt.Errorf("open tunnel: %w", readRefusal(resp))
		}
		return nil, "", fmt.Errorf("open tunnel: %w", err)
	}
	if ws.Subprotocol() != tunnelProtocol {
		_ = ws.Close()
		return nil, "", errors.New("open tunnel: the other side does not know " + tunnelProtocol)
	}
	sock := udp.NewVirtual()
	t, err := sock.AddTunnel(newTunnelFramer(ws), udp.ParentAddr, nil)
	if err != nil {
		_ = ws.Close()
		_ = sock.Close()
		return nil, "", err
	}
	p, offer, err := n.offerOn(ctx, sock, local)
	if err != nil {
		_ = t.Close()
		return nil, "", err
	}
	n.wg.Go(func() { // ends with the socket, or when the tunnel breaks: then the link falls silent
		if err := t.Run(n.ctx); err != nil {
			n.log.Debug("tunnel ended", "url", a.url, "err", err)
		}
	})
	return p, offer, nil
}

// offerOn makes an engine for one dial, whose only way is the tunnel if that is valid.
func (n *Node) offerOn(ctx context.Context, sock *udp.Conn, tunnel netip.AddrPort) (*peerConn, string, error) {
	e, err := rtc.New(rtc.Config{UDP: sock, Log: n.log})
	if err != nil {
		_ = sock.Close()
		return nil, "", err
	}
	p := newPeerConn()
	p.closers = append(p.closers, e.Close)
	peer, offer, err := e.OfferUplink(ctx, rtc.UplinkOptions{Name: "uplink", Tunnel: tunnel})
	if err != nil {
		_ = e.Close()
		return nil, "", fmt.Errorf("make offer: %w", err)
	}
	p.peer = peer
	return p, offer, nil
}

// exchange posts the offer and sets the answer.
func (n *Node) exchange(ctx context.Context, a *attempt, out *dialOut, hellos []*hello, offer string, p *peerConn) (connected, error) {
	tr := &http.Transport{TLSClientConfig: out.tls, Proxy: out.proxy, TLSHandshakeTimeout: attemptTimeout, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	h := hellos[0] // differs between parents in desiredVersion alone, which no parent reads
	hb, err := json.Marshal(h)
	if err != nil {
		return connected{}, err
	}
	body, err := json.Marshal(connectRequest{Hello: hb, Rung: a.rung.wire(), Offer: offer})
	if err != nil {
		return connected{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.url, "/")+connectPath, bytes.NewReader(body))
	if err != nil {
		return connected{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return connected{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return connected{}, readRefusal(resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return connected{}, err
	}
	ans, their, err := readAnswer(data)
	if err != nil {
		return connected{}, err
	}
	if out.peer == nil || their.Path[0] != out.peer.ID {
		return connected{}, errors.New("the parent's hello is not of the box whose key it has")
	}
	if _, ok := agree(version, their.Version); !ok {
		return connected{}, &refusal{code: "version", text: fmt.Sprintf("parent speaks %d, we %d", their.Version, version)}
	}
	if a.rung == rungUDP && n.cfg.Via.IsValid() {
		ans = onlyCandidate(ans, n.cfg.Via)
	}
	if n.mangleAnswer != nil {
		ans = n.mangleAnswer(ans)
	}
	if err := p.peer.SetAnswer(ans); err != nil {
		return connected{}, fmt.Errorf("set answer: %w", err)
	}
	return connected{conn: p, hello: their, peer: out.peer.Peer}, nil
}

// readAnswer reads the body of a connect answer.
func readAnswer(data []byte) (answer string, h *hello, err error) {
	var body connectAnswer
	if err := readBody(data, &body, "hello", "answer"); err != nil {
		return "", nil, fmt.Errorf("answer: %w", err)
	}
	var d decoder
	if h, err = d.decodeHello(body.Hello); err != nil {
		return "", nil, err
	}
	return body.Answer, h, nil
}

// readBody reads a JSON object that has exactly these keys. The hello in it may be of a newer version and is looked at by itself.
func readBody(data []byte, into any, keys ...string) error {
	have, err := scan(data, maxBody)
	if err != nil {
		return err
	}
	for _, k := range have {
		if !slices.Contains(keys, k) {
			return fmt.Errorf("unknown field %.40q", k)
		}
	}
	if len(have) != len(keys) {
		return errors.New("a field is missing")
	}
	return json.Unmarshal(data, into)
}

// readRefusal reads an error answer.
func readRefusal(resp *http.Response) error {
	r := &refusal{status: resp.StatusCode, code: "http-" + fmt.Sprint(resp.StatusCode), text: resp.Status}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	var body errorBody
	if err == nil && json.Unmarshal(data, &body) == nil && body.Code != "" && len(body.Code) <= 40 {
		r.code, r.text = body.Code, body.Message
	}
	return r
}
