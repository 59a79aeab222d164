package directory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// The kinds of words.
const (
	plainWord = iota
	groupWord
	roleWord
	unmatchedGroupWord
	unmatchedRoleWord
)

// sources are the sources of a Held as the column has them.
var sources = [...]Source{"", FromClaim, FromGraph, FromDefault, FromLocal}

func sourceNumber(source Source) int {
	for i, s := range sources {
		if s == source {
			return i
		}
	}
	return 0
}

// sqliteTx is a transaction that writes, with the statements that it has prepared so far.
type sqliteTx struct {
	context.Context
	tx         *sql.Tx
	statements map[string]*sql.Stmt
	words      map[word]int64
	now        int64
}

type word struct {
	kind  int
	scope int64
	text  string
}

// transact runs part in a transaction that writes. It does not end with ctx once it has begun: it waits for nothing but
// the disk, and a statement that is interrupted costs more than it saves.
func (s *sqliteStore) transact(ctx context.Context, part func(*sqliteTx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	t := &sqliteTx{
		Context: context.WithoutCancel(ctx), tx: tx,
		statements: map[string]*sql.Stmt{}, words: map[word]int64{}, now: time.Now().UnixMicro(),
	}
	if err := part(t); err != nil {
		return err
	}
	return tx.Commit()
}

// statement prepares the query, once a transaction. Statements are closed with their transaction.
func (t *sqliteTx) statement(query string) (*sql.Stmt, error) {
	if s := t.statements[query]; s != nil {
		return s, nil
	}
	s, err := t.tx.PrepareContext(t, query)
	if err != nil {
		return nil, err
	}
	t.statements[query] = s
	return s, nil
}

func (t *sqliteTx) exec(query string, arguments ...any) (affected int64, err error) {
	s, err := t.statement(query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(t, arguments...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads one row; found is false where there is none.
func (t *sqliteTx) row(query string, arguments []any, into ...any) (found bool, err error) {
	s, err := t.statement(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(t, arguments...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// word gives the number of the word, which is made where there is none.
func (t *sqliteTx) word(kind int, scope int64, text string) (int64, error) {
	w := word{kind, scope, text}
	if id, found := t.words[w]; found {
		return id, nil
	}
	var id int64
	found, err := t.row(`SELECT id FROM word WHERE kind = ? AND scope = ? AND text = ?`, []any{kind, scope, text}, &id)
	if err != nil {
		return 0, err
	}
	if !found {
		_, err := t.row(`INSERT INTO word (kind, scope, text) VALUES (?, ?, ?) RETURNING id`, []any{kind, scope, text}, &id)
		if err != nil {
			return 0, err
		}
	}
	t.words[w] = id
	return id, nil
}

// write implements store.
func (s *sqliteStore) write(ctx context.Context, batch batch) (written, error) {
	done := written{states: make(map[Hash]State, len(batch.sightings))}
	err := s.transact(ctx, func(t *sqliteTx) error {
		for _, sighting := range batch.sightings {
			state, err := t.sight(sighting)
			if err != nil {
				return err
			}
			done.states[sighting.Key.Hash()] = state
		}
		for _, touch := range batch.touches {
			found, err := t.touch(touch)
			if err != nil {
				return err
			}
			if !found {
				done.missing = append(done.missing, touch.hash)
			}
		}
		return nil
	})
	if err != nil {
		return written{}, s.judge(err)
	}
	return done, nil
}

// sight writes one sighting and gives the state that its user has then.
func (t *sqliteTx) sight(s *Sighting) (State, error) {
	hash := s.Key.Hash()
	provider, err := t.word(plainWord, 0, s.Provider)
	if err != nil {
		return Unknown, err
	}
	client, err := t.word(plainWord, 0, s.Client)
	if err != nil {
		return Unknown, err
	}
	var user, firstSeen, lastSeen int64
	var state State
	found, err := t.row(`SELECT id, state, first_seen, last_seen FROM user WHERE hash = ?`, []any{hash[:]},
		&user, &state, &firstSeen, &lastSeen)
	if err != nil {
		return Unknown, err
	}
	at := micros(s.At)
	switch {
	case !found:
		state = Active
		if s.Waiting {
			state = Waiting
		}
		_, err = t.row(`INSERT INTO user (hash, state, app, provider, client, first_seen, last_seen)
			VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`, []any{hash[:], state, s.App, provider, client, at, at}, &user)
	case at < lastSeen && lastSeen <= t.now: // it took long to be written, and is overtaken
		if state == Waiting && !s.Waiting {
			state = Active
			_, err = t.exec(`UPDATE user SET state = ? WHERE id = ?`, state, user)
		}
		return state, err
	default:
		if state == Waiting && !s.Waiting {
			state = Active
		}
		if firstSeen == 0 {
			firstSeen = at
		}
		_, err = t.exec(`UPDATE user SET state = ?, app = ?, provider = ?, client = ?, first_seen = ?, last_seen = ?
			WHERE id = ?`, state, s.App, provider, client, firstSeen, at, user)
	}
	if err != nil {
		return Unknown, err
	}
	if err := t.profile(user, s); err != nil {
		return Unknown, err
	}
	return state, t.hold(user, provider, s)
}

// profile writes what is told of the user, if it differs from what is there.
func (t *sqliteTx) profile(user int64, s *Sighting) error {
	p := profile{
		authority: s.Key.Authority, id: s.Key.ID, name: s.User, email: s.Email, first: s.First, last: s.Last,
		scopes: s.Scopes, refused: s.Refused, guest: s.Guest, admin: s.Admin,
	}
	if len(s.Claims) > 0 {
		claims, err := marshalClaims(s.Claims)
		if err != nil {
			return fmt.Errorf("%w: the claims of a sighting: %w", errRow, err)
		}
		p.claims = string(claims)
	}
	return t.putProfile(user, &p)
}

// marshalClaims gives a JSON object with the values byte for byte but for blanks between them.
func marshalClaims(claims map[string]json.RawMessage) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(claims)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func (t *sqliteTx) putProfile(user int64, p *profile) error {
	sum := p.sum()
	var have int64
	found, err := t.row(`SELECT sum FROM profile WHERE user = ?`, []any{user}, &have)
	if err != nil || found && have == sum {
		return err
	}
	_, err = t.exec(`REPLACE INTO profile (user, authority, id, name, email, first, last, scopes, refused, guest, admin,
		claims, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, user, p.authority, p.id, p.name, p.email, p.first,
		p.last, p.scopes, p.refused, p.guest, p.admin, p.claims, sum)
	return err
}

// profile is a row of the table of that name.
type profile struct {
	authority, id, name, email, first, last, scopes, refused string
	guest, admin                                             bool
	claims                                                   string
}

func (p *profile) sum() int64 {
	return sumOf(p.authority, p.id, p.name, p.email, p.first, p.last, p.scopes, p.refused, fmt.Sprint(p.guest, p.admin),
		p.claims)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumOf gives the sum over the texts.
func sumOf(texts ...string) int64 {
	var sum uint32
	for _, text := range texts {
		n := len(text)
		sum = crc32.Update(sum, castagnoli, []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		sum = crc32.Update(sum, castagnoli, []byte(text))
	}
	return int64(sum)
}

// hold makes the user have what the sighting names, and nothing else; where it does not tell, what he had.
func (t *sqliteTx) hold(user, provider int64, s *Sighting) error {
	if !s.told() {
		return nil
	}
	want, err := t.wanted(provider, s)
	if err != nil {
		return err
	}
	have, err := t.have(user)
	if err != nil {
		return err
	}
	for id, source := range want {
		if had, found := have[id]; found && had == source {
			continue
		}
		if _, err := t.exec(`REPLACE INTO held (user, word, source) VALUES (?, ?, ?)`, user, id, source); err != nil {
			return err
		}
	}
	for id := range have {
		if _, found := want[id]; found {
			continue
		}
		if _, err := t.exec(`DELETE FROM held WHERE user = ? AND word = ?`, user, id); err != nil {
			return err
		}
	}
	return nil
}

// wanted gives the words of all that the sighting names, with their sources.
func (t *sqliteTx) wanted(provider int64, s *Sighting) (map[int64]int, error) {
	want := make(map[int64]int, len(s.Groups)+len(s.Roles)+len(s.UnmatchedGroups)+len(s.UnmatchedRoles))
	put := func(kind int, scope int64, name string, source Source) error {
		id, err := t.word(kind, scope, name)
		if _, twice := want[id]; !twice && err == nil {
			want[id] = sourceNumber(source)
		}
		return err
	}
	for _, h := range s.Groups {
		if err := put(groupWord, 0, h.Name, h.Source); err != nil {
			return nil, err
		}
	}
	for _, h := range s.Roles {
		if err := put(roleWord, 0, h.Name, h.Source); err != nil {
			return nil, err
		}
	}
	for _, value := range s.UnmatchedGroups {
		if err := put(unmatchedGroupWord, provider, value, ""); err != nil {
			return nil, err
		}
	}
	for _, value := range s.UnmatchedRoles {
		if err := put(unmatchedRoleWord, provider, value, ""); err != nil {
			return nil, err
		}
	}
	return want, nil
}

func (t *sqliteTx) have(user int64) (map[int64]int, error) {
	s, err := t.statement(`SELECT word, source FROM held WHERE user = ?`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(t, user)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	have := map[int64]int{}
	for rows.Next() {
		var id int64
		var source int
		if err := rows.Scan(&id, &source); err != nil {
			return nil, err
		}
		have[id] = source
	}
	return have, rows.Err()
}

// touch writes that the user was seen again; found is false where there is no such user.
func (t *sqliteTx) touch(touch touch) (found bool, err error) {
	client, err := t.word(plainWord, 0, touch.client)
	if err != nil {
		return false, err
	}
	at := micros(touch.at)
	affected, err := t.exec(`UPDATE user SET client = ?, last_seen = ?, first_seen = iif(first_seen = 0, ?, first_seen)
		WHERE hash = ? AND (last_seen <= ? OR last_seen > ?)`, client, at, at, touch.hash[:], at, t.now)
	if err != nil || affected > 0 {
		return affected > 0, err
	}
	var one int
	return t.row(`SELECT 1 FROM user WHERE hash = ?`, []any{touch.hash[:]}, &one)
}
