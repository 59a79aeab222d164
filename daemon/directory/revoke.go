package directory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Revoke is the Action that refuses the tokens of a user that were issued up to the moment of the Change. It leaves his
// state as it is, and counts of whoever was never seen too. It stays on record among the changes, and holds when he is
// forgotten; a later one alone takes its place.
const Revoke Action = "revoke"

// revocations holds for each user that was revoked from when on tokens count. The zero value is ready. All methods may be
// called at once.
//
// What it holds only grows: a moment never gives way to an earlier one, so that it does not matter which news comes first,
// and a database that was put back to an older state lets nobody in again while this process lives. It takes about 40 bytes
// a user that was ever revoked, and nothing of all others.
type revocations struct {
	any  atomic.Bool // spares those of a directory without revocations the lock
	lock sync.RWMutex
	at   map[Hash]int64 // microseconds since 1970
}

// note takes in that the tokens of the user up to that moment, in microseconds since 1970, are revoked.
func (r *revocations) note(hash Hash, at int64) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.at == nil {
		r.at = map[Hash]int64{}
	}
	if last, ok := r.at[hash]; !ok || last < at {
		r.at[hash] = at
	}
	r.any.Store(true)
}

// get gives the moment; false: none was noted.
func (r *revocations) get(hash Hash) (at int64, ok bool) {
	if !r.any.Load() {
		return 0, false
	}
	r.lock.RLock()
	defer r.lock.RUnlock()
	at, ok = r.at[hash]
	return at, ok
}

// count tells of how many users tokens are revoked.
func (r *revocations) count() int {
	r.lock.RLock()
	defer r.lock.RUnlock()
	return len(r.at)
}

// NotBefore gives the moment up to which the tokens of the key are revoked, that moment included: what was issued later
// counts. The zero time: none are. It is from memory, and does not allocate.
func (d *Directory) NotBefore(hash Hash) time.Time {
	at, ok := d.revoked.get(hash)
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}

// noteRevoked takes a change that revokes into memory; of any other it takes nothing.
func (d *Directory) noteRevoked(change Change) {
	if change.Action == Revoke {
		d.revoked.note(change.Key.Hash(), micros(change.At))
	}
}

// withRevoked fills in what memory knows of the user.
func (d *Directory) withRevoked(user User) User {
	user.NotBefore = d.NotBefore(user.Key.Hash())
	return user
}

// revoked implements store.
func (s *sqliteStore) revoked(ctx context.Context, each func(Hash, int64)) error {
	changes, err := s.changes(ctx, `SELECT `+changeColumns+` FROM change NOT INDEXED WHERE action = ?`, string(Revoke))
	if err != nil {
		return err
	}
	for _, change := range changes {
		each(change.Key.Hash(), micros(change.At))
	}
	return nil
}

// revoked implements store.
func (p *postgres) revoked(ctx context.Context, each func(Hash, int64)) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		return p.explain(err)
	}
	err := p.transaction(ctx, readMode, func(ctx context.Context, tx pgx.Tx) error { // given twice it is the same
		rows, err := tx.Query(ctx, `select hash, max(at) from claimd.changes where action = $1 group by hash`, []byte(Revoke))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var raw []byte
			var at int64
			if err := rows.Scan(&raw, &at); err != nil {
				return err
			}
			each(Hash(raw), at) // the table holds 16 bytes
		}
		return rows.Err()
	})
	if err != nil {
		return p.explain(err)
	}
	return nil
}
