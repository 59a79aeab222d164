package daemon_test

import (
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/oidctest"
)

// What aud of the provider for Node.js says, by the algorithm that it signs with.
var (
	psResource    = oidctest.JWTResource + ":PS256"
	esResource    = oidctest.JWTResource + ":ES256"
	briefResource = oidctest.JWTResource + ":brief"
	briefOpaque   = oidctest.OpaqueResource + ":brief"
	allResources  = []string{oidctest.JWTResource, psResource, esResource, briefResource}
	allAlgorithms = []string{"RS256", "PS256", "ES256"}
)

// briefly is how long tokens for briefResource and briefOpaque are good.
const briefly = 2 * time.Second

// manyShapes are one user's groups, in every shape that a claim may have, each under a name of its own.
var manyShapes = claims{
	"groups": []string{"Operators", "Analysts"}, "one": "Analysts", "listed": []string{"Analysts"}, "none": []string{}, "nothing": "",
	"void": nil, "foreign": []string{"Others", "analysts", "Analysts "}, "comma": "Analysts,Operators", "mixed": []any{"Analysts", 7}, "number": 7,
	groupsName: "Analysts", "urn:contoso:groups": []string{"Analysts", "Operators", "Analysts"}, "groups.of.this.api": "Operators",
	"realm": claims{"a/b": claims{"c~d": []string{"Analysts"}}, "list": []any{"Operators", "Others"}},
	"email": "ada@contoso.example", "given_name": "Ada", "family_name": "Lovelace",
}

// startNode starts the npm package oidc-provider.
func startNode(t *testing.T, slash bool) *oidctest.Provider {
	t.Helper()
	return oidctest.Start(t, oidctest.Settings{Slash: slash, People: map[string]map[string]any{"ada": manyShapes}, Resources: []oidctest.Resource{
		{Name: psResource, Form: oidctest.JWT, Algorithm: "PS256"}, {Name: esResource, Form: oidctest.JWT, Algorithm: "ES256"},
		{Name: briefResource, Form: oidctest.JWT, Lifetime: briefly}, {Name: briefOpaque, Lifetime: briefly},
	}})
}

// A provider that nobody here wrote: the npm package oidc-provider.
func TestTokensOfOIDCProviderAreJudgedExactly(t *testing.T) {
	t.Parallel()
	p := startNode(t, true)
	for name, tokens := range map[string]func(*testing.T, *oidctest.Provider){
		"JWTs": judgeJWTs, "opaque tokens at introspection": introspected, "opaque tokens at userinfo": saidByUserinfo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens(t, p)
		})
	}
}

