package daemon_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// sides are two tenants and a provider that is not Entra ID in front of one API. Object IDs, application IDs, names of
// groups and of roles are the same on all sides; whose they are decides what follows from them.
type sides struct {
	*world
	o *openID
	c *claimd
}

func newSides(t *testing.T) *sides {
	t.Helper()
	s := &sides{world: newWorld(t), o: startOpenID(t, "a")}
	s.c = s.start(t, s.text())
	t.Cleanup(func() { s.c.end(t) })
	s.c.ready(t)
	return s
}

// text: contoso reads the usual claims, fabrikam others, and each of the three has groups, roles and people of its own.
func (s *sides) text() string {
	provider := func(name string, tenant *entratest.Tenant, more string) string {
		return "[provider." + name + "]\ntenant_id = \"" + tenant.Directory().TenantID + "\"\napplication_id = \"" + apiApp + "\"\nauthority = \"" +
			tenant.URL() + "\"\nclient_application_ids = [\"" + deskApp + "\"]\n" + more
	}
	account := func(name, groups string) string {
		return "[[service_account]]\nprovider = \"" + name + "\"\nobject_id = \"" + nightlyObject + "\"\napplication_id = \"" + nightlyApp +
			"\"\ngroups = [\"" + groups + "\"]\n"
	}
	user := func(name, id, more string) string {
		return "[[user]]\nprovider = \"" + name + "\"\nid = \"" + id + "\"\n" + more + "\n"
	}
	return "enabled = true\n" + provider("contoso", s.contoso, "admin_group = \""+adminGroupID+"\"\n") +
		provider("fabrikam", s.fabrikam, `user_prefix = "f:"
admin_value = "yes"
[provider.fabrikam.claims]
groups = "teams"
roles = "roles"
email = "mail"
admin = "boss"
`) + s.o.table("jumpcloud", `user_prefix = "j:"`) + `
[groups]
"C analysts" = { values = ["Analysts", "` + someGroupID + `"], providers = ["contoso"] }
"F analysts" = { values = ["Analysts", "` + someGroupID + `"], providers = ["fabrikam"] }
"J analysts" = { values = ["Analysts", "` + someGroupID + `"], providers = ["jumpcloud"] }
Tenants = { values = ["Common"], providers = ["contoso", "fabrikam"] }
"C special" = { values = ["nobody's"], providers = ["contoso"] }
"F special" = { values = ["nobody's"], providers = ["fabrikam"] }
"C apps" = { values = ["nobody's"], providers = ["contoso"] }
"F apps" = { values = ["nobody's"], providers = ["fabrikam"] }
[roles]
"C reader" = { values = ["Analysts", "Reader"], providers = ["contoso"] }
"F reader" = { values = ["Analysts", "Reader"], providers = ["fabrikam"] }
` + user("contoso", adaObject, `groups = ["C special"]`) + user("fabrikam", blockedObject, `groups = ["F special"]`) +
		user("contoso", blockedObject, "blocked = true") + account("contoso", "C apps") + account("fabrikam", "F apps")
}

// TestSidesKeepApart runs on one set of sides; the last case revokes tokens.
func TestSidesKeepApart(t *testing.T) {
	t.Parallel()
	s := newSides(t)
	t.Run("each gives what is its own", s.giveTheirOwn)
	t.Run("nobody writes another's tokens", s.writeEachOthersTokens)
	t.Run("a user is one tenant's alone", s.switchUsersOff)
}

