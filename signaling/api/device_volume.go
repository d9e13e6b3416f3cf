package api

import (
	"errors"
	"net/http"
)

// DeviceVolume is what was turned up.
type DeviceVolume struct {
	What    string   `json:"what"`
	Percent int      `json:"percent"` // that volumes are set to
	Set     []string `json:"set"`     // the cards and their controls that were changed; none if all was well
}

type volumeWish struct {
	What string `json:"what"` // "speaker" or "microphone"
}

// What can be turned up.
const (
	VolumeSpeaker    = "speaker"
	VolumeMicrophone = "microphone"
)

var errVolume = errors.New("what is speaker or microphone")

func (a *API) openVolume(w http.ResponseWriter, r request) error {
	var in volumeWish
	if err := readJSON(w, r.Request, &in); err != nil {
		return err
	}
	if in.What != VolumeSpeaker && in.What != VolumeMicrophone {
		return errVolume
	}
	v, err := a.cfg.Device.OpenVolume(r.Context(), in.What)
	if err != nil {
		return err
	}
	a.cfg.Log.Info("volume turned up", "by", nameOf(r.who), "what", in.What, "set", v.Set)
	return writeJSON(w, http.StatusOK, v)
}
