package daemon

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

// spoilt are the ways in which a state directory cannot be used, each with what is said about it.
var spoilt = []struct {
	name  string
	spoil func(*site) error
	want  string
}{
	{"writable by others", func(s *site) error { return os.Chmod(s.dir+"/state", 0o777) }, "DIR/state: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/state"},
	{"of another user", func(s *site) error { return os.Chown(s.dir+"/state", 12345, -1) }, "DIR/state: want the owner root, got uid 12345\n  hint: chown root DIR/state"},
	{"a file", func(s *site) error {
		return errors.Join(os.Remove(s.dir+"/state"), os.WriteFile(s.dir+"/state", nil, 0o600))
	}, "mkdir DIR/state: not a directory\n  hint: make it for claimd's user, or set directory under [state]"},
	{"a link to nowhere", func(s *site) error {
		return errors.Join(os.Remove(s.dir+"/state"), os.Symlink(s.dir+"/nowhere", s.dir+"/state"))
	}, "mkdir DIR/state: file exists\n  hint: make it for claimd's user, or set directory under [state]"},
}

func (s *site) spoil(t *testing.T, name string, spoil func(*site) error) {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" && name == "of another user" {
		t.Skip("only root may give a file away")
	}
	mustDo(t, spoil(s))
}

// Without the directory of users nobody could say who is switched off: an empty one in its place would let them all in
// again. So claimd does not start, and leaves nothing behind.
func TestNothingStartsWithoutTheDirectoryOfUsers(t *testing.T) {
	for _, test := range spoilt {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.write(s.toml())
			s.spoil(t, test.name, test.spoil)
			s.begin(func() { t.Error("it says that it is ready") })
			err := <-s.ended
			s.stop()
			s.stop = nil
			if got, want := errorText(err), strings.ReplaceAll("state.directory: "+test.want, "DIR", s.dir); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if _, ok := errors.AsType[*DirectoryError](err); !ok {
				t.Errorf("got a %T", err)
			}
			if _, err := os.Lstat(s.dir + "/run/admin.sock"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the admin socket is left behind: %v", err)
			}
		})
	}
}

// A file that is no directory of users is refused, and stays what it was.
func TestADamagedDirectoryOfUsersEndsTheStart(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	mustDo(t, os.WriteFile(s.dir+"/state/directory.db", []byte(strings.Repeat("no database ", 1000)), 0o600))
	s.begin(func() { t.Error("it says that it is ready") })
	err := <-s.ended
	s.stop()
	s.stop = nil
	refusal, ok := errors.AsType[*directory.Refusal](err)
	if !ok || err.Error() != "state.directory: "+refusal.Problem+"\n  hint: "+refusal.Hint {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadFile(s.dir + "/state/directory.db"); err != nil || !strings.HasPrefix(string(left), "no database ") {
		t.Errorf("the file was touched: %v", err)
	}
}

// A disabled claimd lets nobody in, so it needs nobody's state; it cannot be enabled before there is one.
func TestADisabledClaimdRunsWithoutTheDirectoryOfUsers(t *testing.T) {
	for _, test := range spoilt {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.write(strings.Replace(s.toml(), "enabled = true", "enabled = false", 1))
			s.spoil(t, test.name, test.spoil)
			s.start()
			problem, hint, _ := strings.Cut(strings.ReplaceAll(test.want, "DIR", s.dir), "\n  hint: ")
			for _, said := range []struct{ message, problem string }{
				{"no keys are kept on disk: a restart without network will not be ready", problem},
				{"there is no directory of users; claimd runs without, as enabled = false lets nobody in", "state.directory: " + problem},
			} {
				lines := s.logs.FilterMessage(said.message).All()
				if len(lines) != 1 || lines[0].ContextMap()["error"] != said.problem || lines[0].ContextMap()["hint"] != hint {
					t.Errorf("said %v, want once %q and %q", lines, said.problem, hint)
				}
			}
			if got := s.status().Directory; got.Store != "" || got.Problem != "state.directory: "+problem {
				t.Errorf("status shows %+v", got)
			}
			s.write(s.toml())
			result, err := s.admin.Reload(t.Context())
			mustDo(t, err)
			want := s.config + ":1: enabled: cannot become true while there is no directory of users: state.directory: " + problem + "\n  hint: restart claimd to change it"
			if result.OK || result.Problem != want {
				t.Errorf("got  %s\nwant %s", result.Problem, want)
			}
		})
	}
}

