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
	p, answer, err := s.dial.receive(ctx, x, sdp, o)
	if err != nil {
		return "", err
	}
	x.open(p, o.ufrag, answer)
	if err := s.admit(x); err != nil {
		return "", err
	}
	// The lesson hears of its publisher first: one that a publisher has made ends when nobody publishes.
	s.tell(x.seat())
	if err := s.openLesson(ctx, x.lesson); err != nil {
		s.end(x, "lesson refused", nil)
		return "", err
	}
	x.log.Info("publisher joined")
	return answer, nil
}

func (s *Server) openLesson(ctx context.Context, lesson string) error {
	// A client that hangs up meanwhile must not look like a parent that does not know the lesson.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), existWithin)
	defer cancel()
	err := s.cfg.Lessons.CreateByWHIP(ctx, lesson)
	switch {
	case errors.Is(err, ErrForbidden):
		return forbidden(lesson, true)
	case errors.Is(err, ErrLessonEnded):
		return refuse(http.StatusConflict, "lesson-ended", "lesson %s has ended; publish under another id", lesson)
	case err != nil:
		return fmt.Errorf("open lesson %s: %w", lesson, err)
	}
	return nil
}
