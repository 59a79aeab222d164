package directory

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxPending  = 4 << 20          // bytes that wait to be written, by estimate; beyond, sightings and touches are dropped
	maxBatch    = 1000             // keys that are written in one transaction
	maxDelay    = time.Second      // from the first that waits to the write
	maxPoison   = 1000             // keys that are told of as refused by the store; beyond, they are told of again
	maxWanted   = 10_000           // keys whose sighting is wanted; beyond, what is lost of a key comes with its next token
	maxBackoff  = 30 * time.Second // between tries, after failures
	writeWithin = 30 * time.Second // one batch
	hurryWithin = time.Second
)

// recorder gathers what is seen and writes it in the background.
type recorder struct {
	write   func(context.Context, batch) (written, error) // writes, and brings the states to memory
	refused func(Hash, error)                             // told of a key that cannot be written, once while it is remembered
	seed    maphash.Seed

	lock    sync.Mutex
	waits   pending
	flying  int  // bytes of the batch that is being written
	room    int  // maxPending
	stopped bool // nothing is taken any more
	lately  *lately
	wanted  map[Hash]struct{}
	poison  map[Hash]struct{} // keys of which refused was told

	wants    atomic.Int64 // how many are wanted
	written  atomic.Uint64
	dropped  atomic.Uint64
	failures atomic.Uint64

	gate  chan struct{} // its one place is held while a batch is written
	first chan struct{} // something waits
	full  chan struct{} // enough waits for a batch
}

func newRecorder(write func(context.Context, batch) (written, error)) *recorder {
	return &recorder{
		write: write, refused: func(Hash, error) {}, seed: maphash.MakeSeed(), room: maxPending,
		waits: pending{entries: map[Hash]*entry{}}, lately: newLately(), wanted: map[Hash]struct{}{}, poison: map[Hash]struct{}{},
		gate: make(chan struct{}, 1), first: make(chan struct{}, 1), full: make(chan struct{}, 1),
	}
}

// see takes note of a sighting; where it tells nothing new in this minute it is none.
func (r *recorder) see(hash Hash, sighting *Sighting) {
	mark := sighting.Mark
	if mark == 0 {
		mark = sighting.digest(r.seed)
	}
	now := noted{mark, r.clientDigest(sighting.Client), minute(sighting.At)}
	bytes := sighting.bytes()
	r.lock.Lock()
	defer r.lock.Unlock()
	if _, wanted := r.wanted[hash]; wanted {
		r.unwant(hash)
	} else if last, found := r.lately.get(hash); found && last == now {
		return
	}
	if r.stopped || r.waits.bytes+r.flying+bytes > r.room {
		r.drop(hash)
		return
	}
	r.waits.see(hash, sighting, bytes)
	r.lately.put(hash, now)
	r.wake()
}

// again reports that a sighting of this mark is the last thing that was noted of the key, and none is wanted; then it takes
// note of the token as touch does.
func (r *recorder) again(hash Hash, mark uint64, at time.Time, client string) bool {
	digest, minute := r.clientDigest(client), minute(at)
	r.lock.Lock()
	defer r.lock.Unlock()
	if len(r.wanted) > 0 {
		if _, wanted := r.wanted[hash]; wanted {
			return false
		}
	}
	last, found := r.lately.get(hash)
	if !found || last.digest != mark || mark == 0 {
		return false
	}
	if last.client != digest || last.minute != minute {
		r.come(hash, noted{mark, digest, minute}, at, client)
	}
	return true
}

// touch takes note of a known user's token; a second one of a minute and client is none.
func (r *recorder) touch(hash Hash, at time.Time, client string) {
	digest, minute := r.clientDigest(client), minute(at)
	r.lock.Lock()
	defer r.lock.Unlock()
	last, found := r.lately.get(hash)
	if found && last.client == digest && last.minute == minute {
		return
	}
	r.come(hash, noted{last.digest, digest, minute}, at, client)
}

// come needs the lock.
func (r *recorder) come(hash Hash, now noted, at time.Time, client string) {
	if r.stopped || r.waits.bytes+r.flying+entryBytes > r.room {
		r.drop(hash)
		return
	}
	r.waits.touch(hash, at, client)
	r.lately.put(hash, now)
	r.wake()
}

func (r *recorder) clientDigest(client string) uint32 { return uint32(maphash.String(r.seed, client)) }

func minute(at time.Time) uint32 { return uint32(at.Unix() / 60) }

// drop needs the lock.
func (r *recorder) drop(hash Hash) {
	r.dropped.Add(1)
	r.lately.remove(hash)
	if !r.stopped {
		r.want(hash)
	}
}

// want needs the lock.
func (r *recorder) want(hash Hash) {
	if _, found := r.wanted[hash]; !found && len(r.wanted) < maxWanted {
		r.wanted[hash] = struct{}{}
		r.wants.Add(1)
	}
}

// unwant needs the lock.
func (r *recorder) unwant(hash Hash) {
	delete(r.wanted, hash)
	r.wants.Add(-1)
}

// lost says that nothing is known of the key any more.
func (r *recorder) lost(hash Hash) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.lately.remove(hash)
	r.want(hash)
}

