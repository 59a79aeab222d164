package daemon_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfService are the rows B11 to B17 and D1 to D9: what is decided here, and who may call at all.
func rowsOfService() []row {
	return []row{
		{"B11", "groups, roles and what is added to one user are written here", localData},
		{"B12", "administrators are told by exact equality, and by the current token", exactAdmin},
		{"B13", "where to listen and whom to pass requests on to follow from neither Host nor token", addresses},
		{"B14", "a query in an address is a fault", queriesInAddresses},
		{"B15", "the audience is mandatory", audienceMandatory},
		{"B16", "required_scopes is a real list, of which a user's token needs every word", scopeLists},
		{"B17", "the environment configures nothing", environment},
		{"D1", "one bearer token in Authorization, and no ID token", accessTokensOnly},
		{"D2", "there are no passwords and no API keys", noPasswords},
		{"D3", "the required scope is a whole word of scp", scopeWord},
		{"D5", "files are root's alone and hold data", files},
		{"D6", "a reload is all or nothing, and forgets what was verified", reloads},
		{"D7", "disabled unless enabled: 503, never open", disabled},
		{"D8", "tenant_id and application_id are GUIDs of one's own", requiredIDs},
		{"D9", "only the listed applications call", clientApplications},
	}
}

func localData(t *testing.T, w *world) {
	c := w.claimd(t, plan{
		groups: "Analysts = \"\"\nOperators = \"\"", roles: `editor = ""`,
		more: "[[user]]\nid = \"" + adaObject + "\"\ngroups = [\"Operators\"]\nroles = [\"editor\"]\n",
	})
	c.judge(t, []verdict{
		{"what is added", nil, "200 groups=Analysts,Operators roles=editor"},
		{"also where the token has none", claims{"groups": nil}, "200 groups=Operators roles=editor"},
		{"nothing is created from a token", claims{"groups": []string{"New"}}, "200 groups=Operators roles=editor"},
	})
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked"})).want(t, "another user", letIn)
	wantFaults(t, []flawed{{soundHead + "[[user]]\nid = \"" + adaObject + "\"\ngroups = [\"Analists\"]\nroles = [\"editor\"]",
		"claimd.toml:10: user[0].groups[0]: want a group that stands under [groups], got \"Analists\"\n  hint: did you mean \"Analysts\"?\n" +
			"claimd.toml:11: user[0].roles[0]: want a role that stands under [roles], got \"editor\"\n  hint: declare it under [roles], or take it out here"}})
}

func exactAdmin(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `admin_group = "admin"`})
	group := func(name any) claims { return claims{"groups": []any{"Analysts", name}} }
	c.judge(t, []verdict{
		{"nobody is the first", nil, letIn},
		{"exactly", group("admin"), letInBoss},
		{"not sticky", nil, letIn},
		{"part of a longer name", group("administrators"), letIn},
		{"with a longer beginning", group("sub-admin"), letIn},
		{"shorter", group("admi"), letIn},
		{"in capitals", group("Admin"), letIn},
		{"with a blank", group("admin "), letIn},
		{"in a list in a string", claims{"groups": []string{"Analysts", "x,admin"}}, letIn},
		{"in another claim", claims{"wids": []string{"admin"}, "isAdmin": true}, letIn},
	})
}

// echo is an API that answers with the header fields that it got.
func echo(t *testing.T) *httptest.Server {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Clone()
		got.Set("Host", r.Host)
		got.Set("Path", r.RequestURI)
		_ = json.NewEncoder(w).Encode(got)
	}))
	t.Cleanup(api.Close)
	return api
}

// behind is the plan with claimd's own proxy in front of the API.
func (p plan) behind(api *httptest.Server) plan {
	p.more += "[proxy]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"" + api.URL + "\"\n"
	return p
}

// echoed gives the fields that the API got.
func (a answer) echoed(t *testing.T) (got http.Header) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("the proxy answers %s", a)
	}
	must(t, json.Unmarshal([]byte(a.body), &got))
	return got
}

func addresses(t *testing.T, w *world) {
	c := w.own(t, plan{}.behind(echo(t)))
	token := w.ada(t, claims{"iss_api": "http://127.0.0.1:1", "aud_url": "http://127.0.0.1:1"})
	got := c.through(t, "/a%2fb?x=1", http.Header{
		"Authorization": {"Bearer " + token}, "Host": {"127.0.0.1:1"}, "X-Forwarded-Host": {"127.0.0.1:1"}, "Forwarded": {"host=127.0.0.1:1"},
	}).echoed(t)
	if got.Get("Host") != "127.0.0.1:1" || got.Get("Path") != "/a%2fb?x=1" || got.Get("Remote-User") != adaObject {
		t.Errorf("the API got %v", got)
	}
	a := fetch(t, http.MethodGet, c.gate+"/auth", http.Header{"Authorization": {"Bearer " + token}, "Host": {"login.microsoftonline.com"}})
	a.want(t, "/auth under another host", letIn)
}

