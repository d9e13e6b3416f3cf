package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tongke/signaling/api"
	"tongke/signaling/join"
)

func TestMeasureUplink(t *testing.T) {
	var bytes int64
	took := int64(2_000_000) // microseconds, as the parent tells
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if bytes > 0 {
			n = bytes
		}
		json.NewEncoder(w).Encode(api.Speed{Bytes: n, Microseconds: took})
	}))
	defer srv.Close()
	dial := join.Dial{URLs: []string{"https://127.0.0.1:1", srv.URL}, TLS: &tls.Config{InsecureSkipVerify: true}}
	// 1 MiB in two seconds.
	if kbps, err := measureUplink(t.Context(), dial); err != nil || kbps != api.MostSpeedBytes*8/2/1000 {
		t.Errorf("%d kb/s, %v", kbps, err)
	}
	bytes = 1000
	if kbps, err := measureUplink(t.Context(), dial); err == nil {
		t.Errorf("of 1000 bytes %d kb/s are told", kbps)
	}
	srv.Close()
	if _, err := measureUplink(t.Context(), dial); err == nil {
		t.Error("nobody is there, and no error")
	}
}

func TestFlowEnds(t *testing.T) {
	f := &flow{block: make([]byte, 100), until: time.Now().Add(time.Hour), left: 250}
	if n, err := io.Copy(io.Discard, f); n != 250 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	f = &flow{block: make([]byte, 100), until: time.Now().Add(-time.Second), left: 250}
	if n, err := io.Copy(io.Discard, f); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}