// withDatabase gives the configuration with the URL of a database that nothing answers at.
func (s *site) withDatabase(url string) string {
	mustDo(s.t, os.WriteFile(s.dir+"/etc/url", []byte(url+"\n"), 0o600))
	return s.toml("[state]", "[directory]\nurl_file = \""+s.dir+"/etc/url\"\n[state]")
}

// READY waits for no database: claimd answers 503 until it was read, and needs no state directory for it.
func TestNoStartWaitsForTheDatabase(t *testing.T) {
	s := newSite(t)
	s.write(s.withDatabase("postgres://claimd:sesame@127.0.0.1:1/claimd"))
	mustDo(t, os.Remove(s.dir+"/state"), os.WriteFile(s.dir+"/state", nil, 0o600))
	begun := time.Now()
	s.start()
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("the start took %v", took)
	}
	s.wantAnswer(s.token(), "503 directory_unavailable")
	status := s.status()
	if got := status.Directory; got.Store != "postgresql" || got.Place != "127.0.0.1:1/claimd" || got.Usable {
		t.Errorf("status shows %+v", got)
	}
	for _, line := range s.logs.All() {
		if text := line.Message + " " + strings.Join(fieldTexts(line.ContextMap()), " "); strings.Contains(text, "sesame") {
			t.Errorf("the log holds the password: %s", text)
		}
	}
}

func fieldTexts(fields map[string]any) (texts []string) {
	for _, value := range fields {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// FAULTS 139: the password of the database is changed live; another database is not.
func TestOnlyThePasswordOfTheDatabaseChangesLive(t *testing.T) {
	s := newSite(t)
	const first = "postgres://claimd:sesame@127.0.0.1:1/claimd"
	s.write(s.withDatabase(first))
	s.start()
	reload := func() admin.ReloadResult {
		t.Helper()
		result, err := s.admin.Reload(t.Context())
		mustDo(t, err)
		return result
	}
	before := s.status()
	s.write(s.withDatabase("postgres://claimd:0pen%40@127.0.0.1:1/claimd"))
	if result := reload(); !result.OK || !result.Changed || result.Generation != before.Generation+1 {
		t.Errorf("another password: %+v", result)
	}
	if got := s.status(); got.Hash != before.Hash {
		t.Error("the hash that is shown tells of the password")
	}
	for _, file := range s.status().Files {
		if strings.HasSuffix(file.Path, "/url") && file.SHA256 != "" {
			t.Error("the hash of the secret is shown")
		}
	}
	for _, other := range []string{
		"postgres://claimd:sesame@127.0.0.1:2/claimd", "postgres://claimd:sesame@127.0.0.1:1/other", "postgres://root:sesame@127.0.0.1:1/claimd",
		"postgres://claimd:sesame@127.0.0.1:1/claimd?sslmode=disable",
	} {
		s.write(s.withDatabase(other))
		want := s.config + ":16: directory.url_file: the database cannot change while claimd runs, but for its password: it was started with " +
			"postgres://claimd@127.0.0.1:1/claimd, got " + strings.Replace(other, ":sesame", "", 1) + "\n  hint: restart claimd to change it"
		if result := reload(); result.OK || result.Problem != want {
			t.Errorf("got  %s\nwant %s", result.Problem, want)
		}
	}
	s.write(s.toml())
	want := s.config + ":1: directory.url_file: cannot change while claimd runs: it was started with " + s.dir + "/etc/url, got \"\"\n  hint: restart claimd to change it"
	if result := reload(); result.OK || !strings.Contains(result.Problem, `directory.url_file: cannot change while claimd runs: it was started with `+s.dir+`/etc/url, got ""`) {
		t.Errorf("got  %s\nwant %s", result.Problem, want)
	}
	s.write(s.withDatabase("postgres:/claimd:s3same"))
	result := reload()
	if got := result.Faults.Error(); result.OK || !strings.HasPrefix(got, s.config+":16: directory.url_file: "+s.dir+"/etc/url: ") || strings.Contains(got, "s3same") {
		t.Errorf("got %s", got)
	}
	s.write(s.withDatabase(first))
	if result := reload(); !result.OK {
		t.Errorf("the first password again: %+v", result)
	}
}

// What was seen up to the last request is on record after an orderly stop.
func TestAStopWritesWhatWasSeen(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	mustDo(t, s.end())
	opened, err := directory.Open(t.Context(), directory.Options{Directory: s.dir + "/state"})
	mustDo(t, err)
	defer opened.Close(t.Context())
	page, err := opened.Users(t.Context(), directory.Query{})
	mustDo(t, err)
	if len(page.Users) != 1 || page.Users[0].Groups[0].Name != analysts {
		t.Errorf("on record: %+v", page.Users)
	}
}

// Who was switched off stays so over a restart, and what the administrator was told is on disk though nobody stopped
// claimd in order.
func TestADeactivationOutlivesARestart(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	ada := testDirectory().Users[0].ObjectID
	changed, err := s.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Deactivate, ID: ada})
	mustDo(t, err)
	if !changed.Changed || changed.Before != directory.Active {
		t.Errorf("got %+v", changed)
	}
	s.wantAnswer(token, "403 user_inactive")
	mustDo(t, s.end())
	s.start()
	s.wantAnswer(token, "403 user_inactive")
	if got := s.status().Directory; got.Inactive != 1 || got.Store != "sqlite" || !got.Usable {
		t.Errorf("status shows %+v", got)
	}
}

