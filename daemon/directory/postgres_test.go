package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPostgreSQLIsAStore(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	loadAll(t, database.store())
	suite(t, func(t *testing.T) store {
		database.super(`truncate claimd.users, claimd.held, claimd.changes`)
		return openPostgresAt(t, database.url())
	})
}

// FAULTS 151: names come from tokens. What the suite of both stores does not hold: bytes that are no text, names that
// no index has room for, and SQL of every dialect.
func TestPostgreSQLTakesANameAsItIs(t *testing.T) {
	t.Parallel()
	names := []string{
		"a\x00b", "\xff\xfe", strings.Repeat("long ", 8000), `'); drop table claimd.users; --`, `$1`, `\x00`, `\'; select pg_sleep(60); --`,
		`"; drop schema claimd cascade; --`, `$$ or true --`, `%s%d?`, "?", `{"a","b"}`,
	}
	s := sharedPostgres(t).database(t).store()
	for i, text := range names {
		want := Sighting{
			Key: Key{"https://issuer.example", text}, At: after(i), Provider: text, User: text, Email: text, First: text, Last: text, Client: text,
			Scopes: text, Refused: text, Groups: []Held{{text, FromClaim}}, Roles: []Held{{text, FromLocal}},
			UnmatchedGroups: []string{text}, UnmatchedRoles: []string{text},
		}
		mustSee(t, s, &want)
		got, err := s.user(t.Context(), want.Key)
		if err != nil {
			t.Fatal(err)
		}
		wantUser(t, got, User{
			Key: want.Key, State: Active, Provider: text, User: text, Email: text, First: text, Last: text, Client: text, Scopes: text, Refused: text,
			FirstSeen: after(i), LastSeen: after(i), Groups: want.Groups, Roles: want.Roles, UnmatchedGroups: []string{text}, UnmatchedRoles: []string{text},
		})
		change, err := s.change(t.Context(), Change{Key: want.Key, Action: Deactivate, By: text, Host: text, At: after(i)}, text)
		if err != nil || change.By != text || change.Key != want.Key {
			t.Errorf("%q: %+v, %v", text, change, err)
		}
		page, err := s.users(t.Context(), Query{Group: text, Role: text, Provider: text, State: Inactive, Limit: 10})
		if err != nil || len(page.Users) != 1 || page.Users[0].Key != want.Key {
			t.Errorf("%q: the list by it is %+v, %v", text, page, err)
		}
		if keys, err := s.find(t.Context(), text); err != nil || !slices.Equal(keys, []Key{want.Key}) {
			t.Errorf("%q: found %v, %v", text, keys, err)
		}
	}
	if counts, err := s.held(t.Context(), Groups); err != nil || len(counts) != len(names) {
		t.Errorf("%d groups, %v", len(counts), err)
	}
	if values, err := s.unmatched(t.Context(), 100); err != nil || len(values) != 2*len(names) {
		t.Errorf("%d unmatched values, %v", len(values), err)
	}
}

