package token

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// idp is an OpenID provider that is not Entra ID: one document and one key set, whose keys are contoso's, so that the
// tests can sign any bytes at all and key ids are shared with another issuer.
type idp struct {
	issuer string
	keys   *keys.Provider
}

// startIDP starts one whose issuer ends with that path, and fetches its keys. A nil set is contoso's.
func startIDP(t *testing.T, path string, set []byte) *idp {
	t.Helper()
	if set == nil {
		set = contoso.published()
	}
	p := &idp{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case strings.TrimSuffix(path, "/") + "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, p.issuer, strings.TrimSuffix(p.issuer, path)+"/jwks")
		case "/jwks":
			_, _ = w.Write(set)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.issuer = server.URL + path
	ring := keys.NewRing(keys.Options{})
	t.Cleanup(ring.Close)
	p.keys = ring.Open(keys.Source{Name: "jumpcloud", Issuer: p.issuer})
	if err := p.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	oidcAudience = "https://api.contoso.example"
	oidcClient   = "web app"
	oidcUser     = "ada|1"
)

// provider is [provider.jumpcloud]; change may alter it.
func (p *idp) provider(change func(*Provider)) Provider {
	provider := Provider{
		Name: "jumpcloud", OIDC: true, ClientIDs: []string{oidcClient}, Skew: skew, Algorithms: []string{"RS256"}, Keys: p.keys,
		Audiences: []string{oidcAudience, "second"},
	}
	if change != nil {
		change(&provider)
	}
	return provider
}

func (p *idp) verifier(change func(*Provider)) *Verifier {
	return NewVerifier([]Provider{p.provider(change)})
}

// claims are those of a JWT access token (RFC 9068 section 2.2).
func (p *idp) claims(change claims) claims {
	return claims{
		"iss": p.issuer, "aud": oidcAudience, "exp": now.Unix() + 3600, "iat": now.Unix() - 300, "sub": oidcUser,
		"client_id": oidcClient, "scope": "openid reports", "jti": "1",
	}.with(change)
}

// token signs such a token without typ, as many providers do.
func (p *idp) token(change claims) string {
	return contoso.sign(`{"alg":"RS256","kid":"rsa"}`, p.claims(change).json())
}

func TestEachCheckOfAnOIDCTokenHasItsReason(t *testing.T) {
	p := startIDP(t, "/", nil)
	v := p.verifier(nil)
	for _, row := range []struct {
		name   string
		change claims
		want   reason.Reason
	}{
		{"a good one", nil, reason.None},
		{"the issuer without its slash", claims{"iss": strings.TrimSuffix(p.issuer, "/")}, reason.Issuer},
		{"the issuer with another slash", claims{"iss": p.issuer + "/"}, reason.Issuer},
		{"the issuer in another case", claims{"iss": strings.ToUpper(p.issuer)}, reason.Issuer},
		{"a foreign issuer", claims{"iss": "https://oauth.id.jumpcloud.com/"}, reason.Issuer},
		{"no issuer", claims{"iss": nil}, reason.Issuer},
		{"issuers in an array", claims{"iss": []string{p.issuer}}, reason.Issuer},
		{"Entra's issuer", claims{"iss": contoso.Issuer(2), "tid": tenantID, "ver": "2.0"}, reason.Issuer},
		{"tid and ver are not asked about", claims{"tid": otherTenant, "ver": 1}, reason.None},

		{"the second audience", claims{"aud": "second"}, reason.None},
		{"one of several audiences", claims{"aud": []string{"other", oidcAudience, "third"}}, reason.None},
		{"one audience in an array", claims{"aud": []string{oidcAudience}}, reason.None},
		{"another audience", claims{"aud": "other"}, reason.Audience},
		{"no audience", claims{"aud": nil}, reason.Audience},
		{"a null audience", claims{"aud": null}, reason.Audience},
		{"an empty audience", claims{"aud": ""}, reason.Audience},
		{"no audience in the array", claims{"aud": []string{}}, reason.Audience},
		{"an audience with a slash more", claims{"aud": oidcAudience + "/"}, reason.Audience},
		{"an audience that begins alike", claims{"aud": oidcAudience + ".evil.example"}, reason.Audience},
		{"an audience in another case", claims{"aud": strings.ToUpper(oidcAudience)}, reason.Audience},
		{"a number beside the audience", claims{"aud": []any{oidcAudience, 1}}, reason.Audience},
		{"a nested audience", claims{"aud": []any{[]string{oidcAudience}}}, reason.Audience},
		{"audiences in an object", claims{"aud": map[string]string{oidcAudience: oidcAudience}}, reason.Audience},
		{"audiences in one string", claims{"aud": oidcAudience + " second"}, reason.Audience},
		{"Microsoft Graph among the audiences", claims{"aud": []string{oidcAudience, graphID}}, reason.GraphToken},

		{"no exp", claims{"exp": nil}, reason.MissingClaim},
		{"a null exp", claims{"exp": null}, reason.Malformed},
		{"exp in a string", claims{"exp": "1800003600"}, reason.Malformed},
		{"expired as far as the skew", claims{"exp": now.Unix() - 60}, reason.None},
		{"expired", claims{"exp": now.Unix() - 61}, reason.Expired},
		{"no iat", claims{"iat": nil}, reason.None},
		{"iat ahead", claims{"iat": now.Unix() + 61}, reason.NotYetValid},
		{"iat in a string", claims{"iat": "x"}, reason.Malformed},
		{"nbf now", claims{"nbf": now.Unix() + 60}, reason.None},
		{"nbf ahead", claims{"nbf": now.Unix() + 61}, reason.NotYetValid},
		{"nbf below zero", claims{"nbf": -1}, reason.Malformed},
		{"nbf after exp", claims{"nbf": now.Unix() + 30, "exp": now.Unix() + 20}, reason.Lifetime},
		{"valid for a year", claims{"exp": now.Unix() + 365*86400}, reason.None},

		{"at_hash", claims{"at_hash": "x"}, reason.IDToken},
		{"c_hash", claims{"c_hash": null}, reason.IDToken},
		{"a nonce alone marks nothing", claims{"nonce": "x"}, reason.None},

		{"azp instead of client_id", claims{"client_id": nil, "azp": oidcClient}, reason.None},
		{"azp and client_id alike", claims{"azp": oidcClient}, reason.None},
		{"azp and client_id that differ", claims{"azp": "web App"}, reason.Malformed},
		{"no client", claims{"client_id": nil}, reason.MissingClaim},
		{"appid is Entra's alone", claims{"client_id": nil, "appid": oidcClient}, reason.MissingClaim},
		{"an empty client", claims{"client_id": ""}, reason.MissingClaim},
		{"a null client", claims{"client_id": null}, reason.ClaimType},
		{"a client that is no string", claims{"azp": 1}, reason.ClaimType},
		{"another client", claims{"client_id": "other"}, reason.Client},
		{"a client in another case", claims{"client_id": strings.ToUpper(oidcClient)}, reason.Client},

		{"sub that is no string", claims{"sub": 1}, reason.ClaimType},
		{"no sub", claims{"sub": nil}, reason.None}, // whether the user claim is there is the mapping's to say
		{"scope in an array", claims{"scope": []string{"openid", "reports"}}, reason.None},
		{"a number in the scopes", claims{"scope": []any{"openid", 1}}, reason.ClaimType},
		{"a blank in a scope", claims{"scope": []string{"openid reports"}}, reason.ClaimType},
		{"an empty scope", claims{"scope": []string{""}}, reason.ClaimType},
		{"scopes that are no words", claims{"scope": 1}, reason.ClaimType},
		{"scope and scp alike", claims{"scp": []string{"openid", "reports"}}, reason.None},
		{"scope and scp that differ", claims{"scp": "openid admin"}, reason.Malformed},
		{"a guarded name in another case", claims{"AUD": "x"}, reason.Malformed},
		{"a guarded name of the payload in another case", claims{"Exp": 1}, reason.Malformed},
	} {
		t.Run(row.name, func(t *testing.T) { wantReason(t, v, p.token(row.change), row.want) })
	}
}

func TestTheHeaderOfAnOIDCToken(t *testing.T) {
	p := startIDP(t, "/realms/a", nil)
	v, payload := p.verifier(nil), p.claims(nil).json()
	for header, want := range map[string]reason.Reason{
		`{"alg":"RS256","kid":"rsa"}`:                            reason.None,
		`{"alg":"RS256","kid":"rsa","typ":"at+jwt"}`:             reason.None,
		`{"alg":"RS256","kid":"rsa","typ":"application/AT+JWT"}`: reason.None,
		`{"alg":"RS256","kid":"rsa","typ":"JWT"}`:                reason.None,
		`{"alg":"RS256","kid":"rsa","typ":"dpop+jwt"}`:           reason.Malformed,
		`{"alg":"RS256","kid":"rsa","typ":""}`:                   reason.Malformed,
		`{"alg":"RS256","kid":"rsa","jku":"https://x/"}`:         reason.Malformed,
		`{"alg":"RS256","kid":"rsa","crit":["exp"]}`:             reason.Malformed,
		`{"alg":"RS256"}`:                         reason.Key,
		`{"alg":"RS256","kid":"nobody's"}`:        reason.Key,
		`{"alg":"PS256","kid":"rsa"}`:             reason.Algorithm,
		`{"alg":"none","kid":"rsa"}`:              reason.Algorithm,
		`{"alg":"RS256","kid":"rsa-ps"}`:          reason.Key,
		`{"alg":"RS256","kid":"ec"}`:              reason.Key,
		`{"alg":"RS256","kid":"rsa","nonce":"x"}`: reason.GraphToken,
	} {
		t.Run(header, func(t *testing.T) { wantReason(t, v, contoso.sign(header, payload), want) })
	}
}

// Entra ID always writes typ. Beside a provider that does not, its tokens without typ are refused once the issuer has told
// whose they are.
func TestOnlyOIDCTokensMayLeaveTypOut(t *testing.T) {
	p := startIDP(t, "", nil)
	v := NewVerifier([]Provider{contoso.provider(nil), p.provider(nil)})
	bare := `{"alg":"RS256","kid":"rsa"}`
	wantReason(t, v, p.token(nil), reason.None)
	wantReason(t, v, contoso.user(nil), reason.None)
	wantReason(t, v, contoso.sign(bare, contoso.userClaims(nil).json()), reason.Malformed)
	wantReason(t, v, contoso.sign(bare, contoso.userClaims(claims{"iss": "https://x/"}).json()), reason.Issuer)
	wantReason(t, contoso.verifier(nil), contoso.sign(bare, contoso.userClaims(nil).json()), reason.Malformed)
}

func TestAnOIDCProviderTakesItsAlgorithmsOnly(t *testing.T) {
	p := startIDP(t, "/", nil)
	payload := p.claims(nil).json()
	signed, r, s := contoso.signES(`{"alg":"ES256","kid":"ec"}`, payload)
	tokens := map[string]string{
		"RS256": p.token(nil),
		"PS256": contoso.signPS(`{"alg":"PS256","kid":"rsa-ps"}`, payload, 32),
		"ES256": join(signed, append(r, s...)),
	}
	for algorithm, raw := range tokens {
		all := p.verifier(func(p *Provider) { p.Algorithms = everyAlgorithm })
		wantReason(t, all, raw, reason.None)
		wantReason(t, p.verifier(func(p *Provider) { p.Algorithms = []string{algorithm} }), raw, reason.None)
		others := slices.DeleteFunc(slices.Clone(everyAlgorithm), func(one string) bool { return one == algorithm })
		wantReason(t, p.verifier(func(p *Provider) { p.Algorithms = others }), raw, reason.Algorithm)
		mixed := NewVerifier([]Provider{contoso.provider(func(p *Provider) { p.Algorithms = everyAlgorithm }), p.provider(func(p *Provider) { p.Algorithms = others })})
		wantReason(t, mixed, raw, reason.Algorithm)
	}
	first := []string{"RS256", "PS256"} // the key "rsa" names no algorithm
	bySame := contoso.signPS(`{"alg":"PS256","kid":"rsa"}`, payload, 32)
	wantReason(t, p.verifier(func(p *Provider) { p.Algorithms = first }), bySame, reason.Key)
	wantReason(t, p.verifier(func(p *Provider) { p.Algorithms = []string{"PS256"} }), bySame, reason.None)
}

func TestWhatBecomesOfAnOIDCToken(t *testing.T) {
	p := startIDP(t, "/", nil)
	v := p.verifier(nil)
	oid := "690222BE-ff1a-4d56-abd1-7e4f7d38e474"
	c := wantReason(t, v, p.token(claims{"oid": oid, "acct": 1, "idp": "https://x/", "iat": nil, "tid": tenantID}), reason.None).Claims
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%q|%s|%v|%v|%s", c.Provider, c.Version, c.Issuer, c.Tenant, c.Subject, c.ClientID, c.ObjectID,
		c.Scopes, c.IssuedAt.IsZero(), c.Expires.Equal(now.Add(time.Hour)), c.Caller)
	want := "jumpcloud||" + p.issuer + "|" + p.issuer + "|" + oidcUser + "|" + oidcClient + `|""|openid reports|true|true|a user, through an application`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	dated := wantReason(t, v, p.token(claims{"iat": nil, "nbf": now.Unix() - 7}), reason.None).Claims.IssuedAt
	if want := time.Unix(now.Unix()-7, 0); !dated.Equal(want) {
		t.Errorf("a token with nbf and without iat is dated %s, want %s", dated, want)
	}
	if !c.HasScope("reports") || c.HasScope("report") {
		t.Error("want the words of scope, and no others")
	}
	for _, scopes := range []claims{{"scope": nil}, {"scope": null}, {"scope": ""}, {"scope": []string{}}} {
		if c := wantReason(t, v, p.token(scopes), reason.None).Claims; c.Scopes != "" {
			t.Errorf("%v: got the scopes %q", scopes, c.Scopes)
		}
	}
	for _, scopes := range []claims{{"scope": nil, "scp": "a b"}, {"scope": nil, "scp": []string{"a", "b"}}} {
		if c := wantReason(t, v, p.token(scopes), reason.None).Claims; c.Scopes != "a b" {
			t.Errorf("%v: got the scopes %q", scopes, c.Scopes)
		}
	}
}

