package directory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestWhenABackupIsDue(t *testing.T) {
	for _, row := range []struct {
		name string
		plan backupPlan
		want bool
	}{
		{"never made", backupPlan{}, true},
		{"made just now", backupPlan{last: noon}, false},
		{"nearly a day old", backupPlan{last: noon.Add(-backupEvery + 1)}, false},
		{"a day old", backupPlan{last: noon.Add(-backupEvery)}, true},
		{"the clock was put back", backupPlan{last: noon.Add(1)}, true},
		{"a change just now", backupPlan{last: noon.Add(-time.Hour), changed: noon.Add(-backupAfter + 1)}, false},
		{"a change half a minute ago", backupPlan{last: noon.Add(-time.Hour), changed: noon.Add(-backupAfter)}, true},
		{"a change soon after a backup", backupPlan{last: noon.Add(-backupApart + 1), changed: noon.Add(-5 * time.Minute)}, false},
		{"ten minutes after that", backupPlan{last: noon.Add(-backupApart), changed: noon.Add(-5 * time.Minute)}, true},
		{"failed just now", backupPlan{tried: noon.Add(-time.Minute + 1)}, false},
		{"failed a minute ago", backupPlan{tried: noon.Add(-time.Minute)}, true},
	} {
		if got := row.plan.due(noon); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

func TestABackupIsMadeAtTheStartAndHasEverything(t *testing.T) {
	folder := t.TempDir()
	s := openStore(t, folder)
	mustSee(t, s, ada(), seen("bob", 1).had("A"))
	mustAct(t, s, "bob", Deactivate)
	want, err := readEverything(t, s)
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
	d, _ := openWatched(t, folder)
	inTime(t, "the backup", func() bool { return !d.Status().BackupAt.IsZero() })
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.Rename(filepath.Join(folder, sqliteBackup), filepath.Join(elsewhere, sqliteFile)); err != nil {
		t.Fatal(err)
	}
	if judgeDamaged(t, "the backup", elsewhere, want) {
		t.Error("the backup is refused")
	}
}

// FAULTS 148: backups while others write are of one moment each, and hold up nobody.
func TestABackupWhileWritingIsConsistent(t *testing.T) {
	folder := t.TempDir()
	s := openStore(t, folder)
	defer func() { _ = s.close() }()
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var acknowledged uint64
	writing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := s.write(t.Context(), batch{sightings: []*Sighting{versioned(keyOf("ada"), i), versioned(keyOf("bob"), i)}}); err != nil {
				t.Error(err)
			}
			change, err := s.change(t.Context(), Change{Key: keyOf("carol"), Action: []Action{Deactivate, Activate}[i%2], At: noon}, "")
			if err != nil {
				t.Error(err)
			}
			acknowledged = change.Sequence
		}
	})
	for range 5 {
		if err := s.makeBackup(t.Context()); err != nil {
			t.Fatal(err)
		}
		elsewhere := t.TempDir()
		if err := os.Rename(s.backup, filepath.Join(elsewhere, sqliteFile)); err != nil {
			t.Fatal(err)
		}
		copied := openStore(t, elsewhere)
		users := map[string]string{}
		err := copied.each(t.Context(), func(user User) error {
			if user.Email != "" {
				wantWhole(t, copied, user.Key)
				users[user.Key.ID] = user.Email
			}
			return nil
		})
		if err := errors.Join(err, copied.close()); err != nil || users["ada"] != users["bob"] {
			t.Errorf("%v, %v", users, err)
		}
	}
	cancel()
	writing.Wait()
	if _, sequence := loadAll(t, s); sequence != acknowledged || sequence == 0 {
		t.Errorf("%d changes, %d acknowledged", sequence, acknowledged)
	}
}

