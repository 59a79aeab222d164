package directory

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const heldSQL = `select h.name, count(*), max(u.last_seen) from claimd.held h join claimd.users u on u.hash = h.hash
	where h.kind = $1 group by 1 order by 1`

func (p *postgres) held(ctx context.Context, kind Kind) (counts []Count, err error) {
	number := heldGroup
	if kind == Roles {
		number = heldRole
	}
	err = p.list(ctx, countMode, func(ctx context.Context, tx pgx.Tx) error {
		counts = []Count{}
		rows, err := tx.Query(ctx, heldSQL, number)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name []byte
			var lastSeen int64
			var count Count
			if err := rows.Scan(&name, &count.Users, &lastSeen); err != nil {
				return err
			}
			count.Name, count.LastSeen = string(name), fromMicros(lastSeen)
			counts = append(counts, count)
		}
		return rows.Err()
	})
	return counts, err
}

// unmatchedSQL looks for the examples of those values only that are wanted.
const unmatchedSQL = `select c.kind, c.name, c.provider, c.users, e.last_seen, e.authority, e.id, e.name
	from (select h.kind, h.name, u.provider, count(*) as users
		from claimd.held h join claimd.users u on u.hash = h.hash where h.kind in (3, 4)
		group by 1, 2, 3 order by 4 desc, 2, 1, 3 limit $1) c
	cross join lateral (select u.last_seen, u.authority, u.id, u.name
		from claimd.held h join claimd.users u on u.hash = h.hash
		where h.kind = c.kind and substr(sha256(h.name), 1, 16) = substr(sha256(c.name), 1, 16) and u.provider = c.provider
		order by u.last_seen desc, u.hash desc limit 1) e
	order by c.users desc, c.name, c.kind, c.provider`

func (p *postgres) unmatched(ctx context.Context, limit int) (all []Unmatched, err error) {
	err = p.list(ctx, countMode, func(ctx context.Context, tx pgx.Tx) error {
		all = []Unmatched{}
		rows, err := tx.Query(ctx, unmatchedSQL, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var kind int16
			var lastSeen int64
			var value, provider, authority, id, name []byte
			var one Unmatched
			if err := rows.Scan(&kind, &value, &provider, &one.Users, &lastSeen, &authority, &id, &name); err != nil {
				return err
			}
			one.Claim = Groups
			if kind == heldUnmatchedRole {
				one.Claim = Roles
			}
			one.Value, one.Provider, one.LastSeen = string(value), string(provider), fromMicros(lastSeen)
			one.Example, one.User = Key{string(authority), string(id)}, string(name)
			all = append(all, one)
		}
		return rows.Err()
	})
	return all, err
}

func (p *postgres) stats(ctx context.Context) (Figures, error) {
	var figures Figures
	err := p.list(ctx, countMode, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select (select count(*) from claimd.users), pg_database_size(current_database())`).
			Scan(&figures.Users, &figures.Bytes)
	})
	return figures, err
}
