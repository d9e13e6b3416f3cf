//go:build linux

package powercut

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongke/media/recorder/journal"
)

// TestErrorsOfTheKernel has strace answer some of a writer's system calls with an error: what it says to be stored must be there.
func TestErrorsOfTheKernel(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("errors of the kernel: apt-get install strace")
	}
	if out, err := exec.Command(strace, "-e", "trace=none", "true").CombinedOutput(); err != nil {
		t.Skipf("errors of the kernel: strace may not trace here: %v: %s", err, out)
	}
	for _, tt := range []struct{ name, inject string }{
		{"EIO of fdatasync, now and then", "fdatasync:error=EIO:when=5+9"},
		{"EIO of fdatasync, always from the tenth on", "fdatasync:error=EIO:when=10+"},
		{"ENOSPC of write, now and then", "write:error=ENOSPC:when=7+11"},
		{"a slow disk", "fdatasync:delay_enter=300000:when=4+6"},
		{"read-only all of a sudden", "write,openat,fdatasync:error=EROFS:when=25+"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"-f", "-qq", "-o", filepath.Join(dir, "trace"), "-e", "trace=write,fdatasync,openat", "-e", "inject=" + tt.inject}
			for n := 1; n < 60; n++ {
				for _, ext := range []string{"half", "seg"} {
					args = append(args, "-P", filepath.Join(lessonDir(dir, 1), fmt.Sprintf("%08d.%s", n, ext)))
				}
			}
			cmd := exec.Command(strace, append(args, os.Args[0], dir)...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			w := startWorkerAs(t, "rotation", dir, cmd)
			made := func() int {
				trace, err := os.ReadFile(filepath.Join(dir, "trace"))
				if err != nil {
					return 0
				}
				return strings.Count(string(trace), "(INJECTED)") + strings.Count(string(trace), "(DELAYED)")
			}
			for end := time.Now().Add(time.Minute); made() < 2 && time.Now().Before(end); {
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(500 * time.Millisecond)
			p := w.page()
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			w.stop()
			if made() == 0 {
				t.Fatal("no error was made")
			}
			keys, err := journal.OpenKeys(filepath.Join(dir, "keys"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(lessonDir(dir, 1), keys)
			if err != nil {
				t.Fatal(err)
			}
			stored := p.facts["stored 1"]
			if stored == 0 {
				t.Fatal("nothing was stored before or between the errors")
			}
			for seq := range uint64(stored) + 1 {
				if !got[seq] {
					t.Fatalf("packet %d was stored (up to %d) and is not there", seq, stored)
				}
			}
			t.Logf("%d errors, %d packets said to be stored, %d there", made(), stored+1, len(got))
		})
	}
}
