package backup

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var cheap = cost{1, 64, 1}

func seal(t testing.TB, passphrase string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newWriter(&out, []byte(passphrase), cheap)
	if err != nil {
		t.Fatal(err)
	}
	for len(body) > 0 { // in odd pieces
		n := min(len(body), 9999)
		if _, err := w.Write(body[:n]); err != nil {
			t.Fatal(err)
		}
		body = body[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("written after the end")
	}
	return out.Bytes()
}

func open(passphrase string, file []byte) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(file), []byte(passphrase))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestSealing(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 3*chunkSize + 7} {
		body := bytes.Repeat([]byte{7}, size)
		file := seal(t, "long enough words", body)
		if got, err := open("long enough words", file); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
		if _, err := open("other words", file); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%d bytes, another passphrase: %v", size, err)
		}
	}
	if bytes.Equal(seal(t, "a", nil), seal(t, "a", nil)) {
		t.Error("two files are the same")
	}
}

// TestEveryFault alters and cuts a file everywhere it matters: an error with a name each time, and never a wrong byte.
func TestEveryFault(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 3*chunkSize/10)
	file := seal(t, "p", body)
	named := []error{ErrFormat, ErrNewer, ErrPassphrase, ErrDamaged, ErrTruncated}
	check := func(what string, at int, file []byte) {
		t.Helper()
		got, err := open("p", file)
		ok := false
		for _, n := range named {
			ok = ok || errors.Is(err, n)
		}
		if !ok || !bytes.HasPrefix(body, got) {
			t.Errorf("%s at %d: %d bytes, %v", what, at, len(got), err)
		}
	}
	step := 1
	for at := 0; at < len(file); at += step {
		bad := bytes.Clone(file)
		bad[at] ^= 0x40
		if at < len(magic)+saltSize || at >= openSize { // a flipped bit of the cost asks for more than a test should take
			check("altered", at, bad)
		}
		if at >= openSize+markSize && at < len(file)-len(trailer) {
			if _, err := open("p", bad); !errors.Is(err, ErrDamaged) {
				t.Errorf("altered at %d: %v", at, err)
			}
		}
		if cut := file[:at]; at >= openSize+markSize {
			if _, err := open("p", cut); !errors.Is(err, ErrTruncated) {
				t.Errorf("cut at %d: %v", at, err)
			}
		} else {
			check("cut", at, cut)
		}
		if at >= openSize+markSize {
			step = 4999
		}
	}
	sealed := chunkSize + 16
	first := openSize + markSize
	check("chunks exchanged", first, bytes.Join([][]byte{file[:first], file[first+sealed : first+2*sealed], file[first : first+sealed], file[first+2*sealed:]}, nil))
	check("a chunk left out", first, append(bytes.Clone(file[:first]), file[first+sealed:]...))
	check("more behind", len(file), append(bytes.Clone(file), 1, 2, 3))
	if _, err := open("p", []byte("tongke-backup 2\nwhatever it is then, it is longer than the header of today, by far and wide, and then some")); !errors.Is(err, ErrNewer) {
		t.Errorf("newer: %v", err)
	}
	if _, err := open("p", []byte("PK\x03\x04")); !errors.Is(err, ErrFormat) {
		t.Errorf("a zip: %v", err)
	}
	greedy := bytes.Clone(file)
	greedy[len(magic)+saltSize+4] = 0xff // 4 TiB of memory
	if _, err := open("p", greedy); !errors.Is(err, ErrDamaged) {
		t.Errorf("greedy: %v", err)
	}
}

func file(name, text string) File {
	return File{name, int64(len(text)), func(w io.Writer) error { _, err := io.WriteString(w, text); return err }}
}

func TestPacking(t *testing.T) {
	m := Manifest{Box: "b", Name: "核心校", Made: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	whole := []File{file("tongke.db", "db"), file("identity/box.key", "key"), file("identity/ca.pem", "ca"), file("admin-password", "")}
	var b bytes.Buffer
	if err := Pack(&b, m, whole); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	got, err := Unpack(bytes.NewReader(b.Bytes()), dir)
	if err != nil || got.Box != "b" || got.Name != "核心校" || got.Version != 1 || !got.Made.Equal(m.Made) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, f := range whole {
		st, err := os.Stat(filepath.Join(dir, f.Name))
		if err != nil || st.Size() != f.Size || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name, st, err)
		}
	}
	for n := 0; n < b.Len()-1024; n += 100 { // a tar's last two blocks are nothing
		if _, err := Check(bytes.NewReader(b.Bytes()[:n])); !errors.Is(err, ErrTruncated) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for name, files := range map[string][]File{
		"no key":    {file("tongke.db", "db"), file("identity/ca.pem", "ca")},
		"the same":  {file("tongke.db", "db"), file("tongke.db", "db")},
		"only half": nil,
	} {
		var b bytes.Buffer
		if err := Pack(&b, m, files); err != nil {
			t.Fatal(err)
		}
		if _, err := Unpack(&b, t.TempDir()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Pack(io.Discard, m, []File{file("../etc/passwd", "x")}); err == nil {
		t.Error("packed another file")
	}
	bad := bytes.ReplaceAll(b.Bytes(), []byte("admin-password"), []byte("../../tmp/evil")) // its checksum is wrong too
	if _, err := Unpack(bytes.NewReader(bad), t.TempDir()); err == nil {
		t.Error("unpacked another file")
	}
	if strings.Contains(b.String(), "evil") {
		t.Error("the test changed its own bytes")
	}
}

func FuzzReader(f *testing.F) {
	var inside bytes.Buffer
	if err := Pack(&inside, Manifest{Box: "b"}, []File{file("tongke.db", "db"), file("identity/box.key", "key"), file("identity/ca.pem", "ca")}); err != nil {
		f.Fatal(err)
	}
	f.Add(seal(f, "p", inside.Bytes()))
	f.Add([]byte(magic))
	f.Add(inside.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > openSize && bytes.HasPrefix(b, []byte(magic)) {
			copy(b[len(magic)+saltSize:], []byte{0, 0, 0, 1, 0, 0, 0, 64, 1}) // a cost that lets many be tried
		}
		if r, err := NewReader(bytes.NewReader(b), []byte("p")); err == nil {
			_, _ = Check(r)
		}
		_, _ = Check(bytes.NewReader(b))
	})
}
