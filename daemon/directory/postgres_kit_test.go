package directory

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

// A real PostgreSQL for tests, of Debian's package. It refuses to run as root: then it runs as nobody.

// postgresPrograms gives the folder of the newest PostgreSQL that is installed.
func postgresPrograms(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is a right one
	if len(found) == 0 {
		const words = "no PostgreSQL: /usr/lib/postgresql is empty; hint: apt-get install postgresql"
		if os.Getenv("CI") != "" {
			t.Fatal(words)
		}
		t.Skip(words)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return postgresVersion(a) - postgresVersion(b) })
	return filepath.Dir(newest)
}

func postgresVersion(path string) int {
	version, _ := strconv.Atoi(strings.Split(path, "/")[4]) // 0 for what is no number
	return version
}

// nobody is whom the server runs as where the tests run as root.
const nobody = 65534

func asNobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin", "TZ=UTC"}
	return cmd
}

// newPostgresFolder makes a folder that the server may write to. Its path is short, as that of a unix socket must be.
func newPostgresFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "claimd-pg-")
	if err == nil && os.Getuid() == 0 {
		err = os.Chown(folder, nobody, nobody)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

const superPassword = "the one of the superuser"

// cluster is a fresh cluster in the folder: initdb once a test binary, copies of that for further servers.
var cluster struct {
	once   sync.Once
	folder string
	err    error
}

func initCluster(t testing.TB, programs string) string {
	t.Helper()
	cluster.once.Do(func() {
		cluster.folder = newPostgresFolder(t)
		file := filepath.Join(cluster.folder, "password")
		if cluster.err = os.WriteFile(file, []byte(superPassword), 0o644); cluster.err != nil {
			return
		}
		cmd := asNobody(exec.Command(filepath.Join(programs, "initdb"), "-D", filepath.Join(cluster.folder, "data"), "-A", "scram-sha-256",
			"-U", "postgres", "--pwfile="+file, "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C"))
		if text, err := cmd.CombinedOutput(); err != nil {
			cluster.err = fmt.Errorf("initdb: %w\n%s", err, text)
			return
		}
		cluster.err = sweepAtEnd(cluster.folder)
	})
	if cluster.err != nil {
		t.Fatal(cluster.err)
	}
	return filepath.Join(cluster.folder, "data")
}

// sweepAtEnd removes the folder when this process is gone, however it ends.
func sweepAtEnd(folder string) error {
	return whenGone(asNobody(exec.Command("/bin/sh", "-c", `read -r _; rm -rf "$1"`, "sh", folder)))
}

// whenGone starts the command with a pipe as its standard input that ends with this process.
func whenGone(cmd *exec.Cmd) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = read
	if err := cmd.Start(); err != nil {
		return err
	}
	kept.Lock()
	defer kept.Unlock()
	kept.ends = append(kept.ends, write)
	return read.Close()
}

// kept holds the pipes open: a file that nobody holds is closed by the garbage collector.
var kept struct {
	sync.Mutex
	ends []*os.File
}

// postgresServer is one server, on loopback and on a unix socket in its folder.
type postgresServer struct {
	t        testing.TB
	programs string
	folder   string
	port     int
	settings []string
}

var (
	sharedServer struct {
		sync.Mutex
		of *postgresServer
	}
	databases atomic.Int64
)

// sharedPostgres gives the server that the tests of this binary share; it ends with the binary.
func sharedPostgres(t testing.TB) *postgresServer {
	t.Helper()
	sharedServer.Lock()
	defer sharedServer.Unlock()
	if sharedServer.of == nil {
		s := makePostgres(t, "max_connections=60")
		if err := sweepAtEnd(s.folder); err != nil {
			t.Fatal(err)
		}
		s.start()
		sharedServer.of = s
	}
	return sharedServer.of
}

// newPostgres starts a server of the test's own, with these settings beside the usual ones.
func newPostgres(t testing.TB, settings ...string) *postgresServer {
	t.Helper()
	s := makePostgres(t, settings...)
	t.Cleanup(func() {
		s.resume()
		s.stop()
		os.RemoveAll(s.folder)
	})
	s.start()
	return s
}

