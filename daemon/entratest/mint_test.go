package entratest

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
)

func publicKey(t *testing.T, jwk map[string]any) *rsa.PublicKey {
	t.Helper()
	modulus, errN := base64.RawURLEncoding.DecodeString(jwk["n"].(string))
	exponent, errE := base64.RawURLEncoding.DecodeString(jwk["e"].(string))
	if errN != nil || errE != nil {
		t.Fatal(errN, errE)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
}

func certificateOf(t *testing.T, jwk map[string]any) *x509.Certificate {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(jwk["x5c"].([]any)[0].(string))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestEveryKindOfTokenHasExactlyTheClaimsOfItsKind(t *testing.T) {
	tenant := start(t, func(d *Directory) {
		d.APIs = append(d.APIs, API{
			ApplicationID: "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416", Name: "bare", AccessTokenVersion: 0,
			IdentifierURIs: []string{"https://bare.contoso.example"}, GroupClaims: "name", EmitsIDTyp: true,
		})
		d.Clients[1].Roles = []string{"Export.All"}
		d.Users[1].Roles = []string{"Admin"}
		d.Users = append(d.Users, User{Name: "nobody", ObjectID: "c5d2e1f8-4a73-4b06-8d9e-61f0a3b7c924"})
	})
	const (
		api     = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
		bare    = "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416"
		desk    = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"
		nightly = "a1f75c38-62de-4b90-8d43-0be9c7248f15"
		service = "e4b02d96-5a7f-4c31-9f68-7d15ac80b3e2"
	)
	tests := []struct {
		name    string
		request Request
		members string
		want    map[string]any
	}{
		{"a user, v2.0", Request{User: "reader"},
			"acct aio aud azp azpacr email exp family_name given_name groups iat iss name nbf oid preferred_username rh scp sub tid uti ver",
			map[string]any{"aud": api, "azp": desk, "azpacr": "0", "ver": "2.0", "acct": 0, "email": "ada@contoso.example",
				"name": "Ada Reader", "given_name": "Ada", "family_name": "Reader", "preferred_username": "ada@contoso.example",
				"oid": "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42", "scp": "platform.read-write",
				"groups": []string{"6d3a91f0-b54c-4e27-8a19-c20f6b7e58d4"}, "iss": tenant.Issuer(2)}},
		{"a user, v1.0", Request{User: "reader", Version: 1},
			"acct acr aio amr appid appidacr aud email exp family_name given_name groups iat ipaddr iss name nbf oid rh scp sub tid " +
				"unique_name upn uti ver",
			map[string]any{"aud": "api://" + api, "appid": desk, "appidacr": "0", "ver": "1.0", "upn": "ada@contoso.example",
				"unique_name": "ada@contoso.example", "iss": tenant.Issuer(1)}},
		{"a user of a registration that asks for nothing, groups by name", Request{User: "administrator", API: bare, Client: nightly},
			"acr aio amr appid appidacr aud exp family_name given_name groups iat ipaddr iss name nbf oid rh roles scp sub tid " +
				"unique_name upn uti ver",
			map[string]any{"aud": "api://" + bare, "appid": nightly, "appidacr": "1", "scp": "user_impersonation",
				"groups": []string{"Analysts", "Administrators"}, "roles": []string{"Admin"}}},
		{"a user without anything", Request{User: "nobody", Scopes: "a b"},
			"acct aio aud azp azpacr exp iat iss name nbf oid preferred_username rh scp sub tid uti ver",
			map[string]any{"name": "nobody", "preferred_username": "nobody@contoso.example", "scp": "a b"}},
		{"a guest, v2.0", Request{User: "guest"},
			"acct aio aud azp azpacr email exp family_name given_name groups iat idp iss name nbf oid preferred_username rh scp sub tid " +
				"uti ver",
			map[string]any{"acct": 1, "idp": "live.com", "email": "edsger@fabrikam.example"}},
		{"a guest, v1.0, has no upn", Request{User: "guest", Version: 1, API: bare},
			"acr aio amr appid appidacr aud email exp family_name given_name groups iat idp ipaddr iss name nbf oid rh scp sub tid " +
				"unique_name uti ver",
			map[string]any{"unique_name": "live.com#edsger@fabrikam.example"}},
		{"a user in 250 groups", Request{User: "collector"},
			"_claim_names _claim_sources acct aio aud azp azpacr email exp family_name given_name iat iss name nbf oid " +
				"preferred_username rh scp sub tid uti ver",
			map[string]any{"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{
				"endpoint": "https://graph.windows.net/5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3/users/4ac89f17-05e2-4d3b-86c1-b9e70f52d8a3/getMemberObjects"}}}},
		{"an application, v2.0", Request{Client: nightly},
			"aio aud azp azpacr exp iat iss nbf oid rh roles sub tid uti ver",
			map[string]any{"oid": service, "sub": service, "azpacr": "1", "roles": []string{"Export.All"}}},
		{"an application, v1.0, with idtyp", Request{Client: nightly, API: bare},
			"aio appid appidacr aud exp iat idp idtyp iss nbf oid rh roles sub tid uti ver",
			map[string]any{"oid": service, "sub": service, "idtyp": "app", "idp": tenant.Issuer(1)}},
		{"the name asked for is the v1.0 audience", Request{User: "reader", API: "https://bare.contoso.example/"}, "",
			map[string]any{"aud": "https://bare.contoso.example/"}},
		{"the name asked for is not the v2.0 audience", Request{User: "reader", API: "api://" + api}, "", map[string]any{"aud": api}},
		{"a claim that is null", Request{Client: nightly, Claims: map[string]any{"groups": json.RawMessage("null")}},
			"aio aud azp azpacr exp groups iat iss nbf oid rh roles sub tid uti ver", map[string]any{"groups": nil}},
		{"claims replaced, added and left out", Request{User: "reader", Claims: map[string]any{"aud": "x", "extn.a": true, "oid": nil}},
			"acct aio aud azp azpacr email exp extn.a family_name given_name groups iat iss name nbf preferred_username rh scp sub tid uti ver",
			map[string]any{"aud": "x", "extn.a": true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, claims := mint(t, tenant, test.request)
			if test.members != "" {
				equal(t, "members", names(claims), test.members)
			}
			for claim, want := range test.want {
				equal(t, claim, claims[claim], want)
			}
			equal(t, "tid", claims["tid"], tenant.Directory().TenantID)
		})
	}
}

