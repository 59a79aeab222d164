package msal_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/claimd/claimd/daemon/entratest"
)

// publicClient is MSAL for Go as a program on a desk uses it.
func (s *site) publicClient(t *testing.T, id string) public.Client {
	t.Helper()
	client, err := public.New(id, public.WithAuthority(s.authority()), public.WithInstanceDiscovery(false),
		public.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// serviceClient is MSAL for Go as a service with that credential uses it.
func (s *site) serviceClient(t *testing.T, credential confidential.Credential) confidential.Client {
	t.Helper()
	client, err := confidential.New(s.authority(), nightlyApp, credential, confidential.WithInstanceDiscovery(false),
		confidential.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func withSecret(t *testing.T, secret string) confidential.Credential {
	t.Helper()
	credential, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

func withCertificate(t *testing.T, certificate, key string) confidential.Credential {
	t.Helper()
	certificates, private, err := confidential.CertFromPEM([]byte(certificate+key), "")
	if err != nil {
		t.Fatal(err)
	}
	credential, err := confidential.NewCredFromCert(certificates, private)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// byDeviceCode gets a token through the device code flow; somebody signs the user in after the first poll.
func (s *site) byDeviceCode(t *testing.T, client public.Client, user string, scopes ...string) (public.AuthResult, error) {
	t.Helper()
	code, err := client.AcquireTokenByDeviceCode(t.Context(), scopes)
	if err != nil {
		return public.AuthResult{}, err
	}
	signedIn := s.signInAfterAPoll(code.Result.UserCode, user)
	result, err := code.AuthenticationResult(t.Context())
	if refused := <-signedIn; (refused == nil) != (err == nil) {
		t.Errorf("the page says %v, the client %v", refused, err)
	}
	return result, err
}

func TestClaimdTakesTheTokensThatMSALForGoGets(t *testing.T) {
	certificate, key := newCertificate(t)
	directory := contoso()
	directory.Clients[1].Certificates = []string{certificate}
	s := newSite(t, directory)
	t.Run("a user's by device code", s.goDeviceCode)
	t.Run("a user's by the refresh token of another API", s.goRefresh)
	t.Run("a user's through a browser with PKCE", s.goBrowser)
	t.Run("a service's with a secret", func(t *testing.T) { s.goService(t, withSecret(t, secretOfApp)) })
	t.Run("a service's with a certificate", func(t *testing.T) { s.goService(t, withCertificate(t, certificate, key)) })
	t.Run("a service's that knows the CA from its environment", s.goEnvironment)
}

func (s *site) goDeviceCode(t *testing.T) {
	result, err := s.byDeviceCode(t, s.publicClient(t, deskApp), "ada", apiScope)
	if err != nil {
		t.Fatal(err)
	}
	s.passes(t, result.AccessToken, adaID, "Analysts")
	if got, want := result.Account.PreferredUsername, "ada@contoso.example"; got != want {
		t.Errorf("the account is %q, want %q", got, want)
	}
	if got, want := result.Account.HomeAccountID, adaID+"."+tenantID; got != want {
		t.Errorf("the account's id is %q, want %q", got, want)
	}
}

// goRefresh: who asks for no scope of the API gets a token of Microsoft Graph. The refresh token that came with it gets
// the right one silently, as MSAL's cache holds none for the API.
func (s *site) goRefresh(t *testing.T) {
	client := s.publicClient(t, deskApp)
	result, err := s.byDeviceCode(t, client, "ada", "User.Read")
	if err != nil {
		t.Fatal(err)
	}
	s.answers(t, result.AccessToken, "401 Unauthorized", `"reason":"graph_token"`)
	silent, err := client.AcquireTokenSilent(t.Context(), []string{apiScope}, public.WithSilentAccount(result.Account))
	if err != nil {
		t.Fatal(err)
	}
	s.passes(t, silent.AccessToken, adaID, "Analysts")
}

func (s *site) goBrowser(t *testing.T) {
	var opened string
	result, err := s.publicClient(t, deskApp).AcquireTokenInteractive(t.Context(), []string{readWrite},
		public.WithOpenURL(func(address string) error {
			opened = address
			return s.Browse(address, "ada")
		}))
	if err != nil {
		t.Fatal(err)
	}
	s.passes(t, result.AccessToken, adaID, "Analysts")
	for _, want := range []string{"code_challenge_method=S256", "response_mode=form_post", "redirect_uri=http%3A%2F%2Flocalhost%3A"} {
		if !strings.Contains(opened, want) {
			t.Errorf("the browser opens %s, want %s in it", opened, want)
		}
	}
}

func (s *site) goService(t *testing.T, credential confidential.Credential) {
	result, err := s.serviceClient(t, credential).AcquireTokenByCredential(t.Context(), []string{apiScope})
	if err != nil {
		t.Fatal(err)
	}
	s.passes(t, result.AccessToken, nightlyID, "Analysts")
}

// goEnvironment: no option of the client names the CA.
func (s *site) goEnvironment(t *testing.T) {
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), trustedBySystem+"="+s.authority(), "SSL_CERT_FILE="+s.caFile, "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	token, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	s.passes(t, string(token), nightlyID, "Analysts")
}

// Each way to be refused reaches who uses the client with Entra's number in it.
func TestMSALForGoPassesOnWhatTheTenantSays(t *testing.T) {
	const (
		strictApp   = "5d0e8c71-b2a4-4f39-86d7-1c93e4f0a2b6" // which is no public client
		newApp      = "c4f19b60-7e28-4d53-9a0b-e6d85f3172c9" // to which nobody has consented
		webApp      = "a7b3d25e-016c-4e98-bf47-20c8d9f1e653" // which has another redirect URI
		strangerApp = "1e96f7a4-d35b-4c08-8a12-f4b07e2c9d81" // which nobody has registered
	)
	directory := contoso()
	directory.Clients[1].ExpiredSecrets = []string{"of-last-year"}
	directory.Clients = append(directory.Clients,
		entratest.App{ApplicationID: strictApp, AllowPublicClient: new(false)},
		entratest.App{ApplicationID: newApp, NoConsent: true},
		entratest.App{ApplicationID: webApp, RedirectURIs: []string{"http://localhost/other"}})
	s := newTenant(t, directory)
	tests := []struct {
		name string
		do   func(*testing.T) error
		want []string
	}{
		{"no public client", s.deviceCodeOf(strictApp, "ada"), []string{"invalid_client", "AADSTS7000218"}},
		{"nobody of that name", s.deviceCodeOf(deskApp, "nobody"), []string{"invalid_grant", "AADSTS50034"}},
		{"an unknown application", s.deviceCodeOf(strangerApp, "ada"), []string{"unauthorized_client", "AADSTS700016"}},
		{"no consent", s.browserOf(newApp, "ada"), []string{"AADSTS65001"}},
		{"consent declined", s.browserOf(deskApp, ""), []string{"AADSTS65004"}},
		{"another redirect URI", s.browserOf(webApp, "ada"), []string{"AADSTS50011"}},
		{"a wrong secret", s.secretOf("wrong"), []string{"invalid_client", "AADSTS7000215"}},
		{"an expired secret", s.secretOf("of-last-year"), []string{"invalid_client", "AADSTS7000222"}},
		{"an expired refresh token", s.refreshTooLate, []string{"invalid_grant", "AADSTS70043"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { hasWords(t, test.do(t), test.want...) })
	}
}

func (s *site) deviceCodeOf(client, user string) func(*testing.T) error {
	return func(t *testing.T) error {
		code, err := s.publicClient(t, client).AcquireTokenByDeviceCode(t.Context(), []string{apiScope})
		if err != nil {
			return err
		}
		_ = s.SignIn(code.Result.UserCode, user) // what it says, the client says too
		_, err = code.AuthenticationResult(t.Context())
		return err
	}
}

func (s *site) browserOf(client, user string) func(*testing.T) error {
	return func(t *testing.T) error {
		_, err := s.publicClient(t, client).AcquireTokenInteractive(t.Context(), []string{apiScope},
			public.WithOpenURL(func(address string) error { return s.Browse(address, user) }))
		return err
	}
}

func (s *site) secretOf(secret string) func(*testing.T) error {
	return func(t *testing.T) error {
		_, err := s.serviceClient(t, withSecret(t, secret)).AcquireTokenByCredential(t.Context(), []string{apiScope})
		return err
	}
}

// refreshTooLate signs in for Microsoft Graph, so that the API's token must come by the refresh token.
func (s *site) refreshTooLate(t *testing.T) error {
	client := s.publicClient(t, deskApp)
	result, err := s.byDeviceCode(t, client, "ada", "User.Read")
	if err != nil {
		t.Fatal(err)
	}
	s.ExpireRefreshTokens(false)
	_, err = client.AcquireTokenSilent(t.Context(), []string{apiScope}, public.WithSilentAccount(result.Account))
	return err
}

// trustedBySystem is the variable of the environment that makes the test's own binary be a program which knows the
// tenant's CA from SSL_CERT_FILE alone. It holds the authority.
const trustedBySystem = "MSAL_TEST_AUTHORITY"

// askAsAnyProgram prints an application's own token, and gives the exit code.
func askAsAnyProgram() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	credential, err := confidential.NewCredFromSecret(secretOfApp)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	client, err := confidential.New(os.Getenv(trustedBySystem), nightlyApp, credential, confidential.WithInstanceDiscovery(false))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	result, err := client.AcquireTokenByCredential(ctx, []string{apiScope})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(result.AccessToken)
	return 0
}
