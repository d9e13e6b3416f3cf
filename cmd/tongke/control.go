package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// control talks HTTP to the daemon that runs on a data directory, through its control socket.
type control struct{ client *http.Client }

// errNoDaemon: nobody answers on the control socket.
var errNoDaemon = errors.New("no daemon runs on this data directory")

// dialControl finds the daemon of dir; errNoDaemon when none runs.
func dialControl(dir string) (*control, error) {
	conn, err := dialSocket(dir)
	if err != nil {
		return nil, errNoDaemon // absent, or left behind by a daemon that was killed
	}
	conn.Close()
	return &control{&http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return dialSocket(dir) },
		},
	}}, nil
}

func dialSocket(dir string) (conn net.Conn, err error) {
	err = withSocketPath(dir, func(path string) error {
		conn, err = net.DialTimeout("unix", path, 2*time.Second)
		return err
	})
	return conn, err
}

// maxSocketPath is what fits in sockaddr_un with its closing zero (unix(7): 108 bytes on Linux, 104 on the BSDs).
const maxSocketPath = 103

// withSocketPath gives f a path of the control socket that a socket address can hold.
func withSocketPath(dir string, f func(path string) error) error {
	path := filepath.Join(dir, controlSocket)
	if len(path) <= maxSocketPath || runtime.GOOS != "linux" {
		return f(path)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), controlSocket))
}

// refusal is an answer other than success, with the API's code.
type refusal struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

// call sends in as JSON, if there is any, and reads the answer into out, if it is wanted.
func (c *control) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		doc, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	defer res.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	if res.StatusCode/100 != 2 {
		r := &refusal{Status: res.StatusCode}
		if json.Unmarshal(doc, r) != nil || r.Code == "" {
			return fmt.Errorf("the daemon answered %s to %s %s", res.Status, method, path)
		}
		return r
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(doc, out)
}
