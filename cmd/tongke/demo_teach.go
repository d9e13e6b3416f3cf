package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tongke/testbench"
	"tongke/testbench/peer"
)

// teach runs the synthetic teacher at the core and a listening classroom at each member, and shows how they do, until ctx ends.
func (d *demo) teach(ctx context.Context) error {
	clips, err := testbench.Lesson()
	if err != nil {
		return fmt.Errorf("read the lesson: %w", err)
	}
	core := d.boxes[0]
	token, err := newToken(ctx, core.dir, tokenRequest{Lesson: demoLesson, Role: "publish", TTL: 24 * time.Hour})
	if err != nil {
		return err
	}
	teacher, err := peer.NewTeacher(peer.Config{URL: "http://" + core.local, Lesson: demoLesson, Token: token, Log: slog.New(slog.DiscardHandler)}, clips, true)
	if err != nil {
		return err
	}
	var people sync.WaitGroup
	defer people.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lead, err := d.followLead(ctx)
	if err != nil {
		return err
	}
	people.Go(func() { lead.run(ctx) })                  // ends with ctx
	people.Go(func() { substitute(ctx, teacher, lead) }) // ends with ctx

	rooms := make([]*peer.Classroom, len(d.boxes)-1)
	for i, b := range d.boxes[1:] {
		if rooms[i], err = peer.NewClassroom(peer.Config{URL: "http://" + b.local, Lesson: demoLesson}); err != nil {
			return err
		}
		people.Go(func() { _ = rooms[i].Run(ctx) }) // ends with ctx, and only then
	}
	every := tellEvery
	if d.con.terminal {
		every = liveEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for headed := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var lines []string
		if d.con.terminal || !headed {
			lines, headed = append(lines, liveHead), true
		}
		if lead.taken() {
			lines = append(lines, "有人在浏览器里接着讲这节课。 A person goes on with the lesson in a browser.")
		} else if s := teacher.Stats(); !s.Camera || !s.Board {
			lines = append(lines, shorten("老师正在接入…  The teacher is connecting."+reason(s.LastError), 79))
		}
		for i, b := range d.boxes[1:] {
			lines = append(lines, campusLine(b.name, rooms[i].Stats()))
		}
		d.screen.live(lines)
	}
}
