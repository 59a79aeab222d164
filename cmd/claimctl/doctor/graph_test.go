package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
)

// The question about Graph is answered as the running claimd would have it answered: by a token for the app credential and
// a look-up, whose refusal names the permission that is missing.
func TestDoctorAsksGraphWithTheAppCredential(t *testing.T) {
	const tenantID, apiID, asker = "6b1f0c58-93d7-4e2a-8f64-0a5be7c219d3", "3d84f6b1-0e97-4c5a-b2d8-96a17fe05c43", "71e3c9a5-0f48-4db2-96c7-e8d25b1a0f34"
	tenant, err := entratest.StartTLS(entratest.Directory{
		TenantID: tenantID, APIs: []entratest.API{{ApplicationID: apiID, AccessTokenVersion: 2}},
		Clients: []entratest.App{{ApplicationID: asker, ObjectID: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", Name: "claimd", Secret: "fake-secret"}},
		Users: []entratest.User{{Name: "ada", ObjectID: "c40b9e15-7fd2-4863-a1e0-8d5c36f27b94",
			Groups: []string{"6e18d0b7-42fc-4a95-8d3e-b0c75f19a624"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tenant.Close()
	for _, c := range []struct {
		story, secret, groups string
		permissions           []string
		ok                    bool
		want                  string // of what is told and what to do
	}{
		{"all is well", "fake-secret", "6e18d0b7-42fc-4a95-8d3e-b0c75f19a624 = \"\"", []string{"User.Read.All", "GroupMember.Read.All"}, true,
			"localhost gives the application " + asker + " a token, and Microsoft Graph lets it read memberships"},
		{"a permission is missing", "fake-secret", "6e18d0b7-42fc-4a95-8d3e-b0c75f19a624 = \"\"", []string{"User.Read.All"}, false,
			"it lacks the app permission GroupMember.Read.All"},
		{"a wrong secret", "another", "6e18d0b7-42fc-4a95-8d3e-b0c75f19a624 = \"\"", []string{"User.Read.All", "GroupMember.Read.All"}, false,
			"7000215"},
		{"a group by name", "fake-secret", "Analysts = \"\"", nil, false, `is never asked while something is matched by its name, such as "Analysts"`},
	} {
		t.Run(c.story, func(t *testing.T) {
			tenant.GrantGraph(asker, c.permissions...)
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("DIR", dir, "AUTHORITY", tenant.URL(), "GROUPS", c.groups).Replace(`enabled = true
[provider.contoso]
tenant_id = "` + tenantID + `"
application_id = "` + apiID + `"
client_application_ids = []
authority = "AUTHORITY"
groups_overage = "graph"
[provider.contoso.graph]
client_id = "` + asker + `"
client_secret_file = "DIR/secret"
[outbound]
ca_file = "DIR/ca.pem"
[groups]
GROUPS
`)
			for name, content := range map[string]string{"claimd.toml": text, "secret": c.secret + "\n", "ca.pem": string(tenant.CA())} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			loaded, err := daemon.Load(filepath.Join(dir, "claimd.toml"), config.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			v := newVisit(loaded, &loaded.Config.Providers[0], loaded.Sources()[0])
			defer v.close()
			found := v.askGraph(t.Context())
			want := finding.No
			if c.ok {
				want = finding.Yes
			}
			if text := found.Found + "\n" + found.ToDo; found.Verdict != want || !strings.Contains(text, c.want) || strings.Contains(text, c.secret) && c.secret != "another" {
				t.Errorf("got %+v, want %q", found, c.want)
			}
		})
	}
}

// What answers at the authority is no document of the tenant's, and names a Microsoft Graph of its own. It was taken at its
// word: the token of the app credential would have gone there.
func TestDoctorAsksNoGraphThatABadDocumentNames(t *testing.T) {
	for _, c := range providerChecks {
		if c.name == graphCheck && c.needs != "document v2.0" {
			t.Errorf("it is asked after %q, want after the document that names it", c.needs)
		}
	}
	const tenantID = "6b1f0c58-93d7-4e2a-8f64-0a5be7c219d3"
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"issuer":"https://elsewhere.example/","jwks_uri":"https://elsewhere.example/keys","msgraph_host":"graph.example"}`)
	}))
	defer server.Close()
	v := &visit{
		loaded: &daemon.Loaded{Config: &config.Config{}, Client: server.Client()}, client: server.Client(), documents: map[entra.Version]fetched{},
		provider: &config.Provider{TenantID: tenantID, Authority: server.URL, ApplicationID: tenantID, Graph: &config.Graph{ClientID: tenantID, Secret: "fake-secret"}},
		source:   keys.Source{Name: "contoso", Authority: server.URL, Tenant: tenantID, ApplicationID: tenantID},
	}
	if found := v.askGraph(t.Context()); found.Verdict != finding.Unknown || v.graph != "" {
		t.Errorf("got %+v at %q", found, v.graph)
	}
}
