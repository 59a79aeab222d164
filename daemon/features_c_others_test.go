package daemon_test

import (
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

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
