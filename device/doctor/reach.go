package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Nowhere is an address that no network has (RFC 5737, documentation). Whoever answers there stands between us and the network.
const Nowhere = "http://198.51.100.1/"

// reachLimit bounds each question to the network.
const reachLimit = 3 * time.Second

// Portal asks at an address that does not exist. A login page answers it, as answers go: a page, a redirection, or RFC 6585's 511. An
// error of a proxy is no login.
func Portal(ctx context.Context, nowhere string) Answer {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: the question is what the network itself does
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, nowhere, nil)
	if err != nil {
		return Unknown
	}
	res, err := client.Do(req)
	if err != nil {
		return No
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 1<<10) // only the status counts
	if c := res.StatusCode; c == http.StatusOK || c/100 == 3 || c == http.StatusNetworkAuthenticationRequired {
		return Yes
	}
	return No
}

// Resolves asks for a host's addresses; a host that is an address needs nobody.
func Resolves(ctx context.Context, host string) Answer {
	if _, err := netip.ParseAddr(host); err == nil {
		return Yes
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	if addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil || len(addrs) == 0 {
		return No
	}
	return Yes
}

// ErrOther: somebody else answers than whom the TLS configuration expects.
var ErrOther = errors.New("another certificate than expected")

// Answers reports whether a box answers over TLS at one of its addresses. When none does and at one of them somebody else answers, fault
// is certificate-mismatch.
func Answers(ctx context.Context, urls []string, cfg *tls.Config) (answer Answer, fault string) {
	for _, u := range urls {
		at, err := url.Parse(u)
		if err != nil || at.Host == "" {
			continue
		}
		host := at.Host
		if at.Port() == "" {
			host = net.JoinHostPort(at.Hostname(), "443")
		}
		if err := handshake(ctx, host, cfg); err == nil {
			return Yes, ""
		} else if errors.Is(err, ErrOther) {
			fault = "certificate-mismatch"
		}
	}
	return No, fault
}

func handshake(ctx context.Context, host string, cfg *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := tls.Client(conn, cfg).HandshakeContext(ctx); err != nil {
		// With the connection up and time left, a refusal is the certificate's: RFC 8446 §6.2 alerts and our own verification alike.
		if ctx.Err() == nil && !errors.Is(err, io.EOF) && !errors.As(err, new(net.Error)) {
			return errors.Join(ErrOther, err)
		}
		return err
	}
	return nil
}
