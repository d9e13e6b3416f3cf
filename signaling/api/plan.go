package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"tongke/signaling/timetable"
)

// Campus is a school site with its classrooms.
type Campus struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	Own   bool         `json:"own,omitempty"` // this box stands there
	Rooms []CampusRoom `json:"rooms"`
}

// CampusRoom is a classroom with its box.
type CampusRoom struct {
	Classroom string    `json:"classroom,omitempty"`
	Box       string    `json:"box"` // its name
	BoxID     string    `json:"boxId"`
	Online    *bool     `json:"online,omitempty"` // absent: not known
	LastSeen  time.Time `json:"lastSeen,omitzero"`
	Verdict   string    `json:"verdict,omitempty"`  // its doctor's last word: "good", "works" or "down"; absent: not known
	Findings  int       `json:"findings,omitempty"` // how many things are wrong
	Version   string    `json:"version,omitempty"`
	Told      time.Time `json:"told,omitzero"` // when it said so
}

func (a *API) campuses(w http.ResponseWriter, _ request) error {
	list, err := a.allCampuses()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, list)
}

func (a *API) allCampuses() ([]Campus, error) {
	m, err := a.cfg.Store.Meta()
	if err != nil {
		return nil, err
	}
	children, err := a.cfg.Store.Children()
	if err != nil {
		return nil, err
	}
	here := true
	list := []Campus{{m.CampusID, cmp.Or(m.CampusName, m.CampusID), true, []CampusRoom{{Classroom: m.Classroom, Box: a.cfg.Name(), BoxID: a.cfg.BoxID, Online: &here}}}}
	for _, c := range children {
		room := CampusRoom{Classroom: c.Classroom, Box: c.Name, BoxID: c.ID, LastSeen: c.LastSeen}
		if a.cfg.Online != nil {
			online := a.cfg.Online(c.ID)
			room.Online = &online
		}
		i := slices.IndexFunc(list, func(x Campus) bool { return x.ID == c.CampusID })
		if i < 0 {
			list = append(list, Campus{ID: c.CampusID, Name: c.CampusID})
			i = len(list) - 1
		}
		list[i].Rooms = append(list[i].Rooms, room)
	}
	a.toldBy(list)
	slices.SortStableFunc(list[1:], func(a, b Campus) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// maxPlan is the longest body of an import: two files of 1 MiB in base64, and the braces.
const maxPlan = 3 << 20

// plan is what an import brings; a file that is left out keeps what is there of its kind.
type plan struct {
	Entries     []byte         `json:"entries,omitempty"` // 课表.csv as it is
	Bells       []byte         `json:"bells,omitempty"`   // 作息.csv as it is
	FirstMonday timetable.Date `json:"firstMonday,omitzero"`
	Revision    uint64         `json:"revision,omitempty"` // of the preview
}

func (p plan) files() timetable.Files {
	return timetable.Files{Entries: p.Entries, Bells: p.Bells, FirstMonday: p.FirstMonday}
}

func (a *API) timetable(w http.ResponseWriter, _ request) error {
	t, err := a.cfg.Timetable.Current()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, t)
}

func (a *API) previewTimetable(w http.ResponseWriter, r request) error {
	var in plan
	if err := readLong(w, r.Request, maxPlan, &in); err != nil {
		return err
	}
	p, err := a.cfg.Timetable.Preview(in.files())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, whole(p))
}

func (a *API) importTimetable(w http.ResponseWriter, r request) error {
	var in plan
	if err := readLong(w, r.Request, maxPlan, &in); err != nil {
		return err
	}
	p, err := a.cfg.Timetable.Apply(in.files(), in.Revision)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, whole(p))
}

// whole gives lists instead of null, for pages.
func whole(p timetable.Preview) timetable.Preview {
	if p.Changes == nil {
		p.Changes = []timetable.Change{}
	}
	if p.Faults == nil {
		p.Faults = []timetable.Fault{}
	}
	if p.Hints == nil {
		p.Hints = []timetable.Fault{}
	}
	return p
}
