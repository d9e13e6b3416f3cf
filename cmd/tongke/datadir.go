package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"tongke/media/durable"
)

// Files in a data directory that this command owns; each part names its own.
const (
	controlSocket = "control.sock"
	addressFile   = "addresses.json"
)

// leastRoom is what must be free in the data directory at start, in bytes: keys, certificates and the first pages of the database.
const leastRoom = 256 << 10

// prepareData makes the data directory and proves that it can be written, so that a fault is told in one sentence before any part runs
// into it.
func prepareData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dataFault(dir, err)
	}
	f, err := os.CreateTemp(dir, ".room-*")
	if err != nil {
		return dataFault(dir, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, leastRoom))
	if err == nil {
		err = f.Sync()
	}
	return dataFault(dir, errors.Join(err, f.Close()))
}

// addresses is D/addresses.json: where the running daemon listens, for programs beside it. Useful when a port was left to the system.
type addresses struct {
	PID    int      `json:"pid"`
	Listen []string `json:"listen"` // HTTPS and ICE-TCP, media on the UDP port of the same number
	Local  string   `json:"local"`  // plain HTTP on loopback
}

func (a addresses) write(dir string) error {
	doc, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return dataFault(dir, durable.Replace(filepath.Join(dir, addressFile), append(doc, '\n'), 0o600))
}

func readAddresses(dir string) (addresses, error) {
	var a addresses
	doc, err := os.ReadFile(filepath.Join(dir, addressFile))
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(doc, &a)
}