// judgeJWTs presents tokens of each kind that the provider issues.
func judgeJWTs(t *testing.T, p *oidctest.Provider) {
	t.Helper()
	base := stranger{issuer: p.Issuer, audiences: allResources, clients: []string{"desk"}, algorithms: allAlgorithms}
	g := newGuard(t, base)
	rs := p.UserTokens(t, "ada", oidctest.JWT)
	ps := p.UserTokensFor(t, "ada", psResource).Access
	es := p.UserTokensFor(t, "ada", esResource).Access
	service := p.ServiceToken(t, oidctest.JWT)
	clients := func(ids ...string) stranger {
		return base.with(func(s *stranger) { s.clients = append([]string{}, ids...) })
	}
	audiences := func(values ...string) stranger { return base.with(func(s *stranger) { s.audiences = values }) }
	algorithms := func(names ...string) stranger { return base.with(func(s *stranger) { s.algorithms = names }) }
	groups := func(name string) stranger { return base.with(func(s *stranger) { s.groups = name }) }
	scopes := func(words ...string) stranger {
		return base.with(func(s *stranger) { s.more = "required_scopes = [" + quoted(words) + "]" })
	}
	const both = letAdaIn
	none := func(members claims) { members["alg"] = "none" }
	hidden := func(members claims) { members["groups"] = []string{"Operators"} }
	g.judge(t, []presented{
		{"a user, RS256", base, rs.Access, both},
		{"a user, PS256", base, ps, both},
		{"a user, ES256", base, es, both},
		{"a refresh token", base, rs.Refresh, "401 opaque_token"},
		{"an ID token", base, rs.ID, "401 audience"},
		{"RS256, one bit of the signature", base, bent(t, rs.Access), "401 signature"},
		{"PS256, one bit of the signature", base, bent(t, ps), "401 signature"},
		{"ES256, one bit of the signature", base, bent(t, es), "401 signature"},
		{"RS256, other groups", base, forged(t, rs.Access, 1, hidden), "401 signature"},
		{"ES256, other groups", base, forged(t, es, 1, hidden), "401 signature"},
		{"alg none", base, forged(t, rs.Access, 0, none), "401 algorithm"},
		{"RS256 said to be PS256", base, forged(t, rs.Access, 0, func(m claims) { m["alg"] = "PS256" }), "401 key"},
		{"ES256 said to be RS256", base, forged(t, es, 0, func(m claims) { m["alg"] = "RS256" }), "401 key"},
		{"RS256 under the key of ES256", base, forged(t, rs.Access, 0, func(m claims) { m["kid"] = "key-ES256" }), "401 key"},
		{"a client for itself", base, service, "403 client"},

		{"RS256 where ES256 is listed", algorithms("ES256"), rs.Access, "401 algorithm"},
		{"PS256 where ES256 is listed", algorithms("ES256"), ps, "401 algorithm"},
		{"ES256 where ES256 is listed", algorithms("ES256"), es, both},
		{"RS256 where nothing is listed", algorithms(), rs.Access, both},
		{"ES256 where nothing is listed", algorithms(), es, "401 algorithm"},
		{"RS256 where PS256 is listed", algorithms("PS256"), rs.Access, "401 algorithm"},
		{"PS256 where PS256 is listed", algorithms("PS256"), ps, both},

		{"another audience", audiences("urn:contoso:other", oidctest.JWTResource+"/"), rs.Access, "401 audience"},
		{"the audience in another case", audiences("URN:contoso:reports"), rs.Access, "401 audience"},
		{"another client", clients("Desk", "desk2"), rs.Access, "403 client"},
		{"no client at all", clients(), rs.Access, "403 client"},
		{"no client at all, for itself", clients(), service, "403 client"},
		{"any client", clients("*"), rs.Access, both},
		{"any client, for itself", clients("*"), service, "403 unknown_service_account"},
		{"a listed client for itself", clients("service"), service, "403 unknown_service_account"},
		{"a user of another than the listed client", clients("service"), rs.Access, "403 client"},

		// Its ID tokens have none of what marks one: no typ, at_hash, c_hash or nonce. Where the audience is a client's id, the
		// client that is missing tells them.
		{"an ID token for the client as the audience", audiences("desk"), rs.ID, "401 missing_claim"},
		{"an ID token where any client will do", clients("*").with(func(s *stranger) { s.audiences = []string{"desk"} }), rs.ID, "401 missing_claim"},

		{"groups in one string", groups("one"), rs.Access, "200 ada [Analysts]"},
		{"one group in an array", groups("listed"), rs.Access, "200 ada [Analysts]"},
		{"an empty array", groups("none"), rs.Access, "403 no_group"},
		{"an empty string", groups("nothing"), rs.Access, "403 no_group"},
		{"null", groups("void"), rs.Access, "403 no_group"},
		{"absent", groups("memberOf"), rs.Access, "403 no_group"},
		{"groups that are not ours", groups("foreign"), rs.Access, "403 no_group"},
		{"a list in a string", groups("comma"), rs.Access, "403 no_group"},
		{"a number among the groups", groups("mixed"), rs.Access, "401 claim_type"},
		{"a number", groups("number"), rs.Access, "401 claim_type"},
		{"under a URL", groups(groupsName), rs.Access, "200 ada [Analysts]"},
		{"under a URL, ES256", groups(groupsName), es, "200 ada [Analysts]"},
		{"under a URN, one of them twice", groups("urn:contoso:groups"), rs.Access, both},
		{"under a name with dots", groups("groups.of.this.api"), rs.Access, "200 ada [Operators]"},
		{"by a pointer", groups("/realm/a~1b/c~0d"), rs.Access, "200 ada [Analysts]"},
		{"by a pointer to others too", groups("/realm/list"), ps, "200 ada [Operators]"},
		{"by a pointer to one of a list", groups("/realm/list/0"), rs.Access, "200 ada [Operators]"},
		{"by a pointer to a plain name", groups("/one"), rs.Access, "200 ada [Analysts]"},
		{"by a pointer to nothing", groups("/realm/a/b"), rs.Access, "403 no_group"},
		{"by a pointer to an object", groups("/realm/a~1b"), rs.Access, "401 claim_type"},
		{"a name with slashes that begins with none is no pointer", groups("realm/list"), rs.Access, "403 no_group"},

		{"the scope that it has", scopes(oidctest.Scope), rs.Access, both},
		{"a scope that it has not", scopes(oidctest.Scope, "reports.write"), rs.Access, "403 scope"},
		{"after all that", base, rs.Access, both},
	})
	t.Run("all that /whoami tells", func(t *testing.T) {
		g.takes(t, base)
		got := g.whoami(t, es)
		for key, want := range map[string]any{
			"provider": "stranger", "user": "ada", "kind": "user", "client_application_id": "desk", "admin": false, "email": "ada@contoso.example",
			"first_name": "Ada", "last_name": "Lovelace", "expires_at": expiry(t, es).UTC().Format(time.RFC3339),
		} {
			if got[key] != want {
				t.Errorf("%s: want %v, got %v", key, want, got[key])
			}
		}
	})
	t.Run("its end", func(t *testing.T) {
		g.takes(t, base.with(func(s *stranger) { s.more = `clock_skew = "0s"` }))
		endsInTime(t, g, func() string { return p.UserTokensFor(t, "ada", briefResource).Access }, "200 groups=Analysts,Operators roles=")
	})
}

// endsInTime shows that a token is accepted before its exp and refused after it, whether or not it was seen before.
func endsInTime(t *testing.T, g *guard, issue func() string, good string) {
	t.Helper()
	seen := issue()
	for range 5 { // on a machine that has much else to do, a token may end before it was asked about
		a := g.atAuth(t, seen)
		if time.Now().Before(expiry(t, seen)) {
			a.want(t, "before its exp", good)
			break
		}
		seen = issue()
	}
	unseen := issue()
	time.Sleep(time.Until(expiry(t, unseen).Add(20 * time.Millisecond)))
	g.atAuth(t, seen).want(t, "a token seen before, after its exp", "401 expired")
	g.atAuth(t, unseen).want(t, "a token not seen before, after its exp", "401 expired")
}
