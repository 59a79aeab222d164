package daemon

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

func TestRunLetsATokenInAndLeavesNothingBehind(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	status := s.status()
	if status.Generation != 1 || !status.Enabled || !status.Ready || status.Groups != 1 || status.Roles != 1 ||
		status.Version != "test" || status.PID != os.Getpid() || len(status.Hash) != 64 || len(status.Files) != 1 ||
		status.Files[0].Path != s.config || status.Counts.Allowed == 0 || time.Since(status.StartedAt) > time.Minute {
		t.Errorf("status %+v", status)
	}
	explanation, err := s.admin.Explain(t.Context(), s.token())
	if err != nil || !explanation.Allowed || explanation.Generation != 1 {
		t.Errorf("explain: %+v %v", explanation, err)
	}
	mustDo(t, s.end())
	for _, socket := range []string{"run/gate.sock", "run/admin.sock"} {
		if _, err := os.Lstat(filepath.Join(s.dir, socket)); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", socket, err)
		}
	}
}

// get gives the status of a health path.
func (s *site) get(path string) int {
	response, err := s.http.Get("http://claimd" + path)
	if err != nil {
		s.t.Error(err)
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// READY comes at once although the provider never answers; /livez is good, /readyz is not until the keys are there.
func TestReadyNeverWaitsForKeys(t *testing.T) {
	t.Parallel()
	s := newSiteAlone(t)
	s.tenant.SetFaults(entratest.Faults{Delay: 5 * time.Second})
	s.write(s.toml())
	began := time.Now()
	s.start()
	if took := time.Since(began); took > time.Second {
		t.Errorf("ready after %s", took)
	}
	if livez, readyz := s.get("/livez"), s.get("/readyz"); livez != 200 || readyz != 503 {
		t.Errorf("livez %d, readyz %d, want 200 and 503", livez, readyz)
	}
	if got := s.ask(s.token()); got != "503 keys_unavailable" {
		t.Errorf("without keys: %s", got)
	}
}

// Restarted while the provider is down: claimd is ready at once from the keys that the state directory kept.
func TestARestartWithoutNetworkIsReadyFromKeptKeys(t *testing.T) {
	s := newSiteAlone(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	wantKeptKeys(t, s)
	mustDo(t, s.end())
	s.tenant.Close()
	s.start()
	if got := s.get("/readyz"); got != http.StatusOK {
		t.Errorf("readyz %d", got)
	}
	if got := s.ask(token); got != adaAnalyst {
		t.Errorf("from kept keys: %s", got)
	}
	if source := s.status().Providers[0].Documents[1].Source; source != "disk" {
		t.Errorf("the keys come from %s", source)
	}
}

func wantKeptKeys(t *testing.T, s *site) (files []string) {
	t.Helper()
	eventually(t, func() (string, bool) {
		files, _ = filepath.Glob(s.dir + "/state/keys/*")
		return "no keys are kept", len(files) > 0 && !strings.Contains(files[0], ".new")
	})
	return files
}

// Somebody changes the kept keys while claimd is stopped, one byte in each place in turn: they are not used.
func TestKeptKeysThatWereTamperedWithAreNotUsed(t *testing.T) {
	s := newSiteAlone(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	file := wantKeptKeys(t, s)[0]
	mustDo(t, s.end())
	s.tenant.Close()
	good, err := os.ReadFile(file)
	mustDo(t, err)
	for _, at := range []int{0, len(good) / 3, len(good) / 2, len(good) - 10} {
		bad := slices.Clone(good)
		bad[at] ^= 1
		mustDo(t, os.WriteFile(file, bad, 0o600))
		s.start()
		if got := s.get("/readyz"); got != http.StatusServiceUnavailable {
			t.Errorf("byte %d changed: readyz %d", at, got)
		}
		if got := s.ask(token); got != "503 keys_unavailable" {
			t.Errorf("byte %d changed: %s", at, got)
		}
		mustDo(t, s.end())
	}
}

func TestRunRefusesToStart(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*site)
		want  string // DIR stands for the site's folder
		is    error
	}{
		{"no configuration", func(*site) {}, "DIR/etc/claimd.toml: cannot be read: no such file or directory\n  hint: name the file with --config FILE", nil},
		{"an empty one", func(s *site) { s.write("") },
			"DIR/etc/claimd.toml: want a configuration, got an empty file\n  hint: a file of comments only is a configuration that denies every request", nil},
		{"an address that is taken", func(s *site) {
			s.write(s.toml())
			listener, err := net.Listen("unix", s.gate())
			mustDo(s.t, err)
			s.t.Cleanup(func() { listener.Close() })
		}, "cannot listen on unix:DIR/run/gate.sock: another process answers there\n  hint: claimd runs already? systemctl status claimd", nil},
		{"an address that may not be had", func(s *site) {
			s.write(s.toml())
			mustDo(s.t, os.WriteFile(s.dir+"/run/gate.sock", nil, 0o600))
		}, "cannot listen on unix:DIR/run/gate.sock: want a socket or nothing there, got a regular file\n  hint: move it away or name another path", nil},
		{"an admin socket in a folder of others", func(s *site) {
			s.write(s.toml())
			mustDo(s.t, os.Chmod(s.dir+"/run", 0o777))
		}, "admin.socket: DIR/run: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/run", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			test.spoil(s)
			s.begin(func() { t.Error("it says that it is ready") })
			err := <-s.ended
			s.stop()
			s.stop = nil
			if got, want := errorText(err), strings.ReplaceAll(test.want, "DIR", s.dir); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if _, err := os.Lstat(s.dir + "/run/admin.sock"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the admin socket is left behind: %v", err)
			}
		})
	}
}

func TestTheStateDirectoryIsMade(t *testing.T) {
	s := newSite(t)
	mustDo(t, os.Remove(s.dir+"/state"))
	s.write(s.toml())
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	wantKeptKeys(t, s)
	if got := modeOf(t, s.dir+"/state"); got != 0o700 {
		t.Errorf("mode %04o, want 0700", got)
	}
}

func TestRunTakesARelativePath(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	t.Chdir(s.dir)
	s.config = "etc/claimd.toml"
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.withOperators())
	s.wantAnswer(token, adaBoth)
	if got := s.status().Files[0].Path; got != s.dir+"/etc/claimd.toml" {
		t.Errorf("status shows %s", got)
	}
}

// Run with nothing injected: its log goes to standard error.
func TestRunWithItsOwnLog(t *testing.T) {
	s := newSite(t)
	s.write("")
	err := Run(t.Context(), Options{ConfigPath: s.config})
	if _, ok := errors.AsType[config.Faults](err); !ok {
		t.Errorf("got %v, want faults", err)
	}
}
