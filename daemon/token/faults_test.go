package token

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// FAULTS 18: a stranger writes a payload that costs much to take in, or makes the verdict tell how claimd is
// configured, and signs it with anything. Whatever is wrong with it, but for what the scan reads, the signature is what
// refuses it; nothing of it is looked at, not even for a trace.
func TestA18APayloadThatNobodySignedIsNotTakenIn(t *testing.T) {
	v := contoso.verifier(nil)
	const mark = "kanari"
	for name, payload := range map[string]string{
		"a duplicate that the scan passes over": contoso.raw(`"groups":["kanari"]`, nil),
		"a nested duplicate":                    contoso.raw(`"x":{"kanari":1,"kanari":2}`, nil),
		"a case variant of exp":                 contoso.raw(`"Exp":"kanari"`, nil),
		"a case variant with the Kelvin sign":   contoso.raw("\"to\u212aen\":\"kanari\",\"\u017fcp\":1", nil),
		"another audience":                      contoso.user(claims{"aud": mark}),
		"times of no number":                    contoso.user(claims{"exp": mark, "nbf": mark, "iat": mark}),
		"expired long ago":                      contoso.user(claims{"exp": 1}),
		"no client":                             contoso.user(claims{"azp": nil}),
		"a client that is not listed":           contoso.user(claims{"azp": otherAPI}),
		"an ID token":                           contoso.user(claims{"azp": nil, "scp": nil, "nonce": mark}),
		"a sub that is a number":                contoso.user(claims{"sub": 1}),
		"an administrator's everything":         contoso.user(claims{"groups": mark, "oid": mark, "email": mark}),
	} {
		t.Run(name, func(t *testing.T) {
			raw := swapSignature(payload, contoso.user(claims{"jti": name}))
			if verdict := wantReason(t, v, raw, reason.Signature); verdict.Claims != nil {
				t.Errorf("claims of a token that nobody signed: %+v", verdict.Claims)
			}
			var trace reason.Trace
			v.Verify(t.Context(), raw, now, &trace)
			if shown := fmt.Sprintf("%+v", trace.Checks); strings.Contains(shown, mark) {
				t.Errorf("the trace shows what nobody signed: %s", shown)
			}
		})
	}
}

// FAULTS 29 (CVE-2026-49998): two tenants use one key id, each for a key of its own. A key that is found by its id alone
// would let either tenant write tokens of the other.
func TestB29AKeyIDOfTwoTenantsOpensNoDoorBetweenThem(t *testing.T) {
	server, err := entratest.Start(entratest.Directory{
		TenantID: otherTenant,
		APIs:     []entratest.API{{ApplicationID: apiID, AccessTokenVersion: 2}},
		Clients:  []entratest.App{{ApplicationID: clientID, Name: "web"}},
		Users:    []entratest.User{{ObjectID: userID, Name: "ada"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	fabrikam := newTenant(t, server)
	if fabrikam.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	published := fabrikam.published() // its own key under the id "rsa", too
	server.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if strings.HasSuffix(what, "keys") {
			return published
		}
		return body
	}})
	second := contoso.provider(func(p *Provider) {
		p.Name, p.Tenant = "fabrikam", otherTenant
		p.Keys = contoso.ring.Open(keys.Source{Name: "fabrikam", Authority: server.URL(), Tenant: otherTenant, ApplicationID: apiID})
	})
	if err := second.Keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	both := []Provider{contoso.provider(nil), second}
	as := func(signer, named *tenant, tid string) string {
		return signer.user(claims{"iss": named.Issuer(2), "tid": tid})
	}
	for range 2 { // in either order of the configuration
		v := NewVerifier(both)
		for _, row := range []struct {
			name, raw, provider string
			want                reason.Reason
		}{
			{"contoso's own", as(contoso, contoso, tenantID), "contoso", reason.None},
			{"fabrikam's own", as(fabrikam, fabrikam, otherTenant), "fabrikam", reason.None},
			{"fabrikam writes one of contoso's", as(fabrikam, contoso, tenantID), "contoso", reason.Signature},
			{"contoso writes one of fabrikam's", as(contoso, fabrikam, otherTenant), "fabrikam", reason.Signature},
			{"fabrikam's issuer with contoso's tenant", as(fabrikam, fabrikam, tenantID), "fabrikam", reason.Tenant},
			{"contoso's issuer with fabrikam's tenant", as(fabrikam, contoso, otherTenant), "contoso", reason.Tenant},
		} {
			if verdict := wantReason(t, v, row.raw, row.want); verdict.Provider != row.provider {
				t.Errorf("%s: provider %q, want %q", row.name, verdict.Provider, row.provider)
			}
		}
		slices.Reverse(both)
	}
}

// FAULTS 79: the claims are told by their names, so that the log can; their values are nobody's identity.
func TestE79ActorsAreNamedAndChangeNothing(t *testing.T) {
	v := contoso.verifier(nil)
	plain := v.verify(t, contoso.user(nil)).Claims
	for members, want := range map[string][]string{
		`"x":1`: nil,
		`"act":{"sub":"root","oid":"` + accountID + `","azp":"` + otherAPI + `"}`: {"act"},
		`"may_act":null,"actortoken":"eyJ"`:                                       {"actortoken", "may_act"},
		`"Act":1,"x":{"act":1}`:                                                   nil,
	} {
		got := wantReason(t, v, contoso.raw(members, nil), reason.None).Claims
		if !slices.Equal(got.Actors(), want) {
			t.Errorf("%s: actors %q, want %q", members, got.Actors(), want)
		}
		if got.ObjectID != plain.ObjectID || got.Subject != plain.Subject || got.ClientID != plain.ClientID || got.Caller != plain.Caller {
			t.Errorf("%s: somebody else calls: %+v", members, got)
		}
	}
}
