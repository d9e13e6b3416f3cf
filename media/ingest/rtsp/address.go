package rtsp

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// parse reads an address. Nothing of a wrong one is in the error: it may hold a password.
func parse(address string) (*base.URL, error) {
	if len(address) > maxURL || strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("it is too long or has signs that cannot be printed, copy it once more")
	}
	u, err := base.ParseURL(address)
	if err != nil || u.Scheme != "rtsp" && u.Scheme != "rtsps" || u.Hostname() == "" {
		return nil, errors.New("this is no address of a camera, write it as rtsp://192.0.2.64/stream1")
	}
	if u.User != nil {
		return nil, errors.New("user and password do not belong in the address, write them under their own keys")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("its port is no number from 1 to 65535")
		}
		if strings.Contains(u.Path+u.RawQuery, "@") { // a password of digits with a slash in it looks like a port
			return nil, errors.New("user and password do not belong in the address, write them under their own keys")
		}
	}
	return u, nil
}

// Split takes user and password out of an address as makers of cameras print it. An address that cannot be read is returned as it is.
func Split(address string) (bare, user, password string) {
	u, err := base.ParseURL(address)
	if err != nil || u.User == nil {
		return address, "", ""
	}
	user = u.User.Username()
	password, _ = u.User.Password()
	c := *u
	c.User = nil
	return c.String(), user, password
}

// secretInPath finds passwords that some makers put into path and query: user=admin_password=secret_channel=1.
var secretInPath = regexp.MustCompile(`(?i)((?:pass(?:word|wd|wort)?|pwd|psw|token|auth)=)([^&/?#]+?)(_[a-z]+=|[&/?#]|$)`)

// Mask hides what is secret in an address, so that it can be shown.
func Mask(address string) string {
	bare, _, _ := Split(address)
	if u, err := url.Parse(bare); err != nil || u.User != nil {
		return "rtsp://…"
	}
	return secretInPath.ReplaceAllString(bare, "${1}***${3}")
}

// Place is where an address leads: scheme, host and port. "" for what is no address.
func Place(address string) string {
	u, err := parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
