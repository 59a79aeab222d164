package directory

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// load implements store.
func (s *sqliteStore) load(ctx context.Context, each func(Hash, State)) (sequence uint64, err error) {
	if s.large {
		defer s.readAhead()()
	}
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return 0, s.judge(err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(sequence), 0) FROM change`).Scan(&sequence); err != nil {
		return 0, s.judge(err)
	}
	// The table itself is read to its end, so that no damage of it stays unseen. Many users come as one row, as what a row
	// costs is most of the start.
	next, err := tx.PrepareContext(ctx, `SELECT coalesce(max(id), 0), coalesce(group_concat(one, ''), '') FROM
		(SELECT id, state || hex(hash) AS one FROM user NOT INDEXED WHERE id > ? ORDER BY id LIMIT 1000)`)
	if err != nil {
		return 0, s.judge(err)
	}
	for last, many := int64(0), ""; ; {
		if err := next.QueryRowContext(ctx, last).Scan(&last, &many); err != nil {
			return 0, s.judge(err)
		}
		if many == "" {
			return sequence, nil
		}
		if err := eachState(many, each); err != nil {
			return 0, err
		}
	}
}

// eachState takes apart what stands in one text: for each user the digit of the state and the hash in hexadecimal.
func eachState(many string, each func(Hash, State)) error {
	const size = 1 + 2*len(Hash{})
	for ; len(many) >= size; many = many[size:] {
		var hash Hash
		state := State(many[0] - '0')
		if _, err := hex.Decode(hash[:], []byte(many[1:size])); err != nil || state < Active || state > Waiting {
			return fmt.Errorf("%w: a row of the users makes no sense", errDamaged)
		}
		each(hash, state)
	}
	if len(many) > 0 {
		return fmt.Errorf("%w: a row of the users makes no sense", errDamaged)
	}
	return nil
}

const changeColumns = `sequence, authority, id, action, before, after, by, host, at, sum`

// changed implements store. Nobody else changes the file, so that nothing rewinds it either while it is open.
func (s *sqliteStore) changed(ctx context.Context, after uint64) ([]Change, error) {
	var last uint64
	if err := s.readers.QueryRowContext(ctx, `SELECT coalesce(max(sequence), 0) FROM change`).Scan(&last); err != nil {
		return nil, s.judge(err)
	}
	if last < after {
		return nil, errRewound
	}
	return s.changes(ctx, `SELECT `+changeColumns+` FROM change WHERE sequence > ? ORDER BY sequence LIMIT 1000`, after)
}

// history implements store.
func (s *sqliteStore) history(ctx context.Context, key Key, limit int) ([]Change, error) {
	hash := key.Hash()
	return s.changes(ctx, `SELECT `+changeColumns+` FROM change WHERE hash = ? ORDER BY sequence DESC LIMIT ?`, hash[:], limit)
}

func (s *sqliteStore) changes(ctx context.Context, query string, arguments ...any) ([]Change, error) {
	rows, err := s.readers.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, s.judge(err)
	}
	defer func() { _ = rows.Close() }()
	var all []Change
	for rows.Next() {
		var c Change
		var at, sum int64
		err := rows.Scan(&c.Sequence, &c.Key.Authority, &c.Key.ID, &c.Action, &c.Before, &c.After, &c.By, &c.Host, &at, &sum)
		if err != nil {
			return nil, s.judge(err)
		}
		if sum != sumOf(c.Key.Authority, c.Key.ID, string(c.Action), c.By, c.Host) {
			return nil, fmt.Errorf("%w: change %d", errDamaged, c.Sequence)
		}
		c.At = fromMicros(at)
		all = append(all, c)
	}
	return all, s.judge(rows.Err())
}

// reader is a read transaction: what it gives is of one moment.
type reader struct {
	context.Context
	tx         *sql.Tx
	statements map[string]*sql.Stmt
}

// read runs part in a read transaction.
func (s *sqliteStore) read(ctx context.Context, part func(*reader) error) error {
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return s.judge(err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return s.judge(part(&reader{ctx, tx, map[string]*sql.Stmt{}}))
}

// rows runs the query and gives each row to scan.
func (r *reader) rows(query string, arguments []any, scan func(*sql.Rows) error) error {
	s := r.statements[query]
	if s == nil {
		var err error
		if s, err = r.tx.PrepareContext(r, query); err != nil {
			return err
		}
		r.statements[query] = s
	}
	rows, err := s.QueryContext(r, arguments...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// place is where a user stands in the order of users: the last seen first, of those seen at once the newest first.
type place struct{ lastSeen, user int64 }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.lastSeen, other.lastSeen), cmp.Compare(p.user, other.user))
}

func (p place) String() string {
	text := strconv.FormatInt(p.lastSeen, 10) + "." + strconv.FormatInt(p.user, 10)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

var errCursor = errors.New("the cursor is none of this directory's")

func parsePlace(cursor string) (place, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return place{}, errCursor
	}
	seen, user, _ := strings.Cut(string(text), ".")
	lastSeen, err1 := strconv.ParseInt(seen, 10, 64)
	id, err2 := strconv.ParseInt(user, 10, 64)
	if err1 != nil || err2 != nil {
		return place{}, errCursor
	}
	return place{lastSeen, id}, nil
}

const selectUser = `SELECT u.id, u.state, u.app, u.first_seen, u.last_seen,
	(SELECT text FROM word WHERE id = u.provider), (SELECT text FROM word WHERE id = u.client),
	p.authority, p.id, p.name, p.email, p.first, p.last, p.scopes, p.refused, p.guest, p.admin, p.claims, p.sum,
	coalesce(d.by, ''), coalesce(d.at, 0)
	FROM user u JOIN profile p ON p.user = u.id LEFT JOIN decided d ON d.user = u.id `

// user gives the user of that number, with the Claims where they are wanted.
func (r *reader) user(id int64, claims bool) (User, error) {
	var user User
	found := false
	err := r.rows(selectUser+`WHERE u.id = ?`, []any{id}, func(rows *sql.Rows) (err error) {
		found = true
		user, _, err = scanUser(rows, claims)
		return err
	})
	if err != nil {
		return User{}, err
	}
	if !found {
		return User{}, fmt.Errorf("%w: a user has no profile", errDamaged)
	}
	return user, r.held(id, &user)
}

// scanUser gives the user of a row of selectUser, and his number.
func scanUser(rows *sql.Rows, claims bool) (u User, id int64, err error) {
	var firstSeen, lastSeen, sum, changedAt int64
	var p profile
	err = rows.Scan(&id, &u.State, &u.App, &firstSeen, &lastSeen, &u.Provider, &u.Client, &p.authority, &p.id, &p.name,
		&p.email, &p.first, &p.last, &p.scopes, &p.refused, &p.guest, &p.admin, &p.claims, &sum, &u.ChangedBy, &changedAt)
	if err != nil {
		return User{}, 0, err
	}
	if sum != p.sum() {
		return User{}, 0, fmt.Errorf("%w: the profile of a user", errDamaged)
	}
	u.Key = Key{Authority: p.authority, ID: p.id}
	u.User, u.Email, u.First, u.Last, u.Scopes, u.Refused = p.name, p.email, p.first, p.last, p.scopes, p.refused
	u.Guest, u.Admin = p.guest, p.admin
	u.FirstSeen, u.LastSeen, u.ChangedAt = fromMicros(firstSeen), fromMicros(lastSeen), fromMicros(changedAt)
	u.Groups, u.Roles = []Held{}, []Held{}
	if !claims || p.claims == "" {
		return u, id, nil
	}
	return u, id, json.Unmarshal([]byte(p.claims), &u.Claims)
}

// held adds what the user had when he was seen last.
func (r *reader) held(id int64, u *User) error {
	return r.rows(`SELECT w.kind, w.text, h.source FROM held h JOIN word w ON w.id = h.word WHERE h.user = ? ORDER BY w.text`,
		[]any{id}, func(rows *sql.Rows) error {
			var kind, source int
			var name string
			if err := rows.Scan(&kind, &name, &source); err != nil {
				return err
			}
			switch kind {
			case groupWord:
				u.Groups = append(u.Groups, Held{name, sources[source]})
			case roleWord:
				u.Roles = append(u.Roles, Held{name, sources[source]})
			case unmatchedGroupWord:
				u.UnmatchedGroups = append(u.UnmatchedGroups, name)
			case unmatchedRoleWord:
				u.UnmatchedRoles = append(u.UnmatchedRoles, name)
			}
			return nil
		})
}

// user implements store.
func (s *sqliteStore) user(ctx context.Context, key Key) (user User, err error) {
	hash := key.Hash()
	err = s.read(ctx, func(r *reader) error {
		var id int64
		err := r.tx.QueryRowContext(ctx, `SELECT id FROM user WHERE hash = ?`, hash[:]).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		user, err = r.user(id, true)
		return err
	})
	return user, err
}

// find implements store.
func (s *sqliteStore) find(ctx context.Context, id string) (keys []Key, err error) {
	err = s.read(ctx, func(r *reader) error {
		return r.rows(`SELECT authority, id FROM profile WHERE id = ? UNION SELECT authority, id FROM profile WHERE name = ?
			ORDER BY 1, 2 LIMIT 10`, []any{id, id}, func(rows *sql.Rows) error {
			var key Key
			err := rows.Scan(&key.Authority, &key.ID)
			keys = append(keys, key)
			return err
		})
	})
	return keys, err
}

// each implements store.
func (s *sqliteStore) each(ctx context.Context, give func(User) error) error {
	return s.read(ctx, func(r *reader) error {
		var ids []int64
		err := r.rows(`SELECT id FROM user ORDER BY last_seen DESC, id DESC`, nil, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(ids, eachChunk) {
			if err := r.chunk(chunk, give); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachChunk is how many users are read by one statement: one for each user takes three times as long.
const eachChunk = 500

// chunk gives the users of these numbers, in their order.
func (r *reader) chunk(ids []int64, give func(User) error) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	users, found := make([]User, len(ids)), 0
	err = r.rows(selectUser+`WHERE u.id IN (SELECT value FROM json_each(?))`, []any{string(list)}, func(rows *sql.Rows) error {
		user, id, err := scanUser(rows, true)
		if err == nil {
			users[place[id]] = user
			found++
		}
		return err
	})
	if err == nil && found < len(ids) {
		err = fmt.Errorf("%w: a user has no profile", errDamaged)
	}
	if err != nil {
		return err
	}
	for i := range users {
		if err := give(users[i]); err != nil {
			return err
		}
	}
	return nil
}
