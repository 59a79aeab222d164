package entratest

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
)

func TestTheSampleHasOneOfEachKindAndNoPlaceholder(t *testing.T) {
	sample := Sample()
	var users []string
	for _, user := range sample.Users {
		users = append(users, user.Name)
		if entra.IsPlaceholder(user.ObjectID) {
			t.Errorf("%s has a placeholder for an id", user.Name)
		}
	}
	equal(t, "users", users, []string{"reader", "administrator", "stranger", "guest", "collector"})
	equal(t, "secret of the public client", sample.Clients[0].Secret, "")
	equal(t, "scopes", sample.APIs[0].Scopes, []string{"platform.read-write"})
}

func TestADirectorysMistakesAreTold(t *testing.T) {
	const tenant = "tenant_id = \"5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3\"\n"
	const id = "= \"d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42\"\n"
	tests := []struct{ name, file, want string }{
		{"empty", "", `directory: tenant_id: want a GUID, got ""`},
		{"tenant in upper case", strings.ToUpper(tenant[13:]) + "x", "directory: toml: line 1: "},
		{"tenant spelled in upper case", `tenant_id = "5F2A7C41-93BE-4D08-A6F5-1C0E7B94D2A3"`,
			`directory: tenant_id: want lower case, as Entra spells it, got "5F2A7C41-93BE-4D08-A6F5-1C0E7B94D2A3"`},
		{"unknown keys", tenant + "colour = 1\n[[user]]\nname = \"a\"\nshoe.size = 1\nobject_id" + id,
			"directory: unknown key colour, user.shoe.size"},
		{"a key in another case", "Tenant_ID" + id, "directory: unknown key Tenant_ID"},
		{"a wrong type", "tenant_id = 1", "directory: toml: "},
		{"API without id", tenant + "[[api]]", `directory: api[0].application_id: want a GUID, got ""`},
		{"API's version", tenant + "[[api]]\nrequested_access_token_version = 3\napplication_id" + id,
			"directory: api[0].requested_access_token_version: want 1 or 2, got 3"},
		{"API's groups", tenant + "[[api]]\ngroup_claims = \"sid\"\napplication_id" + id,
			`directory: api[0].group_claims: want object_id or name, got "sid"`},
		{"API's optional claims", tenant + "[[api]]\noptional_claims = [\"upn\"]\napplication_id" + id,
			`directory: api[0].optional_claims: want email, given_name, family_name, acct or xms_cc, got "upn"`},
		{"API's lifetime", tenant + "[[api]]\nlifetime_seconds = -1\napplication_id" + id,
			"directory: api[0].lifetime_seconds: want no negative number, got -1"},
		{"client without id", tenant + "[[client]]", `directory: client[0].application_id: want a GUID, got ""`},
		{"client's object id", tenant + "[[client]]\nobject_id = \"x\"\napplication_id" + id,
			`directory: client[0].object_id: want a GUID, got "x"`},
		{"group", tenant + "[[group]]\nname = \"x\"", `directory: group[0].object_id: want a GUID, got ""`},
		{"user without a name", tenant + "[[user]]\nobject_id" + id, `directory: user[0].name: want a name of its own, got ""`},
		{"two users of one name", tenant + "[[user]]\nname = \"a\"\nobject_id" + id + "[[user]]\nname = \"a\"\nobject_id" + id,
			`directory: user[1].name: want a name of its own, got "a"`},
		{"user without id", tenant + "[[user]]\nname = \"a\"", `directory: user[0].object_id: want a GUID, got ""`},
		{"user's group by name", tenant + "[[user]]\nname = \"a\"\ngroups = [\"Analysts\"]\nobject_id" + id,
			`directory: user[0].groups[0]: want a GUID, got "Analysts"`},
		{"API's assignment", tenant + "[[api]]\nassigned = [\"ada\"]\napplication_id" + id,
			`directory: api[0].assigned[0]: want the name of a user or the id of a client, got "ada"`},
		{"client's permissions", tenant + "[[client]]\npermissions = [\"graph\"]\napplication_id" + id,
			`directory: client[0].permissions[0]: want a GUID, got "graph"`},
		{"device code's interval", tenant + "device_code_interval = -1",
			"directory: device_code_seconds and device_code_interval: want no negative number, got 0 and -1"},
		{"user's second factor", tenant + "[[user]]\nname = \"a\"\nmfa = \"sms\"\nobject_id" + id,
			`directory: user[0].mfa: want required or enroll, got "sms"`},
		{"user's many groups", tenant + "[[user]]\nname = \"a\"\nmore_groups = 10001\nobject_id" + id,
			"directory: user[0].more_groups: want 0 to 10000, got 10001"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadDirectory([]byte(test.file))
			// After "toml: " the library speaks, in words of its own.
			if err == nil || err.Error() != test.want && !(strings.Contains(test.want, "toml: ") && strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("\n got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestAUsersFurtherClaimsMayHaveAnyName(t *testing.T) {
	directory, err := ReadDirectory([]byte(`tenant_id = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
[[user]]
name = "a"
object_id = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
[user.claims]
"https://app.contoso.example/groups" = ["x"]
isAdmin = "is_admin"
nested.Deep = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "claims", directory.Users[0].Claims, map[string]any{
		"https://app.contoso.example/groups": []string{"x"}, "isAdmin": "is_admin", "nested": map[string]any{"Deep": 1}})
}

func TestATenantOfABrokenDirectoryDoesNotStart(t *testing.T) {
	_, err := Start(Directory{TenantID: "contoso"})
	if err == nil || err.Error() != `directory: tenant_id: want a GUID, got "contoso"` {
		t.Errorf("got %v", err)
	}
}

// The settings that make a tenant refuse: every one can stand in the file.
func TestADirectorysRefusalsAreReadFromItsFile(t *testing.T) {
	directory, err := ReadDirectory([]byte(`tenant_id = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
device_code_seconds = 60
device_code_interval = 1
blocks_device_code = true
refuses_in_browser = true
[[api]]
application_id = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
claims_mapping = true
accept_mapped_claims = true
signing_key = true
assignment_required = true
assigned = ["a"]
not_enabled = true
[[client]]
application_id = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"
expired_secrets = ["old"]
certificates = []
allow_public_client = false
redirect_uris = ["http://localhost/back"]
permissions = ["c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"]
no_consent = true
disabled = true
[[user]]
name = "a"
object_id = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
foreign = true
disabled = true
mfa = "enroll"
`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "directory", directory, Directory{
		TenantID: "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3", DeviceCodeSeconds: 60, DeviceCodeInterval: 1, BlocksDeviceCode: true,
		RefusesInBrowser: true,
		APIs: []API{{ApplicationID: sampleAPI, ClaimsMapping: true, AcceptMappedClaims: true, SigningKey: true, AssignmentRequired: true,
			Assigned: []string{"a"}, NotEnabled: true}},
		Clients: []App{{ApplicationID: samplePublic, ExpiredSecrets: []string{"old"}, Certificates: []string{}, AllowPublicClient: new(false),
			RedirectURIs: []string{"http://localhost/back"}, Permissions: []string{sampleAPI}, NoConsent: true, Disabled: true}},
		Users: []User{{Name: "a", ObjectID: "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42", Foreign: true, Disabled: true, MFA: "enroll"}},
	})
}
