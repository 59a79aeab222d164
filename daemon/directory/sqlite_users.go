package directory

import (
	"context"
	"database/sql"
	"math"
	"strings"
)

// manyMembers is from how many on the members of a group are found by going through the users in their order, instead of
// sorting the members.
const manyMembers = 20_000

// users implements store.
func (s *sqliteStore) users(ctx context.Context, query Query) (Page, error) {
	page := Page{Users: []User{}}
	err := s.read(ctx, func(r *reader) error {
		places, err := r.choose(query, query.Limit+1)
		if err != nil {
			return err
		}
		if len(places) > query.Limit {
			places = places[:query.Limit]
			page.Next = places[len(places)-1].String()
		}
		for _, p := range places {
			user, err := r.user(p.user, false)
			if err != nil {
				return err
			}
			page.Users = append(page.Users, user)
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// selection is the WHERE of a query for users.
type selection struct {
	where     []string
	arguments []any
}

func (s *selection) add(condition string, arguments ...any) {
	s.where = append(s.where, condition)
	s.arguments = append(s.arguments, arguments...)
}

// choose gives the places of the users that the query selects, at most limit.
func (r *reader) choose(query Query, limit int) ([]place, error) {
	var rest selection
	after := place{math.MaxInt64, math.MaxInt64}
	if query.Cursor != "" {
		var err error
		if after, err = parsePlace(query.Cursor); err != nil {
			return nil, err
		}
	}
	// Of several bounds SQLite looks only one up in the index: hence one, and what is left is compared row by row.
	from, to := int64(0), after.lastSeen
	if !query.SeenAfter.IsZero() || !query.SeenBefore.IsZero() {
		from = max(1, micros(query.SeenAfter))
	}
	if !query.SeenBefore.IsZero() {
		to = min(to, micros(query.SeenBefore)-1)
	}
	rest.add(`u.last_seen BETWEEN ? AND ? AND (u.last_seen < ? OR u.id < ?)`, from, to, after.lastSeen, after.user)
	if query.Provider != "" {
		id, found, err := r.word(plainWord, query.Provider)
		if err != nil || !found {
			return nil, err
		}
		rest.add(`u.provider = ?`, id)
	}
	few, err := r.members(query, &rest)
	if err != nil || few < 0 {
		return nil, err
	}
	states := []State{Active, Inactive, Waiting}
	if query.State != Unknown {
		states = []State{query.State}
	}
	return r.merge(states, query.Apps, few, rest, limit)
}

// members adds the conditions of the query's group and role. It gives the word of the one that has few members, by which
// the users are found then; 0: neither does; less than 0: nobody has one of them.
func (r *reader) members(query Query, rest *selection) (few int64, err error) {
	for _, want := range []struct {
		kind int
		name string
	}{{groupWord, query.Group}, {roleWord, query.Role}} {
		if want.name == "" {
			continue
		}
		id, found, err := r.word(want.kind, want.name)
		if err != nil || !found {
			return -1, err
		}
		var members int
		err = r.tx.QueryRowContext(r, `SELECT count(*) FROM (SELECT 1 FROM held WHERE word = ? LIMIT ?)`, id, manyMembers).
			Scan(&members)
		if err != nil {
			return -1, err
		}
		if few == 0 && members < manyMembers {
			few = id
			continue
		}
		rest.add(`EXISTS (SELECT 1 FROM held WHERE user = u.id AND word = ?)`, id)
	}
	return few, nil
}

// word gives the number of a word that belongs to no provider.
func (r *reader) word(kind int, text string) (id int64, found bool, err error) {
	err = r.rows(`SELECT id FROM word WHERE kind = ? AND scope = 0 AND text = ?`, []any{kind, text}, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&id)
	})
	return id, found, err
}

// merge gives the first users of all the states, each of which stands in its own part of the index.
func (r *reader) merge(states []State, apps bool, few int64, rest selection, limit int) ([]place, error) {
	var parts []string
	var arguments []any
	for _, state := range states {
		from := `user u INDEXED BY user_seen`
		var first []any
		if few != 0 {
			from, first = `held h CROSS JOIN user u ON u.id = h.user AND h.word = ?`, []any{few}
		}
		where := append([]string{`u.app = ?`, `u.state = ?`}, rest.where...)
		parts = append(parts, `SELECT * FROM (SELECT u.last_seen, u.id FROM `+from+` WHERE `+strings.Join(where, ` AND `)+
			` ORDER BY u.last_seen DESC, u.id DESC LIMIT ?)`)
		arguments = append(arguments, first...)
		arguments = append(arguments, apps, state)
		arguments = append(arguments, rest.arguments...)
		arguments = append(arguments, limit)
	}
	arguments = append(arguments, limit)
	var places []place
	err := r.rows(strings.Join(parts, ` UNION ALL `)+` ORDER BY 1 DESC, 2 DESC LIMIT ?`, arguments, func(rows *sql.Rows) error {
		var p place
		err := rows.Scan(&p.lastSeen, &p.user)
		places = append(places, p)
		return err
	})
	return places, err
}
