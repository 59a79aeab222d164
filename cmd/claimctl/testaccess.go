package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
)

const testAccessUsage = `claimctl test-access signs in as a client application does, has the token judged check by check,
calls the API with it, and says at the end that it works, and as whom, or the one thing to change.

Usage: claimctl test-access --client-application-id ID --api-url URL [--provider NAME]
         [--scope SCOPE] [--resource RESOURCE] [--audience AUDIENCE] [--method METHOD]
         [--redirect-uri URI] [--client-secret-file FILE] [--client-certificate-file FILE]
         [--print-token] [--user NAME] [--config FILE] [--socket PATH] [--json]

The token is never stored, and never printed but with --print-token. URL is called twice, without
and with the token: https, or http on this host. A token that is not for this API is not sent to it.

  --client-application-id ID  the application that asks for the token; not for --method token
  --client-id ID              the same
  --api-url URL               an address of the API that answers GET
  --platform-api-url URL      the same
  --provider NAME             the provider, where there are several
  --scope SCOPE               the scope to ask for (default api://APPLICATION_ID/.default; with
                              kind = "oidc": openid profile email, and the required_scopes)
  --resource RESOURCE         kind = "oidc": the API that the token is for (RFC 8707)
  --audience AUDIENCE         kind = "oidc": the same where the provider calls it so (Auth0)
  --method METHOD             device (default): sign in on any device with a code
                              browser: sign in in a browser, which comes back to a port of this host
                              client-credentials: the application calls for itself
                              token: no sign-in; the token is read from standard input
  --redirect-uri URI          kind = "oidc", for browser: where it comes back to, such as
                              http://127.0.0.1:8400/ (default http://127.0.0.1/, a free port)
  --client-secret-file FILE   for client-credentials: the secret's value; with kind = "oidc" for
                              device and browser too, where the client has one
  --client-certificate-file FILE
                              for client-credentials: certificate and RSA key, PEM
  --print-token               print the token too
  --user NAME                 judge the files' owners and permissions as if this user ran claimd
  --config FILE               the main configuration file (default /etc/claimd/claimd.toml)
  --socket PATH               claimd's admin socket
  --json                      print all of it as JSON

Exit status: 0 it works, 1 it does not, 2 wrong usage, 3 could not find out.
`

// The values of --method.
const (
	methodDevice      = "device"
	methodBrowser     = "browser"
	methodCredentials = "client-credentials"
	methodToken       = "token"
)

// accessTest is what was asked for.
type accessTest struct {
	clientID        string
	apiURL          string
	provider        string
	scope           string
	resource        string
	audience        string
	redirectURI     string
	method          string
	secretFile      string
	certificateFile string
	printToken      bool
}

func (t *tool) testAccessCommand() *cobra.Command {
	a := &accessTest{}
	cmd := &cobra.Command{
		Use: "test-access", Short: "from nothing to a working token", Long: testAccessUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.check(); err != nil {
				return err
			}
			return t.testAccess(cmd.Context(), a)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&a.clientID, "client-application-id", "", "the application that asks for the token")
	flags.StringVar(&a.clientID, "client-id", "", "the same as --client-application-id")
	flags.StringVar(&a.apiURL, "api-url", "", "an address of the API that answers GET")
	flags.StringVar(&a.apiURL, "platform-api-url", "", "the same as --api-url")
	flags.StringVar(&a.provider, "provider", "", "the provider, where there are several")
	flags.StringVar(&a.scope, "scope", "", "the scope to ask for")
	flags.StringVar(&a.resource, "resource", "", "the API that the token is for (RFC 8707)")
	flags.StringVar(&a.audience, "audience", "", "the same where the provider calls it so")
	flags.StringVar(&a.redirectURI, "redirect-uri", "", "where the browser comes back to")
	flags.StringVar(&a.method, "method", methodDevice, "how to get the token")
	flags.StringVar(&a.secretFile, "client-secret-file", "", "the secret's value")
	flags.StringVar(&a.certificateFile, "client-certificate-file", "", "certificate and RSA key, PEM")
	flags.BoolVar(&a.printToken, "print-token", false, "print the token too")
	t.userFlag(cmd)
	return cmd
}

// check judges what of the flags needs no provider. It repeats nothing that might be a token or a secret.
func (a *accessTest) check() error {
	wrong := wrongAccess
	if !slices.Contains([]string{methodDevice, methodBrowser, methodCredentials, methodToken}, a.method) {
		return wrong("--method: want device, browser, client-credentials or token")
	}
	if problem := urlProblem(a.apiURL); problem != "" {
		return wrong("--api-url: %s", problem)
	}
	if a.method == methodCredentials && (a.secretFile == "") == (a.certificateFile == "") {
		return wrong("--method client-credentials: want one of --client-secret-file and --client-certificate-file")
	}
	return nil
}

// checkFor judges the flags for the provider to sign in at.
func (a *accessTest) checkFor(provider *config.Provider) error {
	if provider.IsOIDC() {
		return a.checkOpenID()
	}
	id, ok := entra.GUID(a.clientID)
	switch {
	case a.method != methodCredentials && a.secretFile+a.certificateFile != "":
		return wrongAccess("--client-secret-file and --client-certificate-file go with --method client-credentials")
	case a.resource+a.audience+a.redirectURI != "":
		return wrongAccess("--resource, --audience and --redirect-uri are for providers of kind = \"oidc\"; Entra ID is asked by --scope")
	case a.method == methodToken && a.clientID == "":
	case !ok:
		return wrongAccess("--client-application-id: want the Application (client) ID of the calling application, a GUID")
	}
	a.clientID = id
	return nil
}

