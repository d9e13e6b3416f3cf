package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childGrace is how long a child may take to end: its own close order has 5 s.
const childGrace = 6 * time.Second

// child is one box of the demo: a process of this same binary that is started again when it dies. It ends with us even if we are
// killed: it watches its standard input, whose other end only we hold, and on Linux the kernel tells it too.
type child struct {
	name string            // as people call the campus
	args []string          // of tongke
	log  string            // the file that takes its standard error
	tell func(text string) // told when it dies and comes back; called from run's goroutine

	started func() // called after each start; may be nil
}

// run keeps the process alive until ctx ends, then ends it and waits for it.
func (c *child) run(ctx context.Context) error {
	runtime.LockOSThread() // the parent-death signal is bound to the thread that starts the child, see prctl(2)
	defer runtime.UnlockOSThread()
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", c.name, err)
	}
	defer log.Close()
	for {
		began := time.Now()
		err := c.once(ctx, exe, log)
		if ctx.Err() != nil {
			return nil
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitFailed && time.Since(began) < time.Second {
			return fmt.Errorf("the box of %s cannot run: %s", c.name, c.lastWords()) // a fault that a restart does not cure
		}
		c.tell(fmt.Sprintf("%s：设备进程停了（%v），正在重启。 Its box ended, starting it again.", c.name, err))
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// lastWords is what the process said of its end.
func (c *child) lastWords() string {
	doc, err := os.ReadFile(c.log)
	if err != nil {
		return "see " + c.log
	}
	lines := strings.Split(string(doc), "\n")
	for _, l := range slices.Backward(lines) {
		if words, ok := strings.CutPrefix(l, "tongke: "); ok {
			return words
		}
	}
	return "see " + c.log
}

// once runs the process one time.
func (c *child) once(ctx context.Context, exe string, log *os.File) error {
	cmd := exec.CommandContext(ctx, exe, c.args...) // #nosec G204 -- this program itself
	cmd.Args[0] = "tongke"
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(endSignal) }
	cmd.WaitDelay = childGrace
	cmd.SysProcAttr = childAttr()
	cmd.Env = withoutService(os.Environ())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	if c.started != nil {
		c.started()
	}
	return cmd.Wait()
}

// withoutService takes away what a service manager said to us alone (sd_notify(3), systemd.exec(5)).
func withoutService(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "STATE_DIRECTORY":
			return true
		}
		return false
	})
}

// untilClosed returns when r reaches its end: the parent that held the other end is gone.
func untilClosed(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

// waitReady polls a box's /readyz on its loopback address.
func waitReady(ctx context.Context, local string) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the box at %s was not ready in time: %w", local, ctx.Err())
		}
	}
}

// freePort returns the first port from first on that is free for TCP, and for UDP if asked, and not in taken.
func freePort(host string, first int, withUDP bool, taken map[int]bool) (int, error) {
	for port := first; port < first+200 && port < 65536; port++ {
		if taken[port] {
			continue
		}
		addr := net.JoinHostPort(host, strconv.Itoa(port))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				return 0, err
			}
			continue
		}
		ln.Close()
		if withUDP {
			conn, err := net.ListenPacket("udp", addr)
			if err != nil {
				continue
			}
			conn.Close()
		}
		taken[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port from %d to %d", first, first+199)
}
