package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfJumpCloud: a provider that is not Entra ID, in JumpCloud's shapes.
func rowsOfJumpCloud() []row {
	return []row{
		{"C1", "an opaque token is checked at userinfo, and refused where no provider takes them", opaqueAtJumpCloud},
		{"C2", "issuers are compared byte for byte", issuersByteForByte},
		{"C3", "no redirect or login address is a setting", noLoginSettings},
		{"C4", "e-mail and names are optional", profileIsOptional},
		{"C5", "the groups claim has any name", anyGroupsName},
		{"C6", "one group as a string and several as an array", oneGroupOrMany},
		{"C7", "groups that are not listed are ignored", unlistedGroups},
		{"C8", "a secret stands in a file of its own", secretsInFiles},
		{"C9", "a new local group holds for the same token", newLocalGroup},
	}
}

func opaqueAtJumpCloud(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	for token, want := range map[string]string{
		"2YotnFZFEjr1zCsicMWpAA": "401 opaque_token", "a.b": "401 opaque_token", "a.b.c": "401 malformed", "a.b.c.d.e": "401 malformed",
		o.mint(t, w, nil): "200 ",
	} {
		c.ask(t, token).begins(t, token, want)
	}
	asked, v := startVoucher(t)
	u := w.start(t, asked.byUserinfo())
	defer u.end(t)
	u.ready(t)
	for token, test := range map[string]struct {
		says  claims
		want  string
		names string
	}{
		"one-group":     {asked.user(nil), "200 ", "Analysts"},
		"two-groups":    {asked.user(claims{groupsName: []string{"Operators", "Analysts"}}), "200 ", "Analysts,Operators"},
		"no-group":      {asked.user(claims{groupsName: nil}), "403 no_group", ""},
		"a-number":      {asked.user(claims{groupsName: []any{"Analysts", 1}}), "401 claim_type", ""},
		"another-claim": {asked.user(claims{groupsName: nil, "groups": "Analysts"}), "403 no_group", ""},
		"nobody":        {asked.user(claims{"sub": nil}), "401 missing_claim", ""},
	} {
		v.set(token, test.says)
		a := u.ask(t, token)
		a.begins(t, token, test.want)
		if got := a.header.Get("Remote-Groups"); got != test.names {
			t.Errorf("%s: want the groups %q, got %q", token, test.names, got)
		}
	}
}

func issuersByteForByte(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	for issuer, want := range map[string]string{
		o.issuer: "200 ", strings.TrimSuffix(o.issuer, "/"): "401 issuer", o.issuer + "/": "401 issuer", strings.ToUpper(o.issuer): "401 issuer",
		"https://oauth.id.jumpcloud.com/": "401 issuer", w.contoso.Issuer(2): "401 issuer", o.issuer + "?": "401 issuer",
	} {
		c.ask(t, o.mint(t, w, claims{"iss": issuer})).begins(t, issuer, want)
	}
	// Its document must name it so, too.
	other := w.start(t, o.jumpcloudText(o.issuer, strings.TrimSuffix(o.issuer, "/")))
	defer other.end(t)
	other.ask(t, o.mint(t, w, claims{"iss": strings.TrimSuffix(o.issuer, "/")})).begins(t, "a document of another issuer", "503 keys_unavailable")
}

func noLoginSettings(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	for key, hint := range map[string]string{
		"redirect_uri": "", "login_url": "", "client_secret": "\n  hint: no secret is needed to verify a token: take it out of this file",
	} {
		text := o.jumpcloudText("audiences =", key+" = \"x\"\naudiences =")
		wantFaults(t, []flawed{{text, "claimd.toml:5: provider.jumpcloud." + key + ": unknown key" + hint}})
	}
}