// A client that calls for itself is told by its own id in sub, so that it is never taken for a user.
func TestAClientForItselfIsNoUser(t *testing.T) {
	p := startIDP(t, "/", nil)
	for _, row := range []struct {
		change claims
		want   Caller
	}{
		{nil, Delegated}, {claims{"sub": oidcClient}, AppOnly}, {claims{"sub": strings.ToUpper(oidcClient)}, Delegated},
		{claims{"sub": oidcClient, "client_id": nil, "azp": oidcClient}, AppOnly}, {claims{"sub": nil}, Delegated},
	} {
		if c := wantReason(t, p.verifier(nil), p.token(row.change), reason.None).Claims; c.Caller != row.want {
			t.Errorf("%v: want %s, got %s", row.change, row.want, c.Caller)
		}
	}
}

func TestWhichClientsOfAnOIDCProviderMayCall(t *testing.T) {
	p := startIDP(t, "/", nil)
	anybody := p.verifier(func(p *Provider) { p.ClientIDs, p.AnyClient = nil, true })
	nobody := p.verifier(func(p *Provider) { p.ClientIDs = nil })
	for _, row := range []struct {
		v      *Verifier
		change claims
		want   reason.Reason
	}{
		{anybody, nil, reason.None}, {anybody, claims{"client_id": "other"}, reason.None}, {anybody, claims{"client_id": nil}, reason.MissingClaim},
		{anybody, claims{"client_id": ""}, reason.MissingClaim}, {anybody, claims{"client_id": 1}, reason.ClaimType},
		{anybody, claims{"azp": "other"}, reason.Malformed}, {anybody, claims{"client_id": "*"}, reason.None},
		{nobody, nil, reason.Client}, {nobody, claims{"client_id": nil}, reason.MissingClaim},
		{p.verifier(nil), claims{"client_id": "*"}, reason.Client},
	} {
		wantReason(t, row.v, p.token(row.change), row.want)
	}
}

