package api

import (
	"io"
	"net/http"

	"tongke/signaling/auth"
)

// backupRoutes are for the command line on the box itself: what is told holds every key and is not encrypted yet.
func (a *API) backupRoutes() []route {
	return []route{
		{"GET", "/api/v1/backup", these(auth.Operator), "Everything that makes this box itself, for tongke backup; not encrypted, by the control socket only.", 200, nil, nil, a.backup, false},
	}
}

func (a *API) backup(w http.ResponseWriter, r request) error {
	if a.cfg.Backup == nil || auth.ListenerOf(r.Context()) != auth.Control {
		return errForbidden
	}
	a.cfg.Log.Info("backup asked for")
	w.Header().Set("Content-Type", "application/x-tar")
	begun := &begun{w: w}
	err := a.cfg.Backup(begun)
	if err != nil && begun.yes { // its end is missing, which the reader sees
		a.cfg.Log.Error("backup broken off", "err", err)
		return nil
	}
	return err
}

// begun notes whether anything of an answer went out.
type begun struct {
	w   io.Writer
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.w.Write(p)
}
