package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"tongke/device/backup"
	"tongke/device/identity"
	"tongke/media/durable"
	"tongke/signaling/store"
)

// passphraseVar is where a passphrase may stand, for backups by night.
const passphraseVar = "TONGKE_PASSPHRASE" // #nosec G101 -- the name of a variable

const leastPassphrase = 10 // characters

// backupCmd writes this box into one encrypted file.
type backupCmd struct {
	File string `arg:"" help:"The file to write. 备份文件。"`
	Data string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run writes the file beside and renames it when it is whole and on disk, so that an older backup of that name is not lost to half a new one.
func (c *backupCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil {
		return &fault{exit: exitFailed, code: "no-box", en: fmt.Sprintf("there is no box in %s; name its data directory with --data", dir), zh: fmt.Sprintf("%s 里没有设备数据，请用 --data 指定目录", dir), err: err}
	}
	passphrase, err := con.passphrase(true)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(c.File), filepath.Base(c.File)+".*.half") // 0600
	if err != nil {
		return backupFault(c.File, err)
	}
	defer os.Remove(out.Name()) // gone already when all went well
	m, err := writeBackup(dir, passphrase, out)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = durable.Rename(out.Name(), c.File)
	}
	if err != nil {
		return backupFault(c.File, err)
	}
	fmt.Fprintf(con.out, "saved %s\n", m.Name)
	fmt.Fprintf(con.err, "%s holds the keys of this box: keep it, and its passphrase elsewhere. Recordings are not in it.\n备份里有这台设备的密钥，请妥善保管，密码另外放。录像不在备份里。\n", c.File)
	return nil
}

// writeBackup encrypts what the daemon of dir packs, or what is in dir when none runs, and looks on the way whether it is whole.
func writeBackup(dir string, passphrase []byte, out io.Writer) (m backup.Manifest, err error) {
	sealed, err := backup.NewWriter(out, passphrase)
	if err != nil {
		return m, err
	}
	through := func(r io.Reader) error {
		r = io.TeeReader(r, sealed)
		if m, err = backup.Check(r); err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return err
	}
	if c, dialErr := dialControl(dir); dialErr == nil {
		err = c.stream(context.Background(), "/api/v1/backup", through)
	} else {
		err = packStopped(dir, through)
	}
	if err != nil {
		return m, err
	}
	return m, sealed.Close()
}

// packStopped packs a box that does not run. It stays who it is (root may write the backup where the box's own user may not) and makes no
// file that stays.
func packStopped(dir string, through func(io.Reader) error) error {
	s, err := openStore(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	r, w := io.Pipe()
	cfg := commandConfig()
	go func() { w.CloseWithError(packBox(dir, s, cfg, stoppedURLs(cfg), w)) }() // ends when all is read, or the reader closed
	defer r.Close()
	return through(r)
}

// stream reads a long answer of the daemon.
func (c *control) stream(ctx context.Context, path string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	client := *c.client
	client.Timeout = 0 // as long as a slow disk takes
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon answered %s to GET %s", res.Status, path)
	}
	return read(res.Body)
}

