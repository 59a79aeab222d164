package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

// Each style of saving takes effect within a second, with the pace that claimd has in earnest but for the slow poll,
// which never comes; and a second save of the same style does too.
func TestAnEditIsSeenWithinASecond(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*site) // before the daemon starts; claimd.toml holds one group
		save    func(s *site, text string)
	}{
		{"in place", nil, func(s *site, text string) {
			mustDo(s.t, os.WriteFile(s.config, []byte(text), 0o600))
		}},
		{"rename over", nil, func(s *site, text string) { s.write(text) }},
		{"backup and new file", nil, func(s *site, text string) {
			mustDo(s.t, os.Rename(s.config, s.config+"~"), os.WriteFile(s.config, []byte(text), 0o600))
		}},
		{"two writes", nil, func(s *site, text string) {
			half := strings.Index(text, "[roles]") // what stands before parses too, and has no socket of its own
			file, err := os.Create(s.config)
			mustDo(s.t, err)
			_, err = file.WriteString(text[:half])
			mustDo(s.t, err)
			time.Sleep(50 * time.Millisecond)
			_, err = file.WriteString(text[half:])
			mustDo(s.t, err, file.Close())
		}},
		{"symbolic link swapped", func(s *site) {
			mustDo(s.t, os.Rename(s.config, s.config+".1"), os.Symlink("claimd.toml.1", s.config))
		}, func(s *site, text string) {
			target := s.config + "." + time.Now().Format("150405.000000000")
			mustDo(s.t, os.WriteFile(target, []byte(text), 0o600),
				os.Symlink(filepath.Base(target), s.config+".link"), os.Rename(s.config+".link", s.config))
		}},
		{"a Kubernetes ConfigMap", func(s *site) {
			text, err := os.ReadFile(s.config)
			mustDo(s.t, err, os.Remove(s.config))
			s.saveConfigMap(string(text))
			mustDo(s.t, os.Symlink("..data/claimd.toml", s.config))
		}, (*site).saveConfigMap},
		{"directory replaced", nil, func(s *site, text string) {
			etc := filepath.Dir(s.config)
			mustDo(s.t, os.Mkdir(etc+".new", 0o700), os.WriteFile(etc+".new/claimd.toml", []byte(text), 0o600),
				os.Rename(etc, etc+"."+time.Now().Format("150405.000000000")), os.Rename(etc+".new", etc))
		}},
		{"directory removed and made again", nil, func(s *site, text string) {
			etc := filepath.Dir(s.config)
			mustDo(s.t, os.RemoveAll(etc), os.Mkdir(etc, 0o700), os.WriteFile(s.config, []byte(text), 0o600))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.write(s.toml())
			if test.prepare != nil {
				test.prepare(s)
			}
			s.pace = usualPace
			s.pace.poll = time.Hour
			s.start()
			token := s.token()
			s.wantAnswer(token, adaAnalyst)
			test.save(s, s.withOperators())
			s.wantAnswerWithin(time.Second, token, adaBoth)
			test.save(s, s.toml())
			s.wantAnswerWithin(time.Second, token, adaAnalyst)
			if got := s.status().Generation; got != 3 {
				t.Errorf("generation %d after two saves, want 3", got)
			}
		})
	}
}

// saveConfigMap writes as the kubelet does: a fresh directory, and the link ..data renamed over the old one.
func (s *site) saveConfigMap(text string) {
	etc := filepath.Dir(s.config)
	fresh := filepath.Join(etc, "..data_"+time.Now().Format("150405.000000000"))
	old, _ := os.Readlink(filepath.Join(etc, "..data"))
	mustDo(s.t, os.Mkdir(fresh, 0o700), os.WriteFile(fresh+"/claimd.toml", []byte(text), 0o600),
		os.Symlink(filepath.Base(fresh), etc+"/..data_tmp"), os.Rename(etc+"/..data_tmp", etc+"/..data"))
	if old != "" {
		mustDo(s.t, os.RemoveAll(filepath.Join(etc, old)))
	}
}

func TestFilesOfConfDComeAndGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	confD := filepath.Join(filepath.Dir(s.config), "conf.d")
	extra := filepath.Join(confD, "10-groups.toml")
	for range 2 { // the second time, conf.d itself is another one
		mustDo(t, os.Mkdir(confD, 0o700), os.WriteFile(extra, []byte("[groups]\n"+operators+" = \"Operators\"\n"), 0o600))
		s.wantAnswer(token, adaBoth)
		mustDo(t, os.Remove(extra))
		s.wantAnswer(token, adaAnalyst)
		mustDo(t, os.Remove(confD))
	}
}

func TestNoiseIsNoReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(s.toml())
	etc := filepath.Dir(s.config)
	confD := filepath.Join(etc, "conf.d")
	mustDo(t, os.Mkdir(confD, 0o700))
	s.start()
	broken := []byte("this is no TOML")
	for _, name := range []string{".claimd.toml.swp", "claimd.toml~", "claimd.toml.dpkg-new", "claimd.toml.rpmsave", "4913", "#claimd.toml#",
		"other.toml", "conf.d/.10.toml.swp", "conf.d/10.toml.dpkg-dist", "conf.d/README"} {
		mustDo(t, os.WriteFile(filepath.Join(etc, name), broken, 0o600))
	}
	now := time.Now()
	mustDo(t, os.Chtimes(s.config, now, now)) // touch
	s.write(s.toml())                         // the same content
	s.wantNoReload(1)
	if status := s.status(); status.LastRefused != nil {
		t.Errorf("refused: %+v", status.LastRefused)
	}
	if result := s.reload(); !result.OK || result.Changed || result.Generation != 1 {
		t.Errorf("claimctl reload says %+v", result)
	}
}

func TestABrokenFileChangesNothing(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.toml("tenant_id = \"d86ca749", "tenant_id = \"x86ca749", "[roles]", "[rolls]"))
	eventually(t, func() (string, bool) {
		refused := s.status().LastRefused
		return "status shows no refusal", refused != nil && len(refused.Faults) >= 2
	})
	s.wantAnswer(token, adaAnalyst)
	result := s.reload()
	if result.OK || result.Generation != 1 || result.Problem != "" {
		t.Errorf("claimctl reload says %+v", result)
	}
	var places []string
	for _, fault := range result.Faults {
		if !fault.Notice {
			places = append(places, strings.TrimPrefix(fault.String(), s.config))
		}
	}
	if len(places) != 2 || !strings.HasPrefix(places[0], ":3: provider.contoso.tenant_id: ") || !strings.HasPrefix(places[1], ":9: rolls: ") {
		t.Errorf("the faults are %q", places)
	}
	// The save told them once, and the reload that was asked for again.
	if got := s.logged(s.config + places[0]); got != 2 {
		t.Errorf("the fault stands in the log %d times, want 2", got)
	}
	s.write(s.toml())
	eventually(t, func() (string, bool) { return "the refusal is still shown", s.status().LastRefused == nil })
	s.write(s.withOperators())
	s.wantAnswer(token, adaBoth)
	if status := s.status(); status.LastRefused != nil || status.Generation != 2 {
		t.Errorf("generation %d, refused %+v", status.Generation, status.LastRefused)
	}
}

// A refused file that is looked at again is not told again.
func TestFaultsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pace.poll = 10 * time.Millisecond
	s.write(s.toml())
	s.start()
	s.write("")
	eventually(t, func() (string, bool) { return "not refused", s.status().LastRefused != nil })
	time.Sleep(200 * time.Millisecond)
	if got := s.logged("the configuration's files are refused; what served before goes on"); got != 1 {
		t.Errorf("refused %d times, want once", got)
	}
}

func TestFilesThatCannotBeReadChangeNothing(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(s *site) error
		want  string
	}{
		{"zero bytes", func(s *site) error { return os.Truncate(s.config, 0) }, "want a configuration, got an empty file"},
		{"deleted", func(s *site) error { return os.Remove(s.config) }, "cannot be read: no such file or directory"},
		{"a FIFO", func(s *site) error {
			if err := os.Remove(s.config); err != nil {
				return err
			}
			return unix.Mkfifo(s.config, 0o600)
		}, "want a file, got a FIFO"},
		{"writable by others", func(s *site) error { return os.Chmod(s.config, 0o666) }, "want it writable by its owner only, got mode 0666"},
		{"larger than any configuration", func(s *site) error { return os.Truncate(s.config, 1<<30) }, "want at most 4 MiB, got more"},
		{"its directory is gone", func(s *site) error { return os.RemoveAll(filepath.Dir(s.config)) }, "cannot be read: no such file or directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.write(s.toml())
			s.start()
			token := s.token()
			s.wantAnswer(token, adaAnalyst)
			mustDo(t, test.spoil(s))
			eventually(t, func() (string, bool) { return "status shows no refusal", s.status().LastRefused != nil })
			faults := s.status().LastRefused.Faults
			if len(faults) == 0 || faults[0].File != s.config || faults[0].Problem != test.want {
				t.Errorf("faults %q, want %q", faults, test.want)
			}
			s.wantAnswer(token, adaAnalyst)
			mustDo(t, os.RemoveAll(s.config), os.MkdirAll(filepath.Dir(s.config), 0o700))
			s.write(s.withOperators())
			s.wantAnswer(token, adaBoth)
		})
	}
}

