package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tongke/media/ingest/rtsp"
)

// cameraShelf is cameras that remember what they were told.
type cameraShelf struct{ did []string }

func (c *cameraShelf) List() ([]Camera, error) { return nil, nil }
func (c *cameraShelf) Add(in CameraChange) (Camera, error) {
	c.did = append(c.did, "add "+*in.Name+" "+*in.Password)
	return Camera{ID: "c-1", Name: *in.Name, PasswordSet: true}, nil
}
func (c *cameraShelf) Change(id string, in CameraChange) (Camera, error) {
	c.did = append(c.did, fmt.Sprintf("change %s password %v", id, in.Password != nil))
	return Camera{ID: id}, nil
}
func (c *cameraShelf) Remove(id string) error {
	c.did = append(c.did, "remove "+id)
	return &DeviceError{Status: http.StatusNotFound, Code: "camera-unknown", Text: Words{"没有", "none"}}
}
func (c *cameraShelf) Test(_ context.Context, id string, in CameraChange) (rtsp.Found, error) {
	c.did = append(c.did, "test "+id+" "+*in.URL)
	return rtsp.Found{Verdict: rtsp.Words{ZH: "摄像头在用 H.265", EN: "The camera sends H.265"}, Fault: &rtsp.Fault{Code: rtsp.HEVC}}, nil
}

func TestCameraRoutes(t *testing.T) {
	b := newBox(t)
	if w := b.ask(b.Control(), "GET", "/api/v1/cameras", ""); w.Code != http.StatusServiceUnavailable || code(w) != "cameras-not-available" {
		t.Errorf("without cameras: %d %s", w.Code, w.Body)
	}
	shelf := &cameraShelf{}
	b.cfg.Cameras = shelf
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/api/v1/cameras", "", 200, "[]"},
		{"POST", "/api/v1/cameras", `{"name":"后墙","url":"rtsp://192.0.2.64/1","password":"secret"}`, 201, `"passwordSet":true`},
		{"POST", "/api/v1/cameras", `{"nam":"x"}`, 400, `"code":"json-invalid"`},
		{"POST", "/api/v1/cameras/test", `{"id":"c-1","url":"rtsp://192.0.2.64/2"}`, 200, `"code":"camera-h265"`},
		{"PATCH", "/api/v1/cameras/c-1", `{"name":"a"}`, 200, `"id":"c-1"`},
		{"DELETE", "/api/v1/cameras/c-1", "", 404, `"text":{"zh":"没有","en":"none"}`},
	} {
		w := b.ask(b.Control(), c.method, c.target, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
	}
	want := "add 后墙 secret, test c-1 rtsp://192.0.2.64/2, change c-1 password false, remove c-1"
	if got := strings.Join(shelf.did, ", "); got != want {
		t.Errorf("did %q, want %q", got, want)
	}
}