// The tables are made once, by whoever comes first; the others find them.
func TestDaemonsThatBeginAtOnceMakeTheTablesOnce(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	var group sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		s := database.store()
		group.Go(func() { _, errs[i] = s.load(t.Context(), func(Hash, State) {}) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := database.number(`select count(*) from claimd.version where version = 1`); n != 1 {
		t.Errorf("%d versions", n)
	}
}

// FAULTS 149: killed half-way, the tables are the old ones or the new ones, never some.
func TestAMigrationThatIsKilledLeavesNothing(t *testing.T) {
	steps := postgresSteps[0]
	defer func() { postgresSteps[0] = steps }()
	for _, statement := range []int{1, len(steps)} {
		database := sharedPostgres(t).database(t)
		s := database.store()
		kill := `do $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$`
		postgresSteps[0] = slices.Insert(slices.Clone(steps), statement, kill)
		if _, err := s.load(t.Context(), func(Hash, State) {}); err == nil {
			t.Fatal("the tables were made")
		}
		postgresSteps[0] = steps
		if n := database.number(`select count(*) from pg_namespace where nspname = 'claimd'`); n != 0 {
			t.Errorf("killed before statement %d: the schema is there", statement)
		}
		if states, sequence := loadAll(t, s); len(states) != 0 || sequence != 0 {
			t.Errorf("killed before statement %d: then %v, %d", statement, states, sequence)
		}
	}
}

func TestTablesOfANewerProgramAreRefused(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	loadAll(t, database.store())
	database.super(`update claimd.version set version = 7`)
	s := database.store()
	_, err := s.load(t.Context(), func(Hash, State) {})
	want := "the tables at " + s.place + " are of version 7: this claimd understands up to 1"
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || refusal.Problem != want || refusal.Hint != "a newer claimd made them; install it here too, or restore a backup from before it" {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := s.change(t.Context(), Change{Key: keyOf("ada"), Action: Deactivate}, ""); err == nil || err.Error() != want {
		t.Errorf("a change: got %v, want %s", err, want)
	}
}

// Two hosts write the same thousand keys again and again, and add others, while an administrator changes some: nobody
// deadlocks, nothing is lost, and the changes are in the order of their numbers.
func TestHostsThatWriteTheSameUsersDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	key := func(i int) Key { return keyOf(fmt.Sprintf("user-%03d", i)) }
	var group sync.WaitGroup
	for writer := range 4 {
		s := database.store()
		group.Go(func() {
			for round := range 4 {
				b := batch{}
				for i := range 200 {
					j := (i*7 + writer*31 + round*50) % 400
					if b.has(key(j)) {
						continue
					}
					if (i+writer)%3 == 0 {
						b.touches = append(b.touches, touch{hash: key(j).Hash(), at: time.Now(), client: "app"})
						continue
					}
					b.sightings = append(b.sightings, &Sighting{Key: key(j), At: time.Now(), Provider: "contoso", Groups: []Held{{fmt.Sprint("g", round%3), FromClaim}}})
				}
				if _, err := s.write(t.Context(), b); err != nil {
					t.Errorf("writer %d: %v", writer, err)
				}
			}
		})
	}
	s := database.store()
	group.Go(func() {
		for i := range 20 {
			for _, action := range []Action{Deactivate, Activate, Deactivate} {
				if _, err := s.change(t.Context(), Change{Key: key(i), Action: action, At: time.Now()}, "contoso"); err != nil {
					t.Errorf("%s: %v", action, err)
				}
			}
		}
	})
	group.Wait()
	states, sequence := loadAll(t, s)
	if sequence != 60 {
		t.Errorf("%d changes, want 60", sequence)
	}
	for i := range 20 {
		if states[key(i).Hash()] != Inactive {
			t.Errorf("user %d is %s", i, states[key(i).Hash()])
		}
	}
	if n := database.number(`select count(*) from claimd.held h left join claimd.users u using (hash) where u.hash is null`); n != 0 {
		t.Errorf("%d rows belong to nobody", n)
	}
}

func (b *batch) has(key Key) bool {
	return slices.ContainsFunc(b.sightings, func(s *Sighting) bool { return s.Key == key }) ||
		slices.ContainsFunc(b.touches, func(t touch) bool { return t.hash == key.Hash() })
}

// What a reader of the changes has read is complete: no change with a lower number is committed later.
func TestTheOrderOfTheChangesIsTheOrderOfTheCommits(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	reader := database.store()
	loadAll(t, reader)
	const writers, changes = 4, 30
	var group sync.WaitGroup
	for writer := range writers {
		s := database.store()
		group.Go(func() {
			for i := range changes {
				_, err := s.change(t.Context(), Change{Key: keyOf(fmt.Sprint(writer, "-", i)), Action: Deactivate, At: time.Now()}, "contoso")
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	after, last := uint64(0), time.Now().Add(30*time.Second)
	for after < writers*changes && time.Now().Before(last) {
		got, err := reader.changed(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range got {
			if change.Sequence != after+1 {
				t.Fatalf("change %d came after %d", change.Sequence, after)
			}
			after = change.Sequence
		}
	}
	group.Wait()
	if after != writers*changes {
		t.Errorf("%d changes were read", after)
	}
}

// A restore puts another past in the place of what was read, even where it has the same numbers again.
func TestAnOlderDatabaseIsNoticed(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	s := database.store()
	loadAll(t, s)
	for _, id := range []string{"ada", "bob", "eve"} {
		mustAct(t, s, id, Deactivate)
	}
	if changes, err := s.changed(t.Context(), 0); err != nil || len(changes) != 3 {
		t.Fatalf("%v, %v", changes, err)
	}
	database.super(`create table public.backup as select * from claimd.changes`, `delete from claimd.changes where sequence = 3`)
	if _, err := s.changed(t.Context(), 3); !errors.Is(err, errRewound) {
		t.Errorf("a change less: %v", err)
	}
	mustAct(t, s, "kim", Deactivate)
	if _, err := s.changed(t.Context(), 3); !errors.Is(err, errRewound) {
		t.Errorf("another change of the same number: %v", err)
	}
	loadAll(t, s)
	if changes, err := s.changed(t.Context(), 3); err != nil || len(changes) != 0 {
		t.Errorf("read anew: %v, %v", changes, err)
	}
	database.super(`update claimd.version set identity = '\x00'`)
	if _, err := s.changed(t.Context(), 3); !errors.Is(err, errRewound) {
		t.Errorf("another database: %v", err)
	}
}

// What an administrator was told is done is on the disk of the server, whatever its defaults are.
func TestACommitWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply"} {
		database := sharedPostgres(t).database(t)
		loadAll(t, database.store())
		database.super(`alter role `+database.name+` set synchronous_commit = `+set, `create table public.seen (value text)`,
			`grant insert on public.seen to `+database.name,
			`create function claimd.note() returns trigger language plpgsql as
				$$ begin insert into public.seen values (current_setting('synchronous_commit')); return null; end $$`,
			`create trigger note after insert on claimd.changes execute function claimd.note()`)
		mustAct(t, database.store(), "ada", Deactivate)
		if n := database.number(`select count(*) from public.seen where value = $1`, want); n != 1 {
			t.Errorf("%s: the change was made with another setting than %s", set, want)
		}
	}
}
