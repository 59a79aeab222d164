package daemon_test

import "testing"

// FAULTS 77: an address that its owner can choose, or that a tenant's administrator writes, makes nobody an
// administrator and gives no group or role.
func TestE77NoRightFollowsFromAnAddress(t *testing.T) {
	const hint = "\n  hint: an address or a name can be chosen at will and changes: take groups, roles or a claim of your own"
	for _, key := range []string{"admin", "groups", "roles"} {
		for _, claim := range []string{"email", "upn", "preferred_username", "unique_name", "name", "UPN", "/email"} {
			wantFaults(t, []flawed{{soundHead + "[provider.contoso.claims]\n" + key + " = \"" + claim + `"`,
				"claimd.toml:9: provider.contoso.claims." + key + `: want a claim that says what the user may do, got "` + claim + `"` + hint}})
		}
	}
	wantFaults(t, []flawed{{soundHead + "[provider.contoso.claims]\nadmin = \"\"\ngroups = \"wids\"\nroles = \"roles\"\nemail = \"upn\"", ""}})
}
