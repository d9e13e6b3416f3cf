package mux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"tongke/media/recorder/journal"
)

// harm damages one or two segments of a journal somewhere and says how.
func harm(t *testing.T, r *rand.Rand, files map[string][]byte) (words string) {
	names := make([]string, 0, len(files))
	for name, data := range files {
		must(t, os.WriteFile(name, data, 0o600))
		names = append(names, name)
	}
	slices.Sort(names)
	for range 1 + r.IntN(2) {
		name := names[r.IntN(len(names))]
		data := bytes.Clone(files[name])
		at := r.IntN(len(data))
		to := min(len(data), at+1+r.IntN(60_000))
		kind := r.IntN(5)
		switch kind {
		case 0:
			data[at] ^= 1 << r.IntN(8)
		case 1:
			for i := at; i < to; i++ {
				data[i] ^= byte(1 + r.IntN(255))
			}
		case 2:
			clear(data[at/4096*4096 : to])
		case 3:
			data = data[:at]
		case 4:
			clear(data[:256])
		}
		words += fmt.Sprintf("%s kind %d at %d…%d; ", filepath.Base(name), kind, at, to)
		must(t, os.WriteFile(name, data, 0o600))
	}
	return words
}

// TestDamaged: of a damaged journal everything is shown that can be decoded, what is not is a gap with that name, and players find no fault.
func TestDamaged(t *testing.T) {
	s := newStudioOf(t, 4*time.Second)
	shots := s.record(t, lesson(t, 16*time.Second)...)
	s.end(t)
	paths, err := filepath.Glob(filepath.Join(s.dir, "*.seg"))
	must(t, err)
	files := map[string][]byte{}
	for _, p := range paths {
		files[p], err = os.ReadFile(p)
		must(t, err)
	}
	seeds := uint64(3)
	if n, err := strconv.ParseUint(os.Getenv("DAMAGE"), 10, 64); err == nil {
		seeds = n // DAMAGE=100 by hand
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 11))
		m, words := (*Movie)(nil), ""
		if late := seed%3 == 0; late { // the index knows of nothing yet
			for name, data := range files {
				must(t, os.WriteFile(name, data, 0o600))
			}
			m = index(t, s.open(t))
			words = "late: " + harm(t, r, files)
			if !gone(t, m) {
				must(t, m.Update())
			}
			if gone(t, m) {
				must(t, m.Update())
			}
		} else {
			words = harm(t, r, files)
			m = index(t, s.open(t))
		}
		t.Logf("seed %d: %s", seed, words)
		s.judgeDamaged(t, m, shots, seed == 1 || seeds > 3 && seed%8 == 1)
		again := index(t, s.open(t))
		if !slices.Equal(again.Damage(), m.Damage()) {
			t.Errorf("the index kept %v as %v", m.Damage(), again.Damage())
		}
		if t.Failed() {
			return
		}
	}
}

// gone reads everything, and says whether something is not there any more.
func gone(t *testing.T, m *Movie) (some bool) {
	t.Helper()
	for _, st := range m.Streams() {
		for n := range st.Fragments {
			_, err := m.Fragment(st.Name, n)
			if err != nil && !errors.Is(err, ErrGone) {
				t.Fatal(err)
			}
			some = some || err != nil
		}
	}
	return some
}

func (s *studio) judgeDamaged(t *testing.T, m *Movie, shots [][]shot, players bool) {
	t.Helper()
	there := map[[2]uint64]bool{}
	must(t, s.open(t).Packets(0, 1<<62, nil, func(tr journal.Track, p journal.Packet) error {
		there[[2]uint64{uint64(tr.ID), p.Seq}] = true
		return nil
	}))
	for i, name := range []string{"teacher", "board", "voice"} {
		if m.stream(name) == nil {
			continue
		}
		mine, want, broken, keys := slices.Clone(shots[i]), 0, true, s.keyUnits(t, i)
		var lost []time.Duration
		for k := range mine {
			sh := &mine[k]
			for seq := sh.seq; seq < sh.end; seq++ {
				sh.intact = sh.intact && there[[2]uint64{uint64(i + 1), seq}]
			}
			broken = !sh.intact || broken && !keys(sh.unit)
			if i == 2 {
				broken = !sh.intact
			}
			if !broken {
				want++
			} else {
				lost = append(lost, sh.at)
			}
		}
		if _, _, kept := judge(t, samplesOf(t, m, name), mine, uint16(i+1)); kept < want {
			t.Errorf("%s: %d of %d that can be shown", name, kept, want)
		}
		st := public(t, m, name)
		for _, g := range st.Gaps {
			if g.Why != journal.CauseDamaged && g.Why != journal.CauseMissing {
				t.Errorf("%s: %+v, damage %v", name, g, m.Damage())
			}
		}
		if len(lost) > 0 && len(m.Damage()) == 0 && lost[0] < mine[len(mine)-1].at-4*time.Second {
			t.Errorf("%s: %d are lost from %v on, and nothing is named", name, len(lost), lost[0])
		}
		if players {
			clean(t, file(t, m, name))
		}
	}
	for _, format := range []string{MP4, MKV, Sound} {
		f, err := m.File(ExportOptions{Format: format})
		if errors.Is(err, ErrEmpty) || errors.Is(err, ErrNoStream) {
			continue
		}
		must(t, err)
		must(t, f.Write(context.Background(), io.Discard)) // it counts its bytes
		if players {
			clean(t, export(t, m, ExportOptions{Format: format}))
		}
	}
}

// keyUnits says which units of a maker's clip are keyframes.
func (s *studio) keyUnits(t *testing.T, maker int) func(int) bool {
	c := readClip(t, []string{"camera", "board", "voice"}[maker])
	return func(n int) bool { return c.units[n].key }
}