func queriesInAddresses(t *testing.T, _ *world) {
	wantFaults(t, []flawed{
		{soundHead + `authority = "https://login.example/?_userinfo=1"`,
			`claimd.toml:8: provider.contoso.authority: want a URL without a query, got "https://login.example/?_userinfo=1"`},
		{soundHead + `application_id_uris = ["https://contoso.example/api?x"]`,
			`claimd.toml:8: provider.contoso.application_id_uris[0]: want an application ID URI without a query and a fragment, got "https://contoso.example/api?x"`},
		{soundHead + "[outbound]\nproxy = \"http://proxy.example:3128?x=1\"",
			`claimd.toml:9: outbound.proxy: want a URL without a query, got "http://proxy.example:3128?x=1"`},
		{soundHead + "[proxy]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"http://127.0.0.1:8080/?x=1\"",
			`claimd.toml:10: proxy.upstream: want a URL without a query, got "http://127.0.0.1:8080/?x=1"`},
	})
}

func audienceMandatory(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "ada", API: otherAPIApp})).want(t, "for another API of the tenant", "401 audience")
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "ada", API: otherAPIApp, Version: 1})).want(t, "in v1.0", "401 audience")
	c.ask(t, w.ada(t, claims{"aud": nil})).want(t, "for nobody", "401 audience")
	wantFaults(t, []flawed{{strings.Replace(soundHead, "application_id = ", "# ", 1),
		"claimd.toml:3: provider.contoso.application_id: is missing\n  hint: the application (client) ID stands on the app registration's overview page"}})
}

func scopeLists(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `required_scopes = ["read", "write"]`})
	const refused = "403 scope"
	c.judge(t, []verdict{
		{"both", claims{"scp": "read write"}, letIn},
		{"in any order, among others", claims{"scp": "a write b read"}, letIn},
		{"one", claims{"scp": "read"}, refused},
		{"the other", claims{"scp": "write"}, refused},
		{"with a comma", claims{"scp": "read,write"}, refused},
		{"with a tab", claims{"scp": "read\twrite"}, refused},
		{"in capitals", claims{"scp": "Read write"}, refused},
		{"longer", claims{"scp": "read.all write"}, refused},
		{"in roles", claims{"scp": "read", "roles": []string{"write"}}, refused},
	})
	apps := w.claimd(t, withAccount("", ""))
	apps.ask(t, w.nightly(t, nil)).want(t, "an app-only token has no scopes", "200 groups=Operators roles=viewer")
	text := strings.Replace(soundHead, `["`+readWrite+`"]`, "%", 1)
	wantFaults(t, []flawed{
		{strings.Replace(text, "%", `"read,write"`, 1), "claimd.toml:7: provider.contoso.required_scopes: want an array of strings, got a string\n  hint: put it in brackets"},
		{strings.Replace(text, "%", `["read write"]`, 1), "claimd.toml:7: provider.contoso.required_scopes[0]: want one scope, got \"read write\"\n  hint: each scope is an element of its own"},
	})
}

func environment(t *testing.T, w *world) {
	text := plan{}.text(w.contoso)
	file := filepath.Join(t.TempDir(), "claimd.toml")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	plainly, err := daemon.Load(file, config.ReadOptions{})
	must(t, err)
	for name, value := range map[string]string{
		"OAUTH_ENABLED": "False", "ENABLED": "false", "CLAIMD_ENABLED": "false", "CLAIMD_CONFIG": "/nowhere", "IDP_ISSUER": "https://idp.example/",
		"IDP_AUDIENCE": otherAPIApp, "IDP_CLIENT_ID": rogueApp, "IDP_GROUPS_CLAIM": "teams", "API_URL": "http://127.0.0.1:1",
		"CLAIMD_PROVIDER_CONTOSO_APPLICATION_ID": otherAPIApp, "OAUTH_TENANT_ID": fabrikamTenant,
	} {
		t.Setenv(name, value)
	}
	loaded, err := daemon.Load(file, config.ReadOptions{})
	must(t, err)
	got, err := json.Marshal(loaded.Config)
	must(t, err)
	want, err := json.Marshal(plainly.Config)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c := w.own(t, plan{})
	c.ask(t, w.ada(t, claims{"teams": []string{"Nobody"}})).want(t, "under that environment", letIn)
}

