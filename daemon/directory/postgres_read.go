package directory

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// list runs do in a transaction that reads one moment.
func (p *postgres) list(ctx context.Context, how mode, do func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		return p.explain(err)
	}
	return p.explain(p.transaction(ctx, how, do))
}

// userSQL selects the columns that scanRow takes; what the user holds follows, as arrays in byte order.
const userSQL = `select u.hash, u.authority, u.id, u.state, u.provider, u.app, u.guest, u.name, u.email, u.first_name, u.last_name, u.client,
	u.scopes, u.admin, u.refused, u.first_seen, u.last_seen, u.changed_by, u.changed_at, %s, %s
	from claimd.users u `

const holdingSQL = `left join lateral (
		select array_agg(kind order by kind, name) as kinds, array_agg(name order by kind, name) as names,
			array_agg(source order by kind, name) as sources
		from claimd.held where hash = u.hash) h on true `

var (
	userWithout    = fmt.Sprintf(userSQL, "''::bytea", "h.kinds, h.names, h.sources") + holdingSQL
	userWith       = fmt.Sprintf(userSQL, "u.claims", "h.kinds, h.names, h.sources") + holdingSQL
	userClaimsOnly = fmt.Sprintf(userSQL, "u.claims", "null::smallint[], null::bytea[], null::smallint[]")
)

// scanned is a row of userSQL.
type scanned struct {
	hash     Hash
	lastSeen int64
	user     User
}

func scanRow(rows pgx.Rows) (scanned, error) {
	var hash, authority, id, provider, name, email, first, last, client, scopes, refused, changedBy, claims []byte
	var state int16
	var firstSeen, lastSeen, changedAt int64
	var kinds, sourceNumbers []int16
	var names [][]byte
	u := User{Groups: []Held{}, Roles: []Held{}}
	err := rows.Scan(&hash, &authority, &id, &state, &provider, &u.App, &u.Guest, &name, &email, &first, &last, &client, &scopes, &u.Admin,
		&refused, &firstSeen, &lastSeen, &changedBy, &changedAt, &claims, &kinds, &names, &sourceNumbers)
	if err != nil {
		return scanned{}, err
	}
	u.Key, u.State, u.Provider = Key{string(authority), string(id)}, State(state), string(provider)
	u.User, u.Email, u.First, u.Last = string(name), string(email), string(first), string(last)
	u.Client, u.Scopes, u.Refused, u.ChangedBy = string(client), string(scopes), string(refused), string(changedBy)
	u.FirstSeen, u.LastSeen, u.ChangedAt = fromMicros(firstSeen), fromMicros(lastSeen), fromMicros(changedAt)
	if len(names) != len(kinds) || len(sourceNumbers) != len(kinds) {
		return scanned{}, errors.New("arrays of different lengths")
	}
	for i, kind := range kinds {
		u.hold(kind, string(names[i]), sourceNumbers[i])
	}
	if len(claims) > 0 {
		if err := json.Unmarshal(claims, &u.Claims); err != nil {
			return scanned{}, fmt.Errorf("the claims of a row: %w", err)
		}
	}
	return scanned{Hash(hash), lastSeen, u}, nil
}

func (u *User) hold(kind int16, name string, source int16) {
	var from Source
	if source > 0 && int(source) < len(sources) {
		from = sources[source]
	}
	switch kind {
	case heldGroup:
		u.Groups = append(u.Groups, Held{name, from})
	case heldRole:
		u.Roles = append(u.Roles, Held{name, from})
	case heldUnmatchedGroup:
		u.UnmatchedGroups = append(u.UnmatchedGroups, name)
	case heldUnmatchedRole:
		u.UnmatchedRoles = append(u.UnmatchedRoles, name)
	}
}

// conditions gather what a query asks for. Values are parameters, always; only true and false stand in the text, for
// the index of service accounts.
type conditions struct {
	clauses    []string
	parameters []any
}

// add takes a clause in which each ? stands for the next value.
func (c *conditions) add(clause string, values ...any) {
	for _, value := range values {
		c.parameters = append(c.parameters, value)
		clause = strings.Replace(clause, "?", fmt.Sprintf("$%d", len(c.parameters)), 1)
	}
	c.clauses = append(c.clauses, clause)
}

func (c *conditions) String() string { return "where " + strings.Join(c.clauses, " and ") }

const holdsSQL = `exists (select from claimd.held h where h.hash = u.hash and h.kind = ? and substr(sha256(h.name), 1, 16) = substr(sha256(?), 1, 16))`

