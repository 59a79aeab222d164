package oidctest

import (
	"cmp"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	Algorithm string         // of JWT access tokens: RS256 (as "" too), PS256 or ES256
	Slash     bool           // the issuer ends with one
	Claims    map[string]any // beside the protocol's own: in tokens, and in what introspection and userinfo say
	Lifetime  time.Duration  // of access tokens, in whole seconds; 0 = an hour
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
	claims := settings.Claims
	if claims == nil {
		claims = map[string]any{}
	}
	line, err := json.Marshal(map[string]any{
		"algorithm": cmp.Or(settings.Algorithm, "RS256"), "slash": settings.Slash, "claims": claims,
		"seconds": int(cmp.Or(settings.Lifetime, time.Hour) / time.Second), "scopes": []string{Scope},
		"opaqueResource": OpaqueResource, "service": p.Service, "desk": p.Desk, "signed": p.Signed, "window": p.Window,
		"resourceServer": p.ResourceServer,
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer := p.run(t, exec.CommandContext(t.Context(), node, filepath.Join(dir, "provider.mjs")), line)
	p.Discovery = discover(t, issuer)
	return p
}

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
	var tokens Tokens
	post(t, p.Token, p.Service, url.Values{"grant_type": {"client_credentials"}, "scope": {Scope}, "resource": {resourceOf(form)}}, url.QueryEscape, &tokens)
	if tokens.Access == "" {
		t.Fatalf("no token by client credentials: %s", tokens.Error)
	}
	return tokens.Access
}

// UserTokens gets the tokens of a user who signs in at Desk for an API; a refresh token is among them.
func (p *Provider) UserTokens(t testing.TB, user string, form Form) Tokens {
	t.Helper()
	return p.signIn(t, p.Desk, user, url.Values{"scope": {"openid profile " + Scope}, "resource": {resourceOf(form)}})
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

func resourceOf(form Form) string {
	if form == JWT {
		return JWTResource
	}
	return OpaqueResource
}
