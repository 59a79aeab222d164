package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// flight is one fetch of all editions. There is one at a time, and whoever needs a fetch shares it.
type flight struct {
	about  reference     // the unknown id that it was started for; zero = none
	asking []atomic.Bool // the key set of that edition is being asked for: what is published from now on may be missed

	done  chan struct{} // closed once the outcome is in the Provider's state
	good  []bool        // read after done
	err   error         // read after done; nil = at least one edition is good
	saved chan struct{} // closed once the copy on disk is written, after done
}

// start begins a flight, unless the Provider is closed: then it gives nil. The caller holds mu and has seen that no
// flight is under way.
func (p *Provider) start(about reference) *flight {
	if p.closed {
		return nil
	}
	count := len(p.editions)
	f := &flight{about: about, asking: make([]atomic.Bool, count), good: make([]bool, count),
		done: make(chan struct{}), saved: make(chan struct{})}
	p.flight = f
	p.ring.running.Go(func() { p.fly(f) })
	return f
}

// fly fetches all editions at once, takes over what is good, and writes the copy on disk.
func (p *Provider) fly(f *flight) {
	ctx, cancel := context.WithTimeout(p.life, maxFetch)
	defer cancel()
	client, now := p.ring.client.Load(), p.ring.now()
	results := make([]fetched, len(p.editions))
	var all sync.WaitGroup
	for i, e := range p.editions {
		all.Go(func() {
			results[i] = e.fetch(ctx, client, now, func() { f.asking[i].Store(true) })
		})
	}
	all.Wait()
	p.adopt(f, results)
	if slices.Contains(f.good, true) {
		p.writeCopy()
	}
	close(f.saved)
}

// adopt takes over what a flight brought and ends the flight.
func (p *Provider) adopt(f *flight, results []fetched) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(f.done)
	p.flight = nil
	if p.closed {
		f.err = p.errClosed()
		return
	}
	p.bury() // nobody else may have asked, and the log should have it
	next := p.state.Load().clone()
	changed := false
	for i, result := range results {
		next.tries[i] = try{at: result.at, err: result.err}
		p.logIgnored(i, result.ignored)
		if result.err != nil {
			continue
		}
		if d := result.set.compare(next.sets[i]); !d.none() {
			changed = true
			p.logChange(i, d)
		}
		next.sets[i], next.dead[i], f.good[i] = result.set, false, true
	}
	if changed {
		next.changes++
		p.unknown.forget()
	}
	f.err = p.summary(results)
	p.state.Store(next)
	p.logFailing(results)
	p.schedule(results)
}

// Refresh fetches all documents and key sets now, past limiter and backoff. The error tells what failed in one line
// for people; it is nil where at least one version's keys are good.
func (p *Provider) Refresh(ctx context.Context) error {
	// A flight that is under way may have read its keys before the caller asked: it does not count.
	p.mu.Lock()
	earlier := p.flight
	p.mu.Unlock()
	if earlier != nil {
		if err := p.await(ctx, earlier.done); err != nil {
			return err
		}
	}
	f := p.join()
	if f == nil {
		return p.errClosed()
	}
	if err := p.await(ctx, f.saved); err != nil {
		return err
	}
	return f.err
}

// join gives the flight that is under way, or begins one. nil = the Provider is closed.
func (p *Provider) join() *flight {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flight != nil {
		return p.flight
	}
	return p.start(reference{})
}

// await waits for the channel to be closed, as long as the context lasts.
func (p *Provider) await(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: gave up waiting for the signing keys: %w", p.source.Name, context.Cause(ctx))
	}
}

func (p *Provider) errClosed() error {
	return fmt.Errorf("%s: the provider is no longer in the configuration", p.source.Name)
}

// summary gives the outcome of a flight in one line; what is wrong with several alike is said once.
func (p *Provider) summary(results []fetched) error {
	var texts, causes []string
	for _, result := range results {
		if result.err == nil {
			return nil
		}
		cause := result.err.Error()
		if known, ok := errors.AsType[*fetchError](result.err); ok {
			cause = known.cause
		}
		if !slices.Contains(causes, cause) {
			causes = append(causes, cause)
			texts = append(texts, result.err.Error())
		}
	}
	return errors.New(p.source.Name + ": " + strings.Join(texts, "; "))
}
