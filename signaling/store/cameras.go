package store

import (
	"errors"
	"slices"
	"strings"
)

// MaxCameras bounds the network cameras of one box: a room has three sources for them, and some are kept for another day.
const MaxCameras = 8

// ErrTooManyCameras refuses one more than MaxCameras.
var ErrTooManyCameras = errors.New("this box has as many cameras as it may")

// Cameras are the network cameras that were added by the page, by their ids.
var Cameras = TableOf[Camera](BucketCameras)

// Camera is a network camera of the box's room. The password is kept as it is: the camera asks for it.
type Camera struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	URL         string `json:"url"`
	Sub         string `json:"sub,omitzero"`
	As          string `json:"as"` // what it films: of signaling/session
	Transport   string `json:"transport,omitzero"`
	User        string `json:"user,omitzero"`
	Password    string `json:"password,omitzero"`
	Fingerprint string `json:"fingerprint,omitzero"`
	Sound       bool   `json:"sound,omitzero"`
}

// ListCameras reads all of them, by name.
func (s *Store) ListCameras() (all []Camera, err error) {
	err = s.View(func(tx *Tx) error {
		rows, err := Cameras.All(tx)
		for _, r := range rows {
			all = append(all, r.Value)
		}
		return err
	})
	slices.SortStableFunc(all, func(a, b Camera) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// AddCamera keeps a new one.
func (s *Store) AddCamera(c Camera) error {
	return s.Update(func(tx *Tx) error {
		rows, err := Cameras.All(tx)
		if err != nil {
			return err
		}
		if len(rows) >= MaxCameras {
			return ErrTooManyCameras
		}
		return Cameras.Put(tx, c.ID, c)
	})
}

// ChangeCamera changes one; ErrNotFound if there is none of that id. f may refuse.
func (s *Store) ChangeCamera(id string, f func(*Camera) error) (c Camera, err error) {
	err = s.Update(func(tx *Tx) error {
		if c, err = Cameras.Get(tx, id); err != nil {
			return err
		}
		if err := f(&c); err != nil {
			return err
		}
		return Cameras.Put(tx, id, c)
	})
	return c, err
}

// RemoveCamera forgets one; ErrNotFound if there is none of that id.
func (s *Store) RemoveCamera(id string) error {
	return s.Update(func(tx *Tx) error {
		if _, err := Cameras.Get(tx, id); err != nil {
			return err
		}
		return Cameras.Delete(tx, id)
	})
}
