package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/entratest"
)

const (
	deskApp         = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64" // public, of the sample directory
	exportApp       = "a1f75c38-62de-4b90-8d43-0be9c7248f15" // confidential
	strangeApp      = "9d2c6f18-7e43-4b05-a1f6-c48e03b75d92" // registered, and not listed in the configuration
	otherAPI        = "5b8e1f60-2d97-4c3a-8f14-e6a90d72c8b5"
	unlistedService = "7f4e9b21-c683-4d05-92ae-1b6d80f3c57a" // calls for itself, and is nowhere in the configuration
	exportWord      = "fake-secret-of-the-sample"
)

// site is a tenant over TLS, a claimd in this process, and an API behind a gateway that asks it.
type site struct {
	tenant  *entratest.Tenant
	idp     string // the address of another provider, where there is no tenant
	gateway *httptest.Server
	folder  string
	config  string

	mu    sync.Mutex
	shown map[string]bool // the tokens that the gateway was sent
}

// siteOptions change what newSite makes. The zero value is a site where everything works.
type siteOptions struct {
	directory func(*entratest.Directory)
	config    func(text string) string
	handler   func(tenant http.Handler) http.Handler // between claimctl and the tenant
	noDaemon  bool
}

const siteConfig = `enabled = true

[provider.contoso]
tenant_id = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
application_id = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
client_application_ids = ["3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"]
authority = "AUTHORITY"

[groups]
6d3a91f0-b54c-4e27-8a19-c20f6b7e58d4 = "Analysts"

[[service_account]]
object_id = "e4b02d96-5a7f-4c31-9f68-7d15ac80b3e2"
application_id = "a1f75c38-62de-4b90-8d43-0be9c7248f15"
name = "nightly export"
groups = ["6d3a91f0-b54c-4e27-8a19-c20f6b7e58d4"]

[server]
listen = ["unix:FOLDER/auth.sock"]

[outbound]
ca_file = "FOLDER/ca.pem"

[admin]
socket = "FOLDER/admin.sock"

[state]
directory = "FOLDER/state"
`

func newSite(t *testing.T, options siteOptions) *site {
	t.Helper()
	directory := entratest.Sample()
	directory.DeviceCodeInterval = 1
	directory.APIs = append(directory.APIs, entratest.API{ApplicationID: otherAPI, AccessTokenVersion: 2})
	directory.Clients = append(directory.Clients, entratest.App{ApplicationID: strangeApp},
		entratest.App{ApplicationID: unlistedService, ObjectID: "c2a7d5e0-38f9-4b16-8d74-e05f61b9a382", Secret: "another word"})
	if options.directory != nil {
		options.directory(&directory)
	}
	s := &site{folder: t.TempDir(), shown: map[string]bool{}}
	s.tenant = startTenant(t, directory, options.handler)
	authority, ca := s.tenant.URL(), s.tenant.CA()
	if options.handler != nil {
		authority, ca = frontOf(t, s.tenant, options.handler)
	}
	gatewayCA := s.startGateway(t)
	s.write(t, "ca.pem", string(ca)+string(gatewayCA))
	text := strings.NewReplacer("AUTHORITY", authority, "FOLDER", s.folder).Replace(siteConfig)
	if options.config != nil {
		text = options.config(text)
	}
	s.config = s.write(t, "claimd.toml", text)
	if !options.noDaemon {
		s.startDaemon(t)
	}
	return s
}

func startTenant(t *testing.T, directory entratest.Directory, handler func(http.Handler) http.Handler) *entratest.Tenant {
	t.Helper()
	if handler != nil {
		base := "https://" + reservedAddress(t)
		tenant, err := entratest.New(directory, base)
		if err != nil {
			t.Fatal(err)
		}
		return tenant
	}
	tenant, err := entratest.StartTLS(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.Close)
	return tenant
}

// reservedAddress gives a free port of this host as localhost:PORT.
func reservedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "localhost:" + port
}

