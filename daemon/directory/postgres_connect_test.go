package directory

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The environment of whoever started claimd decides nothing: each of these alone would lead elsewhere, or nowhere.
func TestTheEnvironmentDecidesNothing(t *testing.T) {
	database := sharedPostgres(t).database(t)
	home := t.TempDir()
	for name, text := range map[string]string{
		".pgpass": "*:*:*:*:wrong\n", ".pg_service.conf": "[x]\nhost=192.0.2.1\n",
		".postgresql/postgresql.crt": "x", ".postgresql/postgresql.key": "x", ".postgresql/root.crt": "x",
	} {
		path := filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	for name, value := range map[string]string{
		"PGHOST": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "other", "PGUSER": "other", "PGPASSWORD": "wrong", "PGPASSFILE": home + "/.pgpass",
		"PGSERVICE": "none", "PGSERVICEFILE": home + "/none", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/none", "PGSSLCERT": "/none",
		"PGSSLKEY": "/none", "PGSSLCERTMODE": "require", "PGSSLSNI": "x", "PGSSLNEGOTIATION": "direct", "PGSSLPASSWORD": "x",
		"PGOPTIONS": "-c default_transaction_read_only=on", "PGAPPNAME": "other", "PGCONNECT_TIMEOUT": "x", "PGTZ": "nowhere",
		"PGTARGETSESSIONATTRS": "standby", "PGMINPROTOCOLVERSION": "9.9", "PGMAXPROTOCOLVERSION": "1.0", "PGCHANNELBINDING": "require",
		"PGREQUIREAUTH": "none",
	} {
		t.Setenv(name, value)
	}
	s := database.store()
	mustAct(t, s, "ada", Deactivate)
	if n := database.number(`select count(*) from pg_stat_activity where application_name = 'claimd' and usename = current_database()`); n == 0 {
		t.Error("no connection has the name claimd")
	}
	// Without a password in the URL none is found elsewhere.
	t.Setenv("PGPASSWORD", postgresPassword)
	bare := openPostgresAt(t, strings.Replace(database.url(), ":"+postgresPasswordIn, "", 1))
	wantRefusal(t, bare, "does not take the password of [directory] url_file")
}

// wantRefusal makes a change that the store refuses with these words, and looks for the password in them.
func wantRefusal(t *testing.T, s *postgres, problem string) {
	t.Helper()
	_, err := s.change(t.Context(), Change{Key: keyOf("ada"), Action: Deactivate}, "contoso")
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || refusal.Problem != "PostgreSQL at "+s.place+" "+problem || refusal.Hint == "" {
		t.Errorf("got %v, want a refusal: PostgreSQL at %s %s", err, s.place, problem)
		return
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), refusal.Hint} {
		for _, secret := range []string{postgresPassword, postgresPasswordIn, "s3cr"} {
			if strings.Contains(text, secret) {
				t.Errorf("the error holds the password: %s", text)
			}
		}
	}
}

