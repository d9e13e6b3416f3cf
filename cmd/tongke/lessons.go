package main

import (
	"context"
	"errors"

	"tongke/media/cascade"
	"tongke/media/ingest"
	"tongke/media/relay"
	"tongke/signaling/lesson"
	"tongke/signaling/protocol"
	"tongke/signaling/store"
)

// lessons is the registry as the media parts see it.
type lessons struct {
	registry *lesson.Registry
	store    *store.Store
}

var _ ingest.Lessons = lessons{}

// Exists asks this box, then its parent.
func (l lessons) Exists(ctx context.Context, id string) (bool, error) {
	_, err := l.registry.Ask(ctx, id)
	if errors.Is(err, lesson.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

// CreateByWHIP opens a known lesson, or makes one that ends after its last publisher.
func (l lessons) CreateByWHIP(ctx context.Context, id string) error {
	_, err := l.registry.OpenForPublisher(ctx, id, "whip")
	if errors.Is(err, lesson.ErrEnded) {
		return ingest.ErrLessonEnded
	}
	return err
}

// PublisherJoined keeps the lesson alive while somebody holds one of its sources, also before the first packet.
func (l lessons) PublisherJoined(id, source string) {
	l.registry.PublisherJoined(id, "session "+source)
}

// PublisherLeft is its end.
func (l lessons) PublisherLeft(id, source string) { l.registry.PublisherLeft(id, "session "+source) }

// source notes what the relay has, from whatever box: a lesson that is taught at a member is not idle at its owner.
func (l lessons) source(e relay.SourceEvent) {
	name := e.Info.Key.Origin + " " + e.Info.Key.Source
	if e.Gone {
		l.registry.PublisherLeft(e.Info.Key.Lesson, name)
	} else {
		l.registry.PublisherJoined(e.Info.Key.Lesson, name)
	}
}

// visible says whether a box may have a lesson's pictures and voices: the parent always, because the lesson's other campuses may be
// beyond it; a child when its campus attends, or one that it leads to, and where the lesson names rooms, the child of that room or the campus's
// own box above it.
func (l lessons) visible(p cascade.Peer, id string) bool {
	rec, ok := l.registry.Open(id)
	if !ok {
		return false
	}
	child, err := l.store.Child(p.ID)
	if errors.Is(err, store.ErrNotFound) {
		return true // not a child: the parent
	}
	if err != nil {
		return false
	}
	if rec.Owner == p.ID || rec.Campuses.Attend(child.CampusID, child.Classroom) {
		return true
	}
	return child.Classroom == "" && (anyRoom(rec.Campuses, child.CampusID) || l.registry.Reaches(p.ID, rec.Campuses))
}

// anyRoom reports whether a room of this campus attends.
func anyRoom(members protocol.Campuses, campus string) bool {
	for _, m := range members {
		if len(m) > len(campus) && m[:len(campus)] == campus && m[len(campus)] == '/' {
			return true
		}
	}
	return false
}

// live reports whether any lesson is on.
func (l lessons) live() bool { return l.registry.Stats().Live > 0 }
