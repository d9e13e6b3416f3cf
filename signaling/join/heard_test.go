package join_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"tongke/signaling/join"
	"tongke/signaling/join/jointest"
	"tongke/signaling/store"
)

// TestWhatTimeItIsAtTheParent: a child hears the clock of now with every answer, also from a parent of an older version.
func TestWhatTimeItIsAtTheParent(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		ahead  time.Duration
		says   bool
		told   []string
	}{
		{"its own", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"urls":["https://192.0.2.1:8443"]}`)) }, 0, true, []string{"https://192.0.2.1:8443"}},
		{"eight hours ahead", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(8*time.Hour).UTC().Format(http.TimeFormat))
			w.Write([]byte(`{"urls":[]}`))
		}, 8 * time.Hour, true, nil},
		{"without the list", http.NotFound, 0, true, nil},
		{"without a clock", func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil; w.Write([]byte(`{"urls":[]}`)) }, 0, false, nil},
	} {
		parent, child := jointest.New(t), jointest.New(t)
		url := serveTLS(t, tt.answer, parent)
		d := join.Dial{Parent: store.Parent{ID: parent.ID, URLs: []string{url}}, TLS: only(child.Client, parent)}
		told, _, heard, _ := join.TellAddresses(t.Context(), d, nil)
		if !slices.Equal(told, tt.told) || heard.Time.IsZero() == tt.says {
			t.Errorf("%s: told %v, %+v", tt.name, told, heard)
		}
		now := time.Now()
		if off := heard.Right(now).Sub(now.Add(tt.ahead)).Abs(); tt.says && (off > heard.Error || heard.Error < time.Second/2) {
			t.Errorf("%s: away by %v, and should be by %v at most", tt.name, off, heard.Error)
		}
	}
}
