package token

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/reason"
)

// The inputs of these targets hold nothing of the tenant that a test process starts for itself: its keys and its address
// are others in every process, so an input that held them would mean nothing to the next.

// A token that passes is one spelling of three texts: a second reader takes it apart in the same way, and what that one
// refuses is refused for the same reason.
func FuzzTheCompactFormHasOneSpelling(f *testing.F) {
	header := base64.RawURLEncoding.EncodeToString([]byte(plainHeader))
	for _, raw := range []string{
		"", ".", "..", "...", "....", "a", "opaque", "a.b", "eyJ.b", "eyJ.a.b.c", header + ".e30.AA", header + ".e30.AB", header + ".e30.A",
		header + ".e31.AA", header + "=.e30.AA", header + ".e30.A\nA", header + ".e30.A/", header + ".e30.A+", header + "..AA", header + ".e30.",
		header + ".e30.AA.", header + ".e30.AA.AA.AA", " " + header + ".e30.AA", strings.Repeat("A", 32<<10) + ".e30.AA", "W10.e30.AA",
		base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(plainHeader, "{", "{"+strings.Repeat(" ", 2010), 1))) + ".e30.AA",
	} {
		f.Add(raw)
	}
	v := contoso.verifier(nil)
	f.Fuzz(func(t *testing.T, raw string) {
		got := v.verify(t, raw).Reason
		parts, want := naiveCompact(raw)
		if want == reason.None {
			want, _ = naiveHeader(parts[0])
		}
		_, err := naivePayload(parts[1])
		switch {
		case want == reason.None && got == reason.Malformed && err == nil:
			t.Fatalf("refused as malformed, though it is one spelling of a header and of claims: %q", raw)
		case want == reason.None && !slices.Contains([]reason.Reason{reason.Malformed, reason.GraphToken, reason.Issuer}, got):
			t.Fatalf("want a token of nobody's, got %q: %q", got, raw)
		case want == reason.GraphToken && got == reason.GraphToken:
		case want == reason.Key && slices.Contains([]reason.Reason{reason.Key, reason.GraphToken, reason.Issuer, reason.Malformed}, got):
		case want != reason.None && want != got:
			t.Fatalf("want %q, got %q: %q", want, got, raw)
		}
	})
}

// A header passes exactly where a second reader finds one alg, kid and typ in it and nothing that is refused.
func FuzzAHeaderIsReadInOneWay(f *testing.F) {
	for _, header := range []string{
		plainHeader, `{"typ":"at+jwt","alg":"RS256","kid":"rsa","x5t":[]}`, `{"alg":"RS256","kid":"rsa"}`, `{"typ":"JWT","alg":"none","kid":"rsa"}`,
		`{"typ":"JWT","alg":"RS256","alg":"RS256","kid":"rsa"}`, `{"typ":"JWT","alg":"RS256","\u0061lg":"none","kid":"rsa"}`,
		`{"typ":"JWT","alg":"RS256","Alg":"none","kid":"rsa"}`, `{"typ":"JWT","alg":"RS256","\u212aid":"x","kid":"rsa"}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa","crit":[]}`, `{"typ":"JWT","alg":"RS256","kid":"rsa","jku":null}`, `{"typ":"JWT","alg":"RS256","kid":"ec"}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa-ps"}`, `{"typ":"JWT","alg":"RS256","kid":""}`, `{"typ":"JWT","alg":"RS256","kid":7}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa","nonce":""}`, `{"typ":"JWE","alg":"RS256","kid":"rsa"}`, `{"typ":["JWT"],"alg":"RS256","kid":"rsa"}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa","x":{"a":[]}}`, `{"typ":"JWT","alg":"RS256","kid":"rsa","x":[{}],"y":1e5}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa","x":{"a":1,"a":2}}`, `{"typ":"JWT","alg":"RS256","kid":"rsa","x":"\ud83d"}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa","x":"\ud83d\ude00"}`, ` {"typ":"jwt","alg":"RS256","kid":"\u0072sa"} `,
		"{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"\xff\"}", plainHeader + "{}", `[` + plainHeader + `]`,
		`{"typ":"application/AT+jwt","alg":"RS256","kid":"nobody's"}`, `{"typ":"JWT","alg":"","kid":"rsa"}`, `{"typ":"JWT","alg":null,"kid":"rsa"}`,
		`{"typ":"JWT","alg":"RS256","kid":"rsa","x":` + strings.Repeat("1", 65) + `}`,
	} {
		f.Add(header)
	}
	v := contoso.verifier(nil)
	payload := contoso.userClaims(nil).json()
	f.Fuzz(func(t *testing.T, header string) {
		if header == "" {
			return // an empty segment, which is the compact form's
		}
		want, unknown := naiveHeader([]byte(header))
		if unknown { // what becomes of it is the key set's to say, and may cost a fetch
			return
		}
		if got := v.verify(t, contoso.sign(header, payload)).Reason; got != want {
			t.Fatalf("want %q, got %q: %s", want, got, header)
		}
	})
}

