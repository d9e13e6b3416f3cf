package rtsp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// tls trusts whom web browsers trust, or the one certificate whose fingerprint was written down: cameras sign their own.
func (s *stream) tls(u *base.URL) *tls.Config {
	pin := strings.ToLower(strings.ReplaceAll(s.camera.cfg.Fingerprint, ":", ""))
	c := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	// #nosec G402 -- VerifyConnection below checks the certificate, by its fingerprint where one is given
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(st tls.ConnectionState) error {
		sum := sha256.Sum256(st.PeerCertificates[0].Raw)
		got := hex.EncodeToString(sum[:])
		if pin != "" {
			if got == pin {
				return nil
			}
			return &unknownCertificate{got}
		}
		if verify(st, u.Hostname()) != nil {
			return &unknownCertificate{got}
		}
		return nil
	}
	return c
}

// sealed dials a camera's TLS. What answers there otherwise, or not at all, has another scheme or port.
func (s *stream) sealed(u *base.URL) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := tls.Client(raw, s.tls(u))
		shake, cancel := context.WithTimeout(ctx, dialWithin)
		defer cancel()
		if err = c.HandshakeContext(shake); err == nil {
			return c, nil
		}
		raw.Close()
		var no tls.RecordHeaderError
		if errors.As(err, &no) || shake.Err() != nil {
			err = fault(NotUnderstood, "no TLS there")
		}
		return nil, err
	}
}

// verify checks a certificate as a browser would.
func verify(st tls.ConnectionState, host string) error {
	others := x509.NewCertPool()
	for _, c := range st.PeerCertificates[1:] {
		others.AddCert(c)
	}
	_, err := st.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: others})
	return err
}
