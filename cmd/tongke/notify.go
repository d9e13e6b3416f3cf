package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notify tells the service manager (sd_notify(3)); without one it does nothing.
func notify(state string, log *slog.Logger) {
	if _, err := sd.SdNotify(false, state); err != nil {
		log.Warn("service manager not told", "state", state, "err", err)
	}
}

// configPatience is how long a daemon waits before it ends when only a person can help: a wrong file, or data of a newer version. A service manager starts it anew half a second later: that was
// measured as ten lines of journal a second, for as long as nobody does.
const configPatience = 10 * time.Second

// bearWith waits under a service manager when err is such a fault. A signal ends it at once.
func bearWith(err error) {
	var f *fault
	if os.Getenv("NOTIFY_SOCKET") != "" && errors.As(err, &f) && (f.code == "config-wrong" || f.code == "config-unreadable" || f.code == "data-newer") {
		time.Sleep(configPatience)
	}
}

// watchdog sends a sign of life each time that alive finds nothing wrong; without one for WatchdogSec the service manager ends the process
// and starts it anew. It ends with ctx.
func watchdog(alive func(context.Context) error, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		every, err := sd.SdWatchdogEnabled(false)
		if err != nil || every == 0 {
			<-ctx.Done()
			return nil
		}
		tick := time.NewTicker(every / 3)
		defer tick.Stop()
		for {
			if err := alive(ctx); err == nil {
				notify(sd.SdNotifyWatchdog, log)
			} else if ctx.Err() == nil {
				log.Error("no sign of life for the service manager", "err", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}
