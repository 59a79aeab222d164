package token

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// answer is what an introspection endpoint says of a token of a user's (RFC 7662 section 2.2).
func (p *idp) answer(change claims) []byte {
	return []byte(p.claims(claims{"active": true, "token_type": "Bearer", "username": "ada"}.with(change)).json())
}

// wantAnswered verifies the answer with and without a trace.
func wantAnswered(t *testing.T, v *Verifier, answered Answered, want reason.Reason) Verdict {
	t.Helper()
	verdict := v.VerifyAnswer("jumpcloud", answered, now, nil)
	if verdict.Reason != want || verdict.Provider != "jumpcloud" || verdict.Abandoned || verdict.UnverifiedKeyID != "" {
		t.Errorf("want %q, got %+v", want, verdict)
	}
	var trace reason.Trace
	if traced := v.VerifyAnswer("jumpcloud", answered, now, &trace); traced.Reason != want {
		t.Errorf("reason with a trace: want %q, got %q", want, traced.Reason)
	}
	if first, failed := trace.First(); failed != (want != reason.None) || first.Reason != want {
		t.Errorf("first failed check: want %q, got %+v", want, first)
	}
	return verdict
}

// FAULTS 94, 98: what an introspection endpoint says of a token meets the checks that a token meets, each time that it is
// used.
func TestEachCheckOfAnAnswerHasItsReason(t *testing.T) {
	p := startIDP(t, "/", nil)
	v := p.verifier(nil)
	for _, row := range []struct {
		name   string
		change claims
		want   reason.Reason
	}{
		{"a good one", nil, reason.None},
		{"no issuer", claims{"iss": nil}, reason.None},
		{"a null issuer", claims{"iss": null}, reason.None},
		{"another issuer", claims{"iss": "https://x/"}, reason.Issuer},
		{"the issuer without its slash", claims{"iss": strings.TrimSuffix(p.issuer, "/")}, reason.Issuer},
		{"the issuer in another case", claims{"iss": strings.ToUpper(p.issuer)}, reason.Issuer},
		{"an empty issuer", claims{"iss": ""}, reason.Issuer},
		{"issuers in an array", claims{"iss": []string{p.issuer}}, reason.Issuer},

		{"the second audience", claims{"aud": "second"}, reason.None},
		{"one of several audiences", claims{"aud": []string{"other", oidcAudience}}, reason.None},
		{"another audience", claims{"aud": "other"}, reason.Audience},
		{"no audience", claims{"aud": nil}, reason.Audience},
		{"a null audience", claims{"aud": null}, reason.Audience},
		{"no audience in the array", claims{"aud": []string{}}, reason.Audience},
		{"an audience in another case", claims{"aud": strings.ToUpper(oidcAudience)}, reason.Audience},
		{"audiences in one string", claims{"aud": oidcAudience + " second"}, reason.Audience},
		{"a number beside the audience", claims{"aud": []any{oidcAudience, 1}}, reason.Audience},

		{"no exp", claims{"exp": nil}, reason.None},
		{"a null exp", claims{"exp": null}, reason.None},
		{"no times", claims{"exp": nil, "iat": nil}, reason.None},
		{"nbf without exp", claims{"exp": nil, "nbf": now.Unix()}, reason.None},
		{"nbf ahead without exp", claims{"exp": nil, "nbf": now.Unix() + 61}, reason.NotYetValid},
		{"exp in a string", claims{"exp": "1800003600"}, reason.Malformed},
		{"expired as far as the skew", claims{"exp": now.Unix() - 60}, reason.None},
		{"expired", claims{"exp": now.Unix() - 61}, reason.Expired},
		{"iat ahead", claims{"iat": now.Unix() + 61}, reason.NotYetValid},
		{"nbf after exp", claims{"nbf": now.Unix() + 30, "exp": now.Unix() + 20}, reason.Lifetime},

		{"an ID token", claims{"at_hash": "x"}, reason.IDToken},
		{"azp instead of client_id", claims{"client_id": nil, "azp": oidcClient}, reason.None},
		{"azp and client_id that differ", claims{"azp": "other"}, reason.Malformed},
		{"no client", claims{"client_id": nil}, reason.MissingClaim},
		{"a null client", claims{"client_id": null}, reason.MissingClaim},
		{"an empty client", claims{"client_id": ""}, reason.MissingClaim},
		{"a client that is no string", claims{"client_id": 1}, reason.ClaimType},
		{"another client", claims{"client_id": "other"}, reason.Client},
		{"the client's name is no client", claims{"client_id": nil, "username": oidcClient}, reason.MissingClaim},

		{"sub that is no string", claims{"sub": 1}, reason.ClaimType},
		{"no sub", claims{"sub": nil}, reason.None}, // whether the user claim is there is the mapping's to say
		{"a number in the scopes", claims{"scope": []any{"openid", 1}}, reason.ClaimType},
		{"a guarded name in another case", claims{"Sub": "x"}, reason.Malformed},
		{"a guarded name instead of the other", claims{"aud": nil, "AUD": oidcAudience}, reason.Malformed},
	} {
		t.Run(row.name, func(t *testing.T) { wantAnswered(t, v, Answered{Raw: p.answer(row.change)}, row.want) })
	}
	for _, raw := range []string{"", "{", "[]", "null", `{"sub":"a","sub":"a"}`, `{"a":{"b":1,"b":2}}`, "{}{}", "{\"a\":\"\xff\"}"} {
		wantAnswered(t, v, Answered{Raw: []byte(raw)}, reason.Malformed)
		wantAnswered(t, v, Answered{Raw: []byte(raw), Userinfo: true}, reason.Malformed)
	}
	if got := v.VerifyAnswer("contoso", Answered{Raw: p.answer(nil)}, now, nil); got.Reason != reason.OpaqueToken || got.Claims != nil {
		t.Errorf("an answer of nobody: %+v", got)
	}
	both := NewVerifier([]Provider{contoso.provider(nil), p.provider(nil)})
	if got := both.VerifyAnswer("contoso", Answered{Raw: p.answer(nil)}, now, nil); got.Reason != reason.OpaqueToken {
		t.Errorf("an answer of Entra ID, which is never asked: %+v", got)
	}
}

