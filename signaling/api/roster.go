package api

import (
	"errors"
	"net/http"
	"time"

	"tongke/signaling/auth"
	"tongke/signaling/boxes"
	"tongke/signaling/protocol"
)

// errNoRoster: this box does not know the boxes below it at the moment.
var errNoRoster = &DeviceError{
	Status: http.StatusServiceUnavailable, Code: "boxes-not-available", Text: Words{"现在问不到各教室的情况。", "The rooms cannot be asked for now."},
}

// rosterRoutes are the boxes below with their own last word, and calls for somebody to look.
func (a *API) rosterRoutes() []route {
	hands := these(auth.Administrator, auth.Operator, auth.Technician)
	looks := hands | these(auth.Classroom)
	return []route{
		{"GET", "/api/v1/boxes", hands, "This box and all below it with what their doctors say and who waits for somebody to look, the worst first.", 200, nil, []BoxBelow{}, a.boxesBelow, false},
		{"POST", "/api/v1/boxes/{id}/call", hands, "Say that a box's call is known (seen) or dealt with (done).", 204, callAnswer{}, nil, a.answerCall, false},
		{"GET", "/api/v1/device/call", looks, "Whether this room waits for somebody to look, and what the core knows of it.", 200, nil, DeviceCall{}, a.screenLooks(a.deviceCall), false},
		{"POST", "/api/v1/device/call", looks, "Call for somebody to look; twice is once. It is kept, and told to the core when it can be.", 200, newCall{}, DeviceCall{}, a.screenLooks(a.raiseCall), false},
		{"DELETE", "/api/v1/device/call", looks, "Take the call back.", 204, nil, nil, a.screenLooks(a.takeCallBack), false},
	}
}

// BoxBelow is a box as it is shown to those who look after it.
type BoxBelow struct {
	Box       string       `json:"box"` // id
	Name      string       `json:"name"`
	Campus    string       `json:"campus"`
	Classroom string       `json:"classroom,omitempty"`
	Own       bool         `json:"own,omitempty"` // this box
	Via       string       `json:"via,omitempty"` // id of the box right below, where this one is further away: place and name are that box's word
	Online    bool         `json:"online"`
	LastSeen  time.Time    `json:"lastSeen,omitzero"`
	Version   string       `json:"version,omitempty"`
	Verdict   string       `json:"verdict,omitempty"` // as in the doctor's report; absent: not known
	Findings  []BoxFinding `json:"findings"`
	Told      time.Time    `json:"told,omitzero"` // when it said so
	Call      *BoxCall     `json:"call,omitempty"`
}

// BoxFinding is one thing that is wrong with it.
type BoxFinding struct {
	Code     string    `json:"code"`
	Severity string    `json:"severity"` // "warning" or "error"
	Since    time.Time `json:"since,omitzero"`
	Text     *Words    `json:"text,omitempty"` // absent where this box does not know the code
	Hint     *Words    `json:"hint,omitempty"`
}

// BoxCall is that somebody there asks for somebody to look.
type BoxCall struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
	From  string    `json:"from"`           // "page", "screen" or "phone"
	Code  string    `json:"code,omitempty"` // of the sentence that the person saw
	Text  *Words    `json:"text,omitempty"` // of that code, where it is a finding's
	State string    `json:"state"`          // "open" or "seen"
	At    time.Time `json:"at"`             // of the state
	By    string    `json:"by,omitempty"`   // who here said so
}

// words are the sentences of a finding's code; nil where they are not known.
func (a *API) words(code string) (text, hint *Words) {
	if a.cfg.Finding == nil || code == "" {
		return nil, nil
	}
	if t, h, ok := a.cfg.Finding(code); ok {
		return &t, &h
	}
	return nil, nil
}

func (a *API) boxesBelow(w http.ResponseWriter, _ request) error {
	if a.cfg.Boxes == nil {
		return errNoRoster
	}
	all, err := a.cfg.Boxes.List()
	if err != nil {
		return err
	}
	list := []BoxBelow{}
	for _, e := range all {
		b := BoxBelow{
			Box: e.Box, Name: e.Name, Campus: e.Campus, Classroom: e.Classroom, Own: e.Own, Via: e.Via, Online: e.Online, LastSeen: e.LastSeen,
			Version: e.Version, Verdict: e.Verdict, Findings: []BoxFinding{}, Told: e.Told,
		}
		for _, f := range e.Findings {
			text, hint := a.words(f.Code)
			b.Findings = append(b.Findings, BoxFinding{f.Code, f.Severity, f.Since, text, hint})
		}
		if c := e.Call; c != nil {
			text, _ := a.words(c.Code)
			b.Call = &BoxCall{c.ID, c.Since, c.From, c.Code, text, c.State, c.At, c.By}
		}
		list = append(list, b)
	}
	return writeJSON(w, http.StatusOK, list)
}

