package ingest

import (
	"context"
	"fmt"
	"net/http"
)

// watch makes a subscriber of x and returns the answer. On an error the caller closes x.
func (s *Server) watch(ctx context.Context, x *session, sdp string, o *offer) (string, error) {
	if err := o.watched(); err != nil {
		return "", err
	}
	known, err := s.exists(ctx, x.lesson)
	if err != nil {
		return "", fmt.Errorf("ask for lesson %s: %w", x.lesson, err)
	}
	if !known {
		return "", refuse(http.StatusNotFound, "lesson-unknown", "there is no lesson %s here, nor at a box above; check the address, or wait until it is planned", x.lesson)
	}
	p, answer, err := s.dial.send(ctx, x, sdp, o)
	if err != nil {
		return "", err
	}
	x.open(p, o.ufrag, answer)
	if err := s.admit(x); err != nil {
		return "", err
	}
	if lesson := s.cfg.Relay.LessonCodec(x.lesson); x.blind(lesson) { // got a codec while the offer was in work
		s.end(x, endCodec, nil)
		return "", mismatch(lesson)
	}
	x.log.Info("subscriber joined")
	return answer, nil
}
