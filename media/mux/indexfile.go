package mux

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
)

// IndexName is the file beside the segments that keeps the index. It may be removed at any time.
const IndexName = "index" + journal.DerivedMark

// The file: magic with a version, which rises with every change of what is laid out, the stamp of the journal, a CRC-32C of what follows, then uvarints: what of the journal is damaged, the streams and their fragments. A file of
// another version, of another journal, or damaged, is made anew.
var indexMagic = [8]byte{'t', 'k', 'i', 'n', 'd', 'e', 'x', 4}

// maxIndex bounds what is read: a day of eight voices and four pictures is 50 MB.
const maxIndex = 256 << 20

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errIndex   = errors.New("index does not fit")
)

// stamp says what a journal consists of. A segment has an id in its header that is never used twice, so an equal stamp is the same content; and
// where somebody wrote into a segment, by its time.
type stamp struct {
	segments [32]byte
	erased   [32]byte // what was taken out, and which segments are not the first ones
}

// headerBytes of a segment hold its id.
const headerBytes = 128

func stampOf(r *journal.Reader) (stamp, error) {
	var s stamp
	entries, err := os.ReadDir(r.Dir())
	if err != nil {
		return s, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".seg") {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	all := sha256.New()
	for _, n := range names {
		if err := stampSegment(all, filepath.Join(r.Dir(), n)); err != nil {
			return s, err
		}
	}
	all.Sum(s.segments[:0])
	gone := sha256.New()
	for _, e := range r.Erased() {
		fmt.Fprintf(gone, "%d %d %q %q\n", e.From, e.To, e.Origin, e.Source)
	}
	gone.Sum(s.erased[:0])
	return s, nil
}

func stampSegment(w io.Writer, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) { // let go just now
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, headerBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	fmt.Fprintf(w, "%s %d %d %x\n", filepath.Base(path), st.Size(), st.ModTime().UnixNano(), head[:n])
	return nil
}

// save writes the index beside the journal, whole or not at all. It is not synced: a torn one does not fit its sum.
func save(dir string, s stamp, damage []Gap, streams []*stream) (err error) {
	body := append(encodeDamage(damage), encodeIndex(streams)...)
	head := append(indexMagic[:], s.segments[:]...)
	head = append(head, s.erased[:]...)
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(body, castagnoli))
	f, err := os.CreateTemp(dir, IndexName+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(head)
	if err == nil {
		_, err = f.Write(body)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, IndexName))
}

// load reads the index of a journal; false when there is none that fits.
func load(dir string, s stamp) ([]Gap, []*stream, bool) {
	f, err := os.Open(filepath.Join(dir, IndexName))
	if err != nil {
		return nil, nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return nil, nil, false
	}
	damage, streams, err := decodeIndex(data, s)
	return damage, streams, err == nil
}

func encodeDamage(damage []Gap) []byte {
	b := binary.AppendUvarint(nil, uint64(len(damage)))
	for _, g := range damage {
		b = appendBytes(appendVarint(appendVarint(b, int64(g.From)), int64(g.To)), []byte(g.Why))
		b = appendBytes(b, []byte(g.Source))
	}
	return b
}

func decodeDamage(b []byte) (damage []Gap, rest []byte, err error) {
	r := tableReader{b: b}
	for n := r.uvarint(); n > 0 && !r.short; n-- {
		damage = append(damage, Gap{From: time.Duration(r.varint()), To: time.Duration(r.varint()), Why: string(r.bytes()), Source: string(r.bytes())})
	}
	if r.short {
		return nil, nil, errIndex
	}
	return damage, r.b, nil
}

func encodeIndex(streams []*stream) []byte {
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(streams)))
	for _, s := range streams {
		for _, t := range []string{s.name, s.source, s.campus, s.room} {
			b = appendBytes(b, []byte(t))
		}
		b = append(b, byte(s.codec), bit(s.webm)|bit(s.varied)<<1)
		b = s.largest.append(s.parameters.append(b))
		b = binary.AppendUvarint(b, uint64(len(s.gaps)))
		for _, g := range s.gaps {
			b = append(appendVarint(appendVarint(b, int64(g.from)), int64(g.to)), bit(g.lost))
		}
		b = binary.AppendUvarint(b, uint64(len(s.fragments)))
		for i := range s.fragments {
			b = s.fragments[i].append(b)
		}
	}
	return b
}

func (p parameters) append(b []byte) []byte {
	b = appendBytes(appendBytes(b, p.SPS), p.PPS)
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.Width)), uint64(p.Height))
}

func (r *tableReader) parameters() parameters {
	return parameters{SPS: r.bytes(), PPS: r.bytes(), Width: int(r.uvarint() & 0xffff), Height: int(r.uvarint() & 0xffff)}
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func (f *fragment) append(b []byte) []byte {
	b = append(b, bit(f.gap)|bit(f.continues)<<1)
	for _, v := range []int64{f.at, f.duration, int64(f.count), int64(f.bytes), int64(f.size), int64(f.track), int64(f.from), int64(f.to - f.from)} {
		b = appendVarint(b, v)
	}
	return appendBytes(b, f.table)
}

// decodeIndex reads a whole file. The tables stay slices of it.
func decodeIndex(data []byte, want stamp) ([]Gap, []*stream, error) {
	const head = 8 + 64 + 4
	if len(data) < head || [8]byte(data) != indexMagic || [32]byte(data[8:]) != want.segments || [32]byte(data[40:]) != want.erased {
		return nil, nil, errIndex
	}
	body := data[head:]
	if binary.LittleEndian.Uint32(data[head-4:]) != crc32.Checksum(body, castagnoli) {
		return nil, nil, errIndex
	}
	damage, body, err := decodeDamage(body)
	if err != nil {
		return nil, nil, err
	}
	streams, err := decodeStreams(body)
	return damage, streams, err
}

func decodeStreams(body []byte) ([]*stream, error) {
	r := tableReader{b: body}
	var out []*stream
	for n := r.uvarint(); n > 0 && !r.short; n-- {
		s := &stream{chosen: true}
		for _, t := range []*string{&s.name, &s.source, &s.campus, &s.room} {
			*t = string(r.bytes())
		}
		s.codec = codec.Codec(r.byte())
		flags := r.byte()
		s.webm, s.varied = flags&1 != 0, flags&2 != 0
		s.parameters, s.largest = r.parameters(), r.parameters()
		for n := r.uvarint(); n > 0 && !r.short; n-- {
			s.gaps = append(s.gaps, gap{time.Duration(r.varint()), time.Duration(r.varint()), r.byte() == 1})
		}
		for n := r.uvarint(); n > 0 && !r.short; n-- {
			flags := r.byte()
			f := fragment{gap: flags&1 != 0, continues: flags&2 != 0}
			f.at, f.duration, f.count, f.bytes, f.size = r.varint(), r.varint(), int(r.varint()), int(r.varint()), int(r.varint())
			f.track, f.from = uint16(r.varint()), time.Duration(r.varint())
			f.to = f.from + time.Duration(r.varint())
			f.table = r.bytes()
			if f.count < 0 || f.bytes < 0 || f.at < 0 || f.duration < 0 || f.count > maxSamples || f.bytes > 2*fragmentBytes {
				return nil, errIndex
			}
			s.fragments = append(s.fragments, f)
		}
		if r.short || s.codec == codec.H264 && (len(s.parameters.SPS) < 4 || len(s.largest.SPS) < 4) || s.codec.String() == "none" || s.codec == codec.RED {
			return nil, errIndex
		}
		out = append(out, s)
	}
	if r.short || len(r.b) > 0 {
		return nil, errIndex
	}
	return out, nil
}