// isWanted reports that a sighting of the key is wanted.
func (r *recorder) isWanted(hash Hash) bool {
	if r.wants.Load() == 0 {
		return false
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	_, wanted := r.wanted[hash]
	return wanted
}

// wake needs the lock.
func (r *recorder) wake() {
	signal(r.first)
	if len(r.waits.entries) >= maxBatch || r.waits.bytes >= r.room/2 {
		signal(r.full)
	}
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// run writes what waits until ctx ends.
func (r *recorder) run(ctx context.Context) {
	var failures int
	for {
		select {
		case <-r.first:
		case <-ctx.Done():
			return
		}
		if !r.pause(ctx, failures) {
			return
		}
		if err := r.flush(ctx); err != nil {
			failures++
			signal(r.first)
			continue
		}
		failures = 0
	}
}

// pause waits for more to come, or for better times; it is false when ctx ended.
func (r *recorder) pause(ctx context.Context, failures int) bool {
	delay, full := maxDelay, r.full
	if failures > 0 {
		delay, full = min(maxDelay<<min(failures, 10), maxBackoff), nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-full:
	case <-ctx.Done():
		return false
	}
	return true
}

// flush writes what waits now, and ends at the first error.
func (r *recorder) flush(ctx context.Context) error {
	r.lock.Lock()
	last := r.waits.number
	r.lock.Unlock()
	for {
		if more, err := r.flushOne(ctx, last); err != nil || !more {
			return err
		}
	}
}

// flushOne writes one batch, if anything waits that is no newer than last.
func (r *recorder) flushOne(ctx context.Context, last uint64) (more bool, err error) {
	if err := r.enter(ctx); err != nil {
		return false, err
	}
	defer r.leave()
	r.lock.Lock()
	if oldest := r.waits.oldest(); oldest == 0 || oldest > last {
		r.lock.Unlock()
		return false, nil
	}
	taken := r.waits.take(maxBatch)
	for _, e := range taken {
		r.flying += e.bytes
	}
	r.lock.Unlock()
	return true, r.land(ctx, taken)
}

// land writes the entries. Where the store is well and does not take one of them, it finds that one by halves and leaves
// it out, so that it does not hold the others up for ever.
func (r *recorder) land(ctx context.Context, taken []*entry) error {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	done, err := r.write(within, batchOf(taken))
	cancel()
	if !errors.Is(err, errRow) {
		r.landed(taken, done, err)
		return err
	}
	if len(taken) == 1 {
		r.leaveOut(taken[0], err)
		return nil
	}
	half := len(taken) / 2
	if err := r.land(ctx, taken[:half]); err != nil {
		r.landed(taken[half:], written{}, err)
		return err
	}
	return r.land(ctx, taken[half:])
}

// leaveOut gives an entry up that the store does not take.
func (r *recorder) leaveOut(e *entry, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.flying -= e.bytes
	r.dropped.Add(1)
	if _, told := r.poison[e.hash]; told {
		return
	}
	if len(r.poison) >= maxPoison {
		clear(r.poison)
	}
	r.poison[e.hash] = struct{}{}
	r.refused(e.hash, err)
}

// landed takes note of what came of entries.
func (r *recorder) landed(taken []*entry, done written, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, e := range taken {
		r.flying -= e.bytes
	}
	switch {
	case err == nil:
		r.written.Add(uint64(len(taken) - len(done.missing)))
	case r.stopped:
		r.dropped.Add(uint64(len(taken)))
	default:
		r.failures.Add(1)
		r.waits.back(taken)
	}
	for _, hash := range done.missing {
		r.lately.remove(hash)
		r.want(hash)
	}
}

// enter takes the gate: until leave no batch is written.
func (r *recorder) enter(ctx context.Context) error {
	select {
	case r.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.Join(errBusy, ctx.Err())
	}
}

func (r *recorder) leave() { <-r.gate }

var errBusy = errors.New("the directory was busy with a write all that time")

// hurry writes what waits at once where the key is among it, as far as that goes soon.
func (r *recorder) hurry(ctx context.Context, hash Hash) {
	r.lock.Lock()
	waits := r.waits.entries[hash] != nil || r.flying > 0
	r.lock.Unlock()
	if !waits {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, hurryWithin)
	defer cancel()
	_ = r.flush(ctx)         // it is counted and told of as any other; the change goes on without
	if r.enter(ctx) == nil { // nor is it in a batch on its way
		r.leave()
	}
}

// hold gives up what waits of the key and lets no batch be written until release is called.
func (r *recorder) hold(ctx context.Context, hash Hash) (release func(), err error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.waits.remove(hash)
	return r.leave, nil
}

// stop gives up what waits, and takes nothing any more.
func (r *recorder) stop() {
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.stopped {
		return
	}
	r.stopped = true
	r.dropped.Add(uint64(len(r.waits.entries)))
	r.waits = pending{entries: map[Hash]*entry{}, number: r.waits.number}
}

// waiting counts the keys that wait, without those being written.
func (r *recorder) waiting() int {
	r.lock.Lock()
	defer r.lock.Unlock()
	return len(r.waits.entries)
}
