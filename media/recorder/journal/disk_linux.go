package journal

import (
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// preallocate asks for room where there is much of it: on a disk that is nearly full others need it more.
func preallocate(f *os.File, size int64) {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil || int64(st.Bavail)*st.Bsize < 8*size {
		return
	}
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
}

// full reports whether err means that there is no room.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// lock takes the writer's lock; the kernel drops it with the process. Open file description locks (fcntl(2)) can be asked for without
// being taken, so a reader never stands in a writer's way.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l); err != nil {
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return f, nil
}

// locked reports whether somebody writes.
func locked(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_RDLCK}
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l) == nil && l.Type != unix.F_UNLCK
}

// boot names this start of the machine and tells the time since, which sleep and corrections of the wall clock do not touch.
func boot() (id [16]byte, up time.Duration) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id, 0
	}
	hex := strings.ReplaceAll(strings.TrimSpace(string(text)), "-", "")
	if !decodeHex(id[:], hex) {
		return [16]byte{}, 0
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return [16]byte{}, 0
	}
	return id, time.Duration(ts.Nano())
}
