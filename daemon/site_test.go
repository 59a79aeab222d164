package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
)

// TestMain fails where a goroutine is left over after all tests: a daemon that has ended has ended wholly.
func TestMain(m *testing.M) {
	code := m.Run()
	if tenant, err := sharedTenant(); err == nil {
		tenant.Close()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// sharedTenant is for all tests that let it behave: a tenant takes a while to make its key.
var sharedTenant = sync.OnceValues(func() (*entratest.Tenant, error) { return entratest.Start(testDirectory()) })

const (
	testAPI      = "17e1e12b-3908-4782-b7ca-f01bec2bd750"
	testClient   = "36a0427c-4ca6-4bb6-afe2-804a729f14a1"
	testStranger = "5d0a3a7e-1b52-4d50-9a33-2f4b8f7a9e11"
	analysts     = "6cab8f93-8e22-4947-80c3-c6ed549cb47a"
	operators    = "0d3c5f9e-8f3b-4f0b-9a51-6f7f0a4f2b01"
)

func testDirectory() entratest.Directory {
	return entratest.Directory{
		TenantID: "d86ca749-105f-4f0a-a4f2-89c5ef275c2e",
		APIs:     []entratest.API{{ApplicationID: testAPI, Name: "API", AccessTokenVersion: 2, Scopes: []string{"read"}}},
		Clients: []entratest.App{
			{ApplicationID: testClient, ObjectID: "690222be-ff1a-4d56-abd1-7e4f7d38e474", Name: "Desk app"},
			{ApplicationID: testStranger, ObjectID: "7a1e4c1d-9be5-4a37-8c0c-6f1f7b0c55aa", Name: "Another"},
		},
		Users: []entratest.User{{
			ObjectID: "3c0f2f6a-5d11-4b0e-8a44-0f5d6c7b8a90", Name: "ada", Email: "ada@contoso.example",
			Groups: []string{analysts, operators}, Roles: []string{"auditor"},
		}},
	}
}

// site is a running daemon with its files, a tenant, and clients for its doors.
type site struct {
	t       *testing.T
	dir     string // holds etc/, run/ and state/
	config  string // claimd.toml
	tenant  *entratest.Tenant
	logs    *observer.ObservedLogs
	admin   *admin.Client
	http    *http.Client // to [server] listen
	pace    pace
	watcher func() (*fsnotify.Watcher, error)
	signals chan struct{}
	log     *zap.Logger      // nil: one that logs observes
	wall    func() time.Time // nil: this host's clock
	systemd *Systemd         // nil: no service manager

	users       func(known int) // nil: nobody is told
	credentials string          // systemd's directory of them; "": none

	stop  func() // nil: does not run
	ended chan error
}

// newSite makes everything but the daemon, which start starts.
func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	tenant, err := sharedTenant()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		t: t, dir: dir, tenant: tenant,
		config: filepath.Join(dir, "etc/claimd.toml"),
		admin:  admin.NewClient(filepath.Join(dir, "run/admin.sock")),
		pace: pace{
			poll: time.Hour, quiet: 20 * time.Millisecond, most: 100 * time.Millisecond,
			fetch: 5 * time.Second, retry: 20 * time.Millisecond, retryMost: 50 * time.Millisecond, unasked: time.Second, drain: 2 * time.Second,
		},
		watcher: fsnotify.NewWatcher,
		signals: make(chan struct{}),
	}
	for _, folder := range []string{"etc", "run", "state"} {
		mustDo(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	}
	s.http = socketClient(t, filepath.Join(dir, "run/gate.sock"))
	return s
}

// newSiteAlone has a tenant of its own, which may misbehave.
func newSiteAlone(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	tenant, err := entratest.Start(testDirectory())
	mustDo(t, err)
	t.Cleanup(tenant.Close)
	s.tenant = tenant
	return s
}

// socketClient is an HTTP client of a unix socket that opens a connection for each request.
func socketClient(t *testing.T, path string) *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// toml is a configuration of one provider and one group, changed by pairs of what stands in it and what takes its
// place.
func (s *site) toml(changes ...string) string {
	text := `enabled = true
[provider.contoso]
tenant_id = "` + s.tenant.Directory().TenantID + `"
application_id = "` + testAPI + `"
client_application_ids = ["` + testClient + `"]
authority = "` + s.tenant.URL() + `"
[groups]
` + analysts + ` = "Analysts"
[roles]
auditor = ""
[server]
listen = ["unix:` + s.dir + `/run/gate.sock"]
[admin]
socket = "` + s.dir + `/run/admin.sock"
[state]
directory = "` + s.dir + `/state"
`
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			s.t.Fatalf("%q does not stand in the configuration", changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// withOperators declares a second group.
func (s *site) withOperators() string {
	return s.toml("[roles]\n", operators+" = \"Operators\"\n[roles]\n")
}

// write saves claimd.toml in one step.
func (s *site) write(text string) {
	s.t.Helper()
	mustDo(s.t, os.WriteFile(s.config+".new", []byte(text), 0o600), os.Rename(s.config+".new", s.config))
}

// start starts the daemon, and waits until its sockets are bound.
func (s *site) start() *site {
	s.t.Helper()
	ready := make(chan struct{})
	s.begin(func() { close(ready) })
	select {
	case <-ready:
	case err := <-s.ended:
		s.t.Fatalf("the daemon does not start: %v", err)
	case <-time.After(5 * time.Second):
		s.t.Fatal("the daemon is not ready")
	}
	return s
}

func (s *site) begin(ready func()) {
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	log := s.log
	if log == nil {
		log = zap.New(core)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.ended = make(chan error, 1)
	options := Options{ConfigPath: s.config, Version: "test", Log: log, Reload: s.signals, Ready: ready, Systemd: s.systemd,
		Users: s.users, Credentials: s.credentials, wall: s.wall}
	go func() { s.ended <- run(ctx, options, s.pace, s.watcher) }()
	s.stop = cancel
	s.t.Cleanup(func() {
		if s.stop != nil {
			mustDo(s.t, s.end())
		}
	})
}

// end stops the daemon and gives Run's error.
func (s *site) end() error {
	s.stop()
	s.stop = nil
	select {
	case err := <-s.ended:
		return err
	case <-time.After(10 * time.Second):
		return fmt.Errorf("the daemon did not end")
	}
}

// token is one of Ada's.
func (s *site) token() string {
	s.t.Helper()
	token, err := s.tenant.Mint(entratest.Request{User: "ada"})
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// ask tells what /auth answers, as a line: "200 groups=... roles=..." or "403 no_group".
func (s *site) ask(token string) string {
	return askAt(s.http, token)
}

func askAt(client *http.Client, token string) string {
	request, err := http.NewRequest(http.MethodGet, "http://claimd/auth", nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		var refusal struct{ Reason string }
		_ = json.Unmarshal(body, &refusal)
		return fmt.Sprintf("%d %s", response.StatusCode, refusal.Reason)
	}
	return fmt.Sprintf("200 groups=%s roles=%s", response.Header.Get("Remote-Groups"), response.Header.Get("Remote-Roles"))
}

// The answers to Ada's token under toml() and withOperators().
const (
	adaAnalyst = "200 groups=" + analysts + " roles="
	adaBoth    = "200 groups=" + operators + "," + analysts + " roles="
)

// wantAnswer waits until the token is answered so.
func (s *site) wantAnswer(token, want string) {
	s.t.Helper()
	s.wantAnswerWithin(10*time.Second, token, want)
}

func (s *site) wantAnswerWithin(limit time.Duration, token, want string) {
	s.t.Helper()
	within(s.t, limit, func() (string, bool) {
		got := s.ask(token)
		return "/auth answers " + got + ", want " + want, got == want
	})
}

// eventually waits until the condition holds.
func eventually(t *testing.T, condition func() (what string, holds bool)) {
	t.Helper()
	within(t, 10*time.Second, condition)
}

func within(t *testing.T, duration time.Duration, condition func() (what string, holds bool)) {
	t.Helper()
	limit := time.Now().Add(duration)
	for {
		what, holds := condition()
		if holds {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("after %s: %s", duration, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *site) status() admin.Status {
	s.t.Helper()
	status, err := s.admin.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

func (s *site) reload() admin.ReloadResult {
	s.t.Helper()
	result, err := s.admin.Reload(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// wantNoReload fails unless the generation stays this one for longer than a burst lasts.
func (s *site) wantNoReload(generation uint64) {
	s.t.Helper()
	time.Sleep(s.pace.quiet + 80*time.Millisecond)
	if got := s.status().Generation; got != generation {
		s.t.Errorf("generation %d, want %d: there was a reload", got, generation)
	}
}

// logged counts the lines with this message.
func (s *site) logged(message string) int {
	return s.logs.FilterMessage(message).Len()
}

// noInotify is a host whose inotify instances are used up.
func noInotify() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
