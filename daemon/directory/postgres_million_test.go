package directory

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A million users and 10,000 groups in PostgreSQL. Without -long it is 2,000 users, which shows that the form works.
func TestPostgreSQLHoldsAMillionUsers(t *testing.T) {
	t.Parallel()
	users, groups := 2000, 1000
	server := sharedPostgres
	if *long {
		users, groups = millionUsers, millionGroups
		server = func(t testing.TB) *postgresServer {
			return newPostgres(t, "shared_buffers=1GB", "maintenance_work_mem=512MB")
		}
	}
	database := server(t).database(t)
	loadAll(t, database.store())
	began := time.Now()
	database.fill(users, groups)
	t.Logf("filled in %v", time.Since(began).Round(time.Second))
	open := func() *Directory {
		d, _ := database.directory("one", usualPace)
		eventually(t, "the first read", d.isUsable)
		return d
	}
	if *long {
		measureMillion(t, users, groups, open)
		return
	}
	d := open()
	sighting, state := million(users/2, groups)
	if got := d.State(sighting.Key.Hash()); got != state || d.Status().Known != users {
		t.Errorf("%s of %d, wanted %s of %d", got, d.Status().Known, state, users)
	}
	if page, err := d.Users(t.Context(), Query{}); err != nil || len(page.Users) != 100 || page.Next == "" {
		t.Errorf("the first page: %d users, %v", len(page.Users), err)
	}
}

// fill copies so many users in, with the indexes made behind it.
func (d *postgresDatabase) fill(users, groups int) {
	d.t.Helper()
	ctx := context.Background()
	conn, err := d.server.connect(d.name)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close(ctx)
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	exec := func(text string) { _, err := conn.Exec(ctx, text); must(err) }
	var indexes []string
	rows, err := conn.Query(ctx, `select indexdef from pg_indexes where schemaname = 'claimd' and indexname not like '%pkey' order by 1`)
	must(err)
	indexes, err = pgx.CollectRows(rows, pgx.RowTo[string])
	must(err)
	for _, name := range []string{"users_seen", "users_apps", "users_id", "users_name", "held_of", "held_by"} {
		exec("drop index claimd." + name)
	}
	const some = 50_000
	for from := 0; from < users; from += some {
		var w writeRows
		var states []State
		for i := from; i < min(from+some, users); i++ {
			sighting, state := million(i, groups)
			hash := sighting.Key.Hash()
			must(w.users.add(hash[:], sighting))
			w.held.add(hash[:], sighting)
			states = append(states, state)
		}
		u, h := &w.users, &w.held
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"claimd", "users"}, []string{"hash", "authority", "id", "state", "provider", "app", "guest", "name",
			"email", "first_name", "last_name", "client", "scopes", "admin", "refused", "first_seen", "last_seen", "claims"},
			pgx.CopyFromSlice(len(states), func(i int) ([]any, error) {
				return []any{u.hash[i], u.authority[i], u.id[i], int16(states[i]), u.provider[i], u.app[i], u.guest[i], u.name[i], u.email[i],
					u.first[i], u.last[i], u.client[i], u.scopes[i], u.admin[i], u.refused[i], u.at[i], u.at[i], u.claims[i]}, nil
			}))
		must(err)
		_, err = conn.CopyFrom(ctx, pgx.Identifier{"claimd", "held"}, []string{"hash", "kind", "name", "source"},
			pgx.CopyFromSlice(len(h.hash), func(i int) ([]any, error) { return []any{h.hash[i], h.kind[i], h.name[i], h.source[i]}, nil }))
		must(err)
	}
	exec("set statement_timeout = 0")
	for _, index := range indexes {
		if !strings.Contains(index, "changes_of") {
			exec(index)
		}
	}
	exec("vacuum analyze")
}
