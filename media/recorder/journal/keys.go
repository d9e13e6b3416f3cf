package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"tongke/media/durable"
)

const (
	keySize  = 32
	slotSize = 512 // what a disk writes whole, so that a slot is old or new, or broken and then no key
	keysExt  = ".keys"
	halfExt  = ".half"
)

// safeName is a lesson id, or what is made of one to name a second journal of the lesson.
var safeName = regexp.MustCompile(`^[a-z0-9-]{1,64}(\.[a-z]{1,16})?$`)

// KeyDir keeps keys in a folder, a file for each lesson, as the README says. It serves several goroutines; one process at a time.
type KeyDir struct {
	dir string

	mu      sync.Mutex
	lessons map[string]*keyFile
}

// keyFile is one lesson's file as read.
type keyFile struct {
	path  string
	slots int
	keys  map[keyName]keySlot
}

type keyName struct{ origin, source string }

type keySlot struct {
	number int
	key    []byte // nil: erased
}

// slotText is the JSON of a slot.
type slotText struct {
	Origin string `json:"origin,omitempty"`
	Source string `json:"source,omitempty"`
	Key    string `json:"key,omitempty"`
	Erased bool   `json:"erased,omitempty"`
}

// OpenKeys opens a folder of keys and makes it the first time.
func OpenKeys(dir string) (*KeyDir, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make folder of keys: %w", err)
		}
		if err := durable.SyncFolder(filepath.Dir(dir)); err != nil {
			return nil, fmt.Errorf("make folder of keys: %w", err)
		}
	}
	halves, err := filepath.Glob(filepath.Join(dir, "*"+halfExt))
	if err != nil {
		return nil, err
	}
	for _, h := range halves { // never promised
		if err := os.Remove(h); err != nil {
			return nil, fmt.Errorf("tidy keys: %w", err)
		}
	}
	return &KeyDir{dir: dir, lessons: map[string]*keyFile{}}, nil
}

// Seal implements Keys.
func (k *KeyDir) Seal(lesson, origin, source string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.file(lesson)
	if err != nil {
		return nil, err
	}
	if s, ok := f.keys[keyName{origin, source}]; ok {
		if s.key == nil {
			return nil, ErrErased
		}
		return bytes.Clone(s.key), nil
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	n, err := f.append(slotText{Origin: origin, Source: source, Key: hex.EncodeToString(key)})
	if err != nil {
		return nil, fmt.Errorf("keep key of %s: %w", lesson, err)
	}
	f.keys[keyName{origin, source}] = keySlot{n, key}
	return bytes.Clone(key), nil
}

// Open implements Keys.
func (k *KeyDir) Open(lesson, origin, source string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.file(lesson)
	if err != nil {
		return nil, err
	}
	s, ok := f.keys[keyName{origin, source}]
	switch {
	case !ok:
		return nil, ErrNoKey
	case s.key == nil:
		return nil, ErrErased
	}
	return bytes.Clone(s.key), nil
}

// Erase implements Keys.
func (k *KeyDir) Erase(lesson, origin, source string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.file(lesson)
	if err != nil {
		return err
	}
	name := keyName{origin, source}
	s, ok := f.keys[name]
	if ok && s.key == nil {
		return nil
	}
	text := slotText{Origin: origin, Source: source, Erased: true}
	if !ok { // never to be made either
		s.number, err = f.append(text)
	} else {
		err = f.overwrite(s.number, text)
	}
	if err != nil {
		return fmt.Errorf("erase key of %s: %w", lesson, err)
	}
	clear(s.key)
	f.keys[name] = keySlot{s.number, nil}
	return nil
}

// EraseLesson implements Keys.
func (k *KeyDir) EraseLesson(lesson string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.file(lesson)
	if err != nil {
		return err
	}
	delete(k.lessons, lesson)
	err = zeroFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.Remove(f.path)
	}
	if err == nil {
		err = durable.SyncFolder(k.dir)
	}
	if err != nil {
		return fmt.Errorf("erase keys of %s: %w", lesson, err)
	}
	for _, s := range f.keys {
		clear(s.key)
	}
	return nil
}

// file reads a lesson's keys once.
func (k *KeyDir) file(lesson string) (*keyFile, error) {
	if f := k.lessons[lesson]; f != nil {
		return f, nil
	}
	if !safeName.MatchString(lesson) {
		return nil, fmt.Errorf("lesson id %q cannot name a file", lesson)
	}
	f := &keyFile{path: filepath.Join(k.dir, lesson+keysExt), keys: map[keyName]keySlot{}}
	data, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	f.slots = (len(data) + slotSize - 1) / slotSize
	for n := range len(data) / slotSize {
		name, s, ok := readSlot(data[n*slotSize : (n+1)*slotSize])
		if !ok {
			continue // broken off in the middle of its making or erasing: no key either way
		}
		s.number = n
		f.keys[name] = s
	}
	k.lessons[lesson] = f
	return f, nil
}

func readSlot(b []byte) (name keyName, s keySlot, ok bool) {
	le := binary.LittleEndian
	n := le.Uint32(b[4:])
	if crc32.Checksum(b[4:slotSize], castagnoli) != le.Uint32(b) || n > slotSize-8 {
		return name, s, false
	}
	var text slotText
	if json.Unmarshal(b[8:8+n], &text) != nil {
		return name, s, false
	}
	name = keyName{text.Origin, text.Source}
	if text.Erased {
		return name, s, true
	}
	key, err := hex.DecodeString(text.Key)
	if err != nil || len(key) != keySize {
		return name, s, false
	}
	s.key = key
	return name, s, true
}

func makeSlot(text slotText) ([]byte, error) {
	body, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	if len(body) > slotSize-8 {
		return nil, errors.New("name of source is too long")
	}
	b := make([]byte, slotSize)
	copy(b[8:], body)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b, nil
}

// append adds a slot; it is on disk when append returns.
func (f *keyFile) append(text slotText) (number int, err error) {
	if f.slots == 0 {
		if err := f.create(text); err != nil {
			return 0, err
		}
		f.slots = 1
		return 0, nil
	}
	number = f.slots
	if err := f.overwrite(number, text); err != nil {
		return 0, err
	}
	f.slots++
	return number, nil
}

// overwrite replaces a slot in place and syncs.
func (f *keyFile) overwrite(number int, text slotText) error {
	b, err := makeSlot(text)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt(b, int64(number)*slotSize); err != nil {
		return err
	}
	return file.Sync()
}

// create makes the file with its first slot, whole or not at all.
func (f *keyFile) create(text slotText) (err error) {
	b, err := makeSlot(text)
	if err != nil {
		return err
	}
	half := f.path + halfExt
	file, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return durable.Rename(half, f.path)
}

// zeroFile overwrites a file's blocks in place and syncs them.
func zeroFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, 2)
	if err != nil {
		return err
	}
	zeros := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return f.Sync()
}

func decodeHex(dst []byte, text string) bool {
	n, err := hex.DecodeString(text)
	return err == nil && copy(dst, n) == len(dst) && len(n) == len(dst)
}
