package opaque

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// flight is one request to the provider. Everyone who brings the same token meanwhile shares it.
type flight struct {
	epoch uint64 // of the breaker, when it went out

	done   chan struct{} // closed once the outcome is known and kept
	answer Answer        // read after done
	err    error         // read after done
}

// board gives what is kept about the token, or why nothing is asked now, or the flight to wait for.
func (a *Asker) board(about key, endpoint, token string) (*flight, Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if answer, ok := a.answers.find(about, func(kept Answer) bool { return kept.Holds(now) }); ok {
		a.counts.kept++
		return nil, answer, nil
	}
	if refused, ok := a.refusals.find(about, func(kept *keptRefusal) bool { return kept.holds(now) }); ok {
		a.counts.keptRefusals++
		return nil, Answer{}, refused.refused
	}
	if f := a.flights[about]; f != nil {
		a.counts.shared++
		return f, Answer{}, nil
	}
	if a.closed {
		return nil, Answer{}, errClosed()
	}
	if len(a.flights) >= maxFlights {
		a.counts.shed++
		return nil, Answer{}, &Unavailable{Detail: "64 requests to the provider are under way", RetryAfter: shedPause}
	}
	if wait, ok := a.breaker.passes(now); !ok {
		a.counts.held++
		return nil, Answer{}, &Unavailable{Detail: "the provider is not asked for now, since it failed: " + a.lastErr, RetryAfter: atLeastASecond(wait)}
	}
	f := &flight{epoch: a.breaker.epoch, done: make(chan struct{})}
	a.flights[about] = f
	a.counts.asked++
	a.running.Go(func() { a.fly(f, about, endpoint, token) })
	return f, Answer{}, nil
}

// fly asks the provider and keeps what comes of it.
func (a *Asker) fly(f *flight, about key, endpoint, token string) {
	ctx, cancel := context.WithTimeout(a.life, maxExchange)
	defer cancel()
	asked := a.now()
	answer, err := a.exchange(ctx, endpoint, token, asked)
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(f.done)
	delete(a.flights, about)
	if a.closed {
		f.err = errClosed()
		return
	}
	now := a.now()
	f.answer, f.err = answer, err
	if unavailable, ok := errors.AsType[*Unavailable](err); ok {
		a.settleFailure(f, unavailable, now)
		return
	}
	a.settleAnswer(f)
	if refused, ok := errors.AsType[*Refused](err); ok {
		a.counts.refused++
		a.refusals.keep(about, &keptRefusal{refused: refused, since: now}, refusalWeight)
		return
	}
	a.counts.verified++
	if answer.Holds(now) {
		a.answers.keep(about, answer, answer.weight())
	}
}

// settleAnswer takes note that the provider has answered.
func (a *Asker) settleAnswer(f *flight) {
	failed := a.lastErr != ""
	a.breaker.succeed(f.epoch)
	if failed && a.breaker.failures == 0 {
		a.lastErr = ""
		a.log.Info("the provider answers about opaque tokens again", zap.String("endpoint", string(a.kind)))
	}
}

// settleFailure takes note that the provider has not, and says what callers are to be told.
func (a *Asker) settleFailure(f *flight, failure *Unavailable, now time.Time) {
	a.counts.failed++
	asked := failure.RetryAfter
	failure.RetryAfter = atLeastASecond(asked)
	if failure.blameless {
		a.breaker.release(f.epoch)
		return
	}
	if f.epoch != a.breaker.epoch {
		return
	}
	wasOpen, first := a.breaker.open, a.lastErr == ""
	a.lastErr = failure.Detail
	a.breaker.fail(f.epoch, now, asked)
	if wait := a.breaker.until.Sub(now); a.breaker.open && wait > 0 {
		failure.RetryAfter = atLeastASecond(wait)
	}
	switch {
	case a.breaker.open && !wasOpen:
		a.log.Warn("the provider is not asked about opaque tokens for now", zap.String("endpoint", string(a.kind)),
			zap.String("error", failure.Detail), zap.Duration("pause", a.breaker.until.Sub(now)))
	case first:
		a.log.Warn("the provider gives no usable answer about an opaque token", zap.String("endpoint", string(a.kind)),
			zap.String("error", failure.Detail))
	}
}

// keptRefusal is a refusal and when the provider gave it.
type keptRefusal struct {
	refused *Refused
	since   time.Time
}

func (k *keptRefusal) holds(now time.Time) bool {
	return now.Sub(k.since) < refusalLife && !now.Round(0).Before(k.since.Round(0))
}

// refusalWeight is about what a kept refusal takes in memory, in bytes.
const refusalWeight = 384

func atLeastASecond(wait time.Duration) time.Duration { return max(wait, time.Second) }

func errClosed() *Unavailable {
	return &Unavailable{Detail: "the provider is no longer in the configuration", RetryAfter: time.Second}
}