func TestWhatKeepsPostgreSQLFromAChangeIsSaidInWords(t *testing.T) {
	t.Parallel()
	server := sharedPostgres(t)
	for _, test := range []struct {
		name, want string
		prepare    func(d *postgresDatabase) (url string)
	}{
		{"wrong password", "does not take the password of [directory] url_file", func(d *postgresDatabase) string {
			d.super("alter role " + d.name + " password 'another'")
			return d.url()
		}},
		{"no such database", "has no database of that name", func(d *postgresDatabase) string { return d.url() + "x" }},
		{"may not connect", "does not permit it to the user of [directory] url_file", func(d *postgresDatabase) string {
			d.super("revoke connect on database "+d.name+" from public", "alter database "+d.name+" owner to postgres")
			return d.url()
		}},
		{"may not make a schema", "does not permit it to the user of [directory] url_file", func(d *postgresDatabase) string {
			d.super("alter database " + d.name + " owner to postgres")
			return d.url()
		}},
		{"may only read", "does not permit it to the user of [directory] url_file", func(d *postgresDatabase) string {
			loadAll(t, d.store())
			d.super("alter schema claimd owner to postgres", "alter table claimd.users owner to postgres", "alter database "+d.name+" owner to postgres",
				"grant usage on schema claimd to "+d.name, "grant select on claimd.users to "+d.name)
			return d.url()
		}},
		{"read-only", "is read-only", func(d *postgresDatabase) string {
			loadAll(t, d.store())
			d.super("alter database " + d.name + " set default_transaction_read_only = on")
			return d.url()
		}},
		{"read-only and empty", "is read-only", func(d *postgresDatabase) string {
			d.super("alter database " + d.name + " set default_transaction_read_only = on")
			return d.url()
		}},
		{"no connection left", "has no connection left", func(d *postgresDatabase) string {
			d.super("alter role " + d.name + " connection limit 0")
			return d.url()
		}},
		{"disk full", "has no space left on its disk", func(d *postgresDatabase) string {
			loadAll(t, d.store())
			d.super(`create function claimd.no_space() returns trigger language plpgsql as
				$$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`,
				`create trigger no_space before insert on claimd.changes execute function claimd.no_space()`)
			return d.url()
		}},
		{"tables gone", "does not hold the tables of the directory any more", func(d *postgresDatabase) string {
			loadAll(t, d.store())
			d.super(`drop table claimd.users cascade`)
			return d.url()
		}},
		{"nobody listens", "is not running, or does not listen there", func(d *postgresDatabase) string {
			return strings.Replace(d.url(), strconv.Itoa(d.server.port), strconv.Itoa(freePort(t)), 1)
		}},
		{"no socket", "is not running, or does not listen there", func(d *postgresDatabase) string {
			return "postgres://x:" + postgresPasswordIn + "@/x?host=" + t.TempDir()
		}},
		{"no TLS", "does not speak TLS", func(d *postgresDatabase) string { return d.url() + "?sslmode=verify-full" }},
		{"no file of roots", "cannot be reached, as /none cannot be read: no such file or directory", func(d *postgresDatabase) string {
			return d.url() + "?sslmode=verify-full&sslrootcert=/none"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, openPostgresAt(t, test.prepare(server.database(t))), test.want)
		})
	}
}

// A name that is not this host's for sure is never spoken to without TLS, even if somebody makes it this host's.
func TestALoopbackNameThatLeadsElsewhereIsNotSpokenToInTheClear(t *testing.T) {
	t.Parallel()
	u := &postgresURL{host: "192.0.2.1"}
	if got, err := lookUp(u)(t.Context(), u.host); err == nil {
		t.Errorf("got %v", got)
	}
	u.verified = true
	if got, err := lookUp(u)(t.Context(), u.host); err != nil || !slices.Equal(got, []string{"192.0.2.1"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// Whoever takes the port of a stopped server, which any user of the host can do, asks for the password in the clear.
func TestThePasswordIsNotToldInTheClear(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	heard := make(chan string, 10)
	var group sync.WaitGroup
	defer group.Wait()
	defer listener.Close()
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			conn.Read(buffer)
			conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}) // AuthenticationCleartextPassword
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			n, _ := conn.Read(buffer)
			heard <- string(buffer[:n])
			conn.Close()
		}
	})
	s := openPostgresAt(t, fmt.Sprintf("postgres://x:%s@%s/x", postgresPasswordIn, listener.Addr()))
	wantRefusal(t, s, "asks for the password in the clear")
	if got := <-heard; strings.Contains(got, postgresPassword) {
		t.Errorf("it heard %q", got)
	}
}

// A rotated password is taken up at the next connection; another database is not, as memory is of the first.
func TestTheURLIsAskedAtEachConnection(t *testing.T) {
	t.Parallel()
	server := sharedPostgres(t)
	database, other := server.database(t), server.database(t)
	var lock sync.Mutex
	url := database.url()
	set := func(to string) { lock.Lock(); defer lock.Unlock(); url = to }
	s, _, err := openPostgreSQL(Options{URL: func() string { lock.Lock(); defer lock.Unlock(); return url }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	mustAct(t, s, "ada", Deactivate)
	end := `select pg_terminate_backend(pid) from pg_stat_activity where usename = '` + database.name + `'`
	database.super("alter role "+database.name+" password 'rotated'", end)
	wantRefusal(t, s, "does not take the password of [directory] url_file")
	set(strings.Replace(url, postgresPasswordIn, "rotated", 1))
	mustAct(t, s, "ada", Activate)
	set(other.url())
	database.super(end)
	wantRefusal(t, s, "is not where [directory] url_file leads now")
	set("postgres://nonsense")
	_, err = s.change(t.Context(), Change{Key: keyOf("ada"), Action: Deactivate}, "")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Problem != "the URL of the database names no user" {
		t.Errorf("got %v", err)
	}
}
