// Package console serves the pages of a box: HTML, scripts, styles and words that are embedded in the program. It has no build step, needs
// no network but the box itself, and knows no person; what a page may see is decided by the endpoints that it calls.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed *.html *.css *.js text/*.json
var files embed.FS

// guard stands in every page itself, in place of the element that names it: it watches over what the page loads, so it must not be loaded.
//
//go:embed guard.js
var guard []byte

// guarded is that element.
var guarded = []byte(`<script src="/console/guard.js"></script>`)

// policy lets a page load and call only its own origin, and run guard (CSP level 3 §6.7.3.3). Blob URLs are for pictures that a page makes
// itself. Scripts cannot write HTML.
var policy = "default-src 'none'; script-src 'self' " + hashOf(guard) + "; style-src 'self'; connect-src 'self'; media-src blob: 'self'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func hashOf(script []byte) string {
	sum := sha256.Sum256(script)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// headers go with every answer of this package.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=(), autoplay=(self), fullscreen=(self), screen-wake-lock=(self)",
	"Cache-Control":                "no-cache", // asked for again each time, answered by 304: a box may have been updated
}

// types by extension; the machine's own table is not asked.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
}

// lessonID is what names a lesson in an address.
var lessonID = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// page is one embedded file, ready to be sent.
type page struct {
	name string
	etag string
	body []byte
}

// Options change what the pages can do.
type Options struct {
	// DemoStates lets /class show any of its states by ?state=, without a lesson: for screenshots, never where classes are taught.
	DemoStates bool
}

// Handler serves the pages as New does, with nothing added.
func Handler() (http.Handler, error) { return New(Options{}) }

// New serves /, /assist, /class, /class/{lesson}, /device, /teach/{lesson}, /library and what these pages load from /console/.
func New(o Options) (http.Handler, error) {
	pages := make(map[string]page)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if o.DemoStates && path.Ext(name) == ".html" {
			body = bytes.Replace(body, []byte("<html "), []byte("<html data-demo-states "), 1)
		}
		if path.Ext(name) == ".html" {
			if body, err = preload(body, files); err != nil {
				return err
			}
			inside := slices.Concat([]byte("<script>"), guard, []byte("</script>"))
			body = bytes.Replace(body, guarded, inside, 1)
		}
		sum := sha256.Sum256(body)
		pages[name] = page{name, `"` + hex.EncodeToString(sum[:8]) + `"`, body}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("embedded pages: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", pages["home.html"].serve)
	mux.HandleFunc("GET /assist", pages["assist.html"].serve)
	mux.HandleFunc("GET /class", pages["class.html"].serve)
	mux.HandleFunc("GET /device", pages["device.html"].serve)
	mux.HandleFunc("GET /library", pages["library.html"].serve)
	mux.HandleFunc("GET /teach/{lesson}", func(w http.ResponseWriter, r *http.Request) {
		if !lessonID.MatchString(r.PathValue("lesson")) {
			notFound(w)
			return
		}
		pages["teach.html"].serve(w, r)
	})
	mux.HandleFunc("GET /class/{lesson}", func(w http.ResponseWriter, r *http.Request) {
		if !lessonID.MatchString(r.PathValue("lesson")) {
			notFound(w)
			return
		}
		pages["class.html"].serve(w, r)
	})
	mux.HandleFunc("GET /console/{name...}", func(w http.ResponseWriter, r *http.Request) {
		p, ok := pages[r.PathValue("name")]
		if !ok || strings.HasSuffix(p.name, ".html") {
			notFound(w)
			return
		}
		p.serve(w, r)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	return mux, nil
}

func (p page) serve(w http.ResponseWriter, r *http.Request) {
	setHeaders(w)
	w.Header().Set("Content-Type", types[path.Ext(p.name)])
	w.Header().Set("ETag", p.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.body))
}

func notFound(w http.ResponseWriter) {
	setHeaders(w)
	http.Error(w, "not found", http.StatusNotFound)
}

func setHeaders(w http.ResponseWriter) {
	for k, v := range headers {
		w.Header().Set(k, v)
	}
}
