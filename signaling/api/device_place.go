package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tongke/signaling/auth"
)

// DeviceError is what keeps the box from doing something to itself, for the person before it.
type DeviceError struct {
	Status int    // of the answer
	Code   string // kebab-case and stable
	Text   Words  // what is, and what to do
	Field  string // of the body, where one is wrong; "" none
	Until  time.Time
}

func (e *DeviceError) Error() string { return e.Text.ZH + " " + e.Text.EN }

// ErrInLesson is the refusal of what would disturb a lesson; until is when it should end, zero if nobody planned that.
func ErrInLesson(until time.Time) *DeviceError {
	return &DeviceError{Status: http.StatusConflict, Code: "in-lesson", Text: Words{"正在上课，下课后再来。", "A lesson is on; come back after it."}, Until: until}
}

var (
	errNoDevice  = errors.New("nobody looks after the machine under this box")
	errMeasuring = errors.New("another box is measuring its line")
	errHours     = errors.New("hours is a number from 1 to 192")
)

// DeviceNetwork is what this machine is connected by.
type DeviceNetwork struct {
	Interfaces []NetworkInterface `json:"interfaces"`
	Parent     string             `json:"parent"`        // its address; "" without one
	Editable   bool               `json:"editable"`      // by this box
	Why        *Words             `json:"why,omitempty"` // it is not
	By         string             `json:"by,omitempty"`  // "NetworkManager" or "systemd-networkd"
	Pending    *NetworkPending    `json:"pending,omitempty"`
	Undone     *Words             `json:"undone,omitempty"` // the last change was taken back, and why
}

// NetworkInterface is one of them.
type NetworkInterface struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"` // "wired" or "wifi"
	Up        bool     `json:"up"`   // has carrier
	Mode      string   `json:"mode"` // "dhcp", "static", or "" when nobody says
	Addresses []string `json:"addresses"`
	Gateway   string   `json:"gateway"`
	DNS       []string `json:"dns"`
	SSID      string   `json:"ssid"`
	SignalDBM int      `json:"signalDbm,omitempty"`
	SpeedMbps int      `json:"speedMbps,omitempty"`
	MAC       string   `json:"mac,omitempty"`
	Networks  []string `json:"networks,omitempty"` // Wi-Fi names in the air, the strongest first
}

// NetworkChange is one interface as it shall be, or where the parent is.
type NetworkChange struct {
	Name     string   `json:"name,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	Address  string   `json:"address,omitempty"` // 192.168.1.20/24
	Gateway  string   `json:"gateway,omitempty"`
	DNS      []string `json:"dns,omitempty"`
	SSID     string   `json:"ssid,omitempty"`
	Password string   `json:"password,omitempty"`

	Parent string `json:"parent,omitempty"`
}

// NetworkPending is a change that is taken back unless it is confirmed.
type NetworkPending struct {
	PendingSeconds int    `json:"pendingSeconds"`
	Token          string `json:"token,omitempty"` // told to who made the change
}

type networkToken struct {
	Token string `json:"token"`
}

// installed is how long setting up the box took, as the page that was followed says.
type installed struct {
	Minutes int `json:"minutes"`
}

// mostMinutes of an installation are told; a page that was left open over the night says so no more exactly.
const mostMinutes = 999

func (a *API) installed(w http.ResponseWriter, r request) error {
	var in installed
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	a.cfg.Device.Installed(min(max(in.Minutes, 1), mostMinutes))
	return done(w)
}

func (a *API) network(w http.ResponseWriter, r request) error {
	n, err := a.cfg.Device.Network(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, n)
}

func (a *API) setNetwork(w http.ResponseWriter, r request) error {
	var in NetworkChange
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	p, err := a.cfg.Device.SetNetwork(r.Context(), in)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("network changed", "by", nameOf(r.who), "interface", in.Name, "mode", in.Mode)
	return writeJSON(w, http.StatusAccepted, p)
}

// confirmNetwork is for whoever has the token: at the new address of the box the browser has no cookie of it yet, and there is a minute.
func (a *API) confirmNetwork(w http.ResponseWriter, r request) error {
	if a.cfg.Device == nil {
		return errNoDevice
	}
	var in networkToken
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Device.ConfirmNetwork(r.Context(), in.Token); err != nil {
		return err
	}
	return done(w)
}

func (a *API) undoNetwork(w http.ResponseWriter, r request) error {
	var in networkToken
	if err := readOptional(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Device.UndoNetwork(in.Token); err != nil {
		return err
	}
	return done(w)
}

// deviceJoin is where to join, and with which code.
type deviceJoin struct {
	Address string `json:"address"`
	Code    string `json:"code"`
	Name    string `json:"name,omitempty"` // of this box
}

// deviceJoin joins as POST /api/v1/parent does, for the page of the device. A parent that is there already is not left: that is the
// administrator's.
func (a *API) deviceJoin(w http.ResponseWriter, r request) error {
	var in deviceJoin
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	name, err := a.cfg.Device.Join(r.Context(), in.Address, in.Code, in.Name)
	if err != nil {
		return err
	}
	p, _, err := a.cfg.Store.Parent()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, parent{Name: name, Parent: p.ID})
}

// DeviceRoomChoice is a room that this box could stand in: one without a box, or with one that is away.
type DeviceRoomChoice struct {
	Campus    string `json:"campus"`
	School    string `json:"school,omitempty"` // what the campus is called
	Classroom string `json:"classroom"`
	Name      string `json:"name"` // as people say
	Box       string `json:"box,omitempty"`
	BoxName   string `json:"boxName,omitempty"`
	Away      int    `json:"awaySeconds,omitempty"` // of that box
}

// RoomChange says which room, or whose place is taken.
type RoomChange struct {
	Campus     string `json:"campus,omitempty"`
	Classroom  string `json:"classroom,omitempty"`
	ReplaceBox string `json:"replaceBox,omitempty"` // box id
}

func (a *API) rooms(w http.ResponseWriter, r request) error {
	list, err := a.cfg.Device.Rooms(r.Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []DeviceRoomChoice{}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (a *API) setRoom(w http.ResponseWriter, r request) error {
	var in RoomChange
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	room, err := a.cfg.Device.SetRoom(r.Context(), in)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("room chosen", "by", nameOf(r.who), "campus", room.Campus, "classroom", room.Classroom, "replaced", in.ReplaceBox)
	return writeJSON(w, http.StatusOK, room)
}

// typedName is the room's name as the person typed it, so that nobody does the dangerous thing by a slip of a finger.
type typedName struct {
	Name string `json:"name"`
}

func (a *API) factoryReset(w http.ResponseWriter, r request) error {
	return a.dangerous(w, r, "factory reset", Device.FactoryReset)
}

func (a *API) powerOff(w http.ResponseWriter, r request) error {
	return a.dangerous(w, r, "power off", Device.PowerOff)
}

func (a *API) dangerous(w http.ResponseWriter, r request, what string, do func(Device, context.Context, string, string) error) error {
	if a.cfg.Device == nil {
		return errNoDevice
	}
	var in typedName
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	a.cfg.Log.Warn("asked for", "what", what, "by", nameOf(r.who), "control", auth.ListenerOf(r.Context()) == auth.Control)
	if err := do(a.cfg.Device, r.Context(), in.Name, nameOf(r.who)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
