package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options say which store is opened, and how.
type Options struct {
	Directory string           // the state directory: SQLite lies there, in directory.db
	URL       func() string    // postgres://...; nil: SQLite. It is asked at each new connection, so that a new password is taken up
	Log       *zap.Logger      // nil: no log
	Now       func() time.Time // nil: time.Now
	Host      string           // the name of this host, for Change.Host
	Version   string           // of the program: a store tells older ones which made it; "" = unknown
}

// Directory is an open directory. The zero value and nil are not usable. All methods may be called at once.
type Directory struct {
	kind, place string // for Status
	store       store
	states      *states
	revoked     revocations
	recorder    *recorder
	problems    *problems
	log         *zap.Logger
	now         func() time.Time
	host        string

	unreadable atomic.Bool   // nobody's state is known (follow)
	readAt     atomic.Int64  // ns since 1970: when the states were known to be true last (follow); 0: not told
	trueUntil  atomic.Int64  // ns since 1970: by the wall clock they hold until then (follow); 0: for good
	sequence   atomic.Uint64 // of the last change that memory holds (follow)
	readOnly   atomic.Bool   // after a failed fsync
	unrecorded atomic.Uint64
	backupAt   atomic.Int64 // s since 1970

	run        func(part func(context.Context)) // in a goroutine that Close waits for
	closing    sync.Once
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
}

// Open opens the store and loads what decides. SQLite: an error tells in words why it cannot be used, with a hint line
// that names the command that mends it (a *Refusal); the file is made where there is none. PostgreSQL: only a URL that
// cannot be right is an error; the database is connected to in the background, and until it was read once State gives
// Unavailable.
func Open(ctx context.Context, options Options) (*Directory, error) {
	options = usual(options)
	if options.URL != nil {
		s, place, err := openPostgreSQL(options)
		if err != nil {
			return nil, err
		}
		d := newDirectory(s, options, "postgresql", place)
		d.unreadable.Store(true)
		d.run(func(ctx context.Context) { d.follow(ctx, s) })
		return d, nil
	}
	s, err := openSQLite(ctx, options)
	if err != nil {
		return nil, err
	}
	d := newDirectory(s, options, "sqlite", s.path)
	err = d.states.replace(func(set func(Hash, State)) error {
		sequence, err := s.load(ctx, set)
		d.sequence.Store(sequence)
		if err != nil {
			return err
		}
		return s.revoked(ctx, d.revoked.note)
	})
	if err != nil {
		return nil, errors.Join(s.refuse(err), d.Close(ctx))
	}
	d.run(func(ctx context.Context) { s.keep(ctx, d) })
	return d, nil
}

// usual sets what is not set.
func usual(options Options) Options {
	options.Log = cmp.Or(options.Log, zap.NewNop())
	if options.Now == nil {
		options.Now = time.Now
	}
	return options
}

// newDirectory makes a Directory that writes to the store and knows nobody yet.
func newDirectory(s store, options Options, kind, place string) *Directory {
	d := &Directory{
		kind: kind, place: place, store: s, states: newStates(), log: options.Log, now: options.Now, host: options.Host,
		problems: &problems{log: options.Log},
	}
	d.recorder = newRecorder(d.write)
	d.recorder.refused = func(hash Hash, err error) {
		d.log.Error("what was seen of a user cannot be written, and is left out", zap.String("hash", fmt.Sprintf("%x", hash)), zap.Error(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.goroutines.Go(func() { d.recorder.run(ctx) })
	d.run = func(part func(context.Context)) { d.goroutines.Go(func() { part(ctx) }) }
	return d
}

// State gives the state of the key, from memory. It does not allocate.
func (d *Directory) State(hash Hash) State {
	if !d.isKnown() {
		return Unavailable
	}
	return d.states.get(hash)
}

// isKnown reports whether what memory holds counts. The wall clock can end that too: the timer that sets unreadable stands
// still while the machine sleeps.
func (d *Directory) isKnown() bool {
	if d.unreadable.Load() {
		return false
	}
	until := d.trueUntil.Load()
	return until == 0 || d.now().UnixNano() < until
}

// Seen takes note of a sighting. It never waits: where too much waits to be written the sighting is counted and dropped,
// and Wants says so of its key later. A key that is Unknown is Active from then on, or Waiting where the sighting says so;
// one that is Waiting becomes Active by a sighting that does not.
func (d *Directory) Seen(sighting *Sighting) {
	hash, begin := sighting.Key.Hash(), Active
	if sighting.Waiting {
		begin = Waiting
	}
	if !d.states.begin(hash, begin) {
		d.unrecorded.Add(1)
		return
	}
	d.recorder.see(hash, sighting)
}

// SeenAgain reports that the Sighting of this Mark is the last thing that was seen of the key: then it has taken note of
// the token as Touch does, and nothing more is to be told. Where it is false Seen is to be called. It never waits.
func (d *Directory) SeenAgain(hash Hash, mark uint64, at time.Time, client string) bool {
	return d.states.get(hash) != Unknown && d.recorder.again(hash, mark, at, client)
}

// Seed is what Marks are made with.
func (d *Directory) Seed() maphash.Seed { return d.recorder.seed }

// Touch says that the token of a known user came again. It never waits. Calling it once a token and minute is enough. Of
// somebody who is Unknown a Sighting is wanted instead.
func (d *Directory) Touch(hash Hash, at time.Time, client string) {
	if d.states.get(hash) == Unknown {
		if d.isKnown() && !d.states.isFull() {
			d.recorder.lost(hash)
		}
		return
	}
	d.recorder.touch(hash, at, client)
}

// Wants reports that a Sighting of this key is wanted, as what was known of it is lost (forgotten, dropped). The next
// Seen of the key ends that. Where nothing is wanted, which is nearly always, it costs one atomic load.
func (d *Directory) Wants(hash Hash) bool { return d.recorder.isWanted(hash) }

// write writes a batch and brings the states to memory.
func (d *Directory) write(ctx context.Context, batch batch) (written, error) {
	since := d.states.open()
	defer d.states.close(since)
	done, err := d.store.write(ctx, batch)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, errRow) { // which says that the store is well
			d.failed(err)
		}
		return written{}, err
	}
	d.problems.set(writing, nil)
	d.states.settle(since, done.states)
	return done, nil
}

// failed takes note of a write that failed.
func (d *Directory) failed(err error) {
	if errors.Is(err, errUnsafe) && !d.readOnly.Swap(true) {
		d.recorder.stop()
	}
	d.problems.set(writing, err)
}

// writable refuses changes after a failed fsync: what the kernel says of that file from then on cannot be believed.
func (d *Directory) writable() *Refusal {
	if !d.readOnly.Load() {
		return nil
	}
	return &Refusal{
		Problem: "nothing is written any more, since the disk failed to keep what was written",
		Hint:    "look after the disk (journalctl -k), then: systemctl restart claimd",
	}
}

// Flush waits until what was seen so far is written. An error of a write ends that.
func (d *Directory) Flush(ctx context.Context) error { return d.recorder.flush(ctx) }

// Close writes what waits, as long as ctx lasts, and closes the store. The second time it does nothing.
func (d *Directory) Close(ctx context.Context) (err error) {
	d.closing.Do(func() {
		err = d.Flush(ctx)
		d.cancel()
		d.goroutines.Wait()
		d.recorder.stop()
		err = errors.Join(err, d.store.close())
	})
	return err
}
