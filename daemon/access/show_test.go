package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

// Each check that follows the token's own tells what it wanted and what was there, and where it failed what mends that.
func TestEachCheckShowsWhatItWantedAndWhatWasThere(t *testing.T) {
	for _, c := range []struct {
		story  string
		change func(*config.Config)
		token  entratest.Request
		want   string // of the checks after `client`
	}{
		{"all hold", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write"} },
			entratest.Request{User: "reader"}, `
scope: wanted required_scopes: platform.read-write, got scp: platform.read-write
user id: wanted the claim "oid" (claims.user), got "` + reader + `"
guest: wanted guests = "allow", got a member of the tenant
user state: wanted not switched off, got not switched off in the configuration; the directory of users was not asked
revoked: wanted issued after the last claimctl users revoke, got the directory of users was not asked
overage: wanted all groups in the token, got no overage marker
mapping: wanted groups and roles as a string or an array of strings, got groups: 1 string, roles: 1 string
no_group: wanted at least one local group, got groups: Analysts
header_size: wanted identity headers of 16384 bytes at most, got 171 bytes`},
		{"all that can fail together", func(c *config.Config) {
			c.Providers[0].RequiredScopes = []string{"b"}
			c.Providers[0].Guests = config.GuestsDeny
			c.Users = []config.User{{Provider: "contoso", ID: "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8", Blocked: true}}
		}, entratest.Request{User: "guest", Claims: map[string]any{"groups": []string{"x", "y"}}}, `
scope: wanted required_scopes: b, got scp: platform.read-write: scope: let the client ask for api://` + apiID + `/b, and consent to it in the tenant; or take it out of required_scopes under [provider.contoso]
user id: wanted the claim "oid" (claims.user), got "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8"
guest: wanted guests = "deny", got a guest of the tenant: guest: set guests = "allow" under [provider.contoso] to let guests in
user state: wanted not switched off, got switched off in the configuration: user_inactive: set blocked = false at that [[user]]
revoked: wanted issued after the last claimctl users revoke, got the directory of users was not asked
overage: wanted all groups in the token, got no overage marker
mapping: wanted groups and roles as a string or an array of strings, got groups: 2 strings, roles: 2 strings
no_group: wanted at least one local group, got groups: none: no_group: declare one of them under [groups], or assign the user to a group that is declared`},
		{"a service account that is not known", func(c *config.Config) { c.Providers[0].ClientApplicationIDs = []string{exportApp} },
			entratest.Request{Client: exportApp}, `
service account: wanted a [[service_account]] with the token's oid as object_id, got oid ` + exportObject +
				`: unknown_service_account: add a [[service_account]] with object_id = "` + exportObject +
				`" (the object ID shown under Enterprise applications) and the groups it is to have`},
		{"no user claim", func(c *config.Config) { c.Providers[0].Claims.User = "employee" }, entratest.Request{User: "reader"}, `
scope: wanted required_scopes: none, got scp: platform.read-write
user id: wanted the claim "employee" (claims.user), got absent: missing_claim: ` + strings.ReplaceAll(reason.MissingClaim.Mend(), "NAME", "contoso")},
		{"overage", nil, entratest.Request{User: "collector"}, `
scope: wanted required_scopes: none, got scp: platform.read-write
user id: wanted the claim "oid" (claims.user), got "4ac89f17-05e2-4d3b-86c1-b9e70f52d8a3"
guest: wanted guests = "allow", got a member of the tenant
user state: wanted not switched off, got not switched off in the configuration; the directory of users was not asked
revoked: wanted issued after the last claimctl users revoke, got the directory of users was not asked
overage: wanted all groups in the token, got an overage marker instead of the groups: groups_overage: ` + reason.GroupsOverage.Mend()},
		{"groups of a number", func(c *config.Config) { c.Providers[0].Claims.Roles = "roles" },
			entratest.Request{User: "reader", Claims: map[string]any{"groups": 7}}, `
scope: wanted required_scopes: none, got scp: platform.read-write
user id: wanted the claim "oid" (claims.user), got "` + reader + `"
guest: wanted guests = "allow", got a member of the tenant
user state: wanted not switched off, got not switched off in the configuration; the directory of users was not asked
revoked: wanted issued after the last claimctl users revoke, got the directory of users was not asked
overage: wanted all groups in the token, got no overage marker
mapping: wanted groups and roles as a string or an array of strings, got groups: other, roles: absent: claim_type: ` +
				strings.ReplaceAll(reason.ClaimType.Mend(), "NAME", "contoso")},
		{"headers over the limit", func(c *config.Config) { c.Providers[0].UserPrefix = strings.Repeat("p", 17_000) },
			entratest.Request{User: "reader"}, `
scope: wanted required_scopes: none, got scp: platform.read-write
user id: wanted the claim "oid" (claims.user), got "` + reader + `"
guest: wanted guests = "allow", got a member of the tenant
user state: wanted not switched off, got not switched off in the configuration; the directory of users was not asked
revoked: wanted issued after the last claimctl users revoke, got the directory of users was not asked
overage: wanted all groups in the token, got no overage marker
mapping: wanted groups and roles as a string or an array of strings, got groups: 1 string, roles: 1 string
no_group: wanted at least one local group, got groups: Analysts
header_size: wanted identity headers of 16384 bytes at most, got 17171 bytes: header_size: ` + reason.HeaderSize.Mend()},
	} {
		t.Run(c.story, func(t *testing.T) {
			f := newFixture(t, c.change)
			got, after := "", false
			for _, check := range f.gate.Snapshot().Explain(t.Context(), f.mint(c.token), f.now).Checks {
				if after {
					got += fmt.Sprintf("\n%s: wanted %s, got %s", check.Name, check.Want, check.Got)
				}
				if after && !check.Passed {
					got += fmt.Sprintf(": %s: %s", check.Reason, check.Mend)
				} else if check.Mend != "" {
					t.Errorf("%s: passed %v, mended by %q", check.Name, check.Passed, check.Mend)
				}
				after = after || check.Name == "client"
			}
			if got != c.want {
				t.Errorf("got%s\nwant%s", got, c.want)
			}
		})
	}
}
