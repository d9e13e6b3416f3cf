package scenario

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tongke/testbench/link"
	"tongke/testbench/peer"
	"tongke/testbench/peer/bare"
	"tongke/testbench/report"
)

var (
	//go:embed real.html
	realHTML string
	//go:embed real.js
	realJS string
	//go:embed hook.js
	hookJS string
)

// real is one run with real pages: the core box, the bare relay and the emulator here; a member's box and Chromium in a network namespace,
// from which nothing leads out but the emulator's ports.
type real struct {
	*run
	space    namespace
	bare     *bare.Relay
	bareURL  string
	teachers [2]*peer.Teacher // of the core, of the bare relay
	browser  *chromium
}

// namespace is a network namespace with one cable to here.
type namespace struct {
	name, here, there string // addresses of the cable's ends
}

func newNamespace() (namespace, error) {
	id := os.Getpid()
	n := namespace{name: fmt.Sprintf("tongke%d", id), here: fmt.Sprintf("10.213.%d.1", id%250), there: fmt.Sprintf("10.213.%d.2", id%250)}
	cable := fmt.Sprintf("tkb%d", id)
	for _, line := range []string{
		"ip netns add " + n.name,
		"ip link add " + cable + " type veth peer name eth0 netns " + n.name,
		"ip addr add " + n.here + "/30 dev " + cable,
		"ip link set " + cable + " up",
		"ip -n " + n.name + " addr add " + n.there + "/30 dev eth0",
		"ip -n " + n.name + " link set eth0 up",
		"ip -n " + n.name + " link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)[1:]...).CombinedOutput(); err != nil {
			n.remove()
			return n, fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
		}
	}
	return n, nil
}

// remove takes the cable away with the namespace.
func (n namespace) remove() { _ = exec.Command("ip", "netns", "del", n.name).Run() }

func (n namespace) prefix() []string { return []string{"ip", "netns", "exec", n.name} }

