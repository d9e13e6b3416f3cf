package main

import (
	"image"
	"image/color"
	"image/draw"

	"tongke/testbench/lesson"
)

// board draws the slides, a progress line and the pointer on the sung line.
type board struct {
	slides []*image.RGBA
}

// slide is one page: a title and up to five lines.
type slide struct {
	title string
	lines []string
}

var slides = []slide{
	{"茉莉花", []string{"音乐 · 三年级 · 第 6 课", "主讲：李老师", "一起上课：三河小学、邬阳小学、观音小学"}},
	{"听一听", []string{"1. 这首歌是快还是慢？", "2. 歌里唱的是什么花？", "3. 你听过这个旋律吗？", "听完请举手回答。"}},
	{"学唱第一句", []string{"3 3 5 6  1 1 6   5 5 6  5 -", "好 一 朵 美 丽 的 茉 莉 花", "唱的时候要连贯、柔和。"}},
	{"拍一拍节奏", []string{"X X X X ｜ X X X ｜ X X X ｜ X -", "第一组：拍手", "第二组：唱谱", "第三组：唱词"}},
	{"回家作业", []string{"1. 把第一句唱给家里人听。", "2. 画一朵你心里的茉莉花。", "3. 下节课分组表演。"}},
}

func newBoard() (*board, error) {
	b := &board{}
	for i, s := range slides {
		m := image.NewRGBA(image.Rect(0, 0, width, height))
		fill(m, m.Rect, color.RGBA{250, 250, 246, 255})
		fill(m, image.Rect(0, 0, 16, height), color.RGBA{11, 92, 214, 255})
		title, err := newLabel(s.title, 84, true)
		if err != nil {
			return nil, err
		}
		title.paste(m, 260, 30, color.RGBA{11, 62, 150, 255})
		fill(m, image.Rect(260, 166, 1200, 170), color.RGBA{11, 92, 214, 255})
		lines, err := labels(50, false, s.lines...)
		if err != nil {
			return nil, err
		}
		for j, l := range lines {
			l.paste(m, 110, 214+j*96, color.RGBA{20, 24, 31, 255})
		}
		page, err := newLabel(string(rune('1'+i))+" / "+string(rune('0'+len(slides))), 34, false)
		if err != nil {
			return nil, err
		}
		page.paste(m, 1150, 640, color.RGBA{74, 85, 99, 255})
		b.slides = append(b.slides, m)
	}
	return b, nil
}

// draw draws frame n into m.
func (b *board) draw(m *image.RGBA, n int) uint32 {
	draw.Draw(m, m.Rect, b.slides[n/slideFrames%len(b.slides)], image.Point{}, draw.Src)
	done := n % slideFrames
	fill(m, image.Rect(110, 696, 110+1060*(done+1)/slideFrames, 704), color.RGBA{11, 92, 214, 255})
	ellipse(m, point{110 + 1060*float64(done)/slideFrames, 210}, 12, 12, color.RGBA{200, 30, 30, 255})
	return lesson.StampBoard | uint32(n)
}
