package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"tongke/media/durable"
)

// demoCmd shows a lesson on one computer: a core school and two member schools as three processes of this program, a synthetic teacher,
// and a listening classroom at each member that measures.
type demoCmd struct {
	Dir string        `help:"Keep the boxes' data here; otherwise in a temporary directory that is removed at the end. 数据目录，不写就用临时目录。" placeholder:"D"`
	For time.Duration `help:"End after this time; otherwise at Ctrl-C. 演示多久。" placeholder:"60s"`
}

// demoReady is how long the boxes may take to be up and joined.
const demoReady = 30 * time.Second

const (
	demoAlliance = "示范教联体"
	demoLesson   = "yinyue-molihua"
	demoTitle    = "音乐《茉莉花》"
	demoTeacher  = "李老师"
	demoCore     = "实验小学"
)

var demoMembers = []string{"三河小学", "邬阳小学"}

// demo is one running demonstration.
type demo struct {
	con    *console
	dir    string
	boxes  []*demoBox // the core first
	screen *screen

	children sync.WaitGroup
}

// demoBox is one box of it.
type demoBox struct {
	name         string
	dir          string
	https, local string // addresses, host:port
}

// demoFile is D/demo.json, for programs that drive the demo.
type demoFile struct {
	Lesson string        `json:"lesson"`
	Boxes  []demoFileBox `json:"boxes"`
}

type demoFileBox struct {
	Name  string            `json:"name"`
	HTTPS string            `json:"https"`
	Local string            `json:"local"`
	Pages map[string]string `json:"pages"`
}

// Run is the demonstration from its first process to its last.
func (c *demoCmd) Run(con *console) error {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	dir, remove, err := c.folder()
	if err != nil {
		return err
	}
	d := &demo{con: con, dir: dir, screen: newScreen(con)}
	if d.boxes, err = placeBoxes(dir); err != nil {
		remove()
		return err
	}
	err = d.play(ctx)
	remove()
	if err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// folder is where the demo keeps its data, and how that is cleared away.
func (c *demoCmd) folder() (dir string, remove func(), err error) {
	if c.Dir != "" {
		dir, err = filepath.Abs(c.Dir)
		if err == nil {
			err = prepareData(dir)
		}
		return dir, func() {}, err
	}
	if dir, err = os.MkdirTemp("", "tongke-demo-"); err != nil {
		return "", nil, dataFault(os.TempDir(), err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}

// placeBoxes chooses ports: the usual ones, or the next that are free. 443 is never taken: the demo must not stand in a real box's way.
func placeBoxes(dir string) ([]*demoBox, error) {
	taken := map[int]bool{}
	var boxes []*demoBox
	for i, b := range []struct {
		name, dir    string
		https, local int
	}{
		{demoCore, "core", 8443, 8080}, {demoMembers[0], "member1", 8453, 8090}, {demoMembers[1], "member2", 8463, 8100},
	} {
		https, err := freePort("", b.https, true, taken)
		if err != nil {
			return nil, err
		}
		local, err := freePort("127.0.0.1", b.local, false, taken)
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, &demoBox{
			name: b.name, dir: filepath.Join(dir, b.dir),
			https: net.JoinHostPort("127.0.0.1", strconv.Itoa(https)), local: net.JoinHostPort("127.0.0.1", strconv.Itoa(local)),
		})
		if err := os.MkdirAll(boxes[i].dir, 0o700); err != nil {
			return nil, dataFault(dir, err)
		}
	}
	return boxes, nil
}

// play runs the boxes, the lesson and its people until ctx ends or something cannot go on. The people leave first, while their boxes
// still answer them.
func (d *demo) play(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	boxes, endBoxes := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		d.screen.say("正在结束…  Ending.")
		endBoxes()
		d.children.Wait()
	}()
	d.screen.say("正在启动三台设备…  Starting three boxes.")
	for _, b := range d.boxes {
		if err := d.startBox(boxes, b, fail); err != nil {
			return err
		}
	}
	up, ready := context.WithTimeout(ctx, demoReady)
	defer ready()
	if err := d.prepare(up); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause // a box that cannot run
		}
		return err
	}
	if err := d.teach(ctx); err != nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// startBox starts one box, which ends with ctx. fail is told when it cannot run at all.
