package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgres keeps the directory in a PostgreSQL, which other hosts may write to at the same time. It makes a connection
// when one is needed.
type postgres struct {
	ask   func() string // the URL as it is now
	url   *postgresURL  // as it was at the start
	place string
	pool  *pgxpool.Pool
	lines *lines

	preparing chan struct{} // its one place is held while tables are made
	prepared  atomic.Bool

	lock sync.Mutex
	seen landmark
}

// landmark is the last change that was given to the reader, and the database that it was read from: where it is not
// there any more, another past was put in its place.
type landmark struct {
	identity string
	sequence uint64
	mark     string
}

// openPostgreSQL takes the URL as it is now; nothing is connected to yet.
func openPostgreSQL(options Options) (s *postgres, place string, err error) {
	u, refusal := parsePostgresURL(options.URL())
	if refusal != nil {
		return nil, "", refusal
	}
	p := &postgres{ask: options.URL, url: u, place: u.place(), lines: newLines(), preparing: make(chan struct{}, 1)}
	if p.pool, err = newPool(p); err != nil {
		return nil, "", p.explain(err)
	}
	return p, p.place, nil
}

// close lets go of the connections: those that a server does not answer on are cut after a second.
func (p *postgres) close() error {
	cut := time.AfterFunc(time.Second, p.lines.close)
	defer cut.Stop()
	p.pool.Close()
	p.lines.close()
	return nil
}

// mode is how a transaction begins, and how long it takes at most.
type mode struct {
	begin string
	limit time.Duration
}

// A commit waits for the disk whatever the server's default is, and where standbys are to be waited for, for these too.
var (
	writeMode = mode{`begin isolation level read committed; set local statement_timeout = '10s'; ` +
		`select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')`,
		writeTimeout}
	readMode = mode{`begin isolation level repeatable read read only`, listTimeout}
	// A page goes along an index: workers beside it take longer to start than it takes.
	pageMode = mode{readMode.begin + `; set local max_parallel_workers_per_gather = 0`, listTimeout}
	// What counts all rows joins two tables.
	countMode = mode{readMode.begin + `; set local work_mem = '64MB'`, listTimeout}
	pollMode  = mode{`begin isolation level repeatable read read only; set local statement_timeout = '5s'`, 5 * time.Second}
)

// maxTries bounds how often a transaction is tried that the database undid.
const maxTries = 5

// errCommit: everything else that fails was not made.
var errCommit = errors.New("the connection to PostgreSQL was lost during the commit: whether the change was made is not known")

// transaction runs do in a transaction, anew where the database undid it or the connection turned out to be dead before
// the commit. errCommit says that it may be done all the same.
func (p *postgres) transaction(ctx context.Context, how mode, do func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, how.limit)
	defer cancel()
	for try := 1; ; try++ {
		err := p.once(ctx, how, do)
		if err == nil || ctx.Err() != nil || try == maxTries || errors.Is(err, errCommit) {
			return err
		}
		if !again(err) && (try > 1 || !broken(err)) {
			return err
		}
		select {
		case <-time.After(rand.N(20 * time.Millisecond << try)):
		case <-ctx.Done():
		}
	}
}

func (p *postgres) once(ctx context.Context, how mode, do func(context.Context, pgx.Tx) error) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: how.begin})
	if err != nil {
		return err
	}
	if err := do(ctx, tx); err != nil {
		// A connection on which this fails is closed by its release.
		_ = tx.Rollback(ctx)
		return err
	}
	if ctx.Err() != nil {
		_ = tx.Rollback(ctx) // likewise
		return ctx.Err()
	}
	// pgconn.SafeToRetry cannot be asked: it says yes of a commit that was sent over a connection that then broke.
	err = tx.Commit(ctx)
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.SeverityUnlocalized == "ERROR" {
		return err
	}
	return fmt.Errorf("%w (%w)", errCommit, err)
}