// giveTheirOwn: each side reads the claims that its table names, and gives what is its own: the same claims, object IDs
// and names lead to other groups, roles, users and service accounts on every side.
func (s *sides) giveTheirOwn(t *testing.T) {
	everything := claims{
		"groups": []string{"Analysts", someGroupID, adminGroupID, "Common", "C analysts", "F analysts", "J analysts", "C special", "C apps"},
		"teams":  []string{"Analysts", someGroupID, adminGroupID, "Common", "C analysts", "F analysts", "J analysts", "C special", "C apps"},
		"roles":  []string{"Reader", adminGroupID, "C reader", "F reader"}, "mail": "m@x.example", "email": "e@x.example",
	}
	by := func(tenant *entratest.Tenant, user string, changes claims) func(int) string {
		return func(version int) string {
			return s.mint(t, tenant, entratest.Request{User: user, Client: deskApp, Version: version, Claims: changes})
		}
	}
	app := func(tenant *entratest.Tenant, object string) func(int) string {
		return func(version int) string {
			return s.mint(t, tenant, entratest.Request{Client: nightlyApp, Version: version, Claims: merge(everything, claims{"oid": object, "sub": object})})
		}
	}
	jumpcloud := func(changes claims) func(int) string {
		return func(int) string { return s.o.mint(t, s.world, changes) }
	}
	for _, test := range []struct {
		name              string
		token             func(version int) string
		want, user, email string
	}{
		{"contoso, all claims", by(s.contoso, "ada", everything), "200 groups=C analysts,C special,Tenants roles=C reader admin", adaObject, "e@x.example"},
		{"fabrikam, all claims", by(s.fabrikam, "ada", everything), "200 groups=F analysts,Tenants roles=F reader", "f:" + adaObject, "m@x.example"},
		{"fabrikam, boss", by(s.fabrikam, "ada", merge(everything, claims{"boss": "yes"})), "200 groups=F analysts,Tenants roles=F reader admin", "f:" + adaObject, "m@x.example"},
		{"contoso, boss", by(s.contoso, "ada", claims{"boss": "yes"}), "200 groups=C analysts,C special roles=C reader", adaObject, "ada@contoso.example"},
		{"fabrikam, the usual claims", by(s.fabrikam, "ada", claims{"groups": []string{"Analysts", someGroupID}}), "403 no_group", "", ""},
		{"contoso, fabrikam's claims", by(s.contoso, "ada", claims{"groups": nil, "teams": []string{"Analysts"}}), "200 groups=C special roles=", adaObject, "ada@contoso.example"},
		{"jumpcloud, all claims", jumpcloud(merge(everything, claims{groupsName: everything["groups"], "sub": adaObject, "oid": adaObject, "boss": "yes"})),
			"200 groups=J analysts roles=", "j:" + adaObject, "e@x.example"},
		{"contoso's blocked user", by(s.contoso, "blocked", everything), "403 user_inactive", "", ""},
		{"fabrikam's of the same object ID", by(s.fabrikam, "blocked", everything), "200 groups=F analysts,F special,Tenants roles=F reader", "f:" + blockedObject, "m@x.example"},
		{"jumpcloud's of the same id", jumpcloud(claims{"sub": blockedObject}), "200 groups=J analysts roles=", "j:" + blockedObject, "ada@contoso.example"},
		{"contoso's service account", app(s.contoso, nightlyObject), "200 groups=C apps roles=", nightlyObject, ""},
		{"fabrikam's of the same object ID", app(s.fabrikam, nightlyObject), "200 groups=F apps roles=F reader", "f:" + nightlyObject, ""},
		{"another of fabrikam's", app(s.fabrikam, otherObject), "403 client", "", ""},
		{"a user as contoso's service account", by(s.contoso, "ada", claims{"oid": nightlyObject}), "200 groups=C analysts roles=C reader", nightlyObject, "ada@contoso.example"},
		{"the same by the application's id", func(version int) string {
			return s.mint(t, s.contoso, entratest.Request{User: "ada", Client: nightlyApp, Version: version})
		}, "403 client", "", ""},
	} {
		for _, version := range []int{1, 2} {
			a := s.c.ask(t, test.token(version))
			a.want(t, fmt.Sprintf("%s, v%d.0", test.name, version), test.want)
			a.wantHeader(t, "Remote-User", test.user)
			a.wantHeader(t, "Remote-Email", test.email)
		}
	}
}

// writeEachOthersTokens: every side writes as another one: its issuer, its tenant, its key's id, its audience, its version,
// in every combination, for that side's user with all of its groups and rights. What passes is the writer's own.
func (s *sides) writeEachOthersTokens(t *testing.T) {
	rights := claims{
		"oid": adaObject, "groups": []string{"Analysts", adminGroupID}, "teams": []string{"Analysts", adminGroupID}, "roles": []string{"Reader", adminGroupID},
		groupsName: []string{"Analysts"}, "boss": "yes",
	}
	kids := map[string]string{"contoso": s.contoso.KeyIDs()[0], "fabrikam": s.fabrikam.KeyIDs()[0], "jumpcloud": "a"}
	asked, own := 0, map[string]int{}
	for _, victim := range []string{"contoso", "fabrikam", "jumpcloud"} {
		for _, writer := range []string{"contoso", "fabrikam", "jumpcloud"} {
			if writer == victim {
				continue
			}
			for combination := range 1 << 5 {
				for version := range 2 {
					if writer == "jumpcloud" && version == 0 {
						continue // its tokens have none
					}
					token := s.disguised(t, writer, victim, combination, version+1, kids[victim], rights)
					a := s.c.ask(t, token)
					asked++
					what := fmt.Sprintf("%s as %s, combination %05b, v%d.0", writer, victim, combination, version+1)
					if a.status == http.StatusOK {
						own[writer]++
						s.holdsOwn(t, a, what, writer)
					}
				}
			}
		}
	}
	// A tenant's own where neither issuer, tenant nor key is another's: with the audience and the version, which two
	// tenants share (4 combinations, 2 versions), or with what jumpcloud's tokens do without (2 and 2). Jumpcloud's own with
	// any tid, sub and ver, which say nothing in its tokens (4 for each tenant).
	if want := map[string]int{"contoso": 12, "fabrikam": 12, "jumpcloud": 8}; asked != 320 || !maps.Equal(own, want) {
		t.Errorf("%d tokens, of which let in as their writer's own: %v, want %v", asked, own, want)
	}
}

