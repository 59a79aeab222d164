package token

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

// The issuers of a provider with an authority of its own stand in documents. At a cold start nobody has fetched them,
// so the first token has to bring that about.
func TestAColdStartHealsWithTheFirstToken(t *testing.T) {
	server, err := entratest.Start(contoso.Directory())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cold := newTenant(t, server)
	published := contoso.published()
	rewrite := func(what string, body []byte) []byte {
		if strings.HasSuffix(what, "keys") {
			return published
		}
		return body
	}

	server.SetFaults(entratest.Faults{Status: 503})
	v := cold.verifier(nil)
	var trace reason.Trace
	if verdict := v.Verify(t.Context(), cold.user(nil), now, &trace); verdict.Reason != reason.KeysUnavailable {
		t.Fatalf("the tenant is down: want keys_unavailable, got %q", verdict.Reason)
	}
	want := "the documents of [provider.contoso], which name the issuer"
	if check, _ := trace.First(); check.Want != want {
		t.Errorf("want %q, got %q", want, check.Want)
	}
	if verdict := v.verify(t, cold.user(claims{"iss": ""})); verdict.Provider != "" {
		t.Errorf("an issuer that is not known yet is not the empty one: want no provider, got %q", verdict.Provider)
	}
	for _, stranger := range []struct {
		name string
		raw  string
	}{
		{"of another tenant", cold.user(claims{"tid": otherTenant})},
		{"without a tenant", cold.user(claims{"tid": nil})},
	} {
		asked := server.Requests("v2 document") + server.Requests("v1 document")
		if verdict := v.verify(t, stranger.raw); verdict.Reason != reason.Issuer {
			t.Errorf("a token %s cannot be this provider's: want issuer, got %q", stranger.name, verdict.Reason)
		}
		if again := server.Requests("v2 document") + server.Requests("v1 document"); again != asked {
			t.Errorf("a token %s: want no fetch, got %d", stranger.name, again-asked)
		}
	}

	server.SetFaults(entratest.Faults{Rewrite: rewrite})
	if verdict := v.verify(t, cold.user(nil)); verdict.Reason != reason.None {
		t.Errorf("the tenant is back: want the token verified, got %q", verdict.Reason)
	}
	if verdict := v.verify(t, cold.user(cold.v1(nil))); verdict.Reason != reason.None {
		t.Errorf("a v1.0 token after it: want it verified, got %q", verdict.Reason)
	}
	if verdict := v.verify(t, cold.user(claims{"iss": "https://sts.windows.net/" + tenantID + "/"})); verdict.Reason != reason.Issuer {
		t.Errorf("another issuer after it: want issuer, got %q", verdict.Reason)
	}
}

// Two providers of one tenant are cold, and the documents of one of them cannot be fetched: the tokens of the other are
// verified, and ask for nothing more once its own documents are there.
func TestAProviderThatSleepsIsNoOthersTrouble(t *testing.T) {
	published := contoso.published()
	start := func(faults entratest.Faults) *tenant {
		server, err := entratest.Start(contoso.Directory())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		server.SetFaults(faults)
		return newTenant(t, server)
	}
	up := start(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if strings.HasSuffix(what, "keys") {
			return published
		}
		return body
	}})
	down := start(entratest.Faults{Status: 503})
	asked := func() int { return down.Requests("v2 document") + down.Requests("v1 document") }
	v := NewVerifier([]Provider{down.provider(func(p *Provider) { p.Name = "down" }), up.provider(nil)})
	if verdict := v.verify(t, up.user(nil)); verdict.Reason != reason.None || asked() == 0 {
		t.Fatalf("cold: want the token verified and both asked, got %q and %d requests", verdict.Reason, asked())
	}
	before := asked()
	if verdict := v.verify(t, up.user(nil)); verdict.Reason != reason.None || asked() != before {
		t.Errorf("warm: want the token verified and no request, got %q and %d requests", verdict.Reason, asked()-before)
	}
	if verdict := v.verify(t, up.user(claims{"iss": "x"})); verdict.Reason != reason.KeysUnavailable {
		t.Errorf("an issuer that may be the other one's: want keys_unavailable, got %q", verdict.Reason)
	}
	alone := NewVerifier([]Provider{newTenant(t, up.Tenant).provider(nil)})
	if verdict := alone.verify(t, up.user(claims{"iss": "x"})); verdict.Reason != reason.Issuer {
		t.Errorf("cold, another issuer, and the documents come: want issuer, got %q", verdict.Reason)
	}
}

// Only one of the two documents was fetched: a token of the other version may be the provider's, one of this version with
// another issuer cannot.
func TestAProviderSleepsForOneVersionAlone(t *testing.T) {
	server, err := entratest.Start(contoso.Directory())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, row := range []struct {
		name, missing, ver string
		want               reason.Reason
	}{
		{"v1.0 of a provider without the v1.0 document", "v1 document", "1.0", reason.KeysUnavailable},
		{"v2.0 of a provider without the v1.0 document", "v1 document", "2.0", reason.Issuer},
		{"v1.0 of a provider without the v2.0 document", "v2 document", "1.0", reason.Issuer},
		{"v2.0 of a provider without the v2.0 document", "v2 document", "2.0", reason.KeysUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			server.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
				if what == row.missing {
					return []byte("{}")
				}
				return body
			}})
			half := newTenant(t, server)
			p := half.provider(nil)
			_ = p.Keys.Refresh(t.Context()) // one document is good
			if one, two := p.Keys.Issuer(entra.V1), p.Keys.Issuer(entra.V2); (one == "") == (two == "") {
				t.Fatalf("want the issuer of one version, got %q and %q", one, two)
			}
			raw := half.user(claims{"iss": "https://sts.windows.net/" + otherTenant + "/", "ver": row.ver})
			wantReason(t, NewVerifier([]Provider{p}), raw, row.want)
		})
	}
}
