package api

import (
	"context"
	"errors"
	"net/http"

	"tongke/media/ingest/rtsp"
	"tongke/signaling/auth"
)

// Cameras are the network cameras of this box's room. Its errors are *DeviceError where a person can do something about them.
type Cameras interface {
	List() ([]Camera, error)
	Add(c CameraChange) (Camera, error)
	Change(id string, c CameraChange) (Camera, error)
	Remove(id string) error
	// Test connects a camera and looks at what comes. With an id, what c does not say is that camera's.
	Test(ctx context.Context, id string, c CameraChange) (rtsp.Found, error)
}

// Camera is one network camera. Its password is never told; secrets in its addresses are stars.
type Camera struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	URL         string      `json:"url"`
	Sub         string      `json:"sub,omitempty"` // the small stream
	As          string      `json:"as"`            // "camera" films the class or its teacher, "pupils" the teacher's own pupils, "board" the blackboard
	Transport   string      `json:"transport"`     // "auto", "tcp", "udp"
	User        string      `json:"user,omitempty"`
	PasswordSet bool        `json:"passwordSet"`
	Fingerprint string      `json:"fingerprint,omitempty"`
	Sound       bool        `json:"sound"` // its G.711 is the room's voice while no page has a microphone
	File        bool        `json:"file"`  // stands in the configuration file and is changed there
	Status      rtsp.Status `json:"status"`
}

// CameraChange says what is to be otherwise; nil leaves it as it is, or as usual.
type CameraChange struct {
	Name        *string `json:"name,omitempty"`
	URL         *string `json:"url,omitempty"`
	Sub         *string `json:"sub,omitempty"`
	As          *string `json:"as,omitempty"`
	Transport   *string `json:"transport,omitempty"`
	User        *string `json:"user,omitempty"`
	Password    *string `json:"password,omitempty"` // written, never read
	Fingerprint *string `json:"fingerprint,omitempty"`
	Sound       *bool   `json:"sound,omitempty"`
}

// cameraTest is what to try.
type cameraTest struct {
	ID string `json:"id,omitempty"` // of a camera that is known
	CameraChange
}

var errNoCameras = errors.New("this box takes no network cameras")

// cameraRoutes are the cameras' part of the table.
func (a *API) cameraRoutes() []route {
	hands := these(auth.Administrator, auth.Operator, auth.Technician)
	return []route{
		{"GET", "/api/v1/cameras", hands, "The network cameras of this room, and how each does.", 200, nil, []Camera{}, a.withCameras(a.cameras), false},
		{"POST", "/api/v1/cameras", hands, "Add a network camera.", 201, CameraChange{}, Camera{}, a.withCameras(a.addCamera), false},
		{"POST", "/api/v1/cameras/test", hands, "Connect a camera for some seconds and say what it sends.", 200, cameraTest{}, rtsp.Found{}, a.withCameras(a.testCamera), false},
		{"PATCH", "/api/v1/cameras/{camera}", hands, "Change a camera; what is left out stays, the password too.", 200, CameraChange{}, Camera{}, a.withCameras(a.changeCamera), false},
		{"DELETE", "/api/v1/cameras/{camera}", hands, "Forget a camera.", 204, nil, nil, a.withCameras(a.removeCamera), false},
	}
}

func (a *API) withCameras(do func(http.ResponseWriter, request) error) func(http.ResponseWriter, request) error {
	return func(w http.ResponseWriter, r request) error {
		if a.cfg.Cameras == nil {
			return errNoCameras
		}
		return do(w, r)
	}
}

func (a *API) cameras(w http.ResponseWriter, _ request) error {
	all, err := a.cfg.Cameras.List()
	if err != nil {
		return err
	}
	if all == nil {
		all = []Camera{}
	}
	return writeJSON(w, http.StatusOK, all)
}

func (a *API) addCamera(w http.ResponseWriter, r request) error {
	var in CameraChange
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	c, err := a.cfg.Cameras.Add(in)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("camera added", "camera", c.Name, "by", r.who.User)
	return writeJSON(w, http.StatusCreated, c)
}

func (a *API) changeCamera(w http.ResponseWriter, r request) error {
	var in CameraChange
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	c, err := a.cfg.Cameras.Change(r.PathValue("camera"), in)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("camera changed", "camera", c.Name, "by", r.who.User)
	return writeJSON(w, http.StatusOK, c)
}

func (a *API) removeCamera(w http.ResponseWriter, r request) error {
	if err := a.cfg.Cameras.Remove(r.PathValue("camera")); err != nil {
		return err
	}
	a.cfg.Log.Info("camera removed", "camera", r.PathValue("camera"), "by", r.who.User)
	return done(w)
}

func (a *API) testCamera(w http.ResponseWriter, r request) error {
	var in cameraTest
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	found, err := a.cfg.Cameras.Test(r.Context(), in.ID, in.CameraChange)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, found)
}
