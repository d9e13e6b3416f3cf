package scenario

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"tongke/media/packet"
	"tongke/testbench/report"
)

// The reference is what this machine does to packets without any of our boxes: a process of the same program that sends each datagram back,
// and nothing else, is asked a hundred times a second while the boxes are measured. Limits may allow for a multiple of what it shows, and
// packets that were under way while the machine stood still do not count as slow relays: so a busy machine breaks no limit, and a relay that
// is slow or unsteady by itself still does.
const (
	referenceEvery = 10 * time.Millisecond
	referenceStall = 8 * time.Millisecond // later than this, going out or coming back: the machine stood still
)

// Reflect is the other process: it tells its address in a line and sends back what comes there, until in ends.
func Reflect(in io.Reader, out io.Writer) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, c.LocalAddr())
	go func() { // ends with in, whose other end our parent holds
		_, _ = io.Copy(io.Discard, in)
		_ = c.Close()
	}()
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			_, _ = c.WriteToUDPAddrPort(b[:n], from)
		}
	}
}

// reference is our end.
type reference struct {
	cmd   *exec.Cmd
	stdin io.Closer
	conn  *net.UDPConn

	mu    sync.Mutex
	asked []question
}

// question is one datagram: when it should have gone, when it went, when it was back (0: never).
type question struct{ due, sent, back packet.Time }

func newReference(program string) (*reference, error) {
	cmd := exec.Command(program, "bench", "--reflect")
	cmd.Env = withoutService(cmd.Environ())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &reference{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(io.LimitReader(stdout, 100)).ReadString('\n')
	if err == nil {
		var at netip.AddrPort
		if at, err = netip.ParseAddrPort(strings.TrimSpace(line)); err == nil {
			r.conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
		}
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("start the reference process: %w", err)
	}
	return r, nil
}

// run asks until ctx ends.
func (r *reference) run(ctx context.Context) {
	defer r.close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(r.listen) // ends when conn is closed
	defer r.conn.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	b := make([]byte, 200)
	for next := packet.Now(); ; next = next.Add(referenceEvery) {
		timer.Reset(max(next.Sub(packet.Now()), 0))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		binary.BigEndian.PutUint32(b, uint32(len(r.asked)))
		r.asked = append(r.asked, question{due: next, sent: packet.Now()})
		r.mu.Unlock()
		_, _ = r.conn.Write(b)
	}
}

func (r *reference) listen() {
	b := make([]byte, 2048)
	for {
		n, err := r.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		now := packet.Now()
		if err != nil || n < 4 {
			continue
		}
		r.mu.Lock()
		if i := binary.BigEndian.Uint32(b); int(i) < len(r.asked) {
			r.asked[i].back = now
		}
		r.mu.Unlock()
	}
}

func (r *reference) close() {
	_ = r.stdin.Close()
	if r.conn != nil {
		_ = r.conn.Close()
	}
	done := make(chan struct{})
	go func() { // ends with the process
		_ = r.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
		_ = r.cmd.Process.Kill()
		<-done
	}
}

// The playout that concealment is counted by, as in testbench/peer.
const jitterBuffer = 60 * time.Millisecond

// figures are the reference's over a window, as those of a stream, and what noise is held to be beside measures of the relays.
func (r *reference) figures(w window) (report.Stream, map[string]float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ps []passage
	late, last, longest := 0, w.from, time.Duration(0)
	for i, q := range r.asked {
		if !w.holds(q.due) {
			continue
		}
		ps = append(ps, passage{unit: unit{k: int64(i)}, sent: q.sent, arrived: q.back, lost: q.back == 0})
		if q.back == 0 || q.back.Sub(q.due) > jitterBuffer {
			late++
		}
		if q.back != 0 {
			longest = max(longest, q.back.Sub(last))
			last = max(last, q.back)
		}
	}
	s := measureHop("reference", voice, coreHops()[1], [][]passage{ps})
	s.Freezes.MaxMs = round(ms(longest))
	if len(ps) > 0 {
		s.ConcealedPct = round(100 * float64(late) / float64(len(ps)))
	}
	delays, jitters, _ := relayed(ps, nil, w.from)
	return s, map[string]float64{"relayMs.p50": typical(delays, 0.5), "relayMs.p95": typical(delays, 0.95), "relayJitterMs.p95": typical(jitters, 0.95)}
}

// stalls are the times in which the machine stood still, in order.
func (r *reference) stalls() (out []window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.asked {
		to := q.back
		if to == 0 {
			to = q.sent.Add(time.Second)
		}
		if to.Sub(q.due) < referenceStall {
			continue
		}
		if n := len(out); n > 0 && q.due <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, to)
		} else {
			out = append(out, window{q.due, to})
		}
	}
	return out
}

// touches reports whether a time from a to b has to do with one of the windows, which are in order.
func touches(all []window, a, b packet.Time) bool {
	i, _ := slices.BinarySearchFunc(all, a, func(w window, t packet.Time) int { return cmp.Compare(w.to, t) })
	return i < len(all) && all[i].from <= b
}

// noise is the figure of the reference that stands beside a measure.
func (f *figures) noise(measure string) float64 {
	if v, ok := f.refRelay[measure]; ok {
		return v
	}
	beside := map[string]string{"recoveryMs": "latencyMs.max", "joinMs.p50": "latencyMs.p95", "joinMs.p99": "latencyMs.max", "calledMs": "latencyMs.p99"}
	if m, ok := beside[measure]; ok {
		measure = m
	}
	v, _ := f.ref.Value(measure)
	return v
}
