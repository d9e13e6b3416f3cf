package main

import (
	"errors"
	"fmt"
	"time"

	"tongke/device/identity"
	"tongke/signaling/store"
)

// commandConfig is the configuration for a command beside the daemon. A file with faults does not keep it from working, as long as the
// data directory is named by a flag or is the usual one.
func commandConfig() Config {
	cfg, err := loadConfig("")
	if err != nil {
		return DefaultConfig()
	}
	return cfg
}

// commandDir is the data directory of such a command.
func commandDir(flag string) (string, error) { return dataDir(flag, commandConfig()) }

// openBox opens the identity of a data directory under the name that the box has.
func openBox(dir string, s *store.Store, c Config) (*identity.Box, error) {
	meta, err := s.Meta()
	if err != nil {
		return nil, err
	}
	name := meta.BoxName
	if name == "" {
		name = c.Box.Name
	}
	return identity.Open(dir, name)
}

// boxName is what the box is called.
func boxName(box *identity.Box, meta store.Meta, c Config) string {
	switch {
	case meta.BoxName != "":
		return meta.BoxName
	case c.Box.Name != "":
		return c.Box.Name
	}
	return box.DefaultName()
}

// storeWait is how long another command beside us may hold the store, or a daemon may take from its lock to its control socket.
const storeWait = 3 * time.Second

// withBox does something with the box of a data directory: by the daemon when one runs there, else with its store. It reports whether one
// runs.
func withBox(dir string, daemon func(*control) error, direct func(*store.Store) error) (running bool, err error) {
	deadline := time.Now().Add(storeWait)
	for {
		c, err := dialControl(dir)
		if err == nil {
			return true, daemon(c)
		}
		actAsOwner(dir)
		s, err := store.Open(dir)
		switch {
		case err == nil:
			defer s.Close()
			return false, diskFault(dir, direct(s))
		case !errors.Is(err, store.ErrLocked):
			return false, dataFault(dir, err)
		case time.Now().After(deadline):
			return false, &fault{
				exit: exitFailed, code: "data-in-use", err: err,
				en: fmt.Sprintf("another tongke holds the data directory %s and does not answer on its control socket; wait a moment, or stop it", dir),
				zh: fmt.Sprintf("另一个 tongke 占着数据目录 %s 却不回答，请稍等，或先停掉它", dir),
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}