// callAnswer is what a person says to a box's call.
type callAnswer struct {
	Call  string `json:"call"`  // its id
	State string `json:"state"` // "seen" or "done"
}

func (a *API) answerCall(w http.ResponseWriter, r request) error {
	if a.cfg.Boxes == nil {
		return errNoRoster
	}
	var in callAnswer
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if in.State != protocol.CallSeen && in.State != protocol.CallDone {
		return &badJSON{errors.New(`state: "seen" or "done"`)}
	}
	if err := a.cfg.Boxes.Answer(r.PathValue("id"), in.Call, in.State, caller(r)); err != nil {
		return callFault(err)
	}
	return done(w)
}

// caller is who asks, for the audit.
func caller(r request) boxes.Who { return boxes.Who{Name: nameOf(r.who), Role: string(r.who.Role)} }

// callFault says in words why a call is not made or answered.
func callFault(err error) error {
	switch {
	case errors.Is(err, boxes.ErrTooOften):
		return &DeviceError{Status: http.StatusTooManyRequests, Code: "too-many-calls", Text: Words{"这一小时叫了太多次，请打电话。", "Called too often within the hour; use the telephone."}}
	case errors.Is(err, boxes.ErrNoCall):
		return &DeviceError{Status: http.StatusNotFound, Code: "call-gone", Text: Words{"那间教室已经撤回了。", "That room has taken it back."}}
	}
	return err
}

// DeviceCall is this room's call for somebody to look.
type DeviceCall struct {
	// State is "none", "waiting" (not at the core yet), "told" (the core has it), "seen" (a person there knows), "done" (dealt with), or
	// "taking-back" (the core had it, and does not know yet that it is taken back).
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"`
	At    time.Time `json:"at,omitzero"` // of the state, as the core says
}

// newCall may be left out.
type newCall struct {
	Code string `json:"code,omitempty"` // of the finding or sentence that the person sees
}

func (a *API) theCall() DeviceCall {
	c, had, ok := a.cfg.Boxes.Mine()
	out := DeviceCall{State: "none", Since: c.Since, At: c.At}
	switch {
	case !ok:
	case c.State == protocol.CallSeen, c.State == protocol.CallDone:
		out.State = c.State
	case c.State == protocol.CallBack && had:
		out.State = "taking-back"
	case c.State == protocol.CallBack:
		out = DeviceCall{State: "none"}
	case had:
		out.State = "told"
	default:
		out.State = "waiting"
	}
	return out
}

func (a *API) deviceCall(w http.ResponseWriter, _ request) error {
	if a.cfg.Boxes == nil {
		return errNoRoster
	}
	return writeJSON(w, http.StatusOK, a.theCall())
}

func (a *API) raiseCall(w http.ResponseWriter, r request) error {
	if a.cfg.Boxes == nil {
		return errNoRoster
	}
	var in newCall
	if err := readOptional(w, r.Request, &in); err != nil {
		return err
	}
	if in.Code != "" && !protocol.ValidWord(in.Code) {
		return &badJSON{errors.New("code: 1 to 40 small letters, digits and hyphens")}
	}
	from := protocol.CallFromPage
	if r.who.Role == auth.Classroom {
		from = protocol.CallFromScreen
	}
	if _, err := a.cfg.Boxes.Raise(from, in.Code, caller(r)); err != nil {
		return callFault(err)
	}
	return writeJSON(w, http.StatusOK, a.theCall())
}

func (a *API) takeCallBack(w http.ResponseWriter, r request) error {
	if a.cfg.Boxes == nil {
		return errNoRoster
	}
	if err := a.cfg.Boxes.TakeBack(caller(r)); err != nil {
		return err
	}
	return done(w)
}

// toldBy fills in what a box below said of itself. A list that cannot be had leaves the rooms as they are.
func (a *API) toldBy(campuses []Campus) {
	if a.cfg.Boxes == nil {
		return
	}
	all, err := a.cfg.Boxes.List()
	if err != nil {
		a.cfg.Log.Warn("what boxes said is not known", "err", err)
		return
	}
	by := map[string]boxes.Entry{}
	for _, e := range all {
		by[e.Box] = e
	}
	for _, c := range campuses {
		for i := range c.Rooms {
			r := &c.Rooms[i]
			if e, ok := by[r.BoxID]; ok {
				r.Verdict, r.Findings, r.Version, r.Told = e.Verdict, len(e.Findings), e.Version, e.Told
			}
		}
	}
}
