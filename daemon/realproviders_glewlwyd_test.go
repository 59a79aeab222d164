package daemon_test

import (
	"testing"

	"github.com/claimd/claimd/daemon/oidctest"
)

// apiOfGlewlwyd is a resource that glewlwyd's tokens may be for; without one, aud is the scope.
const apiOfGlewlwyd = "https://api.contoso.example/v1"

// startGlewlwyd starts one whose access tokens hold the user's groups under three names.
func startGlewlwyd(t *testing.T) *oidctest.Glewlwyd {
	t.Helper()
	g := oidctest.StartGlewlwyd(t, "RS256")
	var names []any
	for _, name := range []string{"groups", groupsName, "realm/groups"} {
		names = append(names, claims{"user-parameter": "groups", "token-parameter": name})
	}
	g.Change(t, claims{
		"additional-parameters": names, "resource-allowed": true, "resource-scope": claims{oidctest.Scope: []string{apiOfGlewlwyd}},
		"resource-scope-and-client-property": false,
	})
	return g
}

// beforeGlewlwyd is the configuration for it.
func beforeGlewlwyd(p *oidctest.Glewlwyd) stranger {
	return stranger{issuer: p.Issuer, audiences: []string{oidctest.Scope, apiOfGlewlwyd}, clients: []string{"gate"}, algorithms: allAlgorithms}
}

// Another that nobody here wrote, in another language: Debian's glewlwyd.
func TestTokensOfGlewlwydAreJudgedExactly(t *testing.T) {
	t.Parallel()
	p := startGlewlwyd(t)
	base := beforeGlewlwyd(p)
	g := newGuard(t, base)
	judgeGlewlwyd(t, p, g, base)
	g.takes(t, base)
	t.Run("its key changes, and the algorithm with it", func(t *testing.T) { glewlwydRotates(t, p, g, base) })
	t.Run("its issuer gets a slash", func(t *testing.T) {
		old, issuer := p.APITokens(t).Access, p.Issuer
		p.Change(t, claims{"iss": issuer + "/"})
		slashed := newGuard(t, base.with(func(s *stranger) { s.issuer = p.Issuer }))
		token := p.APITokens(t).Access
		for name, row := range map[string]struct{ token, want string }{
			"with the slash": {token, analystOf(t, token)}, "from before": {old, "401 issuer"},
		} {
			if got := slashed.presents(t, row.token); got != row.want {
				t.Errorf("%s: got %s, want %s", name, got, row.want)
			}
		}
		if got := g.presents(t, token); got != "401 issuer" {
			t.Errorf("where the configuration has none: got %s, want 401 issuer", got)
		}
		p.Change(t, claims{"access-token-duration": 2})
		slashed.takes(t, base.with(func(s *stranger) { s.issuer, s.more = p.Issuer, `clock_skew = "0s"` }))
		endsInTime(t, slashed, func() string { return p.APITokens(t).Access }, letIn)
	})
	t.Run("it is gone", func(t *testing.T) {
		p.Change(t, claims{"iss": base.issuer, "access-token-duration": 3600})
		tokens := p.APITokens(t)
		g.takes(t, base.introspects(t, oidctest.Client{ID: "gate", Secret: "wrong"}))
		g.atAuth(t, tokens.Refresh).want(t, "a wrong secret", "503 provider_unavailable")
		g.takes(t, base.introspects(t, p.ResourceServer))
		g.settles(t, tokens.Refresh, "401 opaque_token")
		p.Stop()
		g.settles(t, tokens.Access, analystOf(t, tokens.Access))
		g.atAuth(t, "2YotnFZFEjr1zCsicMWpAA").want(t, "an opaque token", "503 provider_unavailable")
		g.takes(t, base)
		g.settles(t, tokens.Access, analystOf(t, tokens.Access))
		g.settles(t, tokens.Refresh, "401 opaque_token")
	})
}

// analystOf is the answer to a token of a user in Analysts.
func analystOf(t *testing.T, token string) string {
	t.Helper()
	subject, _ := claimsOf(t, token)["sub"].(string)
	return "200 " + subject + " [Analysts]"
}

