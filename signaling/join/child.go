package join

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tongke/signaling/store"
)

const (
	// DefaultPort is taken for an address that a person typed without a scheme.
	DefaultPort = "8443"

	dialWait   = 8 * time.Second
	answerWait = 10 * time.Second
	maxAnswer  = 64 << 10
	sendTries  = 3 // of the same request, when its answer is lost
)

// Joined is what became of a child.
type Joined struct {
	Parent  store.Parent
	BoxName string // what the parent calls this box
}

// Join asks the parent at address (a URL, or a host that a person typed) to take this box in. config shows this box's identity certificate
// and takes any other box's; the code is what proves the other. Errors are *Error inside.
func Join(ctx context.Context, address, typed string, id Identity, config *tls.Config, name string) (Joined, error) {
	return JoinThrough(ctx, http.ProxyFromEnvironment, address, typed, id, config, name)
}

// JoinThrough is Join by the HTTP proxy that proxy names for a request; nil and a nil URL are a direct connection.
func JoinThrough(ctx context.Context, proxy func(*http.Request) (*url.URL, error), address, typed string, id Identity, config *tls.Config, name string) (Joined, error) {
	code, err := ParseCode(typed)
	if err != nil {
		return Joined{}, err
	}
	j, end, err := newJoiner(proxy, address, id, config, name)
	if err != nil {
		return Joined{}, err
	}
	defer end()
	j.code = code
	return j.join(ctx)
}

// newJoiner prepares to speak with a box that shows any certificate; end closes its connections.
func newJoiner(proxy func(*http.Request) (*url.URL, error), address string, id Identity, config *tls.Config, name string) (j *joiner, end func(), err error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	config = config.Clone()
	config.VerifyConnection = nil // whatever is shown is looked at below: it is proven by the code or the digits, or named as a mismatch
	client, end := newClient(proxy, config)
	return &joiner{id: id, base: base, name: name, client: client}, end, nil
}

func newClient(proxy func(*http.Request) (*url.URL, error), config *tls.Config) (client *http.Client, end func()) {
	tr := &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: dialWait}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: dialWait,
	}
	return &http.Client{
		Transport:     tr,
		Timeout:       dialWait + answerWait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, tr.CloseIdleConnections
}

type joiner struct {
	id     Identity
	code   Code
	base   string
	name   string
	client *http.Client
	heard  Heard // from the last answer
}

func (j *joiner) join(ctx context.Context) (Joined, error) {
	seen, err := j.look(ctx)
	if err != nil {
		return Joined{}, err
	}
	sum := sha256.Sum256(seen.Raw)
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return Joined{}, err
	}
	body, err := json.Marshal(Hello{Certificate: j.id.Certificate.Raw, Seen: sum[:], Name: j.name, Nonce: nonce})
	if err != nil {
		return Joined{}, err
	}
	req, err := json.Marshal(Envelope{Invitation: j.code.ID, Body: body, MAC: mark(j.code.key(), childLabel, j.code.ID, body)})
	if err != nil {
		return Joined{}, err
	}
	answer, err := j.send(ctx, req, seen)
	if err != nil {
		return Joined{}, err
	}
	return j.read(answer, body, seen)
}

// look learns which certificate the other end shows, and whether a box answers there at all.
func (j *joiner) look(ctx context.Context) (*x509.Certificate, error) {
	data, cert, status, err := j.do(ctx, http.MethodGet, "/api/v1/box", nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var box struct {
		ID string `json:"id"`
	}
	if status != http.StatusOK || json.Unmarshal(data, &box) != nil || box.ID == "" {
		return nil, fmt.Errorf("%w: something else than a tongke box answers at %s", ErrUnreachable, j.base)
	}
	if box.ID == j.id.ID {
		return nil, ErrLoop
	}
	return cert, nil
}

// send posts the request, again when no answer came: the parent answers the very same request twice.
func (j *joiner) send(ctx context.Context, req []byte, seen *x509.Certificate) (Envelope, error) {
	var last error
	for try := range sendTries {
		if try > 0 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return Envelope{}, fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
			}
		}
		data, cert, status, err := j.do(ctx, http.MethodPost, "/api/v1/join", req)
		if err != nil {
			last = err
			continue
		}
		if !cert.Equal(seen) {
			return Envelope{}, ErrMismatch
		}
		if status != http.StatusOK {
			return Envelope{}, refused(data, status)
		}
		var answer Envelope
		if err := strict(data, &answer); err != nil {
			return Envelope{}, fmt.Errorf("%w: its answer makes no sense", ErrUnreachable)
		}
		return answer, nil
	}
	return Envelope{}, fmt.Errorf("%w: %w", ErrUnreachable, last)
}

