package lesson

import (
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/protocol"
	"tongke/signaling/store"
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

// A campus whose box is on and whose page has not come yet is not said to be off, whenever its link came up.
func TestBoxThatIsOnBeforeItsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, north := at(t, t.TempDir(), "core", "north", "south"), at(t, t.TempDir(), "north")
		if err := core.reg.store.Update(func(tx *store.Tx) error {
			for _, id := range []string{"north", "south"} {
				c := store.Child{ID: id, Name: id, CampusID: id, LastSeen: time.Now().Add(-2 * time.Hour)}
				if err := store.Children.Put(tx, id, c); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		cut := connect(core.reg, north.reg)
		l := spec("a")
		l.Campuses = protocol.Campuses{"north", "south"}
		if _, err := core.reg.Create(l, "admin"); err != nil {
			t.Fatal(err)
		}
		core.watch("a")
		time.Sleep(2 * expectEvery)
		if north, south := core.room("north"), core.room("south"); north.LastSeen != 0 || south.LastSeen == 0 {
			t.Errorf("north last seen %v, south %v", north.LastSeen, south.LastSeen)
		}
		cut()
		time.Sleep(2 * expectEvery)
		if north := core.room("north"); north.LastSeen == 0 {
			t.Error("a box that went is still there")
		}
	})
}
