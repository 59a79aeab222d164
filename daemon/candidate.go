package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/keys"
)

// waiters want the verdict on a reload. Each channel has room for it.
type waiters []chan<- admin.ReloadResult

func (w waiters) answer(result admin.ReloadResult) {
	for _, waiter := range w {
		waiter <- result
	}
}

// candidate is a configuration without faults that does not serve yet: the keys of its new providers are being fetched,
// or the last attempt failed for something outside the files and the next one is due. A nil candidate waits for nothing.
type candidate struct {
	seen    string // fingerprint of its files
	loaded  *Loaded
	waiters waiters

	providers map[string]*keys.Provider
	fetching  chan error // the outcome of fetching; nil while none is under way
	cancel    context.CancelFunc
	retry     *time.Timer // of the next attempt; nil while none is due
	failures  int
	problem   string // of the last attempt
}

// fetched gives the outcome of fetching keys.
func (c *candidate) fetched() <-chan error {
	if c == nil {
		return nil
	}
	return c.fetching
}

// due fires when it is time for the next attempt.
func (c *candidate) due() <-chan time.Time {
	if c == nil || c.retry == nil {
		return nil
	}
	return c.retry.C
}

// fetch begins to fetch the keys of these providers; fetched gives the outcome.
func (c *candidate) fetch(providers []*keys.Provider, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	outcome := make(chan error, 1)
	c.cancel, c.fetching = cancel, outcome
	go func() { outcome <- refreshAll(ctx, providers) }()
}

// stop ends a fetch under way and the wait for the next attempt.
func (c *candidate) stop() {
	if c.fetching != nil {
		c.cancel()
		_ = <-c.fetching // it was given up
		c.fetching = nil
	}
	if c.retry != nil {
		c.retry.Stop()
		c.retry = nil
	}
}

// refreshAll fetches the keys of all the providers at once. A provider whose keys are good without (the disk had kept
// them) is none that fails. The error names each that does.
func refreshAll(ctx context.Context, providers []*keys.Provider) error {
	problems := make([]string, len(providers))
	var all sync.WaitGroup
	for i, provider := range providers {
		all.Go(func() {
			if err := provider.Refresh(ctx); err != nil && !provider.Live() {
				problems[i] = fmt.Sprintf("the signing keys of a new provider cannot be fetched: %s", err)
			}
		})
	}
	all.Wait()
	problems = slices.DeleteFunc(problems, func(problem string) bool { return problem == "" })
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return errors.New(strings.Join(problems, "\n") + "\n  hint: claimd tries again by itself; until then the configuration before this one serves")
}
