package store

import (
	"errors"
	"fmt"
	"testing"
)

func TestCameras(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxCameras {
		if err := s.AddCamera(Camera{ID: fmt.Sprint("c", i), Name: fmt.Sprint("n", MaxCameras-i), URL: "rtsp://192.0.2.1/", As: "camera", Password: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddCamera(Camera{ID: "more"}); !errors.Is(err, ErrTooManyCameras) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.ChangeCamera("c1", func(c *Camera) error { c.Name = "a"; return nil }); err != nil {
		t.Error(err)
	}
	no := errors.New("no")
	if _, err := s.ChangeCamera("c2", func(c *Camera) error { c.Name = "b"; return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	if _, err := s.ChangeCamera("none", nil); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := s.RemoveCamera("c0"); err != nil {
		t.Error(err)
	}
	if err := s.RemoveCamera("c0"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	s.Close()
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.ListCameras()
	if err != nil || len(all) != MaxCameras-1 || all[0].ID != "c1" || all[0].Password != "p" {
		t.Errorf("%+v %v", all, err)
	}
}
