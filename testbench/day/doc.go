// Package day walks a school day from outside: boxes as processes of the built program, pages in a real Chromium, and a stamp on every picture
// and a tone in every room, so that what arrives is judged by what was sent. Its benchmarks print the figures of a lesson:
//
//	go test -run '^$' -bench CallOn -benchtime 20x ./testbench/day    # from the press to voice and picture at a third page
//	go test -run '^$' -bench Kill -benchtime 1x ./testbench/day       # from kill -9 to the same lesson
//	go test -run '^$' -bench Classroom -benchtime 1x ./testbench/day  # from opening a page to its first sound; what a page and a box cost
package day
