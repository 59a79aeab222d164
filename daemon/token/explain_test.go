package token

import (
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

const scopeMend = "let the client ask for the scope api://" + apiID + "/.default"

func TestExplainSaysWhatWasWantedAndWhatWasGot(t *testing.T) {
	v := contoso.verifier(nil)
	payload := contoso.userClaims(nil).json()
	header := func(h string) string { return contoso.sign(h, payload) }
	at := func(seconds int64) string {
		return time.Unix(now.Unix()+seconds, 0).UTC().Format("2006-01-02 15:04:05Z")
	}
	const jwt = "a signed JWT as Entra ID writes it"
	issuers := contoso.Issuer(2) + " or " + contoso.Issuer(1)
	for _, row := range []struct {
		name, raw string
		want      reason.Check
	}{
		{"a cut token", "eyJ.a", reason.Check{Reason: reason.Malformed, Want: jwt, Got: "a JWT with parts missing or added"}},
		{"an opaque token", "a", reason.Check{Reason: reason.OpaqueToken, Want: jwt, Got: "a token that is no JWT"}},
		{"a header member", header(`{"typ":"JWT","alg":"RS256","kid":"rsa","crit":[]}`), reason.Check{Reason: reason.Malformed,
			Want: jwt, Got: "the header member crit, which is refused"}},
		{"an alg that is no string", header(`{"typ":"JWT","alg":256,"kid":"rsa"}`), reason.Check{Reason: reason.Malformed,
			Want: jwt, Got: "an alg that is no string"}},
		{"an empty alg", header(`{"typ":"JWT","alg":"","kid":"rsa"}`), reason.Check{Reason: reason.Malformed,
			Want: jwt, Got: "a header without alg"}},
		{"an algorithm", header(`{"typ":"JWT","alg":"no\nne","kid":"rsa"}`), reason.Check{Reason: reason.Algorithm, Want: "RS256", Got: `"no\nne"`}},
		{"no key id", header(`{"typ":"JWT","alg":"RS256"}`), reason.Check{Reason: reason.Key, Want: "a key id (kid) in the header", Got: "none",
			Mend: "pass on the access token exactly as the provider issued it; Entra ID names the key in every token"}},
		{"Graph by nonce", header(`{"typ":"JWT","alg":"RS256","kid":"rsa","nonce":"x"}`), reason.Check{Reason: reason.GraphToken,
			Want: "a token for this API", Got: "a header with nonce, which Microsoft Graph's tokens have",
			Mend: scopeMend + " instead of a Graph scope such as User.Read"}},
		{"Graph by audience", contoso.user(claims{"aud": graphID}), reason.Check{Reason: reason.GraphToken,
			Want: "a token for this API", Got: "aud " + graphID, Mend: scopeMend + " instead of a Graph scope such as User.Read"}},
		{"claims that cannot be scanned", contoso.sign(plainHeader, "[]"), reason.Check{Reason: reason.Malformed, Want: jwt,
			Got: "claims that are not one JSON object within the limits, or iss, aud, tid or ver twice or in another case"}},
		{"another tenant's issuer", contoso.user(claims{"iss": "https://sts.windows.net/" + otherTenant + "/"}), reason.Check{Reason: reason.Issuer,
			Want: issuers, Got: "https://sts.windows.net/" + otherTenant + "/",
			Mend: "the token is of the tenant " + otherTenant + "; let the client sign in at the tenant of tenant_id, or add a [provider.NAME] for that tenant"}},
		{"another cloud's issuer", contoso.user(claims{"iss": "https://login.microsoftonline.us/" + tenantID + "/v2.0"}), reason.Check{Reason: reason.Issuer,
			Want: issuers, Got: "https://login.microsoftonline.us/" + tenantID + "/v2.0",
			Mend: "the tenant is that of [provider.contoso], but the issuer belongs to the cloud usgov; look at cloud and authority there"}},
		{"a personal account", contoso.user(claims{"iss": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"}),
			reason.Check{Reason: reason.Issuer, Want: issuers, Got: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
				Mend: "the token is of a personal Microsoft account; let the client sign in at the tenant of the configuration, with an account of it"}},
		{"nobody's issuer", contoso.user(claims{"iss": "https://" + otherTenant + "/x"}), reason.Check{Reason: reason.Issuer, Want: issuers,
			Got: "https://" + otherTenant + "/x"}},
		{"an issuer of no tenant", contoso.user(claims{"iss": "https://login.microsoftonline.com/common/v2.0"}), reason.Check{Reason: reason.Issuer,
			Want: issuers, Got: "https://login.microsoftonline.com/common/v2.0"}},
		{"no issuer", contoso.user(claims{"iss": nil}), reason.Check{Reason: reason.Issuer, Want: issuers, Got: "absent"}},
		{"a tenant that is a list", contoso.user(claims{"tid": []int{1}}), reason.Check{Reason: reason.Tenant, Want: "tid " + tenantID, Got: "tid [1]"}},
		{"a version", contoso.user(claims{"ver": "1.0"}), reason.Check{Reason: reason.Version,
			Want: "ver 2.0, as the issuer " + contoso.Issuer(2) + " has", Got: "ver 1.0"}},
		{"a key for another algorithm", header(`{"typ":"JWT","alg":"RS256","kid":"ec"}`), reason.Check{Reason: reason.Key,
			Want: "a key for RS256", Got: "key id ec, which is for another algorithm"}},
		{"a signature", swapSignature(contoso.user(nil), contoso.user(claims{"exp": 1})), reason.Check{Reason: reason.Signature,
			Want: "a signature by the key rsa", Got: "another"}},
		{"a claim in another case", contoso.raw(`"Exp":1`, nil), reason.Check{Reason: reason.Malformed, Want: jwt,
			Got: "a claim whose name differs from a guarded one by case alone"}},
		{"a claim twice", contoso.raw(`"exp":1`, nil), reason.Check{Reason: reason.Malformed, Want: jwt,
			Got: "claims that are no JSON, not UTF-8, or hold a member twice"}},
		{"another application", contoso.user(claims{"aud": otherAPI}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: otherAPI,
			Mend: "the token is for the application " + otherAPI + "; " + scopeMend + " instead"}},
		{"several audiences", contoso.user(claims{"aud": []string{apiID, otherAPI}}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: `["` + apiID + `","` + otherAPI + `"]`,
			Mend: "the token names no single audience; " + scopeMend}},
		{"an empty audience", contoso.user(claims{"aud": ""}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: `""`, Mend: "the token names no single audience; " + scopeMend}},
		{"an empty audience in a list", contoso.user(claims{"aud": []string{""}}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: `[""]`, Mend: "the token names no single audience; " + scopeMend}},
		{"an audience of one letter", contoso.user(claims{"aud": "x"}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: "x"}},
		{"an audience of one letter in a list", contoso.user(claims{"aud": []string{"x"}}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: `["x"]`}},
		{"an address in a v2.0 token", contoso.user(claims{"aud": "https://management.azure.com"}), reason.Check{Reason: reason.Audience,
			Want: apiID + " (application_id of [provider.contoso])", Got: "https://management.azure.com"}},
		{"a v1.0 token by another URI, because requestedAccessTokenVersion is null", contoso.user(contoso.v1(claims{"aud": "https://x.example"})),
			reason.Check{Reason: reason.Audience, Got: "https://x.example",
				Want: apiID + " (application_id of [provider.contoso]) or an application ID URI, as v1.0 tokens have",
				Mend: "if https://x.example is an application ID URI of this API, add it to application_id_uris under [provider.contoso], " +
					"or set requestedAccessTokenVersion to 2 in the API's app registration (the token is v1.0, as null or 1 asks for); else " + scopeMend}},
		{"no exp", contoso.user(claims{"exp": nil}), reason.Check{Reason: reason.MissingClaim, Want: "exp in seconds since 1970", Got: "exp absent"}},
		{"an exp that is text", contoso.user(claims{"exp": "soon"}), reason.Check{Reason: reason.Malformed, Want: "exp in seconds since 1970", Got: "exp soon"}},
		{"expired", contoso.user(claims{"exp": now.Unix() - 90}), reason.Check{Reason: reason.Expired,
			Want: "exp not before " + at(-60) + " (now less clock_skew)", Got: "exp " + at(-90) + ", 1m30s ago"}},
		{"not yet valid", contoso.user(claims{"nbf": now.Unix() + 90}), reason.Check{Reason: reason.NotYetValid,
			Want: "nbf and iat not after " + at(60) + " (now and clock_skew)", Got: "nbf " + at(90) + ", iat " + at(-300)}},
		{"too long", contoso.user(claims{"exp": now.Unix() + 30*3600}), reason.Check{Reason: reason.Lifetime,
			Want: "nbf not after exp, and exp at most 29 hours after iat", Got: "iat " + at(-300) + ", nbf " + at(-300) + ", exp " + at(30*3600)}},
		{"an ID token", contoso.user(claims{"azp": nil, "nonce": "x"}), reason.Check{Reason: reason.IDToken,
			Want: "an access token", Got: "no azp and no appid, but nonce of an ID token",
			Mend: "let the client send the access token for the scope api://" + apiID + "/.default, not the ID token of its own sign-in"}},
		{"no client", contoso.user(claims{"azp": nil}), reason.Check{Reason: reason.MissingClaim,
			Want: "azp or appid, the calling application's ID", Got: "no azp and no appid",
			Mend: "let the client ask Entra ID for the scope api://" + apiID + "/.default; such a token names the application that asked"}},
		{"an application without oid", contoso.user(app(claims{"oid": nil})), reason.Check{Reason: reason.MissingClaim,
			Want: "oid, the object ID of the application under Enterprise applications", Got: "no oid, by which an application is known"}},
		{"another client", contoso.user(claims{"azp": otherAPI}), reason.Check{Reason: reason.Client,
			Want: "one of client_application_ids of [provider.contoso]: " + clientID, Got: "the application " + otherAPI,
			Mend: `if this application may call, add "` + otherAPI + `" to client_application_ids under [provider.contoso]`}},
		{"another application by itself", contoso.user(app(claims{"azp": otherAPI})), reason.Check{Reason: reason.Client,
			Want: "one of client_application_ids of [provider.contoso]: " + clientID, Got: "the application " + otherAPI,
			Mend: `if this application may call, add "` + otherAPI + `" to client_application_ids under [provider.contoso]` +
				`, or name it as application_id of a [[service_account]] with object_id = "` + accountID + `"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var trace reason.Trace
			v.Verify(t.Context(), row.raw, now, &trace)
			row.want.Name = row.want.Reason.String()
			if got, _ := trace.First(); got != row.want {
				t.Errorf("\nwant %+v\ngot  %+v", row.want, got)
			}
		})
	}
}

func TestNothingIsExplainedToNobody(t *testing.T) {
	r := &run{}
	goesOn := r.fail(reason.Expired, func(*run) reason.Check {
		t.Error("want no explanation without a trace, got one")
		return reason.Check{}
	})
	if goesOn || r.verdict.Reason != reason.Expired {
		t.Errorf("want the checks to end with expired, got %q (%v)", r.verdict.Reason, goesOn)
	}
}

func TestExplainWithSeveralProvidersGuessesNoScope(t *testing.T) {
	v := NewVerifier([]Provider{contoso.provider(nil), contoso.provider(func(p *Provider) { p.ApplicationID = otherAPI })})
	var trace reason.Trace
	v.Verify(t.Context(), contoso.user(claims{"aud": graphID}), now, &trace)
	if got, _ := trace.First(); got.Mend != "" {
		t.Errorf("want no sentence of its own, got %q", got.Mend)
	}
}

// Another provider's algorithms are no help to who brings a token of this one.
func TestExplainNamesTheAlgorithmsOfTheTokensOwnProvider(t *testing.T) {
	other := contoso.provider(func(p *Provider) { p.Name, p.ApplicationID, p.Algorithms = "other", otherAPI, everyAlgorithm })
	signed, r, s := contoso.signES(`{"typ":"JWT","alg":"ES256","kid":"ec"}`, contoso.userClaims(nil).json())
	var trace reason.Trace
	NewVerifier([]Provider{contoso.provider(nil), other}).Verify(t.Context(), join(signed, append(r, s...)), now, &trace)
	want := reason.Check{Name: "algorithm", Reason: reason.Algorithm, Want: "RS256", Got: "ES256"}
	if got, _ := trace.First(); got != want {
		t.Errorf("\nwant %+v\ngot  %+v", want, got)
	}
}

// The issuers of a provider whose documents were never fetched are not known, and nothing stands in their place.
func TestExplainNamesTheIssuersThatAreKnown(t *testing.T) {
	cold := contoso.provider(func(p *Provider) {
		p.Name = "cold"
		p.Keys = contoso.ring.Open(keys.Source{Name: "cold", Authority: contoso.URL() + "/cold", Tenant: tenantID, ApplicationID: apiID})
	})
	var trace reason.Trace
	v := NewVerifier([]Provider{cold, contoso.provider(nil)})
	v.Verify(t.Context(), contoso.user(claims{"iss": "x", "tid": otherTenant}), now, &trace)
	want := reason.Check{Name: "issuer", Reason: reason.Issuer, Want: contoso.Issuer(2) + " or " + contoso.Issuer(1), Got: "x"}
	if got, _ := trace.First(); got != want {
		t.Errorf("\nwant %+v\ngot  %+v", want, got)
	}
}

func TestExplainTellsThatNobodyMayCall(t *testing.T) {
	var trace reason.Trace
	contoso.verifier(func(p *Provider) { p.ClientIDs = nil }).Verify(t.Context(), contoso.user(nil), now, &trace)
	want := "client_application_ids of [provider.contoso] is empty: nobody may call"
	if got, _ := trace.First(); got.Want != want {
		t.Errorf("want %q, got %q", want, got.Want)
	}
}

func TestExplainTellsOfAnUnknownKey(t *testing.T) {
	raw := contoso.sign(`{"typ":"JWT","alg":"RS256","kid":"nobody's"}`, contoso.userClaims(nil).json())
	var trace reason.Trace
	contoso.verifier(nil).Verify(t.Context(), raw, now, &trace)
	want := reason.Check{Name: "key", Reason: reason.Key, Want: "a key that " + contoso.Issuer(2) + " publishes", Got: "key id nobody's"}
	if got, _ := trace.First(); got != want {
		t.Errorf("\nwant %+v\ngot  %+v", want, got)
	}
}

// checks writes a trace as "name" or "!name" for each check.
func checks(trace reason.Trace) string {
	var names []string
	for _, c := range trace.Checks {
		if c.Passed {
			names = append(names, c.Name)
		} else {
			names = append(names, "!"+c.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestX1TheChecksStandInTheOrderOfTheContract(t *testing.T) {
	v := contoso.verifier(nil)
	const upToSignature = "malformed algorithm graph_token issuer tenant version key signature malformed "
	late := claims{"exp": now.Unix() - 90, "iat": now.Unix() + 90, "nbf": now.Unix() - 300}
	for _, row := range []struct{ name, raw, want string }{
		{"all hold", contoso.user(nil), upToSignature + "audience expired not_yet_valid lifetime id_token client"},
		{"a bad form ends it", "a.b.c", "!malformed"},
		{"a bad signature ends it", swapSignature(contoso.user(nil), contoso.user(claims{"exp": 1})),
			"malformed algorithm graph_token issuer tenant version key !signature"},
		{"audience, times and client do not", contoso.user(late.with(claims{"aud": otherAPI, "azp": otherAPI})),
			upToSignature + "!audience !expired !not_yet_valid lifetime id_token !client"},
		{"a wrong lifetime ends it", contoso.user(claims{"exp": now.Unix() - 90, "nbf": now.Unix() - 30}),
			upToSignature + "audience !expired not_yet_valid !lifetime"},
		{"an ID token ends it", contoso.user(claims{"aud": otherAPI, "scp": nil}),
			upToSignature + "!audience expired not_yet_valid lifetime !id_token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var trace reason.Trace
			verdict := v.Verify(t.Context(), row.raw, now, &trace)
			if got := checks(trace); got != row.want {
				t.Errorf("\nwant %s\ngot  %s", row.want, got)
			}
			if first, failed := trace.First(); failed && first.Reason != verdict.Reason {
				t.Errorf("the verdict has the first reason: want %q, got %q", first.Reason, verdict.Reason)
			}
		})
	}
}

func TestWhatATokenSaysIsShownOnOneLine(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", `""`},
		{"plain é", "plain é"},
		{"a\x1b[31mb\n", `"a\x1b[31mb\n"`},
		{"left\u202eright", `"left\u202eright"`},
		{strings.Repeat("x", 200), strings.Repeat("x", 200)},
		{strings.Repeat("x", 201), strings.Repeat("x", 200) + " ..."},
		{strings.Repeat("x", 199) + "éé", strings.Repeat("x", 199) + " ..."},
	} {
		if got := shown(row.text); got != row.want {
			t.Errorf("want %q, got %q", row.want, got)
		}
	}
}
