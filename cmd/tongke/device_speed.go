package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tongke/signaling/api"
	"tongke/signaling/join"
)

const (
	speedFor   = 4 * time.Second // at most that many bytes are sent
	speedLimit = 15 * time.Second
	// leastSpeed bytes are needed to tell: fewer fit into the buffers of one router.
	leastSpeed = 64 << 10
)

// measureUplink sends bytes to the parent and has it say how fast they came: kilobits a second.
func measureUplink(ctx context.Context, d join.Dial) (kbps int, err error) {
	ctx, cancel := context.WithTimeout(ctx, speedLimit)
	defer cancel()
	tr := &http.Transport{Proxy: d.Proxy, TLSClientConfig: d.TLS, DisableCompression: true}
	defer tr.CloseIdleConnections()
	urls := d.URLs
	if len(urls) == 0 {
		urls = d.Parent.URLs
	}
	err = errors.New("the parent has no address")
	for _, base := range urls {
		var s api.Speed
		if s, err = sendBytes(ctx, &http.Client{Transport: tr}, base); err != nil {
			continue
		}
		if s.Bytes < leastSpeed || s.Microseconds < 1 {
			return 0, fmt.Errorf("%d bytes arrived, too few to tell", s.Bytes)
		}
		return int(s.Bytes * 8 * 1000 / s.Microseconds), nil
	}
	return 0, err
}

func sendBytes(ctx context.Context, client *http.Client, base string) (s api.Speed, err error) {
	block := make([]byte, 16<<10)
	if _, err := rand.Read(block); err != nil { // nothing on the way can make it smaller
		return s, err
	}
	body := &flow{block: block, until: time.Now().Add(speedFor), left: api.MostSpeedBytes}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+api.SpeedPath, body)
	if err != nil {
		return s, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := client.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return s, err
	}
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("the parent answered with status %d", resp.StatusCode)
	}
	return s, json.NewDecoder(bytes.NewReader(doc)).Decode(&s)
}

// flow gives the same block again until the time is over or all is sent.
type flow struct {
	block []byte
	until time.Time
	left  int
}

// Read is io.Reader.
func (f *flow) Read(p []byte) (int, error) {
	if f.left <= 0 || time.Now().After(f.until) {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), f.left)], f.block)
	f.left -= n
	return n, nil
}
