// Package identity makes and keeps what a box proves itself with: the box key and its certificate towards other boxes, and the site CA
// with a server certificate towards browsers.
//
// It owns the folder "identity" under the data directory:
//
//	box.key   Ed25519, PKCS #8. The box itself: its id is derived from it. Losing it makes the box a stranger to its parent.
//	ca.pem    ECDSA P-256 key and certificate of the site CA, 0600.
//	ca.crt    the CA's certificate alone, to be installed in browsers; rewritten when it is not that of ca.pem.
//	server.pem  key and certificate for browsers, issued by the CA; issued anew whenever it does not fit.
//
// Files are written beside, synced and renamed, so a kill at any instant leaves the old file or the new one. What cannot be made again
// (box.key, ca.pem) is never replaced when it is damaged: Open says which file and what to do. Nothing here starts a goroutine.
package identity

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tongke/device/durable"
)

const (
	folder     = "identity"
	boxKeyFile = "box.key"
	caFile     = "ca.pem"
	caCertFile = "ca.crt"
	serverFile = "server.pem"
)

// crockford is Crockford's base32 alphabet in lower case: no i, l, o, u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// The identity certificate and the CA are valid in any clock a box may wake up with (no battery: often 1970 or the image's build date;
// those who check this certificate pin the key and ignore its dates).
var (
	longAgo   = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	farFuture = time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Box is the identity of one box. Its methods may be used from any goroutine.
type Box struct {
	dir  string // .../identity
	id   string
	key  ed25519.PrivateKey
	cert tls.Certificate // self-signed with key

	ca tls.Certificate

	mu       sync.Mutex
	name     string
	server   tls.Certificate
	looked   time.Time // when the addresses were last compared with the server certificate
	reissued int       // how often the server certificate was issued by this process

	now       func() time.Time
	addresses func() []string
}

// Open reads the identity under dataDir and makes what is not there yet. name is the box's name ("" = DefaultName), one of the names in
// the server certificate.
func Open(dataDir, name string) (*Box, error) {
	b := &Box{dir: filepath.Join(dataDir, folder), name: name, now: time.Now, addresses: hostAddresses}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Box) open() error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return fmt.Errorf("data directory cannot be written: %w", err)
	}
	if err := removeHalfFiles(b.dir); err != nil {
		return fmt.Errorf("data directory cannot be written: %w", err)
	}
	if err := b.openKey(); err != nil {
		return err
	}
	if b.name == "" {
		b.name = b.DefaultName()
	}
	if err := b.openCA(); err != nil {
		return err
	}
	_, err := b.serverCertificate()
	return err
}

func (b *Box) openKey() error {
	path := filepath.Join(b.dir, boxKeyFile)
	key, err := readOrMake(path, "box key", "put the file back from a backup, or delete it and invite this box again", parseBoxKey, makeBoxKey)
	if err != nil {
		return err
	}
	b.key = key
	pub := key.Public().(ed25519.PublicKey)
	b.id = ID(pub)
	// Ed25519 signatures are deterministic (RFC 8032 §5.1.6), so the same key gives the same certificate at every start and it needs no file.
	sum := sha256.Sum256(pub)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(sum[:16]),
		Subject:      pkix.Name{CommonName: b.id},
		NotBefore:    longAgo,
		NotAfter:     farFuture,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:     []string{b.id},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return fmt.Errorf("make identity certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("make identity certificate: %w", err)
	}
	b.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return nil
}

// ID is the box id of a public key: lower-case Crockford base32 of the first 10 bytes of its SHA-256; 16 characters.
func ID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	var s strings.Builder
	for i := 0; i < 10; i += 5 {
		v := uint64(sum[i])<<32 | uint64(sum[i+1])<<24 | uint64(sum[i+2])<<16 | uint64(sum[i+3])<<8 | uint64(sum[i+4])
		for shift := 35; shift >= 0; shift -= 5 {
			s.WriteByte(crockford[v>>shift&31])
		}
	}
	return s.String()
}

// IDOf is the box id of a certificate, and whether it is a box's identity certificate: Ed25519 and signed by its own key. The dates are
// not looked at.
func IDOf(c *x509.Certificate) (string, bool) {
	pub, ok := c.PublicKey.(ed25519.PublicKey)
	if !ok || c.SignatureAlgorithm != x509.PureEd25519 || !ed25519.Verify(pub, c.RawTBSCertificate, c.Signature) {
		return "", false
	}
	return ID(pub), true
}

// Pin is what a box remembers another by: base64url of the SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469 §2.4 has the same
// hash in another alphabet). It outlives a new certificate for the same key.
func Pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ID is this box's id.
func (b *Box) ID() string { return b.id }

// DefaultName is the name of a box that was given none: "tk-" and the first four characters of its id.
func (b *Box) DefaultName() string { return "tk-" + b.id[:4] }

// Key is the box key, for signatures and for DTLS.
func (b *Box) Key() ed25519.PrivateKey { return b.key }

// Signer is the box key as the standard library's interface.
func (b *Box) Signer() crypto.Signer { return b.key }

// Certificate is the identity certificate with its key, shown to other boxes.
func (b *Box) Certificate() tls.Certificate { return b.cert }

// Pin is the pin of the box key.
func (b *Box) Pin() string { return Pin(b.cert.Leaf) }

func makeBoxKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return encodeKey(key)
}

func parseBoxKey(data []byte) (ed25519.PrivateKey, error) {
	key, _, err := parsePEM(data)
	if err != nil {
		return nil, err
	}
	k, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("is not an Ed25519 key")
	}
	return k, nil
}

func encodeKey(key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// parsePEM reads one PKCS #8 key and any certificates.
func parsePEM(data []byte) (key any, certs []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch block.Type {
		case "PRIVATE KEY":
			if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
				return nil, nil, err
			}
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, err
			}
			certs = append(certs, c)
		}
	}
	if key == nil {
		return nil, nil, errors.New("holds no private key")
	}
	return key, certs, nil
}

// readOrMake reads a file that cannot be made again once others know it, or makes it the first time. A file that is there and cannot be
// understood is an error with its cure, never replaced.
func readOrMake[T any](path, what, cure string, parse func([]byte) (T, error), create func() ([]byte, error)) (T, error) {
	var zero T
	data, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = create(); err != nil {
			return zero, fmt.Errorf("make %s: %w", what, err)
		}
		if err = durable.WriteFile(path, data, 0o600); err != nil {
			return zero, fmt.Errorf("write %s: %w", what, err)
		}
	}
	if err != nil {
		return zero, fmt.Errorf("read %s: %w", what, err)
	}
	v, err := parse(data)
	if err != nil {
		return zero, fmt.Errorf("the %s in %s is damaged (%w): %s", what, path, err, cure)
	}
	return v, nil
}

// ReadID reads the id of the box in a data directory and changes nothing there.
func ReadID(dataDir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dataDir, folder, boxKeyFile))
	if err != nil {
		return "", err
	}
	key, err := parseBoxKey(data)
	if err != nil {
		return "", fmt.Errorf("box key: %w", err)
	}
	return ID(key.Public().(ed25519.PublicKey)), nil
}

// Check reads an identity as Open does, makes nothing, and reports what is wrong with it.
func Check(dataDir string) (id string, err error) {
	if id, err = ReadID(dataDir); err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(dataDir, folder, caFile))
	if err != nil {
		return "", err
	}
	if _, err := parsePair(data); err != nil {
		return "", fmt.Errorf("site CA: %w", err)
	}
	return id, nil
}
