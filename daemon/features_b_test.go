package daemon_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfProviders are the rows B1 to B10: what a token must be, and whom it stands for.
func rowsOfProviders() []row {
	return []row{
		{"B1", "the signature is RS256 by a key that the tenant publishes, within its times", signatures},
		{"B2", "opaque tokens are asked about at one OpenID provider, by introspection or userinfo, and never at Entra ID", opaqueTokens},
		{"B3", "a user is on record from the first accepted token, under the user claim", activeAtSignUp},
		{"B4", "a blocked or deactivated user is out with the next request, an administrator too", inactiveUsers},
		{"B5", "the user is the unique id: an e-mail address neither merges nor splits users", idNotEmail},
		{"B6", "the user is oid, or another claim that identifies one for good", userClaims},
		{"B7", "the organisation is the tenant that the token comes from, never the e-mail's domain", organisations},
		{"B8", "by invitation, whoever nobody has invited waits", byInvitation},
		{"B9", "groups from a claim with an address for its name", groupsByAddress},
		{"B10", "groups are taken where there are any, and defaults hold where there are none", groupsIfAvailable},
	}
}

func longAgo() time.Time { return time.Now().Add(-3 * time.Hour) }

func signatures(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	kid := w.contoso.KeyIDs()[0]
	before := w.contoso.Requests("v2 keys")
	header := func(changes claims) string {
		return w.mint(t, w.contoso, entratest.Request{User: "ada", Header: changes})
	}
	for _, alg := range []string{"none", "None", "NONE", "HS256", "HS384", "HS512", "PS256", "PS512", "RS384", "RS512", "ES256", "rs256", "RS256 "} {
		c.ask(t, header(claims{"alg": alg})).want(t, "alg "+alg, "401 algorithm")
	}
	unsigned := strings.Split(header(claims{"alg": "none"}), ".")
	c.ask(t, unsigned[0]+"."+unsigned[1]+".").want(t, "alg none without a signature", "401 malformed")
	c.ask(t, header(claims{"kid": nil})).want(t, "no kid", "401 key")
	c.ask(t, header(claims{"kid": ""})).want(t, "an empty kid", "401 key")
	for name, value := range map[string]any{
		"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/cert", "x5c": []string{"MA=="}, "jwk": claims{"kty": "RSA"},
		"crit": []string{"exp"}, "b64": true, "zip": "DEF", "enc": "A256GCM", "cty": "JWT", "typ": "id_token+jwt", "kid": 7, "alg": 7,
	} {
		c.ask(t, header(claims{name: value})).want(t, "header "+name, "401 malformed")
	}
	for _, typ := range []any{"jwt", "at+jwt", "AT+JWT", "application/at+jwt"} {
		c.ask(t, header(claims{"typ": typ})).want(t, fmt.Sprint("typ ", typ), letIn)
	}
	if got := w.contoso.Requests("v2 keys"); got != before {
		t.Errorf("%d fetches of keys, want none", got-before)
	}
	forged := w.mint(t, w.fabrikam, entratest.Request{User: "ada", Claims: w.asContoso(nil), Header: claims{"kid": kid}})
	c.ask(t, forged).want(t, "another key under this kid", "401 signature")
	parts, other := strings.Split(w.ada(t, nil), "."), strings.Split(w.ada(t, claims{"groups": []string{"Operators"}}), ".")
	c.ask(t, parts[0]+"."+other[1]+"."+parts[2]).want(t, "another payload under this signature", "401 signature")
	instants(t, w)
	unknownKeys(t, w)
	keyOwners(t, w)
	providerDown(t, w)
}