func makePostgres(t testing.TB, settings ...string) *postgresServer {
	t.Helper()
	programs := postgresPrograms(t)
	template := initCluster(t, programs)
	s := &postgresServer{t: t, programs: programs, folder: newPostgresFolder(t), port: freePort(t), settings: settings}
	if text, err := asNobody(exec.Command("/bin/cp", "-a", template, s.folder)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// start starts the server and waits until it answers. It is killed when this process is gone.
func (s *postgresServer) start() {
	s.t.Helper()
	all := append([]string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=" + s.folder, "fsync=off",
		"full_page_writes=off", "autovacuum=off", "shared_buffers=32MB", "max_wal_size=4GB", "log_min_messages=warning",
	}, s.settings...)
	script := `"$0" "$@" >>log 2>&1 & read -r _; kill -KILL $! 2>/dev/null`
	arguments := []string{"-c", script, filepath.Join(s.programs, "postgres"), "-D", filepath.Join(s.folder, "data")}
	for _, setting := range all {
		arguments = append(arguments, "-c", setting)
	}
	cmd := asNobody(exec.Command("/bin/sh", arguments...))
	cmd.Dir = s.folder
	if err := whenGone(cmd); err != nil {
		s.t.Fatal(err)
	}
	var err error
	for range 600 {
		var conn *pgx.Conn
		if conn, err = s.connect("postgres"); err == nil {
			conn.Close(context.Background())
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
	s.t.Fatalf("the server does not start: %v\n%s", err, log)
}

// pid gives that of the server; 0: it does not run.
func (s *postgresServer) pid() int {
	text, err := os.ReadFile(filepath.Join(s.folder, "data", "postmaster.pid"))
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

// stop ends the server and its connections, and waits until it is gone.
func (s *postgresServer) stop() {
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

// pause stops the server and all its processes where they are: connections stay open, and nothing answers.
func (s *postgresServer) pause() { s.signal(syscall.SIGSTOP) }

// resume lets them go on.
func (s *postgresServer) resume() { s.signal(syscall.SIGCONT) }

func (s *postgresServer) signal(signal syscall.Signal) {
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

// connect connects as the superuser.
func (s *postgresServer) connect(database string) (*pgx.Conn, error) {
	u := &postgresURL{host: s.folder, port: uint16(s.port), user: "postgres", password: superPassword, database: database}
	c, err := connectConfig(u, newLines())
	if err != nil {
		return nil, err
	}
	if err := setSecrets(c, u); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return pgx.ConnectConfig(ctx, c)
}

// super runs statements as the superuser, each by itself.
func (s *postgresServer) super(t testing.TB, database string, statements ...string) {
	t.Helper()
	conn, err := s.connect(database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// postgresPassword is hard to write in a URL.
const (
	postgresPassword   = "s3cr/t p@ss:w?rd#%"
	postgresPasswordIn = "s3cr%2Ft%20p%40ss%3Aw%3Frd%23%25"
)

// postgresDatabase is an empty database with a user of its own.
type postgresDatabase struct {
	t      testing.TB
	server *postgresServer
	name   string // of both
}

// database makes one.
func (s *postgresServer) database(t testing.TB) *postgresDatabase {
	t.Helper()
	d := &postgresDatabase{t: t, server: s, name: fmt.Sprintf("claimd%d", databases.Add(1))}
	s.super(t, "postgres", "create role "+d.name+" login password '"+postgresPassword+"'", "create database "+d.name+" owner "+d.name)
	return d
}

// url leads to the database by TCP.
func (d *postgresDatabase) url() string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s", d.name, postgresPasswordIn, d.server.port, d.name)
}

// super runs statements in the database as the superuser.
func (d *postgresDatabase) super(statements ...string) {
	d.t.Helper()
	d.server.super(d.t, d.name, statements...)
}

// number gives what a query as the superuser counts.
func (d *postgresDatabase) number(query string, arguments ...any) (n int) {
	d.t.Helper()
	conn, err := d.server.connect(d.name)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), query, arguments...).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
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
