package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"tongke/media/packet"
	"tongke/testbench/lesson"
)

// pageLine is a page's WebSocket as far as a headless one needs it: requests one after the other, events passed over.
type pageLine struct {
	ws   *websocket.Conn
	next int
}

const pageWithin = 5 * time.Second // for an answer

// openPage connects a page and says hello; the answer tells which room it is in.
func (c Config) openPage(ctx context.Context, page string) (p *pageLine, room string, err error) {
	d := websocket.Dialer{Subprotocols: []string{"tongke.v1"}, HandshakeTimeout: pageWithin}
	h := http.Header{}
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	ws, resp, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(c.URL, "http")+"/ws", h)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, "", fmt.Errorf("open page: %w", err)
	}
	p = &pageLine{ws: ws}
	var hello struct {
		Room string `json:"room"`
	}
	if err := p.ask(map[string]any{"type": "hello", "page": page, "lesson": c.Lesson, "take": map[string]string{"class": "play", "teach": "lead"}[page]}, &hello); err != nil {
		_ = ws.Close()
		return nil, "", err
	}
	return p, hello.Room, nil
}

// pageError is a refusal.
type pageError struct{ request, code, text string }

func (e *pageError) Error() string { return e.request + ": " + e.code + ": " + e.text }

// ask sends a request and waits for its answer.
func (p *pageLine) ask(request map[string]any, answer any) error {
	p.next++
	request["id"] = p.next
	_ = p.ws.SetWriteDeadline(time.Now().Add(pageWithin))
	if err := p.ws.WriteJSON(request); err != nil {
		return fmt.Errorf("%s: %w", request["type"], err)
	}
	_ = p.ws.SetReadDeadline(time.Now().Add(pageWithin))
	for {
		_, msg, err := p.ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("%s: %w", request["type"], err)
		}
		var head struct {
			Type, Code, Message string
			Re                  int
		}
		if err := json.Unmarshal(msg, &head); err != nil || head.Re != p.next {
			continue // an event
		}
		if head.Type == "error" {
			return &pageError{request: fmt.Sprint(request["type"]), code: head.Code, text: head.Message}
		}
		if answer == nil {
			return nil
		}
		return json.Unmarshal(msg, answer)
	}
}

// stay reads events, which answers the box's pings, until the connection ends or ctx does.
func (p *pageLine) stay(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.ws.Close() })
	defer stop()
	_ = p.ws.SetReadDeadline(time.Time{})
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			return fmt.Errorf("page: %w", err)
		}
	}
}

// Pupils is the page of a classroom as far as it speaks: it sends a voice to the box beside it, which passes it on while the room has the
// floor.
type Pupils struct {
	*Teacher // its clock and its sending

	clip *lesson.Clip
	room atomic.Pointer[string]
}

// NewPupils makes the page of a classroom.
func NewPupils(cfg Config, voice *lesson.Clip) (*Pupils, error) {
	t, err := NewTeacher(cfg, &lesson.Lesson{Voice: voice}, false)
	if err != nil {
		return nil, err
	}
	return &Pupils{Teacher: t, clip: voice}, nil
}

// Room is the room that the page is in, "" before it is.
func (p *Pupils) Room() string {
	if r := p.room.Load(); r != nil {
		return *r
	}
	return ""
}

// Run sends until ctx ends, and starts again whenever the connection is lost or refused. It returns nil when ctx has ended.
func (p *Pupils) Run(ctx context.Context) error {
	return repeat(ctx, p.speak, func(err error) {
		p.mu.Lock()
		p.stats.LastError = err
		p.mu.Unlock()
	})
}

// speak is one life of the page.
func (p *Pupils) speak(ctx context.Context) (bool, error) {
	line, room, err := p.cfg.openPage(ctx, "class")
	if err != nil {
		return false, err
	}
	defer line.ws.Close()
	api, err := newAPI(p.cfg.loopback(), false, registerTeacher)
	if err != nil {
		return false, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return false, err
	}
	sending, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		stop()
		_ = pc.Close()
		wg.Wait()
	}()
	connected, lost := watchState(pc)
	s := newSender(p.Teacher, p.clip, "voice")
	tr, err := pc.AddTransceiverFromTrack(s, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return false, err
	}
	wg.Go(func() { // drives pion's retransmission; ends when pc is closed
		buf := make([]byte, 1500)
		for {
			if _, _, err := tr.Sender().Read(buf); err != nil {
				return
			}
		}
	})
	if err := offerUp(ctx, line, pc, tr); err != nil {
		return false, err
	}
	select {
	case <-connected:
	case <-lost:
		return false, errLost
	case <-time.After(connectTimeout):
		return false, errors.New("answered, but not connected in 4 s")
	case <-ctx.Done():
		return false, ctx.Err()
	}
	p.room.Store(&room)
	p.mu.Lock()
	p.stats.Sessions++
	p.mu.Unlock()
	wg.Go(func() { s.run(sending, pc) }) // ends with sending
	wg.Go(func() {                       // ends with sending, or with lost
		select {
		case <-lost:
			_ = line.ws.Close()
		case <-sending.Done():
		}
	})
	return true, line.stay(ctx)
}

// offerUp publishes what pc sends by media.up.
func offerUp(ctx context.Context, line *pageLine, pc *webrtc.PeerConnection, tr *webrtc.RTPTransceiver) error {
	gathered := webrtc.GatheringCompletePromise(pc)
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	var answer struct {
		SDP string `json:"sdp"`
	}
	up := map[string]any{"type": "media.up", "sdp": pc.LocalDescription().SDP, "tracks": []map[string]string{{"mid": tr.Mid(), "source": "voice"}}}
	if err := line.ask(up, &answer); err != nil {
		return err
	}
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP})
}

// CallOn is the teacher's page: it begins the lesson and gives a room the floor, then stays until ctx ends. called is told the moment at which
// the room was called.
func CallOn(ctx context.Context, cfg Config, room string, called func(packet.Time)) error {
	cfg, err := cfg.validate()
	if err != nil {
		return err
	}
	line, _, err := cfg.openPage(ctx, "teach")
	if err != nil {
		return err
	}
	defer line.ws.Close()
	var said *pageError
	if err := line.ask(map[string]any{"type": "lesson.start"}, nil); err != nil && (!errors.As(err, &said) || said.code != "wrong-state") {
		return err // else it has begun
	}
	at := packet.Now()
	if err := line.ask(map[string]any{"type": "floor.call", "room": room}, nil); err != nil {
		return err
	}
	called(at)
	if err := line.stay(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}