// FAULTS 29 (Centrifugo CVE-2026-49998): two issuers share a key id. Each is held against its own key alone.
func TestIssuersThatShareAKeyIDShareNoKey(t *testing.T) {
	stranger := &tenant{rsa: mustRSA(t), ec: contoso.ec}
	one, two := startIDP(t, "/", nil), startIDP(t, "/", stranger.published())
	second := two.provider(func(p *Provider) { p.Name = "okta" })
	v := NewVerifier([]Provider{contoso.provider(nil), one.provider(nil), second})
	header := `{"typ":"JWT","alg":"RS256","kid":"rsa"}`
	for _, row := range []struct {
		name, raw, provider string
		want                reason.Reason
	}{
		{"the first's own", one.token(nil), "jumpcloud", reason.None},
		{"the second's own", stranger.sign(header, two.claims(nil).json()), "okta", reason.None},
		{"Entra's own", contoso.user(nil), "contoso", reason.None},
		{"the first's key for the second", contoso.sign(header, two.claims(nil).json()), "okta", reason.Signature},
		{"the second's key for the first", stranger.sign(header, one.claims(nil).json()), "jumpcloud", reason.Signature},
		{"the second's key for Entra", stranger.sign(header, contoso.userClaims(nil).json()), "contoso", reason.Signature},
	} {
		t.Run(row.name, func(t *testing.T) {
			if verdict := wantReason(t, v, row.raw, row.want); verdict.Provider != row.provider {
				t.Errorf("want it judged as of %s, got %s", row.provider, verdict.Provider)
			}
		})
	}
}

