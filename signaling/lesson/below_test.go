package lesson

import (
	"testing"
	"testing/synctest"
	"time"

	"tongke/signaling/protocol"
)

// A county knows which campuses there are below its core schools, also of one that joins later, and believes no core school about another's.
func TestReaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		county := at(t, t.TempDir(), "county", "core", "town")
		core, town := at(t, t.TempDir(), "core", "north"), at(t, t.TempDir(), "town")
		north := at(t, t.TempDir(), "north", "hill")
		defer connect(core.reg, north.reg)()
		down := connect(county.reg, core.reg)
		defer connect(county.reg, town.reg)()
		is := func(what, box, member string, want bool) {
			t.Helper()
			time.Sleep(100 * time.Millisecond)
			if got := county.reg.Reaches(box, protocol.Campuses{member}); got != want {
				t.Errorf("%s: %s is below %s: %v", what, member, box, got)
			}
		}
		is("a child's own", "core", "core", true)
		is("a grandchild", "core", "north", true)
		is("a room of it", "core", "north/1", true)
		is("a child of it that has not come yet", "core", "hill", true)
		is("a stranger", "core", "moon", false)
		is("a sister's", "town", "north", false)
		is("no child", "north", "north", false)
		hill := at(t, t.TempDir(), "hill", "cave")
		defer connect(north.reg, hill.reg)()
		is("who came later, four levels down", "core", "cave", true)
		frame, _ := protocol.Encode(protocol.Below{Campuses: []string{"town", "core", "county", "moon"}})
		if err := county.reg.Frame("town", frame); err != nil {
			t.Fatal(err)
		}
		is("a lie about a sister", "town", "core", false)
		is("a lie about the parent", "town", "county", false)
		is("what nobody else has", "town", "moon", true)
		if err := core.reg.Frame("county", frame); err == nil {
			t.Error("a parent is below")
		}
		down()
		down = connect(county.reg, core.reg)
		defer down()
		is("after a cut", "core", "cave", true)
	})
}