func conditionsOf(q Query) (*conditions, error) {
	c := &conditions{}
	if q.Apps {
		c.add("u.app")
	}
	if !q.Apps {
		c.add("not u.app")
	}
	if q.State != Unknown {
		c.add("u.state = ?", int16(q.State))
	}
	if q.Provider != "" {
		c.add("u.provider = ?", []byte(q.Provider))
	}
	if q.Group != "" {
		c.add(holdsSQL, heldGroup, []byte(q.Group))
	}
	if q.Role != "" {
		c.add(holdsSQL, heldRole, []byte(q.Role))
	}
	if !q.SeenAfter.IsZero() {
		c.add("u.last_seen >= ? and u.last_seen > 0", micros(q.SeenAfter))
	}
	if !q.SeenBefore.IsZero() {
		c.add("u.last_seen < ? and u.last_seen > 0", micros(q.SeenBefore))
	}
	if q.Cursor == "" {
		return c, nil
	}
	at, hash, err := readCursor(q.Cursor)
	if err != nil {
		return nil, err
	}
	c.add("(u.last_seen, u.hash) < (?, ?)", at, hash[:])
	return c, nil
}

// users gives one more than asked for to itself, to know whether there are more.
func (p *postgres) users(ctx context.Context, query Query) (Page, error) {
	limit := query.Limit
	if limit == 0 {
		limit = 100
	}
	where, err := conditionsOf(query)
	if err != nil {
		return Page{}, err
	}
	where.parameters = append(where.parameters, limit+1)
	text := userWithout + where.String() + fmt.Sprintf(" order by u.last_seen desc, u.hash desc limit $%d", len(where.parameters))
	var found []scanned
	err = p.list(ctx, pageMode, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, text, where.parameters...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (scanned, error) { return scanRow(rows) })
		return err
	})
	if err != nil {
		return Page{}, err
	}
	page := Page{Users: []User{}}
	for i := range found[:min(limit, len(found))] {
		page.Users = append(page.Users, found[i].user)
	}
	if len(found) > limit {
		page.Next = writeCursor(found[limit-1].lastSeen, found[limit-1].hash)
	}
	return page, nil
}

func writeCursor(at int64, hash Hash) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(at)), hash[:]...))
}

func readCursor(text string) (at int64, hash Hash, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != 8+len(hash) {
		return 0, hash, errCursor
	}
	return int64(binary.BigEndian.Uint64(raw)), Hash(raw[8:]), nil
}

func (p *postgres) user(ctx context.Context, key Key) (User, error) {
	hash := key.Hash()
	var user User
	err := p.list(ctx, pageMode, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, userWith+`where u.hash = $1`, hash[:])
		if err != nil {
			return err
		}
		one, err := pgx.CollectExactlyOneRow(rows, func(pgx.CollectableRow) (scanned, error) { return scanRow(rows) })
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		user = one.user
		return err
	})
	return user, err
}

func (p *postgres) find(ctx context.Context, id string) (keys []Key, err error) {
	err = p.list(ctx, pageMode, func(ctx context.Context, tx pgx.Tx) error {
		keys = nil
		rows, err := tx.Query(ctx, `select authority, id from claimd.users where hash in (
			select hash from claimd.users where substr(sha256(id), 1, 16) = substr(sha256($1), 1, 16) and id = $1
			union select hash from claimd.users where name <> '' and substr(sha256(name), 1, 16) = substr(sha256($1), 1, 16) and name = $1)
			order by 1, 2 limit 10`, []byte(id))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var authority, id []byte
			if err := rows.Scan(&authority, &id); err != nil {
				return err
			}
			keys = append(keys, Key{string(authority), string(id)})
		}
		return rows.Err()
	})
	return keys, err
}

// each reads a chunk at a time of one moment, so that a slow reader does not run into the limit of a statement.
func (p *postgres) each(ctx context.Context, give func(User) error) error {
	if err := p.prepare(ctx); err != nil {
		return p.explain(err)
	}
	const chunk = 500
	var refused error
	err := p.once(ctx, readMode, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `declare everybody no scroll cursor for `+userClaimsOnly+`order by u.last_seen desc, u.hash desc`); err != nil {
			return err
		}
		for {
			rows, err := tx.Query(ctx, fmt.Sprintf(`fetch %d from everybody`, chunk))
			if err != nil {
				return err
			}
			users, err := pgx.CollectRows(rows, func(pgx.CollectableRow) (scanned, error) { return scanRow(rows) })
			if err != nil {
				return err
			}
			for i := range users {
				if refused = give(users[i].user); refused != nil {
					return refused
				}
			}
			if len(users) < chunk {
				return nil
			}
		}
	})
	if refused != nil {
		return refused
	}
	return p.explain(err)
}
