package graph

import (
	"context"
	"time"
)

// key names an answer: who was asked about, and the groups. The tenant is the Graph's own.
type key struct {
	user  string // object id in lower case
	asked [32]byte
}

// outcome is how a look-up ended.
type outcome struct {
	answer Answer
	failed *Unavailable
}

// result gives the outcome as Memberships does: a nil *Unavailable is no error.
func (o outcome) result() (Answer, error) {
	if o.failed != nil {
		return Answer{}, o.failed
	}
	return o.answer, nil
}

// flight is one look-up, for as many as wait for it.
type flight struct {
	done chan struct{} // closed when the outcome is there
	outcome
}

// join gives the look-up under way for the key, or begins one; or it answers at once, from what another has just kept or
// with why none may begin.
func (g *Graph) join(key key, about *Question) (*flight, *outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, &outcome{failed: &Unavailable{Kind: Closed, Problem: "claimd is ending or has a newer configuration", RetryAfter: time.Second}}
	}
	if f := g.flights[key]; f != nil {
		return f, nil
	}
	now := g.now()
	if found, ok := g.kept.find(key, now); ok { // a look-up that has just ended keeps before it leaves flights
		g.counts.hits.Add(1)
		return nil, &found
	}
	if pause, open := g.breaker.refuses(now); open {
		return nil, &outcome{failed: g.notAsked(pause)}
	}
	if len(g.flights) >= maxFlights+maxWaiting {
		g.counts.busy.Add(1)
		return nil, &outcome{failed: tooBusy()}
	}
	f := &flight{done: make(chan struct{})}
	g.flights[key] = f
	g.running.Go(func() { g.fly(f, key, about) })
	return f, nil
}

// fly looks the answer up, keeps it and wakes who waits.
func (g *Graph) fly(f *flight, key key, about *Question) {
	ctx, cancel := context.WithTimeout(g.life, g.timeout)
	defer cancel()
	f.outcome = g.lookUp(ctx, key.user, about)
	g.kept.keep(key, f.outcome)
	g.mu.Lock()
	delete(g.flights, key)
	g.mu.Unlock()
	close(f.done)
}

// lookUp takes a turn and asks, if the breaker lets it.
func (g *Graph) lookUp(ctx context.Context, user string, about *Question) outcome {
	if busy := g.takeTurn(ctx); busy != nil {
		return outcome{failed: busy}
	}
	defer func() { <-g.turns }()
	began := g.now()
	probe, pause, open := g.breaker.admit(began)
	if open {
		g.mu.Lock()
		defer g.mu.Unlock()
		return outcome{failed: g.notAsked(pause)}
	}
	g.counts.lookUps.Add(1)
	member, failed := g.ask(ctx, user, about)
	now := g.now()
	if failed != nil {
		return outcome{failed: g.failed(ctx, failed, probe, user), answer: Answer{until: now.Add(refusedFor)}}
	}
	g.breaker.succeeded(probe)
	g.recovered()
	// The answer is as old as the question: who was removed while Graph answered is gone in time too.
	return outcome{answer: Answer{Member: member, until: began.Add(g.cache)}}
}

// takeTurn waits for one of maxFlights places.
func (g *Graph) takeTurn(ctx context.Context) *Unavailable {
	select {
	case g.turns <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(g.turn)
	defer timer.Stop()
	select {
	case g.turns <- struct{}{}:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	g.counts.busy.Add(1)
	return tooBusy()
}

func tooBusy() *Unavailable {
	return &Unavailable{Kind: Busy, Problem: "64 look-ups are under way, and no turn came within 1 s", RetryAfter: time.Second}
}

// failed takes note of a failure, and gives it with the time when asking again can help.
func (g *Graph) failed(ctx context.Context, u *Unavailable, probe bool, user string) *Unavailable {
	g.counts.failures.Add(1)
	if g.life.Err() != nil {
		g.breaker.abandoned(probe)
		return &Unavailable{Kind: Closed, Problem: "claimd ended while Microsoft Graph was asked", RetryAfter: time.Second}
	}
	if ctx.Err() != nil && !u.Kind.ofOne() {
		u = &Unavailable{Kind: Timeout, Problem: "want a whole answer within 5 s, got none", Hint: u.Hint, RetryAfter: u.RetryAfter}
	}
	if u.Kind.ofOne() {
		g.breaker.succeeded(probe) // Graph answers
		u.RetryAfter = refusedFor
	} else {
		u.RetryAfter = max(min(u.RetryAfter, longestAsked), g.breaker.failed(g.now(), u.RetryAfter, probe), time.Second)
	}
	g.noteTrouble(u, user)
	return u
}
