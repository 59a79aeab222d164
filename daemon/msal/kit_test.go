package msal_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
)

func TestMain(m *testing.M) {
	if os.Getenv(trustedBySystem) != "" {
		os.Exit(askAsAnyProgram())
	}
	goleak.VerifyTestMain(m)
}

// The applications and people of the tenant.
const (
	tenantID    = "0f4d8a27-6c31-4be9-95d7-a83e20f6c1b4"
	apiApp      = "b81c5e07-2f94-4d6a-8e3b-60d9a7f4c512"
	deskApp     = "47a9e3d0-c8b6-4f12-a57e-1d0b93f8e624"
	nightlyApp  = "d2603b9f-5ea8-41c7-b94d-7f82c6e0a135"
	nightlyID   = "6ae7f104-93c2-4d58-8b1f-c5d70e29b483"
	adaID       = "9c15d7e2-48fb-4a06-b3d9-e0f8a27c6415"
	analystsID  = "e38b04f6-a17d-4c92-9f65-2b8d0c73e1a9"
	secretOfApp = "fake-secret-of-a-test"
	apiScope    = "api://" + apiApp + "/.default"
	readWrite   = "api://" + apiApp + "/platform.read-write"
)

// contoso is a tenant with an API, a desk app, a service and Ada.
func contoso() entratest.Directory {
	return entratest.Directory{
		TenantID: tenantID,
		APIs: []entratest.API{{
			ApplicationID: apiApp, Name: "API", AccessTokenVersion: 2, Scopes: []string{"platform.read-write"},
			OptionalClaims: []string{"email", "given_name", "family_name"},
		}},
		Clients: []entratest.App{
			{ApplicationID: deskApp, Name: "Desk app"},
			{ApplicationID: nightlyApp, ObjectID: nightlyID, Name: "Nightly export", Secret: secretOfApp},
		},
		Users: []entratest.User{{
			Name: "ada", ObjectID: adaID, Email: "ada@contoso.example", FirstName: "Ada", LastName: "Lovelace",
			Groups: []string{analystsID},
		}},
		Groups: []entratest.Group{{ObjectID: analystsID, Name: "Analysts"}},
	}
}

// site is a tenant over https and a claimd that takes its tokens.
type site struct {
	*entratest.Tenant
	caFile string
	gate   string // http://127.0.0.1:PORT of [server]; "" = without claimd
	admin  *admin.Client
}

// authority is what Microsoft's clients are told about the tenant.
func (s *site) authority() string { return s.URL() + "/" + tenantID }

// newTenant serves the directory until the test ends.
func newTenant(t *testing.T, directory entratest.Directory) *site {
	t.Helper()
	tenant, err := entratest.StartTLS(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.Close)
	s := &site{Tenant: tenant, caFile: filepath.Join(t.TempDir(), "ca.pem")}
	write(t, s.caFile, string(tenant.CA()))
	return s
}

// newSite serves the directory, and claimd, until the test ends. The changes are made to claimd's configuration.
func newSite(t *testing.T, directory entratest.Directory, changes ...string) *site {
	t.Helper()
	s := newTenant(t, directory)
	folder, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	config := filepath.Join(folder, "claimd.toml")
	write(t, config, strings.NewReplacer(changes...).Replace(s.config(folder)))
	s.admin = admin.NewClient(filepath.Join(folder, "admin.sock"))
	s.run(t, config)
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) config(folder string) string {
	return `enabled = true
[provider.contoso]
tenant_id = "` + tenantID + `"
application_id = "` + apiApp + `"
client_application_ids = ["` + deskApp + `"]
required_scopes = ["platform.read-write"]
authority = "` + s.URL() + `"
[groups]
Analysts = { values = ["` + analystsID + `"] }
[[service_account]]
object_id = "` + nightlyID + `"
application_id = "` + nightlyApp + `"
name = "nightly export"
groups = ["Analysts"]
[server]
listen = ["127.0.0.1:0"]
[outbound]
ca_file = "` + s.caFile + `"
[admin]
socket = "` + folder + `/admin.sock"
[state]
directory = "` + folder + `/state"
`
}

// run runs claimd in this process, and returns when it has the tenant's keys.
func (s *site) run(t *testing.T, config string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	bound, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			ConfigPath: config, Version: "test", Log: zap.NewNop(), Ready: func() { close(bound) },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("claimd ended with %v", err)
		}
	})
	select {
	case <-bound:
	case err := <-ended:
		ended <- err
		t.Fatalf("claimd does not start: %v", err)
	}
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		status, err := s.admin.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.gate = "http://" + status.Listeners[0].Address
		if documents := status.Providers[0].Documents; documents[0].Live && documents[1].Live {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("claimd has no keys after 20 seconds")
		}
	}
}

// ask shows the gate a token, and gives its answer with the body read.
func (s *site) ask(t *testing.T, token string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.gate+"/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// passes holds the gate's answer to the token: 200, and this user and these groups in the identity headers.
func (s *site) passes(t *testing.T, token, user, groups string) {
	t.Helper()
	response, body := s.ask(t, token)
	got := [3]string{response.Status, response.Header.Get("Remote-User"), response.Header.Get("Remote-Groups")}
	if want := [3]string{"200 OK", user, groups}; got != want {
		t.Errorf("the gate answers %q %s, want %q", got, body, want)
	}
}

// answers holds the gate's answer to the token: this status, and these words in the body.
func (s *site) answers(t *testing.T, token, status, words string) {
	t.Helper()
	if response, body := s.ask(t, token); response.Status != status || !strings.Contains(body, words) {
		t.Errorf("the gate answers %s %s, want %s with %s", response.Status, body, status, words)
	}
}

// signInAfterAPoll signs the user in when the client has been told once that it must wait, and gives what came of it.
func (s *site) signInAfterAPoll(userCode, user string) <-chan error {
	done, before := make(chan error, 1), s.Requests("token")
	go func() {
		for limit := time.Now().Add(30 * time.Second); s.Requests("token") == before && time.Now().Before(limit); {
			time.Sleep(time.Millisecond)
		}
		done <- s.SignIn(userCode, user)
	}()
	return done
}

// newCertificate makes what a confidential client signs with: a key and its certificate, as PEM.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "nightly export"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// hasWords reports an error that lacks one of the words.
func hasWords(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got the error %v, want one with %q", err, word)
		}
	}
}