func profileIsOptional(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	got := c.whoami(t, o.mint(t, w, nil))
	for key, want := range map[string]any{
		"provider": "jumpcloud", "user": "5f1a", "kind": "user", "email": "ada@contoso.example", "first_name": "Ada", "last_name": "Lovelace",
		"client_application_id": jumpcloudClient, "admin": false,
	} {
		if got[key] != want {
			t.Errorf("%s: want %v, got %v", key, want, got[key])
		}
	}
	bare := c.whoami(t, o.mint(t, w, claims{"email": nil, "given_name": nil, "family_name": []string{"x"}}))
	if bare["email"] != "" || bare["first_name"] != "" || bare["last_name"] != "" {
		t.Errorf("want an empty profile, got %v", bare)
	}
}

func anyGroupsName(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	for _, name := range []string{groupsName, "memberOf", "groups.of.this.app", "urn:x:groups"} {
		c := w.start(t, o.jumpcloudText(`"`+groupsName+`"`, `"`+name+`"`))
		c.ready(t)
		c.ask(t, o.mint(t, w, claims{groupsName: nil, name: "Analysts"})).begins(t, name, "200 ")
		if name != groupsName {
			c.ask(t, o.mint(t, w, nil)).begins(t, "under another name", "403 no_group")
		}
		c.end(t)
	}
}

func oneGroupOrMany(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	for _, test := range []struct {
		groups any
		want   string
		names  string
	}{
		{nil, "403 no_group", ""}, {[]string{}, "403 no_group", ""}, {"", "403 no_group", ""}, {jsonNull, "403 no_group", ""},
		{"Analysts", "200 ", "Analysts"}, {[]string{"Analysts"}, "200 ", "Analysts"},
		{[]string{"Operators", "Analysts"}, "200 ", "Analysts,Operators"}, {[]string{"Analysts", "Operators", "Analysts"}, "200 ", "Analysts,Operators"},
		{"Analysts,Operators", "403 no_group", ""}, {"Analysts Operators", "403 no_group", ""}, {[]any{"Analysts", 1}, "401 claim_type", ""},
	} {
		a := c.ask(t, o.mint(t, w, claims{groupsName: test.groups}))
		a.begins(t, "groups", test.want)
		if got := a.header.Get("Remote-Groups"); got != test.names {
			t.Errorf("%v: want the groups %q, got %q", test.groups, test.names, got)
		}
	}
}

func unlistedGroups(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	a := c.ask(t, o.mint(t, w, claims{groupsName: []string{"Others", "Analysts", "analysts"}}))
	a.begins(t, "beside others", "200 ")
	if got := a.header.Get("Remote-Groups"); got != "Analysts" {
		t.Errorf("got %q", got)
	}
	c.ask(t, o.mint(t, w, claims{groupsName: []string{"Others"}})).begins(t, "others alone", "403 no_group")
}

func secretsInFiles(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	wantFaults(t, []flawed{{o.jumpcloudText("audiences =", "introspection_client_secret = \"x\"\naudiences ="),
		"claimd.toml:5: provider.jumpcloud.introspection_client_secret: unknown key\n  hint: no secret is needed to verify a token: take it out of this file"}})
}

func newLocalGroup(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	token := o.mint(t, w, claims{groupsName: "New"})
	c.ask(t, token).begins(t, "before", "403 no_group")
	c.write(t, o.jumpcloudText("Operators =", "New ="))
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	c.ask(t, token).begins(t, "after", "200 ")
}

// Every algorithm that the provider lists is taken, and no other.
func TestAnOIDCProvidersAlgorithms(t *testing.T) {
	w, o := newWorld(t), startOpenID(t, "a")
	keys := map[string]string{"RS256": "a", "PS256": "ps", "ES256": "es"}
	for _, listed := range []string{"RS256", "PS256", "ES256"} {
		c := w.start(t, o.jumpcloudText("audiences =", "algorithms = [\""+listed+"\"]\naudiences ="))
		c.ready(t)
		for algorithm, kid := range keys {
			want := "401 algorithm"
			if algorithm == listed {
				want = "200 "
			}
			c.ask(t, o.mintWith(t, w, algorithm, kid, nil)).begins(t, algorithm+" where "+listed+" is listed", want)
		}
		c.end(t)
	}
}

