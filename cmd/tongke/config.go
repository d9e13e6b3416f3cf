package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tongke/media/ingest"
)

// defaultConfigFile is read when it is there and --config names no other.
const defaultConfigFile = "/etc/tongke/tongke.toml"

// Config is the file /etc/tongke/tongke.toml. Every key may be left out.
type Config struct {
	Data   string       `toml:"data"`
	Listen []string     `toml:"listen"`
	Local  string       `toml:"local"`
	Box    BoxConfig    `toml:"box"`
	Log    LogConfig    `toml:"log"`
	Uplink UplinkConfig `toml:"uplink"`
	Ingest IngestConfig `toml:"ingest"`

	Recording RecordingConfig `toml:"recording"`
	Device    DeviceConfig    `toml:"device"`
	Cameras   []CameraConfig  `toml:"camera"`

	demoStates bool // by a flag only
	bench      benchValues
}

// BoxConfig says what the box is called and by which names others reach it.
type BoxConfig struct {
	Name  string   `toml:"name"`
	Hosts []string `toml:"hosts"`
}

// LogConfig says what is logged to standard error, and how.
type LogConfig struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// UplinkConfig says how this box reaches its parent.
type UplinkConfig struct {
	Proxy        string   `toml:"proxy"`
	Alternatives []string `toml:"alternatives"`
}

// proxy finds the HTTP proxy for a request to the parent: the configured one, else that of the environment.
func (c UplinkConfig) proxy() func(*http.Request) (*url.URL, error) {
	if u, err := url.Parse(c.Proxy); err == nil && c.Proxy != "" {
		return http.ProxyURL(u)
	}
	return http.ProxyFromEnvironment
}

// IngestConfig bounds WHIP and WHEP.
type IngestConfig struct {
	Publishers  int `toml:"publishers"`
	Subscribers int `toml:"subscribers"`
}

// limits are the ingest part's limits with what the file says.
func (c IngestConfig) limits() ingest.Limits {
	l := ingest.DefaultLimits()
	l.Publishers, l.Subscribers = c.Publishers, c.Subscribers
	return l
}

// Validate reports every impossible value with its full key.
func (c IngestConfig) Validate() error { return c.limits().Validate() }

// DefaultConfig is what runs without a file. An empty Data means the state directory of this user, an empty Listen :8443 and, when it
// is free, :443.
func DefaultConfig() Config {
	return Config{
		Local:  "127.0.0.1:8080",
		Log:    LogConfig{Level: "info", Format: "text"},
		Ingest: IngestConfig{Publishers: ingest.DefaultLimits().Publishers, Subscribers: ingest.DefaultLimits().Subscribers},

		Recording: RecordingConfig{RetentionDays: defaultRetention},
		Device:    DeviceConfig{SelfTest: true},
	}
}

// Validate reports every impossible value with its full key and what to write instead.
func (c Config) Validate() error {
	var errs []error
	if c.Data != "" && !filepath.IsAbs(c.Data) {
		errs = append(errs, fmt.Errorf("data: %q is not a full path, begin it with /", c.Data))
	}
	seen := map[string]bool{}
	for _, addr := range c.Listen {
		if err := checkListen(addr); err != nil {
			errs = append(errs, fmt.Errorf("listen: %w", err))
		} else if seen[addr] && !strings.HasSuffix(addr, ":0") {
			errs = append(errs, fmt.Errorf("listen: %q stands there twice, remove one", addr))
		}
		seen[addr] = true
	}
	if err := checkLocal(c.Local); err != nil {
		errs = append(errs, fmt.Errorf("local: %w", err))
	}
	return errors.Join(append(errs, c.Box.Validate(), c.Log.Validate(), c.Uplink.Validate(), c.Ingest.Validate(), c.Recording.Validate(), c.Device.Validate(), validateCameras(c.Cameras))...)
}

// maxBoxName bounds a box name in letters: it stands in one line of a screen.
const maxBoxName = 40

// Validate reports every impossible value with its full key and what to write instead.
func (c BoxConfig) Validate() error {
	var errs []error
	if n := utf8.RuneCountInString(c.Name); n > maxBoxName {
		errs = append(errs, fmt.Errorf("box.name: %d letters are too many, write at most %d", n, maxBoxName))
	}
	if strings.TrimSpace(c.Name) != c.Name || strings.ContainsFunc(c.Name, unicode.IsControl) {
		errs = append(errs, fmt.Errorf("box.name: %q has blanks around it or signs that cannot be printed, remove them", c.Name))
	}
	for _, h := range c.Hosts {
		if !validHost(h) {
			errs = append(errs, fmt.Errorf("box.hosts: %q is neither a host name nor an IP address, write it without https:// and without a port", h))
		}
	}
	return errors.Join(errs...)
}

