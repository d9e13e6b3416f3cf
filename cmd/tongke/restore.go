package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tongke/device/backup"
	"tongke/device/identity"
	"tongke/media/durable"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

const (
	// restoreMarker is in a data directory while the unpacked backup takes the place of what was there. It is written when the backup has
	// been proven whole and lies beside, so that the rest is renaming, which the next start finishes.
	restoreMarker = "restore.json"

	stagingPrefix = ".restore-"
	asidePrefix   = "aside-"

	staleBackup = time.Hour // a lesson that ran in a backup older than this is over
)

// restorePlan is the marker's text.
type restorePlan struct {
	Staging string   `json:"staging"` // folder in the data directory
	Aside   string   `json:"aside"`   // folder for what was there
	Old     []string `json:"old"`     // what was there
}

// disk is what belongs to the disk rather than to the box: recordings and their keys stay with it when the same box is restored.
var disk = []string{"keys", "recordings", "exports", "library.db"}

// restoreCmd puts a backup into a data directory.
type restoreCmd struct {
	Force bool   `help:"Also where a box is already; it is moved aside. 覆盖已有的设备数据（旧数据移到一边）。"`
	File  string `arg:"" help:"The backup. 备份文件。"`
	Data  string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run prints "restored NAME".
func (c *restoreCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	file, err := os.Open(c.File) // before root is given up
	if err != nil {
		return backupFault(c.File, err)
	}
	defer file.Close()
	if _, err := dialControl(dir); err == nil {
		return inUseFault(dir, nil)
	}
	if err := prepareData(dir); err != nil {
		return err
	}
	actAsOwner(dir)
	if _, err := settle(dir); err != nil {
		return err
	}
	old, err := boxFiles(dir)
	if err != nil {
		return dataFault(dir, err)
	}
	if len(old) > 0 && !c.Force {
		return &fault{
			exit: exitRefused, code: "data-not-empty",
			en: fmt.Sprintf("there is a box in %s already; with --force it is moved aside, or name an empty directory with --data", dir),
			zh: fmt.Sprintf("%s 里已有设备数据；加 --force 会把它移到一边，或用 --data 指定空目录", dir),
		}
	}
	passphrase, err := con.passphrase(false)
	if err != nil {
		return err
	}
	r, err := backup.NewReader(file, passphrase)
	if err != nil {
		return backupFault(c.File, err)
	}
	m, err := restore(dir, r)
	if err != nil {
		return backupFault(c.File, err)
	}
	fmt.Fprintf(con.out, "restored %s\n", m.Name)
	fmt.Fprint(con.err, found{m, countBelow(dir), stoppedURLs(commandConfig())}.words(dir))
	return nil
}

// found is what a restored box has to be told of.
type found struct {
	backup.Manifest
	below int      // boxes that joined it
	here  []string // where this machine answers
}

// countBelow counts the boxes that look for this one; 0 also where it cannot be known, which the daemon will tell.
func countBelow(dir string) int {
	s, err := openStore(dir)
	if err != nil {
		return 0
	}
	defer s.Close()
	all, _ := s.Children()
	return len(all)
}

// words say what is to be done now, which depends on whether the other boxes look for this one where it is.
func (f found) words(dir string) string {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("This is now box %s as of %s. The old one must not run again beside it.", f.Name, f.Made.Local().Format("2006-01-02 15:04"))
	say("本机现在就是设备 %s，原来那台不要再开。", f.Name)
	if _, err := os.Stat(filepath.Join(dir, backup.Config)); err == nil {
		say("The old machine's settings lie in %s; what is still right there goes to %s.", filepath.Join(dir, backup.Config), defaultConfigFile)
		say("原来的设置在 %s，需要的请抄到 %s。", filepath.Join(dir, backup.Config), defaultConfigFile)
	}
	there, here := strings.Join(f.URLs, " "), strings.Join(f.here, " ")
	same := slices.ContainsFunc(f.here, func(u string) bool { return slices.Contains(f.URLs, u) })
	switch {
	case f.below == 0:
	case same:
		say("Boxes that look for it: %d, at %s. This machine is there: they come back by themselves.", f.below, there)
		say("有 %d 台设备会到 %s 找核心校，本机就在那里，它们会自己连回来。", f.below, there)
	default:
		if there == "" {
			there = "?"
		}
		say("Boxes that look for it: %d, at %s. This machine is at %s. Do one of these:", f.below, there, here)
		say("1. Give this machine one of those addresses, or have the name point to it: all boxes come back by themselves.")
		say("2. Or leave it where it is: it calls the boxes that it can reach, and they come within minutes. For one that does not (see tongke status), open the page /device of that box, Network, and write the new address of the core there.")
		say("有 %d 台设备会到 %s 找核心校，本机的地址是 %s。请选一样做：", f.below, there, here)
		say("1. 把原来的一个地址给本机，或把域名指到本机，各校会自己连回来。")
		say("2. 不改地址也行：本机会通知连得到的设备，它们几分钟内连回来。没回来的（看 tongke status），打开那台设备的“设备”页，在“网络”里填核心校的新地址。")
	}
	say("Start it with tongke run or systemctl start tongke. 请启动：systemctl start tongke")
	return b.String()
}

// boxFiles are the names in a data directory that a restored box would meet.
func boxFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		n := e.Name()
		if n == controlSocket || n == addressFile || strings.HasPrefix(n, asidePrefix) || strings.HasPrefix(n, ".") || n == "lost+found" {
			continue
		}
		names = append(names, n)
	}
	return names, err
}

