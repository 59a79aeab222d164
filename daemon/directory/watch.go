package directory

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"
)

// pace says how often the changes of others are looked for, and how long what was read stays true.
type pace struct {
	poll       time.Duration // between two looks where nobody wakes
	first      time.Duration // until the second try after a failure; it doubles
	last       time.Duration // the most that it becomes
	stale      time.Duration // after the last good look nobody's state is known
	readWithin time.Duration // one look
}

var usualPace = pace{
	poll: 5 * time.Second, first: 200 * time.Millisecond, last: 5 * time.Second, stale: 5 * time.Minute,
	readWithin: 5 * time.Second,
}

// follow keeps memory true to a store that other hosts change as well, until ctx ends: it loads everything, and reads
// the changes after that whenever somebody made one, and every 5 s.
func (d *Directory) follow(ctx context.Context, s shared) { d.followAt(ctx, s, usualPace) }

func (d *Directory) followAt(ctx context.Context, s shared, at pace) {
	f := &follower{Directory: d, from: s, pace: at, news: make(chan struct{}, 1)}
	var listening sync.WaitGroup
	listening.Go(func() { f.listen(ctx) })
	defer listening.Wait()
	defer f.truth.end()
	f.truth.stale = f.lose
	failures := 0
	for {
		more, err := f.look(ctx)
		if ctx.Err() != nil {
			return
		}
		d.problems.set(reading, err)
		wait := at.poll
		switch {
		case err != nil:
			wait = at.backoff(failures)
			failures++
		case more:
			wait, failures = 0, 0
		default:
			failures = 0
		}
		if !f.rest(ctx, wait) {
			return
		}
	}
}

// backoff gives the wait after so many failures before this one, up to a quarter shorter: hosts that lost the same
// server do not come back as one.
func (p *pace) backoff(failures int) time.Duration {
	wait := min(p.first<<min(failures, 20), p.last)
	return wait - rand.N(wait/4+1)
}

// follower is one run of follow.
type follower struct {
	*Directory
	from   shared
	pace   pace
	loaded bool
	truth  truth
	news   chan struct{} // somebody made a change
}

// look reads what is new, or everything where nothing was read or another past was put in the place of what was.
func (f *follower) look(ctx context.Context) (more bool, err error) {
	began, at := time.Now(), f.now()
	if !f.loaded {
		if err := f.load(ctx); err != nil {
			return false, err
		}
		f.loaded = true
		f.good(began, at)
		return true, nil
	}
	within, cancel := context.WithTimeout(ctx, f.pace.readWithin)
	defer cancel()
	changes, err := f.from.changed(within, f.sequence.Load())
	if errors.Is(err, errRewound) {
		f.log.Warn("the database of the directory was put back to an older state: everything is read anew", zap.String("database", f.place))
		f.states.rewind()
		f.loaded = false
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, change := range changes {
		f.take(change)
	}
	f.good(began, at)
	return len(changes) > 0, nil
}

func (f *follower) load(ctx context.Context) error {
	return f.states.replace(func(set func(Hash, State)) error {
		sequence, err := f.from.load(ctx, set)
		if err == nil {
			err = f.from.revoked(ctx, f.revoked.note) // what is revoked from now on comes as a change
		}
		if err == nil {
			f.sequence.Store(sequence)
		}
		return err
	})
}

// take puts a change that was made here or elsewhere into memory.
func (f *follower) take(change Change) {
	if change.Action == Revoke {
		f.noteRevoked(change)
	} else {
		f.states.apply(change)
	}
	f.sequence.Store(change.Sequence)
	if change.Host == f.host {
		return
	}
	if change.After == Unknown && change.Action != Revoke {
		f.recorder.lost(change.Key.Hash())
	}
	f.log.Info("the state of a user was changed on another host", zap.String("action", string(change.Action)),
		zap.String("authority", change.Key.Authority), zap.String("id", change.Key.ID), zap.Stringer("before", change.Before),
		zap.Stringer("after", change.After), zap.String("by", change.By), zap.String("host", change.Host),
		zap.Uint64("sequence", change.Sequence))
}

// rest waits for news, or for so long; it is false when ctx ended.
func (f *follower) rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.news:
	case <-ctx.Done():
		return false
	}
	return ctx.Err() == nil
}

// listen stays connected for the news.
func (f *follower) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		_ = f.from.listen(ctx, func() { signal(f.news) })
		signal(f.news) // look says whether the database is lost, or the listener alone
		if time.Since(began) > f.pace.last {
			failures = 0
		}
		timer := time.NewTimer(f.pace.backoff(failures))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// good notes that memory is as the store was when the look began. That ends by the monotonic clock and by the wall clock,
// whichever is first; a wall clock that is set forward ends it until the next look.
func (f *follower) good(began, at time.Time) {
	f.readAt.Store(at.UnixNano())
	f.trueUntil.Store(at.Add(f.pace.stale).UnixNano())
	f.truth.lasts(f.pace.stale-time.Since(began), func() {
		if f.unreadable.Swap(false) {
			f.log.Info("the states of the users are known", zap.String("database", f.place))
		}
	})
}

// lose says that what memory holds is too old to let anybody in.
func (f *follower) lose() {
	if !f.unreadable.Swap(true) {
		f.log.Error("the database of the directory could not be read for too long: nobody's state is known, requests are answered 503",
			zap.String("database", f.place), zap.Duration("after", f.pace.stale))
	}
}

// truth is a fact that stops being one by itself. The zero value but for stale, which is called then, is ready.
type truth struct {
	stale func()

	lock  sync.Mutex
	timer *time.Timer
	round int
}

// lasts says that it is one, for so long from now.
func (t *truth) lasts(long time.Duration, known func()) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
	t.round++
	round := t.round
	known()
	t.timer = time.AfterFunc(long, func() {
		t.lock.Lock()
		defer t.lock.Unlock()
		if t.round == round {
			t.stale()
		}
	})
}

// end stops the clock; nothing is called any more.
func (t *truth) end() {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.round++
	if t.timer != nil {
		t.timer.Stop()
	}
}

// rewind forgets which changes were put: their numbers are given anew.
func (s *states) rewind() {
	s.news.Lock()
	defer s.news.Unlock()
	clear(s.applied)
	s.highest = 0
}
