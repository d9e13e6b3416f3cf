package main

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
)

// camera draws the teacher's classroom: a blackboard with the song, the teacher beating time, a wall clock, and the noise of a real sensor.
type camera struct {
	base   *image.RGBA
	digits []*label // 0 to 9 and the colon
	noise  []int8
}

var (
	wall  = color.RGBA{222, 214, 196, 255}
	slate = color.RGBA{30, 82, 66, 255}
	wood  = color.RGBA{150, 104, 62, 255}
	skin  = color.RGBA{238, 196, 164, 255}
	hair  = color.RGBA{40, 32, 30, 255}
	dress = color.RGBA{176, 52, 66, 255}
	chalk = color.RGBA{240, 244, 236, 255}
)

func newCamera() (*camera, error) {
	c := &camera{base: image.NewRGBA(image.Rect(0, 0, width, height))}
	m := c.base
	for y := range height { // light falls from the window side
		for x := range width {
			d := uint8(x*26/width + y*18/height)
			m.SetRGBA(x, y, color.RGBA{wall.R - d, wall.G - d, wall.B - d, 255})
		}
	}
	fill(m, image.Rect(0, 640, width, height), color.RGBA{134, 112, 92, 255})
	fill(m, image.Rect(40, 160, 860, 600), wood)
	fill(m, image.Rect(56, 176, 844, 584), slate)
	r := rand.New(rand.NewPCG(1, 1))
	for range 2600 { // chalk dust
		x, y := 56+r.IntN(788), 176+r.IntN(408)
		blend(m, x, y, chalk, 0.08+0.12*r.Float64())
	}
	title, err := labels(60, true, "茉莉花", "好一朵美丽的茉莉花", "芬芳美丽满枝桠")
	if err != nil {
		return nil, err
	}
	small, err := labels(36, true, "音乐 三年级 · 茉莉花 · 李老师", "江苏民歌", "3 3 5 6  1 1 6   5 5 6  5 -", "5 5 5 3 5   6 6 5 -")
	if err != nil {
		return nil, err
	}
	small[0].paste(m, 270, 50, color.RGBA{60, 48, 40, 255})
	title[0].pasteCentered(m, 450, 196, yellow)
	small[1].paste(m, 580, 222, chalk)
	title[1].pasteCentered(m, 450, 298, chalk)
	small[2].pasteCentered(m, 450, 386, chalk)
	title[2].pasteCentered(m, 450, 440, chalk)
	small[3].pasteCentered(m, 450, 526, chalk)
	ellipse(m, point{1120, 130}, 92, 92, wood)
	ellipse(m, point{1120, 130}, 84, 84, white)
	for i := range 12 {
		s, k := math.Sincos(float64(i) * math.Pi / 6)
		stroke(m, point{1120 + 70*s, 130 - 70*k}, point{1120 + 78*s, 130 - 78*k}, 5, black)
	}
	if c.digits, err = labels(44, true, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\\:"); err != nil {
		return nil, err
	}
	c.noise = make([]int8, width*height+4096)
	for i := range c.noise {
		c.noise[i] = int8(r.IntN(5)) - 2
	}
	return c, nil
}

// draw draws frame n into m.
func (c *camera) draw(m *image.RGBA, n int) uint32 {
	draw.Draw(m, m.Rect, c.base, image.Point{}, draw.Src)
	t := float64(n) / cameraFPS
	c.drawClock(m, t)
	drawTeacher(m, t)
	offset := (n * 811) % 4096 // the noise tile moves, so that it never stands still
	for i := range width * height {
		d := int(c.noise[i+offset])
		p := m.Pix[4*i : 4*i+3 : 4*i+3]
		p[0], p[1], p[2] = clamp(int(p[0])+d), clamp(int(p[1])+d), clamp(int(p[2])+d)
	}
	return uint32(n)
}

func clamp(v int) uint8 { return uint8(max(0, min(255, v))) }

// drawClock shows 8:40 and the seconds of the loop, the second hand running smoothly.
func (c *camera) drawClock(m *image.RGBA, t float64) {
	center := point{1120, 130}
	hand := func(turn, length, w float64, col color.RGBA) {
		s, k := math.Sincos(turn * 2 * math.Pi)
		stroke(m, center, point{center.x + length*s, center.y - length*k}, w, col)
	}
	hand((8+40.0/60)/12, 44, 9, black)
	hand((40+t/60)/60, 64, 6, black)
	hand(t/60, 72, 3, color.RGBA{200, 30, 30, 255})
	fill(m, image.Rect(1006, 234, 1234, 292), color.RGBA{24, 30, 34, 255})
	sec := int(t)
	x := 1014
	for _, d := range []int{0, 8, 10, 4, 0, 10, sec / 10, sec % 10} {
		c.digits[d].paste(m, x+12-c.digits[d].width()/2, 230, color.RGBA{110, 231, 160, 255})
		x += 27
	}
}

// drawTeacher beats time with one arm, nods, and moves the mouth.
func drawTeacher(m *image.RGBA, t float64) {
	beat := 2 * math.Pi * t / 1.25
	sway := 8 * math.Sin(2*math.Pi*t/5)
	nod := 5 * math.Sin(beat)
	body := point{1030 + sway, 560}
	stroke(m, point{body.x - 22, 640}, point{body.x - 22, 716}, 40, color.RGBA{52, 54, 70, 255})
	stroke(m, point{body.x + 22, 640}, point{body.x + 22, 716}, 40, color.RGBA{52, 54, 70, 255})
	stroke(m, point{body.x, 500}, point{body.x, 640}, 130, dress)
	stroke(m, point{body.x + 58, 490}, point{body.x + 92, 590 + nod}, 34, dress)
	ellipse(m, point{body.x + 96, 606 + nod}, 18, 18, skin)
	elbow := point{body.x - 120, 520 + 22*math.Sin(beat)}
	hand := point{elbow.x - 50 + 60*math.Sin(beat/2), elbow.y - 110 + 46*math.Cos(beat)}
	stroke(m, point{body.x - 56, 488}, elbow, 36, dress)
	stroke(m, elbow, hand, 30, dress)
	stroke(m, hand, point{hand.x - 90, hand.y - 40 + 20*math.Cos(beat)}, 6, wood)
	ellipse(m, hand, 19, 19, skin)
	stroke(m, point{body.x, 440 + nod}, point{body.x, 460}, 40, skin)
	head := point{body.x + sway/2, 392 + nod}
	ellipse(m, point{head.x, head.y - 8}, 76, 82, hair)
	ellipse(m, point{head.x, head.y + 10}, 60, 66, skin)
	stroke(m, point{head.x - 44, head.y - 42}, point{head.x + 44, head.y - 42}, 34, hair)
	eye := 6.0
	if math.Mod(t, 3.125) < 0.14 { // a blink
		eye = 1.2
	}
	ellipse(m, point{head.x - 22, head.y + 2}, 6, eye, hair)
	ellipse(m, point{head.x + 22, head.y + 2}, 6, eye, hair)
	open := 3 + 7*math.Abs(math.Sin(2*math.Pi*t*2.4)*math.Sin(2*math.Pi*t/1.25))
	ellipse(m, point{head.x, head.y + 42}, 15, open, color.RGBA{150, 40, 44, 255})
}