func TestAModeThatIsMendedIsSeen(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	mustDo(t, os.Chmod(s.config, 0o666))
	eventually(t, func() (string, bool) { return "not refused", s.status().LastRefused != nil })
	mustDo(t, os.Chmod(s.config, 0o640))
	eventually(t, func() (string, bool) { return "still refused", s.status().LastRefused == nil })
	if got := s.status().Generation; got != 1 {
		t.Errorf("generation %d, want 1: the bytes are what they were", got)
	}
}

func TestAHundredSavesASecondEndInTheLast(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(s.toml())
	s.pace = usualPace
	s.start()
	for i := range 100 {
		text := s.toml()
		if i%2 == 1 {
			text = s.withOperators()
		}
		mustDo(t, os.WriteFile(s.config, []byte(text), 0o600))
		time.Sleep(10 * time.Millisecond)
	}
	s.wantAnswer(s.token(), adaBoth)
	s.wantNoReload(s.status().Generation)
	// Bursts are cut after 500 ms: five looks at the most, and none of them at half a file for good.
	if got := s.status().Generation; got > 6 {
		t.Errorf("generation %d: there was a reload for almost every save", got)
	}
}

func TestWithoutInotifyTheSlowPollFindsEdits(t *testing.T) {
	s := newSite(t)
	s.pace.poll = 50 * time.Millisecond
	s.watcher = noInotify
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.withOperators())
	s.wantAnswer(token, adaBoth)
	if got := s.logged("the configuration's directories cannot all be watched; changes there are found by the slow poll"); got != 1 {
		t.Errorf("said %d times, want once", got)
	}
}

func TestAHangupReloads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.watcher = noInotify
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.withOperators())
	s.signals <- struct{}{}
	s.wantAnswer(token, adaBoth)
	s.signals <- struct{}{} // nothing has changed
	s.wantNoReload(2)
	close(s.signals) // never asked again
	s.wantNoReload(2)
}

func TestManyReloadRequestsGetTheVerdict(t *testing.T) {
	s := newSite(t)
	s.watcher = noInotify
	s.write(s.toml())
	s.start()
	s.write(s.withOperators())
	verdicts := make(chan admin.ReloadResult)
	for range 8 {
		go func() {
			result, err := s.admin.Reload(t.Context())
			if err != nil {
				result.Problem = err.Error()
			}
			verdicts <- result
		}()
	}
	changed := 0
	for range 8 {
		result := <-verdicts
		if !result.OK || result.Generation != 2 {
			t.Errorf("verdict %+v", result)
		}
		if result.Changed {
			changed++
		}
	}
	if changed == 0 {
		t.Error("none of them was told of the change")
	}
}

func TestWhatCannotChangeLiveIsRefusedByName(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	state, socket := s.dir+"/state", s.dir+"/run/admin.sock"
	s.write(s.toml(state, state+"2", socket, socket+"2", "[roles]\n", operators+" = \"\"\n[roles]\n"))
	result := s.reload()
	want := s.config + ":15: admin.socket: cannot change while claimd runs: it was started with " + socket + ", got " + socket + "2\n" +
		s.config + ":17: state.directory: cannot change while claimd runs: it was started with " + state + ", got " + state + "2\n" +
		"  hint: restart claimd to change it"
	if result.OK || result.Problem != want {
		t.Errorf("got  %s\nwant %s", result.Problem, want)
	}
	s.wantAnswer(s.token(), adaAnalyst)
	if refused := s.status().LastRefused; refused == nil || refused.Problem != want {
		t.Errorf("status shows %+v", refused)
	}
}

// A refused configuration names a file in another directory, which is then watched too. A claimd that forgot it before
// each look found it new after each one, and so looked ten times a second for ever.
func TestARefusedTreeIsNoReasonToLookAgain(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	tree, faults := config.Read(s.config, config.ReadOptions{})
	loaded, _ := judge(tree, faults)
	d := &daemon{options: Options{ConfigPath: s.config}, pace: s.pace, log: zap.NewNop()}
	mustDo(t, d.start(t.Context(), loaded, fingerprint(tree, faults), &inherited{}, s.watcher))
	ended, end := context.WithCancel(t.Context())
	end() // the loop does not run: the test looks in its place
	defer func() { mustDo(t, d.serve(ended)) }()

	elsewhere := filepath.Join(s.dir, "elsewhere")
	mustDo(t, os.Mkdir(elsewhere, 0o700))
	s.write(s.toml() + "[outbound]\nca_file = \"" + elsewhere + "/ca.pem\"\n")
	r := d.reloader
	for range 3 {
		r.debounce.stop()
		r.look(nil, false)
	}
	if r.state.Load().refused == nil || !r.watch.wanted[elsewhere] {
		t.Fatalf("refused %+v, watched %v", r.state.Load().refused, r.watch.wanted)
	}
	if r.debounce.C() != nil {
		t.Error("the third look at the same files was a reason for a fourth")
	}
}
