package scenario

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// nice is how the bench and the boxes that it starts stand against other programs, where that is allowed (root): those are not measured.
const nice = -10

// raise asks for that. Threads and processes that come later inherit it (setpriority(2): on Linux it is of a thread).
func raise() {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, t := range tasks {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, nice) // not allowed: then as we are
		}
	}
}
