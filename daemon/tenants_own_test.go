package daemon_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// Each tenant's groups are asked at its own Microsoft Graph with its own credential, and what one says about an object ID
// is no answer about the other's user of that ID, at once and from memory.
func TestEachTenantsGraphIsAskedAboutItsOwnUsers(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.Chmod(dir, 0o700), os.WriteFile(dir+"/secret", []byte(askerSecret), 0o600))
	tenant := func(id string, group string) *entratest.Tenant {
		d := people(id)
		d.Users = []entratest.User{{ObjectID: adaObject, Name: "ada", Groups: []string{group}, MoreGroups: 200}}
		d.Clients = append(d.Clients, entratest.App{
			ApplicationID: askerApp, ObjectID: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", Name: "claimd", Secret: askerSecret,
			GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"},
		})
		started, err := entratest.StartTLS(d)
		must(t, err)
		t.Cleanup(started.Close)
		return started
	}
	w := &world{contoso: tenant(contosoTenant, someGroupID), fabrikam: tenant(fabrikamTenant, otherGroup)}
	must(t, os.WriteFile(dir+"/ca.pem", slices.Concat(w.contoso.CA(), w.fabrikam.CA()), 0o600))
	credential := func(name string) string {
		return "[provider." + name + ".graph]\nclient_id = \"" + askerApp + "\"\nclient_secret_file = \"" + dir + "/secret\"\n"
	}
	c := w.own(t, plan{
		provider: `groups_overage = "graph"`,
		groups:   someGroupID + " = \"\"\n" + otherGroup + " = \"\"",
		more: credential("contoso") + w.second("groups_overage = \"graph\"\nuser_prefix = \"f:\"") + credential("fabrikam") +
			"[outbound]\nca_file = \"" + dir + "/ca.pem\"",
	})
	ours, theirs := w.ada(t, nil), w.mint(t, w.fabrikam, entratest.Request{User: "ada"})
	for range 2 { // the second time from memory
		c.ask(t, ours).want(t, "contoso's", "200 groups="+someGroupID+" roles=")
		c.ask(t, theirs).want(t, "fabrikam's", "200 groups="+otherGroup+" roles=")
	}
	if one, two := w.contoso.Requests("graph"), w.fabrikam.Requests("graph"); one != 1 || two != 1 {
		t.Errorf("contoso's Graph was asked %d times, fabrikam's %d times, want once each", one, two)
	}
	w.fabrikam.SetGraphFaults(entratest.GraphFaults{Status: http.StatusServiceUnavailable})
	another := w.mint(t, w.fabrikam, entratest.Request{User: "ada", Claims: claims{"oid": nightlyObject}})
	c.ask(t, another).want(t, "while fabrikam's is down", "503 graph_unavailable")
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "ada"})).want(t, "contoso's goes on", "200 groups="+someGroupID+" roles=")
	status, err := c.admin.Status(t.Context())
	must(t, err)
	for _, g := range status.Graphs {
		if want := g.Provider == "fabrikam"; g.Failing != want || g.Host != map[bool]string{true: w.fabrikam.URL(), false: w.contoso.URL()}[want] {
			t.Errorf("status tells %+v", g)
		}
	}
}

// A local role that was named by an object ID of contoso's, without providers, was fabrikam's too: fabrikam reads its roles
// from the claim roles, whose values the administrators of that tenant write, and they wrote that object ID. Such a
// configuration is a fault now; with providers it loads, and what fabrikam writes names nothing.
func TestAnAppRoleIsNoObjectIDOfAnotherTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := plan{
		groups: `Analysts = { providers = ["contoso", "fabrikam"] }`,
		roles:  `editor = { values = ["` + someGroupID + `"] }`,
		more:   w.second("user_prefix = \"f:\"\n[provider.fabrikam.claims]\nroles = \"roles\""),
	}
	var faults []string
	for _, fault := range loadFaults(t, p.text(w.contoso)) {
		if !fault.Notice {
			faults = append(faults, fault.Key+": "+fault.Problem+" | "+fault.Hint)
		}
	}
	want := `roles.editor: named by object IDs: provider.fabrikam reads roles from the claim "roles", whose values the tenant chooses | ` +
		`say whose tokens may name it: providers = ["contoso"]`
	if len(faults) != 1 || faults[0] != want {
		t.Errorf("got %q, want %q", faults, want)
	}
	p.roles = `editor = { values = ["` + someGroupID + `"], providers = ["contoso"] }`
	c := w.own(t, p)
	c.ask(t, w.ada(t, claims{"groups": []string{"Analysts", someGroupID}})).want(t, "contoso's group", "200 groups=Analysts roles=editor")
	c.ask(t, w.mint(t, w.fabrikam, entratest.Request{User: "ada", Claims: claims{"roles": []string{someGroupID}}})).
		want(t, "fabrikam's app role", letIn)
}
