package api

import (
	"mime"
	"net/http"
	"strings"
	"time"

	"tongke/media/library"
	"tongke/media/mux"
	"tongke/signaling/store"
)

// newExport asks for a file: mp4, webm, mkv, or sound, which has voices only.
type newExport struct {
	Format  string   `json:"format"`
	Streams []string `json:"streams"`
}

// export is a file that is being made.
type export struct {
	Job    string  `json:"job"`
	State  string  `json:"state"` // waiting, running, done, failed, cancelled
	Format string  `json:"format"`
	Done   float64 `json:"done"`   // 0 … 1
	LeftMs int64   `json:"leftMs"` // estimated; 0 while nothing is known
	Bytes  int64   `json:"bytes"`  // expected; of the file when it is done
	Name   string  `json:"name"`
}

func exportOf(j library.Job) export {
	return export{Job: j.ID, State: j.State, Format: j.Format, Done: j.Done, LeftMs: j.Left.Milliseconds(), Bytes: j.Bytes, Name: j.Name}
}

// downloads finds a recording that the caller may download.
func (a *API) downloads(r request) (library.Entry, recordingRights, error) {
	e, rights, err := a.recordingOf(r)
	if err == nil && !rights.download {
		err = errMayNotDownload
	}
	return e, rights, err
}

func (a *API) startExport(w http.ResponseWriter, r request) error {
	var in newExport
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	e, rights, err := a.downloads(r)
	if err != nil {
		return err
	}
	if len(in.Streams) > 16 {
		return mux.ErrFormat
	}
	for _, s := range in.Streams {
		_, campus, _ := strings.Cut(s, ":")
		campus, _, _ = strings.Cut(campus, "/")
		if !rights.stream(campus) {
			return library.ErrNoStream
		}
		if campus != "" {
			if err := a.notePupils(r.who, e, s); err != nil {
				return err
			}
		}
	}
	j, err := a.cfg.Library.Export(e.ID, in.Format, in.Streams, nameOf(r.who))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/recordings/"+e.ID+"/export/"+j.ID)
	return writeJSON(w, http.StatusAccepted, exportOf(j))
}

func (a *API) exportState(w http.ResponseWriter, r request) error {
	e, _, err := a.downloads(r)
	if err != nil {
		return err
	}
	j, err := a.cfg.Library.Job(e.ID, r.PathValue("job"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, exportOf(j))
}

func (a *API) cancelExport(w http.ResponseWriter, r request) error {
	e, _, err := a.downloads(r)
	if err != nil {
		return err
	}
	if err := a.cfg.Library.CancelJob(e.ID, r.PathValue("job")); err != nil {
		return err
	}
	return done(w)
}

// exportFile sends the file; a download that was cut goes on where it was (RFC 9110 §14).
func (a *API) exportFile(w http.ResponseWriter, r request) error {
	e, _, err := a.downloads(r)
	if err != nil {
		return err
	}
	j, f, err := a.cfg.Library.OpenJob(e.ID, r.PathValue("job"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := a.noteDownload(r, e, j); err != nil {
		return err
	}
	w.Header().Set("Content-Type", j.MIME)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": j.Name}))
	w.Header().Set("ETag", `"`+j.ID+`"`)
	http.ServeContent(w, r.Request, "", time.Time{}, f)
	return nil
}

// noteDownload writes down who takes a file along before its first byte goes out, whichever range is asked for; one that goes on after a cut is
// the same download.
func (a *API) noteDownload(r request, e library.Entry, j library.Job) error {
	key := r.who.TokenID + "\x00" + j.ID
	if !a.played.due(key, time.Now()) {
		return nil
	}
	err := a.audit(r.who, auditDownload, e.ID, map[string]string{"file": j.Name, "streams": strings.Join(j.Streams, " ")})
	if err != nil {
		a.played.undo(key)
	}
	return err
}

// auditRow is one line of the audit.
type auditRow = store.AuditRow

func (a *API) auditList(w http.ResponseWriter, _ request) error {
	rows, err := a.cfg.Store.Audits(auditRows)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []auditRow{}
	}
	return writeJSON(w, http.StatusOK, rows)
}
