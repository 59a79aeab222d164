package daemon_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
)

// withGraph is the configuration of the cloud with groups_overage = "graph", which names no host.
func (c *cloud) withGraph(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.Chmod(dir, 0o700), os.WriteFile(dir+"/secret", []byte(askerSecret), 0o600))
	return strings.NewReplacer("[groups]\n", "groups_overage = \"graph\"\n[provider.contoso.graph]\nclient_id = \""+askerApp+
		"\"\nclient_secret_file = \""+dir+"/secret\"\n[groups]\n", "Analysts = \"\"", theGroup).Replace(c.text())
}

// Each cloud is reached at its own hosts, for documents, for claimd's own token and for Microsoft Graph, and nowhere else;
// its issuers are its own, and documents that are of another cloud are refused for what they say: keys that came with them
// are never used, and those that were good before serve on.
func TestEachCloudIsHeldAgainstItsDocuments(t *testing.T) {
	t.Parallel()
	for _, name := range entra.CloudNames() {
		t.Run(name, func(t *testing.T) {
			directory := people(contosoTenant)
			directory.Users = []entratest.User{
				{ObjectID: adaObject, Name: "ada", Groups: []string{someGroupID}, MoreGroups: 200},
				{ObjectID: blockedObject, Name: "small", Groups: []string{someGroupID}},
			}
			directory.Clients = append(directory.Clients, entratest.App{
				ApplicationID: askerApp, ObjectID: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", Name: "claimd", Secret: askerSecret,
				GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"},
			})
			cloud := startCloud(t, name, directory)
			w := &world{contoso: cloud.tenant}
			cloud.say("elsewhere.example", cloud.GraphHost())
			c := w.start(t, cloud.withGraph(t))
			t.Cleanup(func() { c.end(t) })
			small := w.of(t, "small", nil)
			refresh := func(want string) {
				t.Helper()
				results, err := c.admin.RefreshKeys(t.Context(), "contoso")
				must(t, err)
				if len(results) != 1 || want == "" && results[0].Problem != "" || !strings.Contains(results[0].Problem, want) {
					t.Errorf("got %+v, want %q", results, want)
				}
			}
			refresh(`cloud_instance_name: want "` + cloud.InstanceName() + `", got "elsewhere.example"`)
			c.ask(t, small).want(t, "while all documents are of another cloud", "503 keys_unavailable")
			cloud.say("", "")
			refresh("")
			c.ask(t, small).want(t, "documents that name neither", "200 groups="+someGroupID+" roles=")
			cloud.say(cloud.InstanceName(), cloud.GraphHost())
			refresh("")
			for _, other := range entra.CloudNames() {
				if of, _ := entra.CloudByName(other); other != name {
					cloud.say(cloud.InstanceName(), of.GraphHost())
					refresh(`msgraph_host: want "` + cloud.GraphHost() + `", got "` + of.GraphHost() + `"`)
				}
			}
			status, err := c.admin.Status(t.Context())
			must(t, err)
			for _, d := range status.Providers[0].Documents {
				if !d.Live || !strings.Contains(d.Error, "msgraph_host: want ") {
					t.Errorf("status tells %+v", d)
				}
			}
			cloud.issuersOf(t, w, c)

			// Where Graph stands is the cloud's business, whatever the documents say meanwhile.
			if got := c.ask(t, w.of(t, "ada", nil)); got.status != http.StatusOK || got.header.Get("Remote-Groups") != someGroupID {
				t.Errorf("by Graph: got %s", got)
			}
			want := []string{cloud.GraphHost() + ":443", cloud.host() + ":443"}
			if want[0] > want[1] {
				want[0], want[1] = want[1], want[0]
			}
			if got := cloud.hosts(); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("asked were %q, want %q", got, want)
			}
		})
	}
}

// issuersOf shows the daemon tokens with the issuers of every cloud: those alone that are its own are let in.
func (c *cloud) issuersOf(t *testing.T, w *world, d *claimd) {
	t.Helper()
	for _, name := range entra.CloudNames() {
		of, _ := entra.CloudByName(name)
		for version, entraVersion := range map[int]entra.Version{1: entra.V1, 2: entra.V2} {
			issuer, want := of.Issuer(entraVersion, contosoTenant), "401 issuer"
			if issuer == c.Issuer(entraVersion, contosoTenant) { // the US Government clouds and the global one share some
				want = "200 groups=" + someGroupID + " roles="
			}
			token := w.mint(t, c.tenant, entratest.Request{User: "small", Client: deskApp, Version: version, Claims: claims{"iss": issuer}})
			d.ask(t, token).want(t, "the issuer "+issuer, want)
		}
	}
}
