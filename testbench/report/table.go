package report

import (
	"fmt"
	"io"
	"strings"
)

// Table writes the report for a terminal: of each scenario the verdict, the streams, and the limits that were broken.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "tongke %s, seed %d, %s\n", r.Version, r.Seed, r.Machine)
	for i := range r.Scenarios {
		r.Scenarios[i].table(&b)
	}
	held := 0
	for _, s := range r.Scenarios {
		if s.Passed {
			held++
		}
	}
	fmt.Fprintf(&b, "\n%d/%d 通过 passed\n", held, len(r.Scenarios))
	_, err := io.WriteString(w, b.String())
	return err
}

const row = "  %-8s %-7s %-7s %7s %7s %7s %8s %8s %8s %8s %8s %8s %5s %8s %7s %9s\n"

func (s *Scenario) table(b *strings.Builder) {
	word := "通过 passed"
	if !s.Passed {
		word = "没通过 FAILED"
	}
	v := s.Verdict()
	fmt.Fprintf(b, "\n%s  %s (%s)  %.0f s  %s\n  %s %s\n", s.Name, s.Words.Title, s.Words.TitleEn, s.Seconds, word, v.ZH, v.EN)
	fmt.Fprintf(b, row, "campus", "kind", "hop", "sent", "lost%", "left%", "p50 ms", "p95", "p99", "max", "jit95", "pdv99", "freez", "longest", "conc%", "back ms")
	for i := range s.Streams {
		x := &s.Streams[i]
		f := func(v float64) string { return fmt.Sprintf("%.1f", v) }
		freezes, longest, concealed, back := "", "", "", ""
		if x.Hop == "total" {
			if x.Kind == "voice" {
				concealed = fmt.Sprintf("%.2f", x.ConcealedPct)
			} else {
				freezes, longest = fmt.Sprint(x.Freezes.Count), f(x.Freezes.MaxMs)
			}
			if x.RecoveryMs > 0 {
				back = f(x.RecoveryMs)
			}
		}
		fmt.Fprintf(b, row, x.Campus, x.Kind, x.Hop, fmt.Sprint(x.Sent), fmt.Sprintf("%.2f", x.LossBeforePct), fmt.Sprintf("%.2f", x.LossAfterPct),
			f(x.LatencyMs.P50), f(x.LatencyMs.P95), f(x.LatencyMs.P99), f(x.LatencyMs.Max), f(x.JitterMs.P95), f(x.PDVMs.P99), freezes, longest, concealed, back)
	}
	for _, o := range s.outages() {
		fmt.Fprintf(b, "  %s\n  %s\n", o.ZH, o.EN)
	}
	if ref := s.Reference; ref.Sent > 0 {
		fmt.Fprintf(b, "  本机自身 the machine itself: p50 %.1f, p95 %.1f, p99 %.1f, max %.1f ms, jitter p95 %.1f ms\n", ref.LatencyMs.P50, ref.LatencyMs.P95,
			ref.LatencyMs.P99, ref.LatencyMs.Max, ref.JitterMs.P95)
		if s.Busy() {
			b.WriteString("  这台电脑很忙，部分延迟和卡顿是它自己造成的 this computer was busy: part of the delays and freezes is its own\n")
		}
	}
	for _, l := range s.Limits {
		if !l.Passed {
			fmt.Fprintf(b, "  ✗ %s\n", l)
		}
	}
	if s.Real != nil {
		s.Real.table(b)
	}
}

// outages says of each campus whose line was out what that took, because the columns count it with all else.
func (s *Scenario) outages() (out []said) {
	for i := 0; i < len(s.Streams); {
		campus := s.Streams[i].Campus
		var zh, en []string
		share := 0.0
		for ; i < len(s.Streams) && s.Streams[i].Campus == campus; i++ {
			x := &s.Streams[i]
			if x.Outage.SharePct > 0 {
				k := word(kindWords, x.Kind)
				zh, en = append(zh, fmt.Sprintf("%s %.2f%%", k[0], x.Outage.LostPct)), append(en, fmt.Sprintf("%s %.2f %%", k[1], x.Outage.LostPct))
				share = max(share, x.Outage.SharePct)
			}
		}
		if share == 0 {
			continue
		}
		c := word(campusWords, campus)
		out = append(out, said{
			fmt.Sprintf("%s：线路断了 %.0f%% 的时间，这些时间也算在 lost%% 里；没断的时候没到的（接上用的时间也在内）：%s。断线时没人要的，核心校不送，算在 core 一行的 lost%% 里。", c[0], share, strings.Join(zh, "，")),
			fmt.Sprintf("%s: the line was out for %.0f %% of the time, which lost%% counts too; while it was not, this never came, the time to come back included: %s. What nobody asks for in an outage "+
				"the core does not send: that is lost%% of the hop core.", c[1], share, strings.Join(en, ", ")),
		})
	}
	return out
}

// String is a limit in a line.
func (l Limit) String() string {
	at := ""
	if l.Stream != "" {
		at = l.Stream + " "
	}
	return fmt.Sprintf("%s%s = %.4g, wanted %s %.4g", at, l.Measure, l.Value, l.Op, l.Limit)
}
