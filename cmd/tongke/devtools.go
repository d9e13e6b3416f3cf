package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// devtools speaks the Chrome DevTools Protocol over the two pipes of --remote-debugging-pipe: JSON messages, each ended by a zero byte.
// Only what a watcher needs is here.
type devtools struct {
	out     io.Writer
	session string // of the page; "" before it is attached
	target  string // the page
	next    int

	mu      sync.Mutex
	waiting map[int]chan devtoolsMessage
	err     error // the reader has ended
}

type devtoolsMessage struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// maxMessage bounds one message of the browser.
const maxMessage = 4 << 20

// newDevtools starts a reader, which ends with in.
func newDevtools(in io.Reader, out io.Writer) *devtools {
	d := &devtools{out: out, waiting: map[int]chan devtoolsMessage{}}
	go d.read(in) // ends when the browser's end of the pipe is closed
	return d
}

func (d *devtools) read(in io.Reader) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxMessage)
	s.Split(func(data []byte, _ bool) (int, []byte, error) {
		if i := bytes.IndexByte(data, 0); i >= 0 {
			return i + 1, data[:i], nil
		}
		return 0, nil, nil
	})
	for s.Scan() {
		var m devtoolsMessage
		if json.Unmarshal(s.Bytes(), &m) != nil || m.ID == 0 {
			continue // events
		}
		d.mu.Lock()
		c := d.waiting[m.ID]
		delete(d.waiting, m.ID)
		d.mu.Unlock()
		if c != nil {
			c <- m
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err = s.Err(); d.err == nil {
		d.err = io.EOF
	}
	for id, c := range d.waiting {
		close(c)
		delete(d.waiting, id)
	}
}

// call asks and waits for the answer. It belongs to one goroutine.
func (d *devtools) call(ctx context.Context, session, method string, params, result any) error {
	d.next++
	m := devtoolsMessage{ID: d.next, Session: session, Method: method, Params: params}
	doc, err := json.Marshal(m)
	if err != nil {
		return err
	}
	answer := make(chan devtoolsMessage, 1)
	d.mu.Lock()
	if err := d.err; err != nil {
		d.mu.Unlock()
		return err
	}
	d.waiting[m.ID] = answer
	d.mu.Unlock()
	if _, err := d.out.Write(append(doc, 0)); err != nil {
		return err
	}
	select {
	case a, ok := <-answer:
		switch {
		case !ok:
			return io.EOF
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-ctx.Done():
		d.mu.Lock()
		delete(d.waiting, m.ID)
		d.mu.Unlock()
		return ctx.Err()
	}
}

// devtoolsTarget is what the browser tells of one of its pages.
type devtoolsTarget struct {
	ID   string `json:"targetId"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

// pages are the browser's tabs and windows.
func (d *devtools) pages(ctx context.Context) ([]devtoolsTarget, error) {
	var r struct {
		TargetInfos []devtoolsTarget `json:"targetInfos"`
	}
	if err := d.call(ctx, "", "Target.getTargets", struct{}{}, &r); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(r.TargetInfos, func(t devtoolsTarget) bool { return t.Type != "page" }), nil
}

// attach finds the wall's page, or else one of the same site, or else the first.
func (d *devtools) attach(ctx context.Context, page string) error {
	all, err := d.pages(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("the browser shows no page")
	}
	at := slices.IndexFunc(all, func(t devtoolsTarget) bool { return strings.HasPrefix(t.URL, page) })
	if at < 0 {
		at = max(0, slices.IndexFunc(all, func(t devtoolsTarget) bool { return samePlace(t.URL, page) }))
	}
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	if err := d.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": all[at].ID, "flatten": true}, &attached); err != nil {
		return err
	}
	d.session, d.target = attached.SessionID, all[at].ID
	return nil
}

// alone closes every other tab and window: one that a key of the browser's own opened would stand before the lesson, with nobody there to
// close it. It gives the addresses of those it closed.
func (d *devtools) alone(ctx context.Context) (closed []string, err error) {
	all, err := d.pages(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.ID == d.target {
			continue
		}
		if err := d.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": t.ID}, nil); err != nil {
			return closed, err
		}
		closed = append(closed, t.URL)
	}
	return closed, nil
}

// forget has the page looked for anew: it may have crashed, and another have come.
func (d *devtools) forget() { d.session = "" }

// whereFrom tells where a page is, and whether it believes itself hidden. The place is "" for a page of ours that has had half a minute and did
// not begin (signaling/console/text.js marks one that did): its own guard did not come either.
const whereFrom = `({
	at: document.readyState === "complete" && performance.now() > 30000 && !("began" in document.documentElement.dataset) ? "" : location.href,
	hidden: document.hidden,
})`

// where asks the page's own thread for its address: a page that hangs does not answer. One that believes itself hidden, and so draws nothing,
// is brought to the front.
func (d *devtools) where(ctx context.Context, page string) (string, error) {
	if d.session == "" {
		if err := d.attach(ctx, page); err != nil {
			return "", err
		}
	}
	var r struct {
		Result struct {
			Value struct {
				At     string `json:"at"`
				Hidden bool   `json:"hidden"`
			} `json:"value"`
		} `json:"result"`
	}
	err := d.call(ctx, d.session, "Runtime.evaluate", map[string]any{"expression": whereFrom, "returnByValue": true}, &r)
	if err == nil && r.Result.Value.Hidden {
		_ = d.call(ctx, d.session, "Page.bringToFront", nil, nil) // whether it came, the next question tells
	}
	return r.Result.Value.At, err
}

// goTo sends the page to an address; whether it arrives, the next question tells.
func (d *devtools) goTo(page string) {
	ctx, cancel := context.WithTimeout(context.Background(), kioskAsk)
	defer cancel()
	_ = d.call(ctx, d.session, "Page.navigate", map[string]any{"url": page}, nil)
}

// samePlace: the page may go on to a lesson below its address, not to another site nor to the browser's own pages.
func samePlace(where, page string) bool {
	a, err1 := url.Parse(where)
	b, err2 := url.Parse(page)
	return err1 == nil && err2 == nil && a.Scheme == b.Scheme && a.Host == b.Host
}
