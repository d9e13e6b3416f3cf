package library

import (
	"context"
	"errors"
	"io"
	"time"

	"tongke/media/recorder/journal"
	"tongke/media/track"
)

type muxFragment struct {
	At, Duration time.Duration
	Bytes        int
	Gap          bool
}
type muxStream struct {
	Name, Source, Campus, MIME string
	Kind                       track.Kind
	Fragments                  []muxFragment
}
type muxMovie struct{}

func (*muxMovie) Streams() []muxStream                 { return nil }
func (*muxMovie) Init(string) ([]byte, error)          { return nil, ErrNoStream }
func (*muxMovie) Fragment(string, int) ([]byte, error) { return nil, ErrNoStream }
func (*muxMovie) Update() error                        { return nil }
func muxIndex(*journal.Reader) (*muxMovie, error)      { return &muxMovie{}, nil }

type muxExportOptions struct {
	Format   string
	Streams  []string
	Progress func(done, total time.Duration)
}

func muxExport(context.Context, io.Writer, *journal.Reader, muxExportOptions) error {
	return errors.ErrUnsupported
}
