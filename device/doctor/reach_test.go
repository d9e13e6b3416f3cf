package doctor

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestPortal: what login pages do, against what proxies and silence do.
func TestPortal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		want   Answer
	}{
		{"redirection to the login", http.StatusFound, Yes}, {"the login itself", http.StatusOK, Yes},
		{"said by the book", http.StatusNetworkAuthenticationRequired, Yes},
		{"a proxy that finds nothing", http.StatusBadGateway, No}, {"a proxy that forbids", http.StatusForbidden, No},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://10.0.0.1/login")
			w.WriteHeader(tt.status)
		}))
		if got := Portal(t.Context(), s.URL); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		s.Close()
		if got := Portal(t.Context(), s.URL); got != No {
			t.Errorf("nobody answers: %v", got)
		}
	}
}

func TestAnswers(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	right := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	right.ServerName = "example.com" // the test server's certificate has this name
	wrong := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return errors.New("another pin") }}
	const closed = "https://127.0.0.1:1"
	for _, tt := range []struct {
		name  string
		urls  []string
		cfg   *tls.Config
		want  Answer
		fault string
	}{
		{"the parent", []string{s.URL}, right, Yes, ""},
		{"its second address", []string{closed, s.URL}, right, Yes, ""},
		{"somebody else", []string{s.URL, closed}, wrong, No, "certificate-mismatch"},
		{"nobody", []string{closed, "://", ""}, right, No, ""},
	} {
		if got, fault := Answers(t.Context(), tt.urls, tt.cfg); got != tt.want || fault != tt.fault {
			t.Errorf("%s: %v %q, want %v %q", tt.name, got, fault, tt.want, tt.fault)
		}
	}
}

func TestResolves(t *testing.T) {
	if got := Resolves(t.Context(), "192.0.2.1"); got != Yes {
		t.Errorf("an address: %v", got)
	}
	if got := Resolves(t.Context(), "core.invalid"); got != No { // RFC 2606
		t.Errorf("a name that cannot exist: %v", got)
	}
}
