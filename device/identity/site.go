package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tongke/device/durable"
)

const (
	// Browsers refuse server certificates that live longer than 398 days; 30 days of the past are for laptops whose clock is late.
	serverPast   = 30 * 24 * time.Hour
	serverFuture = 365 * 24 * time.Hour
	serverRenew  = 60 * 24 * time.Hour // issued anew when less than this is left

	lookEvery    = 10 * time.Second // how often a handshake looks whether the addresses changed
	maxAddresses = 64               // in one certificate
)

// clockFloor is the earliest time that the box believes: a clock before it was never set.
var clockFloor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (b *Box) openCA() error {
	path := filepath.Join(b.dir, caFile)
	cure := "put the file back from a backup, or delete it together with " + serverFile + "; browsers that trusted this site must then trust it again"
	ca, err := readOrMake(path, "site CA", cure, parsePair, b.makeCA)
	if err != nil {
		return err
	}
	b.ca = ca
	public := encodeCertificate(ca.Certificate[0])
	path = filepath.Join(b.dir, caCertFile)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, public) {
		return nil
	}
	if err := durable.WriteFile(path, public, 0o644); err != nil {
		return fmt.Errorf("write site CA certificate: %w", err)
	}
	return nil
}

// CACertificate is the site CA's certificate in PEM, for a person to install in a browser.
func (b *Box) CACertificate() []byte { return encodeCertificate(b.ca.Certificate[0]) }

func (b *Box) makeCA() ([]byte, error) {
	return makePair(func(serial *big.Int) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber:          serial,
			Subject:               pkix.Name{CommonName: "tongke site CA " + b.id[:8], Organization: []string{"tongke"}},
			NotBefore:             longAgo,
			NotAfter:              farFuture,
			IsCA:                  true,
			BasicConstraintsValid: true,
			MaxPathLenZero:        true, // it signs servers, no further authorities
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		}
	}, nil, nil)
}

// makePair makes a key (or takes the given one) and a certificate signed by ca (nil: by itself), in one file so that the two never differ.
func makePair(template func(serial *big.Int) *x509.Certificate, key *ecdsa.PrivateKey, ca *tls.Certificate) ([]byte, error) {
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, err
	}
	serial[0] = serial[0]&0x7f | 0x40 // RFC 5280 §4.1.2.2: positive, and never short
	t := template(new(big.Int).SetBytes(serial))
	parent, signer := t, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return append(keyPEM, encodeCertificate(der)...), nil
}

func parsePair(data []byte) (tls.Certificate, error) {
	key, certs, err := parsePEM(data)
	if err != nil {
		return tls.Certificate{}, err
	}
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return tls.Certificate{}, errors.New("is not an ECDSA key")
	}
	if len(certs) != 1 {
		return tls.Certificate{}, fmt.Errorf("holds %d certificates instead of one", len(certs))
	}
	if !k.PublicKey.Equal(certs[0].PublicKey) {
		return tls.Certificate{}, errors.New("key and certificate do not belong together")
	}
	return tls.Certificate{Certificate: [][]byte{certs[0].Raw}, PrivateKey: k, Leaf: certs[0]}, nil
}

// SetName changes the box's name in the server certificate.
func (b *Box) SetName(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.name, b.looked = name, time.Time{}
}

// serverCertificate gives the certificate for browsers and issues a new one when the present one does not fit: an address or name is
// missing in it, it nears its end, or the clock stands before its beginning. An address that went away is left in it, since a browser
// asks its user again about every new certificate. The key stays.
func (b *Box) serverCertificate() (*tls.Certificate, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if now.Before(clockFloor) {
		now = clockFloor
	}
	if b.server.Leaf != nil && inTime(b.server.Leaf, now) && now.Sub(b.looked).Abs() < lookEvery {
		c := b.server
		return &c, nil
	}
	b.looked = now
	names := b.wantedNames()
	if b.server.Leaf == nil {
		b.readServer()
	}
	if b.server.Leaf == nil || !inTime(b.server.Leaf, now) || !covers(b.server.Leaf, names) {
		if err := b.issue(now, names); err != nil {
			if b.server.Leaf == nil {
				return nil, err
			}
			b.looked = now // an older certificate is better than none; the next look tries again
		}
	}
	c := b.server
	return &c, nil
}