// restore unpacks a backup beside, looks whether a box can live with it, and puts it in its place.
func restore(dir string, r io.Reader) (m backup.Manifest, err error) {
	free := func() error { return nil }
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); err == nil {
		s, err := openStore(dir) // and its lock is held until the marker stands: no daemon takes the old box meanwhile
		if err != nil {
			return m, err
		}
		defer s.Close()
		free = s.Close // a file that is open cannot be renamed everywhere
	}
	staging, err := os.MkdirTemp(dir, stagingPrefix+"*") // 0700
	if err != nil {
		return m, err
	}
	marked := false // from then on the next start finishes it, out of staging
	defer func() {
		if err != nil && !marked {
			err = errors.Join(err, os.RemoveAll(staging))
		}
	}()
	if m, err = backup.Unpack(r, staging); err != nil {
		return m, err
	}
	if err = prove(staging, m); err != nil {
		return m, err
	}
	old, err := boxFiles(dir)
	if err != nil {
		return m, err
	}
	if id, idErr := identity.ReadID(dir); idErr == nil && id == m.Box {
		old = slices.DeleteFunc(old, func(n string) bool { return slices.Contains(disk, n) })
	}
	plan := restorePlan{Staging: filepath.Base(staging), Aside: asidePrefix + time.Now().UTC().Format("20060102-150405"), Old: old}
	doc, err := json.Marshal(plan)
	if err != nil {
		return m, err
	}
	if err = durable.Replace(filepath.Join(dir, restoreMarker), doc, 0o600); err != nil {
		return m, err
	}
	marked = true
	if err = durable.SyncFolder(dir); err != nil {
		return m, err
	}
	if late := errors.Join(free(), finishRestore(dir, nil)); late != nil { // the next start goes on
		return m, fmt.Errorf("%w; start again to finish", late)
	}
	return m, nil
}

// prove opens what was unpacked, brings it to this version, and takes out what must not come to life again.
func prove(staging string, m backup.Manifest) error {
	id, err := identity.Check(staging)
	if err != nil || id != m.Box {
		return fmt.Errorf("%w: the key in it is not box %s", backup.ErrDamaged, m.Box)
	}
	s, err := store.Open(staging)
	if err != nil {
		return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
	}
	err = s.Forget()
	if err == nil && time.Since(m.Made).Abs() > staleBackup {
		err = endLessons(s, id)
	}
	return errors.Join(err, s.Close())
}

// endLessons ends those that ran when an old backup was made: nobody has ended them since in this copy, and rooms would enter them.
func endLessons(s *store.Store, box string) error {
	r, err := lesson.New(s, lesson.Config{Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	for _, l := range r.List() {
		if l.State == protocol.Live && l.Owner == box {
			if _, err := r.End(l.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishRestore renames what was there aside and the unpacked files into their places, as far as that has not been done; without a marker
// there is nothing to do. step can stop it: for tests.
func finishRestore(dir string, step func(path string) error) error {
	doc, err := os.ReadFile(filepath.Join(dir, restoreMarker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return dataFault(dir, err)
	}
	var p restorePlan
	err = json.Unmarshal(doc, &p)
	if err == nil && (!strings.HasPrefix(p.Staging, stagingPrefix) || !strings.HasPrefix(p.Aside, asidePrefix)) {
		err = fmt.Errorf("folders %q and %q", p.Staging, p.Aside)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", filepath.Join(dir, restoreMarker), err)
	}
	return dataFault(dir, p.finish(dir, step))
}

func (p restorePlan) finish(dir string, step func(string) error) error {
	staging, aside := filepath.Join(dir, p.Staging), filepath.Join(dir, p.Aside)
	move := func(from, to string) error {
		if step != nil {
			if err := step(to); err != nil {
				return err
			}
		}
		return os.Rename(from, to)
	}
	if len(p.Old) > 0 {
		if err := os.MkdirAll(aside, 0o700); err != nil {
			return err
		}
	}
	for _, n := range p.Old {
		if _, err := os.Lstat(filepath.Join(aside, n)); err == nil {
			continue // what has that name now is the new one
		}
		if err := move(filepath.Join(dir, n), filepath.Join(aside, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	entries, err := os.ReadDir(staging)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := move(filepath.Join(staging, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(staging); err != nil {
		return err
	}
	if err := durable.SyncFolder(dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, restoreMarker)); err != nil {
		return err
	}
	return durable.SyncFolder(dir)
}
