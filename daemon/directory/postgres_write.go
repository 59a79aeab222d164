package directory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// write locks the rows that are there in the order of their hashes and adds new ones in it, so that two hosts wait for
// each other and do not block each other.
func (p *postgres) write(ctx context.Context, batch batch) (written, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		return written{}, p.explain(err)
	}
	rows, err := rowsOf(batch)
	if err != nil {
		return written{}, err
	}
	var done written
	err = p.transaction(ctx, writeMode, func(ctx context.Context, tx pgx.Tx) (err error) {
		done, err = rows.writeIn(ctx, tx)
		return err
	})
	if err != nil {
		return written{}, p.explain(err)
	}
	return done, nil
}

// The kinds of a row of held.
const (
	heldGroup          = 1
	heldRole           = 2
	heldUnmatchedGroup = 3
	heldUnmatchedRole  = 4
)

// writeRows are the columns of a batch.
type writeRows struct {
	all     [][]byte // hashes of sightings and touches, in order
	users   userColumns
	told    map[Hash]bool // whose groups and roles are told
	held    heldColumns
	touches touchColumns
}

type userColumns struct {
	hash, authority, id, provider, name, email, first, last, client, scopes, refused, claims [][]byte

	state             []int16
	app, guest, admin []bool
	at                []int64
}

type heldColumns struct {
	hash, name   [][]byte
	kind, source []int16
}

type touchColumns struct {
	hash, client [][]byte
	at           []int64
}

func rowsOf(b batch) (*writeRows, error) {
	w := writeRows{told: make(map[Hash]bool, len(b.sightings))}
	type hashed struct {
		hash     Hash
		sighting *Sighting
	}
	sightings := make([]hashed, 0, len(b.sightings))
	for _, s := range b.sightings {
		sightings = append(sightings, hashed{s.Key.Hash(), s})
	}
	slices.SortFunc(sightings, func(a, b hashed) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	for i := range sightings {
		hash := sightings[i].hash[:]
		if err := w.users.add(hash, sightings[i].sighting); err != nil {
			return nil, err
		}
		if sightings[i].sighting.told() {
			w.told[sightings[i].hash] = true
			w.held.add(hash, sightings[i].sighting)
		}
		w.all = append(w.all, hash)
	}
	touches := slices.Clone(b.touches)
	slices.SortFunc(touches, func(a, b touch) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	for i := range touches {
		w.touches.hash = append(w.touches.hash, touches[i].hash[:])
		w.touches.client = append(w.touches.client, []byte(touches[i].client))
		w.touches.at = append(w.touches.at, micros(touches[i].at))
		w.all = append(w.all, touches[i].hash[:])
	}
	slices.SortFunc(w.all, bytes.Compare)
	return &w, nil
}

func (c *userColumns) add(hash []byte, s *Sighting) error {
	claims := []byte{}
	if len(s.Claims) > 0 {
		var err error
		if claims, err = marshalClaims(s.Claims); err != nil {
			return fmt.Errorf("%w: the claims of a sighting: %w", errRow, err)
		}
	}
	state := Active
	if s.Waiting {
		state = Waiting
	}
	c.hash = append(c.hash, hash)
	c.authority = append(c.authority, []byte(s.Key.Authority))
	c.id = append(c.id, []byte(s.Key.ID))
	c.state = append(c.state, int16(state))
	c.provider = append(c.provider, []byte(s.Provider))
	c.app = append(c.app, s.App)
	c.guest = append(c.guest, s.Guest)
	c.name = append(c.name, []byte(s.User))
	c.email = append(c.email, []byte(s.Email))
	c.first = append(c.first, []byte(s.First))
	c.last = append(c.last, []byte(s.Last))
	c.client = append(c.client, []byte(s.Client))
	c.scopes = append(c.scopes, []byte(s.Scopes))
	c.admin = append(c.admin, s.Admin)
	c.refused = append(c.refused, []byte(s.Refused))
	c.at = append(c.at, micros(s.At))
	c.claims = append(c.claims, claims)
	return nil
}

// active gives the hashes of those who do not begin as Waiting.
func (c *userColumns) active() (hashes [][]byte) {
	for i, state := range c.state {
		if State(state) == Active {
			hashes = append(hashes, c.hash[i])
		}
	}
	return hashes
}

func (c *heldColumns) add(hash []byte, s *Sighting) {
	one := func(kind int16, name string, source Source) {
		c.hash = append(c.hash, hash)
		c.kind = append(c.kind, kind)
		c.name = append(c.name, []byte(name))
		c.source = append(c.source, int16(sourceNumber(source)))
	}
	distinct := func(kind int16, values []string) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(values))) {
			one(kind, value, "")
		}
	}
	for i, h := range s.Groups {
		if i == 0 || h.Name != s.Groups[i-1].Name {
			one(heldGroup, h.Name, h.Source)
		}
	}
	for i, h := range s.Roles {
		if i == 0 || h.Name != s.Roles[i-1].Name {
			one(heldRole, h.Name, h.Source)
		}
	}
	distinct(heldUnmatchedGroup, s.UnmatchedGroups)
	distinct(heldUnmatchedRole, s.UnmatchedRoles)
}

