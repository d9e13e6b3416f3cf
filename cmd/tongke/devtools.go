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
	"sync"
)

// devtools speaks the Chrome DevTools Protocol over the two pipes of --remote-debugging-pipe: JSON messages, each ended by a zero byte.
// Only what a watcher needs is here.
type devtools struct {
	out     io.Writer
	session string // of the page; "" before it is attached
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

// attach finds the first page.
func (d *devtools) attach(ctx context.Context) error {
	var targets struct {
		TargetInfos []struct {
			TargetID string `json:"targetId"`
			Type     string `json:"type"`
		} `json:"targetInfos"`
	}
	if err := d.call(ctx, "", "Target.getTargets", struct{}{}, &targets); err != nil {
		return err
	}
	for _, t := range targets.TargetInfos {
		if t.Type != "page" {
			continue
		}
		var attached struct {
			SessionID string `json:"sessionId"`
		}
		if err := d.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": t.TargetID, "flatten": true}, &attached); err != nil {
			return err
		}
		d.session = attached.SessionID
		return nil
	}
	return errors.New("the browser shows no page")
}

// forget has the page looked for anew: it may have crashed, and another have come.
func (d *devtools) forget() { d.session = "" }

// whereFrom is "" for a page of ours that has had half a minute and did not begin (signaling/console/text.js marks one that did): its own
// guard did not come either.
const whereFrom = `document.readyState === "complete" && performance.now() > 30000 && !("began" in document.documentElement.dataset) ? "" : location.href`

// where asks the page's own thread for its address: a page that hangs does not answer.
func (d *devtools) where(ctx context.Context) (string, error) {
	if d.session == "" {
		if err := d.attach(ctx); err != nil {
			return "", err
		}
	}
	var r struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
	}
	err := d.call(ctx, d.session, "Runtime.evaluate", map[string]any{"expression": whereFrom, "returnByValue": true}, &r)
	return r.Result.Value, err
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
