package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tongke/media/durable"
	"tongke/media/library"
	"tongke/signaling/store"
)

// resetMarker is in a data directory that is being erased. Whoever meets it goes on erasing before anything else: a power cut in the middle
// leaves a box that is nobody's after the next start, and never half of one.
const resetMarker = "factory-reset"

// resetGrace is how long a box that is to be erased still answers, so that who asked hears of it.
const resetGrace = 500 * time.Millisecond

// eraseWait is how long the command waits for a daemon that erases: the folder of a full disk takes minutes.
const eraseWait = 10 * time.Minute

// resetWish is the marker's text.
type resetWish struct {
	Recordings string    `json:"recordings"` // the folder, which the configuration may have elsewhere
	At         time.Time `json:"at"`
}

// markReset makes the decision last; from then on there is no way back.
func markReset(dir string, cfg Config) error {
	doc, err := json.Marshal(resetWish{cfg.Recording.recordings(dir), time.Now().UTC()})
	if err != nil {
		return err
	}
	return dataFault(dir, durable.WriteFile(filepath.Join(dir, resetMarker), doc, 0o600))
}

// finishReset erases a data directory that is marked; one that is not is left alone. The order matters: the keys first, because without
// them the recordings cannot be read any more, whatever a power cut leaves of them; then the other secrets; the marker last. step is
// called before each thing that is erased and can stop it: for tests.
func finishReset(dir string, step func(path string) error) (erased bool, err error) {
	doc, err := os.ReadFile(filepath.Join(dir, resetMarker))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, dataFault(dir, err)
	}
	var wish resetWish
	_ = json.Unmarshal(doc, &wish) // an empty one means the usual place
	e := eraser{step: step}
	e.folder(filepath.Join(dir, "keys"), true)
	for _, aside := range e.list(dir) {
		if strings.HasPrefix(aside, asidePrefix) {
			e.folder(filepath.Join(dir, aside, "keys"), true)
			e.folder(filepath.Join(dir, aside, "recordings"), false)
		}
	}
	e.folder(filepath.Join(dir, "identity"), true)
	for _, name := range e.list(dir) { // the store, the password, what a restored backup put aside
		if name == resetMarker || name == "recordings" || name == "exports" {
			continue
		}
		e.folder(filepath.Join(dir, name), true)
	}
	e.folder(filepath.Join(dir, "exports"), true) // files made for people, not encrypted
	e.folder(filepath.Join(dir, "recordings"), false)
	if wish.Recordings != "" && wish.Recordings != filepath.Join(dir, "recordings") {
		for _, name := range e.list(wish.Recordings) { // the folder may be a disk with other things on it
			if library.ValidID(name) {
				e.folder(filepath.Join(wish.Recordings, name), false)
			}
		}
	}
	for _, m := range mirrors() {
		e.folder(filepath.Join(m, "health.json"), false)
	}
	if e.err == nil {
		e.err = durable.SyncFolder(dir)
	}
	if e.err == nil {
		e.file(filepath.Join(dir, resetMarker), false)
	}
	if e.err == nil {
		e.err = durable.SyncFolder(dir)
	}
	return e.err == nil, dataFault(dir, e.err)
}

// eraser removes things until something goes wrong.
type eraser struct {
	step func(string) error
	err  error
}

// list are the names in a folder; none where there is no such folder.
func (e *eraser) list(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && e.err == nil {
		e.err = err
	}
	for _, x := range entries {
		names = append(names, x.Name())
	}
	return names
}

// folder removes a file or a folder with all that is in it; over says that files are overwritten first.
func (e *eraser) folder(path string, over bool) {
	if e.err != nil {
		return
	}
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		e.err = err
	case !st.IsDir():
		e.file(path, over && st.Mode().IsRegular())
	default:
		for _, name := range e.list(path) {
			e.folder(filepath.Join(path, name), over)
		}
		if e.err == nil {
			e.file(path, false)
		}
	}
}

func (e *eraser) file(path string, over bool) {
	if e.err == nil && e.step != nil {
		e.err = e.step(path)
	}
	if e.err == nil && over {
		e.err = overwrite(path)
	}
	if e.err == nil {
		e.err = os.Remove(path)
	}
}

