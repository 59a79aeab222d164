package directory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// quick tries soon, and polls so rarely that only what is heard counts.
var quick = pace{poll: time.Hour, first: 20 * time.Millisecond, last: 100 * time.Millisecond, stale: time.Hour, readWithin: time.Second}

// directory opens the database as the Directory of a host.
func (d *postgresDatabase) directory(host string, at pace) (*Directory, *observer.ObservedLogs) {
	return openDirectoryAt(d.t, d.url(), host, at)
}

func openDirectoryAt(t testing.TB, url, host string, at pace) (*Directory, *observer.ObservedLogs) {
	t.Helper()
	core, log := observer.New(zap.InfoLevel)
	options := usual(Options{URL: func() string { return url }, Host: host, Log: zap.New(core)})
	s, place, err := openPostgreSQL(options)
	if err != nil {
		t.Fatal(err)
	}
	d := newDirectory(s, options, "postgresql", place)
	d.unreadable.Store(true)
	d.run(func(ctx context.Context) { d.followAt(ctx, s, at) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = d.Close(ctx) // what waits may have nowhere to go
	})
	return d, log
}

// eventually waits for what must come.
func eventually(t testing.TB, what string, came func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < time.Minute {
		if came() {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s did not come within a minute", what)
	return 0
}

func (d *Directory) is(id string, state State) func() bool {
	return func() bool { return d.State(keyOf(id).Hash()) == state }
}

func (d *Directory) isUsable() bool { return d.Status().Usable }

// FAULTS 152: what is decided on one host holds on the others at once. Nothing is polled here: it was heard.
func TestADeactivationIsHeardOnTheOtherHosts(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	one, _ := database.directory("one", quick)
	two, log := database.directory("two", quick)
	eventually(t, "the first read", func() bool { return one.isUsable() && two.isUsable() })
	listens := func() bool {
		return database.number(`select count(*) from pg_stat_activity where datname = current_database() and query = 'listen claimd_changes'`) == 2
	}
	eventually(t, "both listeners", listens)
	var worst time.Duration
	for i := range 20 {
		id := fmt.Sprint("user", i)
		for _, action := range []Action{Deactivate, Activate} {
			change, changed, err := one.Change(t.Context(), keyOf(id), action, "contoso", "uid 0 (root)")
			if err != nil || !changed {
				t.Fatal(changed, err)
			}
			worst = max(worst, eventually(t, string(action), two.is(id, change.After)))
			wantIs(t, one, id, change.After)
		}
	}
	t.Logf("the other host knew after %v at most", worst)
	heard := log.FilterMessage("the state of a user was changed on another host").All()
	if len(heard) != 40 || heard[0].ContextMap()["by"] != "uid 0 (root)" || heard[0].ContextMap()["host"] != "one" {
		t.Errorf("%d lines; the first: %v", len(heard), heard[0].ContextMap())
	}
	// A listener that is cut off comes back, and looks at once for what it missed.
	database.super(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'listen claimd_changes'`)
	if _, _, err := two.Change(t.Context(), keyOf("user0"), Deactivate, "contoso", "uid 0 (root)"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change after the cut", one.is("user0", Inactive))
}

// Whoever was written on one host is known there; whoever was deactivated elsewhere before he ever came stays out.
func TestASightingDoesNotBringBackWhomAnotherHostShutOut(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	one, _ := database.directory("one", quick)
	two, _ := database.directory("two", pace{poll: time.Hour, first: time.Hour, last: time.Hour, stale: time.Hour, readWithin: time.Second})
	eventually(t, "the first read", func() bool { return one.isUsable() && two.isUsable() })
	if _, _, err := one.Change(t.Context(), keyOf("ada"), Deactivate, "contoso", "uid 0 (root)"); err != nil {
		t.Fatal(err)
	}
	two.Seen(seen("ada", 0))
	if err := two.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the write found", two.is("ada", Inactive))
}

// FAULTS 150: stopped, started again and paused. Memory serves on; what was seen is written when it can be; changes are
// refused in words and in time; nothing waits.
func TestAnOutageIsServedFromMemory(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	database := server.database(t)
	d, log := database.directory("one", quick)
	eventually(t, "the first read", d.isUsable)
	if _, _, err := d.Change(t.Context(), keyOf("ada"), Deactivate, "contoso", "uid 0 (root)"); err != nil {
		t.Fatal(err)
	}
	server.stop()
	eventually(t, "the loss", func() bool { return d.Status().Problem != "" })
	for i := range 50 {
		d.Seen(seen(fmt.Sprint("user", i), 0))
	}
	wantIs(t, d, "ada", Inactive)
	wantIs(t, d, "user7", Active)
	_, _, err := d.Change(t.Context(), keyOf("bob"), Deactivate, "contoso", "uid 0 (root)")
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || refusal.Problem != "PostgreSQL at "+d.place+" is not running, or does not listen there" {
		t.Errorf("a change while it is stopped: %v", err)
	}
	if d.Flush(t.Context()) == nil || d.Status().Pending != 50 {
		t.Errorf("%d wait to be written", d.Status().Pending)
	}

	server.start()
	eventually(t, "the return", func() bool { return d.Status().Problem == "" && d.Status().Pending == 0 })
	if n := database.number(`select count(*) from claimd.users`); n != 51 {
		t.Errorf("%d users were written", n)
	}

	server.pause()
	defer server.resume()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	_, _, err = d.Change(ctx, keyOf("bob"), Deactivate, "contoso", "uid 0 (root)")
	cancel()
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Problem != "PostgreSQL at "+d.place+" does not answer" {
		t.Errorf("a change while it is paused: %v", err)
	}
	d.Seen(seen("late", 0))
	wantIs(t, d, "ada", Inactive)
	wantIs(t, d, "late", Active)
	t.Logf("a change with 300 ms, and three questions, took %v", time.Since(began))
	server.resume()
	if _, _, err := d.Change(t.Context(), keyOf("bob"), Deactivate, "contoso", "uid 0 (root)"); err != nil {
		t.Errorf("a change after the pause: %v", err)
	}
	eventually(t, "the sighting", func() bool { return database.number(`select count(*) from claimd.users where id = 'late'`) == 1 })
	if n := log.FilterMessage("the directory cannot be read").Len(); n != 1 {
		t.Errorf("%d lines tell of the loss", n)
	}
}

// A paused server neither closes connections nor answers: nobody's state is known after the time that it is true for,
// and the daemon ends all the same.
func TestAPausedServerIsNoticedAndLetGo(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	database := server.database(t)
	at := pace{poll: 50 * time.Millisecond, first: 20 * time.Millisecond, last: 100 * time.Millisecond, stale: time.Second, readWithin: 200 * time.Millisecond}
	d, _ := database.directory("one", at)
	eventually(t, "the first read", d.isUsable)
	server.pause()
	defer server.resume()
	eventually(t, "the end of what was true", d.is("ada", Unavailable))
	if problem := d.Status().Problem; problem != "PostgreSQL at "+d.place+" does not answer" {
		t.Errorf("the problem is %q", problem)
	}
	server.resume()
	eventually(t, "the return", d.is("ada", Unknown))
	server.pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := d.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	t.Logf("the end took %v", time.Since(began))
}

// Others can use up all connections of a server. Nothing hangs, and it is said what is missing.
func TestAServerWithoutAConnectionLeft(t *testing.T) {
	t.Parallel()
	server := newPostgres(t, "max_connections=6", "superuser_reserved_connections=3")
	database := server.database(t)
	first := database.store()
	loadAll(t, first)
	first.close()
	var hogs []*pgx.Conn
	u, _ := parsePostgresURL(database.url())
	eventually(t, "three connections of others", func() bool {
		c, err := connectConfig(u, newLines())
		if err := errors.Join(err, setSecrets(c, u)); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err == nil {
			hogs = append(hogs, conn)
		}
		return len(hogs) == 3
	})
	d, log := database.directory("one", quick)
	eventually(t, "the problem", func() bool { return d.Status().Problem == "PostgreSQL at "+d.place+" has no connection left" })
	wantIs(t, d, "ada", Unavailable)
	d.Seen(seen("ada", 0))
	_, _, err := d.Change(t.Context(), keyOf("bob"), Deactivate, "contoso", "uid 0 (root)")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Problem != "PostgreSQL at "+d.place+" has no connection left" {
		t.Errorf("a change: %v", err)
	}
	for _, hog := range hogs {
		hog.Close(context.Background())
	}
	eventually(t, "the state", d.is("ada", Active))
	if n := log.FilterMessage("the directory cannot be read").Len(); n != 1 {
		t.Errorf("%d lines tell of it", n)
	}
}

// A restore puts an older state in the place of what memory holds.
func TestARestoredDatabaseIsReadAnew(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	at := quick
	at.poll = 20 * time.Millisecond
	d, _ := database.directory("one", at)
	eventually(t, "the first read", d.isUsable)
	deactivate := func(id string) {
		t.Helper()
		if _, _, err := d.Change(t.Context(), keyOf(id), Deactivate, "contoso", "uid 0 (root)"); err != nil {
			t.Fatal(err)
		}
	}
	deactivate("ada")
	database.super(`create schema backup`, `create table backup.users as select * from claimd.users`, `create table backup.changes as select * from claimd.changes`)
	deactivate("bob")
	eventually(t, "the changes", func() bool { return d.sequence.Load() == 2 })
	database.super(`begin; truncate claimd.users, claimd.changes; insert into claimd.users select * from backup.users;
		insert into claimd.changes select * from backup.changes; commit`)
	eventually(t, "bob's return", d.is("bob", Unknown))
	wantIs(t, d, "ada", Inactive)
	deactivate("bob")
	eventually(t, "bob's end", d.is("bob", Inactive))
}

// The name of the database leads to a standby after a failover went wrong, and nothing is replayed there any more. It
// answered every look, so that what memory held counted as true for ever: who was shut out on the primary came in on this
// host. Here the server itself becomes a standby of nobody.
func TestAStandbyIsNotTakenForTheTruth(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	database := server.database(t)
	soon := pace{poll: 10 * time.Millisecond, first: 10 * time.Millisecond, last: 20 * time.Millisecond, stale: time.Second, readWithin: time.Minute}
	before, _ := database.directory("one", soon)
	eventually(t, "the first read", before.isUsable)
	server.stop()
	if err := os.WriteFile(server.folder+"/data/standby.signal", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	server.start()
	after, _ := database.directory("two", soon)
	for name, d := range map[string]*Directory{"that was there before": before, "that comes new": after} {
		eventually(t, "a look of the one "+name, func() bool { return strings.Contains(d.Status().Problem, "standby") || d == after && d.isUsable() })
		eventually(t, "the end of what was read by the one "+name, func() bool { return !d.isUsable() })
	}
	s := database.store()
	wantRefusal(t, s, "is a standby, which may be behind")
	if err := s.listen(t.Context(), func() { t.Error("it listens to a standby") }); !errors.Is(err, errStandby) {
		t.Errorf("it listens to a standby: %v", err)
	}
	conn, err := server.connect("postgres")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "select pg_promote()"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	eventually(t, "the read from what became the primary", func() bool { return before.isUsable() && after.isUsable() })
}
