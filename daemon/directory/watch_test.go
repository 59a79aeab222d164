package directory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// remote is a shared store in memory that fails when it is told to; what follow does not ask it for, it has not.
type remote struct {
	store
	lock    sync.Mutex
	fails   error
	states  map[Hash]State
	changes []Change
	asked   []time.Duration // when it was read, since the start
	loads   int
	began   time.Time
	now     func() time.Time // of the host; nil: that of the bubble
}

func (r *remote) load(_ context.Context, each func(Hash, State)) (uint64, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.asked = append(r.asked, time.Since(r.began))
	if r.fails != nil {
		return 0, r.fails
	}
	r.loads++
	for hash, state := range r.states {
		each(hash, state)
	}
	return uint64(len(r.changes)), nil
}

// revoked gives what the changes before the load revoke.
func (r *remote) revoked(_ context.Context, each func(Hash, int64)) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, change := range r.changes {
		if change.Action == Revoke {
			each(change.Key.Hash(), micros(change.At))
		}
	}
	return nil
}

func (r *remote) changed(_ context.Context, after uint64) ([]Change, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.asked = append(r.asked, time.Since(r.began))
	if r.fails != nil {
		return nil, r.fails
	}
	if after > uint64(len(r.changes)) {
		return nil, errRewound
	}
	return slices.Clone(r.changes[after:]), nil
}

// listen hears nothing: the poll alone is left.
func (r *remote) listen(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

func (r *remote) close() error { return nil }

func (r *remote) fail(err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.fails = err
	r.asked, r.began = nil, time.Now()
}

// decides makes a change on another host.
func (r *remote) decides(id string, after State) {
	r.lock.Lock()
	defer r.lock.Unlock()
	sequence := uint64(len(r.changes)) + 1
	r.changes = append(r.changes, Change{Sequence: sequence, Key: keyOf(id), After: after, Host: "beta"})
	r.states[keyOf(id).Hash()] = after
}

func (r *remote) times() []time.Duration {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.asked)
}

