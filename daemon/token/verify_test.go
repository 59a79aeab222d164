package token

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

func TestWhatIsKnownOfAVerifiedToken(t *testing.T) {
	v := contoso.verifier(nil)
	at := time.Unix(now.Unix()+3600, 0)
	issued := time.Unix(now.Unix()-300, 0)
	for _, row := range []struct {
		name string
		raw  string
		want Claims
	}{
		{"A5 a v2.0 token of a user", contoso.user(nil), Claims{
			Provider: "contoso", Version: entra.V2, Caller: Delegated, Issuer: contoso.Issuer(2), Tenant: tenantID,
			Subject: "3Xk9VqJrYc2-h0Zb7LwQeT1nPdSgAuFmRi5KoCy8Ex4", ObjectID: userID, ClientID: clientID, KeyID: "rsa",
			Scopes: "platform.read-write", Expires: at, IssuedAt: issued,
		}},
		{"A5 a v1.0 token of a user", contoso.user(contoso.v1(nil)), Claims{
			Provider: "contoso", Version: entra.V1, Caller: Delegated, Issuer: contoso.Issuer(1), Tenant: tenantID,
			Subject: "3Xk9VqJrYc2-h0Zb7LwQeT1nPdSgAuFmRi5KoCy8Ex4", ObjectID: userID, ClientID: clientID, KeyID: "rsa",
			Scopes: "platform.read-write", Expires: at, IssuedAt: issued,
		}},
		{"D10 ids in upper case are reported in lower case",
			contoso.user(claims{"oid": strings.ToUpper(userID), "azp": strings.ToUpper(clientID), "sub": nil}), Claims{
				Provider: "contoso", Version: entra.V2, Caller: Delegated, Issuer: contoso.Issuer(2), Tenant: tenantID,
				ObjectID: userID, ClientID: clientID, KeyID: "rsa", Scopes: "platform.read-write", Expires: at, IssuedAt: issued,
			}},
		{"E76 a user's oid that is no GUID is left to the user claim", contoso.user(claims{"oid": "ada", "sub": "s"}), Claims{
			Provider: "contoso", Version: entra.V2, Caller: Delegated, Issuer: contoso.Issuer(2), Tenant: tenantID, Subject: "s",
			ClientID: clientID, KeyID: "rsa", Scopes: "platform.read-write", Expires: at, IssuedAt: issued,
		}},
		{"A14 a token of an application", contoso.user(app(nil)), Claims{
			Provider: "contoso", Version: entra.V2, Caller: AppOnly, Issuer: contoso.Issuer(2), Tenant: tenantID,
			Subject: accountID, ObjectID: accountID, ClientID: exporterID, KeyID: "rsa", Expires: at, IssuedAt: issued,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			verdict := wantReason(t, v, row.raw, reason.None)
			got := *verdict.Claims
			got.members, got.issuers = nil, [2]string{}
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("claims:\nwant %+v\ngot  %+v", row.want, got)
			}
			if verdict.Provider != "contoso" || verdict.UnverifiedKeyID != "rsa" {
				t.Errorf("provider and key id: want contoso and rsa, got %q and %q", verdict.Provider, verdict.UnverifiedKeyID)
			}
		})
	}
}

// A token of the tenant as entratest writes it, with nothing of the tests' own, is let in: both sides read Microsoft's
// pages alike.
func TestATokenOfTheTenantItselfIsVerified(t *testing.T) {
	server, err := entratest.Start(contoso.Directory())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fresh := newTenant(t, server)
	v := fresh.verifier(nil)
	for _, version := range []int{1, 2} {
		raw, err := server.Mint(entratest.Request{User: "ada", Version: version})
		if err != nil {
			t.Fatal(err)
		}
		verdict := v.Verify(t.Context(), raw, time.Now(), nil)
		if verdict.Reason != reason.None || verdict.Claims.ObjectID != userID || verdict.Claims.Caller != Delegated {
			t.Errorf("version %d: want the user let in, got %q %+v", version, verdict.Reason, verdict.Claims)
		}
		if verdict.Claims.Guest() {
			t.Errorf("version %d: want a member, got a guest", version)
		}
	}
}

// newTenant has keys for the server that were never fetched.
func newTenant(t *testing.T, server *entratest.Tenant) *tenant {
	t.Helper()
	client, err := keys.NewClient(keys.Outbound{})
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing(keys.Options{Client: client})
	t.Cleanup(ring.Close)
	return &tenant{Tenant: server, ring: ring, rsa: contoso.rsa, ec: contoso.ec}
}

func TestA2TheIssuerAndThenTheAudiencePickTheProvider(t *testing.T) {
	first := contoso.provider(nil)
	second := contoso.provider(func(p *Provider) { p.Name, p.ApplicationID, p.ApplicationIDURIs = "second", otherAPI, nil })
	v := NewVerifier([]Provider{first, second})
	for _, row := range []struct {
		name, raw, provider string
		want                reason.Reason
	}{
		{"the first one's audience", contoso.user(nil), "contoso", reason.None},
		{"the second one's audience", contoso.user(claims{"aud": otherAPI}), "second", reason.None},
		{"the second one's audience in v1.0", contoso.user(contoso.v1(claims{"aud": "api://" + otherAPI})), "second", reason.None},
		{"nobody's audience", contoso.user(claims{"aud": clientID}), "contoso", reason.Audience},
		{"no audience", contoso.user(claims{"aud": nil}), "contoso", reason.Audience},
		{"both audiences", contoso.user(claims{"aud": []string{apiID, otherAPI}}), "contoso", reason.Audience},
		{"the first one's URI is not the second one's", contoso.user(contoso.v1(claims{"aud": apiURI})), "contoso", reason.None},
		{"nobody's issuer", contoso.user(claims{"iss": "https://sts.windows.net/" + otherTenant + "/"}), "", reason.Issuer},
		{"a wrong tenant is known by the provider's name", contoso.user(claims{"tid": otherTenant}), "contoso", reason.Tenant},
	} {
		t.Run(row.name, func(t *testing.T) {
			if verdict := wantReason(t, v, row.raw, row.want); verdict.Provider != row.provider {
				t.Errorf("provider: want %q, got %q", row.provider, verdict.Provider)
			}
		})
	}
}