// readServer takes the certificate of an earlier run. One that is damaged or of another CA is simply not taken: it can be made again.
func (b *Box) readServer() {
	data, err := readPrivate(filepath.Join(b.dir, serverFile))
	if err != nil {
		return
	}
	pair, err := parsePair(data)
	if err != nil || pair.Leaf.CheckSignatureFrom(b.ca.Leaf) != nil {
		return
	}
	b.server = b.withChain(pair)
}

func (b *Box) withChain(pair tls.Certificate) tls.Certificate {
	pair.Certificate = [][]byte{pair.Leaf.Raw, b.ca.Leaf.Raw}
	return pair
}

func (b *Box) issue(now time.Time, names []string) error {
	var key *ecdsa.PrivateKey
	if b.server.Leaf != nil {
		key, _ = b.server.PrivateKey.(*ecdsa.PrivateKey)
	}
	data, err := makePair(func(serial *big.Int) *x509.Certificate {
		t := &x509.Certificate{
			SerialNumber:          serial,
			Subject:               pkix.Name{CommonName: "tongke box " + b.id[:8]},
			NotBefore:             now.Add(-serverPast),
			NotAfter:              now.Add(serverFuture),
			KeyUsage:              x509.KeyUsageDigitalSignature,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			BasicConstraintsValid: true,
		}
		for _, n := range names {
			if ip := net.ParseIP(n); ip != nil {
				t.IPAddresses = append(t.IPAddresses, ip)
			} else {
				t.DNSNames = append(t.DNSNames, n)
			}
		}
		return t
	}, key, &b.ca)
	if err != nil {
		return fmt.Errorf("issue server certificate: %w", err)
	}
	pair, err := parsePair(data)
	if err != nil {
		return fmt.Errorf("issue server certificate: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(b.dir, serverFile), data, 0o600); err != nil && b.server.Leaf == nil {
		return fmt.Errorf("write server certificate: %w", err)
	} // with a full disk the new one is served from memory
	b.server = b.withChain(pair)
	b.reissued++
	return nil
}

func inTime(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && now.Add(serverRenew).Before(c.NotAfter)
}

func covers(c *x509.Certificate, names []string) bool {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			if !slices.ContainsFunc(c.IPAddresses, ip.Equal) {
				return false
			}
		} else if !slices.Contains(c.DNSNames, n) {
			return false
		}
	}
	return true
}

func (b *Box) wantedNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1", b.DefaultName(), b.DefaultName() + ".local"}
	add := func(n string) {
		if n = strings.ToLower(n); dnsName(n) {
			names = append(names, n)
			if !strings.Contains(n, ".") {
				names = append(names, n+".local") // multicast DNS (RFC 6762)
			}
		}
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	add(b.name) // names in Chinese are for people; a certificate cannot carry them
	addresses := b.addresses()
	slices.Sort(addresses) // which 64 is then the same each time
	if len(addresses) > maxAddresses {
		addresses = addresses[:maxAddresses]
	}
	names = append(names, addresses...)
	slices.Sort(names)
	return slices.Compact(names)
}

func dnsName(s string) bool {
	if s == "" || len(s) > 253 || net.ParseIP(s) != nil {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// hostAddresses lists the addresses a browser can put into its address bar: link-local IPv6 needs a zone, which URLs do not carry.
func hostAddresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []string
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if ok && !n.IP.IsLinkLocalUnicast() && !n.IP.IsMulticast() && !n.IP.IsUnspecified() {
			out = append(out, n.IP.String())
		}
	}
	return out
}

// Fingerprint is the SHA-256 of the certificate's bytes, as join proves it.
func Fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }
