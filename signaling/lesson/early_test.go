package lesson

import (
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/protocol"
)

// Media of a lesson may come over another channel than its record, and sooner: who looks at it then sees it all the same.
func TestWatchBeforeTheLessonIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, north := at(t, t.TempDir(), "core", "north"), at(t, t.TempDir(), "north")
		north.watch("a")
		north.Watch("a", func(protocol.Event) { t.Error("told of a lesson after it looked away") })()
		time.Sleep(time.Second)
		defer connect(core.reg, north.reg)()
		core.reg.Create(spec("a"), "admin")
		time.Sleep(time.Second)
		core.teach("a")
		time.Sleep(time.Second)
		if got := north.seen(); got.State != protocol.Live || got.Stale {
			t.Errorf("state %q, stale %v", got.State, got.Stale)
		}
	})
}