// followRemote runs test in a bubble of its own time, with a Directory that follows the store.
func followRemote(t *testing.T, r *remote, test func(d *Directory, log *observer.ObservedLogs)) {
	synctest.Test(t, func(t *testing.T) {
		core, log := observer.New(zap.InfoLevel)
		r.states, r.began = map[Hash]State{}, time.Now()
		d := newDirectory(r, usual(Options{Log: zap.New(core), Host: "alpha", Now: r.now}), "postgresql", "db:5432/claimd")
		d.unreadable.Store(true)
		d.run(func(ctx context.Context) { d.follow(ctx, r) })
		test(d, log)
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// FAULTS 150: what was read is held to be true for 5 minutes, to the second; then nobody's state is known until it can
// be read again. Each of these changes is one line in the log, and the tries are none.
func TestWhatCannotBeReadForFiveMinutesIsNotKnown(t *testing.T) {
	r := &remote{fails: errors.New("no route")}
	followRemote(t, r, func(d *Directory, log *observer.ObservedLogs) {
		synctest.Wait()
		wantIs(t, d, "ada", Unavailable)
		time.Sleep(20 * time.Second)
		wantIs(t, d, "ada", Unavailable)
		if got := d.Status(); got.Usable || got.Problem != "no route" || !got.ReadAt.IsZero() {
			t.Errorf("before the first read the status is %+v", got)
		}
		r.fail(nil)
		r.decides("ada", Inactive)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Inactive)
		wantIs(t, d, "bob", Unknown)
		if got := d.Status(); !got.Usable || got.Problem != "" || got.Known != 1 || time.Since(got.ReadAt) > 5*time.Second {
			t.Errorf("after it the status is %+v", got)
		}

		r.fail(errors.New("no route"))
		last := d.Status().ReadAt
		time.Sleep(time.Until(last.Add(5*time.Minute - time.Second)))
		synctest.Wait()
		wantIs(t, d, "ada", Inactive)
		if got := d.Status(); !got.Usable || got.Problem != "no route" || !got.ReadAt.Equal(last) {
			t.Errorf("after nearly 5 minutes the status is %+v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Unavailable)
		wantIs(t, d, "bob", Unavailable)

		r.fail(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Inactive)
		var lines []string
		for _, entry := range log.All() {
			lines = append(lines, entry.Message)
		}
		const lost, back = "the directory cannot be read", "the directory can be read again"
		known := "the states of the users are known"
		unknown := "the database of the directory could not be read for too long: nobody's state is known, requests are answered 503"
		want := []string{lost, known, back, lost, unknown, known, back}
		if !slices.Equal(lines, want) {
			t.Errorf("the log is %q\nwant %q", lines, want)
		}
	})
}

// The machine is suspended for an hour, and the database cannot be reached when it wakes. The timer of the 5 minutes has
// stood still; what was read before counts no more all the same.
func TestWhatWasReadBeforeTheMachineSleptIsNotKnown(t *testing.T) {
	var slept atomic.Int64
	r := &remote{now: func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }}
	followRemote(t, r, func(d *Directory, _ *observer.ObservedLogs) {
		r.decides("ada", Active)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Active)
		r.fail(errors.New("no route"))
		slept.Store(int64(5*time.Minute - 10*time.Second))
		wantIs(t, d, "ada", Active)
		slept.Store(int64(time.Hour))
		wantIs(t, d, "ada", Unavailable)
		if d.Status().Usable {
			t.Error("the status calls the directory usable")
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Unavailable)
		r.fail(nil)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Active)
		slept.Store(0) // the wall clock is set back
		wantIs(t, d, "ada", Active)
	})
}

// Tries come after 0.2 s first and 5 s at last, each up to a quarter sooner; a poll comes every 5 s.
func TestTriesComeSlower(t *testing.T) {
	r := &remote{fails: errors.New("no route")}
	followRemote(t, r, func(*Directory, *observer.ObservedLogs) {
		time.Sleep(30 * time.Second)
		synctest.Wait()
		times := r.times()
		for i, ms := range []int{200, 400, 800, 1600, 3200, 5000, 5000} {
			want := time.Duration(ms) * time.Millisecond
			if got := times[i+1] - times[i]; got > want || got < want*3/4-time.Millisecond {
				t.Errorf("try %d came after %v, want %v or a quarter less", i+1, got, want)
			}
		}
		r.fail(nil)
		time.Sleep(26 * time.Second)
		synctest.Wait()
		times = r.times()
		for i := 2; i < len(times); i++ { // the first is the load, with a look behind it at once
			if got := times[i] - times[i-1]; got != 5*time.Second {
				t.Errorf("a poll came after %v", got)
			}
		}
		if len(times) < 6 {
			t.Errorf("it was read %d times", len(times))
		}
	})
}

// A database that was restored from an older one knows less than memory does: everything is loaded anew, also what
// counts its changes from a lower number.
func TestAnotherPastIsLoadedAnew(t *testing.T) {
	r := &remote{}
	followRemote(t, r, func(d *Directory, log *observer.ObservedLogs) {
		time.Sleep(time.Second)
		for _, id := range []string{"ada", "bob", "eve"} {
			r.decides(id, Inactive)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, id := range []string{"ada", "bob", "eve"} {
			wantIs(t, d, id, Inactive)
		}
		r.lock.Lock()
		r.changes = r.changes[:1]
		r.states = map[Hash]State{keyOf("ada").Hash(): Inactive, keyOf("bob").Hash(): Active}
		r.lock.Unlock()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Inactive)
		wantIs(t, d, "bob", Active)
		wantIs(t, d, "eve", Unknown)
		if n := log.FilterMessage("the database of the directory was put back to an older state: everything is read anew").Len(); n != 1 || r.loads != 2 {
			t.Errorf("%d lines, %d loads", n, r.loads)
		}
		r.decides("eve", Inactive) // change 2; her last one was change 3
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantIs(t, d, "eve", Inactive)
	})
}

// A sighting of somebody who was forgotten elsewhere is wanted, as his record is gone.
func TestWhoIsForgottenElsewhereIsForgottenHere(t *testing.T) {
	r := &remote{}
	followRemote(t, r, func(d *Directory, _ *observer.ObservedLogs) {
		r.decides("ada", Active)
		time.Sleep(6 * time.Second)
		r.decides("ada", Unknown)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantIs(t, d, "ada", Unknown)
		if !d.Wants(keyOf("ada").Hash()) {
			t.Error("her sighting is not wanted")
		}
	})
}
