// Package postgrestest starts a real PostgreSQL for tests, of Debian's package, on loopback and as an ordinary user. Each
// server ends with the test, or with the process however that ends.
package postgrestest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// programsOf gives the folder of the newest PostgreSQL that is installed; without one the test is skipped, or fails where CI is
// set.
func programsOf(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is a right one
	if len(found) == 0 {
		const words = "no PostgreSQL: /usr/lib/postgresql is empty; hint: apt-get install postgresql"
		if os.Getenv("CI") != "" {
			t.Fatal(words)
		}
		t.Skip(words)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return versionOf(a) - versionOf(b) })
	return filepath.Dir(newest)
}

func versionOf(path string) int {
	version, _ := strconv.Atoi(strings.Split(path, "/")[4]) // 0 for what is no number
	return version
}

// Server is one server, on loopback and on a unix socket in its folder. It runs as nobody where the tests run as root, as it
// refuses to be root.
type Server struct {
	t        testing.TB
	programs string
	Folder   string // of its data and its unix socket
	Port     int
	settings []string
	super    *pgx.ConnConfig // of the superuser; made once, as a test may spoil the environment, which it is read from
}

var (
	sharedServer struct {
		sync.Mutex
		of *Server
	}
	databases atomic.Int64
)

// Shared gives the server that the tests of this binary share; it ends with the binary.
func Shared(t testing.TB) *Server {
	t.Helper()
	sharedServer.Lock()
	defer sharedServer.Unlock()
	if sharedServer.of == nil {
		s := prepare(t, "max_connections=200")
		if err := sweepAtEnd(s.Folder); err != nil {
			t.Fatal(err)
		}
		s.Start()
		sharedServer.of = s
	}
	return sharedServer.of
}

// New starts a server of the test's own, with these settings beside the usual ones.
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := prepare(t, settings...)
	t.Cleanup(func() {
		s.Resume()
		s.Stop()
		_ = os.RemoveAll(s.Folder)
	})
	s.Start()
	return s
}

func prepare(t testing.TB, settings ...string) *Server {
	t.Helper()
	programs := programsOf(t)
	template := initCluster(t, programs)
	s := &Server{t: t, programs: programs, Folder: newFolder(t), Port: FreePort(t), settings: settings}
	var err error
	s.super, err = pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=postgres password='%s' sslmode=disable", s.Folder, s.Port, superPassword))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := asNobody(exec.CommandContext(context.Background(), "/bin/cp", "-a", template, s.Folder)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// FreePort gives a TCP port of loopback that nobody listens at now.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Start starts the server and waits until it answers. It is killed when this process is gone.
func (s *Server) Start() {
	s.t.Helper()
	all := append([]string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.Port), "unix_socket_directories=" + s.Folder, "fsync=off",
		"full_page_writes=off", "autovacuum=off", "shared_buffers=32MB", "max_wal_size=4GB", "log_min_messages=warning",
	}, s.settings...)
	script := `"$0" "$@" >>log 2>&1 & read -r _; kill -KILL $! 2>/dev/null`
	arguments := []string{"-c", script, filepath.Join(s.programs, "postgres"), "-D", filepath.Join(s.Folder, "data")}
	for _, setting := range all {
		arguments = append(arguments, "-c", setting)
	}
	cmd := asNobody(exec.CommandContext(context.Background(), "/bin/sh", arguments...))
	cmd.Dir = s.Folder
	if err := whenGone(cmd); err != nil {
		s.t.Fatal(err)
	}
	var err error
	for range 600 {
		var conn *pgx.Conn
		if conn, err = s.Connect("postgres"); err == nil {
			_ = conn.Close(context.Background())
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.Folder, "log"))
	s.t.Fatalf("the server does not start: %v\n%s", err, log)
}

// pid gives that of the server; 0: it does not run.
func (s *Server) pid() int {
	text, err := os.ReadFile(filepath.Join(s.Folder, "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// Stop ends the server and its connections, and waits until it is gone.
func (s *Server) Stop() {
	s.t.Helper()
	pid := s.pid()
	if pid == 0 {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return
	}
	for range 600 {
		if s.pid() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("the server does not stop")
}

// Pause stops the server and all its processes where they are: connections stay open, and nothing answers.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets them go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	pid := s.pid()
	if pid == 0 {
		return
	}
	_ = syscall.Kill(pid, signal) // first, so that it makes no further ones; one that is gone needs none
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(pid, signal) // likewise
		}
	}
}

// Connect connects as the superuser.
func (s *Server) Connect(database string) (*pgx.Conn, error) {
	c := s.super.Copy()
	c.Database = database
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return pgx.ConnectConfig(ctx, c)
}

// Super runs statements as the superuser, each by itself.
func (s *Server) Super(t testing.TB, database string, statements ...string) {
	t.Helper()
	conn, err := s.Connect(database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// The password of every database's user: it is hard to write in a URL.
const (
	Password      = "s3cr/t p@ss:w?rd#%"
	PasswordInURL = "s3cr%2Ft%20p%40ss%3Aw%3Frd%23%25"
)

// Database is an empty database with a user of its own.
type Database struct {
	t      testing.TB
	Server *Server
	Name   string // of the database and of its user
}

// Database makes one.
func (s *Server) Database(t testing.TB) *Database {
	t.Helper()
	d := &Database{t: t, Server: s, Name: fmt.Sprintf("claimd%d", databases.Add(1))}
	s.Super(t, "postgres", "create role "+d.Name+" login password '"+Password+"'", "create database "+d.Name+" owner "+d.Name)
	return d
}

// URL leads to the database by TCP.
func (d *Database) URL() string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s", d.Name, PasswordInURL, d.Server.Port, d.Name)
}

// Super runs statements in the database as the superuser.
func (d *Database) Super(statements ...string) {
	d.t.Helper()
	d.Server.Super(d.t, d.Name, statements...)
}

// Number gives what a query as the superuser counts.
func (d *Database) Number(query string, arguments ...any) (n int) {
	d.t.Helper()
	conn, err := d.Server.Connect(d.Name)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), query, arguments...).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}
