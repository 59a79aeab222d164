package daemon_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// identityAdvisories are the cases about whom a token stands for.
func identityAdvisories() []advisory {
	return []advisory{
		{"CVE-2023-3128", "an e-mail address makes nobody of one tenant somebody of another", mailAcrossTenants},
		{"nOAuth", "an e-mail address that its owner can change decides nothing", mailIsNobody},
		{"CVE-2026-55075", "what is decided about a user is found by the id, never by the address", mailFindsNoUser},
		{"CVE-2026-23990", "an empty identity is no identity", emptyIdentity},
		{"CVE-2022-29165", "whoever sends a bad token is nobody, not an anonymous somebody", nobodyIsAnonymous},
		{"CVE-2025-55241", "a token that speaks for others speaks for its own user", actorTokens},
		{"CVE-2023-3518", "a rule for one provider's tokens is for no other's", rulesOfOneProvider},
		{"CVE-2026-33668", "a user who is switched off is out at every door", switchedOffEverywhere},
	}
}

// Grafana knew Azure AD users by their e-mail address, which is not unique: an account of any tenant with the address
// of a user took that user's Grafana over.
func mailAcrossTenants(t *testing.T, s *stage) {
	c := s.claimd(t, twoTenants(s.world))
	stolen := claims{"email": "ada@contoso.example", "preferred_username": "ada@contoso.example", "upn": "ada@contoso.example", "unique_name": "ada@contoso.example"}
	own := c.ask(t, s.ada(t, nil))
	own.want(t, "Ada", letIn)
	own.wantHeader(t, "Remote-User", adaObject)
	taken := c.ask(t, s.mint(t, s.fabrikam, entratest.Request{User: "blocked", Claims: stolen}))
	taken.want(t, "somebody of the other tenant with Ada's address", letIn)
	taken.wantHeader(t, "Remote-User", "f:"+blockedObject)
	taken.wantHeader(t, "Remote-Provider", "fabrikam")
	s.claimd(t, plan{}).ask(t, s.mint(t, s.fabrikam, entratest.Request{User: "ada", Claims: stolen})).
		want(t, "where the other tenant is not configured", "401 issuer")
}

// nOAuth (Descope, June 2023): applications took the e-mail claim of Entra ID for who the user is, although a tenant's
// administrator can write any address there. Here no such claim can be the user, and none changes who it is.
func mailIsNobody(t *testing.T, s *stage) {
	c := s.shared(t)
	for _, claim := range []string{"email", "preferred_username", "upn", "unique_name", "name", "verified_primary_email"} {
		a := c.ask(t, s.mint(t, s.contoso, entratest.Request{User: "blocked", Claims: claims{claim: "ada@contoso.example"}}))
		a.want(t, claim, letIn)
		a.wantHeader(t, "Remote-User", blockedObject)
	}
	for _, claim := range []string{"email", "upn", "preferred_username", "unique_name", "name", "EMAIL", "/upn", "/email/0"} {
		wantFaults(t, []flawed{{soundHead + "[provider.contoso.claims]\nuser = \"" + claim + `"`,
			`claimd.toml:9: provider.contoso.claims.user: want a claim that identifies one user for good, got "` + claim + "\"\n" +
				`  hint: "oid" is the user's object ID; "sub" is another ID for each application`}})
	}
}

// Coder linked a sign-in to the account with the same e-mail address, although that account belonged to another
// subject: whoever got the address at the provider got the account (GHSA-9r87-mvcw-x35f).
func mailFindsNoUser(t *testing.T, s *stage) {
	c := s.claimd(t, plan{
		provider: `admin_group = "` + adminGroupID + `"`,
		groups:   "Analysts = \"\"\nOperators = \"\"",
		more:     "[[user]]\nid = \"" + adaObject + "\"\ngroups = [\"Operators\"]\n",
	})
	c.ask(t, s.ada(t, nil)).want(t, "Ada has what is decided about her", "200 groups=Analysts,Operators roles=")
	c.ask(t, s.ada(t, claims{"email": "married@contoso.example"})).want(t, "also with another address", "200 groups=Analysts,Operators roles=")
	for name, changes := range map[string]claims{
		"Ada's address":           {"email": "ada@contoso.example"},
		"Ada's id as the address": {"email": adaObject},
		"Ada's id as the name":    {"preferred_username": adaObject, "upn": adaObject},
		"Ada's id as the subject": {"sub": adaObject},
		"the address, verified":   {"email": "ada@contoso.example", "email_verified": true, "xms_edov": true},
	} {
		a := c.ask(t, s.mint(t, s.contoso, entratest.Request{User: "blocked", Claims: changes}))
		a.want(t, name, letIn)
		a.wantHeader(t, "Remote-User", blockedObject)
	}
	wantFaults(t, []flawed{{soundHead + "[[user]]\nid = \"ada@contoso.example\"\nblocked = true",
		"claimd.toml:9: user[0].id: want a GUID, got \"ada@contoso.example\"" +
			"\n  hint: the user claim is the object ID, shown under Users in the tenant"}})
}