func accessTokensOnly(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	token := w.ada(t, nil)
	for _, path := range []string{"/auth?access_token=" + token, "/auth?token=" + token} {
		a := fetch(t, http.MethodGet, c.gate+path, nil)
		a.want(t, "in the query", "401 no_token")
	}
	for _, name := range []string{"Cookie", "X-Access-Token", "X-Forwarded-Access-Token", "Proxy-Authorization"} {
		c.auth(t, http.Header{name: {"Bearer " + token}}).want(t, name, "401 no_token")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.gate+"/auth", strings.NewReader("access_token="+token))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	must(t, err)
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("in a form: %s", response.Status)
	}
	const idToken = "401 id_token"
	noClient := claims{"azp": nil, "scp": nil}
	c.judge(t, []verdict{
		{"an ID token by its nonce", merge(noClient, claims{"nonce": "x"}), idToken},
		{"by at_hash", merge(noClient, claims{"at_hash": "x"}), idToken},
		{"by c_hash", merge(noClient, claims{"c_hash": "x"}), idToken},
		{"without any mark", noClient, "401 missing_claim"},
		{"a client, but neither scp nor idtyp", claims{"scp": nil}, idToken},
		{"an empty scp", claims{"scp": ""}, idToken},
		{"a list for scp", claims{"scp": []string{readWrite}}, idToken},
		{"scp null", claims{"scp": jsonNull}, idToken},
		{"idtyp user", claims{"idtyp": "user"}, letIn},
		{"idtyp app beside scp", claims{"idtyp": "app"}, idToken},
		{"idtyp device", claims{"idtyp": "device"}, idToken},
		{"idtyp device and no scp", claims{"idtyp": "device", "scp": nil}, idToken},
		{"idtyp user and no scp", claims{"idtyp": "user", "scp": nil}, idToken},
		{"idtyp no string", claims{"idtyp": 1}, idToken},
		{"an access token with a nonce claim", claims{"nonce": "x"}, letIn},
	})
}

func noPasswords(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for name, value := range map[string]string{
		"Authorization": "Basic YWRhOmh1bnRlcjI=", "X-Api-Key": "hunter2", "Api-Key": "hunter2", "Cookie": "session=hunter2",
	} {
		c.auth(t, http.Header{name: {value}}).want(t, name, "401 no_token")
	}
	c.auth(t, http.Header{"Authorization": {"Token hunter2"}}).want(t, "another scheme", "401 no_token")
	for _, text := range []string{"[[user]]\nid = \"" + adaObject + "\"\npassword = \"hunter2\"", "[[user]]\nid = \"" + adaObject + "\"\napi_key = \"hunter2\""} {
		if got := faultsOf(t, soundHead+text); !strings.HasPrefix(got, "claimd.toml:10: user[0].") || !strings.Contains(got, ": unknown key") {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func scopeWord(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `required_scopes = ["` + readWrite + `"]`})
	refused := "403 scope"
	c.judge(t, []verdict{
		{"alone", nil, letIn},
		{"last of many", claims{"scp": "User.Read email " + readWrite}, letIn},
		{"first of many", claims{"scp": readWrite + " email"}, letIn},
		{"longer", claims{"scp": readWrite + ".all"}, refused},
		{"shorter", claims{"scp": "platform.read"}, refused},
		{"in capitals", claims{"scp": "Platform.Read-Write"}, refused},
		{"as clients ask for it", claims{"scp": "api://" + apiApp + "/" + readWrite}, refused},
	})
	a := c.ask(t, w.ada(t, claims{"scp": "other"}))
	a.want(t, "another", refused)
	a.wantHeader(t, "WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+readWrite+`"`)
	two := w.claimd(t, plan{provider: `required_scopes = ["read", "write"]`})
	two.ask(t, w.ada(t, claims{"scp": "read"})).wantHeader(t, "WWW-Authenticate", `Bearer error="insufficient_scope", scope="read write"`)
	w.claimd(t, plan{}).ask(t, w.ada(t, claims{"scp": "anything"})).want(t, "no scope is required", letIn)
	wantFaults(t, []flawed{{strings.Replace(soundHead, `["`+readWrite+`"]`, "[]", 1),
		"notice: claimd.toml:7: provider.contoso.required_scopes: is empty: a token with any scope of the API will do\n  hint: name the scope that the API exposes"}})
}
