package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"tongke/signaling/auth"
)

// Device is the machine under this box, as the page /device sees and changes it. Its errors are *DeviceError where a person can do
// something about them.
type Device interface {
	State(ctx context.Context) (DeviceState, error)
	// Look reads and judges the machine now instead of at the next minute.
	Look(ctx context.Context)
	// OpenVolume lets sound through the machine's cards: what is "speaker" or "microphone".
	OpenVolume(ctx context.Context, what string) (DeviceVolume, error)
	// History covers the last hours; the caller has bounded them.
	History(hours int) DeviceHistory

	// StartCheck begins the full check; one that runs already goes on. In a lesson it is ErrInLesson, unless wait has it begin at the end.
	StartCheck(wait bool) error
	Check() DeviceCheck
	// Answer is what only a person in the room knows.
	Answer(ask string, yes bool) error

	Network(ctx context.Context) (DeviceNetwork, error)
	SetNetwork(ctx context.Context, n NetworkChange) (NetworkPending, error)
	ConfirmNetwork(ctx context.Context, token string) error
	// UndoNetwork takes back at once the change that waits; "" is whatever waits.
	UndoNetwork(token string) error

	// Join binds this box to a parent by an invitation.
	Join(ctx context.Context, address, code, name string) (called string, err error)
	Rooms(ctx context.Context) ([]DeviceRoomChoice, error)
	SetRoom(ctx context.Context, r RoomChange) (DeviceRoom, error)

	// Installed tells the wall screen that setting up is done, and how many minutes it took.
	Installed(minutes int)

	// FactoryReset and PowerOff take the room's name, typed by the person, and who that is.
	FactoryReset(ctx context.Context, typed, who string) error
	PowerOff(ctx context.Context, typed, who string) error
	// Installing: the box was never signed in to, and has no parent or only just got one. The screen beside it may set it up then.
	Installing() (bool, error)
}

// Words is one sentence in both languages.
type Words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// DeviceState is how this box is.
type DeviceState struct {
	Report     any          `json:"report"` // as tongke doctor --json; checks is null before the first look, some seconds after the start
	Room       DeviceRoom   `json:"room"`
	Box        string       `json:"box"` // its id
	BoxName    string       `json:"boxName"`
	Address    string       `json:"address"` // where phones find this box, "https://192.168.1.20:8443"; "" where none can
	Version    string       `json:"version"`
	InLesson   bool         `json:"inLesson"`
	Uplink     DeviceUplink `json:"uplink"`
	Disk       DeviceDisk   `json:"disk"`
	Parent     DeviceParent `json:"parent"`
	Role       string       `json:"role"`       // "core" without a parent, else "member"
	Fresh      bool         `json:"fresh"`      // nobody ever signed in and there is no parent
	Installing bool         `json:"installing"` // the screen beside it may set it up
}

// DeviceRoom is where this box stands.
type DeviceRoom struct {
	Campus    string `json:"campus"` // its id
	Classroom string `json:"classroom"`
	Name      string `json:"name"` // as people say: 三河小学 三(2)班
}

// DeviceUplink is the link to the parent over the last minute.
type DeviceUplink struct {
	Up          bool    `json:"up"`
	Rung        string  `json:"rung"`        // "udp", "tunnel", or "" without a link
	Kbps        int     `json:"kbps"`        // both directions
	LossPercent float64 `json:"lossPercent"` // of one way; 0 also when not known
	RTTMs       int     `json:"rttMs"`       // 0 not known
}

// DeviceDisk is the disk of the recordings.
type DeviceDisk struct {
	FreeBytes int64 `json:"freeBytes"`
	Lessons   int   `json:"lessons"` // that still fit
}

// DeviceParent is the box above.
type DeviceParent struct {
	Address string    `json:"address"` // that is tried first; "" without a parent
	Joined  bool      `json:"joined"`
	Name    string    `json:"name,omitempty"`
	Since   time.Time `json:"since,omitzero"` // when it joined
}

// DeviceHistory is one value a step; null where nothing is known.
type DeviceHistory struct {
	Start       time.Time    `json:"start"`
	StepSeconds int          `json:"stepSeconds"`
	Series      DeviceSeries `json:"series"`
}

