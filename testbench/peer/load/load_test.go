package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongke/testbench/peer/bare"
)

// bareEnv makes the test binary a bare relay instead, so that its cost can be read apart from that of the load.
const bareEnv = "TONGKE_LOAD_BARE"

func TestMain(m *testing.M) {
	if os.Getenv(bareEnv) != "" {
		if err := serveBare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBare prints its address and serves until its input ends.
func serveBare() error {
	r, err := bare.New(nil)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() { _, _ = bufio.NewReader(os.Stdin).ReadByte(); os.Exit(0) }() // ends the process with its parent
	return http.Serve(ln, r)
}

// spawn runs a command until the benchmark ends.
func spawn(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// bareTarget starts a bare relay.
func bareTarget(b *testing.B) Target {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), bareEnv+"=1")
	if _, err := cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	spawn(b, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	base := "http://" + strings.TrimSpace(line)
	return Target{Publish: base + "/whip/load", Watch: base + "/whep/load", PIDs: []int{cmd.Process.Pid}}
}

// box is a tongke process.
type box struct {
	dir   string
	pid   int
	local string // URL
	https string
}

var built = ""

// program builds tongke once.
func program(b *testing.B) string {
	b.Helper()
	if built == "" {
		dir, err := os.MkdirTemp("", "tongke-load-")
		if err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(dir, "tongke")
		if out, err := exec.Command("go", "build", "-o", path, "tongke/cmd/tongke").CombinedOutput(); err != nil {
			b.Fatalf("build tongke: %v\n%s", err, out)
		}
		built = path
	}
	return built
}

// startBox runs a box on free loopback ports and waits until it answers.
func startBox(b *testing.B) box {
	b.Helper()
	dir := b.TempDir()
	cmd := exec.Command(program(b), "run", "--data", dir, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	spawn(b, cmd)
	var at struct {
		PID    int      `json:"pid"`
		Local  string   `json:"local"`
		Listen []string `json:"listen"`
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if raw, err := os.ReadFile(filepath.Join(dir, "addresses.json")); err == nil && json.Unmarshal(raw, &at) == nil && len(at.Listen) > 0 {
			break
		}
		if time.Now().After(deadline) {
			b.Fatal("box not ready after 20 s")
		}
	}
	return box{dir: dir, pid: at.PID, local: "http://" + at.Local, https: "https://" + at.Listen[0]}
}

// tongke runs a command and returns its last line.
func tongke(b *testing.B, args ...string) string {
	b.Helper()
	cmd := exec.Command(program(b), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("tongke %s: %v", strings.Join(args, " "), err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func token(b *testing.B, at box, role string) string {
	return tongke(b, "token", "--data", at.dir, "--lesson", "load", "--role", role)
}

// coreTarget is one box with publisher and subscribers.
func coreTarget(b *testing.B) Target {
	core := startBox(b)
	return Target{
		Publish: core.local + "/whip/load", PublishToken: token(b, core, "publish"),
		Watch: core.local + "/whep/load", WatchToken: token(b, core, "watch"), PIDs: []int{core.pid},
	}
}

// memberTarget publishes at a core and subscribes at a member of it.
func memberTarget(b *testing.B) Target {
	core, member := startBox(b), startBox(b)
	code := tongke(b, "invite", "--data", core.dir, "--campus", "sanhe")
	tongke(b, "join", "--data", member.dir, core.https, code)
	return Target{
		Publish: core.local + "/whip/load", PublishToken: token(b, core, "publish"),
		Watch: member.local + "/whep/load", WatchToken: token(b, member, "watch"), PIDs: []int{core.pid, member.pid},
	}
}

// BenchmarkLoad measures, one after the other in one run: stock pion as the yardstick, one box, and core and member together.
func BenchmarkLoad(b *testing.B) {
	for _, way := range []struct {
		name string
		make func(*testing.B) Target
	}{{"bare", bareTarget}, {"core", coreTarget}, {"core+member", memberTarget}} {
		for _, n := range []int{1, 10, 50} {
			b.Run(fmt.Sprintf("%s/subscribers=%d", way.name, n), func(b *testing.B) {
				t := way.make(b)
				ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
				defer cancel()
				var res Result
				for range 1 { // the window is fixed: b.N means nothing here
					var err error
					if res, err = Run(ctx, t, n, 10*time.Second); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(res.MicrosPerPacket(), "µs-CPU/forwarded")
				b.ReportMetric(float64(res.P50.Microseconds()), "p50-µs")
				b.ReportMetric(float64(res.P99.Microseconds()), "p99-µs")
				b.ReportMetric(res.MiBPerSubscriber(), "MiB-RSS/subscriber")
				b.ReportMetric(100*(1-float64(res.Forwarded)/float64(max(res.Expected, 1))), "%lost")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
