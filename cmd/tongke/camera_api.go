package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tongke/media/ingest/rtsp"
	"tongke/signaling/api"
	"tongke/signaling/session"
	"tongke/signaling/store"
)

var _ api.Cameras = (*cameras)(nil)

var (
	errCameraUnknown = &api.DeviceError{Status: http.StatusNotFound, Code: "camera-unknown", Text: api.Words{ZH: "没有这个摄像头。", EN: "There is no such camera."}}
	errCameraFile    = &api.DeviceError{Status: http.StatusConflict, Code: "camera-in-file", Text: api.Words{ZH: "这个摄像头写在配置文件里，请在那里改。", EN: "This camera stands in the configuration file; change it there."}}
	errCameraFull    = &api.DeviceError{Status: http.StatusConflict, Code: "cameras-full", Text: api.Words{
		ZH: fmt.Sprintf("最多 %d 个摄像头，先删掉一个。", store.MaxCameras), EN: fmt.Sprintf("There are %d cameras at most; remove one first.", store.MaxCameras)}}
	errCameraBusy = &api.DeviceError{Status: http.StatusConflict, Code: "camera-test-busy", Text: api.Words{ZH: "正在试别的摄像头，等几秒。", EN: "Another camera is being tried; wait some seconds."}}
)

// cameraWords are what is wrong with a field, for who typed it.
var cameraWords = map[string]string{
	"name":        "名字要 1 到 40 个字，不能和别的摄像头一样。",
	"url":         "地址不对，例如 rtsp://192.0.2.64/stream1",
	"sub":         "辅码流的地址不对，不用就空着。",
	"as":          "用途只能是 camera、pupils 或 board。",
	"transport":   "传输方式只能是 auto、tcp 或 udp。",
	"user":        "用户名不对，不能有冒号。",
	"password":    "密码太长，或有不能用的字符。",
	"fingerprint": "指纹要 64 位十六进制。",
}

// List implements api.Cameras.
func (c *cameras) List() ([]api.Camera, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []api.Camera
	for _, n := range c.all {
		out = append(out, n.shown())
	}
	return out, nil
}

// unreadable is the fault of a camera whose password file cannot be read.
var unreadable = rtsp.Fault{
	Code: rtsp.NoPassword, Text: rtsp.Words{ZH: "摄像头的密码文件读不了", EN: "The camera's password file cannot be read"},
	Cure: rtsp.Words{ZH: "照配置文件里的 password_file 改", EN: "Correct password_file in the configuration"},
}

// shown is the camera without its secrets. Called with cameras.mu held.
func (n *netCamera) shown() api.Camera {
	f := n.config
	sub := f.Sub
	if sub != "" {
		sub = rtsp.Mask(sub)
	}
	status := n.camera.Status()
	if n.broken != nil {
		status.Fault = &unreadable
	}
	return api.Camera{
		ID: n.id, Name: f.Name, URL: rtsp.Mask(f.Main), Sub: sub, As: n.as, Transport: cmp.Or(f.Transport, rtsp.Auto), User: f.User,
		PasswordSet: f.Password != "", Fingerprint: f.Fingerprint, Sound: f.Sound, File: n.file, Status: status,
	}
}

// Add implements api.Cameras.
func (c *cameras) Add(in api.CameraChange) (api.Camera, error) {
	id := make([]byte, 5)
	rand.Read(id) // never fails
	k := store.Camera{ID: "c-" + hex.EncodeToString(id), As: session.AsCamera}
	if err := c.keep(&k, in); err != nil {
		return api.Camera{}, err
	}
	err := c.store.AddCamera(k)
	if errors.Is(err, store.ErrTooManyCameras) {
		return api.Camera{}, errCameraFull
	}
	if err != nil {
		return api.Camera{}, err
	}
	return c.took(k), nil
}

// Change implements api.Cameras.
func (c *cameras) Change(id string, in api.CameraChange) (api.Camera, error) {
	if err := c.mayChange(id); err != nil {
		return api.Camera{}, err
	}
	k, err := c.store.ChangeCamera(id, func(k *store.Camera) error { return c.keep(k, in) })
	if err != nil {
		return api.Camera{}, unknownCamera(err)
	}
	return c.took(k), nil
}

