package rtc

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
)

// loggers gives pion's parts loggers onto slog. Nothing that pion reports needs a person, so its errors become warnings, told once a
// second with a count, and all else is debug, which is off in the field. pion's own debug and trace levels are dropped: they carry
// addresses and descriptions.
type loggers struct{ log *slog.Logger }

// NewLogger is called by pion for each of its parts.
func (f loggers) NewLogger(scope string) logging.LeveledLogger {
	return &leveled{log: f.log.With("part", scope)}
}

type leveled struct {
	log *slog.Logger

	mu      sync.Mutex
	told    time.Time
	skipped int
}

func (l *leveled) Trace(string)          {}
func (l *leveled) Tracef(string, ...any) {}
func (l *leveled) Debug(string)          {}
func (l *leveled) Debugf(string, ...any) {}

func (l *leveled) Info(msg string)               { l.log.Debug(oneLine(msg)) }
func (l *leveled) Infof(format string, a ...any) { l.debugf(format, a) }
func (l *leveled) Warn(msg string)               { l.log.Debug(oneLine(msg)) }
func (l *leveled) Warnf(format string, a ...any) { l.debugf(format, a) }

func (l *leveled) debugf(format string, a []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(oneLine(fmt.Sprintf(format, a...)))
	}
}

// Error is pion's highest level; a peer that goes away in the middle of a read causes it too, and that is no news.
func (l *leveled) Error(msg string) {
	msg = oneLine(msg)
	if strings.Contains(msg, "closed") || strings.Contains(msg, "unhandled RTP ssrc") {
		l.log.Debug(msg)
		return
	}
	l.mu.Lock()
	now := time.Now()
	if now.Sub(l.told) < time.Second {
		l.skipped++
		l.mu.Unlock()
		return
	}
	skipped := l.skipped
	l.told, l.skipped = now, 0
	l.mu.Unlock()
	l.log.Warn("webrtc trouble", "err", msg, "skipped", skipped)
}

func (l *leveled) Errorf(format string, a ...any) { l.Error(fmt.Sprintf(format, a...)) }

// oneLine cuts a message to its first line: a description must never reach a log.
func oneLine(msg string) string {
	line, _, _ := strings.Cut(msg, "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return strings.TrimSpace(line)
}
