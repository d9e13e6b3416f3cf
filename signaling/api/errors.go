package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tongke/media/library"
	"tongke/media/mux"
	"tongke/media/recorder/journal"
	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/lesson"
	"tongke/signaling/store"
	"tongke/signaling/timetable"
)

// The faults that begin here.
var (
	errNoRoute   = errors.New("there is nothing at this address")
	errMethod    = errors.New("this address does not take that method; see Allow")
	errHost      = errors.New("open this box as http://127.0.0.1")
	errOrigin    = errors.New("another site's page may not do this")
	errSignIn    = errors.New("sign in first")
	errForbidden = errors.New("you may not do this")
	errMediaType = errors.New("the body must be application/json")
	errTooLarge  = errors.New("the body is larger than 64 KiB")
	errNoBox     = errors.New("this box joins nobody at the moment")
	errNotReady  = errors.New("the box is not ready")
	errDue       = errors.New("choose a password first")
	errNoLibrary = errors.New("this box keeps no recordings")

	errMayNotChange   = errors.New("you may watch this recording and not change it")
	errMayNotDownload = errors.New("您可以看，不能下载，请找录课的老师. You may watch, not download; ask the teacher")
)

// badJSON is a body that is not what the route takes.
type badJSON struct{ err error }

func (e *badJSON) Error() string { return "the body: " + e.err.Error() }

// codes is the one table from what goes wrong inside to what the outside is told. The first that matches counts; what is not in it is
// "internal", and its text stays in the log.
var codes = []struct {
	err    error
	status int
	code   string
}{
	{errNoRoute, http.StatusNotFound, "not-found"},
	{errMethod, http.StatusMethodNotAllowed, "method-not-allowed"},
	{errHost, http.StatusMisdirectedRequest, "wrong-host"},
	{errOrigin, http.StatusForbidden, "cross-origin"},
	{errSignIn, http.StatusUnauthorized, "sign-in-needed"},
	{errForbidden, http.StatusForbidden, "forbidden"},
	{errMediaType, http.StatusUnsupportedMediaType, "json-needed"},
	{errTooLarge, http.StatusRequestEntityTooLarge, "body-too-large"},
	{errNoBox, http.StatusServiceUnavailable, "join-unavailable"},
	{errNotReady, http.StatusServiceUnavailable, "not-ready"},

	{errDue, http.StatusForbidden, "password-due"},

	{errNoDevice, http.StatusServiceUnavailable, "device-not-available"},
	{errMeasuring, http.StatusServiceUnavailable, "busy"},
	{errHours, http.StatusBadRequest, "hours-invalid"},
	{errVolume, http.StatusBadRequest, "volume-invalid"},

	{auth.ErrPerson, http.StatusBadRequest, "person-invalid"},
	{auth.ErrPersonExists, http.StatusConflict, "person-exists"},
	{auth.ErrPersonUnknown, http.StatusNotFound, "person-unknown"},
	{auth.ErrLastAdmin, http.StatusConflict, "person-stays"},
	{auth.ErrTooManyPeople, http.StatusServiceUnavailable, "too-many-people"},
	{auth.ErrPhones, http.StatusConflict, "phones-full"},
	{timetable.ErrChanged, http.StatusConflict, "timetable-changed"},
	{timetable.ErrFaults, http.StatusUnprocessableEntity, "timetable-faults"},
	{timetable.ErrEmpty, http.StatusBadRequest, "timetable-empty"},

	{auth.ErrTokenForged, http.StatusUnauthorized, "token-forged"},
	{auth.ErrTokenExpired, http.StatusUnauthorized, "token-expired"},
	{auth.ErrTokenLesson, http.StatusForbidden, "token-wrong-lesson"},
	{auth.ErrTokenRequest, http.StatusBadRequest, "token-invalid"},
	{auth.ErrCredentials, http.StatusUnauthorized, "password-wrong"},
	{auth.ErrPassword, http.StatusBadRequest, "password-refused"},
	{auth.ErrBusy, http.StatusServiceUnavailable, "busy"},

	{lesson.ErrUnknown, http.StatusNotFound, "lesson-unknown"},
	{lesson.ErrExists, http.StatusConflict, "lesson-exists"},
	{lesson.ErrEnded, http.StatusConflict, "lesson-ended"},
	{lesson.ErrElsewhere, http.StatusConflict, "lesson-elsewhere"},
	{lesson.ErrNoRecorder, http.StatusConflict, "recording-not-available"},
	{lesson.ErrTooMany, http.StatusServiceUnavailable, "too-many-lessons"},

	{join.ErrWrong, http.StatusForbidden, join.ErrWrong.Code},
	{join.ErrUsed, http.StatusGone, join.ErrUsed.Code},
	{join.ErrExpired, http.StatusGone, join.ErrExpired.Code},
	{join.ErrMismatch, http.StatusForbidden, join.ErrMismatch.Code},
	{join.ErrTries, http.StatusTooManyRequests, join.ErrTries.Code},
	{join.ErrUnreachable, http.StatusBadGateway, join.ErrUnreachable.Code},
	{join.ErrLoop, http.StatusConflict, join.ErrLoop.Code},
	{join.ErrJoined, http.StatusConflict, join.ErrJoined.Code},
	{join.ErrRequest, http.StatusBadRequest, join.ErrRequest.Code},
	{join.ErrPlace, http.StatusBadRequest, join.ErrPlace.Code},
	{join.ErrNoBox, http.StatusNotFound, join.ErrNoBox.Code},
	{join.ErrOccupied, http.StatusConflict, join.ErrOccupied.Code},
	{join.ErrPairings, http.StatusServiceUnavailable, join.ErrPairings.Code},
	{join.ErrPairing, http.StatusConflict, join.ErrPairing.Code},
	{join.ErrNoPairing, http.StatusNotFound, join.ErrNoPairing.Code},
	{join.ErrRefused, http.StatusForbidden, join.ErrRefused.Code},
	{join.ErrPairExpired, http.StatusGone, join.ErrPairExpired.Code},
	{auth.ErrCodeUsed, http.StatusGone, "code-used"},
	{auth.ErrCodeExpired, http.StatusGone, "code-expired"},
	{auth.ErrCodeRequest, http.StatusBadRequest, "code-invalid"},
	{join.ErrInvitations, http.StatusServiceUnavailable, join.ErrInvitations.Code},

	{errNoCameras, http.StatusServiceUnavailable, "cameras-not-available"},
	{errNoLibrary, http.StatusServiceUnavailable, "library-not-available"},
	{errMayNotChange, http.StatusForbidden, "recording-forbidden"},
	{errMayNotDownload, http.StatusForbidden, "download-forbidden"},
	{library.ErrUnknown, http.StatusNotFound, "recording-unknown"},
	{library.ErrLive, http.StatusConflict, "recording-live"},
	{library.ErrProtected, http.StatusConflict, "recording-protected"},
	{library.ErrNoStream, http.StatusNotFound, "stream-unknown"},
	{library.ErrPreparing, http.StatusServiceUnavailable, "recording-preparing"},
	{library.ErrNoJob, http.StatusNotFound, "export-unknown"},
	{library.ErrNotReady, http.StatusConflict, "export-not-ready"},
	{library.ErrTooManyJobs, http.StatusServiceUnavailable, "too-many-exports"},
	{library.ErrNoSpace, http.StatusInsufficientStorage, "disk-full"},
	{mux.ErrFormat, http.StatusBadRequest, "format-invalid"},
	{mux.ErrNoStream, http.StatusNotFound, "stream-unknown"},
	{mux.ErrEmpty, http.StatusConflict, "recording-empty"},
	{mux.ErrGone, http.StatusGone, "fragment-gone"}, // damaged, or erased just now: the recording is to be asked for again
	{library.ErrUnreadable, http.StatusGone, "recording-unreadable"},
	{journal.ErrErased, http.StatusGone, "recording-erased"},
	{store.ErrNotFound, http.StatusNotFound, "not-found"},
	{context.Canceled, 499, "gone-away"}, // nobody reads it
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "busy"},
}