func wrongAccess(format string, values ...any) error {
	return misused("test-access", format, values...)
}

// urlProblem tells why an address of the API cannot be called; "" = it can. A token must not cross a network in the
// clear (RFC 6750 section 5.3).
func urlProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return "want an address of the API that answers GET"
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return "want an address such as https://api.example.org/path"
	case u.User != nil:
		return "want an address without user and password"
	case u.Scheme == "http" && !config.IsLoopback(u.Hostname()):
		return "want https: over http, which is for this host alone, others could read the token"
	}
	return ""
}

// testAccess walks the whole way and prints what it met. The error tells the exit status.
func (t *tool) testAccess(ctx context.Context, a *accessTest) error {
	loaded, err := t.loadForTest()
	if err != nil {
		return err
	}
	provider, err := a.providerOf(loaded.Config.Providers)
	if err != nil {
		return err
	}
	if err := a.checkFor(provider); err != nil {
		return err
	}
	w := a.newWalk(provider)
	w.socket = t.socket()
	if err := t.walk(ctx, a, w, loaded, provider); err != nil {
		return err
	}
	return t.printWalk(w, a.printToken)
}

// newWalk is the walk at its beginning.
func (a *accessTest) newWalk(provider *config.Provider) *walk {
	w := &walk{Method: a.method, Client: a.clientID, Scope: a.scope, APIURL: a.apiURL, Provider: provider.Name}
	if provider.IsOIDC() {
		a.beginOpenID(w, provider)
		return w
	}
	w.Tenant, w.Authority = provider.TenantID, provider.AuthorityURL()
	w.api, w.clients = provider.ApplicationID, provider.ClientApplicationIDs
	if a.method != methodToken && w.Scope == "" {
		w.Scope = "api://" + provider.ApplicationID + "/.default"
	}
	return w
}

// walk takes the steps one after the other, until one leads no further. The error is no finding: the person gave up, or
// a file of a flag cannot be read.
func (t *tool) walk(ctx context.Context, a *accessTest, w *walk, loaded *daemon.Loaded, provider *config.Provider) error {
	s := &signIn{provider: provider, client: loaded.Client, clientID: w.Client, scope: w.Scope, screen: t.newScreen()}
	if provider.IsOIDC() {
		s.openID = &openID{source: sourceOf(loaded, provider), resource: a.resource, audience: a.audience, redirectURI: a.redirectURI}
	}
	if err := s.takeCredential(a); err != nil {
		return err
	}
	if a.method == methodToken {
		if err := t.takeToken(ctx, w); err != nil {
			return err
		}
	}
	client, err := keys.NewClient(keys.Outbound{CA: loaded.Config.Outbound.CA})
	if err != nil {
		return err // Load has made one with this ca_file
	}
	if w.WithoutToken = callAPI(ctx, client, a.apiURL, ""); ctx.Err() != nil || w.WithoutToken.Problem != "" {
		return ctx.Err()
	}
	if w.token == "" {
		w.token, err = s.token(ctx, a.method)
		if failed, ok := errors.AsType[*failedSignIn](err); ok {
			w.SignIn = failed
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := t.judgeForTest(ctx, w); err != nil || !w.forThisAPI() {
		return err
	}
	w.WithToken = callAPI(ctx, client, a.apiURL, w.token)
	if ctx.Err() == nil {
		t.findDenial(ctx, w)
	}
	return ctx.Err()
}

// loadForTest reads the configuration; where it has faults nothing can be tested.
func (t *tool) loadForTest() (*daemon.Loaded, error) {
	options, err := t.reading()
	if err != nil {
		return nil, err
	}
	loaded, err := daemon.Load(t.configPath, options)
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return nil, &failure{code: exitUnknown, hint: "mend them first: claimctl check",
			text: "the configuration has faults, so nothing can be tested by it\n" + strings.TrimSuffix(faultsText(onlyFaults(t.mended(faults))), "\n")}
	}
	return loaded, err
}

// providerOf finds the provider to sign in at.
func (a *accessTest) providerOf(providers []config.Provider) (*config.Provider, error) {
	names := make([]string, len(providers))
	for i := range providers {
		if names[i] = providers[i].Name; names[i] == a.provider || (a.provider == "" && len(providers) == 1) {
			return &providers[i], nil
		}
	}
	switch {
	case len(names) == 0:
		return nil, &failure{code: exitUnknown, text: "the configuration has no provider to sign in at",
			hint: "write [provider.NAME] with tenant_id, application_id and client_application_ids"}
	case a.provider == "":
		return nil, misused("test-access", "--provider: want one of %s", strings.Join(names, ", "))
	}
	return nil, misused("test-access", "--provider: there is none of that name; want one of %s", strings.Join(names, ", "))
}

// newScreen makes the person's screen of standard error.
func (t *tool) newScreen() *screen {
	file, ok := t.stderr.(*os.File)
	return &screen{out: t.stderr, terminal: ok && isTerminal(file)}
}