// disguised is a token of the writer's with what the combination takes from the victim.
func (s *sides) disguised(t *testing.T, writer, victim string, combination, version int, kid string, rights claims) string {
	t.Helper()
	tenants := map[string]*entratest.Tenant{"contoso": s.contoso, "fabrikam": s.fabrikam}
	changes, header := maps.Clone(rights), claims{}
	takes := func(bit int) bool { return combination&(1<<bit) != 0 }
	other := tenants[victim]
	if takes(0) {
		changes["iss"] = s.o.issuer
		if other != nil {
			changes["iss"] = other.Issuer(version)
		}
	}
	if takes(1) && other != nil {
		changes["tid"] = other.Directory().TenantID
	}
	if takes(2) {
		header["kid"] = kid
	}
	if takes(3) {
		changes["aud"] = jumpcloudAudience
		if other != nil {
			changes["aud"] = apiApp
		}
	}
	if takes(4) {
		changes["sub"], changes["ver"] = adaObject, nil
		if other != nil {
			changes["ver"] = fmt.Sprintf("%d.0", version)
		}
	}
	if writer != "jumpcloud" {
		return s.mint(t, tenants[writer], entratest.Request{User: "ada", Client: deskApp, Version: version, Header: header, Claims: changes})
	}
	if named, ok := header["kid"].(string); ok {
		return s.o.mintWith(t, s.world, "RS256", named, changes)
	}
	return s.o.mint(t, s.world, changes)
}

// holdsOwn: the user, the groups and the roles are the writer's, who has no administrator by another's word.
func (s *sides) holdsOwn(t *testing.T, a answer, what, writer string) {
	t.Helper()
	letter, prefix := map[string]string{"contoso": "C", "fabrikam": "F", "jumpcloud": "J"}[writer], map[string]string{"fabrikam": "f:", "jumpcloud": "j:"}[writer]
	h := a.header
	if h.Get("Remote-Provider") != writer || !strings.HasPrefix(h.Get("Remote-User"), prefix) || prefix == "" && strings.Contains(h.Get("Remote-User"), ":") {
		t.Errorf("%s: provider %s, user %s", what, h.Get("Remote-Provider"), h.Get("Remote-User"))
	}
	names := slices.Concat(strings.Split(h.Get("Remote-Groups"), ","), strings.Split(h.Get("Remote-Roles"), ","))
	for _, name := range names {
		if name != "" && !strings.HasPrefix(name, letter+" ") {
			t.Errorf("%s: got %q", what, names)
		}
	}
}

// switchUsersOff: a user of one tenant is deactivated, or his tokens revoked, and nobody of that object ID elsewhere.
func (s *sides) switchUsersOff(t *testing.T) {
	tokens := map[string]string{
		"contoso": s.ada(t, nil), "fabrikam": s.mint(t, s.fabrikam, entratest.Request{User: "ada", Claims: claims{"teams": []string{"Analysts"}}}),
		"jumpcloud": s.o.mint(t, s.world, claims{"sub": adaObject}),
	}
	all := func(what string, want map[string]string) {
		t.Helper()
		for name, token := range tokens {
			got := s.c.ask(t, token)
			if wanted := want[name]; wanted == "" && got.status != http.StatusOK || wanted != "" && got.String() != wanted {
				t.Errorf("%s: %s gets %s, want %q", what, name, got, wanted)
			}
		}
	}
	all("at first", nil)
	all("by what is kept", nil)
	for _, name := range []string{"contoso", "fabrikam", "jumpcloud"} {
		s.c.act(t, directory.Deactivate, name, adaObject)
		all(name+"'s is inactive", map[string]string{name: "403 user_inactive"})
		s.c.act(t, directory.Activate, name, adaObject)
		all(name+"'s is active again", nil)
	}
	refused := map[string]string{}
	for _, name := range []string{"jumpcloud", "contoso", "fabrikam"} {
		changed, err := s.c.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Revoke, Provider: name, ID: adaObject})
		must(t, err)
		if changed.NotBefore.IsZero() {
			t.Errorf("got %+v", changed)
		}
		refused[name] = "401 revoked"
		all(name+"'s tokens are revoked", refused)
	}
}