func TestABackupThatFailsLeavesTheOneBefore(t *testing.T) {
	folder := smallDisk(t, 8<<20)
	s := openStore(t, folder)
	mustAct(t, s, "ada", Deactivate)
	if err := s.makeBackup(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.close(), os.WriteFile(filepath.Join(folder, "filler"), make([]byte, 5<<20), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.backup, noon, noon); err != nil {
		t.Fatal(err)
	}
	d, logs := openWatched(t, folder)
	inTime(t, "the problem", func() bool { return strings.Contains(d.Status().Problem, "no room for a backup of "+s.path) })
	if n := logs.FilterMessage(troubles[backingUp]).Len(); n != 1 {
		t.Errorf("it stands in the log %d times", n)
	}
	if !d.Status().BackupAt.Equal(noon) {
		t.Errorf("the last backup is of %v", d.Status().BackupAt)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	other := &sqliteStore{path: s.path, backup: s.backup}
	if err := os.Remove(filepath.Join(folder, "filler")); err != nil {
		t.Fatal(err)
	}
	if err := other.makeBackup(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a backup that is broken off: %v", err)
	}
	after, err := os.ReadFile(s.backup)
	if err != nil || string(after) != string(before) {
		t.Errorf("the backup before has changed: %v", err)
	}
	if _, err := os.Stat(s.backup + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a half backup is left: %v", err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Behind the start of a large file the rest of it is checked, and what is found is told; a good backup stays.
func TestDamageOfALargeFileIsFoundBehindTheStart(t *testing.T) {
	folder, _ := smallDirectory(t)
	path := filepath.Join(folder, sqliteFile)
	db, err := connect(path, 1, immediate)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE profile SET email = 'mallory' WHERE user = 7`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(folder, sqliteBackup))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Options{Directory: folder})
	if want := path + ": the file is damaged: the profile of a user"; err == nil || err.Error() != want {
		t.Errorf("a small file: %v, wanted %s", err, want)
	}
	s := openStoreAs(t, folder, true)
	d := newDirectory(s, usual(Options{Directory: folder}), "sqlite", path)
	d.run(func(ctx context.Context) { s.keep(ctx, d) })
	if _, err := s.load(t.Context(), func(Hash, State) {}); err != nil {
		t.Error(err)
	}
	inTime(t, "the problem", func() bool {
		return d.Status().Problem == path+": the file is damaged: the profile of a user"
	})
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(folder, sqliteBackup)); err != nil || !os.SameFile(info, before) {
		t.Errorf("the good backup was replaced by one of a damaged file: %v", err)
	}
}

// openStoreAs opens the file without the checks of its start, as if it were large.
func openStoreAs(t *testing.T, folder string, large bool) *sqliteStore {
	t.Helper()
	s := &sqliteStore{path: filepath.Join(folder, sqliteFile), backup: filepath.Join(folder, sqliteBackup)}
	var err error
	if s.guard, err = openGuard(filepath.Join(folder, sqliteLock)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.connect(), s.checkSize(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.large = large
	if err := s.checkAtStart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWordsThatNobodyHasGo(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer func() { _ = s.close() }()
	mustSee(t, s, seen("ada", 0).had("A", "B"))
	mustSee(t, s, seen("ada", 1).had("B"))
	if err := s.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	var texts string
	if err := s.readers.QueryRow(`SELECT group_concat(text) FROM (SELECT text FROM word ORDER BY text)`).Scan(&texts); err != nil || texts != "B,app,contoso" {
		t.Errorf("the words are %q, %v", texts, err)
	}
	mustSee(t, s, seen("bob", 1).had("A"))
	wantEqual(t, "who has A", ids(t, s, Query{Group: "A"}, 10), []string{"bob"})
}

// FAULTS 149: a migration is killed at each of its writes in turn; what is left opens as the old version or the new one.
func TestAMigrationThatIsKilledLeavesTheOldOrTheNew(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		missing(t, "no strace: a migration is not killed\n  hint: apt-get install strace")
	}
	folder := t.TempDir()
	s := openStore(t, folder)
	mustSee(t, s, ada())
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[int64]int{}
	for n := 1; ; n++ {
		for _, end := range []string{"-wal", "-shm"} {
			_ = os.Remove(s.path + end) // where there is none, it is well
		}
		if err := os.WriteFile(s.path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command("strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,fdatasync", "-e", //nolint:gosec // ours
			fmt.Sprintf("inject=pwrite64,fsync,fdatasync:signal=KILL:when=%d", n), os.Args[0])
		command.Env = append(os.Environ(), victimVariable+`={"Migrate":"`+s.path+`"}`)
		out, err := command.CombinedOutput()
		status, ok := errors.AsType[*exec.ExitError](err)
		killed := ok && (status.Sys().(syscall.WaitStatus).Signaled() || status.ExitCode() == 137)
		if err != nil && !killed {
			t.Fatalf("%v\n%s", err, out)
		}
		version := versionAndRows(t, s.path)
		versions[version]++
		if !killed {
			if version != int64(len(sqliteSteps)+2) {
				t.Errorf("a migration that nobody killed ends with version %d", version)
			}
			break
		}
	}
	if len(versions) < 3 {
		t.Errorf("versions left: %v; wanted each of the three", versions)
	}
	t.Logf("versions left: %v", versions)
}

// furtherSteps are two migrations that a later claimd could have.
var furtherSteps = []string{
	`CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT; INSERT INTO note (text) SELECT id FROM profile;
	ALTER TABLE user ADD COLUMN hue INTEGER NOT NULL DEFAULT 7;`,
	`UPDATE user SET hue = 8; DROP TABLE note;`,
}

// versionAndRows opens the file as SQLite does, and checks that the rows fit the version.
func versionAndRows(t *testing.T, path string) int64 {
	t.Helper()
	db, err := connect(path, 1, immediate)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	version, err := pragma(t.Context(), db, "user_version")
	if err != nil {
		t.Fatal(err)
	}
	base := int64(len(sqliteSteps))
	var notes, hue int64
	_ = db.QueryRow(`SELECT count(*) FROM note`).Scan(&notes) // no table: 0
	_ = db.QueryRow(`SELECT hue FROM user`).Scan(&hue)        // likewise
	var check string
	if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		t.Errorf("%s, %v", check, err)
	}
	want := map[int64][2]int64{base: {0, 0}, base + 1: {1, 7}, base + 2: {0, 8}}
	if got, known := want[version]; !known || got != [2]int64{notes, hue} {
		t.Errorf("version %d has %d notes and the hue %d", version, notes, hue)
	}
	return version
}
