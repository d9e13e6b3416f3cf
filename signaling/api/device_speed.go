package api

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// SpeedPath is where a box below measures what its line carries.
const SpeedPath = "/api/v1/below/speed"

const (
	// MostSpeedBytes of a measurement are taken: a hundredth of a second of a fast line, ten of a very slow one.
	MostSpeedBytes = 1 << 20
	speedWait      = 12 * time.Second
)

// Speed is what came of a measurement, from the first byte to the last, by the clock of who received them.
type Speed struct {
	Bytes        int64 `json:"bytes"`
	Microseconds int64 `json:"microseconds"`
}

// speedRoutes are the parent's part of the table.
func (a *API) speedRoutes() []route {
	return []route{
		{"POST", SpeedPath, everybody, "A box below sends bytes to nobody, to measure its line. It shows its certificate.", 200, nil, Speed{}, a.speed, false},
	}
}

// speed takes bytes of a box below and throws them away; of one box at a time, so that a measurement measures its own line and not ours.
func (a *API) speed(w http.ResponseWriter, r request) error {
	if _, err := a.below(r); err != nil {
		return err
	}
	if !a.measuring.TryLock() {
		return errMeasuring
	}
	defer a.measuring.Unlock()
	// Not every writer has a deadline (tests); the limit of bytes holds without it.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(speedWait))
	var first [1]byte
	if _, err := io.ReadFull(r.Body, first[:]); err != nil {
		return &badJSON{errors.New("there is none")}
	}
	began := time.Now()
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, MostSpeedBytes))
	if err != nil && n == 0 {
		return &badJSON{errors.New("it did not come")}
	}
	return writeJSON(w, http.StatusOK, Speed{Bytes: n, Microseconds: max(1, time.Since(began).Microseconds())})
}
