package keys

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// nap is the longest that the refresh loop waits before it looks at the clock again: no timer counts the time that the
// machine sleeps.
const nap = time.Minute

// The pause after failed fetches doubles from the first to the longest, whatever Retry-After asks for.
const (
	firstBackoff   = time.Second
	longestBackoff = 5 * time.Minute
)

// keep starts the refresh loop, where it does not run yet.
func (p *Provider) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept || p.closed {
		return
	}
	p.kept = true
	p.ring.running.Go(p.keepFresh)
}

// keepFresh is the refresh loop: it begins a flight whenever one is due, until the Provider is closed. Flights that
// others begin move the time when the next is due.
func (p *Provider) keepFresh() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(min(p.untilDue(), nap))
		select {
		case <-p.life.Done():
			return
		case <-p.wake:
			continue
		case <-timer.C:
		}
		if p.untilDue() > 0 {
			continue
		}
		f := p.join()
		if f == nil {
			return
		}
		<-f.done // at most maxFetch, and at once when the Provider is closed
	}
}

// untilDue gives the time until the next refresh; 0 = now.
func (p *Provider) untilDue() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.IsZero() {
		return 0
	}
	now := p.ring.now()
	left := max(p.due.Sub(now), 0)
	// Where the last fetch failed the pause after it counts, which is shorter.
	if left > longestBackoff && slices.ContainsFunc(p.state.Load().sets, func(set *keySet) bool { return set.overslept(now) }) {
		return 0
	}
	return left
}

// schedule sets the time of the next refresh and tells the refresh loop. The caller holds mu.
func (p *Provider) schedule(results []fetched) {
	now := p.ring.now()
	if !slices.ContainsFunc(results, func(result fetched) bool { return result.err != nil }) {
		p.failures = 0
		p.due = now.Add(jitter(refreshEvery))
	} else {
		p.failures++
		p.due = now.Add(backoff(p.failures, askedFor(results)))
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// askedFor gives the longest Retry-After of a flight.
func askedFor(results []fetched) time.Duration {
	var longest time.Duration
	for _, result := range results {
		if known, ok := errors.AsType[*fetchError](result.err); ok {
			longest = max(longest, known.retryAfter)
		}
	}
	return longest
}

// backoff gives the pause after that many failures in a row, with jitter. asked is the provider's Retry-After.
func backoff(failures int, asked time.Duration) time.Duration {
	pause := longestBackoff
	if doublings := failures - 1; doublings < 9 { // 2^9 s are over 5 minutes
		pause = firstBackoff << doublings
	}
	return min(max(jitter(pause), asked), longestBackoff)
}

// jitter moves a duration by up to a tenth either way, so that many hosts do not ask at once.
func jitter(d time.Duration) time.Duration {
	return d*9/10 + rand.N(d/5+1)
}
