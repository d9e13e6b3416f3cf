//go:build !linux

package probe

import (
	"errors"
	"net/netip"
	"time"
)

// System asks this machine; without Linux that is its clock and its addresses.
func System() Calls { return system{} }

type system struct{}

var errOther = errors.New("only read on Linux")

func (system) Now() time.Time                              { return time.Now() }
func (system) Synchronised() bool                          { return true }
func (system) Space(string) (total, free int64, err error) { return 0, 0, errOther }
func (system) Formats(string) ([]Format, error)            { return nil, errOther }

func (system) Addresses() map[string][]netip.Prefix { return addresses() }
