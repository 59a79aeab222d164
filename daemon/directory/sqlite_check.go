package directory

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
)

// largeFile is the size in bytes from which on the file is not checked whole before the start, but behind it: what decides
// is read whole then in any case.
const largeFile = 32 << 20

// checkSize finds a file that lost its end.
func (s *sqliteStore) checkSize(ctx context.Context) error {
	if _, err := s.writer.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return err
	}
	pages, err := pragma(ctx, s.writer, "page_count")
	if err != nil {
		return err
	}
	size, err := pragma(ctx, s.writer, "page_size")
	if err != nil {
		return err
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.Size() != pages*size {
		return fmt.Errorf("%w: it has %d bytes and should have %d", errDamaged, info.Size(), pages*size)
	}
	s.large = info.Size() > largeFile
	return nil
}

// checkAtStart checks all of a small file, and of a large one the changes; its users are read by load.
func (s *sqliteStore) checkAtStart(ctx context.Context) error {
	if !s.large {
		return s.checkAll(ctx)
	}
	for _, table := range []string{"change", "decided", "about"} {
		if err := s.check(ctx, "integrity_check('"+table+"')"); err != nil {
			return err
		}
	}
	return nil
}

// checkAll checks every page and every sum.
func (s *sqliteStore) checkAll(ctx context.Context) error {
	if err := s.check(ctx, "integrity_check"); err != nil {
		return err
	}
	return s.read(ctx, func(r *reader) error {
		var users, profiles int
		if err := r.tx.QueryRowContext(ctx, `SELECT count(*) FROM user`).Scan(&users); err != nil {
			return err
		}
		err := r.rows(selectUser, nil, func(rows *sql.Rows) error {
			profiles++
			_, _, err := scanUser(rows, false)
			return err
		})
		if err == nil && profiles != users {
			err = fmt.Errorf("%w: %d users have no profile", errDamaged, users-profiles)
		}
		if err != nil {
			return err
		}
		_, err = s.changes(ctx, `SELECT `+changeColumns+` FROM change`)
		return err
	})
}

// check runs one of SQLite's own checks.
func (s *sqliteStore) check(ctx context.Context, which string) error {
	rows, err := s.readers.QueryContext(ctx, `PRAGMA `+which)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			first, _, _ := strings.Cut(line, "\n")
			return fmt.Errorf("%w: %s", errDamaged, first)
		}
	}
	return rows.Err()
}
