package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"tongke/media/codec"
	"tongke/media/track"
)

// publish makes a publisher of x and returns the answer. On an error the caller closes x.
func (s *Server) publish(ctx context.Context, x *session, sdp string, o *offer) (string, error) {
	audio, video, err := o.published()
	if err != nil {
		return "", err
	}
	if x.source != track.Teacher && !video {
		return "", refuse(http.StatusUnprocessableEntity, "nothing-offered", "source %s is a picture and the offer sends none; add a sendonly video track", x.source)
	}
	_ = audio
	lesson := s.settled(x.lesson)
	if err := o.check(func(m mline) bool { return m.sends }, lesson); err != nil {
		return "", err
	}
	known, err := s.exists(ctx, x.lesson)
	if err != nil {
		return "", fmt.Errorf("ask for lesson %s: %w", x.lesson, err)
	}
	codecs := []codec.Codec{codec.H264, codec.VP8}
	if lesson != codec.None {
		codecs = []codec.Codec{lesson}
	}
	p, answer, err := s.dial.receive(ctx, x, sdp, codecs)
	if err != nil {
		return "", err
	}
	if !x.open(p, o.ufrag) {
		return "", refuse(http.StatusServiceUnavailable, "stopping", "the box is stopping")
	}
	if !known {
		if err := s.createLesson(ctx, x.lesson); err != nil {
			return "", err
		}
	}
	if err := s.admit(x); err != nil {
		return "", err
	}
	s.cfg.Lessons.PublisherJoined(x.lesson, x.source)
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

// settled is the codec that all video of the lesson must have: the lesson's while somebody publishes video in it.
func (s *Server) settled(lesson string) codec.Codec {
	for _, info := range s.cfg.Relay.Sources() {
		if info.Key.Lesson == lesson && info.Kind == track.Video {
			return s.cfg.Relay.LessonCodec(lesson)
		}
	}
	return codec.None
}