// fault is an error as the outside sees it.
type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Left    *int   `json:"left,omitempty"` // tries that remain

	// What a page of the device says to the person before it.
	Text  *Words    `json:"text,omitempty"`
	Field string    `json:"field,omitempty"` // of the body
	Until time.Time `json:"until,omitzero"`
}

// describe finds an error's place in the table.
func describe(err error) (status int, f fault, wait time.Duration) {
	var tries *auth.TooManyTries
	var password *auth.WrongPassword
	var assist *auth.WrongCode
	var bad *badJSON
	var invalid *lesson.Invalid
	var device *DeviceError
	switch {
	case errors.As(err, &device):
		return device.Status, fault{Code: device.Code, Message: device.Error(), Text: &device.Text, Field: device.Field, Until: device.Until}, 0
	case errors.As(err, &tries):
		return http.StatusTooManyRequests, fault{Code: "too-many-tries", Message: tries.Error()}, tries.Wait
	case errors.As(err, &password):
		return http.StatusUnauthorized, fault{Code: "password-wrong", Message: password.Error(), Left: &password.Left}, 0
	case errors.As(err, &assist):
		return http.StatusForbidden, fault{Code: "code-wrong", Message: assist.Error(), Left: &assist.Left}, 0
	case errors.As(err, &bad):
		return http.StatusBadRequest, fault{Code: "json-invalid", Message: bad.Error()}, 0
	case errors.As(err, &invalid):
		return http.StatusBadRequest, fault{Code: "lesson-invalid", Message: invalid.Error()}, 0
	}
	for _, c := range codes {
		if !errors.Is(err, c.err) {
			continue
		}
		switch c.status {
		case http.StatusTooManyRequests:
			wait = time.Minute
		case http.StatusServiceUnavailable:
			wait = time.Second
		}
		return c.status, fault{Code: c.code, Message: err.Error()}, wait
	}
	return http.StatusInternalServerError, fault{Code: "internal", Message: "the box could not do this; its log says why"}, 0
}

// fail answers with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, f, wait := describe(err)
	if status == http.StatusInternalServerError {
		a.cfg.Log.Error("request not served", "path", r.URL.Path, "err", err)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tongke"`)
	}
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	if err := writeJSON(w, status, f); err != nil {
		a.cfg.Log.Error("error not told", "err", err)
	}
}