func refused(data []byte, status int) error {
	var e struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(data, &e) == nil {
		if known := refusals[e.Code]; known != nil {
			return known
		}
	}
	return fmt.Errorf("%w: it answered with status %d", ErrUnreachable, status)
}

func (j *joiner) do(ctx context.Context, method, path string, body []byte) ([]byte, *x509.Certificate, int, error) {
	req, err := http.NewRequestWithContext(ctx, method, j.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	asked := time.Now()
	resp, err := j.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the address is said already
		}
		return nil, nil, 0, err
	}
	answered := time.Now()
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, 0, err
	}
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return nil, nil, 0, errors.New("it shows no certificate")
	}
	j.heard = hear(resp.Header.Get("Date"), asked, answered)
	return data, resp.TLS.PeerCertificates[0], resp.StatusCode, nil
}

// read believes the answer only if the code's key marked it and it names the certificate that was seen.
func (j *joiner) read(answer Envelope, request []byte, seen *x509.Certificate) (Joined, error) {
	if answer.Invitation != j.code.ID || !hmac.Equal(answer.MAC, mark(j.code.key(), parentLabel, j.code.ID, answer.Body)) {
		return Joined{}, fmt.Errorf("%w: its answer is not marked with the code", ErrMismatch)
	}
	var g Grant
	if err := strict(answer.Body, &g); err != nil {
		return Joined{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	sum := sha256.Sum256(request)
	return j.granted(g, sum[:], seen)
}

// granted checks that a grant belongs to the request and to the certificate that was seen.
func (j *joiner) granted(g Grant, request []byte, seen *x509.Certificate) (Joined, error) {
	if !bytes.Equal(g.Request, request) || !bytes.Equal(g.Certificate, seen.Raw) {
		return Joined{}, ErrMismatch
	}
	parentID, ok := j.id.IDOf(seen)
	if !ok {
		return Joined{}, ErrMismatch
	}
	if parentID == j.id.ID {
		return Joined{}, ErrLoop
	}
	if !place(g.CampusID) || g.Classroom != "" && !place(g.Classroom) || !place(g.BoxName) || g.AllianceID == "" {
		return Joined{}, ErrRequest
	}
	return Joined{
		Parent: store.Parent{
			ID: parentID, Name: g.Name, URLs: mergeAddresses([]string{j.base}, g.URLs), Pin: j.id.Pin(seen), AllianceID: g.AllianceID, AllianceName: g.AllianceName,
			CampusID: g.CampusID, Classroom: g.Classroom, Joined: time.Now().UTC(),
		},
		BoxName: g.BoxName,
	}, nil
}

// parseAddress makes "https://host:port" of what a person typed.
func parseAddress(s string) (string, error) {
	s = strings.TrimSpace(s)
	bare := !strings.Contains(s, "://")
	if bare {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return "", fmt.Errorf("%q is no address", s)
	}
	if u.Scheme != "https" {
		return "", fmt.Errorf("%q does not begin with https://", s)
	}
	if bare && u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), DefaultPort)
	}
	return "https://" + u.Host, nil
}

// Adopt writes down the parent and where it put this box. With a parent already there it refuses unless replace is set.
func Adopt(s *store.Store, j Joined, replace bool) error {
	return s.Update(func(tx *store.Tx) error {
		if err := mayJoin(tx, replace); err != nil {
			return err
		}
		if _, err := store.Children.Get(tx, j.Parent.ID); err == nil {
			return ErrLoop
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		m, err := store.Metas.Get(tx, store.KeyMeta)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		m.AllianceID, m.AllianceName = j.Parent.AllianceID, j.Parent.AllianceName
		m.CampusID, m.CampusName, m.Classroom, m.BoxName = j.Parent.CampusID, "", j.Parent.Classroom, j.BoxName
		if err := store.Metas.Put(tx, store.KeyMeta, m); err != nil {
			return err
		}
		return store.Parents.Put(tx, store.KeyParent, j.Parent)
	})
}

// MayJoin reports whether Adopt would refuse, before an invitation is spent.
func MayJoin(s *store.Store, replace bool) error {
	return s.View(func(tx *store.Tx) error { return mayJoin(tx, replace) })
}

func mayJoin(tx *store.Tx, replace bool) error {
	_, err := store.Parents.Get(tx, store.KeyParent)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !replace:
		return ErrJoined
	}
	return nil
}