// Flux Operator's UI impersonated the user and groups of the claims, and nobody where both were empty: the request then
// had the operator's own rights (GHSA-4xh5-jcj2-ch8q).
func emptyIdentity(t *testing.T, s *stage) {
	s.shared(t).judge(t, []verdict{
		{"user and group", nil, letIn},
		{"no user", claims{"oid": nil}, "401 missing_claim"},
		{"an empty user", claims{"oid": ""}, "401 missing_claim"},
		{"a user of null", claims{"oid": jsonNull}, "401 missing_claim"},
		{"a blank user", claims{"oid": " "}, "401 claim_type"},
		{"neither user nor groups", claims{"oid": "", "groups": []string{}}, "401 missing_claim"},
		{"no groups", claims{"groups": nil}, "403 no_group"},
		{"an empty group", claims{"groups": ""}, "403 no_group"},
		{"groups of nothing", claims{"groups": []string{"", " "}}, "403 no_group"},
	})
	s.claimd(t, plan{claims: `user = "sub"`}).judge(t, []verdict{
		{"a subject", nil, letIn},
		{"an empty subject", claims{"sub": ""}, "401 missing_claim"},
		{"a subject of null", claims{"sub": jsonNull}, "401 claim_type"},
	})
}

// Argo CD with anonymous access let a request with a token that it could not verify go on as the token's user: an
// unsigned token for admin was administrator. Here defaults are for verified users alone.
func nobodyIsAnonymous(t *testing.T, s *stage) {
	c := s.claimd(t, plan{
		provider: `admin_group = "` + adminGroupID + `"`,
		mapping:  `default_groups = ["Analysts"]`,
	})
	boss := s.payload(t, claims{"groups": []string{adminGroupID}, "sub": "admin"})
	header := claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}
	s.quietly(t, func() {
		c.try(t, []attempt{
			{"a verified user without groups", s.ada(t, claims{"groups": nil}), letIn},
			{"no token", "", "401 no_token"},
			{"an unsigned token", unsigned(t, claims{"alg": "none", "typ": "JWT"}, boss) + ".", "401 malformed"},
			{"a token of one's own making", rs256(t, s.key, header, boss), "401 signature"},
			{"an issuer of one's own", s.ada(t, claims{"iss": "argocd", "sub": "admin"}), "401 issuer"},
			{"an expired one", s.ada(t, claims{"exp": 1}), "401 expired"},
			{"not even a token", "admin", "401 opaque_token"},
		})
	})
}