func (d *demo) startBox(ctx context.Context, b *demoBox, fail context.CancelCauseFunc) error {
	config := filepath.Join(b.dir, "tongke.toml")
	text := fmt.Sprintf("[box]\nname = %q\n\n[device]\nself_test = false\n", b.name) // a show is given without a chirp
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return dataFault(b.dir, err)
	}
	_, port, err := net.SplitHostPort(b.https)
	if err != nil {
		return err
	}
	c := &child{
		name: b.name,
		args: []string{"run", "--until-stdin-closes", "--config", config, "--data", b.dir, "--listen", ":" + port, "--local", b.local},
		log:  filepath.Join(b.dir, "log"),
		tell: d.screen.say,
	}
	d.children.Go(func() { // ends with ctx
		if err := c.run(ctx); err != nil {
			fail(err)
		}
	})
	return nil
}

// prepare joins the members to the core over the same way as real ones, and makes the lesson.
func (d *demo) prepare(ctx context.Context) error {
	for _, b := range d.boxes {
		if err := waitReady(ctx, b.local); err != nil {
			return err
		}
	}
	core := d.boxes[0]
	for _, b := range d.boxes[1:] {
		code, _, err := invite(ctx, core.dir, invitation{Campus: b.name, Name: b.name})
		if err != nil {
			return err
		}
		// Replacing, because an earlier demo in the same directory may have had other ports.
		if _, err := joinParent(ctx, b.dir, "https://"+core.https, code, true); err != nil {
			return err
		}
	}
	if err := d.makeLesson(ctx); err != nil {
		return err
	}
	return d.writeFile(ctx)
}

// makeLesson makes the lesson, unless an earlier demo in the same directory left it.
func (d *demo) makeLesson(ctx context.Context) error {
	c, err := dialControl(d.boxes[0].dir)
	if err != nil {
		return err
	}
	err = c.call(ctx, "POST", "/api/v1/lessons", map[string]any{"id": demoLesson, "title": demoTitle, "teacher": demoTeacher, "campuses": "all", "record": "keep"}, nil)
	var r *refusal
	if errors.As(err, &r) && r.Code == "lesson-exists" {
		return nil
	}
	return refusalFault(err)
}

// writeFile writes demo.json: which boxes there are and which of their pages exist. The lesson is taught at the core.
func (d *demo) writeFile(ctx context.Context) error {
	f := demoFile{Lesson: demoLesson}
	for i, b := range d.boxes {
		pages := map[string]string{}
		for _, p := range []struct{ name, path, role string }{
			{"class", "/class/" + demoLesson, "classroom"}, {"teach", "/teach/" + demoLesson, "teacher"}, {"library", "/library", "teacher"},
		} {
			if p.name == "teach" && i > 0 {
				continue
			}
			page, err := d.page(ctx, b, p.path, p.role)
			if err != nil {
				return err
			}
			pages[p.name] = page
		}
		f.Boxes = append(f.Boxes, demoFileBox{Name: b.name, HTTPS: "https://" + b.https, Local: "http://" + b.local, Pages: pages})
	}
	doc, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.Replace(filepath.Join(d.dir, "demo.json"), append(doc, '\n'), 0o600); err != nil {
		return dataFault(d.dir, err)
	}
	d.screen.pages(f)
	return nil
}

// page is the address of a box's page, with a token that lets it in from anywhere.
func (d *demo) page(ctx context.Context, b *demoBox, path, role string) (string, error) {
	r := tokenRequest{Lesson: demoLesson, Role: role, TTL: 24 * time.Hour}
	if role == "classroom" {
		r.Campus = b.name
	}
	t, err := newToken(ctx, b.dir, r)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://%s%s#token=%s", b.local, path, t), nil
}