// What a token says is what a second reader finds in it; what that one calls ill-formed is never let in, and malformed is
// said of nothing else.
func FuzzClaimsAreReadInOneWay(f *testing.F) {
	add := func(members, without string) { f.Add(members, without) }
	add(`"groups":["a","\u00e9\ud83d\ude00"],"roles":"x"`, "")
	for _, row := range jsonTexts {
		add(`"x":`+row.text, "")
		add(strings.TrimSuffix(strings.TrimPrefix(row.text, "{"), "}"), "")
	}
	for _, text := range []string{
		`"groups":null`, `"groups":[]`, `"groups":["a",1]`, `"groups":["a",["b"]]`, `"groups":{"a":1}`, `"groups":true`, `"a/b":1,"":2`,
		`"a":1,"\u0061":2`, `"x":{"a":1,"a":2}`, `"x":[{"a":1,"a":2}]`, `"Exp":1`, `"EXP":1`, `"i\u0073s":"x"`, `"i\u017fs":"x"`, `"Groups":[]`,
		`"_Claim_Names":{}`, `"hasGroups":true`, `"appid":"` + clientID + `"`, `"appid":"` + strings.ToUpper(clientID) + `"`, `"appid":"` + exporterID + `"`,
		`"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63), `"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64),
		`"x":` + strings.Repeat("9", 64), `"x":` + strings.Repeat("9", 65), `"x":1e400`, "\"x\":\"\xff\"", `"x":"\udc00"`, `"x":[1,2,{}]`,
	} {
		add(text, "")
	}
	for _, number := range []string{
		"1800000100", "1800000100.5", "18000001e2", "1.8e9", "1.8e-9", "1e13", "-0", "0", "1799999940", "1799999939", "1099511627776",
		"1099511627776.1", "1e999999999999999999999", "1e-999999999999999999999", `"1800000100"`, "null", "true", "180000010000e-2",
	} {
		add(`"exp":`+number, "exp")
		add(`"nbf":`+number, "nbf")
		add(`"iat":`+number, "iat")
	}
	for _, name := range []string{"iss", "aud", "tid", "ver", "azp", "oid", "sub", "scp"} {
		add(`"x":1`, name)
		add(`"`+name+`":["`+apiID+`"]`, name)
		add(`"`+name+`":null`, name)
	}
	v := contoso.verifier(nil)
	f.Fuzz(func(t *testing.T, members, without string) {
		base := contoso.userClaims(claims{"groups": nil, "roles": nil, "email": nil, "given_name": nil})
		payload := "{" + members + "," + strings.TrimPrefix(base.with(claims{without: nil}).json(), "{")
		verdict := v.verify(t, contoso.sign(plainHeader, payload))
		object, err := naivePayload([]byte(payload))
		switch why := verdict.Reason; {
		case err != nil:
			early := []reason.Reason{reason.Malformed, reason.GraphToken, reason.Issuer, reason.Tenant, reason.Version}
			if !slices.Contains(early, why) || verdict.Claims != nil && why != reason.Malformed {
				t.Fatalf("want a refusal as malformed, got %q: %s", why, payload)
			}
		case why == reason.Malformed:
			if !naiveContradicts(object) && (len(payload)+len(plainHeader))*4/3 < 32<<10-400 {
				t.Fatalf("refused as malformed, though it is not: %s", payload)
			}
		case why == reason.None:
			naiveAgrees(t, verdict.Claims, object)
		}
	})
}