// Real measures a scenario with two Chromium pages: a member's classroom page, and one that watches a bare pion relay over the same line. It
// needs root.
func Real(ctx context.Context, s *Scenario, o Options) (*report.Pages, error) {
	if os.Geteuid() != 0 {
		return nil, ErrRoot
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Length == 0 {
		o.Length = s.Length
	}
	raise()
	r := &real{run: &run{s: s, o: o, links: map[string]*link.Link{}, ledger: newLedger(o.Media)}}
	remove, err := r.folder(s.Name + "-real")
	if err != nil {
		return nil, err
	}
	defer remove()
	if r.space, err = newNamespace(); err != nil {
		return nil, err
	}
	defer r.space.remove()
	out, err := r.play(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s with real pages: %w", s.Name, err)
	}
	return out, nil
}

func (r *real) play(ctx context.Context) (*report.Pages, error) {
	network, endNetwork := context.WithCancel(context.WithoutCancel(ctx))
	people, endPeople := context.WithCancel(ctx)
	var servers sync.WaitGroup
	defer func() {
		if r.browser != nil {
			r.browser.close()
		}
		endPeople()
		r.people.Wait()
		endAll(r.boxes)
		endNetwork()
		r.network.Wait()
		servers.Wait()
	}()
	r.o.Progress("真实页面：启动设备 real pages: starting boxes")
	if err := r.buildReal(ctx, network, &servers); err != nil {
		return nil, err
	}
	if err := r.teachBoth(ctx, people); err != nil {
		return nil, err
	}
	pages, err := r.openPages(ctx)
	if err != nil {
		return nil, err
	}
	return r.watchPages(ctx, pages)
}

// realLink makes a link that listens where the namespace can reach it.
func (r *real) realLink(network context.Context, parent string) (*link.Link, error) {
	c := r.s.Links[Member1]
	// Both lines have the name of the member: the same seed loses the same packets on both.
	l, err := link.New(link.Config{Name: Member1, Seed: r.o.Seed, Listen: net.JoinHostPort(r.space.here, "0"), Parent: parent, Length: r.o.Length + time.Minute,
		Down: c.Down, Up: c.Up, NewNamer: func(link.Direction) link.Namer { return newNamer(r.o.Media) }})
	if err != nil {
		return nil, err
	}
	r.network.Go(func() { _ = l.Run(network) }) // ends with network
	return l, nil
}

func (r *real) buildReal(ctx, network context.Context, servers *sync.WaitGroup) error {
	core, err := newBox(r.o.Program, r.dir, Core)
	if err != nil {
		return err
	}
	r.boxes = append(r.boxes, core)
	if err := core.start(r.o.BoxArgs...); err != nil {
		return err
	}
	if err := core.ready(ctx); err != nil {
		return err
	}
	if r.links[Member1], err = r.realLink(network, core.https); err != nil {
		return err
	}
	member, err := newBox(r.o.Program, r.dir, Member1)
	if err != nil {
		return err
	}
	member.prefix = r.space.prefix()
	r.boxes = append(r.boxes, member)
	via := r.links[Member1].Addr().String()
	if err := member.start(append([]string{"--uplink-via", via}, r.o.BoxArgs...)...); err != nil {
		return err
	}
	if err := member.controlled(ctx); err != nil {
		return err
	}
	if err := core.join(ctx, member, via); err != nil {
		return err
	}
	if err := r.serveBare(network, servers); err != nil {
		return err
	}
	return core.post(ctx, "/api/v1/lessons", map[string]any{"id": lessonID, "title": "bench", "campuses": "all"})
}

// controlled waits for a box whose loopback port cannot be reached from here: its control socket is a file.
func (b *box) controlled(ctx context.Context) error {
	for end := time.Now().Add(bootWithin); ; {
		if c, err := net.Dial("unix", filepath.Join(b.dir, "control.sock")); err == nil {
			return c.Close()
		}
		select {
		case <-b.ended:
			return fmt.Errorf("the box %s ended (%w): %s", b.campus, b.wait, b.lastWords())
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("the box %s was not ready in %v: %s", b.campus, bootWithin, b.lastWords())
		}
		if err := wait(ctx, 30*time.Millisecond); err != nil {
			return err
		}
	}
}

// serveBare starts the bare relay with its page, and a line to it.
func (r *real) serveBare(network context.Context, servers *sync.WaitGroup) error {
	addr, err := freePort()
	if err != nil {
		return err
	}
	conn, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp4", addr)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	if r.bare, err = bare.NewOn(conn, nil); err != nil {
		return errors.Join(err, conn.Close(), ln.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/", r.bare)
	serve := func(path, kind, text string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(text)) // a page that went away reads nothing
		})
	}
	serve("/{$}", "text/html; charset=utf-8", realHTML)
	serve("/real.js", "text/javascript", realJS)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	servers.Go(func() { _ = web.Serve(ln) }) // ends with web.Close
	servers.Go(func() {                      // ends with network
		<-network.Done()
		_ = web.Close()
		r.bare.Close()
		_ = conn.Close()
	})
	if r.links["bare"], err = r.realLink(network, addr); err != nil {
		return err
	}
	r.bareURL = "http://" + addr
	return nil
}

// teachBoth teaches the same lesson at the core box and at the bare relay.
func (r *real) teachBoth(ctx, people context.Context) error {
	token, err := r.boxes[0].token(ctx, lessonID, "publish")
	if err != nil {
		return err
	}
	for i, url := range []string{"http://" + r.boxes[0].local, r.bareURL} {
		t, err := peer.NewTeacher(peer.Config{URL: url, Lesson: lessonID, Token: token,
			Timestamps: func(track string) uint32 { return timestampOf(tracks[track]) }}, r.o.Media.lesson, true)
		if err != nil {
			return err
		}
		r.teachers[i] = t
		r.people.Go(func() { _ = t.Run(people) }) // ends with people
	}
	return nil
}
