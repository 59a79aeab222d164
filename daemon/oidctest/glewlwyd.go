package oidctest

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Glewlwyd is a running glewlwyd 2, Debian's OpenID provider in C. Its access tokens are JWTs; its refresh tokens are
// opaque. It takes client_secret_basic without form-encoding, so its secrets here are letters and digits.
type Glewlwyd struct {
	*process
	Discovery
	Service        Client // gets tokens for itself
	ResourceServer Client // users sign in with it, by the device flow; it may introspect its own tokens alone

	api      string
	admin    *http.Client   // signed in as the administrator
	settings map[string]any // of the OpenID plugin
}

// User is the one user of a Glewlwyd; sub is something else.
const User = "ada"

const (
	userPassword = "ada-password"
	// The administrator of a new database.
	adminName, adminPassword = "admin", "password"
	// Debian's script for a new database.
	glewlwydSchema = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
)

// StartGlewlwyd starts glewlwyd with a new database. algorithm is that of access tokens: RS256 (as "" too), PS256 or
// ES256.
func StartGlewlwyd(t testing.TB, algorithm string) *Glewlwyd {
	t.Helper()
	binary := program(t, "glewlwyd", "apt-get install glewlwyd")
	database := newDatabase(t)
	g := &Glewlwyd{Service: Client{"service", "secretOfTheService"}, ResourceServer: Client{"gate", "secretOfTheGate"}}
	for range 3 { // somebody else may take the port meanwhile
		if g.run(t, binary, database) {
			break
		}
	}
	if g.api == "" {
		t.Fatal("glewlwyd has not started")
	}
	g.setUp(t, cmp.Or(algorithm, "RS256"))
	g.Discovery = discover(t, g.api+"oidc")
	return g
}

// newDatabase makes glewlwyd's database as its package does.
func newDatabase(t testing.TB) (path string) {
	t.Helper()
	sqlite := program(t, "sqlite3", "apt-get install sqlite3")
	schema, err := os.Open(glewlwydSchema)
	if err != nil {
		missing(t, "no schema of glewlwyd here; hint: apt-get install glewlwyd")
	}
	defer schema.Close()
	path = filepath.Join(t.TempDir(), "glewlwyd.db")
	command := exec.CommandContext(t.Context(), sqlite, path)
	// The file lives as long as the test: what a power cut would do to it is no matter.
	command.Args = append(command.Args, "-cmd", "PRAGMA synchronous=OFF")
	command.Stdin = schema
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
	return path
}

// run starts the process on a free port, and reports whether it answers there.
func (g *Glewlwyd) run(t testing.TB, binary, database string) bool {
	t.Helper()
	port := freePort(t)
	text, err := os.ReadFile(filepath.Join(folder(t), "glewlwyd.conf"))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(filepath.Dir(database), "glewlwyd.conf")
	text = []byte(strings.NewReplacer("PORT", port, "DATABASE", database).Replace(string(text)))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	g.process = begin(t, exec.CommandContext(t.Context(), binary, "--config-file", config))
	for end := time.Now().Add(patience); time.Now().Before(end) && !g.gone(); time.Sleep(20 * time.Millisecond) {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			connection.Close()
			g.api = "http://127.0.0.1:" + port + "/api/"
			return true
		}
	}
	g.Stop()
	return false
}

// setUp makes the OpenID plugin, the clients and the user, as an administrator.
func (g *Glewlwyd) setUp(t testing.TB, algorithm string) {
	t.Helper()
	admin := session(t)
	g.admin = admin
	g.call(t, admin, http.MethodPost, "auth/", map[string]any{"username": adminName, "password": adminPassword})
	g.call(t, admin, http.MethodPut, "mod/user/database", map[string]any{ // users have groups
		"module": "database", "name": "database", "display_name": "database", "parameters": map[string]any{
			"use-glewlwyd-connection": true,
			"data-format":             map[string]any{"groups": map[string]any{"multiple": true, "read": true, "write": true}}}})
	g.call(t, admin, http.MethodPut, "mod/user/database/reset", map[string]any{})
	plugin := g.plugin(t, algorithm)
	g.settings = plugin["parameters"].(map[string]any)
	g.call(t, admin, http.MethodPost, "mod/plugin/", plugin)
	g.call(t, admin, http.MethodPost, "scope/", map[string]any{
		"name": Scope, "display_name": Scope, "description": Scope, "password_required": false, "scheme": map[string]any{}})
	for _, c := range []struct {
		client Client
		may    []string
	}{
		{g.Service, []string{"client_credentials"}},
		{g.ResourceServer, []string{"client_credentials", "device_authorization", "refresh_token"}},
	} {
		g.call(t, admin, http.MethodPost, "client/", map[string]any{
			"client_id": c.client.ID, "name": c.client.ID, "client_secret": c.client.Secret, "confidential": true,
			"enabled": true, "authorization_type": c.may, "scope": []string{Scope}, "redirect_uri": []string{"http://localhost"},
			"token_endpoint_auth_method": []string{"client_secret_basic"}})
	}
	user := person()
	user["password"] = userPassword
	g.call(t, admin, http.MethodPost, "user/", user)
}

func person(groups ...string) map[string]any {
	return map[string]any{
		"username": User, "name": "Ada Lovelace", "email": "ada@contoso.example", "enabled": true,
		"groups": append([]string{}, groups...), "scope": []string{"g_profile", "openid", Scope}}
}

// SetGroups has User be in these groups.
func (g *Glewlwyd) SetGroups(t testing.TB, groups ...string) {
	t.Helper()
	g.call(t, g.admin, http.MethodPut, "user/"+User, person(groups...))
}

