// Package jointest makes identities of boxes for tests, as package device/identity does for real ones.
package jointest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"tongke/signaling/join"
)

// Box is a box's identity with the two sides of its TLS.
type Box struct {
	join.Identity
	Server *tls.Config // shows the identity certificate and asks for the other's
	Client *tls.Config
}

// New makes a box.
func New(t testing.TB) Box {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "box"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}
	id, _ := idOf(leaf)
	return Box{
		Identity: join.Identity{ID: id, Certificate: leaf, IDOf: idOf, Pin: pin},
		Server:   &tls.Config{Certificates: own, ClientAuth: tls.RequestClientCert},
		Client:   &tls.Config{Certificates: own, InsecureSkipVerify: true},
	}
}

func idOf(c *x509.Certificate) (string, bool) {
	pub, ok := c.PublicKey.(ed25519.PublicKey)
	if !ok {
		return "", false
	}
	sum := sha256.Sum256(pub)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10])), true
}

func pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}