// packBox packs the box of a data directory, which answers at urls. The database is copied first: a slow reader must not hold back those who write.
func packBox(dir string, s *store.Store, cfg Config, urls []string, w io.Writer) error {
	tmp, err := os.MkdirTemp(dir, ".backup-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	db := filepath.Join(tmp, store.FileName)
	if err := s.Snapshot(db); err != nil {
		return err
	}
	meta, err := s.Meta()
	if err != nil {
		return err
	}
	id, err := identity.ReadID(dir)
	if err != nil {
		return err
	}
	name := cmp.Or(meta.BoxName, cfg.Box.Name, "tk-"+id[:4])
	paths := map[string]string{store.FileName: db, backup.Config: defaultConfigFile}
	var files []backup.File
	for _, name := range backup.Names {
		path := paths[name]
		if path == "" {
			path = filepath.Join(dir, filepath.FromSlash(name))
		}
		f, err := packFile(name, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // which must be there is known to package backup
		}
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	return backup.Pack(w, backup.Manifest{
		Box: id, Name: name, Alliance: meta.AllianceID, Made: time.Now().UTC().Truncate(time.Second), Program: programVersion(),
		URLs: urls,
	}, files)
}

// packFile is a file as it is now: small ones are read at once, since the daemon may replace them.
func packFile(name, path string) (backup.File, error) {
	if name != store.FileName {
		doc, err := os.ReadFile(path) // #nosec G304 -- the box's own
		return backup.File{Name: name, Size: int64(len(doc)), Write: func(w io.Writer) error { _, err := w.Write(doc); return err }}, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return backup.File{}, err
	}
	return backup.File{Name: name, Size: st.Size(), Write: func(w io.Writer) error {
		f, err := os.Open(path) // #nosec G304 -- the copy made above
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	}}, nil
}

// backup packs this running box, for its own command line.
func (d *daemon) backup(w io.Writer) error { return packBox(d.dir, d.store, d.cfg, d.urls(), w) }

// passphrase comes from the environment, from a person (twice where it is a new one), or is the first line of standard input.
func (c *console) passphrase(fresh bool) ([]byte, error) {
	words := os.Getenv(passphraseVar)
	switch {
	case words != "":
	case c.in == nil || !term.IsTerminal(int(c.in.Fd())):
		line, err := bufio.NewReader(io.LimitReader(c.in, 4096)).ReadString('\n')
		if words = strings.TrimRight(line, "\r\n"); words == "" {
			return nil, &fault{exit: exitFailed, code: "passphrase-missing", en: "no passphrase came on standard input; write it there on one line, or into the variable " + passphraseVar, zh: "没有读到备份密码，请写在标准输入的第一行，或放在环境变量 " + passphraseVar + " 里", err: err}
		}
	default:
		first, err := c.secret("Passphrase of the backup 备份密码: ")
		if err != nil {
			return nil, err
		}
		if fresh {
			second, err := c.secret("Once more 再输一次: ")
			if err != nil {
				return nil, err
			}
			if first != second {
				return nil, &fault{exit: exitRefused, code: "passphrase-differs", en: "the two passphrases differ, nothing was written; try again", zh: "两次输入的密码不一样，没有备份，请再试"}
			}
		}
		words = first
	}
	if fresh && len([]rune(words)) < leastPassphrase {
		return nil, &fault{exit: exitRefused, code: "passphrase-short", en: fmt.Sprintf("the passphrase is short of %d characters; the file holds every key of this box, so take a longer one", leastPassphrase), zh: fmt.Sprintf("备份密码至少 %d 个字，备份里有这台设备的所有密钥", leastPassphrase)}
	}
	return []byte(words), nil
}

func (c *console) secret(prompt string) (string, error) {
	fmt.Fprint(c.err, prompt)
	words, err := term.ReadPassword(int(c.in.Fd()))
	fmt.Fprintln(c.err)
	if err != nil {
		return "", fmt.Errorf("read passphrase: %w", err)
	}
	return string(words), nil
}

// backupFault tells what is wrong with a backup file.
func backupFault(path string, err error) error {
	for _, known := range []struct {
		err          error
		code, en, zh string
	}{
		{backup.ErrFormat, "backup-unknown", "%s is no backup of a box; name another file", "%s 不是备份文件"},
		{backup.ErrNewer, "backup-newer", "%s was made by a newer version of tongke; update this one first", "%s 是更新的版本做的，请先升级"},
		{backup.ErrPassphrase, "passphrase-wrong", "the passphrase of %s is wrong, or its first bytes are damaged; try again", "%s 的密码不对，或文件开头已损坏"},
		{backup.ErrDamaged, "backup-damaged", "%s is damaged, nothing of it was used; take another copy", "%s 已损坏，没有使用其中任何内容，请换一份"},
		{backup.ErrTruncated, "backup-truncated", "the end of %s is missing, nothing of it was used; take another copy", "%s 不完整，没有使用其中任何内容，请换一份"},
		{fs.ErrNotExist, "backup-missing", "there is no file %s", "没有文件 %s"},
	} {
		if errors.Is(err, known.err) {
			return &fault{exit: exitRefused, code: known.code, en: fmt.Sprintf(known.en, path), zh: fmt.Sprintf(known.zh, path), err: err}
		}
	}
	var f *fault
	if errors.As(err, &f) {
		return err
	}
	return fmt.Errorf("backup %s: %w", path, err)
}