// glewlwydRotates: each new key is fetched with the first token that names it, three within five minutes. Tokens signed
// with a key that is published no more are refused.
func glewlwydRotates(t *testing.T, p *oidctest.Glewlwyd, g *guard, base stranger) {
	t.Helper()
	p.SetGroups(t, "Analysts")
	old := p.APITokens(t).Access
	for _, algorithm := range []string{"PS256", "ES256"} {
		p.Rotate(t, algorithm)
		token := p.APITokens(t).Access
		g.judge(t, []presented{{algorithm, base, token, analystOf(t, token)},
			{algorithm + ", a signature with one bit changed", base, bent(t, token), "401 signature"},
			{algorithm + ", a client for itself", base, p.ServiceToken(t, p.Service), "403 client"},
			{algorithm + ", not listed", base.with(func(s *stranger) { s.algorithms = nil }), token, "401 algorithm"}})
	}
	g.judge(t, []presented{{"the key that it had first", base, old, "401 key"}})
	p.Rotate(t, "ES256")
	token := p.APITokens(t).Access
	g.judge(t, []presented{{"a fourth fetch", base, token, "503 keys_unavailable"}})
	_, err := g.admin.RefreshKeys(t.Context(), "")
	must(t, err)
	g.judge(t, []presented{{"once root had it fetched", base, token, analystOf(t, token)}})
}

// judgeGlewlwyd presents tokens of each kind that glewlwyd issues. It names users by random text, and joins several
// groups with commas.
func judgeGlewlwyd(t *testing.T, p *oidctest.Glewlwyd, g *guard, base stranger) {
	t.Helper()
	without := p.APITokens(t)
	p.SetGroups(t, "Analysts")
	one, revoked := p.APITokens(t), p.APITokens(t)
	p.Revoke(t, p.ResourceServer, revoked.Access)
	p.SetGroups(t, "Analysts", "Operators")
	two := p.APITokens(t)
	signedIn := p.UserTokens(t)
	service := p.ServiceToken(t, p.Service)
	forAPI := p.ServiceTokenFor(t, p.Service, apiOfGlewlwyd)
	analyst := analystOf(t, one.Access)
	clients := func(ids ...string) stranger {
		return base.with(func(s *stranger) { s.clients = append([]string{}, ids...) })
	}
	audiences := func(values ...string) stranger { return base.with(func(s *stranger) { s.audiences = values }) }
	groups := func(name string) stranger { return base.with(func(s *stranger) { s.groups = name }) }
	asked := base.introspects(t, p.ResourceServer)
	g.judge(t, []presented{
		{"a user in one group", base, one.Access, analyst},
		{"a user in none", base, without.Access, "403 no_group"},
		{"a user in two, in one string", base, two.Access, "403 no_group"},
		{"a signature with one bit changed", base, bent(t, one.Access), "401 signature"},
		{"other groups", base, forged(t, one.Access, 1, func(m claims) { m["groups"] = "Operators" }), "401 signature"},
		{"other algorithms", base.with(func(s *stranger) { s.algorithms = []string{"PS256", "ES256"} }), one.Access, "401 algorithm"},
		{"for two scopes, which are one audience", base, signedIn.Access, "401 audience"},
		{"another audience", audiences(apiOfGlewlwyd + "/"), one.Access, "401 audience"},
		{"a client for itself", base, service, "403 client"},
		{"a listed client for itself", clients("service"), service, "403 unknown_service_account"},
		{"a listed client for itself, for an API", clients("service"), forAPI, "403 unknown_service_account"},
		{"for itself, for another API", clients("service").with(func(s *stranger) { s.audiences = []string{oidctest.Scope} }), forAPI, "401 audience"},
		{"another client", clients("Gate"), one.Access, "403 client"},
		{"no client at all", clients(), one.Access, "403 client"},
		{"any client", clients("*"), one.Access, analyst},
		{"any client, for itself", clients("*"), service, "403 unknown_service_account"},
		{"an ID token", base, signedIn.ID, "401 audience"},
		{"an ID token for the client as the audience", audiences("gate"), signedIn.ID, "401 id_token"},
		{"an ID token where any client will do", clients("*").with(func(s *stranger) { s.audiences = []string{"gate"} }), signedIn.ID, "401 id_token"},
		{"a refresh token", base, one.Refresh, "401 opaque_token"},
		{"under a URL", groups(groupsName), one.Access, analyst},
		{"by a pointer", groups("/realm~1groups"), one.Access, analyst},
		{"absent", groups("memberOf"), one.Access, "403 no_group"},
		{"the scope that it has", base.with(func(s *stranger) { s.more = `required_scopes = ["reports.read"]` }), one.Access, analyst},
		{"a scope that it has not", base.with(func(s *stranger) { s.more = `required_scopes = ["openid"]` }), one.Access, "403 scope"},

		// It would say of JWTs too whether they are active. None is ever sent: one that is revoked is good to its end.
		{"a JWT where opaque tokens are asked about", asked, one.Access, analyst},
		{"a revoked JWT where opaque tokens are asked about", asked, revoked.Access, analyst},
		{"a refresh token where opaque tokens are asked about", asked, one.Refresh, "401 opaque_token"},
		{"a JWT where userinfo is asked", base.asksUserinfo(), one.Access, "401 audience"},
		{"a refresh token where userinfo is asked", base.asksUserinfo(), one.Refresh, "401 opaque_token"},
	})
}
