package directory

import (
	"context"
	"errors"
)

// change implements store.
func (s *sqliteStore) change(ctx context.Context, change Change, provider string) (Change, error) {
	err := s.transact(ctx, func(t *sqliteTx) (err error) {
		change, err = t.change(change, provider)
		return err
	})
	var refusal *Refusal
	if errors.Is(err, errSame) || errors.As(err, &refusal) {
		return change, err
	}
	if err != nil {
		return Change{}, s.judge(err)
	}
	s.guard.note(change.Sequence)
	s.unsaved.Store(true)
	return change, nil
}

func (t *sqliteTx) change(change Change, provider string) (Change, error) {
	hash := change.Key.Hash()
	var user int64
	found, err := t.row(`SELECT id, state FROM user WHERE hash = ?`, []any{hash[:]}, &user, &change.Before)
	if err != nil {
		return change, err
	}
	if change.After, err = decide(change.Before, change.Action); err != nil {
		return change, err
	}
	if change.Action == Revoke {
		return t.record(change)
	}
	switch {
	case change.After == Unknown:
		if _, err := t.exec(`DELETE FROM user WHERE id = ?`, user); err != nil {
			return change, err
		}
	case !found:
		if user, err = t.add(change, provider); err != nil {
			return change, err
		}
	default:
		if _, err := t.exec(`UPDATE user SET state = ? WHERE id = ?`, change.After, user); err != nil {
			return change, err
		}
	}
	if change.After != Unknown {
		_, err := t.exec(`REPLACE INTO decided (user, by, at) VALUES (?, ?, ?)`, user, change.By, micros(change.At))
		if err != nil {
			return change, err
		}
	}
	return t.record(change)
}

// add makes a user of somebody who was never seen.
func (t *sqliteTx) add(change Change, provider string) (user int64, err error) {
	hash := change.Key.Hash()
	from, err := t.word(plainWord, 0, provider)
	if err != nil {
		return 0, err
	}
	client, err := t.word(plainWord, 0, "")
	if err != nil {
		return 0, err
	}
	_, err = t.row(`INSERT INTO user (hash, state, app, provider, client, first_seen, last_seen)
		VALUES (?, ?, 0, ?, ?, 0, 0) RETURNING id`, []any{hash[:], change.After, from, client}, &user)
	if err != nil {
		return 0, err
	}
	return user, t.putProfile(user, &profile{authority: change.Key.Authority, id: change.Key.ID})
}

// record keeps the change for good and gives it with its number: the next, where it has none.
func (t *sqliteTx) record(c Change) (Change, error) {
	hash := c.Key.Hash()
	sum := sumOf(c.Key.Authority, c.Key.ID, string(c.Action), c.By, c.Host)
	_, err := t.row(`INSERT INTO change (sequence, hash, authority, id, action, before, after, by, host, at, sum)
		VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING sequence`,
		[]any{c.Sequence, hash[:], c.Key.Authority, c.Key.ID, string(c.Action), c.Before, c.After, c.By, c.Host, micros(c.At), sum},
		&c.Sequence)
	return c, err
}
