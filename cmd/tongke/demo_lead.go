package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"tongke/signaling/protocol"
	"tongke/testbench/peer"
)

const (
	leadAgain  = time.Second      // between tries to hear of the lesson
	leadReturn = 10 * time.Second // a page that taught may be loaded anew; after this the synthetic teacher goes on
)

// demoLead knows whether a person teaches the demo's lesson from a page: then the synthetic teacher rests.
type demoLead struct {
	url, token string

	mu      sync.Mutex
	online  bool
	since   time.Time // of online's last change
	ever    bool
	changed chan struct{}
}

// followLead prepares to hear of the lesson as a teacher's phone does, which sends and changes nothing.
func (d *demo) followLead(ctx context.Context) (*demoLead, error) {
	core := d.boxes[0]
	token, err := newToken(ctx, core.dir, tokenRequest{Lesson: demoLesson, Role: "teacher", TTL: 24 * time.Hour})
	if err != nil {
		return nil, err
	}
	return &demoLead{url: "ws://" + core.local + "/ws", token: token, changed: make(chan struct{}, 1)}, nil
}

// taken reports whether a person teaches.
func (l *demoLead) taken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.online || l.ever && time.Since(l.since) < leadReturn
}

func (l *demoLead) set(online bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.online != online {
		l.online, l.since, l.ever = online, time.Now(), true
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

// run listens until ctx ends, and again whenever the box was away.
func (l *demoLead) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.listen(ctx)
		select {
		case <-time.After(leadAgain):
		case <-ctx.Done():
		}
	}
}

// listen hears the lesson's events until the connection is lost.
func (l *demoLead) listen(ctx context.Context) {
	dialer := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}, HandshakeTimeout: leadAgain}
	c, res, err := dialer.DialContext(ctx, l.url, http.Header{"Authorization": {"Bearer " + l.token}})
	if err != nil {
		return // the box is away, or does not answer yet
	}
	defer res.Body.Close()
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if c.WriteJSON(map[string]any{"type": "hello", "id": 1, "page": protocol.PageTeach, "lesson": demoLesson, "remote": true}) != nil {
		return
	}
	for {
		var event struct {
			Type string
			Lead *protocol.Lead
		}
		_, frame, err := c.ReadMessage()
		if err != nil || json.Unmarshal(frame, &event) != nil {
			return
		}
		if event.Type == "lesson" {
			l.set(event.Lead != nil && event.Lead.Online)
		}
	}
}

// substitute lets the synthetic teacher teach while no person does, until ctx ends.
func substitute(ctx context.Context, teacher *peer.Teacher, lead *demoLead) {
	for ctx.Err() == nil {
		if lead.taken() {
			select {
			case <-lead.changed:
			case <-time.After(leadAgain):
			case <-ctx.Done():
			}
			continue
		}
		turn, end := context.WithCancel(ctx)
		var teaching sync.WaitGroup
		teaching.Go(func() { _ = teacher.Run(turn) }) // ends with turn
		for turn.Err() == nil && !lead.taken() {
			select {
			case <-lead.changed:
			case <-ctx.Done():
				end()
			}
		}
		end()
		teaching.Wait()
	}
}