// instants: each time by itself, with a minute of clock skew.
func instants(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	at := func(seconds int) int64 { return time.Now().Add(time.Duration(seconds) * time.Second).Unix() }
	c.judge(t, []verdict{
		{"just expired, within the skew", claims{"exp": at(-50), "nbf": at(-600), "iat": at(-600)}, letIn},
		{"expired", claims{"exp": at(-65), "nbf": at(-600), "iat": at(-600)}, "401 expired"},
		{"expired long ago", claims{"exp": 1}, "401 expired"},
		{"valid in a moment, within the skew", claims{"nbf": at(50)}, letIn},
		{"not valid yet", claims{"nbf": at(70)}, "401 not_yet_valid"},
		{"issued in a moment, within the skew", claims{"iat": at(50)}, letIn},
		{"issued in the future", claims{"iat": at(70)}, "401 not_yet_valid"},
		{"nbf after exp", claims{"nbf": at(30), "exp": at(20)}, "401 lifetime"},
		{"29 hours", claims{"iat": at(0), "exp": at(29 * 3600)}, letIn},
		{"more than 29 hours", claims{"iat": at(0), "exp": at(29*3600 + 2)}, "401 lifetime"},
		{"a fraction", claims{"exp": json.RawMessage(fmt.Sprintf("%d.5", at(300)))}, letIn},
		{"no exp", claims{"exp": nil}, "401 missing_claim"},
		{"no nbf", claims{"nbf": nil}, "401 missing_claim"},
		{"no iat", claims{"iat": nil}, "401 missing_claim"},
		{"exp as text", claims{"exp": fmt.Sprint(at(300))}, "401 malformed"},
		{"exp beyond 2^40", claims{"exp": json.RawMessage("1099511627777")}, "401 malformed"},
		{"an exp that overflows", claims{"exp": json.RawMessage("1e30")}, "401 malformed"},
		{"a negative nbf", claims{"nbf": -1}, "401 malformed"},
		{"null for iat", claims{"iat": jsonNull}, "401 malformed"},
	})
}

// unknownKeys: three unknown ids may start a fetch each; known ids never do, and an id that was looked for in vain is
// remembered.
func unknownKeys(t *testing.T, w *world) {
	tenant := startTenant(t, people(contosoTenant))
	c := w.start(t, plan{}.text(tenant))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	before := tenant.Requests("v2 keys")
	ask := func(kid string) string {
		return c.ask(t, w.mint(t, tenant, entratest.Request{User: "ada", Header: claims{"kid": kid}})).String()
	}
	for _, step := range []struct {
		kid, want string
		fetches   int
	}{
		{"a", "401 key", 1}, {"a", "401 key", 1}, {"../../etc/passwd", "401 key", 2}, {"'; --", "401 key", 3},
		{"d", "503 keys_unavailable", 3}, {"a", "401 key", 3}, {tenant.KeyIDs()[0], letIn, 3},
	} {
		if got := ask(step.kid); got != step.want {
			t.Errorf("kid %s: got %s, want %s", step.kid, got, step.want)
		}
		if got := tenant.Requests("v2 keys") - before; got != step.fetches {
			t.Errorf("after kid %s: %d fetches, want %d", step.kid, got, step.fetches)
		}
	}
}

// keyOwners: a key of another issuer or of too few bits is not used, one whose issuer is the template of all tenants is.
func keyOwners(t *testing.T, w *world) {
	tenant := startTenant(t, people(contosoTenant))
	c := w.start(t, plan{}.text(tenant))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	first := w.mint(t, tenant, entratest.Request{User: "ada"})
	last := tenant.Rotate()
	rewrite := func(from, to string) func(string, []byte) []byte {
		return func(what string, body []byte) []byte {
			if what != "v2 keys" {
				return body
			}
			return []byte(strings.ReplaceAll(string(body), from, to))
		}
	}
	weakJWK := `{"keys":[{"kty":"RSA","kid":"weak","use":"sig","e":"AQAB","n":"` + encode(weak.N.Bytes()) + `"},`
	token := w.mint(t, tenant, entratest.Request{User: "ada"})
	// The last key alone is another tenant's.
	foreign := func(what string, body []byte) []byte {
		var set struct{ Keys []claims }
		if what != "v2 keys" || json.Unmarshal(body, &set) != nil {
			return body
		}
		for _, key := range set.Keys {
			if key["kid"] == last {
				key["issuer"] = w.fabrikam.Issuer(2)
			}
		}
		body, _ = json.Marshal(claims{"keys": set.Keys})
		return body
	}
	for _, row := range []struct {
		name, token, want string
		rewrite           func(string, []byte) []byte
	}{
		{"as it is", token, letIn, nil},
		{"no issuer at the key", token, letIn, rewrite(`"issuer"`, `"x_issuer"`)},
		{"the template", token, letIn, rewrite(tenant.Issuer(2), tenant.URL()+"/{tenantid}/v2.0")},
		{"another tenant's issuer", token, "401 key", foreign},
		{"its other key", first, letIn, foreign},
		{"1024 bits", resign(t, weak, "weak", token), "401 key", rewrite(`{"keys":[`, weakJWK)},
	} {
		tenant.SetFaults(entratest.Faults{Rewrite: row.rewrite})
		_, err := c.admin.RefreshKeys(t.Context(), "contoso")
		must(t, err)
		c.ask(t, row.token).want(t, row.name, row.want)
	}
}

