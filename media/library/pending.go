package library

import (
	"context"
	"errors"
	"io"
	"time"

	"tongke/media/recorder/journal"
)

type muxExportOptions struct {
	Format   string
	Streams  []string
	Progress func(done, total time.Duration)
}

func muxExport(context.Context, io.Writer, *journal.Reader, muxExportOptions) error {
	return errors.ErrUnsupported
}
