package rtc

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"tongke/media/udp"
)

// TestEndpoints connects clients that can reach one port of four only, as behind a firewall that lets 443 out.
func TestEndpoints(t *testing.T) {
	var cfg Config
	ports := map[string]int{}
	for i := range 2 {
		conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[fmt.Sprintf("udp %d", i)] = conn.LocalAddr().(*net.UDPAddr).Port
		ports[fmt.Sprintf("tcp %d", i)] = ln.Addr().(*net.TCPAddr).Port
		if i == 0 {
			cfg.UDP, cfg.TCP = conn, ln
		} else {
			cfg.More = append(cfg.More, Endpoint{conn, ln})
		}
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	for name, port := range ports {
		t.Run(name, func(t *testing.T) {
			network, _, _ := strings.Cut(name, " ")
			pc := oneNetwork(t, network)
			offer := withoutCandidates(offerOf(t, pc), func(string) bool { return false }) // so only the client tries paths
			p, answer, err := e.Send(context.Background(), offer, SendOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(answer, "a=candidate:"); n != len(ports) {
				t.Errorf("%d candidates, want %d:\n%s", n, len(ports), answer)
			}
			accept(t, pc, withoutCandidates(answer, func(line string) bool { return strings.Contains(line, fmt.Sprintf(" %d typ", port)) }))
			eventually(t, "connected", func() bool { return isConnected(pc)() && p.State() == Connected })
			if path, ok := p.Path(); !ok || path.Network != network {
				t.Errorf("path %+v, %v", path, ok)
			}
		})
	}
}

// TestEndpointsCloseUnused closes an engine that never made a peer.
func TestEndpointsCloseUnused(t *testing.T) {
	var conns []*udp.Conn
	for range 2 {
		conn, err := udp.Listen("127.0.0.1:0", udp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	e, err := New(Config{UDP: conns[0], More: []Endpoint{{UDP: conns[1]}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range conns {
		again, err := udp.Listen(c.LocalAddr().String(), udp.Options{})
		if err != nil {
			t.Errorf("%v is still open: %v", c.LocalAddr(), err)
			continue
		}
		again.Close()
	}
}

// oneNetwork is a plain pion subscriber that knows udp or tcp only.
func oneNetwork(t *testing.T, network string) *webrtc.PeerConnection {
	t.Helper()
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if network == "tcp" {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.GracefulClose() })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	return pc
}

// withoutCandidates leaves out the candidates that keep does not want.
func withoutCandidates(sdp string, keep func(line string) bool) string {
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") || keep(line) {
			out.WriteString(line)
		}
	}
	return out.String()
}
