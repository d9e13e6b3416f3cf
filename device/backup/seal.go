// Package backup is the one file in which a box's identity and knowledge are carried to another machine: its encryption (this file) and
// what is inside (archive.go). It starts nothing and knows no other part; what to put in is given to it.
//
// # The file
//
//	16 bytes  "tongke-backup 1\n"
//	16 bytes  salt
//	 9 bytes  cost of argon2id: passes (4), memory in KiB (4), lanes (1), big-endian
//	16 bytes  mark: the first bytes of HMAC-SHA256(mark key, all of the above)
//	then chunks of 64 KiB, the last one shorter or as long, each with 16 bytes of Poly1305
//	 4 bytes  "end\n", by which a file that was cut off is told from one that was altered
//
// argon2id (RFC 9106) makes a key of passphrase and salt; HKDF-SHA256 makes of it, by the infos "tongke backup mark 1" and "tongke backup
// body 1" before the header's first 41 bytes, the mark key and the body key. Chunks are ChaCha20-Poly1305 (RFC 8439) under the body key,
// which is used for one file only because the salt is random; the nonce of chunk n is 11 bytes of n, big-endian, and one byte that is 1
// for the last chunk and 0 for the others (the STREAM construction). So a chunk that was altered, moved, left out or cut off at the end
// does not open, and a wrong passphrase is told from a damaged file by the mark.
package backup

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	magic     = "tongke-backup 1\n"
	family    = "tongke-backup "
	saltSize  = 16
	markSize  = 16
	openSize  = len(magic) + saltSize + 9 // what the mark covers
	chunkSize = 64 << 10

	// RFC 9106 §4, the second recommended choice: 64 MiB, three passes, four lanes. On an N100 that is a third of a second for each guess.
	passes = 3
	memory = 64 << 10 // KiB
	lanes  = 4

	trailer = "end\n"

	// What a file may ask of the machine that opens it.
	maxPasses = 16
	maxMemory = 256 << 10
	maxLanes  = 16
)

var (
	// ErrFormat means that the file is no backup.
	ErrFormat = errors.New("this is no backup of a box")
	// ErrNewer means that a newer version of the program wrote it.
	ErrNewer = errors.New("this backup was made by a newer version of tongke")
	// ErrPassphrase means that the passphrase is wrong, or the first bytes of the file are damaged.
	ErrPassphrase = errors.New("the passphrase is wrong")
	// ErrDamaged means that something in the file was altered.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrTruncated means that the end of the file is missing.
	ErrTruncated = errors.New("the end of the backup is missing")
)

type cost struct {
	passes, memory uint32
	lanes          uint8
}

// keys makes the mark key and the body of a header.
func keys(passphrase, header []byte, c cost) (mark []byte, body cipher.AEAD, err error) {
	salt := header[len(magic) : len(magic)+saltSize]
	secret := argon2.IDKey(passphrase, salt, c.passes, c.memory, c.lanes, 32)
	if mark, err = hkdf.Key(sha256.New, secret, nil, "tongke backup mark 1"+string(header), 32); err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "tongke backup body 1"+string(header), chacha20poly1305.KeySize)
	if err != nil {
		return nil, nil, err
	}
	m := hmac.New(sha256.New, mark)
	m.Write(header)
	body, err = chacha20poly1305.New(key)
	return m.Sum(nil)[:markSize], body, err
}

// nonce counts chunks.
type nonce [chacha20poly1305.NonceSize]byte

// next gives the nonce of this chunk and counts.
func (n *nonce) next(last bool) []byte {
	out := *n
	if last {
		out[len(out)-1] = 1
	}
	c := binary.BigEndian.Uint64(n[3:11]) + 1
	binary.BigEndian.PutUint64(n[3:11], c)
	return out[:]
}

// Writer encrypts. Close writes the last chunk; without it the file is of no use.
type Writer struct {
	w     io.Writer
	body  cipher.AEAD
	nonce nonce
	buf   []byte // less than a chunk, or exactly one
	err   error
}

// NewWriter writes the header.
func NewWriter(w io.Writer, passphrase []byte) (*Writer, error) {
	return newWriter(w, passphrase, cost{passes, memory, lanes})
}

