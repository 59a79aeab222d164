package daemon_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/oidctest"
)

// introspected: the provider says of each opaque token whose it is and for which API.
func introspected(t *testing.T, p *oidctest.Provider) {
	t.Helper()
	base := stranger{issuer: p.Issuer, audiences: []string{oidctest.OpaqueResource, briefOpaque, oidctest.JWTResource}, clients: []string{"desk"}}.
		introspects(t, p.ResourceServer)
	g := newGuard(t, base)
	user, jwt := p.UserTokens(t, "ada", oidctest.Opaque), p.UserTokens(t, "ada", oidctest.JWT)
	service, signIn := p.ServiceToken(t, oidctest.Opaque), p.UserinfoToken(t, "ada")
	revoked := p.UserTokens(t, "ada", oidctest.Opaque).Access
	p.Revoke(t, revoked)
	clients := func(ids ...string) stranger {
		return base.with(func(s *stranger) { s.clients = append([]string{}, ids...) })
	}
	audiences := func(values ...string) stranger { return base.with(func(s *stranger) { s.audiences = values }) }
	groups := func(name string) stranger { return base.with(func(s *stranger) { s.groups = name }) }
	const both, none = letAdaIn, "401 opaque_token"
	before, retries := p.Asked(t, p.Introspection), g.retries
	g.judge(t, []presented{
		{"a user", base, user.Access, both},
		{"another client", clients("Desk"), user.Access, "403 client"},
		{"no client at all", clients(), user.Access, "403 client"},
		{"any client", clients("*"), user.Access, both},
		{"another audience", audiences("urn:contoso:other", oidctest.OpaqueResource+":x"), user.Access, "401 audience"},
		{"the scope that it has", base.with(func(s *stranger) { s.more += `required_scopes = ["reports.read"]` }), user.Access, both},
		{"a scope that it has not", base.with(func(s *stranger) { s.more += `required_scopes = ["openid"]` }), user.Access, "403 scope"},
		{"one group in a string", groups("one"), user.Access, "200 ada [Analysts]"},
		{"one group in an array", groups("listed"), user.Access, "200 ada [Analysts]"},
		{"none", groups("none"), user.Access, "403 no_group"},
		{"null", groups("void"), user.Access, "403 no_group"},
		{"absent", groups("memberOf"), user.Access, "403 no_group"},
		{"a number among the groups", groups("mixed"), user.Access, "401 claim_type"},
		{"under a URL", groups(groupsName), user.Access, "200 ada [Analysts]"},
		{"by a pointer", groups("/realm/a~1b/c~0d"), user.Access, "200 ada [Analysts]"},
		{"a user again", base, user.Access, both},
	})
	if got := p.Asked(t, p.Introspection) - before; got < 1 || got > 1+g.retries-retries {
		t.Errorf("one token was asked about %d times, want once", got)
	}
	before = p.Asked(t, p.Introspection)
	g.judge(t, []presented{
		{"a JWT", base, jwt.Access, both},
		{"a JWT with one bit of its signature changed", base, bent(t, jwt.Access), "401 signature"},
		{"a JWT that says alg none", base, forged(t, jwt.Access, 0, func(m claims) { m["alg"] = "none" }), "401 algorithm"},
		{"a JWT without its signature", base, jwt.Access[:strings.LastIndex(jwt.Access, ".")], "401 malformed"},
		{"a JWT with a part more", base, jwt.Access + ".x", "401 malformed"},
		{"the payload of a JWT", base, strings.Split(jwt.Access, ".")[1] + ".x", "401 malformed"},
		{"an ID token", base, jwt.ID, "401 audience"},
	})
	if got := p.Asked(t, p.Introspection) - before; got != 0 {
		t.Errorf("%d requests: a JWT, or a piece of one, was sent", got)
	}
	g.judge(t, []presented{
		// The provider calls refresh tokens active too; it names no audience of them, and none of the tokens for itself.
		{"a refresh token", base, user.Refresh, "401 audience"},
		{"one for the provider itself", base, signIn, "401 audience"},
		{"a client for itself", base, service, "403 client"},
		{"a listed client for itself, which is no user", clients("service"), service, "401 missing_claim"},
		{"any client, for itself", clients("*"), service, "401 missing_claim"},
		{"a revoked one", base, revoked, none},
		{"an unknown one", base, "2YotnFZFEjr1zCsicMWpAA", none},
		{"without its first character", base, user.Access[1:], none},
		{"without its last character", base, user.Access[:len(user.Access)-1], none},
		{"with a character more", base, user.Access + "A", none},
		{"with padding", base, user.Access + "=", none},
		{"in another case", base, swapped(user.Access), none},
		{"as good as before", base, user.Access, both},
	})
	t.Run("any other character in any place", func(t *testing.T) {
		g.takes(t, base)
		for i := range user.Access {
			other := []byte(user.Access)
			other[i] = 'A' + (other[i]-'A'+1)%26
			g.settles(t, string(other), none)
		}
	})
	t.Run("each route has scopes of its own", func(t *testing.T) { opaqueScopes(t, g, base, user.Access) })
	t.Run("revoked while it is known", func(t *testing.T) { revokedWhileKnown(t, p, g, base) })
	t.Run("it ends while it is known", func(t *testing.T) {
		g.takes(t, base)
		opaqueEnds(t, g, func() string { return p.UserTokensFor(t, "ada", briefOpaque).Access })
	})
	t.Run("a wrong secret", func(t *testing.T) { wrongSecret(t, p, g, base, user.Access, jwt.Access) })
}

