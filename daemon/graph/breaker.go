package graph

import (
	"sync"
	"time"
)

// The breaker opens after so many failures in a row, for a time that doubles from the first to the longest. Graph's own
// Retry-After is honoured up to an hour.
const (
	breaksAfter  = 5
	firstPause   = 5 * time.Second
	longestPause = time.Minute
	longestAsked = time.Hour
)

// breaker leaves Graph alone while it fails. Closed is its zero value. All methods may be called at once.
type breaker struct {
	mu       sync.Mutex
	failures int       // in a row
	openings int       // in a row
	until    time.Time // open till then, where failures are breaksAfter or more
	paused   time.Time // Graph asked not to be asked till then
	probing  bool      // one look-up tries whether Graph works again
}

// refuses reports whether a look-up would not be admitted, and for how long.
func (b *breaker) refuses(now time.Time) (pause time.Duration, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closedFor(now)
}

func (b *breaker) closedFor(now time.Time) (time.Duration, bool) {
	if now.Before(b.paused) {
		return b.paused.Sub(now), true
	}
	if b.failures < breaksAfter {
		return 0, false
	}
	if now.Before(b.until) {
		return b.until.Sub(now), true
	}
	return time.Second, b.probing
}

// admit lets a look-up ask. Of those that come when an open breaker's time is over, one is let through as a probe.
func (b *breaker) admit(now time.Time) (probe bool, pause time.Duration, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if pause, open = b.closedFor(now); open {
		return false, pause, true
	}
	probe = b.failures >= breaksAfter
	b.probing = b.probing || probe
	return probe, 0, false
}

// succeeded closes the breaker. The pause that Graph asked for stays.
func (b *breaker) succeeded(probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.openings, b.until = 0, 0, time.Time{}
	b.probing = b.probing && !probe
}

// failed counts a failure and opens the breaker where it is one too many. It gives the time until Graph is asked again.
func (b *breaker) failed(now time.Time, asked time.Duration, probe bool) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if asked > 0 {
		if until := now.Add(min(asked, longestAsked)); until.After(b.paused) {
			b.paused = until
		}
	}
	b.failures++
	b.probing = b.probing && !probe
	if b.failures == breaksAfter || probe { // look-ups that began before do not open it again
		pause := longestPause
		if b.openings < 4 { // 5 s << 4 are over a minute
			pause = min(firstPause<<b.openings, longestPause)
		}
		b.openings++
		b.until = now.Add(pause)
	}
	wait, _ := b.closedFor(now)
	return wait
}

// abandoned gives the probe back without a verdict.
func (b *breaker) abandoned(probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = b.probing && !probe
}

// The states of a breaker.
const (
	stateClosed  = "closed"  // Graph is asked
	stateOpen    = "open"    // it failed too often
	statePaused  = "paused"  // it asked for a pause
	stateProbing = "probing" // the next look-up tries whether it works again
)

// state gives the state, and until when it holds.
func (b *breaker) state(now time.Time) (string, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case now.Before(b.paused):
		return statePaused, b.paused
	case b.failures < breaksAfter:
		return stateClosed, time.Time{}
	case now.Before(b.until):
		return stateOpen, b.until
	}
	return stateProbing, time.Time{}
}
