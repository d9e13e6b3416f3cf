package library

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"tongke/media/durable"
)

// FileName is the catalogue's name in the data directory.
const FileName = "library.db"

// The buckets and keys of library.db. Another version is thrown away and made anew: nothing in it is the only copy.
var (
	bucketEntries = []byte("recordings") // by id
	bucketState   = []byte("state")
	keyVersion    = []byte("version")
	keyAged       = []byte("aged")
	keyDeleting   = []byte("deleting") // the deletion that is being done

	catalogueVersion = []byte("1")
)

// lockWait is how long a second opener waits for the first.
const lockWait = 500 * time.Millisecond

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is an entry with what tells that it must be looked at again.
type record struct {
	Entry Entry     `json:"entry"`
	Stamp time.Time `json:"stamp"` // of the recording's folder when the entry was made
	Deep  time.Time `json:"deep"`  // of its newest segment then

	looked time.Time // when that was; of running lessons only
}

// catalogue is library.db: a copy of what the journals and the marks beside them say, so that a list needs no journal.
type catalogue struct{ db *bolt.DB }

// openCatalogue opens the file, or makes a new one where there is none or it is damaged; fresh says so.
func openCatalogue(dir string, log *slog.Logger) (c *catalogue, fresh bool, err error) {
	path := filepath.Join(dir, FileName)
	switch err := sound(path); {
	case err == nil:
		db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
		return &catalogue{db}, false, err
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, false, fmt.Errorf("another process has %s open: %w", path, err)
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("catalogue of recordings is damaged and made anew from the recordings", "err", err)
	}
	c, err = makeCatalogue(path)
	return c, true, err
}

// sound says what is wrong with the file. It is read without writing and with care: a page beyond its end would end the process.
func sound(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		if tx.Size() > st.Size() {
			return fmt.Errorf("%d bytes of %d", st.Size(), tx.Size())
		}
		for err = range tx.Check() { // all of them: the checker waits for its reader
		}
		if err != nil {
			return err
		}
		state := tx.Bucket(bucketState)
		if state == nil || tx.Bucket(bucketEntries) == nil || string(state.Get(keyVersion)) != string(catalogueVersion) {
			return errors.New("of another version")
		}
		return nil
	})
}

// makeCatalogue makes an empty file beside its place and renames it when it is whole.
func makeCatalogue(path string) (*catalogue, error) {
	half := path + ".half"
	if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	db, err := bolt.Open(half, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucket(bucketEntries); err != nil {
			return err
		}
		state, err := tx.CreateBucket(bucketState)
		if err != nil {
			return err
		}
		return state.Put(keyVersion, catalogueVersion)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("make catalogue: %w", err)
	}
	if err := durable.Rename(half, path); err != nil {
		return nil, fmt.Errorf("make catalogue: %w", err)
	}
	db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	return &catalogue{db}, err
}

// Values are JSON behind its CRC-32C: a page that fits the tree may still hold other bytes.
func seal(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, castagnoli)), data...), nil
}

func unseal(data []byte, v any) error {
	if len(data) < 4 || crc32.Checksum(data[4:], castagnoli) != binary.BigEndian.Uint32(data) {
		return errors.New("damaged record")
	}
	return json.Unmarshal(data[4:], v)
}

// load reads everything; damaged records are left out, and made again by whoever looks at the folders.
func (c *catalogue) load() (records map[string]record, a aged, err error) {
	records = map[string]record{}
	err = c.db.View(func(tx *bolt.Tx) error {
		if data := tx.Bucket(bucketState).Get(keyAged); data != nil {
			if unseal(data, &a) != nil {
				a = aged{}
			}
		}
		return tx.Bucket(bucketEntries).ForEach(func(k, v []byte) error {
			var r record
			if unseal(v, &r) == nil && r.Entry.ID == string(k) {
				records[string(k)] = r
			}
			return nil
		})
	})
	return records, a, err
}

func (c *catalogue) put(r record) error { return c.write(bucketEntries, []byte(r.Entry.ID), r) }

func (c *catalogue) putAged(a aged) error { return c.write(bucketState, keyAged, a) }

// begin notes a deletion before it is done, end that it was told of.
func (c *catalogue) begin(p Proof) error { return c.write(bucketState, keyDeleting, p) }

func (c *catalogue) end() error {
	return c.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketState).Delete(keyDeleting) })
}

// begun is a deletion that an earlier process did not end.
func (c *catalogue) begun() (p Proof, ok bool) {
	_ = c.db.View(func(tx *bolt.Tx) error {
		data := tx.Bucket(bucketState).Get(keyDeleting)
		ok = data != nil && unseal(data, &p) == nil
		return nil
	})
	return p, ok
}

func (c *catalogue) write(bucket, key []byte, v any) error {
	data, err := seal(v)
	if err != nil {
		return err
	}
	return c.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put(key, data) })
}

func (c *catalogue) remove(id string) error {
	return c.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketEntries).Delete([]byte(id)) })
}

func (c *catalogue) close() error { return c.db.Close() }

// markFile stands in a recording's folder and holds what is decided about it and not in the journal.
const markFile = "library.json"

// mark is what must outlive the catalogue.
type mark struct {
	Protected bool          `json:"protected,omitempty"`
	Born      time.Duration `json:"born"`
}

func readMark(dir string) (m mark, err error) {
	data, err := os.ReadFile(filepath.Join(dir, markFile))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(data, &m)
}

func writeMark(dir string, m mark) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, markFile), append(data, '\n'), 0o600)
}