// swapped gives the text with its letters in the other case.
func swapped(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return []rune(strings.ToLower(string(r)))[0]
	}, text)
}

// opaqueScopes: what introspection says of scopes opens routes as scp of a JWT does.
func opaqueScopes(t *testing.T, g *guard, base stranger, token string) {
	t.Helper()
	base.tables = `[server]
trusted_proxies = ["127.0.0.0/8"]
original_request = "x-forwarded"
[[route]]
match = "GET /reports/"
scopes = ["reports.read"]
[[route]]
match = "POST /reports/"
scopes = ["reports.read", "reports.write"]
`
	g.takes(t, base)
	for _, row := range []struct{ method, want, challenge string }{
		{"GET", "200 groups=Analysts,Operators roles=", ""},
		{"POST", "403 route", `Bearer error="insufficient_scope", scope="reports.read reports.write"`},
		{"DELETE", "403 route", "Bearer"},
	} {
		a := fetch(t, http.MethodGet, g.gate+"/auth", http.Header{"Authorization": {"Bearer " + token}, "X-Forwarded-Method": {row.method},
			"X-Forwarded-Host": {"api.contoso.example"}, "X-Forwarded-Uri": {"/reports/1?x=2"}})
		a.want(t, row.method, row.want)
		a.wantHeader(t, "WWW-Authenticate", row.challenge)
	}
}

// revokedWhileKnown: what the provider said is good for a minute at most, and for nobody who asks anew.
func revokedWhileKnown(t *testing.T, p *oidctest.Provider, g *guard, base stranger) {
	t.Helper()
	const both, none = letAdaIn, "401 opaque_token"
	g.takes(t, base)
	token := p.UserTokens(t, "ada", oidctest.Opaque).Access
	g.settles(t, token, both)
	first, before := time.Now(), p.Asked(t, p.Introspection)
	p.Revoke(t, token)
	g.settles(t, token, both)
	again := askedAgain(t, g, token)
	if left := again.Sub(first); left <= 0 || left > time.Minute {
		t.Errorf("the provider is asked again %v after it was first asked, want within a minute", left)
	}
	if got := p.Asked(t, p.Introspection) - before; got != 0 && time.Now().Before(again) {
		t.Errorf("it was asked about %d times more, want none", got)
	}
	newGuard(t, base).settles(t, token, none)
	g.restart(t)
	g.ready(t)
	g.settles(t, token, none)
}

// askedAgain gives the time from which on the provider is asked again, as explain shows it.
func askedAgain(t *testing.T, g *guard, token string) time.Time {
	t.Helper()
	explanation, err := g.admin.Explain(t.Context(), token)
	must(t, err)
	for _, check := range explanation.Checks {
		if _, text, ok := strings.Cut(check.Got, " vouches for it; asked again from "); ok {
			at, err := time.Parse(time.RFC3339, strings.TrimSuffix(text, " on"))
			must(t, err)
			return at
		}
	}
	t.Fatalf("explain shows nothing of the provider: %+v", explanation.Checks)
	return time.Time{}
}

// opaqueEnds shows that a token whose exp the provider told is refused after it, though its minute is not over.
func opaqueEnds(t *testing.T, g *guard, issue func() string) {
	t.Helper()
	token := issue()
	for range 5 { // on a machine that has much else to do, a token may end before it was asked about
		if g.atAuth(t, token).status == http.StatusOK {
			break
		}
		token = issue()
	}
	end := time.Now().Add(briefly)
	if a := fetch(t, http.MethodGet, g.gate+"/whoami", http.Header{"Authorization": {"Bearer " + token}}); a.status == http.StatusOK {
		end = expiresAt(t, a)
	}
	time.Sleep(time.Until(end.Add(20 * time.Millisecond)))
	g.settles(t, token, "401 opaque_token")
}

