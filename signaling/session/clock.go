package session

import "time"

// right is the right time where now is the box's own.
func (s *Server) right(now time.Time) time.Time {
	if s.cfg.ClockOffset == nil {
		return now
	}
	return now.Add(s.cfg.ClockOffset())
}

// clock is how far the time of day was set since the server was made, by somebody or by what the parent says of it.
func (s *Server) clock(now time.Time) time.Duration {
	return s.right(now).Round(0).Sub(s.made.Round(0)) - now.Sub(s.made)
}
