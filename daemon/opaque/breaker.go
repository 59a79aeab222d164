package opaque

import "time"

// After so many failures in a row nothing is asked for a pause, which doubles with each further failure; then one request
// goes out to see.
const (
	failuresToOpen = 5
	firstPause     = time.Second
	longestPause   = time.Minute
	longestAsked   = 5 * time.Minute // whatever Retry-After asks for
)

// breaker keeps claimd from asking a provider that fails. The zero value lets everything through. Its owner guards it.
type breaker struct {
	failures int // in a row
	pause    time.Duration
	until    time.Time // while open: when the next request may go out
	since    time.Time // of the first of the failures in a row
	open     bool
	probing  bool // the one request is under way
	// epoch changes when the breaker opens or closes. Requests that went out in an earlier one do not count: they are
	// about a state that is already judged.
	epoch uint64
}

// passes reports whether a request may go out now, and if not, how long none will. The request counts for the epoch.
func (b *breaker) passes(now time.Time) (wait time.Duration, ok bool) {
	if !b.open {
		return 0, true
	}
	if wait := b.until.Sub(now); wait > 0 {
		return wait, false
	}
	if b.probing {
		return firstPause, false
	}
	b.probing = true
	return 0, true
}

// release ends a request that says nothing about the provider.
func (b *breaker) release(epoch uint64) {
	if epoch == b.epoch {
		b.probing = false
	}
}

// succeed counts an answer.
func (b *breaker) succeed(epoch uint64) {
	if epoch != b.epoch {
		return
	}
	if b.open {
		epoch++
	}
	*b = breaker{epoch: epoch}
}

// fail counts a failure. asked is how long the provider wants to be left alone; 0 = it does not say, and then the failure
// is one of several.
func (b *breaker) fail(epoch uint64, now time.Time, asked time.Duration) {
	if epoch != b.epoch {
		return
	}
	if b.failures == 0 {
		b.since = now
	}
	b.failures++
	b.probing = false
	if !b.open && b.failures < failuresToOpen && asked == 0 {
		return
	}
	b.pause = min(max(2*b.pause, firstPause), longestPause)
	b.until = now.Add(min(max(b.pause, asked), longestAsked))
	b.open = true
	b.epoch++
}
