package daemon

import (
	"time"

	"go.uber.org/zap"
)

// jumpWorthALine is how far the wall clock may move against the monotonic one between two looks before the log has it.
// A clock that NTP slews moves 15 ms in the 30 s of a slow poll.
const jumpWorthALine = 5 * time.Second

// clock notices that somebody set the wall clock, or that the host slept. Nothing has to be mended then: tokens and
// what is kept of them are judged by the wall clock at each request, and ages, limits and waits go by the monotonic
// one. But whoever wonders why all tokens are refused as expired since noon finds the line. It belongs to one goroutine.
type clock struct {
	log  *zap.Logger
	wall func() time.Time

	seen  time.Time // of the last look; its monotonic reading counts
	shown time.Time // what the wall clock showed then
}

// newClock takes its first look. A nil wall is time.Now.
func newClock(log *zap.Logger, wall func() time.Time) *clock {
	if wall == nil {
		wall = time.Now
	}
	return &clock{log: log, wall: wall, seen: time.Now(), shown: wall().Round(0)}
}

// look compares the two clocks since the last look.
func (c *clock) look() {
	now, shows := time.Now(), c.wall().Round(0)
	want := c.shown.Add(now.Sub(c.seen))
	c.seen, c.shown = now, shows
	if jump := shows.Sub(want); jump.Abs() > jumpWorthALine {
		c.log.Warn("the wall clock jumped; tokens are judged by what it shows now",
			zap.Duration("by", jump.Round(time.Millisecond)), zap.Time("shows", shows))
	}
}