func newWriter(w io.Writer, passphrase []byte, c cost) (*Writer, error) {
	header := make([]byte, 0, openSize+markSize)
	header = append(header, magic...)
	header = header[:len(magic)+saltSize]
	if _, err := rand.Read(header[len(magic):]); err != nil {
		return nil, err
	}
	header = binary.BigEndian.AppendUint32(header, c.passes)
	header = binary.BigEndian.AppendUint32(header, c.memory)
	header = append(header, c.lanes)
	mark, body, err := keys(passphrase, header, c)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(header, mark...)); err != nil {
		return nil, err
	}
	return &Writer{w: w, body: body, buf: make([]byte, 0, chunkSize)}, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		if len(w.buf) == chunkSize { // more follows, so it is not the last
			w.flush(false)
			continue
		}
		k := min(len(p), chunkSize-len(w.buf))
		w.buf, p, n = append(w.buf, p[:k]...), p[k:], n+k
	}
	return n, w.err
}

func (w *Writer) flush(last bool) {
	_, w.err = w.w.Write(w.body.Seal(nil, w.nonce.next(last), w.buf, nil))
	w.buf = w.buf[:0]
}

// Close writes what is left as the last chunk.
func (w *Writer) Close() error {
	if w.err == nil {
		w.flush(true)
	}
	if w.err == nil {
		_, w.err = io.WriteString(w.w, trailer)
	}
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("backup: closed")
	return nil
}

// Reader decrypts. It gives out nothing that was not proven, and io.EOF only after the last chunk.
type Reader struct {
	r     io.Reader
	body  cipher.AEAD
	nonce nonce
	have  []byte // proven and not read yet
	ahead []byte // read and not proven yet: whether it is the last is only known when nothing follows
	last  bool
	err   error
}

// NewReader reads the header. Errors: ErrFormat, ErrNewer, ErrTruncated, ErrPassphrase, and those of r.
func NewReader(r io.Reader, passphrase []byte) (*Reader, error) {
	header := make([]byte, openSize+markSize)
	n, err := io.ReadFull(r, header)
	switch {
	case n >= len(magic) && bytes.HasPrefix(header, []byte(family)) && string(header[:len(magic)]) != magic:
		return nil, ErrNewer
	case n < len(magic) || string(header[:len(magic)]) != magic:
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		return nil, ErrFormat
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrTruncated
	case err != nil:
		return nil, err
	}
	at := header[len(magic)+saltSize : openSize]
	c := cost{binary.BigEndian.Uint32(at), binary.BigEndian.Uint32(at[4:]), at[8]}
	if c.passes < 1 || c.passes > maxPasses || c.lanes < 1 || c.lanes > maxLanes || c.memory < 8*uint32(c.lanes) || c.memory > maxMemory {
		return nil, ErrDamaged
	}
	mark, body, err := keys(passphrase, header[:openSize], c)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mark, header[openSize:]) {
		return nil, ErrPassphrase
	}
	return &Reader{r: r, body: body}, nil
}

// Read implements io.Reader. Errors: ErrDamaged, ErrTruncated, and those of the file.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.have) == 0 && r.err == nil {
		r.chunk()
	}
	if len(r.have) == 0 {
		return 0, r.err
	}
	n := copy(p, r.have)
	r.have = r.have[n:]
	return n, nil
}

// chunk proves the next one.
func (r *Reader) chunk() {
	if r.last {
		r.err = io.EOF
		return
	}
	const sealed = chunkSize + chacha20poly1305.Overhead
	block := make([]byte, sealed+len(trailer)+1) // one byte more shows whether anything follows
	n := copy(block, r.ahead)
	k, err := io.ReadFull(r.r, block[n:])
	n += k
	r.last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !r.last {
		r.err = err
		return
	}
	if r.last {
		var whole bool
		if block, whole = bytes.CutSuffix(block[:n], []byte(trailer)); !whole {
			r.err = ErrTruncated
			return
		}
	} else {
		r.ahead, block = block[sealed:], block[:sealed]
	}
	if r.have, err = r.body.Open(nil, r.nonce.next(r.last), block, nil); err != nil {
		r.err = ErrDamaged
	}
}