// wrongSecret: the provider does not say a word to who has no credential there, so nothing is known of opaque tokens.
func wrongSecret(t *testing.T, p *oidctest.Provider, g *guard, base stranger, token, jwt string) {
	t.Helper()
	right := base
	base.more, _, _ = strings.Cut(base.more, "\nopaque_tokens")
	g.takes(t, base.introspects(t, oidctest.Client{ID: p.ResourceServer.ID, Secret: "not the secret"}))
	a := g.atAuth(t, token)
	a.want(t, "a wrong secret", "503 provider_unavailable")
	g.settles(t, jwt, letAdaIn)
	status, err := g.admin.Status(t.Context())
	must(t, err)
	const words = ": want status 200, got 401: the provider does not accept claimd's own credential"
	if got := status.Opaque; got == nil || !strings.HasPrefix(got.Error, p.Introspection+words) || got.FailingSince.IsZero() {
		t.Errorf("status says %+v, want %q", got, p.Introspection+words)
	}
	g.takes(t, right)
	g.settles(t, token, letAdaIn)
	status, err = g.admin.Status(t.Context())
	must(t, err)
	if got := status.Opaque; got == nil || got.Error != "" || got.Endpoint != p.Introspection {
		t.Errorf("status says %+v, want no error", got)
	}
}

// saidByUserinfo: the provider says who the user is, and nothing of the token.
func saidByUserinfo(t *testing.T, p *oidctest.Provider) {
	t.Helper()
	base := stranger{issuer: p.Issuer}.asksUserinfo()
	g := newGuard(t, base)
	token, revoked := p.UserinfoToken(t, "ada"), p.UserinfoToken(t, "ada")
	p.Revoke(t, revoked)
	api, jwt := p.UserTokens(t, "ada", oidctest.Opaque), p.UserTokens(t, "ada", oidctest.JWT)
	groups := func(name string) stranger { return base.with(func(s *stranger) { s.groups = name }) }
	const both, none = letAdaIn, "401 opaque_token"
	before, retries := p.Asked(t, p.Userinfo), g.retries
	g.judge(t, []presented{
		{"a user", base, token, both},
		{"one group in a string", groups("one"), token, "200 ada [Analysts]"},
		{"one group in an array", groups("listed"), token, "200 ada [Analysts]"},
		{"none", groups("none"), token, "403 no_group"},
		{"absent", groups("memberOf"), token, "403 no_group"},
		{"a number among the groups", groups("mixed"), token, "401 claim_type"},
		{"under a URL", groups(groupsName), token, "200 ada [Analysts]"},
		{"by a pointer", groups("/realm/a~1b/c~0d"), token, "200 ada [Analysts]"},
		{"a JWT, which names an audience that nobody listed", base, jwt.Access, "401 audience"},
		{"an ID token", base, jwt.ID, "401 audience"},
		{"a JWT without its signature", base, jwt.Access[:strings.LastIndex(jwt.Access, ".")], "401 malformed"},
		{"a user again", base, token, both},
	})
	if got := p.Asked(t, p.Userinfo) - before; got < 1 || got > 1+g.retries-retries {
		t.Errorf("one opaque token was asked about %d times, want once and no JWT", got)
	}
	g.judge(t, []presented{
		{"one for an API, without the scope openid", base, api.Access, none},
		{"a refresh token", base, api.Refresh, none},
		{"a client for itself", base, p.ServiceToken(t, oidctest.Opaque), none},
		{"a revoked one", base, revoked, none},
		{"an unknown one", base, "2YotnFZFEjr1zCsicMWpAA", none},
		{"without its first character", base, token[1:], none},
		{"without its last character", base, token[:len(token)-1], none},
		{"with a character more", base, token + "A", none},
		{"whose answer is a signed JWT", base, p.SignedUserinfoToken(t, "ada"), "503 provider_unavailable"},
	})
	g.takes(t, base)
	a, again := fetch(t, http.MethodGet, g.gate+"/whoami", http.Header{"Authorization": {"Bearer " + token}}), askedAgain(t, g, token)
	if end := expiresAt(t, a).Truncate(time.Second); !end.Equal(again) && time.Now().Before(end) {
		t.Errorf("whoami says that the identity ends %s, want the end of the answer, %s", end, again)
	}
	if got := g.whoami(t, token); got["client_application_id"] != "" || got["kind"] != "user" {
		t.Errorf("whoami tells %v, want a user and no client", got)
	}
}