// One application URI may stand under two providers of a tenant. The order of the configuration decides, so that it is
// always the same one.
func TestOfTwoProvidersThatFitTheFirstIsPicked(t *testing.T) {
	first := contoso.provider(nil)
	second := contoso.provider(func(p *Provider) { p.Name, p.ApplicationID = "second", otherAPI })
	raw := contoso.user(contoso.v1(claims{"aud": apiURI}))
	for _, both := range [][]Provider{{first, second}, {second, first}} {
		if verdict := wantReason(t, NewVerifier(both), raw, reason.None); verdict.Provider != both[0].Name {
			t.Errorf("provider: want %q, got %q", both[0].Name, verdict.Provider)
		}
	}
}

func TestA13StrangeKeyIDsCauseNoMoreThanTheLimitersFetches(t *testing.T) {
	server, err := entratest.Start(contoso.Directory())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fresh := newTenant(t, server)
	p := fresh.provider(nil)
	if err := p.Keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := NewVerifier([]Provider{p})
	fetched := server.Requests("v2 keys")
	for i, kid := range []string{
		`../../etc/passwd`, `' OR 1=1 --`, `$(id)`, `*`, `rsa\u0000`, `Rsa`, ` rsa`, `https://127.0.0.1/`, strings.Repeat("k", 1500),
	} {
		raw := fresh.sign(`{"typ":"JWT","alg":"RS256","kid":"`+kid+`"}`, fresh.userClaims(nil).json())
		verdict := v.verify(t, raw)
		want := reason.Key
		if i >= 3 { // the burst is used up
			want = reason.KeysUnavailable
		}
		if verdict.Reason != want || verdict.Claims != nil || len(verdict.UnverifiedKeyID) > 128 {
			t.Errorf("kid %s: want %q and no claims, got %q %+v", kid, want, verdict.Reason, verdict)
		}
	}
	if n := server.Requests("v2 keys") - fetched; n > 3 {
		t.Errorf("fetches: want 3 at most, got %d", n)
	}
	var trace reason.Trace
	v.Verify(t.Context(), fresh.user(nil), now, &trace)
	want := "the keys of [provider.contoso], to look for the key id rsa"
	if check, _ := trace.First(); check.Want != want {
		t.Errorf("want %q, got %q", want, check.Want)
	}
}

func TestA13AKeyIDIsCutForTheLog(t *testing.T) {
	for _, row := range []struct{ kid, want string }{
		{"short", "short"},
		{strings.Repeat("k", 128), strings.Repeat("k", 128)},
		{strings.Repeat("k", 129), strings.Repeat("k", 128)},
		{strings.Repeat("k", 127) + "é", strings.Repeat("k", 127)},
		{strings.Repeat("k", 126) + "é.", strings.Repeat("k", 126) + "é"},
	} {
		if got := cutKeyID(row.kid); got != row.want {
			t.Errorf("want %q, got %q", row.want, got)
		}
	}
}

// What is built of claims is built of signed ones: a token that is refused by its signature, or before, has none.
func TestA18NoClaimsWithoutASignatureThatHolds(t *testing.T) {
	v := contoso.verifier(nil)
	for name, raw := range map[string]string{
		"a signature of another token": swapSignature(contoso.user(nil), contoso.user(claims{"exp": now.Unix()})),
		"an unknown issuer":            contoso.user(claims{"iss": "x"}),
		"a malformed payload":          contoso.raw(`"x":{"a":1,"a":2}`, nil),
	} {
		if verdict := v.verify(t, raw); verdict.Claims != nil || verdict.Reason == reason.None {
			t.Errorf("%s: want no claims, got %+v", name, verdict)
		}
	}
	if verdict := v.verify(t, contoso.user(claims{"exp": now.Unix() - 3600})); verdict.Claims == nil {
		t.Error("expired: want the claims all the same, for the log")
	}
}

func TestACallerThatGivesUpGetsKeysUnavailable(t *testing.T) {
	server, err := entratest.Start(contoso.Directory())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if verdict := newTenant(t, server).verifier(nil).Verify(ctx, contoso.user(nil), now, nil); verdict.Reason == reason.None {
		t.Error("want a refusal, got none")
	}
}

// The header form that Entra ID writes is not the only one that RFC 9068 knows.
func TestA15TheTypesOfAccessTokens(t *testing.T) {
	v := contoso.verifier(nil)
	for _, typ := range []string{"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"} {
		t.Run(typ, func(t *testing.T) {
			header := `{"typ":"` + typ + `","alg":"RS256","x5t":"rsa","x5t#S256":"x","kid":"rsa"}`
			wantReason(t, v, contoso.sign(header, contoso.userClaims(nil).json()), reason.None)
		})
	}
}
