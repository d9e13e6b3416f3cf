package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os/exec"

	"tongke/testbench/lesson"
)

type point struct{ x, y float64 }

var (
	white  = color.RGBA{255, 255, 255, 255}
	black  = color.RGBA{0, 0, 0, 255}
	yellow = color.RGBA{255, 214, 10, 255}
)

// drawStamp writes the frame stamp and the grey frame around it.
func drawStamp(m *image.RGBA, value uint32) {
	fill(m, image.Rect(lesson.StampX-lesson.StampFrame, lesson.StampY-lesson.StampFrame,
		lesson.StampX+lesson.StampColumns*lesson.StampBlock+lesson.StampFrame,
		lesson.StampY+lesson.StampRows*lesson.StampBlock+lesson.StampFrame), color.RGBA{128, 128, 128, 255})
	bits := lesson.StampBits(value)
	for i := range lesson.StampColumns * lesson.StampRows {
		x := lesson.StampX + i%lesson.StampColumns*lesson.StampBlock
		y := lesson.StampY + i/lesson.StampColumns*lesson.StampBlock
		c := black
		if bits>>(31-i)&1 == 1 {
			c = white
		}
		fill(m, image.Rect(x, y, x+lesson.StampBlock, y+lesson.StampBlock), c)
	}
}

func fill(m *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// shape colours every pixel of r by how deep it lies inside: distance < 0 is inside, one pixel of blend at the edge.
func shape(m *image.RGBA, r image.Rectangle, c color.RGBA, distance func(x, y float64) float64) {
	r = r.Intersect(m.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			a := 0.5 - distance(float64(x)+0.5, float64(y)+0.5)
			if a <= 0 {
				continue
			}
			blend(m, x, y, c, min(a, 1))
		}
	}
}

func blend(m *image.RGBA, x, y int, c color.RGBA, a float64) {
	p := m.Pix[m.PixOffset(x, y):]
	p[0] = uint8(float64(p[0])*(1-a) + float64(c.R)*a)
	p[1] = uint8(float64(p[1])*(1-a) + float64(c.G)*a)
	p[2] = uint8(float64(p[2])*(1-a) + float64(c.B)*a)
}

func ellipse(m *image.RGBA, c point, rx, ry float64, col color.RGBA) {
	r := image.Rect(int(c.x-rx)-2, int(c.y-ry)-2, int(c.x+rx)+3, int(c.y+ry)+3)
	shape(m, r, col, func(x, y float64) float64 {
		dx, dy := (x-c.x)/rx, (y-c.y)/ry
		return (math.Hypot(dx, dy) - 1) * min(rx, ry)
	})
}

// stroke is a line with round ends: limbs, clock hands, the pointer.
func stroke(m *image.RGBA, a, b point, w float64, col color.RGBA) {
	r := image.Rect(int(min(a.x, b.x)-w)-2, int(min(a.y, b.y)-w)-2, int(max(a.x, b.x)+w)+3, int(max(a.y, b.y)+w)+3)
	dx, dy := b.x-a.x, b.y-a.y
	length := dx*dx + dy*dy
	shape(m, r, col, func(x, y float64) float64 {
		t := 0.0
		if length > 0 {
			t = max(0, min(1, ((x-a.x)*dx+(y-a.y)*dy)/length))
		}
		return math.Hypot(x-a.x-t*dx, y-a.y-t*dy) - w/2
	})
}

// label is a line of text as a mask, drawn once by ffmpeg and pasted wherever it is needed.
type label struct {
	mask *image.Alpha
}

// newLabel draws s in Noto Sans CJK SC; bold is an outline of its own colour, because ffmpeg cannot choose a face by style.
func newLabel(s string, size int, bold bool) (*label, error) {
	w, h := (len([]rune(s))+1)*size+16, size*3/2
	border := 0
	if bold {
		border = max(1, size/28)
	}
	filter := fmt.Sprintf("drawtext=font='Noto Sans CJK SC':text='%s':fontsize=%d:fontcolor=white:borderw=%d:bordercolor=white:x=4:y=(h-%d)/2+(%d-max_glyph_a)",
		s, size, border, size, size*88/100)
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("color=black:s=%dx%d,format=gray", w, h),
		"-vf", filter, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pix, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg drawtext: %w: %s", err, stderr.String())
	}
	if len(pix) != w*h {
		return nil, fmt.Errorf("ffmpeg drawtext: %d bytes, want %d", len(pix), w*h)
	}
	for i, p := range pix { // ffmpeg's black may be video black, 16
		pix[i] = uint8(max(0, min(255, (int(p)-16)*255/219)))
	}
	right := 0
	for i, p := range pix {
		if p > 0 {
			right = max(right, i%w)
		}
	}
	return &label{mask: (&image.Alpha{Pix: pix, Stride: w, Rect: image.Rect(0, 0, w, h)}).SubImage(image.Rect(0, 0, right+2, h)).(*image.Alpha)}, nil
}

func (l *label) width() int { return l.mask.Rect.Dx() }

// paste draws the label with its upper left corner at x, y.
func (l *label) paste(m *image.RGBA, x, y int, c color.Color) {
	draw.DrawMask(m, l.mask.Rect.Add(image.Pt(x, y)), image.NewUniform(c), image.Point{}, l.mask, image.Point{}, draw.Over)
}

// pasteCentered draws the label with its middle at x.
func (l *label) pasteCentered(m *image.RGBA, x, y int, c color.Color) {
	l.paste(m, x-l.width()/2, y, c)
}

// labels draws several lines at once.
func labels(size int, bold bool, lines ...string) ([]*label, error) {
	var out []*label
	for _, s := range lines {
		l, err := newLabel(s, size, bold)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}