// Two Entra tenants and another provider, with the same names on all sides and one key id that two of them share. None
// of them gets its people or applications taken for another's.
func TestNoProviderMintsWhatIsAnothers(t *testing.T) {
	w := newWorld(t)
	probe := w.mint(t, w.contoso, entratest.Request{User: "ada"})
	o := startOpenID(t, keyIDOf(t, probe))
	entra := func(name, prefix string, tenant *entratest.Tenant) string {
		return "[provider." + name + "]\ntenant_id = \"" + tenant.Directory().TenantID + "\"\napplication_id = \"" + apiApp + "\"\nauthority = \"" +
			tenant.URL() + "\"\nclient_application_ids = [\"" + deskApp + "\"]\nuser_prefix = \"" + prefix + "\"\n"
	}
	c := w.start(t, "enabled = true\n"+entra("contoso", "", w.contoso)+"admin_group = \""+adminGroupID+"\"\n"+entra("fabrikam", "f:", w.fabrikam)+o.table("jumpcloud", `user_prefix = "j:"`)+`
[groups]
OfContoso = { values = ["Analysts"], providers = ["contoso"] }
OfFabrikam = { values = ["Analysts"], providers = ["fabrikam"] }
OfJumpCloud = { values = ["Analysts"], providers = ["jumpcloud"] }
Object = { values = ["`+someGroupID+`"], providers = ["contoso"] }
Special = { values = ["nobody's"], providers = ["contoso"] }
[roles]
reader = { values = ["Analysts"], providers = ["contoso"] }
[[user]]
provider = "contoso"
id = "`+adaObject+`"
groups = ["Special"]
[[user]]
provider = "jumpcloud"
id = "blocked"
blocked = true
[[service_account]]
provider = "contoso"
object_id = "`+nightlyObject+`"
application_id = "`+nightlyApp+`"
groups = ["Object"]
`)
	defer c.end(t)
	c.ready(t)
	at := func(tenant *entratest.Tenant, changes claims) string {
		return w.mint(t, tenant, entratest.Request{User: "ada", Claims: changes})
	}
	everything := []string{"Analysts", someGroupID, "OfContoso", "Object", "Special", adminGroupID}
	asContoso := claims{"iss": w.contoso.Issuer(2), "tid": contosoTenant, "ver": "2.0", "aud": apiApp, "azp": deskApp, "client_id": nil, "oid": adaObject, "nbf": 0}
	for _, test := range []struct {
		name, token, want, user, groups, roles string
	}{
		{"contoso's own", at(w.contoso, nil), "200 ", adaObject, "OfContoso,Special", "reader"},
		{"fabrikam's own, of the same object ID", at(w.fabrikam, nil), "200 ", "f:" + adaObject, "OfFabrikam", ""},
		{"jumpcloud's own", o.mint(t, w, nil), "200 ", "j:5f1a", "OfJumpCloud", ""},
		{"fabrikam emits all of contoso's", at(w.fabrikam, claims{"groups": everything, "roles": everything}), "200 ", "f:" + adaObject, "OfFabrikam", ""},
		{"jumpcloud emits all of contoso's", o.mint(t, w, claims{groupsName: everything, "roles": everything, "groups": everything, "sub": adaObject, "oid": adaObject,
			"tid": contosoTenant, "ver": "2.0"}), "200 ", "j:" + adaObject, "OfJumpCloud", ""},
		{"jumpcloud emits names of local groups", o.mint(t, w, claims{groupsName: []string{"OfContoso", "Special"}}), "403 no_group", "", "", ""},
		{"jumpcloud says it is contoso", o.mint(t, w, asContoso), "401 malformed", "", "", ""},
		{"jumpcloud as contoso's audience", o.mint(t, w, claims{"aud": apiApp}), "401 audience", "", "", ""},
		{"jumpcloud as contoso's client", o.mint(t, w, claims{"client_id": deskApp}), "403 client", "", "", ""},
		{"jumpcloud as contoso's service account", o.mint(t, w, claims{"sub": nightlyObject, "client_id": jumpcloudClient, "oid": nightlyObject, "idtyp": "app", "scope": nil}),
			"200 ", "j:" + nightlyObject, "OfJumpCloud", ""},
		{"a client of jumpcloud's for itself", o.mint(t, w, claims{"sub": jumpcloudClient}), "403 unknown_service_account", "", "", ""},
		{"jumpcloud's blocked user", o.mint(t, w, claims{"sub": "blocked"}), "403 user_inactive", "", "", ""},
		{"contoso says it is jumpcloud", at(w.contoso, claims{"iss": o.issuer, "aud": jumpcloudAudience, "azp": jumpcloudClient}), "401 signature", "", "", ""},
		{"fabrikam says it is contoso", at(w.fabrikam, claims{"iss": w.contoso.Issuer(2), "tid": contosoTenant}), "401 key", "", "", ""},
		{"fabrikam with contoso's tid", at(w.fabrikam, claims{"tid": contosoTenant}), "401 tenant", "", "", ""},
		{"contoso's service account", w.mint(t, w.contoso, entratest.Request{Client: nightlyApp}), "200 ", nightlyObject, "Object", ""},
		{"fabrikam's app of the same IDs", w.mint(t, w.fabrikam, entratest.Request{Client: nightlyApp}), "403 client", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := c.ask(t, test.token)
			a.begins(t, test.name, test.want)
			h := a.header
			if h.Get("Remote-User") != test.user || h.Get("Remote-Groups") != test.groups || h.Get("Remote-Roles") != test.roles {
				t.Errorf("got the user %q, the groups %q, the roles %q", h.Get("Remote-User"), h.Get("Remote-Groups"), h.Get("Remote-Roles"))
			}
			if admin := h.Get("Remote-Admin"); a.status == 200 && admin != "false" {
				t.Errorf("got Remote-Admin %q", admin)
			}
		})
	}
}

