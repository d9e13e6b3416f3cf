package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// chromium is a running browser, spoken to by the DevTools protocol over a pipe: that reaches into a network namespace, where its port
// could not be reached.
type chromium struct {
	cmd  *exec.Cmd
	in   *os.File
	out  *os.File
	done chan struct{} // the reader has ended

	mu      sync.Mutex
	next    int
	waiting map[int]chan cdpAnswer
}

type cdpAnswer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// ErrNoChromium says what the real pages need.
var ErrNoChromium = errors.New("no chromium: apt-get install chromium")

// startChromium starts a browser by a command line that ends where Chromium's arguments begin (ip netns exec NAME), with a profile in dir.
func startChromium(prefix []string, dir string, log *os.File) (*chromium, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrNoChromium
	}
	args := append(append([]string(nil), prefix...), path, "--headless=new", "--no-sandbox", "--no-first-run", "--remote-debugging-pipe", "--user-data-dir="+dir,
		"--window-size=1280,800", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--mute-audio", "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
		"--use-fake-device-for-media-stream", "about:blank")
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), in.Close())
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.Stderr = log
	err = cmd.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	c := &chromium{cmd: cmd, in: in, out: out, done: make(chan struct{}), waiting: map[int]chan cdpAnswer{}}
	go c.listen() // ends when the browser closes its end
	return c, nil
}

// maxCDP bounds one message of the browser.
const maxCDP = 32 << 20

func (c *chromium) listen() {
	defer close(c.done)
	s := bufio.NewScanner(c.out)
	s.Buffer(nil, maxCDP)
	s.Split(func(data []byte, end bool) (int, []byte, error) { // messages end with a zero byte
		for i, b := range data {
			if b == 0 {
				return i + 1, data[:i], nil
			}
		}
		return 0, nil, nil
	})
	for s.Scan() {
		var a cdpAnswer
		if json.Unmarshal(s.Bytes(), &a) != nil || a.ID == 0 {
			continue // an event
		}
		c.mu.Lock()
		ch := c.waiting[a.ID]
		delete(c.waiting, a.ID)
		c.mu.Unlock()
		if ch != nil {
			ch <- a
		}
	}
}

// call asks the browser, or one tab of it, and reads the answer into result.
func (c *chromium) call(ctx context.Context, session, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ch := make(chan cdpAnswer, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.waiting[id] = ch
	msg, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params"`
	}{id, session, method, params})
	if err == nil {
		_, err = c.in.Write(append(msg, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a := <-ch:
		switch {
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result != nil:
			return json.Unmarshal(a.Result, result)
		}
		return nil
	case <-c.done:
		return fmt.Errorf("%s: the browser has ended", method)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// open opens a page in a window of its own; before is a script that runs before the page's.
func (c *chromium) open(ctx context.Context, url, before string) (session string, err error) {
	var target struct {
		ID string `json:"targetId"`
	}
	if err := c.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank", "newWindow": true}, &target); err != nil {
		return "", err
	}
	var attached struct {
		ID string `json:"sessionId"`
	}
	if err := c.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached); err != nil {
		return "", err
	}
	for _, step := range []struct {
		method string
		params any
	}{
		{"Page.enable", map[string]any{}},
		{"Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": before}},
		{"Page.navigate", map[string]any{"url": url}},
	} {
		if err := c.call(ctx, attached.ID, step.method, step.params, nil); err != nil {
			return "", err
		}
	}
	return attached.ID, nil
}

// eval evaluates an expression in a page, waits for it if it is a promise, and reads its value.
func (c *chromium) eval(ctx context.Context, session, expression string, value any) error {
	var out struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := c.call(ctx, session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &out)
	if err != nil {
		return err
	}
	if out.Exception != nil {
		return fmt.Errorf("in the page: %s %s", out.Exception.Text, out.Exception.Exception.Description)
	}
	if value == nil || len(out.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(out.Result.Value, value)
}

// close ends the browser.
func (c *chromium) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	_ = c.call(ctx, "", "Browser.close", map[string]any{}, nil)
	cancel()
	ended := make(chan struct{})
	go func() { // ends with the process
		_ = c.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		_ = c.cmd.Process.Kill()
		<-ended
	}
	_ = c.in.Close()
	_ = c.out.Close()
	<-c.done
}
