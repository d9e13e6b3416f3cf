package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"tongke/signaling/auth"
)

// runCmd is the daemon.
type runCmd struct {
	Config string   `help:"The configuration file; without it /etc/tongke/tongke.toml, if there is one. 配置文件。" placeholder:"FILE"`
	Data   string   `help:"The data directory. 数据目录。" placeholder:"DIR"`
	Listen []string `help:"Address for other computers; may be repeated. 对外地址，可以写多个。" placeholder:":8443"`
	Local  string   `help:"Loopback address for the screen beside the box, plain HTTP. 本机大屏用的地址。" placeholder:"127.0.0.1:8080"`

	DemoStates       bool       `hidden:"" help:"Pages show any of their states by ?state=, without a lesson: for screenshots."`
	UntilStdinCloses bool       `hidden:"" help:"End when standard input reaches its end."`
	Bench            benchFlags `embed:""`
}

// Run is the life of the daemon, from its configuration to the end of its last part.
func (r *runCmd) Run(con *console) error {
	cfg, err := r.compose()
	if err != nil {
		bearWith(err)
		return err
	}
	dir, err := dataDir(r.Data, cfg)
	if err != nil {
		return err
	}
	log := newLogger(con.err, cfg.Log)

	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	if r.UntilStdinCloses {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() { // ends with the process: a read of standard input cannot be interrupted
			untilClosed(con.in)
			cancel()
		}()
	}

	for {
		if again, err := live(ctx, stop, cfg, dir, con, log); !again {
			bearWith(err)
			return err
		}
	}
}

// live is one life of the daemon; again says that the box was erased and begins anew.
func live(ctx context.Context, stop func(), cfg Config, dir string, con *console, log *slog.Logger) (again bool, err error) {
	began := time.Now()
	erased, err := settle(dir)
	if err != nil {
		return false, err
	}
	if erased {
		log.Warn("erased", "data", dir, "after_ms", time.Since(began).Milliseconds())
	}
	d, err := openDaemon(cfg, dir, con, log)
	if err != nil {
		return false, err
	}
	if err := d.start(); err != nil {
		d.close()
		return false, err
	}
	log.Info("ready", "name", d.name(), "box", d.box.ID(), "listen", d.at.Listen, "local", d.at.Local, "data", dir, "version", programVersion(), "after_ms", time.Since(began).Milliseconds())
	if con.terminal {
		d.tellPassword()
	}
	notify(sd.SdNotifyReady, log)

	select {
	case <-ctx.Done():
		stop() // a second signal ends us at once
	case err = <-d.parts.failed:
		log.Error("a part has failed, ending", "err", err)
	case <-d.anew:
		again = true
		time.Sleep(resetGrace)
	}
	if !again {
		notify(sd.SdNotifyStopping, log)
	}
	ended := time.Now()
	clean := d.close()
	log.Info("ended", "after_ms", time.Since(ended).Milliseconds())
	if err != nil {
		return false, err
	}
	if !clean {
		return false, errors.New("not every part ended in time, see the log")
	}
	return again, nil
}

// endSignals are what asks this process to end: the terminal's key, the service manager, and a terminal that closes unless nohup(1) said
// not to care.
func endSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// compose lays the flags over the file over the defaults.
func (r *runCmd) compose() (Config, error) {
	cfg, err := loadConfig(r.Config)
	if err != nil {
		return cfg, err
	}
	if len(r.Listen) > 0 {
		cfg.Listen = r.Listen
	}
	if r.Local != "" {
		cfg.Local = r.Local
	}
	cfg.demoStates = r.DemoStates
	if cfg.bench, err = r.Bench.values(); err != nil {
		return cfg, err
	}
	if errs := unjoin(cfg.Validate()); len(errs) > 0 {
		return cfg, usage(fmt.Errorf("--%w", errs[0])) // the file was valid, so it is a flag, named like its key
	}
	return cfg, nil
}

// tellPassword shows a person at the terminal the one-time password, as long as it is one.
func (d *daemon) tellPassword() {
	doc, err := os.ReadFile(filepath.Join(d.dir, auth.PasswordFile))
	if err != nil {
		return // changed, and therefore gone
	}
	fmt.Fprintf(d.con.err, "Sign in at https://%s as admin with the one-time password %s, then change it.\n", localName(d.at.Listen[0]), strings.TrimSpace(string(doc)))
	fmt.Fprintln(d.con.err, "用户名 admin，上面是一次性密码，登录后请修改。")
}

// localName is an address as a browser on this computer opens it.
func localName(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip, e := netip.ParseAddr(host); err != nil || e == nil && !ip.IsUnspecified() {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}
