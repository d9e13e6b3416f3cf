package backup

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tongke/device/durable"
)

// Inside is a tar: manifest.json, the files in the order of Names, and an empty entry "end", by which a stream that broke off is seen.
const (
	manifestName = "manifest.json"
	endName      = "end"

	maxManifest = 64 << 10
	maxFile     = 1 << 30
)

// Names are the files that can be in a backup, by their place in the data directory. Config is the exception: it comes from /etc, and is
// put back for a person to look at.
var Names = []string{"tongke.db", "identity/box.key", "identity/ca.pem", "identity/server.pem", "admin-password", Config}

// Config is the name of the configuration file in a backup.
const Config = "tongke.toml.restored"

// needed have to be there, or the box is not the same again.
var needed = []string{"tongke.db", "identity/box.key", "identity/ca.pem"}

// Manifest says whose backup it is.
type Manifest struct {
	Version  int       `json:"version"` // 1
	Box      string    `json:"box"`     // id
	Name     string    `json:"name"`
	Alliance string    `json:"alliance,omitempty"`
	Made     time.Time `json:"made"`
	Program  string    `json:"program"`
	URLs     []string  `json:"urls,omitempty"` // where the box answered
}

// File is one file to be packed; Write gives exactly Size bytes.
type File struct {
	Name  string // one of Names
	Size  int64
	Write func(io.Writer) error
}

// Pack writes a stream of everything, not encrypted.
func Pack(w io.Writer, m Manifest, files []File) error {
	m.Version = 1
	doc, err := json.Marshal(m)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	entry := func(name string, size int64, write func(io.Writer) error) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: m.Made, Format: tar.FormatPAX}); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		if err := write(t); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		return nil
	}
	bytes := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(b); return err }
	}
	if err := entry(manifestName, int64(len(doc)), bytes(doc)); err != nil {
		return err
	}
	for _, f := range files {
		if !slices.Contains(Names, f.Name) {
			return fmt.Errorf("%s does not belong into a backup", f.Name)
		}
		if err := entry(f.Name, f.Size, f.Write); err != nil {
			return err
		}
	}
	if err := entry(endName, 0, bytes(nil)); err != nil {
		return err
	}
	return t.Close()
}

// Check reads a stream to its end and reports whether it is whole. A caller that copies it elsewhere on the way gives a TeeReader.
func Check(r io.Reader) (Manifest, error) {
	return walk(r, func(string, io.Reader) error { return nil })
}

// Unpack writes a stream's files into an empty folder, synced, 0600. Nothing in the folder may be used unless it returns nil.
func Unpack(r io.Reader, dir string) (Manifest, error) {
	m, err := walk(r, func(name string, body io.Reader) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, body) // #nosec G110 -- walk bounds it
		if err == nil {
			err = f.Sync()
		}
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return m, err
	}
	for _, d := range []string{filepath.Join(dir, "identity"), dir} {
		if err := durable.SyncFolder(d); err != nil {
			return m, err
		}
	}
	return m, nil
}

// walk goes through a stream: every name once and known, nothing after the end.
func walk(r io.Reader, file func(name string, body io.Reader) error) (m Manifest, err error) {
	t := tar.NewReader(r)
	seen := map[string]bool{}
	for {
		h, err := t.Next()
		if err != nil {
			return m, broken(err)
		}
		switch {
		case h.Typeflag != tar.TypeReg || h.Size < 0 || h.Size > maxFile || seen[h.Name]:
			return m, ErrDamaged
		case h.Name == manifestName:
			if m, err = readManifest(t, h.Size); err != nil {
				return m, err
			}
		case m.Version == 0: // the first entry says what the others are
			return m, ErrDamaged
		case h.Name == endName:
			for _, n := range needed {
				if !seen[n] {
					return m, ErrDamaged
				}
			}
			_, err := io.Copy(io.Discard, r) // the tar's own padding, and the proof of the last chunk
			return m, err
		case !slices.Contains(Names, h.Name):
			return m, ErrDamaged
		default:
			if err := file(h.Name, t); err != nil {
				return m, broken(err)
			}
		}
		seen[h.Name] = true
	}
}

func readManifest(r io.Reader, size int64) (m Manifest, err error) {
	if size > maxManifest {
		return m, ErrDamaged
	}
	doc, err := io.ReadAll(r)
	if err != nil {
		return m, broken(err)
	}
	if json.Unmarshal(doc, &m) != nil || m.Version < 1 {
		return Manifest{}, ErrDamaged
	}
	if m.Version > 1 {
		return m, ErrNewer
	}
	return m, nil
}

// broken tells a stream that ended too soon from one that is no tar.
func broken(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	case errors.Is(err, tar.ErrHeader):
		return ErrDamaged
	}
	return err
}
