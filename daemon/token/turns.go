package token

import (
	"context"
	"runtime"
)

// turns bound how many signatures are verified at once, to twice the processors: a flood of worthless tokens queues
// here, and not in front of requests whose identity is kept. Only the calculation takes a turn, never the wait for a
// key, so that one provider's trouble does not become everyone's.
type turns chan struct{}

func newTurns() turns { return make(turns, 2*runtime.GOMAXPROCS(0)) }

// take waits for a turn; false where ctx ended first. give gives it back.
func (t turns) take(ctx context.Context) bool {
	select {
	case t <- struct{}{}:
		return true
	default:
	}
	select {
	case t <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t turns) give() { <-t }
