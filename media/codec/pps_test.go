package codec

import "testing"

func TestPPSID(t *testing.T) {
	for _, c := range []struct {
		name string
		unit []byte
		id   uint32
		ok   bool
	}{
		{"first", []byte{0x68, 0xce, 0x3c, 0x80}, 0, true},
		{"second", []byte{0x68, 0x4e, 0x3c}, 1, true}, // 010
		{"another kind of unit", []byte{0x67, 0xce}, 0, false},
		{"nothing in it", []byte{0x68}, 0, false},
		{"cut short", []byte{0x68, 0x00}, 0, false},
		{"no such number", []byte{0x68, 0x00, 0x80, 0x80}, 0, false}, // 2^8 and more
	} {
		if id, ok := PPSID(c.unit); id != c.id && c.ok || ok != c.ok {
			t.Errorf("%s: %d %v", c.name, id, ok)
		}
	}
}
