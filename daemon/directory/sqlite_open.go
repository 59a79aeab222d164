package directory

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
)

// openSQLite opens the file, or makes it where there never was one. It is refused where it is not sure that the file tells
// every state that it ever told.
func openSQLite(ctx context.Context, options Options) (*sqliteStore, error) {
	if err := config.MakeDirectory(options.Directory, 0o700); err != nil {
		return nil, err
	}
	s := &sqliteStore{
		path:   filepath.Join(options.Directory, sqliteFile),
		backup: filepath.Join(options.Directory, sqliteBackup),
	}
	var err error
	if s.guard, err = openGuard(filepath.Join(options.Directory, sqliteLock)); err != nil {
		return nil, err
	}
	if err := s.open(ctx, options); err != nil {
		return nil, errors.Join(s.refuse(err), s.close())
	}
	return s, nil
}

func (s *sqliteStore) open(ctx context.Context, options Options) error {
	err := s.look()
	if errors.Is(err, fs.ErrNotExist) {
		err = s.create(ctx, options.Version)
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(s.path, 0o600); err != nil { // a restored one may have another mode
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	if err := s.refuseNewer(ctx); err != nil {
		return err
	}
	if err := s.checkSize(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, s.writer, options.Version, sqliteSteps); err != nil {
		return err
	}
	if err := s.checkAtStart(ctx); err != nil {
		return err
	}
	return s.markRestored(ctx, options)
}

// look checks what can be told of the file without SQLite: fs.ErrNotExist where there is none, and nothing says that there
// was one.
func (s *sqliteStore) look() error {
	file, err := os.OpenFile(s.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		for _, rest := range []string{s.backup, s.path + "-wal"} {
			if _, restErr := os.Lstat(rest); !errors.Is(restErr, fs.ErrNotExist) {
				return fmt.Errorf("%w: it is gone, and %s is there", errDamaged, filepath.Base(rest))
			}
		}
		return err
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return cmp.Or(err, error(&Refusal{Problem: s.path + ": it is not a file", Hint: "move it away"}))
	}
	header := make([]byte, 100) // sqlite.org/fileformat2.html, 1.3
	n, err := io.ReadFull(file, header)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it is empty", errDamaged)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it has %d bytes", errDamaged, n)
	case err != nil:
		return err
	case string(header[:16]) != "SQLite format 3\x00":
		return fmt.Errorf("%w: it does not begin as a database of SQLite does", errDamaged)
	}
	if id := binary.BigEndian.Uint32(header[68:]); id != applicationID {
		return &Refusal{
			Problem: fmt.Sprintf("%s is a database of another program (application id %#08x)", s.path, id),
			Hint:    "move it away, or set another [state] directory",
		}
	}
	return nil
}

// create makes the file under another name, so that it is there whole or not at all.
func (s *sqliteStore) create(ctx context.Context, version string) error {
	fresh := s.path + ".new"
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(fresh + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	db, err := connect(fresh, 1, immediate, "journal_mode(WAL)")
	if err != nil {
		return err
	}
	if err := errors.Join(migrate(ctx, db, version, sqliteSteps), db.Close()); err != nil {
		return err
	}
	return putInPlace(file, fresh, s.path)
}

// putInPlace gives the file its name, once it is on disk.
func putInPlace(file *os.File, from, to string) error {
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// refuseNewer refuses a schema that a newer claimd made.
func (s *sqliteStore) refuseNewer(ctx context.Context) error {
	version, err := pragma(ctx, s.writer, "user_version")
	if err != nil || version <= int64(len(sqliteSteps)) {
		return err
	}
	maker := "a newer claimd"
	var by string
	if s.writer.QueryRowContext(ctx, `SELECT value FROM about WHERE key = 'made_by'`).Scan(&by) == nil && by != "" {
		maker = "claimd " + by
	}
	return &Refusal{
		Problem: fmt.Sprintf("%s was made by %s: its schema is version %d, and this claimd knows %d", s.path, maker, version,
			len(sqliteSteps)),
		Hint: "install that version again, or restore a backup from before it",
	}
}

// markRestored keeps on record that an older file was put in place, where the changes that it lacks are known to have been
// made: the numbers of those are not used again.
func (s *sqliteStore) markRestored(ctx context.Context, options Options) error {
	var last uint64
	err := s.writer.QueryRowContext(ctx, `SELECT coalesce(max(sequence), 0) FROM change`).Scan(&last)
	if err != nil || last >= s.guard.noted {
		return err
	}
	mark := Change{
		Sequence: s.guard.noted + 1, Action: Restored, By: "claimd", Host: options.Host,
		At: options.Now().UTC().Truncate(time.Microsecond),
	}
	err = s.transact(ctx, func(t *sqliteTx) error {
		_, err := t.record(mark)
		return err
	})
	if err != nil {
		return err
	}
	options.Log.Warn("the directory was restored from an older one: changes are missing", zap.String("file", s.path),
		zap.Uint64("first_missing", last+1), zap.Uint64("last_missing", s.guard.noted))
	s.guard.note(mark.Sequence)
	return nil
}