// Validate reports every impossible value with its full key and what to write instead.
func (c LogConfig) Validate() error {
	var errs []error
	if _, ok := logLevels[c.Level]; !ok {
		errs = append(errs, fmt.Errorf("log.level: %q is no level, write debug, info, warn or error", c.Level))
	}
	if c.Format != "text" && c.Format != "json" {
		errs = append(errs, fmt.Errorf("log.format: %q is no format, write text or json", c.Format))
	}
	return errors.Join(errs...)
}

// Validate reports every impossible value with its full key and what to write instead.
func (c UplinkConfig) Validate() error {
	var errs []error
	if c.Proxy != "" {
		if u, err := url.Parse(c.Proxy); err != nil || u.Scheme != "http" || u.Port() == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			errs = append(errs, fmt.Errorf("uplink.proxy: %q is no HTTP proxy, write it as http://host:port", c.Proxy))
		}
	}
	for _, a := range c.Alternatives {
		if u, err := url.Parse(a); err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			errs = append(errs, fmt.Errorf("uplink.alternatives: %q is no address of a box, write it as https://host:port", a))
		}
	}
	return errors.Join(errs...)
}

// checkListen accepts an IP address (or none: all of them) and a port.
func checkListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address, write it as :8443 or 192.0.2.1:8443 or [2001:db8::1]:8443", addr)
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("%q is not an IP address of this computer, write the number or nothing before the port", host)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return fmt.Errorf("%q is no port, write a number from 1 to 65535", port)
	}
	return nil
}

// checkLocal accepts loopback addresses only: whoever connects there is taken for this box's classroom.
func checkLocal(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address, write it as 127.0.0.1:8080", addr)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("%q is not a loopback address, write it as 127.0.0.1:8080 or [::1]:8080", addr)
	}
	return checkListen(addr)
}

func validHost(h string) bool {
	if _, err := netip.ParseAddr(h); err == nil {
		return true
	}
	if h == "" || len(h) > 253 {
		return false
	}
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return true
}

// loadConfig reads the file at path over the defaults. path "" means the usual place, where a missing file is no fault. All faults come
// in one error.
func loadConfig(path string) (Config, error) {
	c := DefaultConfig()
	named := path != ""
	if !named {
		path = defaultConfigFile
	}
	doc, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return c, nil
	}
	if err != nil {
		return c, &fault{
			exit: exitFailed, code: "config-unreadable", err: err,
			en: fmt.Sprintf("cannot read the configuration file %s (%v); correct the path or its permissions", path, rootCause(err)),
			zh: fmt.Sprintf("读不了配置文件 %s，请检查路径和权限", path),
		}
	}
	if faults := parseConfig(doc, &c); len(faults) > 0 {
		return c, configFault(path, faults)
	}
	return c, nil
}

// parseConfig decodes and validates one document and returns every fault, by line.
func parseConfig(doc []byte, c *Config) []keyFault {
	lines, faults := decodeStrict(doc, c)
	if lines == nil {
		return faults
	}
	wrong := map[string]bool{} // one complaint a key is enough
	for _, f := range faults {
		wrong[f.key] = true
	}
	for _, err := range unjoin(c.Validate()) {
		key, text, _ := strings.Cut(err.Error(), ": ")
		if !wrong[key] {
			faults = append(faults, keyFault{line: lineOf(lines, key), key: key, text: text})
		}
	}
	sort.SliceStable(faults, func(i, j int) bool { return faults[i].line < faults[j].line })
	return faults
}

// configFault tells all faults of a file, one a line.
func configFault(path string, faults []keyFault) *fault {
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration file %s has %d fault(s); correct them and start again", path, len(faults))
	for _, f := range faults {
		b.WriteString("\n" + path)
		if f.line > 0 {
			fmt.Fprintf(&b, ":%d", f.line)
		}
		b.WriteString(": " + f.Error())
	}
	return &fault{
		exit: exitFailed, code: "config-wrong", en: b.String(),
		zh: fmt.Sprintf("配置文件 %s 有 %d 处错误（见上面各行），改好后再启动", path, len(faults)),
	}
}

// unjoin takes errors.Join apart, however deep.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range j.Unwrap() {
		out = append(out, unjoin(e)...)
	}
	return out
}

// rootCause strips the path that the sentence around it names already.
func rootCause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// dataDir is where the box keeps its state: the flag, else the file, else systemd's state directory, else the usual place for root or
// for this user.
func dataDir(flag string, c Config) (string, error) {
	for _, d := range []string{flag, c.Data} {
		if d != "" {
			return filepath.Abs(d)
		}
	}
	if d, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); d != "" { // systemd.exec(5): several are joined by colons
		return d, nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/tongke", nil
	}
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) { // the base directory specification: relative paths are ignored
		return filepath.Join(d, "tongke"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &fault{
			exit: exitFailed, code: "data-unknown", err: err,
			en: "there is no home directory to keep data in; name one with --data",
			zh: "不知道把数据放在哪里，请用 --data 指定目录",
		}
	}
	return filepath.Join(home, ".local", "state", "tongke"), nil
}
