package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"tongke/device/profile"
)

// kioskCmd is the wall screen: it starts the browser on /class and watches it. It runs inside a compositor (cage), as the unit
// tongke-kiosk.service starts it.
type kioskCmd struct {
	Config  string        `help:"The configuration file. 配置文件。" placeholder:"FILE"`
	Browser string        `help:"The browser, Chromium or one of its kind. 浏览器。" placeholder:"chromium"`
	State   string        `help:"The folder for the browser's profile. 浏览器数据目录。" placeholder:"DIR"`
	Limit   time.Duration `help:"How long the page may be silent." default:"15s" hidden:""`
	Flag    []string      `help:"A further flag of the browser; may be repeated." hidden:"" sep:"none"`
}

// errPageSilent: the page has not answered for the limit.
var errPageSilent = errors.New("the page does not answer")

const (
	kioskAsk    = 3 * time.Second  // between two questions
	kioskPatron = 60 * time.Second // what a slow disk needs to start a browser
	screenWait  = 20 * time.Second // for a panel that is switched on with the box
	boxWait     = 60 * time.Second // for the box to listen; then the browser shows that it does not
)

// Run ends when the browser has ended, or its page is silent; whoever started us starts us again.
func (k *kioskCmd) Run(con *console) error {
	cfg, err := loadConfig(k.Config)
	if err != nil {
		cfg = DefaultConfig() // the screen works whatever the file says
	}
	_, choice, err := machine(string(filepath.Separator), cfg)
	if err != nil {
		return err
	}
	log := newLogger(con.err, cfg.Log)
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	k.waitForBox(ctx, cfg.Local, log)
	wall := thisScreen()
	wall.await(ctx, screenWait)
	page := "http://" + cfg.Local + "/class"
	if scale := wall.scale(); scale != "" {
		page += "?scale=" + scale
	}
	tidyProfile(k.state(), log)
	args := append(kioskFlags(k.state(), choice.Profile), k.Flag...)
	return k.show(ctx, page, append(args, page), wall, log)
}

func (k *kioskCmd) state() string {
	for _, d := range []string{k.State, os.Getenv("STATE_DIRECTORY")} {
		if d != "" {
			return d
		}
	}
	return filepath.Join(os.TempDir(), "tongke-kiosk-"+strconv.Itoa(os.Getuid()))
}

func (k *kioskCmd) browser() (string, error) {
	names := []string{k.Browser}
	if k.Browser == "" {
		names = []string{"chromium", "chromium-browser", "google-chrome"}
	}
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path, nil
		}
	}
	return "", &fault{exit: exitFailed, code: "no-browser", en: fmt.Sprintf("none of %v is installed; install chromium", names), zh: "没有浏览器，请安装 chromium"}
}

// kioskFlags are the browser's: what a wall screen needs on every machine, then what the profile knows of this one.
func kioskFlags(state string, p profile.Profile) []string {
	flags := []string{
		"--kiosk", "--user-data-dir=" + state, "--lang=zh-CN",
		// Nobody is there to answer: no first-run page, no crash bubble, no default-browser question, no translation, no password store.
		"--no-first-run", "--noerrdialogs", "--no-default-browser-check", "--hide-crash-restore-bubble", "--disable-session-crashed-bubble",
		"--disable-features=Translate", "--password-store=basic", "--disable-sync", "--disable-pinch", "--overscroll-history-navigation=0",
		// No Internet: nothing is fetched that did not come with the package.
		"--disable-component-update", "--disable-background-networking", "--disable-domain-reliability", "--no-pings",
		// Camera and microphone are given to the page without asking, and sound plays without a tap.
		"--auto-accept-camera-and-microphone-capture", "--autoplay-policy=no-user-gesture-required",
		// With the cable out only lo is up, and a peer connection to the own box must still work.
		"--allow-loopback-in-peer-connection",
		// A page behind another one still decodes, and its timers still run.
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		// How we ask the page whether it lives: over two pipes, so that nobody else can.
		"--remote-debugging-pipe",
	}
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		flags = append(flags, "--ozone-platform=wayland")
	}
	if p.Kiosk.Zoom != 1 {
		flags = append(flags, "--force-device-scale-factor="+strconv.FormatFloat(p.Kiosk.Zoom, 'g', -1, 64))
	}
	return append(flags, p.Kiosk.Flags...)
}

// waitForBox gives the box time to listen, so that the first thing on the wall is no error page.
func (k *kioskCmd) waitForBox(ctx context.Context, addr string, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, boxWait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log.Warn("the box does not listen", "local", addr)
			return
		}
	}
}

// show runs the browser until it ends, ctx ends, the page is silent for the limit, or the screen is another one or back.
func (k *kioskCmd) show(ctx context.Context, page string, args []string, wall *screens, log *slog.Logger) error {
	path, err := k.browser()
	if err != nil {
		return err
	}
	toBrowser, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	theirs, fromBrowser, err := os.Pipe()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)      // #nosec G204 -- the browser of this machine, flags of ours
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // 3 and 4, as --remote-debugging-pipe wants them
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	cmd.SysProcAttr = childAttr()
	cmd.Cancel = func() error { return cmd.Process.Signal(endSignal) }
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	defer ours.Close()
	defer theirs.Close()
	log.Info("wall screen", "browser", path, "page", page)
	watched := make(chan error, 2)                                                           // by two
	go func() { watched <- watchPage(ctx, newDevtools(theirs, ours), page, k.Limit, log) }() // ends with the pipes or with ctx
	go func() {
		if err := wall.watch(ctx, log); err != nil { // ends with ctx
			watched <- err
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the browser
	select {
	case err = <-ended:
		return errors.Join(errors.New("the browser has ended"), err)
	case err = <-watched:
		log.Error("browser is started anew", "err", err)
		killGroup(cmd.Process)
		<-ended
		return err
	case <-ctx.Done():
		<-ended
		return nil
	}
}

// watchPage asks the page for a sign of life until it is silent for limit. A page that shows the browser's own error, or
// nothing, is sent back; other pages are closed.
func watchPage(ctx context.Context, d *devtools, page string, limit time.Duration, log *slog.Logger) error {
	last := time.Now().Add(max(kioskPatron-limit, 0))
	away := 0 // times in a row that the page was elsewhere; once is a browser that has only begun
	for {
		asked, cancel := context.WithTimeout(ctx, min(kioskAsk, limit))
		where, err := d.where(asked, page)
		var closed []string
		if err == nil {
			closed, _ = d.alone(asked) // one that goes by itself meanwhile is no fault of the page
		}
		cancel()
		if len(closed) > 0 {
			log.Warn("other pages stood beside the wall's and were closed", "pages", closed)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, os.ErrClosed):
			return fmt.Errorf("browser closed its pipe: %w", err)
		case err != nil:
			log.Debug("page did not answer", "err", err)
			d.forget()
		default:
			last = time.Now()
			if samePlace(where, page) {
				away = 0
			} else if away++; away > 1 {
				log.Warn("page went elsewhere and is sent back", "to", where)
				d.goTo(page)
			}
		}
		if silent := time.Since(last); silent > limit {
			return fmt.Errorf("%w for %v", errPageSilent, silent.Round(time.Second))
		}
		select {
		case <-time.After(min(kioskAsk, limit/3)):
		case <-ctx.Done():
			return nil
		}
	}
}