// Change has the OpenID plugin go on with these settings (testdata/glewlwyd-plugin.json) changed: another issuer too, as
// long as its path is the same but for a slash at its end.
func (g *Glewlwyd) Change(t testing.TB, settings map[string]any) {
	t.Helper()
	maps.Copy(g.settings, settings)
	g.call(t, g.admin, http.MethodPut, "mod/plugin/oidc", map[string]any{
		"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "parameters": g.settings})
	g.call(t, g.admin, http.MethodPut, "mod/plugin/oidc/reset", map[string]any{})
	g.Discovery = discover(t, g.settings["iss"].(string))
}

// Rotate has the provider sign with a new key from now on, under a new id; the one that it had is gone.
func (g *Glewlwyd) Rotate(t testing.TB, algorithm string) {
	t.Helper()
	g.Change(t, newKey(t, algorithm))
}

// plugin gives the OpenID plugin's settings with a new key.
func (g *Glewlwyd) plugin(t testing.TB, algorithm string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder(t), "glewlwyd-plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	var plugin map[string]any
	if err := json.Unmarshal(text, &plugin); err != nil {
		t.Fatal(err)
	}
	parameters := plugin["parameters"].(map[string]any)
	parameters["iss"] = g.api + "oidc"
	maps.Copy(parameters, newKey(t, algorithm))
	return plugin
}

// newKey makes a key for the algorithm, as settings of the plugin.
func newKey(t testing.TB, algorithm string) map[string]any {
	t.Helper()
	var key crypto.Signer
	var err error
	if key, err = rsa.GenerateKey(rand.Reader, 2048); algorithm == "ES256" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"jwt-type": map[string]string{"RS256": "rsa", "PS256": "rsa-pss", "ES256": "ecdsa"}[algorithm],
		"key":      string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"cert":     string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})),
	}
}

// call asks the administrator's or the user's interface; anything but 200 fails the test.
func (g *Glewlwyd) call(t testing.TB, by *http.Client, method, path string, what any) {
	t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, g.api+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if status := send(t, by, request, nil); status != http.StatusOK {
		t.Fatalf("glewlwyd answers %d to %s %s, want 200", status, method, path)
	}
}

// ServiceToken gets an access token by client credentials: a JWT. Its aud is the scope.
func (g *Glewlwyd) ServiceToken(t testing.TB, by Client) string {
	t.Helper()
	return g.serviceToken(t, by, url.Values{})
}

// ServiceTokenFor is ServiceToken for that API, where the settings allow it; it is what aud then says.
func (g *Glewlwyd) ServiceTokenFor(t testing.TB, by Client, resource string) string {
	t.Helper()
	return g.serviceToken(t, by, url.Values{"resource": {resource}})
}

func (g *Glewlwyd) serviceToken(t testing.TB, by Client, form url.Values) string {
	t.Helper()
	form.Set("grant_type", "client_credentials")
	form.Set("scope", Scope)
	var tokens Tokens
	post(t, g.Token, by, form, verbatim, &tokens)
	if tokens.Access == "" {
		t.Fatalf("no token by client credentials: %s", tokens.Error)
	}
	return tokens.Access
}

// UserTokens gets the tokens of User, who signs in by the device flow with the scopes openid and Scope: aud of the access
// token is both words.
func (g *Glewlwyd) UserTokens(t testing.TB) Tokens {
	t.Helper()
	return g.signIn(t, "openid "+Scope)
}

// APITokens is UserTokens with Scope alone, which aud then is; there is no ID token.
func (g *Glewlwyd) APITokens(t testing.TB) Tokens {
	t.Helper()
	return g.signIn(t, Scope)
}

func (g *Glewlwyd) signIn(t testing.TB, scope string) (tokens Tokens) {
	t.Helper()
	var code struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Error      string `json:"error"`
	}
	post(t, g.Device, g.ResourceServer, url.Values{"scope": {scope}}, verbatim, &code)
	if code.DeviceCode == "" {
		t.Fatalf("no device code: %s", code.Error)
	}
	g.EnterCode(t, code.UserCode)
	post(t, g.Token, g.ResourceServer, url.Values{"grant_type": {deviceCode}, "device_code": {code.DeviceCode}}, verbatim, &tokens)
	if tokens.Access == "" {
		t.Fatalf("no token by device code: %s", tokens.Error)
	}
	return tokens
}

// EnterCode is User who signs in, consents, and enters the code of a device.
func (g *Glewlwyd) EnterCode(t testing.TB, code string) {
	t.Helper()
	browser := session(t)
	g.call(t, browser, http.MethodPost, "auth/", map[string]any{"username": User, "password": userPassword})
	g.call(t, browser, http.MethodPut, "auth/grant/"+g.ResourceServer.ID, map[string]any{"scope": "openid " + Scope})
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	page := g.Issuer + "/device?code=" + url.QueryEscape(code) + "&g_continue"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, browser, request, nil); status != http.StatusFound {
		t.Fatalf("glewlwyd's page for the code answers %d, want 302", status)
	}
}

// Revoke has the provider revoke an access token of that client's.
func (g *Glewlwyd) Revoke(t testing.TB, by Client, token string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Revocation, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(by.ID, by.Secret)
	if status := send(t, client(), request, nil); status != http.StatusOK {
		t.Fatalf("glewlwyd answers %d to a revocation, want 200", status)
	}
}

// session makes a client that keeps cookies.
func session(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := client()
	browser.Jar = jar
	return browser
}

func verbatim(text string) string { return text }

// freePort gives a port that nobody listens on now.
func freePort(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
