package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"modernc.org/sqlite" // the driver "sqlite"
)

// The files in the state directory. SQLite puts two of its own beside the first: directory.db-wal and directory.db-shm.
const (
	sqliteFile   = "directory.db"
	sqliteLock   = "directory.db.lock"
	sqliteBackup = "directory.backup.db"
)

// sqliteStore keeps the directory in a file. Memory is the truth while it is open: nobody else writes to the file.
type sqliteStore struct {
	path    string
	backup  string  // the file of it
	writer  *sql.DB // one connection
	readers *sql.DB // a few more, so that a long list holds up no change
	guard   *guard
	large   bool        // too much to be checked whole at the start
	unsaved atomic.Bool // a change was made that no backup has
}

// What judge makes of SQLite's errors.
var (
	errDamaged = errors.New("the file is damaged")
	errUnsafe  = errors.New("the disk failed to keep what was written")
)

const (
	deferred  = "deferred"
	immediate = "immediate"

	readConnections = 4
	walLimit        = 64 << 20 // bytes that the write-ahead log keeps of the disk once it was larger
)

// connect opens connections to the file, which must be there; none is made yet. begin says what a transaction locks:
// deferred or immediate.
func connect(path string, connections int, begin string, pragmas ...string) (*sql.DB, error) {
	values := url.Values{"mode": {"rw"}, "_txlock": {begin}, "_error_rc": {"1"}}
	for _, pragma := range append([]string{
		"busy_timeout(5000)", "foreign_keys(1)", "synchronous(FULL)", "temp_store(MEMORY)", "trusted_schema(0)",
		"cell_size_check(1)", fmt.Sprintf("journal_size_limit(%d)", walLimit),
	}, pragmas...) {
		values.Add("_pragma", pragma)
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: values.Encode()}
	connector, err := sqlite.NewConnector(name.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// connect opens the connections of the store.
func (s *sqliteStore) connect() (err error) {
	s.writer, err = connect(s.path, 1, immediate, "journal_mode(WAL)", "cache_size(-16384)")
	if err != nil {
		return err
	}
	s.readers, err = connect(s.path, readConnections, deferred, "query_only(1)", "cache_size(-8192)")
	return err
}

func (s *sqliteStore) close() error {
	var all []error
	for _, db := range []*sql.DB{s.readers, s.writer} { // the last one removes the write-ahead log
		if db != nil {
			all = append(all, db.Close())
		}
	}
	return errors.Join(append(all, s.guard.close())...)
}

// judge puts what SQLite says into words, and marks what has consequences.
func (s *sqliteStore) judge(err error) error {
	var failure *sqlite.Error
	if err == nil || !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() {
	case sqliteFull, sqliteShmSize:
		return &Refusal{
			Problem: "no space is left for " + s.path,
			Hint:    "make room on that file system (df " + s.path + "); nothing needs to be restarted",
		}
	case sqliteFsync, sqliteDirFsync:
		return fmt.Errorf("%w: %s: %w", errUnsafe, s.path, err)
	}
	switch failure.Code() & 0xff {
	case sqliteBusy:
		return &Refusal{
			Problem: s.path + " is held by another program",
			Hint:    "fuser " + s.path + " names it",
		}
	case sqliteReadOnly, sqliteCantOpen, sqlitePerm:
		return &Refusal{
			Problem: fmt.Sprintf("%s cannot be written: %s", s.path, strings.TrimSpace(failure.Error())),
			Hint:    "ls -la shows whose it and its directory are; the file system may be mounted read-only",
		}
	case sqliteCorrupt, sqliteNotADatabase:
		return fmt.Errorf("%w: %s: %w", errDamaged, s.path, err)
	case sqliteTooBig, sqliteConstraint, sqliteMismatch:
		return fmt.Errorf("%w: %s: %w", errRow, s.path, err)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// Result codes (sqlite.org/rescode.html).
const (
	sqlitePerm         = 3
	sqliteBusy         = 5
	sqliteReadOnly     = 8
	sqliteCorrupt      = 11
	sqliteFull         = 13
	sqliteCantOpen     = 14
	sqliteTooBig       = 18
	sqliteConstraint   = 19
	sqliteMismatch     = 20
	sqliteNotADatabase = 26
	sqliteFsync        = 10 | 4<<8
	sqliteDirFsync     = 10 | 5<<8
	sqliteShmSize      = 10 | 19<<8
)

// pragma reads a number.
func pragma(ctx context.Context, db *sql.DB, name string) (number int64, err error) {
	err = db.QueryRowContext(ctx, `PRAGMA `+name).Scan(&number)
	return number, err
}
