package oidctest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Form is the form of an access token.
type Form uint8

// The forms of an access token.
const (
	Opaque Form = iota
	JWT
)

// The resources that access tokens of the provider for Node.js are for; what aud then says.
const (
	OpaqueResource = "urn:contoso:reports:opaque"
	JWTResource    = "urn:contoso:reports"
)

// Scope is the word that access tokens hold, beside openid and profile where a user signs in.
const Scope = "reports.read"

// Settings are those of the provider for Node.js. The zero value is usable.
type Settings struct {
	Algorithm string                    // of JWT access tokens: RS256 (as "" too), PS256 or ES256
	Slash     bool                      // the issuer ends with one
	Claims    map[string]any            // beside the protocol's own: in tokens, and in what introspection and userinfo say
	People    map[string]map[string]any // more claims of the user, or of the client for itself, of that name
	Lifetime  time.Duration             // of access tokens, in whole seconds; 0 = an hour
	Resources []Resource                // APIs beside those of JWTResource and OpaqueResource
}

// Resource is an API that access tokens are for.
type Resource struct {
	Name      string // what aud says
	Form      Form
	Algorithm string        // "" = that of the Settings
	Lifetime  time.Duration // in whole seconds; 0 = that of the Settings
}

// Provider is a running oidc-provider. Any user name and password signs in; sub is the name.
type Provider struct {
	*process
	Discovery
	Service        Client // gets tokens for itself
	Desk           Client // public: users sign in with it, by the device flow
	Window         Client // public: users sign in with it in a browser that comes back to any port of 127.0.0.1
	Signed         Client // like Desk, but userinfo answers its tokens with a signed JWT
	ResourceServer Client // claimd's own credential for introspection; its secret is nothing without form-encoding
}

