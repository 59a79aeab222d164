package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// change takes the lock of all changes, so that whoever reads the changes in the order of their sequence misses none:
// one that is committed later has a higher one.
func (p *postgres) change(ctx context.Context, change Change, provider string) (Change, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		return Change{}, p.explain(err)
	}
	var made Change
	err := p.transaction(ctx, writeMode, func(ctx context.Context, tx pgx.Tx) (err error) {
		made, err = changeIn(ctx, tx, change, provider)
		return err
	})
	if errors.Is(err, errSame) {
		return made, errSame
	}
	if err != nil {
		return Change{}, p.explain(err)
	}
	return made, nil
}

func changeIn(ctx context.Context, tx pgx.Tx, change Change, provider string) (Change, error) {
	hash := change.Key.Hash()
	// In statements of their own: each sees what was committed before it began, and the lock must be held by then.
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(changeLock)); err != nil {
		return change, err
	}
	var state int16
	err := tx.QueryRow(ctx, `select state from claimd.users where hash = $1 for update`, hash[:]).Scan(&state)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return change, err
	}
	change.Before = State(state)
	if change.After, err = decide(change.Before, change.Action); err != nil {
		return change, err
	}
	if change.Action != Revoke {
		if err := setState(ctx, tx, hash, change, provider); err != nil {
			return change, err
		}
	}
	mark := make([]byte, 16)
	_, _ = rand.Read(mark) // it never fails
	var sequence int64
	err = tx.QueryRow(ctx, `insert into claimd.changes (sequence, mark, hash, authority, id, action, before, after, by, host, at)
		select coalesce(max(sequence), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 from claimd.changes returning sequence`,
		mark, hash[:], []byte(change.Key.Authority), []byte(change.Key.ID), []byte(change.Action), int16(change.Before), int16(change.After),
		[]byte(change.By), []byte(change.Host), micros(change.At)).Scan(&sequence)
	if err != nil {
		return change, err
	}
	change.Sequence, change.At = uint64(sequence), fromMicros(micros(change.At))
	_, err = tx.Exec(ctx, `select pg_notify('claimd_changes', $1)`, strconv.FormatInt(sequence, 10))
	return change, err
}

func setState(ctx context.Context, tx pgx.Tx, hash Hash, change Change, provider string) error {
	if change.After == Unknown {
		if _, err := tx.Exec(ctx, `delete from claimd.held where hash = $1`, hash[:]); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from claimd.users where hash = $1`, hash[:])
		return err
	}
	_, err := tx.Exec(ctx, `insert into claimd.users (hash, authority, id, state, provider, changed_by, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (hash) do update set state = excluded.state, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		hash[:], []byte(change.Key.Authority), []byte(change.Key.ID), int16(change.After), []byte(provider), []byte(change.By), micros(change.At))
	return err
}

// history gives the changes of one key.
func (p *postgres) history(ctx context.Context, key Key, limit int) (changes []Change, err error) {
	hash := key.Hash()
	err = p.list(ctx, pageMode, func(ctx context.Context, tx pgx.Tx) error {
		changes, _, err = changesIn(ctx, tx, `where hash = $1 order by sequence desc limit $2`, hash[:], limit)
		return err
	})
	return changes, err
}

// changesIn gives the changes that the clause selects, with the mark of the last of them.
func changesIn(ctx context.Context, tx pgx.Tx, clause string, arguments ...any) (changes []Change, mark string, err error) {
	rows, err := tx.Query(ctx, `select sequence, encode(mark, 'hex'), authority, id, action, before, after, by, host, at
		from claimd.changes `+clause, arguments...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var authority, id, action, by, host []byte
		var sequence, at int64
		var before, after int16
		if err := rows.Scan(&sequence, &mark, &authority, &id, &action, &before, &after, &by, &host, &at); err != nil {
			return nil, "", err
		}
		changes = append(changes, Change{
			Sequence: uint64(sequence), Key: Key{Authority: string(authority), ID: string(id)}, Action: Action(action),
			Before: State(before), After: State(after), By: string(by), Host: string(host), At: fromMicros(at),
		})
	}
	return changes, mark, rows.Err()
}