// Users of a provider that is not Entra ID are switched off by the bytes of their id, under the issuer.
func TestAnOIDCUserIsDeactivatedByItsID(t *testing.T) {
	w, o := newWorld(t), startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	upper := strings.ToUpper(adaObject)
	for _, id := range []string{"5f1a", "auth0|Ä b", upper, adaObject} {
		c.ask(t, o.mint(t, w, claims{"sub": id})).begins(t, id, "200 ")
	}
	for _, id := range []string{"auth0|Ä b", upper} {
		_, err := c.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Deactivate, Provider: "jumpcloud", ID: id})
		must(t, err)
	}
	for id, want := range map[string]string{"5f1a": "200 ", "auth0|Ä b": "403 user_inactive", upper: "403 user_inactive", adaObject: "200 "} {
		c.ask(t, o.mint(t, w, claims{"sub": id})).begins(t, id, want)
	}
	if files, err := filepath.Glob(filepath.Join(c.dir, "state", "keys", "jumpcloud-*.json")); err != nil || len(files) != 1 {
		t.Errorf("want the keys kept, got %v, %v", files, err)
	}
}

// What mends a refusal names keys of the provider's own kind.
func TestWhatMendsARefusalOfAnOIDCToken(t *testing.T) {
	w, o := newWorld(t), startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText("audiences =", "required_scopes = [\"admin\"]\naudiences ="))
	defer c.end(t)
	c.ready(t)
	for _, test := range []struct {
		changes       claims
		reason, mends string
	}{
		{claims{"client_id": "x"}, "client", `if this client may call, add "x" to client_ids under [provider.jumpcloud]`},
		{nil, "scope", "let the client ask for admin; or take it out of required_scopes under [provider.jumpcloud]"},
		{claims{"sub": jumpcloudClient}, "unknown_service_account", "let the client call for a user"},
	} {
		e, err := c.admin.Explain(t.Context(), o.mint(t, w, test.changes))
		must(t, err)
		var got []string
		for _, check := range e.Checks {
			if !check.Passed {
				got = append(got, check.Reason.String()+": "+check.Mend)
			}
		}
		if want := test.reason + ": " + test.mends; len(got) == 0 || got[0] != want {
			t.Errorf("want %s, got %q", want, got)
		}
	}
}