// resign signs the payload of the token with another key.
func resign(t *testing.T, key *rsa.PrivateKey, kid, token string) string {
	t.Helper()
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"`+kid+`"}`)) + "." + strings.Split(token, ".")[1]
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	must(t, err)
	return signed + "." + encode(signature)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// providerDown: keys that are there serve on while the provider is down; without any the answer is 503 and not 401.
func providerDown(t *testing.T, w *world) {
	tenant := startTenant(t, people(contosoTenant))
	tenant.SetFaults(entratest.Faults{Status: http.StatusServiceUnavailable})
	c := w.start(t, plan{}.text(tenant))
	t.Cleanup(func() { c.end(t) })
	token := w.mint(t, tenant, entratest.Request{User: "ada"})
	c.ask(t, token).want(t, "a first start while the provider is down", "503 keys_unavailable")
	tenant.SetFaults(entratest.Faults{})
	_, err := c.admin.RefreshKeys(t.Context(), "")
	must(t, err)
	c.ask(t, token).want(t, "the provider is back", letIn)
	tenant.SetFaults(entratest.Faults{Status: http.StatusServiceUnavailable})
	results, err := c.admin.RefreshKeys(t.Context(), "")
	must(t, err)
	if len(results) != 1 || results[0].Problem == "" {
		t.Errorf("refreshing while the provider is down: %+v", results)
	}
	c.ask(t, w.mint(t, tenant, entratest.Request{User: "ada"})).want(t, "a new token while the provider is down", letIn)
}

func opaqueTokens(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for token, want := range map[string]string{
		"2YotnFZFEjr1zCsicMWpAA": "401 opaque_token", "a.b": "401 opaque_token", "a.b.c.d": "401 opaque_token",
		"a.b.c": "401 malformed", "a.b.c.d.e": "401 malformed", "eyJhbGciOiJSU0EifQ.a.b.c.d": "401 malformed",
	} {
		c.ask(t, token).want(t, token, want)
	}
	for _, value := range []string{"userinfo", "introspection"} {
		wantFaults(t, []flawed{{soundHead + `opaque_tokens = "` + value + `"`, `claimd.toml:8: provider.contoso.opaque_tokens: is a key of kind = "oidc", and this provider is kind = "entra"` +
			"\n  hint: take it out, or change kind"}})
	}
	o, v := startVoucher(t)
	v.set("of-ada", o.active(nil))
	for text, want := range map[string]string{o.introspected(t): "200 ", o.byUserinfo(): "200 ", o.jumpcloudText(): "401 opaque_token"} {
		asking, before := w.start(t, text), v.asked()
		asking.ready(t)
		asking.ask(t, "of-ada").begins(t, text, want)
		asking.ask(t, "of-nobody").begins(t, text, "401 opaque_token")
		for _, form := range []string{"a.b.c", "a.b.c.d.e", "eyJhbGciOiJSU0EifQ.a.b.c.d", w.ada(t, nil)} {
			asking.ask(t, form).begins(t, form, "401 ")
		}
		if asked := v.asked() - before; want == "200 " && asked != 2 || want != "200 " && asked != 0 {
			t.Errorf("%d requests\n%s", asked, text)
		}
		asking.end(t)
	}
	wantFaults(t, []flawed{
		{soundHead + `opaque_tokens = "refuse"`, ""},
		{"[groups]\nAnalysts = \"\"\n[provider.jumpcloud]\nkind = \"oidc\"\nissuer = \"https://oauth.id.jumpcloud.com/\"\nopaque_tokens = \"userinfo\"",
			"notice: claimd.toml:6: provider.jumpcloud.opaque_tokens: names no audience: a token that the provider has issued for any other application opens this API too\n" +
				"  hint: prefer JWTs or introspection where the provider has them"},
	})
}

func inactiveUsers(t *testing.T, w *world) {
	deactivatedUsers(t, w)
	blockedUsers(t, w)
}

func blockedUsers(t *testing.T, w *world) {
	free := plan{provider: `admin_group = "` + adminGroupID + `"`}
	blocked := free
	blocked.more = "[[user]]\nid = \"" + strings.ToUpper(adaObject) + "\"\nblocked = true\n"
	c := w.own(t, free)
	token := w.ada(t, claims{"groups": []string{"Analysts", adminGroupID}})
	c.ask(t, token).want(t, "before", letInBoss)
	c.reload(t, blocked)
	c.ask(t, token).want(t, "the same token", "403 user_inactive")
	c.ask(t, w.ada(t, nil)).want(t, "a new token", "403 user_inactive")
	c.ask(t, w.ada(t, claims{"groups": nil})).want(t, "a token that would be refused for its groups", "403 user_inactive")
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked"})).want(t, "another user", letIn)
	c.reload(t, free)
	c.ask(t, token).want(t, "let in again", letInBoss)
}

// idNotEmail: who the user is follows from the token alone, and so does whose record it is.
func idNotEmail(t *testing.T, w *world) {
	oneRecordForOneID(t, w)
	c := w.claimd(t, plan{})
	same := claims{"email": "shared@contoso.example"}
	c.ask(t, w.ada(t, same)).wantHeader(t, "Remote-User", adaObject)
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked", Claims: same})).wantHeader(t, "Remote-User", blockedObject)
	a := c.ask(t, w.ada(t, claims{"email": "married@contoso.example", "preferred_username": "shared@contoso.example"}))
	a.wantHeader(t, "Remote-User", adaObject)
	a.wantHeader(t, "Remote-Email", "married@contoso.example")
}

func userClaims(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	a := c.ask(t, w.ada(t, claims{"oid": strings.ToUpper(adaObject)}))
	a.wantHeader(t, "Remote-User", adaObject)
	c.judge(t, []verdict{
		{"no oid", claims{"oid": nil}, "401 missing_claim"},
		{"null", claims{"oid": jsonNull}, "401 missing_claim"},
		{"empty", claims{"oid": ""}, "401 missing_claim"},
		{"a number", claims{"oid": 7}, "401 claim_type"},
		{"a list", claims{"oid": []string{adaObject}}, "401 claim_type"},
		{"no GUID", claims{"oid": "ada"}, "401 claim_type"},
		{"a GUID in braces", claims{"oid": "{" + adaObject + "}"}, "401 claim_type"},
	})
	bySub := w.claimd(t, plan{claims: `user = "sub"`, more: "[[user]]\nid = \"" + blockedObject + "\"\nblocked = true\n"})
	bySub.ask(t, w.ada(t, claims{"sub": "AbC-_9"})).wantHeader(t, "Remote-User", "AbC-_9")
	bySub.judge(t, []verdict{
		{"no sub", claims{"sub": nil}, "401 missing_claim"},
		{"an empty sub", claims{"sub": ""}, "401 missing_claim"},
		{"a sub that is no string", claims{"sub": 7}, "401 claim_type"},
	})
	bySub.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked"})).want(t, "blocked by oid, whatever claims.user says", "403 user_inactive")
	for _, name := range []string{"email", "upn", "preferred_username", "unique_name", "name", "/email", "UPN"} {
		wantFaults(t, []flawed{{soundHead + "[provider.contoso.claims]\nuser = \"" + name + `"`,
			`claimd.toml:9: provider.contoso.claims.user: want a claim that identifies one user for good, got "` + name + `"` +
				"\n" + `  hint: "oid" is the user's object ID; "sub" is another ID for each application`}})
	}
}

