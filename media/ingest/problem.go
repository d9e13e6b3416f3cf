package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Errors that Authorize and Lessons return to choose the answer. Any other error is answered 500 and logged, its text stays in the box.
var (
	// ErrNoToken: nobody is named, or the token is unknown, expired or taken back (401).
	ErrNoToken = errors.New("no valid token")
	// ErrForbidden: the token is good, but not for this lesson or this direction (403).
	ErrForbidden = errors.New("token does not allow this")
	// ErrLessonEnded: the lesson is over and takes no media any more (409 for a publisher).
	ErrLessonEnded = errors.New("lesson has ended")
)

// problem is an answer that is not a success. Its code and message go to the client as JSON.
type problem struct {
	status     int
	code       string // kebab-case, stable
	message    string // names the thing and the cure
	retryAfter time.Duration
	header     [2]string // one more header, e.g. Allow
}

func (p *problem) Error() string { return p.code + ": " + p.message }

func refuse(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (p *problem) with(name, value string) *problem {
	p.header = [2]string{name, value}
	return p
}

func (p *problem) retry(d time.Duration) *problem {
	p.retryAfter = d
	return p
}

// gone is p as the end of a session that there was (410).
func (p *problem) gone() *problem {
	out := *p
	out.status = http.StatusGone
	return &out
}

// writeProblem answers with err. What is not a *problem is the box's own fault: 500, and the caller logs it.
func writeProblem(w http.ResponseWriter, err error) {
	var p *problem
	if !errors.As(err, &p) {
		p = refuse(http.StatusInternalServerError, "internal", "the box could not do this; its log says why")
	}
	h := w.Header()
	if p.header[0] != "" {
		h.Set(p.header[0], p.header[1])
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	// The client may be gone; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{p.code, p.message})
}