// sightingsSQL adds the users and refreshes those that were not seen later, by another host or before this was written
// late; these it gives. A time that lies ahead of now came of a wrong clock and holds nothing up.
const sightingsSQL = `insert into claimd.users as u (hash, authority, id, state, provider, app, guest, name, email, first_name, last_name,
	client, scopes, admin, refused, first_seen, last_seen, claims)
	select hash, authority, id, state, provider, app, guest, name, email, first_name, last_name, client, scopes, admin, refused, at, at, claims
	from unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::smallint[], $5::bytea[], $6::boolean[], $7::boolean[], $8::bytea[], $9::bytea[],
		$10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::boolean[], $15::bytea[], $16::bigint[], $17::bytea[])
		as n(hash, authority, id, state, provider, app, guest, name, email, first_name, last_name, client, scopes, admin, refused, at, claims)
	order by hash
	on conflict (hash) do update set provider = excluded.provider, app = excluded.app, guest = excluded.guest, name = excluded.name,
		email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name, client = excluded.client,
		scopes = excluded.scopes, admin = excluded.admin, refused = excluded.refused, claims = excluded.claims, last_seen = excluded.last_seen,
		first_seen = case u.first_seen when 0 then excluded.first_seen else least(u.first_seen, excluded.first_seen) end
	where u.last_seen <= excluded.last_seen or u.last_seen > $18
	returning hash`

// comeInSQL: whoever may come in by himself now waits no more. No administrator ever made anybody wait.
const comeInSQL = `update claimd.users set state = 1 where hash = any($1::bytea[]) and state = 3`

// heldGoneSQL and heldNewSQL change only what is different: mostly nothing is.
const (
	heldGoneSQL = `delete from claimd.held h where h.hash = any($1::bytea[]) and not exists (
		select from unnest($2::bytea[], $3::smallint[], $4::bytea[]) as n(hash, kind, name)
		where n.hash = h.hash and n.kind = h.kind and n.name = h.name)`
	heldNewSQL = `insert into claimd.held as h (hash, kind, name, source)
		select hash, kind, name, source from unnest($2::bytea[], $3::smallint[], $4::bytea[], $5::smallint[]) as n(hash, kind, name, source)
		where hash = any($1::bytea[])
		on conflict (hash, kind, substr(sha256(name), 1, 16)) do update set source = excluded.source where h.source <> excluded.source`
)

// touchesSQL never moves a time back.
const touchesSQL = `update claimd.users u set last_seen = n.at, client = n.client,
		first_seen = case u.first_seen when 0 then n.at else u.first_seen end
	from unnest($1::bytea[], $2::bigint[], $3::bytea[]) as n(hash, at, client) where u.hash = n.hash
		and (u.last_seen <= n.at or u.last_seen > $4)`

func (w *writeRows) writeIn(ctx context.Context, tx pgx.Tx) (written, error) {
	now := micros(time.Now())
	there, err := w.lock(ctx, tx)
	if err != nil {
		return written{}, err
	}
	done := written{states: map[Hash]State{}}
	for _, hash := range w.touches.hash {
		if !there[Hash(hash)] {
			done.missing = append(done.missing, Hash(hash))
		}
	}
	if len(w.touches.hash) > 0 {
		if _, err := tx.Exec(ctx, touchesSQL, w.touches.hash, w.touches.at, w.touches.client, now); err != nil {
			return written{}, err
		}
	}
	if len(w.users.hash) == 0 {
		return done, nil
	}
	u := &w.users
	rows, err := tx.Query(ctx, sightingsSQL, u.hash, u.authority, u.id, u.state, u.provider, u.app, u.guest, u.name, u.email, u.first, u.last,
		u.client, u.scopes, u.admin, u.refused, u.at, u.claims, now)
	if err != nil {
		return written{}, err
	}
	fresh, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return written{}, err
	}
	if err := w.writeHeld(ctx, tx, fresh); err != nil {
		return written{}, err
	}
	if _, err := tx.Exec(ctx, comeInSQL, u.active()); err != nil {
		return written{}, err
	}
	return done, w.states(ctx, tx, done.states)
}

// lock gives the hashes of the batch that have a row.
func (w *writeRows) lock(ctx context.Context, tx pgx.Tx) (map[Hash]bool, error) {
	rows, err := tx.Query(ctx, `select hash from claimd.users where hash = any($1::bytea[]) order by hash for no key update`, w.all)
	if err != nil {
		return nil, err
	}
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	there := make(map[Hash]bool, len(hashes))
	for _, hash := range hashes {
		there[Hash(hash)] = true
	}
	return there, err
}

// writeHeld leaves alone what those had whose sighting does not tell it.
func (w *writeRows) writeHeld(ctx context.Context, tx pgx.Tx, fresh [][]byte) error {
	h := &w.held
	fresh = slices.DeleteFunc(fresh, func(hash []byte) bool { return !w.told[Hash(hash)] })
	if _, err := tx.Exec(ctx, heldGoneSQL, fresh, h.hash, h.kind, h.name); err != nil {
		return err
	}
	if len(h.hash) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, heldNewSQL, fresh, h.hash, h.kind, h.name, h.source)
	return err
}

// states gives those of the sightings' keys, which are locked by now.
func (w *writeRows) states(ctx context.Context, tx pgx.Tx, states map[Hash]State) error {
	rows, err := tx.Query(ctx, `select hash, state from claimd.users where hash = any($1::bytea[])`, w.users.hash)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		var state int16
		if err := rows.Scan(&hash, &state); err != nil {
			return err
		}
		states[Hash(hash)] = State(state)
	}
	return rows.Err()
}