// load gives the state of every key.
func (p *postgres) load(ctx context.Context, each func(Hash, State)) (sequence uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		return 0, p.explain(err)
	}
	var now landmark
	err = p.once(ctx, readMode, func(ctx context.Context, tx pgx.Tx) error { // once: what each was given is not taken back
		if now, err = landmarkIn(ctx, tx, nil); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select hash, state from claimd.users`)
		if err != nil {
			return err
		}
		defer rows.Close()
		var hash Hash
		for rows.Next() {
			raw := rows.RawValues() // binary: 16 bytes, and 2 of a number
			if len(raw[0]) != len(hash) || len(raw[1]) != 2 {
				return errors.New("a row of another form than the tables have")
			}
			copy(hash[:], raw[0])
			each(hash, State(raw[1][1]))
		}
		return rows.Err()
	})
	if err != nil {
		return 0, p.explain(err)
	}
	p.saw(now)
	return now.sequence, nil
}

func (p *postgres) saw(at landmark) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.seen = at
}

// landmarkIn gives the last change, or that of the sequence; a sequence that is not there has no mark.
func landmarkIn(ctx context.Context, tx pgx.Tx, at *uint64) (landmark, error) {
	var l landmark
	if at != nil {
		l.sequence = *at
		err := tx.QueryRow(ctx, `select encode(identity, 'hex'), coalesce((select encode(mark, 'hex') from claimd.changes where sequence = $1), '')
			from claimd.version`, int64(*at)).Scan(&l.identity, &l.mark)
		return l, err
	}
	err := tx.QueryRow(ctx, `select encode(v.identity, 'hex'), coalesce(c.sequence, 0), coalesce(encode(c.mark, 'hex'), '')
		from claimd.version v left join (select sequence, mark from claimd.changes order by sequence desc limit 1) c on true`).
		Scan(&l.identity, &l.sequence, &l.mark)
	return l, err
}

// changed compares more than the sequence: after a restore there may have been other changes under the same numbers.
func (p *postgres) changed(ctx context.Context, after uint64) ([]Change, error) {
	p.lock.Lock()
	seen := p.seen
	p.lock.Unlock()
	var changes []Change
	var last landmark
	err := p.transaction(ctx, pollMode, func(ctx context.Context, tx pgx.Tx) error {
		now, err := landmarkIn(ctx, tx, &after)
		if err != nil {
			return err
		}
		if (seen.identity != "" && now.identity != seen.identity) || (after > 0 && now.mark == "") ||
			(after == seen.sequence && now.mark != seen.mark && seen.identity != "") {
			return errRewound
		}
		last = now
		changes, last.mark, err = changesIn(ctx, tx, `where sequence > $1 order by sequence limit 1000`, int64(after))
		return err
	})
	if err != nil {
		return nil, p.explain(err)
	}
	if len(changes) > 0 {
		last.sequence = changes[len(changes)-1].Sequence
		p.saw(last)
	}
	return changes, nil
}

// listenWithin is how long the connection that listens is quiet before it is asked whether it lives.
const listenWithin = 15 * time.Second

// listen holds a connection of its own.
func (p *postgres) listen(ctx context.Context, wake func()) error {
	c, err := connectConfig(p.url, p.lines)
	if err != nil {
		return p.explain(err)
	}
	if err := p.dress(ctx, c); err != nil {
		return p.explain(err)
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return p.explain(err)
	}
	defer func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(within) // it is closed, gracefully or not
	}()
	if _, err := conn.Exec(ctx, `listen claimd_changes`); err != nil {
		return p.explain(err)
	}
	for {
		wake()
		if err := p.await(ctx, conn); err != nil {
			return p.explain(err)
		}
	}
}

// await waits for a notification.
func (p *postgres) await(ctx context.Context, conn *pgx.Conn) error {
	for {
		within, cancel := context.WithTimeout(ctx, listenWithin)
		_, err := conn.WaitForNotification(within)
		cancel()
		if err == nil || ctx.Err() != nil || conn.IsClosed() || !pgconn.Timeout(err) {
			return err
		}
		within, cancel = context.WithTimeout(ctx, connectTimeout)
		err = conn.Ping(within)
		cancel()
		if err != nil {
			return err
		}
	}
}