// The bound on memory follows the users that memory holds, so their number is told as it grows.
func TestTheNumberOfUsersIsToldAsItGrows(t *testing.T) {
	s := newSite(t)
	s.pace.poll = 10 * time.Millisecond
	told := make(chan int, 1)
	s.users = func(known int) {
		select {
		case told <- known:
		default: // the one before was not looked at yet
		}
	}
	s.write(s.toml())
	s.start()
	if first := <-told; first != 0 {
		t.Errorf("%d users at the start, want none", first)
	}
	s.wantAnswer(s.token(), adaAnalyst)
	for limit := time.After(10 * time.Second); ; {
		select {
		case known := <-told:
			if known == 1 {
				return
			}
		case <-limit:
			t.Fatal("not told after 10 seconds")
		}
	}
}

// FAULTS 147: of two daemons on one file the second does not start, and the first serves on.
func TestASecondDaemonOnTheSameDirectoryDoesNotStart(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	second := newSite(t)
	second.write(second.toml("directory = \""+second.dir+"/state\"", "directory = \""+s.dir+"/state\""))
	second.begin(func() { t.Error("it says that it is ready") })
	err := <-second.ended
	second.stop()
	second.stop = nil
	if _, ok := errors.AsType[*directory.Refusal](err); !ok || !strings.HasPrefix(err.Error(), "state.directory: another claimd, process ") {
		t.Errorf("got %v", err)
	}
	s.wantAnswer(s.token(), adaAnalyst)
}

// The watchdog's canary is no user: it leaves no record, and no directory that cannot be read keeps it out.
func TestTheCanaryIsNoUser(t *testing.T) {
	s := newSite(t)
	s.write(s.withDatabase("postgres://claimd@127.0.0.1:1/claimd"))
	s.start()
	canary, err := newSelfTest(t.Context())
	mustDo(t, err)
	defer canary.close()
	mustDo(t, canary.check(t.Context()))
	if got := s.status().Directory.Pending; got != 0 {
		t.Errorf("%d sightings wait", got)
	}
	s.wantAnswer(s.token(), "503 directory_unavailable")
}