// Two providers of one issuer are told apart by the audience. One without audiences (userinfo) takes no JWT.
func TestTheAudiencePicksAmongProvidersOfOneIssuer(t *testing.T) {
	p := startIDP(t, "/", nil)
	silent := p.provider(func(p *Provider) { p.Name, p.Audiences, p.ClientIDs = "a-silent", nil, nil })
	other := p.provider(func(p *Provider) { p.Name, p.Audiences = "other", []string{"other"} })
	v := NewVerifier([]Provider{silent, p.provider(nil), other})
	for audience, want := range map[string]string{oidcAudience: "jumpcloud", "second": "jumpcloud", "other": "other"} {
		if verdict := wantReason(t, v, p.token(claims{"aud": audience}), reason.None); verdict.Provider != want {
			t.Errorf("%s: want it judged as of %s, got %s", audience, want, verdict.Provider)
		}
	}
	wantReason(t, v, p.token(claims{"aud": "nobody's"}), reason.Audience)
	wantReason(t, NewVerifier([]Provider{silent}), p.token(nil), reason.Audience)
}

func TestExplainSpeaksOfTheProviderAndNotOfEntraID(t *testing.T) {
	p := startIDP(t, "/", nil)
	for _, row := range []struct {
		name   string
		change func(*Provider)
		raw    string
		want   reason.Check
	}{
		{"issuer", nil, p.token(claims{"iss": "https://x/"}), reason.Check{Want: p.issuer, Got: "https://x/"}},
		{"audience", nil, p.token(claims{"aud": "x"}), reason.Check{
			Want: "one of audiences of [provider.jumpcloud]: https://api.contoso.example, second", Got: "x",
			Mend: "let the client ask for a token for this API; if the provider writes x for it, add that to audiences under [provider.jumpcloud]"}},
		{"audience of none", func(p *Provider) { p.Audiences = nil }, p.token(nil), reason.Check{
			Want: "[provider.jumpcloud] takes no JWT: it names no audiences", Got: "https://api.contoso.example"}},
		{"client", nil, p.token(claims{"client_id": "x"}), reason.Check{
			Want: "one of client_ids of [provider.jumpcloud]: web app", Got: "the client x",
			Mend: `if this client may call, add "x" to client_ids under [provider.jumpcloud]`}},
		{"client of none", func(p *Provider) { p.ClientIDs = nil }, p.token(nil), reason.Check{
			Want: "client_ids of [provider.jumpcloud] is empty: nobody may call", Got: "the client web app",
			Mend: `if this client may call, add "web app" to client_ids under [provider.jumpcloud]`}},
		{"ID token", nil, p.token(claims{"at_hash": "x"}), reason.Check{Want: "an access token", Got: "at_hash of an ID token",
			Mend: "let the client send the access token for this API, not the ID token of its own sign-in"}},
		{"no client", nil, p.token(claims{"client_id": nil}), reason.Check{
			Want: "azp or client_id, the calling client's id, and scope or scp of words", Got: "no azp and no client_id"}},
		{"times", nil, p.token(claims{"iat": nil, "nbf": now.Unix() + 61}), reason.Check{
			Want: "nbf and iat not after 2027-01-15 08:01:00Z (now and clock_skew)", Got: "nbf 2027-01-15 08:01:01Z, no iat"}},
		{"lifetime", nil, p.token(claims{"nbf": now.Unix() + 2, "exp": now.Unix() + 1, "iat": nil}), reason.Check{
			Want: "nbf not after exp", Got: "no iat, nbf 2027-01-15 08:00:02Z, exp 2027-01-15 08:00:01Z"}},
		{"form", nil, contoso.sign(`{"alg":"RS256","kid":"rsa","zip":"DEF"}`, "{}"), reason.Check{
			Want: "a signed JWT as the provider writes it", Got: "the header member zip, which is refused"}},
		{"graph", nil, p.token(claims{"aud": graphID}), reason.Check{Want: "a token for this API", Got: "aud " + graphID}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var trace reason.Trace
			p.verifier(row.change).Verify(t.Context(), row.raw, now, &trace)
			got, _ := trace.First()
			got.Name, got.Reason = "", reason.None
			if got != row.want {
				t.Errorf("\ngot  %+v\nwant %+v", got, row.want)
			}
		})
	}
}

func mustRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
