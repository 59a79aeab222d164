package directory

import (
	"context"
	"database/sql"
	"slices"
)

// held implements store.
func (s *sqliteStore) held(ctx context.Context, kind Kind) ([]Count, error) {
	number := groupWord
	if kind == Roles {
		number = roleWord
	}
	counts := []Count{}
	err := s.read(ctx, func(r *reader) error {
		var words []int64
		err := r.rows(`SELECT w.id, w.text, (SELECT count(*) FROM held h WHERE h.word = w.id) AS users FROM word w
			WHERE w.kind = ? AND users > 0 ORDER BY w.text`, []any{number}, func(rows *sql.Rows) error {
			var id int64
			var c Count
			err := rows.Scan(&id, &c.Name, &c.Users)
			words, counts = append(words, id), append(counts, c)
			return err
		})
		if err != nil {
			return err
		}
		latest, err := r.latest(words)
		for i, word := range words {
			counts[i].LastSeen = fromMicros(latest[word].lastSeen)
		}
		return err
	})
	return counts, err
}

// unmatched implements store.
func (s *sqliteStore) unmatched(ctx context.Context, limit int) ([]Unmatched, error) {
	all := []Unmatched{}
	err := s.read(ctx, func(r *reader) error {
		words, err := r.mostUnmatched(limit, &all)
		if err != nil {
			return err
		}
		latest, err := r.latest(words)
		if err != nil {
			return err
		}
		for i, word := range words {
			u, last := &all[i], latest[word]
			u.LastSeen = fromMicros(last.lastSeen)
			err := r.rows(`SELECT authority, id, name FROM profile WHERE user = ?`, []any{last.user}, func(rows *sql.Rows) error {
				return rows.Scan(&u.Example.Authority, &u.Example.ID, &u.User)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// mostUnmatched counts the values, which the index alone tells, and gives their words in the order of all.
func (r *reader) mostUnmatched(limit int, all *[]Unmatched) (words []int64, err error) {
	err = r.rows(`SELECT w.id, w.kind, w.text, coalesce(s.text, ''), (SELECT count(*) FROM held h WHERE h.word = w.id) AS users
		FROM word w LEFT JOIN word s ON s.id = w.scope WHERE w.kind IN (?, ?) AND users > 0
		ORDER BY users DESC, w.text, w.kind, w.scope LIMIT ?`, []any{unmatchedGroupWord, unmatchedRoleWord, limit},
		func(rows *sql.Rows) error {
			var id int64
			var kind int
			u := Unmatched{Claim: Groups}
			err := rows.Scan(&id, &kind, &u.Value, &u.Provider, &u.Users)
			if kind == unmatchedRoleWord {
				u.Claim = Roles
			}
			words, *all = append(words, id), append(*all, u)
			return err
		})
	return words, err
}

// manyNewest is how many users are gone through from the newest on, before each word is looked after by itself.
const manyNewest = 20_000

// latest gives for each of the words the place of the one who was seen last of those that have it. Most words are found
// with the users who were seen last; what is rarer has few that have it.
func (r *reader) latest(words []int64) (map[int64]place, error) {
	wanted, found := map[int64]bool{}, make(map[int64]place, len(words))
	for _, word := range words {
		wanted[word] = true
	}
	newest, err := r.newest(manyNewest)
	if err != nil {
		return nil, err
	}
	for _, p := range newest {
		if len(wanted) == 0 {
			return found, nil
		}
		err := r.rows(`SELECT word FROM held WHERE user = ?`, []any{p.user}, func(rows *sql.Rows) error {
			var word int64
			err := rows.Scan(&word)
			if wanted[word] {
				found[word] = p
				delete(wanted, word)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for word := range wanted {
		err := r.rows(`SELECT u.last_seen, u.id FROM held h CROSS JOIN user u ON u.id = h.user WHERE h.word = ?
			ORDER BY u.last_seen DESC, u.id DESC LIMIT 1`, []any{word}, func(rows *sql.Rows) error {
			var p place
			err := rows.Scan(&p.lastSeen, &p.user)
			found[word] = p
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// newest gives the users and service accounts that were seen last.
func (r *reader) newest(limit int) ([]place, error) {
	var all []place
	for _, apps := range []bool{false, true} {
		places, err := r.merge([]State{Active, Inactive, Waiting}, apps, 0, selection{}, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, places...)
	}
	slices.SortFunc(all, func(a, b place) int { return b.compare(a) })
	return all[:min(len(all), limit)], nil
}

// stats implements store.
func (s *sqliteStore) stats(ctx context.Context) (Figures, error) {
	var f Figures
	err := s.read(ctx, func(r *reader) error {
		return r.tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM user), page_count * page_size
			FROM pragma_page_count, pragma_page_size`).Scan(&f.Users, &f.Bytes)
	})
	return f, err
}
