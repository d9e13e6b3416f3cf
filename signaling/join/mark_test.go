package join

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"testing"
)

// TestMarks holds the bytes on the wire: both ends of a join may be of different versions. The values were made by Python's hmac.
func TestMarks(t *testing.T) {
	code, err := ParseCode("0123-4567-89AB-CDEF")
	if err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]string{
		childLabel:  "8b8bcd60e28ee9c75f83a941245ceec44fabbe0c4445af81909c9028a635145e",
		parentLabel: "1de910c82c0efa7fa866f08c56560ae8fc40840ccd4bc7468cefd4e9c475a56a",
	} {
		if got := hex.EncodeToString(mark(code.key(), label, code.ID, []byte("{}"))); got != want {
			t.Errorf("%q: %s, want %s", label, got, want)
		}
	}
}

// TestDigits holds what both ends show, which may be of different versions. The values were made by Python's hashlib and hmac.
func TestDigits(t *testing.T) {
	c, p := &x509.Certificate{Raw: []byte("child")}, &x509.Certificate{Raw: []byte("parent")}
	mine, theirs := bytes.Repeat([]byte{1}, nonceSize), bytes.Repeat([]byte{2}, nonceSize)
	if got, want := hex.EncodeToString(pairCommit(c, p, mine)), "9759ba8444094ade1d4d76e0b3b9b9322bfdc0d6a36787d298eb574c40574de2"; got != want {
		t.Errorf("commit %s, want %s", got, want)
	}
	if got, want := pairDigits(c, p, mine, theirs), "267 014"; got != want {
		t.Errorf("digits %s, want %s", got, want)
	}
}