// overwrite writes zeros over a file, onto the disk.
func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	zeros := make([]byte, 256<<10)
	for left := int64(0); err == nil && left < st.Size(); left += int64(len(zeros)) {
		_, err = f.Write(zeros[:min(int64(len(zeros)), st.Size()-left)])
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// factoryReset has this running box erased: it still answers for a moment, then all parts end, and the same process starts anew as a box
// that is nobody's.
func (d *daemon) factoryReset() error {
	if err := markReset(d.dir, d.cfg); err != nil {
		return err
	}
	d.log.Warn("factory reset")
	select {
	case d.anew <- struct{}{}:
	default: // asked for already
	}
	return nil
}

// resetCmd erases a box.
type resetCmd struct {
	Yes  bool   `help:"Do not ask for the room's name. 不再询问教室的名字。"`
	Data string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run prints "erased" when the box is nobody's.
func (c *resetCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return &fault{exit: exitFailed, code: "no-box", en: fmt.Sprintf("there is no box in %s; name its data directory with --data", dir), zh: fmt.Sprintf("%s 里没有设备数据，请用 --data 指定目录", dir), err: err}
	}
	ctx := context.Background()
	_, err = withBox(dir,
		func(ctl *control) error {
			if err := c.running(ctx, con, ctl); err != nil {
				return err
			}
			return untilErased(dir)
		},
		func(s *store.Store) error { return c.stopped(con, dir, s) })
	if err = refusalFault(err); err != nil {
		return err
	}
	fmt.Fprintln(con.err, resetWords)
	fmt.Fprintln(con.out, "erased")
	return nil
}

// resetWords say what erasing cannot do.
const resetWords = `Keys were overwritten and removed first, so recordings cannot be read any more even where pieces of them remain on the disk.
A flash disk writes to other cells than it was told to, so old copies of small files may be left in places that no program reaches: before a
disk leaves the school, have the disk itself erase them (nvme format, blkdiscard) or destroy it. Not touched: the network settings and Wi-Fi
passwords of the system, its log, /etc/tongke, the wall screen's browser profile, and copies elsewhere: backups, downloads, other schools' recordings.
密钥最先覆盖并删除，录像即使还有残留也打不开了。闪存盘可能在别处留有旧数据，硬盘离校前请用硬盘自带的擦除功能，或销毁硬盘。
系统的网络设置、无线密码、系统日志、/etc/tongke、大屏浏览器的数据，以及备份、下载和别校的录像，不在其内。`

func (c *resetCmd) running(ctx context.Context, con *console, ctl *control) error {
	var at struct {
		Room struct {
			Name string `json:"name"`
		} `json:"room"`
	}
	if err := ctl.call(ctx, "GET", "/api/v1/device", nil, &at); err != nil {
		return err
	}
	typed, err := c.typed(con, at.Room.Name)
	if err != nil {
		return err
	}
	return ctl.call(ctx, "POST", "/api/v1/device/factory-reset", map[string]string{"name": typed}, nil)
}

// untilErased waits for the daemon, which answers before it begins.
func untilErased(dir string) error {
	for deadline := time.Now().Add(eraseWait); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, resetMarker)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return &fault{exit: exitFailed, code: "still-erasing", en: "the box still erases; its log says how it goes, and a restart goes on with it", zh: "设备还在清除，请看日志；重启也会接着清除"}
		}
	}
}

func (c *resetCmd) stopped(con *console, dir string, s *store.Store) error {
	m, err := s.Meta()
	if err != nil {
		return err
	}
	d := daemon{cfg: commandConfig()}
	if _, err := c.typed(con, strings.TrimSpace(d.schoolName(m)+" "+m.Classroom)); err != nil {
		return err
	}
	if err := markReset(dir, commandConfig()); err != nil {
		return err
	}
	if err := s.Close(); err != nil { // and nobody opens it from here on: the marker stands
		return err
	}
	_, err = finishReset(dir, nil)
	return err
}

// typed asks for the room's name, so that nobody erases a box by a slip of a finger.
func (c *resetCmd) typed(con *console, room string) (string, error) {
	if c.Yes {
		return room, nil
	}
	refused := &fault{exit: exitRefused, code: "not-confirmed", en: "nothing was erased; type the name of the room, or add --yes", zh: "没有清除；请输入教室的名字，或加 --yes"}
	if con.in == nil {
		return "", refused
	}
	fmt.Fprintf(con.err, "Everything of its users on this box will be erased: recordings, timetable, people. Type the room's name (%s) to go on.\n将清除本机的录像、课表和人员。要继续，请输入教室的名字: ", room)
	line, _ := bufio.NewReader(io.LimitReader(con.in, 4096)).ReadString('\n')
	if strings.TrimSpace(line) != room {
		return "", refused
	}
	return room, nil
}

// settle finishes what a kill or a power cut broke off: an erasing, a restoring. Whoever opens a data directory calls it first.
func settle(dir string) (erased bool, err error) {
	if erased, err = finishReset(dir, nil); err != nil || erased {
		return erased, err
	}
	if err := finishRestore(dir, nil); err != nil {
		return false, err
	}
	return false, nil
}

// unsettled reports whether a data directory is being erased or restored.
func unsettled(dir string) bool {
	for _, marker := range []string{resetMarker, restoreMarker} {
		if _, err := os.Lstat(filepath.Join(dir, marker)); err == nil {
			return true
		}
	}
	return false
}

// tidyHalves removes what backups and restores that were killed left behind: copies of keys. The caller holds the store.
func tidyHalves(dir string) {
	for _, pattern := range []string{".backup-*", stagingPrefix + "*"} {
		halves, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue // of a data directory with signs of a pattern in its name; they stay for the factory reset
		}
		for _, h := range halves {
			_ = os.RemoveAll(h)
		}
	}
}
