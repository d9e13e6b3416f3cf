// Package powercut pulls the plug while the product writes, and looks at what is left. It needs root and Linux.
//
// The disk under test is an ext4 file system in an image that lies on an XFS file system with reflinks. A cut is one clone of that image
// (FICLONE, ioctl_ficlone(2)): what the drive would hold at that instant, while the writer goes on. The clone is mounted, which
// replays its journal as the next start would, and is judged beside a ledger of what the writer had been told was stored. No
// writer is stopped, so one run makes hundreds of cuts at instants that nobody chose.
package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tools are what a Rig needs, by the Debian package that has them.
var tools = map[string]string{"mkfs.xfs": "xfsprogs", "mkfs.ext4": "e2fsprogs", "mount": "mount", "umount": "mount"}

// Missing says why no rig can be set up here, "" if one can.
func Missing() string {
	if os.Geteuid() != 0 {
		return "needs root: it mounts file systems"
	}
	for tool, pkg := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return "needs " + tool + ": apt-get install " + pkg
		}
	}
	return ""
}

// Rig is a disk whose plug can be pulled.
type Rig struct {
	dir  string
	disk string // where the disk under test is mounted
	cuts int
}

const (
	outerSize = 6 << 30 // sparse
	diskSize  = 1 << 30
)

// New sets a rig up below dir, which its owner removes after Close.
func New(dir string) (_ *Rig, err error) {
	r := &Rig{dir: dir, disk: filepath.Join(dir, "disk")}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, d := range []string{"xfs", "disk", "cut"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	outer := filepath.Join(dir, "outer.img")
	if err := sparse(outer, outerSize); err != nil {
		return nil, err
	}
	if err := run("mkfs.xfs", "-q", "-m", "reflink=1", outer); err != nil {
		return nil, err
	}
	if err := run("mount", "-o", "loop", outer, filepath.Join(dir, "xfs")); err != nil {
		return nil, err
	}
	if err := sparse(r.image(), diskSize); err != nil {
		return nil, err
	}
	// The inode tables at once: a thread that writes them later is noise in a measurement.
	if err := run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", r.image()); err != nil {
		return nil, err
	}
	return r, run("mount", "-o", "loop", r.image(), r.disk)
}

func (r *Rig) image() string { return filepath.Join(r.dir, "xfs", "disk.img") }

// Disk is where the file system under test is mounted.
func (r *Rig) Disk() string { return r.disk }

// Cut is the disk as it was at one instant.
type Cut struct {
	Dir    string    // where it is mounted
	Before time.Time // the cut is between these two
	After  time.Time
	image  string
}

// Cut pulls the plug: it clones the image. The clone is mounted by Mount.
func (r *Rig) Cut() (*Cut, error) {
	r.cuts++
	c := &Cut{Dir: filepath.Join(r.dir, "cut"), image: filepath.Join(r.dir, "xfs", fmt.Sprintf("cut-%d.img", r.cuts))}
	from, err := os.Open(r.image())
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.Create(c.image)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	c.Before = time.Now()
	err = unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
	c.After = time.Now()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("clone the disk: %w", err), os.Remove(c.image))
	}
	return c, nil
}

// Mount lets the cut disk start again.
func (c *Cut) Mount() error { return run("mount", "-o", "loop", c.image, c.Dir) }

// Close unmounts and forgets the cut.
func (c *Cut) Close() error { return errors.Join(unmount(c.Dir), os.Remove(c.image)) }

// Close takes the rig down. Whoever writes on its disk has ended.
func (r *Rig) Close() error {
	return errors.Join(unmount(filepath.Join(r.dir, "cut")), unmount(r.disk), unmount(filepath.Join(r.dir, "xfs")))
}

func sparse(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// unmountWithin is how long a mount may be busy. A process that has just been killed holds a file for a moment; and a file system below a loop
// device stays busy until that is let go, which the kernel does once no mount namespace that was made meanwhile has a copy of the mount above.
const unmountWithin = 20 * time.Second

// unmount unmounts what is mounted at dir; nothing mounted is fine.
func unmount(dir string) (err error) {
	for end := time.Now().Add(unmountWithin); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		err = unix.Unmount(dir, 0)
		if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return fmt.Errorf("unmount %s: %w", dir, err)
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
