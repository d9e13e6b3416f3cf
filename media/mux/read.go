package mux

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"tongke/media/codec"
	"tongke/media/recorder/journal"
)

// packets is what read needs of a journal.Reader.
type packets interface {
	Packets(from, to time.Duration, want func(journal.Track) bool, f func(journal.Track, journal.Packet) error) error
}

// errEnough ends a walk through the journal.
var errEnough = errors.New("enough")

// place is where a packet lies in the arena; to 0: not there yet.
type place struct{ from, to int }

// read gives the samples of a fragment and their data, one after the other. Packets are taken by their numbers; ErrGone when one is missing or
// is not what the index says.
func read(r packets, c codec.Codec, f *fragment) (samples []sample, data []byte, err error) {
	samples, err = readSamples(f.table)
	if err != nil {
		return nil, nil, err
	}
	first, total := make([]int, len(samples)), 0 // where each sample's packets begin
	real := make([]int, 0, len(samples))         // samples with packets, by rising number
	for i, s := range samples {
		first[i] = total
		if total += s.packets; s.packets > 0 {
			real = append(real, i)
		}
	}
	places := make([]place, total)
	arena := make([]byte, 0, f.bytes+f.bytes/16+64)
	missing := total
	if total > 0 {
		err = r.Packets(f.from, f.to+1, func(t journal.Track) bool { return t.ID == f.track }, func(_ journal.Track, p journal.Packet) error {
			n := sort.Search(len(real), func(i int) bool { return samples[real[i]].seq > p.Seq }) - 1
			if n < 0 {
				return nil
			}
			s := &samples[real[n]]
			off := p.Seq - s.seq
			if off >= uint64(s.packets) {
				return nil
			}
			at := &places[first[real[n]]+int(off)]
			if at.to != 0 {
				return nil
			}
			from := len(arena)
			arena = append(append(arena, p.Payload...), 0) // an empty one has a place too
			*at = place{from, len(arena)}
			if missing--; missing == 0 {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, nil, err
		}
	}
	if missing > 0 {
		return nil, nil, fmt.Errorf("%d of %d packets: %w", missing, total, ErrGone)
	}
	data, err = assemble(c, f.at, samples, places, arena, f.bytes)
	return samples, data, err
}

// assemble makes the samples' data out of their packets. at is where the first one begins, in ticks.
func assemble(c codec.Codec, at int64, samples []sample, places []place, arena []byte, size int) ([]byte, error) {
	data := make([]byte, 0, size)
	u := assembler{codec: c, h264: new(h264Unit), vp8: new(vp8Unit)}
	for _, s := range samples {
		mine := places[:s.packets]
		places = places[s.packets:]
		before := len(data)
		switch {
		case s.toc == flacFiller:
			data = flacSilence(data, at, int(s.duration))
		case s.packets == 0:
			data = append(data, filler(s.toc, int(s.duration))...)
		case c.G711():
			payload := arena[mine[0].from : mine[0].to-1]
			if len(payload) < flacLeast || len(payload) > flacBlock {
				return nil, ErrGone
			}
			data = flacFrame(data, c, at, payload)
		case !c.Video():
			data = append(data, arena[mine[0].from:mine[0].to-1]...)
		default:
			u.reset()
			for _, p := range mine {
				u.add(arena[p.from : p.to-1])
			}
			sample, _, whole := u.end()
			if !whole {
				return nil, ErrGone
			}
			data = append(data, sample...)
		}
		if len(data)-before != s.size {
			return nil, ErrGone
		}
		at += int64(s.duration)
	}
	return data, nil
}