// DeviceSeries are the lines of the plots.
type DeviceSeries struct {
	RateKbps    []*float64 `json:"rateKbps"`
	LossPercent []*float64 `json:"lossPercent"`
	DelayMs     []*float64 `json:"delayMs"`
	Celsius     []*float64 `json:"celsius"`
	DiskLessons []*float64 `json:"diskLessons"`
	Up          []*float64 `json:"up"` // 1, 0, or null while the box was off
}

// DeviceCheck is a full check as far as it is.
type DeviceCheck struct {
	State   string            `json:"state"` // "idle", "running", "done", "waiting-for-end"
	N       int               `json:"n"`     // items that are done
	Of      int               `json:"of"`
	Items   []DeviceCheckItem `json:"items"`
	Verdict string            `json:"verdict"` // as in the report; "" before the end
	Text    Words             `json:"text"`
	Minutes int               `json:"minutes"` // since the first start of the box, for 装好了，用了 7 分钟
	At      time.Time         `json:"at,omitzero"`
}

// DeviceCheckItem is one line of it.
type DeviceCheckItem struct {
	Part   string `json:"part"`
	Name   Words  `json:"name"`
	State  string `json:"state"` // "pending", "running", "asking", "ok", "bad"
	Told   string `json:"told,omitempty"`
	Text   *Words `json:"text,omitempty"` // what is wrong
	Hint   *Words `json:"hint,omitempty"` // what to do
	Code   string `json:"code,omitempty"`
	TookMs int    `json:"tookMs"`
	Ask    string `json:"ask"` // "", "screen-seen", "speaker-heard", "clap"
}

// checkStart may be left out.
type checkStart struct {
	Wait bool `json:"wait,omitempty"` // in a lesson, begin at its end
}

type checkAnswer struct {
	Ask string `json:"ask"`
	Yes bool   `json:"yes"`
}

// mostHours of history may be asked for: eight days.
const mostHours = 192

// deviceRoutes are the device's part of the table.
func (a *API) deviceRoutes() []route {
	hands := these(auth.Administrator, auth.Operator, auth.Technician)
	looks := hands | these(auth.Classroom)
	return append(a.speedRoutes(), []route{
		{"GET", "/api/v1/device", looks, "How this box is: the doctor's report, the uplink, the disk.", 200, nil, DeviceState{}, a.screenLooks(a.device), false},
		{"GET", "/api/v1/device/history", looks, "The plots, one value a minute; ?hours=1 to 192, 24 if not said.", 200, nil, DeviceHistory{}, a.screenLooks(a.deviceHistory), false},
		{"POST", "/api/v1/device/look", looks, "Read and judge the machine now instead of at the next minute.", 204, nil, nil, a.screenLooks(a.lookAtDevice), false},
		{"POST", "/api/v1/device/volume", looks, "Turn up what plays or hears here, where it is at zero or switched off.", 200, volumeWish{}, DeviceVolume{}, a.screenLooks(a.openVolume), false},
		{"GET", "/api/v1/device/check", looks, "How far the full check is.", 200, nil, DeviceCheck{}, a.screenLooks(a.deviceCheck), false},
		{"POST", "/api/v1/device/check", looks, "Begin a full check. In a lesson: 409, or with wait at its end.", 202, checkStart{}, DeviceCheck{}, a.screenInstalls(a.startCheck), false},
		{"POST", "/api/v1/device/check/answer", looks, "Answer what only a person in the room knows.", 204, checkAnswer{}, nil, a.screenInstalls(a.answerCheck), false},
		{"GET", "/api/v1/device/network", looks, "The network interfaces and where the parent is.", 200, nil, DeviceNetwork{}, a.screenLooks(a.network), false},
		{"PUT", "/api/v1/device/network", looks, "Change one interface, or where the parent is; taken back unless confirmed in time.", 202, NetworkChange{}, NetworkPending{}, a.screenInstalls(a.setNetwork), false},
		{"POST", "/api/v1/device/network/confirm", everybody, "Keep the change whose token this is.", 204, networkToken{}, nil, a.confirmNetwork, false},
		{"DELETE", "/api/v1/device/network/confirm", looks, "Take the change back at once; the token may be left out.", 204, networkToken{}, nil, a.screenInstalls(a.undoNetwork), false},
		{"POST", "/api/v1/device/join", looks, "Join a parent by its invitation.", 200, deviceJoin{}, parent{}, a.screenInstalls(a.deviceJoin), false},
		{"GET", "/api/v1/device/rooms", looks, "The parent's rooms that this box could stand in.", 200, nil, []DeviceRoomChoice{}, a.screenLooks(a.rooms), false},
		{"PUT", "/api/v1/device/room", looks, "Say which room this box stands in, or whose place it takes.", 200, RoomChange{}, DeviceRoom{}, a.screenInstalls(a.setRoom), false},
		{"POST", "/api/v1/device/installed", looks, "Say that setting up is done, for the wall screen.", 204, installed{}, nil, a.screenInstalls(a.installed), false},
		{"POST", "/api/v1/device/factory-reset", hands, "Erase everything of this box; the room's name is typed. Not in a lesson.", 202, typedName{}, nil, a.factoryReset, false},
		{"POST", "/api/v1/device/poweroff", hands, "Switch the box off; the room's name is typed. Not in a lesson.", 202, typedName{}, nil, a.powerOff, false},
	}...)
}