// naiveContradicts reports whether well-formed claims hold what the contract calls malformed all the same.
func naiveContradicts(object map[string]json.RawMessage) bool {
	for _, name := range []string{"exp", "nbf", "iat"} {
		if _, ok := naiveInstant(object[name]); object[name] != nil && !ok {
			return true
		}
	}
	azp, appid := naiveText(object["azp"]), naiveText(object["appid"])
	return azp != nil && appid != nil && !strings.EqualFold(*azp, *appid)
}

// naiveAgrees holds the claims of a token that was let in against what a second reader finds.
func naiveAgrees(t *testing.T, got *Claims, object map[string]json.RawMessage) {
	for name, raw := range object {
		if name == "" || name[0] == '/' {
			continue // off, and a pointer
		}
		if value, want := got.Value(name), naiveValue(raw); !reflect.DeepEqual(value, want) {
			t.Fatalf("claim %q: want %+v, got %+v", name, want, value)
		}
		if got.Has(name) != (string(raw) != "null") {
			t.Fatalf("claim %q: Has says %v", name, got.Has(name))
		}
	}
	if len(got.members) != len(object) {
		t.Fatalf("want %d claims, got %d", len(object), len(got.members))
	}
	for name, want := range map[string]string{"iss": contoso.Issuer(2), "tid": tenantID, "ver": "2.0", "aud": apiID} {
		audience := naiveValue(object[name])
		if text := naiveText(object[name]); (text == nil || !strings.EqualFold(*text, want)) && !slices.Equal(audience.List, []string{want}) {
			t.Fatalf("let in, though %s is %s", name, object[name])
		}
	}
	at := map[string]*big.Rat{}
	for _, name := range []string{"exp", "nbf", "iat"} {
		seconds, ok := naiveInstant(object[name])
		if !ok {
			t.Fatalf("let in, though %s is %s", name, object[name])
		}
		at[name] = seconds
	}
	second := func(s int64) *big.Rat { return new(big.Rat).SetInt64(s) }
	latest := second(now.Unix() + 60)
	lifetime := new(big.Rat).Sub(at["exp"], at["iat"])
	// The verifier cuts off what is finer than a nanosecond.
	nanosecond := big.NewRat(1, 1e9)
	if new(big.Rat).Add(at["exp"], nanosecond).Cmp(second(now.Unix()-60)) < 0 || new(big.Rat).Sub(at["nbf"], nanosecond).Cmp(latest) > 0 ||
		new(big.Rat).Sub(at["iat"], nanosecond).Cmp(latest) > 0 || new(big.Rat).Sub(lifetime, nanosecond).Cmp(second(29*3600)) > 0 ||
		new(big.Rat).Sub(at["nbf"], nanosecond).Cmp(at["exp"]) > 0 {
		t.Fatalf("let in at %d, though %s", now.Unix(), slices.Sorted(maps.Values(map[string]string{
			"exp": string(object["exp"]), "nbf": string(object["nbf"]), "iat": string(object["iat"])})))
	}
}

// Change any byte of a good token, put one in or take one out, and it is no token any more.
func FuzzNoAlteredTokenVerifies(f *testing.F) {
	for _, at := range []int{0, 1, 20, 60, 400, -1, -2, -100, -342, -343, -344} {
		for kind := range byte(3) {
			f.Add(at, kind, byte('A'))
			f.Add(at, kind, byte('.'))
			f.Add(at, kind, byte('\n'))
			f.Add(at, kind, byte('='))
			f.Add(at, kind, byte(0xff))
		}
	}
	good := contoso.user(nil)
	v := contoso.verifier(nil)
	f.Fuzz(func(t *testing.T, at int, kind, with byte) {
		at %= len(good)
		if at < 0 {
			at += len(good)
		}
		raw := good[:at] + string([]byte{with}) + good[at+1:]
		switch kind % 3 {
		case 1:
			raw = good[:at] + string([]byte{with}) + good[at:]
		case 2:
			raw = good[:at] + good[at+1:]
		}
		if got := v.verify(t, raw).Reason; (got == reason.None) != (raw == good) {
			t.Fatalf("%q for what differs from the good token at %d of %d", got, at, len(good))
		}
	})
}
