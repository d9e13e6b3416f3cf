package packet

import "time"

// Time is a moment on this box's media clock, in nanoseconds. It reads like Unix time at the start of the process and then only
// runs on with the monotonic clock, so a corrected or jumping wall clock never moves media.
type Time int64

var start = time.Now()

// Now reads the media clock. The hot path reads it once a batch.
func Now() Time { return Time(start.UnixNano()) + Time(time.Since(start)) }

// Sub is t − u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add is t + d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// ntpEpoch is the distance from 1900 (NTP, RFC 5905 §6) to 1970 (Unix) in seconds.
const ntpEpoch = 2208988800

// NTP is t as a 64-bit NTP timestamp (RFC 5905 §6: 32 bits of seconds since 1900, 32 bits of fraction), the form that sender reports and
// the abs-capture-time extension use.
func (t Time) NTP() uint64 {
	sec := uint64(t)/1e9 + ntpEpoch
	frac := (uint64(t) % 1e9) << 32 / 1e9
	return sec<<32 | frac
}

// FromNTP turns a 64-bit NTP timestamp into a Time of whatever clock wrote it.
func FromNTP(ntp uint64) Time {
	sec := int64(ntp>>32) - ntpEpoch
	nsec := (ntp & 0xffffffff) * 1e9 >> 32
	return Time(sec*1e9 + int64(nsec))
}
