package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// Protocol is the ALPN name (RFC 7301) by which one box tells another that it is a box. Under it both ends show their identity
// certificates, and http/1.1, offered beside it, is what is agreed on (net/http serves no protocol it does not know). Browsers never offer
// it, so they are never asked for a certificate and see the site CA's.
const Protocol = "tongke-box/1"

// ErrPin means that the other end is not the box that was expected: its identity certificate has another key.
var ErrPin = errors.New("the other end shows another certificate than the one remembered")

// ServerTLS is the configuration of the box's HTTPS port. A box (ALPN Protocol) must show its identity certificate, whose key is thereby
// proven: use PeerID on the request's TLS state. Whether that box is a known one is for the caller to decide.
func (b *Box) ServerTLS() *tls.Config {
	boxes := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{b.cert},
		NextProtos:   []string{"http/1.1"},
		ClientAuth:   tls.RequireAnyClientCert,
		// No resumption between boxes: a ticket would carry an identity past a replaced pin.
		SessionTicketsDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, err := PeerID(&cs)
			return err
		},
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, // ETSI EN 303 645 §5.5
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return b.serverCertificate()
		},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(h.SupportedProtos) > 0 && h.SupportedProtos[0] == Protocol {
				return boxes, nil
			}
			return nil, nil
		},
	}
}

// ClientTLS is the configuration for dialling another box: both identity certificates are shown, and the other's key must have this pin.
// An empty pin takes any box (join, which proves the certificate by the invitation's code).
func (b *Box) ClientTLS(pin string) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{b.cert},
		NextProtos:   []string{Protocol, "http/1.1"},
		// No public authority knows a box and its clock may be wrong: the pinned key is the whole proof.
		InsecureSkipVerify: true, // #nosec G402 -- VerifyConnection below pins
		VerifyConnection: func(cs tls.ConnectionState) error {
			if _, err := PeerID(&cs); err != nil {
				return err
			}
			if pin != "" && Pin(cs.PeerCertificates[0]) != pin {
				return ErrPin
			}
			return nil
		},
	}
}

// PeerID is the box id of the other end of a connection between boxes. Its key was proven by the handshake.
func PeerID(cs *tls.ConnectionState) (string, error) {
	if cs == nil || len(cs.PeerCertificates) == 0 {
		return "", errors.New("no identity certificate was shown")
	}
	id, ok := IDOf(cs.PeerCertificates[0])
	if !ok {
		return "", errors.New("the certificate shown is not a box's identity certificate")
	}
	return id, nil
}

// Trust is a pool with the site CA, for clients of this box's HTTPS port that are not boxes (tests, the command line).
func (b *Box) Trust() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(b.ca.Leaf)
	return pool
}

// String names the box in logs.
func (b *Box) String() string { return fmt.Sprintf("box %s", b.id) }