// Start starts oidc-provider in a process of its own.
func Start(t testing.TB, settings Settings) *Provider {
	t.Helper()
	node := program(t, "node", "install Node.js 20 or later")
	dir := folder(t)
	checkModule(t, dir, "oidc-provider")
	p := &Provider{
		Service:        Client{"service", "secret of the service"},
		Desk:           Client{ID: "desk"},
		Window:         Client{ID: "window"},
		Signed:         Client{ID: "signed"},
		ResourceServer: Client{"gate:1", "a %2B +/=&?#:secret"},
	}
	claims, people := settings.Claims, settings.People
	if claims == nil {
		claims = map[string]any{}
	}
	if people == nil {
		people = map[string]map[string]any{}
	}
	line, err := json.Marshal(map[string]any{
		"slash": settings.Slash, "claims": claims, "people": people, "seconds": seconds(cmp.Or(settings.Lifetime, time.Hour)),
		"scopes": []string{Scope}, "resources": settings.resources(), "service": p.Service, "desk": p.Desk, "signed": p.Signed, "window": p.Window,
		"resourceServer": p.ResourceServer,
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer := p.run(t, exec.CommandContext(t.Context(), node, filepath.Join(dir, "provider.mjs")), line)
	p.Discovery = discover(t, issuer)
	return p
}

// resources gives all APIs as testdata/provider.mjs reads them.
func (s Settings) resources() (list []map[string]any) {
	for _, r := range append([]Resource{{Name: JWTResource, Form: JWT}, {Name: OpaqueResource}}, s.Resources...) {
		list = append(list, map[string]any{
			"name": r.Name, "format": [...]string{Opaque: "opaque", JWT: "jwt"}[r.Form],
			"algorithm": cmp.Or(r.Algorithm, s.Algorithm, "RS256"), "seconds": seconds(cmp.Or(r.Lifetime, s.Lifetime, time.Hour)),
		})
	}
	return list
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// run starts the process, tells it its settings, and gives the issuer that it prints. The process reads its input to the
// end, so it ends with whoever started it.
func (p *Provider) run(t testing.TB, command *exec.Cmd, settings []byte) (issuer string) {
	t.Helper()
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.process = begin(t, command)
	if _, err := input.Write(append(settings, '\n')); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end) && !p.gone(); time.Sleep(10 * time.Millisecond) {
		if line := issuerLine.FindStringSubmatch(p.output.tail()); line != nil {
			return line[1]
		}
	}
	t.Fatal("oidc-provider has not started")
	return ""
}

// issuerLine is what testdata/provider.mjs prints once it answers.
var issuerLine = regexp.MustCompile(`(?m)^\{"issuer":"(.*)"\}$`)

// checkModule ends the test where the npm package is not there in the version that package.json names.
func checkModule(t testing.TB, dir, name string) {
	t.Helper()
	var want struct{ Dependencies map[string]string }
	var got struct{ Version string }
	read := func(path string, into any) error {
		text, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	}
	if err := read("package.json", &want); err != nil {
		t.Fatal(err)
	}
	if err := read(filepath.Join("node_modules", name, "package.json"), &got); err != nil {
		missing(t, name+" for Node.js is not installed; hint: make node-modules")
	}
	if version := want.Dependencies[name]; got.Version != version {
		t.Fatalf("%s is there in version %s, want %s\nhint: make node-modules", name, got.Version, version)
	}
}

// ServiceToken gets an access token by client credentials.
func (p *Provider) ServiceToken(t testing.TB, form Form) string {
	t.Helper()
	return p.ServiceTokenFor(t, resourceOf(form))
}

// ServiceTokenFor is ServiceToken for that API.
func (p *Provider) ServiceTokenFor(t testing.TB, resource string) string {
	t.Helper()
	var tokens Tokens
	post(t, p.Token, p.Service, url.Values{"grant_type": {"client_credentials"}, "scope": {Scope}, "resource": {resource}}, url.QueryEscape, &tokens)
	if tokens.Access == "" {
		t.Fatalf("no token by client credentials: %s", tokens.Error)
	}
	return tokens.Access
}

// UserTokens gets the tokens of a user who signs in at Desk for an API; a refresh token is among them.
func (p *Provider) UserTokens(t testing.TB, user string, form Form) Tokens {
	t.Helper()
	return p.UserTokensFor(t, user, resourceOf(form))
}

// UserTokensFor is UserTokens for that API.
func (p *Provider) UserTokensFor(t testing.TB, user, resource string) Tokens {
	t.Helper()
	return p.signIn(t, p.Desk, user, url.Values{"scope": {"openid profile " + Scope}, "resource": {resource}})
}

// UserinfoToken gets the opaque access token of a user who signs in without an API: it is good at the userinfo endpoint.
func (p *Provider) UserinfoToken(t testing.TB, user string) string {
	t.Helper()
	return p.signIn(t, p.Desk, user, url.Values{"scope": {"openid profile"}}).Access
}

// SignedUserinfoToken is UserinfoToken for a client that userinfo answers with a signed JWT.
func (p *Provider) SignedUserinfoToken(t testing.TB, user string) string {
	t.Helper()
	return p.signIn(t, p.Signed, user, url.Values{"scope": {"openid profile"}}).Access
}

// Revoke has the provider revoke an access token of Desk.
func (p *Provider) Revoke(t testing.TB, token string) {
	t.Helper()
	form := url.Values{"token": {token}, "client_id": {p.Desk.ID}}
	if status := postForm(t, client(), p.Revocation, form); status != 200 {
		t.Fatalf("the provider answers %d to a revocation, want 200", status)
	}
}

// Asked tells how often that endpoint was asked so far, by anybody.
func (p *Provider) Asked(t testing.TB, endpoint string) int {
	t.Helper()
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	p.test(t, "asked", &count)
	return count[at.Path]
}

// Rotate has the provider sign with new keys from now on, under new ids. It goes on to publish those that it had, if
// keep.
func (p *Provider) Rotate(t testing.TB, keep bool) {
	t.Helper()
	what := "rotate"
	if keep {
		what += "?keep"
	}
	p.test(t, what, &struct{}{})
}

// test asks testdata/provider.mjs for what is no part of the protocol.
func (p *Provider) test(t testing.TB, what string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(p.Issuer, "/")+"/test/"+what, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, client(), request, into); status != http.StatusOK {
		t.Fatalf("testdata/provider.mjs answers %d, want 200", status)
	}
}

func resourceOf(form Form) string {
	if form == JWT {
		return JWTResource
	}
	return OpaqueResource
}
