package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/mapping"
)

// minimal is what has to be written for a provider. Its GUIDs are no example's.
const minimal = `[provider.contoso]
tenant_id = "aaaaaaaa-0000-4000-8000-000000000001"
application_id = "AAAAAAAA-0000-4000-8000-000000000002"
client_application_ids = ["AAAAAAAA-0000-4000-8000-000000000003"]
required_scopes = ["read"]
`

// parsed gives the Config of files without any fault or notice.
func parsed(t *testing.T, main string, more ...string) *Config {
	t.Helper()
	config, faults := treeOf(main, more...).Parse()
	if len(faults) > 0 {
		t.Fatalf("got\n%s", told(faults))
	}
	return config
}

func TestFilesMerge(t *testing.T) {
	got := parsed(t, `enabled = true
[server]
listen = ["127.0.0.1:1"]
[groups]
A = ""
[[user]]
id = "a"
`, `[server]
socket_mode = "0600"
[server.headers]
user = "X-One"
[groups]
B = ""
[[user]]
id = "b"
[provider.contoso]
tenant_id = "aaaaaaaa-0000-4000-8000-000000000001"
application_id = "aaaaaaaa-0000-4000-8000-000000000002"
`, `server.headers.email = "X-Two"
provider.contoso.client_application_ids = []
provider.contoso.required_scopes = ["read"]
[groups.C]
label = "c"
[[user]]
id = "c"
`)
	var names []string
	for _, group := range got.Groups {
		names = append(names, group.Name)
	}
	for _, user := range got.Users {
		names = append(names, user.Provider+"/"+user.ID)
	}
	if want := []string{"A", "B", "C", "contoso/a", "contoso/b", "contoso/c"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if h := got.Server.Headers; h.User != "X-One" || h.Email != "X-Two" || got.Server.SocketMode != 0o600 || len(got.Server.Listen) != 1 {
		t.Errorf("got %+v", got.Server)
	}
}

// TestGroupNamesMayHoldAnything: Entra ID writes on-premises names as DOMAIN\name, and display names as people typed
// them.
func TestGroupNamesMayHoldAnything(t *testing.T) {
	got := parsed(t, `[groups]
'CONTOSO\Team A' = ""
"CONTOSO\\Team A#1" = ""
"a = b # c" = ""
'Ünï cödé 漢字' = ""
6cab8f93-8e22-4947-80c3-c6ed549cb47a = ""
0123 = ""
'https://contoso.com/x' = ""
"\"" = ""
"'" = ""
`)
	var names []string
	for _, group := range got.Groups {
		names = append(names, group.Name)
	}
	want := []string{
		`CONTOSO\Team A`, `CONTOSO\Team A#1`, `a = b # c`, `Ünï cödé 漢字`, `6cab8f93-8e22-4947-80c3-c6ed549cb47a`, `0123`,
		`https://contoso.com/x`, `"`, `'`,
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

// TestAWrongCaseNeverWins: the TOML library folds the case of keys where it fills structs, and picks one of two spellings
// at random. Both spellings together must be a fault each time, and the exact one must hold.
func TestAWrongCaseNeverWins(t *testing.T) {
	for range 100 {
		config, faults := treeOf("[mapping]\ncase_sensitive = true\nCase_Sensitive = false\n").Parse()
		if got := told(faults); got != "claimd.toml:3: mapping.Case_Sensitive: unknown key\n  hint: it is spelled case_sensitive\n" {
			t.Fatalf("got\n%s", got)
		}
		if !config.Mapping.CaseSensitive {
			t.Fatal("the wrong spelling has won")
		}
	}
}

// TestWhatIsMissingIsNotToldWhereAFileCouldNotBeRead: it may stand in that file.
func TestWhatIsMissingIsNotToldWhereAFileCouldNotBeRead(t *testing.T) {
	config, faults := treeOf("enabled = true\nlisten = 1\n[provider.contoso]\n[[service_account]]\n", "[").Parse()
	const want = "claimd.toml:2: listen: unknown key\n  hint: it is a key of [server]\n" +
		"conf.d/1.toml:1: want the name of a table, got none\n"
	if got := told(faults); got != want || config != nil {
		t.Errorf("got %v and\n%swant\n%s", config, got, want)
	}
}

// TestBesideFaultsTheConfigIsThere: further faults are found in it, and indexes are those of the files.
func TestBesideFaultsTheConfigIsThere(t *testing.T) {
	config, faults := treeOf("user = [1, { id = \"b\", groups = [2, \"A\"] }]\n").Parse()
	if !faults.Refuse() || config == nil || len(config.Users) != 2 || !slices.Equal(config.Users[1].Groups, []string{"", "A"}) {
		t.Errorf("got %+v and %v", config, faults)
	}
	if got := treeOf("").Locate(mapping.Path{"user"}); got != (Position{File: "claimd.toml"}) {
		t.Errorf("got %v", got)
	}
}

func TestNoticesDoNotRefuse(t *testing.T) {
	_, faults := treeOf(strings.Replace(minimal, `["read"]`, "[]", 1)).Parse()
	if faults.Refuse() || len(faults) != 1 || faults.Error() != "" {
		t.Errorf("got %v", faults)
	}
	faults = append(faults, Fault{File: "a.toml", Problem: "is wrong", Hint: "mend it"}, Fault{File: "a.toml", Line: 3, Key: "b", Problem: "too"})
	if got, want := faults.Error(), "a.toml: is wrong\n  hint: mend it\na.toml:3: b: too"; got != want || !faults.Refuse() {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRulesAreWhatMappingNeeds(t *testing.T) {
	rules := parsed(t, minimal+`user_prefix = "c:"
admin_group = "Root"
[provider.contoso.claims]
admin = "extn.admin"
roles = "/roles"
[provider.fabrikam]
tenant_id = "aaaaaaaa-0000-4000-8000-000000000001"
application_id = "aaaaaaaa-0000-4000-8000-000000000012"
client_application_ids = []
required_scopes = ["read"]
claims.user = "sub"
[mapping]
default_groups = ["A"]
default_roles = ["R"]
[groups]
A = { label = "a", values = ["x"], providers = ["contoso"] }
[roles]
R = "r"
[[user]]
provider = "fabrikam"
id = "u"
groups = ["A"]
roles = ["R"]
blocked = true
[[service_account]]
provider = "contoso"
object_id = "aaaaaaaa-0000-4000-8000-000000000004"
name = "n"
groups = ["A"]
roles = ["R"]
active = false
`).Rules()
	if got := rules.Normalize("ﬁ"); got != "fi" {
		t.Errorf("got the normal form %q", got)
	}
	rules.Normalize = nil
	want := mapping.Rules{
		CaseSensitive: true, DefaultGroups: []string{"A"}, DefaultRoles: []string{"R"},
		Groups: []mapping.Local{{Name: "A", Label: "a", Values: []string{"x"}, Providers: []string{"contoso"}}},
		Roles:  []mapping.Local{{Name: "R", Label: "r"}},
		Providers: []mapping.Provider{
			{Name: "contoso", UserPrefix: "c:", UserIsGUID: true, AdminValue: "is_admin", AdminGroup: "Root", RolesForApps: true},
			{Name: "fabrikam"},
		},
		Users: []mapping.User{{Provider: "fabrikam", ID: "u", Groups: []string{"A"}, Roles: []string{"R"}}},
		ServiceAccounts: []mapping.ServiceAccount{{
			Provider: "contoso", ObjectID: "aaaaaaaa-0000-4000-8000-000000000004", Name: "n", Groups: []string{"A"}, Roles: []string{"R"},
		}},
	}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("got\n%+v\nwant\n%+v", rules, want)
	}
}
