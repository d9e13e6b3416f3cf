package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// box is one box of a run: a process of the program with a data directory of its own.
type box struct {
	campus, dir string
	https       string // host:port of its public TCP and UDP port
	local       string // of its loopback port
	program     string
	prefix      []string // of its command line: ip netns exec NAME; none for a box that stands here

	cmd   *exec.Cmd
	stdin io.Closer
	log   *os.File
	ended chan struct{}
	wait  error // of the process; read after ended
}

const (
	bootWithin = 20 * time.Second
	endWithin  = 7 * time.Second // its own close order has 5 s
)

// Ports that systems do not give out by themselves (Linux: 32768 and up, Windows and RFC 6335 §6: 49152 and up): what is free when it is
// chosen is still free when its box has started.
const firstPort, lastPort = 20000, 32000

// nextPort counts those that were tried, from a place that another bench beside this one hardly begins at.
var nextPort = sync.OnceValue(func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(lastPort - firstPort)) // #nosec G404 -- a choice of ports, no secret
	return &n
})

// freePort finds a port of loopback that is free for TCP and UDP.
func freePort() (string, error) {
	for range 50 {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+nextPort().Add(1)%(lastPort-firstPort))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		c, err := net.ListenPacket("udp", addr)
		_ = ln.Close()
		if err == nil {
			_ = c.Close()
			return addr, nil
		}
	}
	return "", errors.New("no free port on loopback")
}

// newBox chooses a box's places; start starts it.
func newBox(program, dir, campus string) (*box, error) {
	b := &box{campus: campus, dir: filepath.Join(dir, campus), program: program, ended: make(chan struct{})}
	var err error
	if b.https, err = freePort(); err != nil {
		return nil, err
	}
	if b.local, err = freePort(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, campus+".toml")
	return b, os.WriteFile(config, fmt.Appendf(nil, "[box]\nname = %q\n", campus), 0o600)
}

func (b *box) start(extra ...string) error {
	args := append([]string{"run", "--until-stdin-closes", "--config", b.dir + ".toml", "--data", b.dir, "--listen", b.https, "--local", b.local}, extra...)
	line := append(append(slices.Clone(b.prefix), b.program), args...)
	b.cmd = exec.Command(line[0], line[1:]...)
	b.cmd.Env = withoutService(os.Environ())
	var err error
	if b.log, err = os.Create(b.dir + ".log"); err != nil {
		return err
	}
	b.cmd.Stderr = b.log
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return errors.Join(err, b.log.Close())
	}
	if err := b.cmd.Start(); err != nil {
		return errors.Join(err, b.log.Close())
	}
	go func() { // ends with the process, which end waits for
		b.wait = b.cmd.Wait()
		close(b.ended)
	}()
	return nil
}

// withoutService takes away what a service manager said to us alone.
func withoutService(env []string) []string {
	var out []string
	for _, v := range env {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "STATE_DIRECTORY":
		default:
			out = append(out, v)
		}
	}
	return out
}

// end lets the process end in its own order, and kills it when that takes too long.
func (b *box) end() {
	if b.cmd == nil || b.cmd.Process == nil {
		return
	}
	_ = b.stdin.Close()
	select {
	case <-b.ended:
	case <-time.After(endWithin):
		_ = b.cmd.Process.Kill()
		<-b.ended
	}
	_ = b.log.Close()
}

// lastWords are the last lines of a box's log.
func (b *box) lastWords() string {
	doc, err := os.ReadFile(b.dir + ".log")
	if err != nil {
		return ""
	}
	return string(doc[max(0, len(doc)-1500):])
}

// ready waits until the box answers.
func (b *box) ready(ctx context.Context) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.local+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-b.ended:
			return fmt.Errorf("the box %s ended (%w): %s", b.campus, b.wait, b.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("the box %s was not ready in %v: %s", b.campus, bootWithin, b.lastWords())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// command runs a subcommand of the program on the box's data and gives the last line of its standard output.
func (b *box) command(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.program, append(args, "--data", b.dir)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("tongke %s at %s: %w: %s", args[0], b.campus, err, strings.TrimSpace(said.String()))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1], nil
}

// join binds child to b at an address.
func (b *box) join(ctx context.Context, child *box, at string) error {
	code, err := b.command(ctx, "invite", "--campus", child.campus, "--name", child.campus)
	if err != nil {
		return err
	}
	_, err = child.command(ctx, "join", "https://"+at, code)
	return err
}

func (b *box) token(ctx context.Context, lesson, role string) (string, error) {
	return b.command(ctx, "token", "--lesson", lesson, "--role", role)
}

// post asks the box's control socket, as its administrator would.
func (b *box) post(ctx context.Context, path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: bootWithin, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(b.dir, "control.sock"))
		}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://box"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s at %s: %w", path, b.campus, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("%s at %s: %s: %s", path, b.campus, res.Status, said)
	}
	return nil
}

// endAll ends boxes, members first, so that none dials a parent that has gone.
func endAll(boxes []*box) {
	var wg sync.WaitGroup
	for _, b := range boxes[min(1, len(boxes)):] {
		wg.Go(b.end)
	}
	wg.Wait()
	if len(boxes) > 0 {
		boxes[0].end()
	}
}