// Entra ID's actor tokens let Microsoft's services act for any user: unsigned around, a signed token in the claim
// actortoken, and Azure AD Graph did not compare its tenant. Any tenant's token was administrator of every tenant.
func actorTokens(t *testing.T, s *stage) {
	c := s.claimd(t, plan{provider: `admin_group = "` + adminGroupID + `"`})
	foreign := s.mint(t, s.fabrikam, entratest.Request{Client: nightlyApp})
	boss := claims{"oid": blockedObject, "groups": []string{"Analysts", adminGroupID}, "nameid": blockedObject, "actortoken": foreign}
	outer := s.payload(t, boss)
	speaks := s.ada(t, claims{"actortoken": foreign, "act": claims{"oid": blockedObject, "sub": "root"}, "may_act": claims{"sub": "root"},
		"nameid": blockedObject, "smtp": "boss@contoso.example", "trustedfordelegation": "true"})
	s.quietly(t, func() {
		c.try(t, []attempt{
			{"a signed token that speaks of others", speaks, letIn},
			{"an unsigned one around an actor token", unsigned(t, claims{"alg": "none", "typ": "JWT"}, outer) + ".", "401 malformed"},
			{"an unsigned one with the actor's signature", unsigned(t, claims{"alg": "none", "typ": "JWT", "kid": s.kid()}, outer) + foreign[strings.LastIndexByte(foreign, '.'):], "401 algorithm"},
			{"the actor token alone", foreign, "401 issuer"},
			{"signed by another tenant with this one's tid", s.mint(t, s.fabrikam, entratest.Request{User: "ada", Claims: merge(boss, claims{"tid": contosoTenant})}), "401 issuer"},
			{"this tenant's issuer with another's tid", s.ada(t, merge(boss, claims{"tid": fabrikamTenant})), "401 tenant"},
		})
		a := c.ask(t, speaks)
		a.wantHeader(t, "Remote-User", adaObject)
		a.wantHeader(t, "Remote-Admin", "false")
	})
}

// Consul's intentions asked for a token of one provider for one service, and took any provider's for any: rules and
// tokens were not matched to each other (GHSA-9rhf-q362-77mx).
func rulesOfOneProvider(t *testing.T, s *stage) {
	p := twoTenants(s.world)
	p.more += "[[service_account]]\nprovider = \"contoso\"\nobject_id = \"" + nightlyObject + "\"\napplication_id = \"" + nightlyApp + "\"\ngroups = [\"Operators\"]\n"
	c := s.claimd(t, p)
	team := claims{"groups": []string{`CONTOSO\Team`}}
	account := func(tenant *entratest.Tenant) string { return s.mint(t, tenant, entratest.Request{Client: nightlyApp}) }
	c.try(t, []attempt{
		{"a group that is contoso's", s.ada(t, team), `200 groups=CONTOSO\Team roles=`},
		{"the same text from fabrikam", s.mint(t, s.fabrikam, entratest.Request{User: "ada", Claims: team}), "403 no_group"},
		{"contoso's service account", account(s.contoso), "200 groups=Operators roles="},
		{"the same ids at fabrikam", account(s.fabrikam), "403 client"},
	})
}

// Vikunja asked whether an account is disabled when somebody signed in with a password, and at no other door: API
// tokens and OpenID went on (GHSA-94xm-jj8x-3cr4).
func switchedOffEverywhere(t *testing.T, s *stage) {
	p := plan{more: "[[user]]\nid = \"" + blockedObject + "\"\nblocked = true\n" +
		"[[service_account]]\nobject_id = \"" + nightlyObject + "\"\napplication_id = \"" + nightlyApp + "\"\ngroups = [\"Analysts\"]\nactive = false\n"}
	p.mapping = `sign_up = "invite"`
	c := s.own(t, p.behind(echo(t)))
	c.act(t, directory.Invite, "", adaObject)
	c.act(t, directory.Deactivate, "", otherObject)
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	for name, row := range map[string]struct {
		token string
		want  int
	}{
		"Ada":                  {s.ada(t, nil), http.StatusOK},
		"who is switched off":  {s.mint(t, s.contoso, entratest.Request{User: "blocked"}), http.StatusForbidden},
		"an old token of that": {s.mint(t, s.contoso, entratest.Request{User: "blocked", Version: 1}), http.StatusForbidden},
		"a service account":    {s.nightly(t, nil), http.StatusForbidden},
		"by claimctl":          {s.ada(t, claims{"oid": otherObject}), http.StatusForbidden},
		"who is not invited":   {s.ada(t, claims{"oid": someGroupID}), http.StatusForbidden},
	} {
		for door, a := range map[string]answer{
			"/auth":     c.auth(t, bearer(row.token)),
			"/whoami":   fetch(t, http.MethodGet, c.gate+"/whoami", bearer(row.token)),
			"the proxy": c.through(t, "/", bearer(row.token)),
		} {
			if a.status != row.want || a.status != http.StatusOK && a.reason != "user_inactive" {
				t.Errorf("%s at %s: %s, want %d", name, door, a, row.want)
			}
		}
	}
}
