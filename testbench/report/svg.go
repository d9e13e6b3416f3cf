package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// chart is one drawing. Colours and fonts come from the page by classes, so the drawing follows light and dark.
type chart struct {
	ZH, EN string // title
	Unit   string
	MaxX   float64
	XUnit  string
	Log    bool // of Y
	Shades [][2]float64
	Series []series
}

// series is one line of points; NaN breaks it.
type series struct {
	ZH, EN string
	Class  string // c1 … c6, and "thin" for a lesser line
	X, Y   []float64
}

// The drawing in its own units; the page scales it.
const (
	chartWidth, chartHeight      = 480.0, 240.0
	leftEdge, rightEdge, topEdge = 46.0, 8.0, 14.0
	bottomEdge                   = 24.0
	plotWidth, plotHeight        = chartWidth - leftEdge - rightEdge, chartHeight - topEdge - bottomEdge
	leastLog                     = 0.1
	gridLines                    = 4.0
)

// svg draws a chart.
func (c chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.ZH+" "+c.EN))
	top := c.top()
	for _, s := range c.Shades {
		x0, x1 := c.x(s[0]), c.x(math.Min(s[1], c.MaxX))
		fmt.Fprintf(&b, `<rect class="out" x="%s" y="%g" width="%s" height="%g"/>`, num(x0), topEdge, num(x1-x0), plotHeight)
	}
	for _, v := range c.ticks(top) {
		y := c.y(v, top)
		fmt.Fprintf(&b, `<path class="grid" d="M%g %sH%g"/><text class="tick" x="%g" y="%s" text-anchor="end">%s</text>`,
			leftEdge, num(y), chartWidth-rightEdge, leftEdge-5, num(y+3.5), label(v))
	}
	step := nice(c.MaxX / 6)
	for v := 0.0; v <= c.MaxX+step/1000; v += step {
		fmt.Fprintf(&b, `<text class="tick" x="%s" y="%g" text-anchor="middle">%s</text>`, num(c.x(v)), chartHeight-7, label(v))
	}
	fmt.Fprintf(&b, `<text class="tick" x="%g" y="%g">%s</text><text class="tick" x="%g" y="%g" text-anchor="end">%s</text>`,
		leftEdge+4, topEdge+11, html.EscapeString(c.Unit), chartWidth-rightEdge, topEdge+plotHeight-4, html.EscapeString(c.XUnit))
	for _, s := range c.Series {
		if d := c.path(s, top); d != "" {
			fmt.Fprintf(&b, `<path class="line %s" d="%s"/>`, s.Class, d)
		}
	}
	b.WriteString("</svg>")
	return b.String()
}

func (c chart) path(s series, top float64) string {
	var b strings.Builder
	pen := false
	for i, v := range s.Y {
		if math.IsNaN(v) || math.IsInf(v, 0) || i >= len(s.X) {
			pen = false
			continue
		}
		sign := "L"
		if !pen {
			sign = "M"
		}
		pen = true
		fmt.Fprintf(&b, "%s%s %s", sign, num(c.x(s.X[i])), num(c.y(v, top)))
	}
	return b.String()
}

func (c chart) x(v float64) float64 {
	if c.MaxX <= 0 {
		return leftEdge
	}
	return leftEdge + plotWidth*math.Min(math.Max(v/c.MaxX, 0), 1)
}

func (c chart) y(v, top float64) float64 {
	share := v / top
	if c.Log {
		share = math.Log(math.Max(v, leastLog)/leastLog) / math.Log(top/leastLog)
	}
	return topEdge + plotHeight*(1-math.Min(math.Max(share, 0), 1))
}

// top is the upper end of the axis.
func (c chart) top() float64 {
	most := 0.0
	for _, s := range c.Series {
		for _, v := range s.Y {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				most = math.Max(most, v)
			}
		}
	}
	if c.Log {
		return math.Max(1, math.Pow(10, math.Ceil(math.Log10(math.Max(most, leastLog)))))
	}
	if most <= 0 {
		return 1
	}
	step := nice(most / gridLines)
	return step * math.Ceil(most/step)
}

func (c chart) ticks(top float64) (out []float64) {
	if c.Log {
		for v := leastLog; v <= top*1.001; v *= 10 {
			out = append(out, v)
		}
		return out
	}
	step := nice(top / gridLines)
	for v := 0.0; v <= top*1.001; v += step {
		out = append(out, v)
	}
	return out
}

// nice is the first of 1, 2, 5 times a power of ten that is not below v.
func nice(v float64) float64 {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*p*1.0001 {
			return m * p
		}
	}
	return 10 * p
}

func label(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }

// num is a coordinate: a tenth of a unit is less than a pixel.
func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
