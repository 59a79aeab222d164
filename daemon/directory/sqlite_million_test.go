package directory

import (
	"context"
	"testing"
	"time"
)

// A million users and 10,000 groups in SQLite; FAULTS 153. Without -long it is 400 users, which shows that the form works.
func TestSQLiteHoldsAMillionUsers(t *testing.T) {
	users, groups := 400, 200
	if *long {
		users, groups = millionUsers, millionGroups
	}
	folder := t.TempDir()
	began := time.Now()
	fillSQLite(t, folder, users, groups)
	t.Logf("filled in %v", time.Since(began).Round(time.Second))
	if !*long {
		d, err := Open(t.Context(), Options{Directory: folder})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = d.Close(t.Context()) }()
		sighting, state := million(users/2, groups)
		if got := d.State(sighting.Key.Hash()); got != state || d.Status().Known != users {
			t.Errorf("%s of %d, wanted %s of %d", got, d.Status().Known, state, users)
		}
		return
	}
	measureMillion(t, users, groups, func() *Directory {
		d, err := Open(t.Context(), Options{Directory: folder})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
		return d
	})
}

// fillSQLite makes a file with so many users, without waiting for the disk.
func fillSQLite(t *testing.T, folder string, users, groups int) {
	t.Helper()
	s, err := openSQLite(t.Context(), usual(Options{Directory: folder}))
	if err != nil {
		t.Fatal(err)
	}
	for _, pragma := range []string{"synchronous = OFF", "cache_size = -500000", "wal_autocheckpoint = 100000"} {
		if _, err := s.writer.ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
	const some = 50_000
	for from := 0; from < users; from += some {
		err := s.transact(t.Context(), func(x *sqliteTx) error {
			for i := from; i < min(from+some, users); i++ {
				sighting, state := million(i, groups)
				if _, err := x.sight(sighting); err != nil {
					return err
				}
				if state == Active {
					continue
				}
				hash := sighting.Key.Hash()
				if _, err := x.exec(`UPDATE user SET state = ? WHERE hash = ?`, state, hash[:]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}