// Remove implements api.Cameras.
func (c *cameras) Remove(id string) error {
	if err := c.mayChange(id); err != nil {
		return err
	}
	if err := c.store.RemoveCamera(id); err != nil {
		return unknownCamera(err)
	}
	c.drop(id)
	return nil
}

func unknownCamera(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errCameraUnknown
	}
	return err
}

// took has a camera work as it was just kept.
func (c *cameras) took(k store.Camera) api.Camera {
	n := stored(k)
	c.put(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	return n.shown()
}

func (c *cameras) mayChange(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.byID[id]
	switch {
	case n == nil:
		return errCameraUnknown
	case n.file:
		return errCameraFile
	}
	return nil
}

// Test implements api.Cameras.
func (c *cameras) Test(ctx context.Context, id string, in api.CameraChange) (rtsp.Found, error) {
	k := store.Camera{ID: id, Name: "test", As: session.AsCamera}
	c.mu.Lock()
	n := c.byID[id]
	c.mu.Unlock()
	switch {
	case n != nil:
		f := n.config
		k = store.Camera{ID: id, Name: f.Name, URL: f.Main, Sub: f.Sub, As: n.as, Transport: f.Transport, User: f.User, Password: f.Password, Fingerprint: f.Fingerprint, Sound: f.Sound}
	case id != "":
		return rtsp.Found{}, errCameraUnknown
	}
	if err := c.change(&k, in); err != nil {
		return rtsp.Found{}, err
	}
	select {
	case c.tests <- struct{}{}:
		defer func() { <-c.tests }()
	default:
		return rtsp.Found{}, errCameraBusy
	}
	tried := rtsp.New(stored(k).config, c.log)
	found := tried.Probe(ctx)
	if n != nil && stored(k).config == n.config && ctx.Err() == nil {
		n.camera.Learn(tried)
	}
	return found, nil
}

// keep applies what somebody typed to a camera that is kept: its name is its own.
func (c *cameras) keep(k *store.Camera, in api.CameraChange) error {
	if err := c.change(k, in); err != nil {
		return err
	}
	if c.named(k.Name, k.ID) {
		return invalidCamera(errors.New("name: another camera is called so, choose another name"))
	}
	return nil
}

// change applies what somebody typed, and refuses what cannot be. An address is taken as the camera's maker prints it, with user and
// password in it; one with stars is the one that is kept.
func (c *cameras) change(k *store.Camera, in api.CameraChange) error {
	set := func(to *string, from *string) {
		if from != nil {
			*to = strings.TrimSpace(*from)
		}
	}
	set(&k.Name, in.Name)
	set(&k.As, in.As)
	set(&k.Transport, in.Transport)
	set(&k.Fingerprint, in.Fingerprint)
	if in.Sound != nil {
		k.Sound = *in.Sound
	}
	home := rtsp.Place(k.URL)
	for _, a := range []struct{ to, from *string }{{&k.URL, in.URL}, {&k.Sub, in.Sub}} {
		if a.from == nil || *a.from == rtsp.Mask(*a.to) && *a.to != "" {
			continue
		}
		bare, user, password := rtsp.Split(strings.TrimSpace(*a.from))
		*a.to = bare
		switch {
		case user != "":
			k.User, k.Password = user, password
		case bare != "" && rtsp.Place(bare) != home:
			k.Password = "" // a kept password goes to the camera that it is for, and to no other
		}
	}
	if in.User != nil && *in.User != k.User {
		if k.User = *in.User; in.Password == nil {
			k.Password = "" // of somebody else
		}
	}
	if in.Password != nil {
		k.Password = *in.Password
	}
	errs := unjoin(stored(*k).config.Validate())
	if !slices.Contains(camerasAs, k.As) {
		errs = append(errs, errors.New("as: write camera, pupils or board"))
	}
	if len(errs) == 0 {
		return nil
	}
	return invalidCamera(errs[0])
}

// invalidCamera is what is told of a fault that names its field.
func invalidCamera(err error) error {
	field, text, _ := strings.Cut(err.Error(), ": ")
	return &api.DeviceError{Status: http.StatusBadRequest, Code: "camera-invalid", Field: field, Text: api.Words{ZH: cameraWords[field], EN: text}}
}

// named reports whether another camera has that name.
func (c *cameras) named(name, but string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.all, func(n *netCamera) bool { return n.config.Name == name && n.id != but })
}
