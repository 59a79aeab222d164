package daemon

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// flock is every kind of token: good ones, and one or more for each check that refuses.
func (a *aviary) flock() map[string]string {
	null, now := json.RawMessage("null"), time.Now().Unix()
	b := a.bird
	header := func(change map[string]any) string { return a.mint(entratest.Request{User: "ada", Header: change}) }
	text := func(more string) string {
		token := strings.Split(b(nil), ".")
		payload, err := base64.RawURLEncoding.DecodeString(token[1])
		mustDo(a.t, err)
		return a.mint(entratest.Request{RawPayload: []byte("{" + more + "," + strings.TrimPrefix(string(payload), "{"))})
	}
	swap := func(token, other string) string {
		return token[:strings.LastIndexByte(token, '.')] + other[strings.LastIndexByte(other, '.'):]
	}
	p := strings.Split(b(nil), ".")
	return map[string]string{
		"good": b(nil), "good, v1.0": a.mint(entratest.Request{User: "ada", Version: 1}), "good, twice": b(nil),
		"acting": b(map[string]any{"act": map[string]any{"sub": canary}, "actortoken": b(nil), "may_act": canary}),
		"app":    a.mint(entratest.Request{}),
		// The outer form.
		"no dots": canary + rand.Text() + rand.Text(), "two parts": p[0] + "." + p[1], "four parts": b(nil) + "." + p[2],
		"five parts": b(nil) + "." + p[1] + "." + p[2], "padding": b(nil) + "==", "standard alphabet": b(nil) + "+/",
		"no signature": p[0] + "." + p[1] + ".", "only dots": "..", "over 32 KiB": b(map[string]any{"long": strings.Repeat(rand.Text(), 1000)}),
		"no header": "." + p[1] + "." + p[2], "upper case": strings.ToUpper(b(nil)), "header is no JSON": p[1][:60] + "." + p[1] + "." + p[2],
		// The header.
		"none": header(map[string]any{"alg": "none"}), "HS256": header(map[string]any{"alg": "HS256"}), "alg is a number": header(map[string]any{"alg": 1}),
		"alg is the canary": header(map[string]any{"alg": canary}), "no kid": header(map[string]any{"kid": nil}),
		"unknown kid": header(map[string]any{"kid": rand.Text()}), "another unknown kid": header(map[string]any{"kid": "../" + rand.Text()}),
		"hostile kid": header(map[string]any{"kid": "\x1b[31m\r\n\u202e" + strings.Repeat("k", 300)}), "kid is a list": header(map[string]any{"kid": []int{1}}),
		"crit": header(map[string]any{"crit": []string{"exp"}}), "jku": header(map[string]any{"jku": "http://127.0.0.1:1/" + canary}),
		"jwk": header(map[string]any{"jwk": map[string]any{"kty": "oct", "k": canary}}), "typ": header(map[string]any{"typ": canary}),
		"Graph by nonce": header(map[string]any{"nonce": canary + rand.Text()}),
		// The scan of the payload.
		"Graph by aud": b(map[string]any{"aud": "https://graph.microsoft.com"}), "issuer": b(map[string]any{"iss": "https://" + canary}),
		"issuer of the consumers": b(map[string]any{"iss": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"}),
		"no issuer":               b(map[string]any{"iss": nil}), "tenant": b(map[string]any{"tid": canary}), "no tenant": b(map[string]any{"tid": nil}),
		"version": b(map[string]any{"ver": canary}), "two audiences": text(`"aud":"` + canary + `"`), "a list": a.mint(entratest.Request{RawPayload: []byte(`["` + canary + `"]`)}),
		// The signature.
		"signature": swap(b(nil), b(nil)), "signature of a richer token": swap(b(map[string]any{"groups": []string{analysts}}), b(nil)),
		// The intake.
		"duplicate": text(`"` + canary + `":1`), "Exp": b(map[string]any{"Exp": canary}), "bad UTF-8": text("\"x\":\"" + canary + "\xff\""),
		"deep": text(`"x":` + strings.Repeat("[", 99) + `"` + canary + `"` + strings.Repeat("]", 99)),
		// The claims.
		"audience": b(map[string]any{"aud": canary}), "no audience": b(map[string]any{"aud": nil}), "audience of another": b(map[string]any{"aud": testStranger}),
		"expired": a.mint(entratest.Request{User: "ada", Issued: time.Now().Add(-3 * time.Hour), Lifetime: time.Hour}), "exp is text": b(map[string]any{"exp": canary}),
		"no exp": b(map[string]any{"exp": nil}), "not yet": b(map[string]any{"nbf": now + 900}), "issued ahead": b(map[string]any{"iat": now + 900}),
		"too long": b(map[string]any{"exp": now + 200000}), "ID token": b(map[string]any{"azp": nil, "scp": nil, "nonce": canary}),
		"no client": b(map[string]any{"azp": nil}), "client is text": b(map[string]any{"azp": canary}), "two clients": b(map[string]any{"appid": testStranger}),
		"another client": a.mint(entratest.Request{User: "ada", Client: testStranger}), "sub is a number": b(map[string]any{"sub": 1}),
		"scp is a list": b(map[string]any{"scp": []string{canary}}), "scope": b(map[string]any{"scp": canary + " other"}), "idtyp": b(map[string]any{"idtyp": canary}),
		"no oid": b(map[string]any{"oid": nil}), "oid is text": b(map[string]any{"oid": canary}), "oid is null": b(map[string]any{"oid": null}),
		"guest": b(map[string]any{"acct": 1, "idp": canary}), "blocked": b(map[string]any{"oid": blockedUser}),
		"overage": b(map[string]any{"_claim_names": map[string]any{"groups": canary}, "groups": nil}), "groups is a number": b(map[string]any{"groups": 1}),
		"no group": b(map[string]any{"groups": []string{canary, analysts + " "}}), "no groups at all": b(map[string]any{"groups": nil}),
		"headers too long": b(map[string]any{"email": strings.Repeat(canary, 1400)}), "email is an object": b(map[string]any{"email": map[string]any{canary: 1}}),
		"a header in a claim": b(map[string]any{"given_name": canary + "\r\nRemote-Admin: true"}),
	}
}
