package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// said is a text in both languages.
type said struct{ ZH, EN string }

// drawn is a chart ready for the page.
type drawn struct {
	said
	Drawing template.HTML
	Key     []keyed
}

type keyed struct {
	said
	Class string
}

// HTML writes one page without anything from elsewhere: Chinese, English with ?lang=en or by its button. when is told to the reader unless
// it is zero.
func (r *Report) HTML(w io.Writer, when time.Time) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"say":     func(zh, en string) said { return said{zh, en} },
		"class":   func(v Verdict) string { return [...]string{"good", "fair", "bad"}[v.Grade] },
		"op":      func(op string) string { return strings.NewReplacer("<=", "≤", ">=", "≥", "==", "=").Replace(op) },
		"figure":  figure,
		"charts":  draw,
		"heads":   func() []said { return pageHeads },
		"rows":    func(p *Pages) []pageRow { return p.rows() },
		"outages": func(s Scenario) []said { return s.outages() },
		"campus":  pair(campusWords),
		"kind":    pair(kindWords),
		"hop":     pair(hopWords),
		"where":   where,
		"measure": pair(measureWords),
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	script := strings.TrimSpace(pageJS)
	style := strings.TrimSpace(pageCSS)
	at := ""
	if !when.IsZero() {
		at = when.Format("2006-01-02 15:04")
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Report": r, "Many": len(r.Scenarios) > 1, "Verdict": r.Verdict(), "When": at,
		// Both are ours, embedded above; the policy names their hashes, so nothing else runs or colours the page.
		"Style": template.CSS(style), "Script": template.JS(script),
		"Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + hashOf(style) + "; script-src " + hashOf(script),
	})
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// hashOf names a text in a Content-Security-Policy (CSP level 3 §6.7.3.3).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func draw(s Scenario) (out []drawn) {
	for _, c := range s.charts() {
		d := drawn{said: said{c.ZH, c.EN}, Drawing: template.HTML(c.svg())} // made of numbers and escaped words
		for _, x := range c.Series {
			if class := strings.TrimSpace(x.Class); !strings.Contains(class, "thin") {
				d.Key = append(d.Key, keyed{said{x.ZH, x.EN}, class})
			}
		}
		out = append(out, d)
	}
	return out
}

func pair(m map[string][2]string) func(string) said {
	return func(key string) said { w := word(m, key); return said{w[0], w[1]} }
}

func where(stream string) said {
	parts := strings.Split(stream, "/")
	if len(parts) != 3 {
		return said{"整体", "the whole"}
	}
	c, k, h := word(campusWords, parts[0]), word(kindWords, parts[1]), word(hopWords, parts[2])
	return said{c[0] + " " + k[0] + " " + h[0], c[1] + " " + k[1] + " " + h[1]}
}

func figure(v float64) string {
	if math.Abs(v) >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

var measureWords = map[string][2]string{
	"latencyMs.p50": {"延迟，中位数 (ms)", "latency, median (ms)"}, "latencyMs.p95": {"延迟，95% (ms)", "latency, 95 % (ms)"},
	"latencyMs.p99": {"延迟，99% (ms)", "latency, 99 % (ms)"}, "latencyMs.max": {"延迟，最大 (ms)", "latency, largest (ms)"},
	"relayMs.p50": {"设备用时，中位数 (ms)", "time in the boxes, median (ms)"}, "relayMs.p95": {"设备用时，每秒 95% 的中位数 (ms)", "time in the boxes, 95 % of each second (ms)"},
	"relayJitterMs.p95": {"设备造成的抖动，每秒 95% 的中位数 (ms)", "jitter by the boxes, 95 % of each second (ms)"},
	"jitterMs.p50":      {"抖动，中位数 (ms)", "jitter, median (ms)"}, "jitterMs.p95": {"抖动，95% (ms)", "jitter, 95 % (ms)"}, "jitterMs.max": {"抖动，最大 (ms)", "jitter, largest (ms)"},
	"pdvMs.p95": {"延迟变化，95% (ms)", "delay variation, 95 % (ms)"}, "pdvMs.p99": {"延迟变化，99% (ms)", "delay variation, 99 % (ms)"},
	"lossBeforePct": {"丢包，修复前 (%)", "loss before repair (%)"}, "lossAfterPct": {"丢包，修复后 (%)", "loss after repair (%)"},
	"freezes.count": {"卡顿次数", "freezes"}, "freezes.totalMs": {"卡顿总长 (ms)", "frozen in all (ms)"}, "freezes.maxMs": {"最长一次卡顿 (ms)", "longest freeze (ms)"},
	"concealedPct": {"声音补偿 (%)", "concealed voice (%)"}, "recoveryMs": {"恢复用时 (ms)", "back after (ms)"}, "received": {"收到的包", "packets received"}, "sent": {"发出的包", "packets sent"},
	"joinMs.p50": {"进教室用时，中位数 (ms)", "time to join, median (ms)"}, "joinMs.p99": {"进教室用时，99% (ms)", "time to join, 99 % (ms)"}, "joined": {"进来的教室", "classrooms that joined"},
	"linkRTP": {"走 UDP 线路的包 (%)", "packets that took the line by UDP (%)"}, "linkErrorMs.p50": {"线路模拟误差，中位数 (ms)", "error of the emulated line, median (ms)"},
	"calmPct": {"本机没有停顿的包 (%)", "packets without a stall of this machine (%)"}, "calledMs": {"点名到听见 (ms)", "from the call to the voice (ms)"},
}