func TestWhichClientsMayCallWithAnOpaqueToken(t *testing.T) {
	p := startIDP(t, "/", nil)
	anybody := p.verifier(func(p *Provider) { p.ClientIDs, p.AnyClient = nil, true })
	wantAnswered(t, anybody, Answered{Raw: p.answer(claims{"client_id": "other"})}, reason.None)
	wantAnswered(t, anybody, Answered{Raw: p.answer(claims{"client_id": nil})}, reason.MissingClaim)
	wantAnswered(t, p.verifier(func(p *Provider) { p.ClientIDs = nil }), Answered{Raw: p.answer(nil)}, reason.Client)
	wantAnswered(t, p.verifier(func(p *Provider) { p.Audiences = nil }), Answered{Raw: p.answer(nil)}, reason.Audience)
}

// A user is the same to the directory whichever form his tokens have.
func TestWhatBecomesOfAnAnswer(t *testing.T) {
	p := startIDP(t, "/", nil)
	v := p.verifier(nil)
	line := func(c *Claims) string {
		return fmt.Sprintf("%s|%s|%s|%s|%s|%s|%q|%s|%s|%s", c.Provider, c.Version, c.Issuer, c.Tenant, c.Subject, c.ClientID, c.ObjectID,
			c.Scopes, c.Expires.UTC().Format(time.RFC3339), c.Caller)
	}
	changes := claims{"oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "tid": tenantID, "groups": []string{"a", "b"}}
	of := wantReason(t, v, p.token(changes), reason.None).Claims
	said := wantAnswered(t, v, Answered{Raw: p.answer(changes)}, reason.None).Claims
	if line(said) != line(of) || said.KeyID != "" || said.Version != keys.Unversioned || len(said.Value("groups").List) != 2 {
		t.Errorf("\ngot  %s\nwant %s", line(said), line(of))
	}
	if !said.IssuedAt.Equal(of.IssuedAt) || said.IssuedAt.IsZero() {
		t.Errorf("issued %v, want %v", said.IssuedAt, of.IssuedAt)
	}
	endless := wantAnswered(t, v, Answered{Raw: p.answer(claims{"exp": nil, "iat": nil, "scope": null, "email": null})}, reason.None).Claims
	if !endless.Expires.IsZero() || !endless.IssuedAt.IsZero() || endless.Scopes != "" || endless.Has("email") || endless.HasScope("openid") {
		t.Errorf("got %s", line(endless))
	}
	for _, row := range []struct {
		change claims
		want   Caller
	}{{nil, Delegated}, {claims{"sub": oidcClient}, AppOnly}, {claims{"sub": nil}, Delegated}, {claims{"sub": null}, Delegated}} {
		if c := wantAnswered(t, v, Answered{Raw: p.answer(row.change)}, reason.None).Claims; c.Caller != row.want {
			t.Errorf("%v: want %s, got %s", row.change, row.want, c.Caller)
		}
	}
}

// FAULTS 98: userinfo tells of the user alone. Nothing in its answer is taken for the token's audience, client, scopes or
// times, whatever it is called.
func TestAnAnswerOfUserinfoIsAboutTheUserAlone(t *testing.T) {
	p := startIDP(t, "/", nil)
	v := p.verifier(func(p *Provider) { p.Audiences, p.ClientIDs, p.Clientless = nil, nil, true })
	for _, row := range []struct {
		raw  string
		want reason.Reason
	}{
		{`{"sub":"ada|1"}`, reason.None},
		{`{"sub":"ada|1","iss":"` + p.issuer + `"}`, reason.None},
		{`{"sub":"ada|1","iss":null,"aud":"other","client_id":"other","azp":1,"scope":1,"exp":1,"nbf":"x","at_hash":"x"}`, reason.None},
		{`{"sub":"ada|1","iss":"https://x/"}`, reason.Issuer},
		{`{"sub":"ada|1","SUB":"bob"}`, reason.Malformed},
		{`{"sub":""}`, reason.MissingClaim}, {`{"sub":null}`, reason.MissingClaim}, {`{}`, reason.MissingClaim}, {`{"sub":1}`, reason.ClaimType},
	} {
		verdict := wantAnswered(t, v, Answered{Raw: []byte(row.raw), Userinfo: true}, row.want)
		if c := verdict.Claims; row.want == reason.None && (c.Subject != oidcUser || c.ClientID != "" || c.Scopes != "" || !c.Expires.IsZero() ||
			!c.IssuedAt.IsZero() || c.Caller != Delegated || c.Tenant != p.issuer || c.HasScope("1")) {
			t.Errorf("%s: %+v", row.raw, c)
		}
	}
	// Its JWTs name nobody who is meant here.
	wantReason(t, v, p.token(nil), reason.Audience)
	clientless, named := p.provider(func(p *Provider) { p.ClientIDs, p.Clientless = nil, true }), p.provider(nil)
	if !clientless.Admits(&Claims{}) || named.Admits(&Claims{}) {
		t.Error("a user whom userinfo told of has no client, and that is a refusal nowhere else")
	}
}

// What goes to a provider, and what never does, is told by the same words as what Verify calls opaque.
func TestWhatIsOpaqueIsNoJWT(t *testing.T) {
	for raw, want := range map[string]bool{
		"": false, "a": true, "a.b": true, ".": true, "a.b.c": false, "..": false, "a.b.c.d": true, "a.b.c.d.e": false, "....": false,
		"eyJ": true, "eyJ.b": false, "eyJ.b.c.d": false, "eyJ.b.c": false, "mF_9.B5f-4.1JqM": false, "a.b.c.d.e.f": true,
		strings.Repeat("a", MaxSize): true, strings.Repeat("a", MaxSize+1): false,
	} {
		if IsOpaque(raw) != want {
			t.Errorf("%.20q: %v", raw, !want)
		}
		if verdict := contoso.verifier(nil).Verify(t.Context(), raw, now, nil); (verdict.Reason == reason.OpaqueToken) != want {
			t.Errorf("%.20q: %q", raw, verdict.Reason)
		}
	}
	long := strings.Repeat("a.", 1<<14)
	if n := testing.AllocsPerRun(100, func() { IsOpaque(long) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The ID token of npm oidc-provider's device flow has neither typ nor at_hash nor c_hash, and its audience is the client: a
// configuration whose audience is a client id took it for an access token where every client might call.
func TestAnIDTokenWithoutAMarkNamesNoClient(t *testing.T) {
	p := startIDP(t, "/", nil)
	v := p.verifier(func(p *Provider) { p.Audiences, p.ClientIDs, p.AnyClient = []string{"desk"}, nil, true })
	id := claims{"aud": "desk", "client_id": nil, "scope": nil, "name": "ada"}
	wantReason(t, v, p.token(id), reason.MissingClaim)
	wantReason(t, v, p.token(id.with(claims{"client_id": "desk"})), reason.None)
}

func TestExplainSpeaksOfAnAnswer(t *testing.T) {
	p := startIDP(t, "/", nil)
	for _, row := range []struct {
		name     string
		answered Answered
		want     reason.Check
	}{
		{"issuer", Answered{Raw: p.answer(claims{"iss": "https://x/"})}, reason.Check{Want: "no issuer in the answer, or " + p.issuer, Got: "https://x/",
			Mend: "the provider speaks for another issuer than its own document names; look at issuer under [provider.jumpcloud]"}},
		{"audience", Answered{Raw: p.answer(claims{"aud": nil})}, reason.Check{
			Want: "one of audiences of [provider.jumpcloud]: https://api.contoso.example, second", Got: "absent",
			Mend: "let the client ask for a token for this API: this one is for nobody in particular, as a refresh token is"}},
		{"form", Answered{Raw: []byte("[]")}, reason.Check{Want: "an answer whose members can be told apart",
			Got: "claims that are not one JSON object of 2,000 members and 64 levels at most"}},
		{"user", Answered{Raw: []byte("{}"), Userinfo: true}, reason.Check{Want: "sub, the user's id, as userinfo always has it", Got: "no sub"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var trace reason.Trace
			p.verifier(nil).VerifyAnswer("jumpcloud", row.answered, now, &trace)
			got, _ := trace.First()
			got.Name, got.Reason = "", reason.None
			if got != row.want {
				t.Errorf("\ngot  %+v\nwant %+v", got, row.want)
			}
		})
	}
	var trace reason.Trace
	p.verifier(nil).VerifyAnswer("jumpcloud", Answered{Raw: []byte(`{"sub":"a"}`), Userinfo: true}, now, &trace)
	var told []string
	for _, check := range trace.Checks {
		told = append(told, check.Name+": "+check.Got)
	}
	want := "malformed: an answer that is well-formed\nissuer: not named: " + p.issuer + ", whose endpoint answered\n" +
		"audience: not checked: userinfo names none\nclient: not checked: userinfo names none"
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
