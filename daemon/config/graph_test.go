package config

import (
	"os"
	"strings"
	"testing"
	"time"
)

// withGraph writes a configuration that asks Microsoft Graph, with these lines of its table and a secret of that content.
func withGraph(t *testing.T, lines, content string, mode os.FileMode) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := `[provider.contoso]
tenant_id = "aaaaaaaa-0000-4000-8000-000000000001"
application_id = "aaaaaaaa-0000-4000-8000-000000000002"
client_application_ids = []
required_scopes = ["read"]
groups_overage = "graph"
[provider.contoso.graph]
` + strings.ReplaceAll(lines, "DIR", dir) + "\n[groups]\n6cab8f93-8e22-4947-80c3-c6ed549cb47a = \"\"\n"
	for name, text := range map[string]string{"claimd.toml": text, "secret": content} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/secret", mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheCredentialForGraphIsReadFromItsFile(t *testing.T) {
	const pem = "-----BEGIN CERTIFICATE-----\n"
	for _, c := range []struct {
		story, lines, content string
		mode                  os.FileMode
		want                  Graph
		told                  string // with DIR
	}{
		{"a secret", `client_secret_file = "DIR/secret"`, "abc\n", 0o600,
			Graph{ClientID: "aaaaaaaa-0000-4000-8000-000000000002", Secret: "abc", Cache: 5 * time.Minute}, ""},
		{"a secret and all else", "client_id = \"AAAAAAAA-0000-4000-8000-000000000003\"\ncache = \"30s\"\nclient_secret_file = \"DIR/secret\"", "abc", 0o600,
			Graph{ClientID: "aaaaaaaa-0000-4000-8000-000000000003", Secret: "abc", Cache: 30 * time.Second}, ""},
		{"a certificate", `client_certificate_file = "DIR/secret"`, pem, 0o640,
			Graph{ClientID: "aaaaaaaa-0000-4000-8000-000000000002", Certificate: pem, Cache: 5 * time.Minute}, ""},
		{"readable by everybody", `client_secret_file = "DIR/secret"`, "abc", 0o644,
			Graph{ClientID: "aaaaaaaa-0000-4000-8000-000000000002", Cache: 5 * time.Minute},
			"claimd.toml:8: provider.contoso.graph.client_secret_file: DIR/secret: holds a secret: want it readable by no others, got mode 0644, so that everybody may read it"},
		{"two lines", `client_secret_file = "DIR/secret"`, "abc\ndef\n", 0o600,
			Graph{ClientID: "aaaaaaaa-0000-4000-8000-000000000002", Cache: 5 * time.Minute},
			"claimd.toml:8: provider.contoso.graph.client_secret_file: want one line, the client secret, got more"},
	} {
		t.Run(c.story, func(t *testing.T) {
			dir := withGraph(t, c.lines, c.content, c.mode)
			tree, faults := Read(dir+"/claimd.toml", ReadOptions{})
			config, found := tree.Parse()
			got := strings.ReplaceAll(strings.ReplaceAll(told(append(faults, found...)), dir+"/claimd.toml", "claimd.toml"), dir, "DIR")
			if first, _, _ := strings.Cut(got, "\n"); !strings.Contains(got, c.told) || c.told == "" && first != "" {
				t.Errorf("told\n%s\nwant\n%s", got, c.told)
			}
			if strings.Contains(got, "abc") {
				t.Error("a fault shows the secret")
			}
			if graph := config.Providers[0].Graph; graph == nil || *graph != c.want {
				t.Errorf("got %+v, want %+v", graph, c.want)
			}
		})
	}
}

// A changed secret is another configuration, and its content is in no hash that is shown.
func TestAChangedGraphSecretIsSeenAndNotShown(t *testing.T) {
	dir := withGraph(t, `client_secret_file = "DIR/secret"`, "abc\n", 0o600)
	one, _ := Read(dir+"/claimd.toml", ReadOptions{})
	if err := os.WriteFile(dir+"/secret", []byte("def\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	two, _ := Read(dir+"/claimd.toml", ReadOptions{})
	if one.Fingerprint() == two.Fingerprint() || one.Hash() != two.Hash() || two.Extra[0].SHA256 != "" {
		t.Errorf("fingerprints alike: %v; hashes alike: %v; shown %q", one.Fingerprint() == two.Fingerprint(), one.Hash() == two.Hash(), two.Extra[0].SHA256)
	}
}

func TestWhatDecidesIsNamedByObjectIDsAndByNames(t *testing.T) {
	const a, b, c = "6cab8f93-8e22-4947-80c3-c6ed549cb47a", "0d3c5f9e-0000-4000-8000-000000000001", "0D3C5F9E-0000-4000-8000-000000000002"
	all := Config{
		Groups: []Local{{Name: a}, {Name: "Named"}, {Name: "Both", Values: []string{b, "word"}}, {Name: "Foreign", Providers: []string{"fabrikam"}},
			{Name: "Own", Values: []string{c}, Providers: []string{"contoso"}}},
		Roles: []Local{{Name: "role"}},
	}
	for _, test := range []struct {
		story    string
		provider Provider
		ids      string
		names    string
	}{
		{"the same claim", Provider{Claims: ClaimNames{Groups: "groups", Roles: "groups"}}, a + " " + b + " " + c, "Named word role"},
		{"roles of their own", Provider{Claims: ClaimNames{Groups: "groups", Roles: "roles"}}, a + " " + b + " " + c, "Named word"},
		{"administrators", Provider{AdminGroup: a, AdminValue: "is_admin", Claims: ClaimNames{Groups: "groups", Roles: "roles", Admin: "groups"}},
			a + " " + b + " " + c + " " + a, "Named word is_admin"},
		{"an admin group by name", Provider{AdminGroup: "Admins", AdminValue: "is_admin", Claims: ClaimNames{Groups: "groups", Roles: "roles", Admin: "admin"}},
			a + " " + b + " " + c, "Named word Admins"},
	} {
		test.provider.Name = "contoso"
		ids, names := all.Deciding(&test.provider)
		if strings.Join(ids, " ") != test.ids || strings.Join(names, " ") != test.names {
			t.Errorf("%s: got %v and %v, want %s and %s", test.story, ids, names, test.ids, test.names)
		}
	}
}
