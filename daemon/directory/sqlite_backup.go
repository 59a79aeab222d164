package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// When the file is backed up.
const (
	backupEvery = 24 * time.Hour
	backupAfter = 30 * time.Second // an administrator's change, so that his next ones are in it
	backupApart = 10 * time.Minute // two because of changes
	backupLook  = 5 * time.Second  // whether one is due
	backupRoom  = 4 << 20          // bytes that it leaves free on the file system
)

// keep looks after the file until ctx ends: it checks the rest of a large one, and backs it up every day and soon after
// changes. A damaged one never takes the place of a good backup.
func (s *sqliteStore) keep(ctx context.Context, d *Directory) {
	if s.large {
		err := s.checkAll(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.problems.set(checking, s.refuse(err))
			return
		}
	}
	plan := backupPlan{last: s.backupTime()}
	if changed, err := s.lastChange(ctx); err == nil && changed.After(plan.last) {
		plan.changed = changed
	}
	d.backupAt.Store(max(0, plan.last.Unix()))
	look := time.NewTicker(backupLook)
	defer look.Stop()
	for {
		now := d.now()
		if s.unsaved.Swap(false) && plan.changed.IsZero() {
			plan.changed = now
		}
		if plan.due(now) && !d.readOnly.Load() {
			s.backUp(ctx, d, &plan, now)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// backupPlan says when the next backup is due.
type backupPlan struct {
	last    time.Time // when one was made; zero: never
	tried   time.Time // when one failed
	changed time.Time // the first change that no backup has; zero: there is none
}

func (p *backupPlan) due(now time.Time) bool {
	if since := now.Sub(p.tried); since >= 0 && since < time.Minute {
		return false
	}
	since := now.Sub(p.last)
	if p.last.IsZero() || since >= backupEvery || since < 0 { // the clock was put back
		return true
	}
	return !p.changed.IsZero() && now.Sub(p.changed) >= backupAfter && since >= backupApart
}

func (s *sqliteStore) backUp(ctx context.Context, d *Directory, plan *backupPlan, now time.Time) {
	changed := plan.changed
	plan.changed = time.Time{}
	err := errors.Join(s.tidy(ctx), s.makeBackup(ctx))
	if ctx.Err() != nil {
		return
	}
	d.problems.set(backingUp, err)
	if err != nil {
		plan.tried, plan.changed = now, changed
		return
	}
	plan.last, plan.tried = now, time.Time{}
	d.backupAt.Store(now.Unix())
	d.log.Debug("the directory was backed up", zap.String("file", s.backup))
}

// backupTime gives the time of the backup that is there; zero: there is none.
func (s *sqliteStore) backupTime() time.Time {
	info, err := os.Stat(s.backup)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (s *sqliteStore) lastChange(ctx context.Context) (time.Time, error) {
	var at int64
	err := s.readers.QueryRowContext(ctx, `SELECT coalesce((SELECT at FROM change ORDER BY sequence DESC LIMIT 1), 0)`).Scan(&at)
	return fromMicros(at), err
}

// makeBackup writes the backup of this moment: whole, or the one before stays. It reads, so that writers go on.
func (s *sqliteStore) makeBackup(ctx context.Context) error {
	if err := s.roomForBackup(); err != nil {
		return err
	}
	fresh := s.backup + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file
	if err != nil {
		return err
	}
	defer file.Close()
	db, err := connect(s.path, 1, deferred)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, fresh)
	if err := errors.Join(err, db.Close()); err != nil {
		return errors.Join(s.judge(err), os.Remove(fresh))
	}
	if err := putInPlace(file, fresh, s.backup); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// roomForBackup refuses a backup that would take the room that the directory itself needs.
func (s *sqliteStore) roomForBackup() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	var system syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(s.path), &system); err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(s.path), err)
	}
	free, need := int64(system.Bavail)*system.Bsize, info.Size()+info.Size()/10+backupRoom
	if free < need {
		return &Refusal{
			Problem: fmt.Sprintf("no room for a backup of %s: %d MiB are free and %d are wanted", s.path, free>>20, need>>20),
			Hint:    "make room on that file system; nothing needs to be restarted",
		}
	}
	return nil
}

// tidy removes the words that nobody has any more, some at a time, so that no change waits for long.
func (s *sqliteStore) tidy(ctx context.Context) error {
	const some = 1000
	for from := int64(0); ; {
		var last int64
		err := s.transact(ctx, func(t *sqliteTx) error {
			_, err := t.row(`SELECT coalesce(max(id), 0) FROM (SELECT id FROM word WHERE id > ? ORDER BY id LIMIT ?)`,
				[]any{from, some}, &last)
			if err != nil || last == 0 {
				return err
			}
			_, err = t.exec(`DELETE FROM word WHERE id > ? AND id <= ? AND kind <> ?
				AND NOT EXISTS (SELECT 1 FROM held WHERE held.word = word.id)`, from, last, plainWord)
			return err
		})
		if err != nil || last == 0 {
			return s.judge(err)
		}
		from = last
	}
}