// frontOf serves the tenant at its own address with the handler before it.
func frontOf(t *testing.T, tenant *entratest.Tenant, handler func(http.Handler) http.Handler) (authority string, ca []byte) {
	t.Helper()
	_, port, _ := strings.Cut(tenant.URL(), "localhost:")
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	server, ca := serveTLS(t, listener, handler(tenant.Handler()))
	t.Cleanup(server.Close)
	return tenant.URL(), ca
}

func serveTLS(t *testing.T, listener net.Listener, handler http.Handler) (*httptest.Server, []byte) {
	t.Helper()
	certificate, ca, err := entratest.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	if listener != nil {
		server.Listener.Close()
		server.Listener = listener
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.StartTLS()
	return server, ca
}

func (s *site) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startDaemon runs claimd until the test's end.
func (s *site) startDaemon(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{ConfigPath: s.config, Version: "1.2.3", Log: zap.NewNop(), Ready: func() { close(ready) }})
	}()
	select {
	case <-ready:
	case err := <-done:
		stop()
		t.Fatalf("claimd did not start: %v", err)
	}
	t.Cleanup(func() { stop(); <-done })
	s.awaitKeys(t)
}

// awaitKeys waits until claimd has fetched the tenant's keys, which READY does not wait for.
func (s *site) awaitKeys(t *testing.T) {
	t.Helper()
	tool := &tool{socketPath: s.folder + "/admin.sock"}
	for range 1000 {
		status, err := tool.client().Status(t.Context())
		if err != nil || status.Ready || !status.Enabled {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("claimd has no keys after 10 s")
}

// startGateway serves the API behind a gateway, which asks claimd in one way or another: the path says how.
func (s *site) startGateway(t *testing.T) (ca []byte) {
	t.Helper()
	s.gateway, ca = serveTLS(t, nil, http.HandlerFunc(s.serveGateway))
	t.Cleanup(s.gateway.Close)
	return ca
}

func (s *site) api(path string) string { return s.gateway.URL + path }

func (s *site) serveGateway(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Authorization")
	s.mu.Lock()
	s.shown[strings.TrimPrefix(token, "Bearer ")] = true
	s.mu.Unlock()
	question := http.Header{}
	if token != "" {
		question.Set("Authorization", token)
	}
	refuse := func(status int, header map[string]string, body string) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	switch r.URL.Path {
	case "/open":
		refuse(200, nil, "{}")
		return
	case "/drops":
		question.Del("Authorization")
	case "/spoofs":
		if token != "" {
			question.Set("Remote-User", "root")
		}
	case "/lax":
		if token != "" {
			refuse(200, nil, "{}")
			return
		}
	case "/own":
		if token != "" {
			refuse(403, nil, "no")
			return
		}
	case "/elsewhere":
		refuse(403, map[string]string{"X-Claimd-Decision": "0000-1"}, `{"error":"access_denied","reason":"client","decision_id":"0000-1"}`)
		return
	case "/challenges":
		refuse(401, map[string]string{"WWW-Authenticate": "Bearer"}, "")
		return
	case "/echoes":
		refuse(401, map[string]string{"WWW-Authenticate": `Bearer error="invalid_token", error_description="` + token + `"`}, `{"reason":"`+token+`"}`)
		return
	case "/moved":
		refuse(302, map[string]string{"Location": "https://login.contoso.example/?from=api"}, "")
		return
	case "/down":
		refuse(500, nil, "")
		return
	}
	answer, err := s.ask(r.Context(), question)
	if err != nil {
		refuse(500, nil, "")
		return
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode != 200:
		for _, name := range []string{"Www-Authenticate", "X-Claimd-Decision"} {
			if value := answer.Header.Get(name); value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(answer.StatusCode)
		if r.URL.Path == "/tells" {
			_, _ = io.Copy(w, answer.Body)
		}
	case r.URL.Path == "/missing":
		w.WriteHeader(404)
	case r.URL.Path == "/faulty":
		w.WriteHeader(502)
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

// wasShown reports whether the gateway was sent the token.
func (s *site) wasShown(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown[token]
}

// ask asks claimd as a gateway does.
func (s *site) ask(ctx context.Context, header http.Header) (*http.Response, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.folder+"/auth.sock")
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://claimd/auth", nil)
	if err != nil {
		return nil, err
	}
	request.Header = header
	return client.Do(request)
}

// signsIn reads the code off the terminal and signs in, as the sample's user of that name.
func (s *site) signsIn(t *testing.T, user string) func(*terminal) {
	return func(term *terminal) {
		term.await(t, `waiting for the sign-in`)
		if err := s.tenant.SignIn(term.code(t), user); err != nil {
			t.Log(err)
		}
	}
}

// What differs from run to run, and what golden files have in its place.
var settledAccess = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`https://127\.0\.0\.1:\d+`), "https://api.contoso.example"},
	{regexp.MustCompile(`https?://localhost:\d+`), "https://login.contoso.example"},
	{regexp.MustCompile(`enter the code\n\n  \S+`), "enter the code\n\n  CODE"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ?(UTC|Z)`), "TIME"},
	{regexp.MustCompile(`TIME, (in )?(\d+ h )?(\d+ (min|s)|\dh\d+m\d+s)( ago)?`), "TIME, SPAN"},
	{regexp.MustCompile(`(X-Claimd-Decision:|decision   |claimctl denials) \S+-\d+`), "$1 DECISION"},
	{regexp.MustCompile(`user state        (active|not known yet, and let in)`), "user state        KNOWN OR NOT"}, // whichever test was first
	{regexp.MustCompile(`-L \d+:(localhost|127\.0\.0\.1):\d+`), "-L PORT:$1:PORT"},
	{regexp.MustCompile(`/idp\.contoso\.example/auth\?\S+`), "/idp.contoso.example/AUTHORIZE"},
	{regexp.MustCompile(`/login\.contoso\.example/5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3/oauth2/v2\.0/authorize\?\S+`), "/login.contoso.example/AUTHORIZE"},
}

// settle makes what stood on the terminal the same in every run. The closing sentences are wrapped again, for what they
// name is longer or shorter in each.
func (s *site) settle(text string) string {
	head, closing := text, ""
	if i := strings.LastIndex(text, "\nAPI at "); i >= 0 {
		n := 1
		if strings.Contains(text[i:], "\nwhat claimd kept") {
			n = 2
		}
		parts := strings.SplitAfterN(text[i:], "\n\n", n+1)
		head, closing = text[:i]+strings.Join(parts[:len(parts)-1], ""), parts[len(parts)-1]
	}
	return s.settled(head) + sentences(s.settled(strings.ReplaceAll(closing, "\n  ", " "))) + "\n"
}

func (s *site) settled(text string) string {
	text = strings.ReplaceAll(text, s.folder, "/etc/claimd")
	if s.idp != "" {
		text = strings.ReplaceAll(text, s.idp, "https://idp.contoso.example")
	} else {
		for _, id := range s.tenant.KeyIDs() {
			text = strings.ReplaceAll(text, id, "KEYID")
		}
	}
	for _, settled := range settledAccess {
		text = settled.pattern.ReplaceAllString(text, settled.instead)
	}
	return text
}

// wantGolden compares with a file of testdata/testaccess, or writes it where UPDATE_SCRIPTS is set.
func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "testaccess", name+".txt")
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, path, string(want), got)
}

// wantNoSecret fails where a text holds a part of a token, or another secret.
func wantNoSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for part := range strings.SplitSeq(secret, ".") {
			if len(part) > 8 && strings.Contains(text, part) {
				t.Errorf("a secret was printed:\n%s", text)
			}
		}
	}
	if regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}`).MatchString(text) {
		t.Errorf("a token was printed:\n%s", text)
	}
}
