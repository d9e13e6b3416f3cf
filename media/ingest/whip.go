package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// publish makes a publisher of x and returns the answer. On an error the caller closes x.
func (s *Server) publish(ctx context.Context, x *session, sdp string, o *offer) (string, error) {
	if err := o.published(x.source); err != nil {
		return "", err
	}
	known, err := s.exists(ctx, x.lesson)
	if err != nil {
		return "", fmt.Errorf("ask for lesson %s: %w", x.lesson, err)
	}
	p, answer, err := s.dial.receive(ctx, x, sdp, o)
	if err != nil {
		return "", err
	}
	x.open(p, o.ufrag, answer)
	if !known {
		if err := s.createLesson(ctx, x.lesson); err != nil {
			return "", err
		}
	}
	s.cfg.Lessons.PublisherJoined(x.lesson, x.source) // before admit: from then on the session may end
	if err := s.admit(x); err != nil {
		s.cfg.Lessons.PublisherLeft(x.lesson, x.source)
		return "", err
	}
	x.log.Info("publisher joined")
	return answer, nil
}

func (s *Server) createLesson(ctx context.Context, lesson string) error {
	err := s.cfg.Lessons.CreateByWHIP(ctx, lesson)
	switch {
	case errors.Is(err, ErrForbidden):
		return forbidden(lesson, true)
	case errors.Is(err, ErrLessonEnded):
		return refuse(http.StatusConflict, "lesson-ended", "lesson %s has ended; publish under another id", lesson)
	case err != nil:
		return fmt.Errorf("create lesson %s: %w", lesson, err)
	}
	return nil
}