func TestTheHeaderIsThatOfItsVersion(t *testing.T) {
	tenant := start(t, nil)
	kid := tenant.KeyIDs()[0]
	header, _ := mint(t, tenant, Request{User: "reader"})
	equal(t, "v2.0", header, map[string]any{"typ": "JWT", "alg": "RS256", "kid": kid})
	header, _ = mint(t, tenant, Request{User: "reader", Version: 1})
	equal(t, "v1.0", header, map[string]any{"typ": "JWT", "alg": "RS256", "kid": kid, "x5t": kid})
	header, _ = mint(t, tenant, Request{User: "reader", Header: map[string]any{"alg": "none", "typ": nil, "crit": []string{"b64"}}})
	equal(t, "changed", header, map[string]any{"alg": "none", "kid": kid, "crit": []string{"b64"}})
}

func TestTimesAreThoseAskedForOrTheRegistrations(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.APIs[0].LifetimeSeconds = 1800 })
	issued := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	_, claims := mint(t, tenant, Request{User: "reader", Issued: issued})
	equal(t, "iat", claims["iat"], issued.Unix())
	equal(t, "nbf", claims["nbf"], issued.Unix())
	equal(t, "exp", claims["exp"], issued.Unix()+1800)
	_, claims = mint(t, tenant, Request{User: "reader", Issued: issued, Lifetime: -time.Minute})
	equal(t, "exp before iat", claims["exp"], issued.Unix()-60)

	before := time.Now().Unix()
	_, claims = mint(t, tenant, Request{User: "reader"})
	if iat := int64(claims["iat"].(float64)); iat < before || iat > time.Now().Unix() {
		t.Errorf("iat %d is not now", iat)
	}
	equal(t, "lifetime where the registration names none", API{}.lifetime(), 75*time.Minute)
}

func TestTheSubjectIsPairwiseAndStable(t *testing.T) {
	tenant := start(t, func(d *Directory) {
		d.APIs = append(d.APIs, API{ApplicationID: "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416"})
	})
	_, first := mint(t, tenant, Request{User: "reader"})
	_, again := mint(t, tenant, Request{User: "reader"})
	_, other := mint(t, tenant, Request{User: "reader", API: "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416"})
	equal(t, "sub of a second token", again["sub"], first["sub"])
	if first["sub"] == other["sub"] {
		t.Error("two APIs see the same sub")
	}
	if first["uti"] == again["uti"] {
		t.Error("two tokens have the same uti")
	}
}

func TestTwoHundredGroupsFitAndOneMoreIsOverage(t *testing.T) {
	tenant := start(t, func(d *Directory) {
		d.Users[0].MoreGroups = 199 // beside the one
		d.Users[1].MoreGroups = 199 // beside the two
		d.Users[2].Claims = map[string]any{"email": nil, "extn.team": "blue"}
	})
	_, claims := mint(t, tenant, Request{User: "reader"})
	equal(t, "groups", len(claims["groups"].([]any)), 200)
	_, claims = mint(t, tenant, Request{User: "administrator"})
	equal(t, "groups beside the marker", claims["groups"], nil)
	equal(t, "marker", claims["_claim_names"], map[string]any{"groups": "src1"})
	_, claims = mint(t, tenant, Request{User: "stranger"})
	equal(t, "a user's claim that is left out", claims["email"], nil)
	equal(t, "a user's further claim", claims["extn.team"], "blue")
}

func TestARawPayloadIsSignedAsItIs(t *testing.T) {
	tenant := start(t, nil)
	const payload = `{"sub":"a","sub":"b"}`
	token, err := tenant.Mint(Request{User: "reader", RawPayload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, tenant, 2, token); err != nil {
		t.Error(err)
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "payload", string(text), payload)
}

func TestWhatTheDirectoryLacksIsTold(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.Clients[0].ObjectID = "" })
	tests := []struct {
		request Request
		want    string
	}{
		{Request{API: "api://x"}, `the directory has no API "api://x"`},
		{Request{Client: "x"}, `the directory has no client "x"`},
		{Request{User: "x"}, `the directory has no user "x"`},
		{Request{User: "reader", KeyID: "x"}, `the tenant has no key "x"`},
		{Request{}, `the client has no object_id, so it cannot call with a token of its own`},
		{Request{User: "reader", Claims: map[string]any{"f": func() {}}}, `claims: json: unsupported type: func()`},
		{Request{User: "reader", Header: map[string]any{"f": func() {}}}, `header: json: unsupported type: func()`},
	}
	for _, test := range tests {
		token, err := tenant.Mint(test.request)
		if err == nil || err.Error() != test.want || token != "" {
			t.Errorf("%+v:\n got %q, %v\nwant %s", test.request, token, err, test.want)
		}
	}
}
