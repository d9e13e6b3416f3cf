package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// System asks the kernel of this machine.
func System() Calls { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) Synchronised() bool {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	return err == nil && state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0
}

func (system) Space(path string) (total, free int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, fmt.Errorf("size of %s: %w", path, err)
	}
	return int64(s.Blocks) * int64(s.Bsize), int64(s.Bavail) * int64(s.Bsize), nil
}

func (system) Addresses() map[string][]netip.Prefix { return addresses() }

// ioctl numbers (Documentation/userspace-api/ioctl/ioctl-number.rst): direction, size of the argument, letter, number.
const (
	read  = 2 << 30
	write = 1 << 30
)

func request(direction uint, size uintptr, letter byte, number uint) uint {
	return direction | uint(size)<<16 | uint(letter)<<8 | number
}

// device is an opened character device; every call on it ends at once or with an error of the driver.
type device int

func openDevice(path string) (device, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return device(fd), nil
}

func (d device) close() { unix.Close(int(d)) }

func call[T any](d device, direction uint, letter byte, number uint, arg *T) error {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(d), uintptr(request(direction, unsafe.Sizeof(*arg), letter, number)), uintptr(unsafe.Pointer(arg)))
	if e != 0 {
		return e
	}
	return nil
}