// screen reports whether a request comes from the page on the screen beside this box, without a lesson's token. It is an error for every
// other classroom.
func screen(r request) (bool, error) {
	if r.who.Role != auth.Classroom {
		return false, nil
	}
	if auth.ListenerOf(r.Context()) != auth.Local || r.who.TokenID != auth.LocalID {
		return false, errForbidden
	}
	return true, nil
}

// screenLooks lets the screen beside the box in, and no other classroom.
func (a *API) screenLooks(do func(http.ResponseWriter, request) error) func(http.ResponseWriter, request) error {
	return func(w http.ResponseWriter, r request) error {
		if a.cfg.Device == nil {
			return errNoDevice
		}
		if _, err := screen(r); err != nil {
			return err
		}
		return do(w, r)
	}
}

// screenInstalls lets the screen in while the box is being installed.
func (a *API) screenInstalls(do func(http.ResponseWriter, request) error) func(http.ResponseWriter, request) error {
	return a.screenLooks(func(w http.ResponseWriter, r request) error {
		if here, err := screen(r); err != nil || !here {
			if err != nil {
				return err
			}
			return do(w, r)
		}
		installing, err := a.cfg.Device.Installing()
		if err != nil {
			return err
		}
		if !installing {
			return errForbidden
		}
		return do(w, r)
	})
}

func (a *API) device(w http.ResponseWriter, r request) error {
	s, err := a.cfg.Device.State(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s)
}

func (a *API) lookAtDevice(w http.ResponseWriter, r request) error {
	a.cfg.Device.Look(r.Context())
	return done(w)
}

// readOptional reads a body that may be left out.
func readOptional(w http.ResponseWriter, r *http.Request, v any) error {
	if r.ContentLength == 0 {
		return nil
	}
	return readJSON(w, r, v)
}

func (a *API) deviceHistory(w http.ResponseWriter, r request) error {
	hours := 24
	if q := r.URL.Query().Get("hours"); q != "" {
		n, err := strconv.Atoi(q)
		if err != nil || n < 1 || n > mostHours {
			return errHours
		}
		hours = n
	}
	return writeJSON(w, http.StatusOK, a.cfg.Device.History(hours))
}

func (a *API) deviceCheck(w http.ResponseWriter, _ request) error {
	return writeJSON(w, http.StatusOK, a.cfg.Device.Check())
}

func (a *API) startCheck(w http.ResponseWriter, r request) error {
	var in checkStart
	if err := readOptional(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Device.StartCheck(in.Wait); err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, a.cfg.Device.Check())
}

func (a *API) answerCheck(w http.ResponseWriter, r request) error {
	var in checkAnswer
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if err := a.cfg.Device.Answer(in.Ask, in.Yes); err != nil {
		return err
	}
	return done(w)
}
