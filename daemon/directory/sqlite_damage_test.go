package directory

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// everything is all that a store tells, to be compared.
type everything struct {
	states  map[Hash]State
	users   []User
	changes []Change
	held    []Count
	strange []Unmatched
}

func readEverything(t *testing.T, s store) (all everything, err error) {
	t.Helper()
	all.states = map[Hash]State{}
	if _, err = s.load(t.Context(), func(hash Hash, state State) { all.states[hash] = state }); err != nil {
		return all, err
	}
	if err = s.each(t.Context(), func(user User) error {
		whole, err := s.user(t.Context(), user.Key)
		all.users = append(all.users, whole)
		return err
	}); err != nil {
		return all, err
	}
	if all.changes, err = s.changed(t.Context(), 0); err != nil {
		return all, err
	}
	if all.held, err = s.held(t.Context(), Groups); err != nil {
		return all, err
	}
	all.strange, err = s.unmatched(t.Context(), 1000)
	return all, err
}

// smallDirectory makes a directory of a few dozen pages, with rows that are longer than a page, and closes it.
func smallDirectory(t *testing.T) (folder string, all everything) {
	t.Helper()
	folder = t.TempDir()
	s := openStore(t, folder)
	var sightings []*Sighting
	for i := range 12 {
		sighting := ada()
		sighting.Key = keyOf(fmt.Sprintf("%08d-ff1a-4d56-abd1-7e4f7d38e474", i))
		sighting.At, sighting.User = after(i), sighting.Key.ID
		sighting.had(fmt.Sprint("group ", i), strings.Repeat("long ", i*90%1000))
		if i == 7 {
			sighting.Email = strings.Repeat("x", 20_000)
		}
		sightings = append(sightings, sighting)
	}
	mustSee(t, s, sightings...)
	for i := range 8 {
		mustAct(t, s, sightings[i].Key.ID, Deactivate)
		mustAct(t, s, strings.Repeat(fmt.Sprint(i), 50+i*900), Deactivate)
	}
	all, err := readEverything(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.makeBackup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return folder, all
}

func openStore(t *testing.T, folder string) *sqliteStore {
	t.Helper()
	s, err := openSQLite(t.Context(), usual(Options{Directory: folder}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judgeDamaged opens a damaged directory: it must be refused with the command that mends it, or tell everything.
func judgeDamaged(t *testing.T, what, folder string, want everything) (refused bool) {
	t.Helper()
	d, err := Open(t.Context(), Options{Directory: folder})
	if err != nil {
		if words := hintOf(err); !strings.Contains(words, "directory.backup.db") || !strings.Contains(words, "systemctl restart claimd") {
			t.Errorf("%s: %v\nhint: %s", what, err, words)
		}
		return true
	}
	defer func() { _ = d.Close(context.WithoutCancel(t.Context())) }()
	got, err := readEverything(t, d.store)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: it was opened, and does not tell everything: %v", what, err)
	}
	return false
}

// FAULTS 146: each page in turn is zeroed, and the file is cut off at each page: then the daemon does not start, or nothing
// is missing.
func TestNoPageOfSQLiteIsLostInSilence(t *testing.T) {
	folder, all := smallDirectory(t)
	path := filepath.Join(folder, sqliteFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 4096
	pages := len(whole) / size
	if len(whole)%size != 0 || pages < 40 {
		t.Fatalf("a file of %d bytes", len(whole))
	}
	refused := 0
	for page := range pages {
		damaged := bytes.Clone(whole)
		clear(damaged[page*size : (page+1)*size])
		for what, content := range map[string][]byte{
			fmt.Sprintf("page %d of %d is zeroed", page+1, pages): damaged,
			fmt.Sprintf("cut off before page %d", page+1):         whole[:page*size],
			fmt.Sprintf("cut off in page %d", page+1):             whole[:page*size+size/2],
		} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if judgeDamaged(t, what, folder, all) {
				refused++
			}
		}
	}
	t.Logf("%d pages, %d of %d damages refused", pages, refused, 3*pages)
	if refused < 3*pages-5 {
		t.Errorf("%d of %d were refused: wanted nearly all", refused, 3*pages)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if judgeDamaged(t, "the whole file", folder, all) {
		t.Error("the whole file is refused")
	}
}

func TestWhatSQLiteCannotBeOpenedIsSaidInWords(t *testing.T) {
	const restore = " && systemctl restart claimd (the backup is of "
	for _, row := range []struct {
		name    string
		damage  func(folder string) error
		problem string // PATH stands for the file
		hint    string // a part of it
	}{
		{"empty", func(folder string) error { return os.Truncate(filepath.Join(folder, sqliteFile), 0) },
			"PATH: the file is damaged: it is empty", restore},
		{"gone", func(folder string) error { return os.Remove(filepath.Join(folder, sqliteFile)) },
			"PATH: the file is damaged: it is gone, and directory.backup.db is there", restore},
		{"gone with its backup, the log is left", func(folder string) error {
			if err := os.Rename(filepath.Join(folder, sqliteFile), filepath.Join(folder, sqliteFile+"-wal")); err != nil {
				return err
			}
			return os.Remove(filepath.Join(folder, sqliteBackup))
		}, "PATH: the file is damaged: it is gone, and directory.db-wal is there", "there is no backup beside it; to begin with an empty directory"},
		{"a few bytes", func(folder string) error { return os.Truncate(filepath.Join(folder, sqliteFile), 7) },
			"PATH: the file is damaged: it has 7 bytes", restore},
		{"no database", func(folder string) error {
			return os.WriteFile(filepath.Join(folder, sqliteFile), bytes.Repeat([]byte("claimd "), 1000), 0o600)
		}, "PATH: the file is damaged: it does not begin as a database of SQLite does", restore},
		{"of another program", func(folder string) error { return pragmas(folder, "application_id = 252006674") },
			"PATH is a database of another program (application id 0x0f055112)", "set another [state] directory"},
		{"of no program", func(folder string) error { return pragmas(folder, "application_id = 0") },
			"PATH is a database of another program (application id 0x00000000)", "set another [state] directory"},
		{"newer", func(folder string) error { return pragmas(folder, "user_version = 77") },
			"PATH was made by claimd 9.8.7: its schema is version 77, and this claimd knows 1", "install that version again"},
		{"a folder", func(folder string) error {
			path := filepath.Join(folder, sqliteFile)
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, "PATH: it is not a file", "move it away"},
	} {
		t.Run(row.name, func(t *testing.T) {
			folder := t.TempDir()
			s, err := openSQLite(t.Context(), usual(Options{Directory: folder, Version: "9.8.7"}))
			if err != nil {
				t.Fatal(err)
			}
			mustAct(t, s, "ada", Deactivate)
			if err := s.makeBackup(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			if err := row.damage(folder); err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), Options{Directory: folder})
			want := strings.ReplaceAll(row.problem, "PATH", s.path)
			if err == nil || err.Error() != want || !strings.Contains(hintOf(err), row.hint) {
				t.Errorf("%v\nhint: %s\nwanted %s\nwith %q in the hint", err, hintOf(err), want, row.hint)
			}
		})
	}
}

// pragmas sets what stands in the header of the file.
func pragmas(folder string, pragma string) error {
	db, err := connect(filepath.Join(folder, sqliteFile), 1, immediate)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`PRAGMA ` + pragma)
	return err
}

// The command of the hint is run as it stands, but for the restart.
func TestTheHintRestoresTheBackup(t *testing.T) {
	for _, name := range []string{"state", "a state's folder $HOME"} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), name)
			s := openStore(t, folder)
			mustAct(t, s, "ada", Deactivate)
			if err := s.makeBackup(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustAct(t, s, "bob", Deactivate)
			mustAct(t, s, "carol", Deactivate)
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(s.path, 5000); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.path+"-wal", []byte("left over"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Options{Directory: folder})
			command, of, found := strings.Cut(hintOf(err), " && systemctl restart claimd")
			if err == nil || !found || !strings.HasSuffix(of, " UTC; changes since then stand in the journal: journalctl -u claimd)") {
				t.Fatalf("%v\nhint: %s", err, hintOf(err))
			}
			if out, err := exec.Command("sh", "-ec", command).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
			s, err = openSQLite(t.Context(), usual(Options{Directory: folder, Host: "alpha", Now: func() time.Time { return after(99) }}))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.close() }()
			if got := mustUser(t, s, "ada"); got.State != Inactive {
				t.Errorf("ada is %s", got.State)
			}
			changes, err := s.changed(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			mark := Change{Sequence: 4, Action: Restored, By: "claimd", Host: "alpha", At: after(99)}
			if len(changes) != 2 || changes[1] != mark {
				t.Errorf("FAULTS 148: the changes are %+v, wanted the mark %+v behind the first", changes, mark)
			}
			if info, err := os.Stat(s.path); err != nil || info.Mode() != 0o600 {
				t.Errorf("the mode is %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestASecondDaemonOnTheFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	first := openStore(t, folder)
	_, err := Open(t.Context(), Options{Directory: folder})
	want := fmt.Sprintf("another claimd, process %d, uses the directory that %s locks", os.Getpid(), filepath.Join(folder, sqliteLock))
	if err == nil || err.Error() != want || hintOf(err) == "" {
		t.Errorf("%v\nhint: %s\nwanted %s", err, hintOf(err), want)
	}
	mustAct(t, first, "ada", Deactivate)
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second := openStore(t, folder)
	defer func() { _ = second.close() }()
	if got := mustUser(t, second, "ada"); got.State != Inactive {
		t.Errorf("ada is %s", got.State)
	}
}

func TestTheFilesOfSQLiteAreTheOwnersAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	s := openStore(t, folder)
	defer func() { _ = s.close() }()
	mustSee(t, s, ada())
	if err := s.makeBackup(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", entry.Name(), info.Mode(), err)
		}
		names = append(names, entry.Name())
	}
	wantEqual(t, "files", names, []string{"directory.backup.db", "directory.db", "directory.db-shm", "directory.db-wal", "directory.db.lock"})
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has the mode %v, %v", info.Mode(), err)
	}
}