func organisations(t *testing.T, w *world) {
	c := w.claimd(t, twoTenants(w))
	same := claims{"email": "ada@shop.co.uk"}
	for provider, tenant := range map[string]*entratest.Tenant{"contoso": w.contoso, "fabrikam": w.fabrikam} {
		token := w.mint(t, tenant, entratest.Request{User: "ada", Claims: same})
		c.ask(t, token).wantHeader(t, "Remote-Provider", provider)
		if got := c.whoami(t, token); got["provider"] != provider || got["email"] != "ada@shop.co.uk" {
			t.Errorf("whoami %v, want provider %s", got, provider)
		}
	}
}

func groupsByAddress(t *testing.T, w *world) {
	const name = "https://app.hoop.dev/groups"
	c := w.claimd(t, plan{claims: `groups = "` + name + "\"\nroles = \"" + name + `"`, roles: `Analysts = ""`})
	c.judge(t, []verdict{
		{"the claim", claims{name: []string{"Analysts"}, "groups": nil}, "200 groups=Analysts roles=Analysts"},
		{"another scheme", claims{"http://app.hoop.dev/groups": []string{"Analysts"}, "groups": nil}, "403 no_group"},
		{"a slash more", claims{name + "/": []string{"Analysts"}, "groups": nil}, "403 no_group"},
		{"the plain claim instead", nil, "403 no_group"},
	})
}

func groupsIfAvailable(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\nEveryone = \"\"", mapping: `default_groups = ["Everyone"]`})
	c.judge(t, []verdict{
		{"none", claims{"groups": nil}, "200 groups=Everyone roles="},
		{"some", nil, "200 groups=Analysts,Everyone roles="},
		{"too many for the token", claims{"groups": nil, "_claim_names": claims{"groups": "src1"}}, "403 groups_overage"},
	})
}
