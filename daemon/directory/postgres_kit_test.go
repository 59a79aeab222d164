package directory

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/claimd/claimd/daemon/postgrestest"
)

const (
	postgresPassword   = postgrestest.Password
	postgresPasswordIn = postgrestest.PasswordInURL
)

func freePort(t testing.TB) int { return postgrestest.FreePort(t) }

// postgresServer is a server whose databases are stores.
type postgresServer struct {
	*postgrestest.Server
	folder string
	port   int
}

func sharedPostgres(t testing.TB) *postgresServer { return serverOf(postgrestest.Shared(t)) }

func newPostgres(t testing.TB, settings ...string) *postgresServer {
	return serverOf(postgrestest.New(t, settings...))
}

func serverOf(s *postgrestest.Server) *postgresServer { return &postgresServer{s, s.Folder, s.Port} }

func (s *postgresServer) start()  { s.Start() }
func (s *postgresServer) stop()   { s.Stop() }
func (s *postgresServer) pause()  { s.Pause() }
func (s *postgresServer) resume() { s.Resume() }

func (s *postgresServer) super(t testing.TB, database string, statements ...string) {
	t.Helper()
	s.Super(t, database, statements...)
}

func (s *postgresServer) connect(database string) (*pgx.Conn, error) { return s.Connect(database) }

func (s *postgresServer) database(t testing.TB) *postgresDatabase {
	d := s.Database(t)
	return &postgresDatabase{t, d, s, d.Name}
}

// postgresDatabase is an empty database with a user of its own.
type postgresDatabase struct {
	t testing.TB
	*postgrestest.Database
	server *postgresServer
	name   string // of both
}

func (d *postgresDatabase) url() string { return d.URL() }

func (d *postgresDatabase) super(statements ...string) {
	d.t.Helper()
	d.Super(statements...)
}

func (d *postgresDatabase) number(query string, arguments ...any) int {
	d.t.Helper()
	return d.Number(query, arguments...)
}

// store opens the database as a store that is closed at the end of the test.
func (d *postgresDatabase) store() *postgres {
	d.t.Helper()
	return openPostgresAt(d.t, d.url())
}

func openPostgresAt(t testing.TB, url string) *postgres {
	t.Helper()
	s, _, err := openPostgreSQL(Options{URL: func() string { return url }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}
