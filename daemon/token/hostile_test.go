package token

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/claimd/claimd/daemon/reason"
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// Each row of the tables below is a token of somebody who wants to come in without a right to, and the one reason that
// keeps it out.

type hostile struct {
	name string // begins with the row of the list of threats
	raw  string
	want reason.Reason
}

func runHostile(t *testing.T, v *Verifier, rows []hostile) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { wantReason(t, v, row.raw, row.want) })
	}
}

func TestCompactForm(t *testing.T) {
	good := contoso.user(nil)
	parts := strings.Split(good, ".")
	long := contoso.user(claims{"filler": strings.Repeat("x", MaxSize)})
	runHostile(t, contoso.verifier(nil), []hostile{
		{"A1 one byte over 32 KiB is malformed", strings.Repeat("a", MaxSize+1), reason.Malformed},
		{"A1 32 KiB are looked at", strings.Repeat("a", MaxSize), reason.OpaqueToken},
		{"A1 a signed token over 32 KiB is malformed", long, reason.Malformed},
		{"A1 a mebibyte of dots is malformed", strings.Repeat(".", 1<<20), reason.Malformed},
		{"A2 nothing is malformed", "", reason.Malformed},
		{"A2 two dots alone are malformed", "..", reason.Malformed},
		{"A2 two parts of a JWT are malformed", parts[0] + "." + parts[1], reason.Malformed},
		{"A2 four parts that begin like a JWT are malformed", good + ".", reason.Malformed},
		{"A2 six parts that begin like a JWT are malformed", good + ".a.b.c", reason.Malformed},
		{"A2 an empty header is malformed", "." + parts[1] + "." + parts[2], reason.Malformed},
		{"A2 an empty payload is malformed", parts[0] + ".." + parts[2], reason.Malformed},
		{"A2 an empty signature is malformed", parts[0] + "." + parts[1] + ".", reason.Malformed},
		{"A2 one word is opaque", "mF_9.B5f-4.1JqM"[:4], reason.OpaqueToken},
		{"A2 two words that are no JWT are opaque", "ya29.a0AfB_byD", reason.OpaqueToken},
		{"A2 a cut JWT without a dot is opaque", parts[0], reason.OpaqueToken},
		{"A2 three words are never opaque", "mF_9.B5f-4.1JqM", reason.Malformed},
		{"A3 the flattened JSON form is no compact form",
			fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]), reason.OpaqueToken},
		{"A4 five parts are malformed", encode(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.b.c.d", reason.Malformed},
		{"A4 five parts that do not begin like a JWT are malformed", "a.b.c.d.e", reason.Malformed},
		{"A5 padding is malformed", parts[0] + "." + parts[1] + "." + parts[2] + "==", reason.Malformed},
		{"A5 padding of the header is malformed", parts[0] + "=." + parts[1] + "." + parts[2], reason.Malformed},
		{"A5 the standard alphabet is malformed", contoso.signCompact(parts[0] + "." + encode("{}") + "+/"), reason.Malformed},
		{"A5 a blank is malformed", parts[0] + ". " + parts[1] + "." + parts[2], reason.Malformed},
		{"A5 a line feed inside is malformed", parts[0][:4] + "\n" + parts[0][4:] + "." + parts[1] + "." + parts[2], reason.Malformed},
		{"A5 a carriage return at the end is malformed", good + "\r", reason.Malformed},
		{"A5 a signed line feed in front is malformed", contoso.signCompact("\n" + parts[0] + "." + parts[1]), reason.Malformed},
		{"A5 a signed carriage return in front is malformed", contoso.signCompact("\r" + parts[0] + "." + parts[1]), reason.Malformed},
		{"A5 a signed line feed is malformed", contoso.signCompact(parts[0] + "." + parts[1] + "\n"), reason.Malformed},
		{"A5 a length that no bytes have is malformed", contoso.signCompact(parts[0] + "." + encode("{}") + "AA"), reason.Malformed},
		{"A6 trailing bits of the payload that are not zero are malformed", contoso.signCompact(parts[0] + "." + encode(`{}`)[:2] + "1"), reason.Malformed},
	})
}

// A signature of 256 bytes ends in a character that carries two bits and four zeros. golang-jwt by default takes 15
// others for it; what knows a token by its text (a cache, a replay mark) would see 16 tokens.
func TestA6NoneOfThe63OtherLastCharactersIsAccepted(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	v, good := contoso.verifier(nil), contoso.user(nil)
	last := good[len(good)-1]
	refused := 0
	for _, character := range []byte(alphabet) {
		verdict := v.verify(t, good[:len(good)-1]+string(character))
		if character == last {
			if verdict.Reason != reason.None {
				t.Fatalf("the true last character: want the token verified, got %q", verdict.Reason)
			}
			continue
		}
		if verdict.Reason != reason.Malformed && verdict.Reason != reason.Signature {
			t.Errorf("last character %q: want malformed or signature, got %q", character, verdict.Reason)
		}
		refused++
	}
	if refused != 63 {
		t.Errorf("want 63 characters refused, got %d", refused)
	}
}

func TestHeader(t *testing.T) {
	payload := contoso.userClaims(nil).json()
	with := func(members string) string {
		return contoso.sign(`{"typ":"JWT","alg":"RS256","kid":"rsa",`+members+`}`, payload)
	}
	whole := func(header string) string { return contoso.sign(header, payload) }
	kid := func(kid string) string { return whole(`{"typ":"JWT","alg":"RS256","kid":` + kid + `}`) }
	alg := func(alg string) string { return whole(`{"typ":"JWT","kid":"rsa","alg":` + alg + `}`) }
	rows := []hostile{
		{"A7 none is refused", alg(`"none"`), reason.Algorithm},
		{"A7 None is refused", alg(`"None"`), reason.Algorithm},
		{"A7 nOnE with a blank is refused", alg(`"nOnE "`), reason.Algorithm},
		{"A7 none with a NUL is refused", alg(`"none\u0000"`), reason.Algorithm},
		{"A7 rs256 in lower case is refused", alg(`"rs256"`), reason.Algorithm},
		{"A7 an alg that is no string is malformed", alg(`256`), reason.Malformed},
		{"A7 an empty alg is malformed", alg(`""`), reason.Malformed},
		{"A7 no alg at all is malformed", whole(`{"typ":"JWT","kid":"rsa"}`), reason.Malformed},
		{"A8 HS256 is refused", alg(`"HS256"`), reason.Algorithm},
		{"A8 RS512 is refused", alg(`"RS512"`), reason.Algorithm},
		{"A9 PS256 is not among Entra's algorithms", alg(`"PS256"`), reason.Algorithm},
		{"A9 ES256 is not among Entra's algorithms", alg(`"ES256"`), reason.Algorithm},
		{"A9 a key for PS256 verifies no RS256", kid(`"rsa-ps"`), reason.Key},
		{"A9 an EC key verifies no RS256", kid(`"ec"`), reason.Key},
		{"A10 a duplicate alg is malformed", with(`"alg":"RS256"`), reason.Malformed},
		{"A10 an escaped duplicate is malformed", with(`"\u0061lg":"none"`), reason.Malformed},
		{"A10 a duplicate of an unknown member is malformed", with(`"x":1,"x":1`), reason.Malformed},
		{"A10 a nested duplicate is malformed", with(`"x":{"y":1,"y":1}`), reason.Malformed},
		{"A10 ALG beside alg is malformed", with(`"ALG":"none"`), reason.Malformed},
		{"A10 Kid instead of kid is malformed", whole(`{"typ":"JWT","alg":"RS256","Kid":"rsa"}`), reason.Malformed},
		{"A10 kid with the Kelvin sign is malformed", with(`"\u212aid":"ec"`), reason.Malformed},
		{"A10 JKU is malformed", with(`"JKU":"http://127.0.0.1/"`), reason.Malformed},
		{"A11 crit is malformed", with(`"crit":["exp"]`), reason.Malformed},
		{"A11 an empty crit is malformed", with(`"crit":[]`), reason.Malformed},
		{"A11 crit null is malformed", with(`"crit":null`), reason.Malformed},
		{"A11 b64 is malformed", with(`"b64":false`), reason.Malformed},
		{"A11 b64 true is malformed", with(`"b64":true`), reason.Malformed},
		{"A12 jwk is malformed", with(`"jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}`), reason.Malformed},
		{"A12 x5c is malformed", with(`"x5c":["MIIB"]`), reason.Malformed},
		{"A12 zip is malformed", with(`"zip":"DEF"`), reason.Malformed},
		{"A12 enc is malformed", with(`"enc":"A256GCM"`), reason.Malformed},
		{"A12 cty is malformed", with(`"cty":"JWT"`), reason.Malformed},
		{"A13 a kid that is a number is malformed", kid(`1`), reason.Malformed},
		{"A13 a kid that is null is malformed", kid(`null`), reason.Malformed},
		{"A13 a kid that is a list is malformed", kid(`["rsa"]`), reason.Malformed},
		{"A13 a kid of 5 kB is malformed", kid(`"` + strings.Repeat("k", 5000) + `"`), reason.Malformed},
		{"A14 no kid is refused without a fetch", whole(`{"typ":"JWT","alg":"RS256"}`), reason.Key},
		{"A14 an empty kid is refused without a fetch", kid(`""`), reason.Key},
		{"A15 typ id_token is malformed", whole(`{"typ":"id_token","alg":"RS256","kid":"rsa"}`), reason.Malformed},
		{"A15 typ JWE is malformed", whole(`{"typ":"JWE","alg":"RS256","kid":"rsa"}`), reason.Malformed},
		{"A15 a typ that is no string is malformed", whole(`{"typ":1,"alg":"RS256","kid":"rsa"}`), reason.Malformed},
		{"A15 no typ is malformed", whole(`{"alg":"RS256","kid":"rsa"}`), reason.Malformed},
		{"A16 nonce is a token of Graph", with(`"nonce":"5c0f"`), reason.GraphToken},
		{"A17 a third level is malformed", with(`"x":{"y":[]}`), reason.Malformed},
		{"A17 2 KiB are taken", contoso.sign(plainHeader+strings.Repeat(" ", maxHeader-len(plainHeader)), payload), reason.None},
		{"A17 a byte over 2 KiB is malformed", contoso.sign(plainHeader+strings.Repeat(" ", maxHeader+1-len(plainHeader)), payload), reason.Malformed},
		{"A17 over 2 KiB is malformed", with(`"x":"` + strings.Repeat("x", maxHeader) + `"`), reason.Malformed},
		{"A17 a list is malformed", whole(`[1]`), reason.Malformed},
		{"A17 null is malformed", whole(`null`), reason.Malformed},
		{"A17 text after the object is malformed", whole(plainHeader + "{}"), reason.Malformed},
		{"A17 invalid UTF-8 is malformed", with("\"x\":\"\xff\""), reason.Malformed},
		{"A17 a lone surrogate is malformed", with(`"x":"\ud800"`), reason.Malformed},
		{"A the signature of another token is refused", swapSignature(contoso.user(nil), contoso.user(claims{"exp": now.Unix() + 60})), reason.Signature},
	}
	runHostile(t, contoso.verifier(nil), rows)
	requests := contoso.Requests("v2 keys")
	for _, row := range rows {
		contoso.verifier(nil).verify(t, row.raw)
	}
	if again := contoso.Requests("v2 keys"); again != requests {
		t.Errorf("none of these headers may cause a fetch, got %d", again-requests)
	}
}

func swapSignature(a, b string) string {
	return a[:strings.LastIndexByte(a, '.')] + b[strings.LastIndexByte(b, '.'):]
}

// The header says where to fetch the key that "proves" it (CVE-2018-0114 and its kin). Nobody must ever ask there.
func TestA12AddressesOfKeysInTheHeaderAreNeverFetched(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(net.Conn, http.ConnState) { hits.Add(1) }
	server.Start()
	defer server.Close()
	for _, member := range []string{"jku", "x5u"} {
		t.Run("A12 "+member+" is malformed", func(t *testing.T) {
			header := fmt.Sprintf(`{"typ":"JWT","alg":"RS256","kid":"rsa",%q:%q}`, member, server.URL+"/keys")
			wantReason(t, contoso.verifier(nil), contoso.sign(header, contoso.userClaims(nil).json()), reason.Malformed)
		})
	}
	if hits.Load() != 0 {
		t.Errorf("connections: want none, got %d", hits.Load())
	}
}

func TestPayload(t *testing.T) {
	signed := func(payload string) string { return contoso.sign(plainHeader, payload) }
	good := contoso.userClaims(nil).json()
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"m%d":0,`, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	own := strings.Count(good, `":`) // members of a good token
	runHostile(t, contoso.verifier(nil), []hostile{
		{"C51 two audiences are malformed", contoso.raw(`"aud":"`+otherAPI+`"`, nil), reason.Malformed},
		{"C51 two expiries are malformed", contoso.raw(`"exp":1`, nil), reason.Malformed},
		{"C51 two lists of groups are malformed", contoso.raw(`"groups":[]`, nil), reason.Malformed},
		{"C51 an escaped duplicate of iss is malformed", contoso.raw(`"\u0069ss":"x"`, nil), reason.Malformed},
		{"C51 an escaped duplicate of oid is malformed", contoso.raw(`"\u006fid":"x"`, nil), reason.Malformed},
		{"C51 a nested duplicate is malformed", contoso.raw(`"x":{"a":[{"b":1,"b":1}]}`, nil), reason.Malformed},
		{"C51 a duplicate that the scan sees is malformed before the signature",
			swapSignature(contoso.raw(`"aud":"`+otherAPI+`"`, nil), contoso.user(nil)), reason.Malformed},
		{"C52 a case variant that the scan sees is malformed before the signature",
			swapSignature(contoso.raw(`"Tid":"`+otherTenant+`"`, nil), contoso.user(nil)), reason.Malformed},
		{"C52 nor does a case variant stand in for the claim in the scan",
			swapSignature(contoso.raw(`"Tid":"`+tenantID+`"`, claims{"tid": nil}), contoso.user(nil)), reason.Malformed},
		{"C52 ISS beside iss is malformed", contoso.raw(`"ISS":"x"`, nil), reason.Malformed},
		{"C52 Tid instead of tid is malformed", contoso.raw(`"Tid":"`+tenantID+`"`, claims{"tid": nil}), reason.Malformed},
		{"C52 Exp instead of exp is malformed", contoso.raw(`"Exp":1`, claims{"exp": nil}), reason.Malformed},
		{"C52 HasGroups is malformed", contoso.raw(`"HasGroups":true`, nil), reason.Malformed},
		{"C52 _Claim_Names is malformed", contoso.raw(`"_Claim_Names":{}`, nil), reason.Malformed},
		{"C52 Appid is malformed", contoso.raw(`"Appid":"x"`, nil), reason.Malformed},
		{"C52 a case variant of another claim is another claim", contoso.raw(`"GROUPS":["Admins"],"EMAIL":1`, nil), reason.None},
		{"C52 a case variant inside a claim is another claim", contoso.raw(`"x":{"ISS":1,"Exp":2}`, nil), reason.None},
		{"C53 i\u017fs is malformed", contoso.raw("\"i\u017fs\":\"x\"", nil), reason.Malformed},
		{"C53 i\\u017fs is malformed", contoso.raw(`"i\u017fs":"x"`, nil), reason.Malformed},
		{"C53 \u017fcp is malformed", contoso.raw("\"\u017fcp\":\"x\"", nil), reason.Malformed},
		{"C53 \u017f\u017f in no guarded name is another claim", contoso.raw("\"group\u017f\":[]", nil), reason.None},
		{"C53 a NUL suffix makes another claim", contoso.raw(`"iss\u0000":"x","exp\u0000":1`, nil), reason.None},
		{"C54 a second object is malformed", signed(good + "{}"), reason.Malformed},
		{"C54 a NUL after the object is malformed", signed(good + "\x00"), reason.Malformed},
		{"C54 a byte order mark is malformed", signed("\ufeff" + good), reason.Malformed},
		{"C54 UTF-16 is malformed", signed("{\x00\"\x00}\x00"), reason.Malformed},
		{"C54 a list is malformed", signed("[" + good + "]"), reason.Malformed},
		{"C54 null is malformed", signed("null"), reason.Malformed},
		{"C54 a string is malformed", signed(`"` + apiID + `"`), reason.Malformed},
		{"C54 blanks around the object are JSON", signed(" \r\n\t" + good + "\n"), reason.None},
		{"C55 invalid UTF-8 in a value is malformed", contoso.raw("\"x\":\"\xff\"", nil), reason.Malformed},
		{"C55 invalid UTF-8 in a name is malformed", contoso.raw("\"\xc3\x28\":1", nil), reason.Malformed},
		{"C55 an overlong form is malformed", contoso.raw("\"x\":\"\xc0\xaf\"", nil), reason.Malformed},
		{"C55 a surrogate in UTF-8 is malformed", contoso.raw("\"x\":\"\xed\xa0\x80\"", nil), reason.Malformed},
		{"C55 a lone high surrogate is malformed", contoso.raw(`"x":"\ud83d"`, nil), reason.Malformed},
		{"C55 a lone low surrogate is malformed", contoso.raw(`"x":"\ude00"`, nil), reason.Malformed},
		{"C55 a lone surrogate in a name is malformed", contoso.raw(`"\ud83dx":1`, nil), reason.Malformed},
		{"C55 a pair of surrogates is a character", contoso.raw(`"x":"\ud83d\ude00"`, nil), reason.None},
		{"C56 64 levels are taken", contoso.raw(`"x":`+nested(63), nil), reason.None},
		{"C56 65 levels are malformed", contoso.raw(`"x":`+nested(64), nil), reason.Malformed},
		{"C56 9,000 levels are malformed", contoso.raw(`"x":`+nested(9000), nil), reason.Malformed},
		{"C56 2,000 members are taken", contoso.raw(members(2000-own), nil), reason.None},
		{"C56 2,001 members are malformed", contoso.raw(members(2001-own), nil), reason.Malformed},
		{"C56 members inside count too", contoso.raw(`"x":[{`+members(1000)+`},{`+members(1000)+`}]`, nil), reason.Malformed},
		{"C56 a number of 64 characters is taken", contoso.raw(`"x":`+strings.Repeat("9", 64), nil), reason.None},
		{"C56 a number of 65 characters is malformed", contoso.raw(`"x":`+strings.Repeat("9", 65), nil), reason.Malformed},
		{"C57 an azp that is a number is refused", contoso.user(claims{"azp": 1}), reason.ClaimType},
		{"C57 a sub that is a number is refused", contoso.user(claims{"sub": 1}), reason.ClaimType},
		{"C57 a sub that is null is refused", contoso.user(claims{"sub": null}), reason.ClaimType},
		{"C58 a very long name is a name", contoso.raw(`"`+strings.Repeat("i", 300)+`":1`, nil), reason.None},
		{"C58 unknown claims are ignored", contoso.raw(`"xms_new":{"a":[1,"b",null,true]}`, nil), reason.None},
		{"C the extra escapes of a name change nothing", contoso.raw(`"\u0061\u0075\u0064":"`+apiID+`"`, claims{"aud": nil}), reason.None},
	})
}

func TestTimes(t *testing.T) {
	at := now.Unix()
	exp := func(value string) string { return contoso.raw(`"exp":`+value, claims{"exp": nil}) }
	nbf := func(value string) string { return contoso.raw(`"nbf":`+value, claims{"nbf": nil}) }
	iat := func(value string) string { return contoso.raw(`"iat":`+value, claims{"iat": nil}) }
	rows := []hostile{
		{"D60 no exp is missing", contoso.user(claims{"exp": nil}), reason.MissingClaim},
		{"D63 no nbf is missing", contoso.user(claims{"nbf": nil}), reason.MissingClaim},
		{"D63 no iat is missing", contoso.user(claims{"iat": nil}), reason.MissingClaim},
		{"D62 exp 60 s ago passes", contoso.user(claims{"exp": at - 60}), reason.None},
		{"D62 exp 61 s ago has expired", contoso.user(claims{"exp": at - 61}), reason.Expired},
		{"D62 exp 60.001 s ago has expired", exp(fmt.Sprintf("%d.999", at-61)), reason.Expired},
		{"D62 exp with a fraction passes", exp(fmt.Sprintf("%d.5", at-60)), reason.None},
		{"D62 exp in exponent form passes", exp("1.8000005e9"), reason.None},
		{"D62 nbf 60 s ahead passes", contoso.user(claims{"nbf": at + 60}), reason.None},
		{"D62 nbf 61 s ahead is not valid yet", contoso.user(claims{"nbf": at + 61}), reason.NotYetValid},
		{"D62 nbf 60.5 s ahead is not valid yet", nbf(fmt.Sprintf("%d.5", at+60)), reason.NotYetValid},
		{"D62 iat 60 s ahead passes", contoso.user(claims{"iat": at + 60}), reason.None},
		{"D62 iat 61 s ahead is not valid yet", contoso.user(claims{"iat": at + 61}), reason.NotYetValid},
		{"D63 29 hours pass", contoso.user(claims{"iat": at - 300, "exp": at - 300 + 29*3600}), reason.None},
		{"D63 29 hours and a second are too long", contoso.user(claims{"iat": at - 300, "exp": at - 299 + 29*3600}), reason.Lifetime},
		{"D63 exp at the end of the range is too long", exp("1099511627776"), reason.Lifetime},
		{"D63 nbf after exp contradicts", contoso.user(claims{"nbf": at + 20, "exp": at + 10}), reason.Lifetime},
		{"D61 an nbf that would wrap into the past is malformed", nbf("1e308"), reason.Malformed},
		{"D61 an iat that would wrap into the past is malformed", iat("9223372036854775808"), reason.Malformed},
	}
	for _, value := range []string{
		"null", `"1800003600"`, "true", "{}", "[1800003600]", "1e308", "1e400", "1e99999999999999999999", "9223372036854775808", "-1", "-0",
		"-1800003600", "1099511627777", "1099511627776.5", "1e13", `"NaN"`,
	} {
		rows = append(rows, hostile{"D60 exp " + value + " is malformed", exp(value), reason.Malformed})
	}
	runHostile(t, contoso.verifier(nil), rows)
}

func TestEntraSemantics(t *testing.T) {
	upper := strings.ToUpper
	v1 := func(change claims) string { return contoso.user(contoso.v1(change)) }
	asApp := func(change claims) string { return contoso.user(app(change)) }
	issuer := func(iss any) string { return contoso.user(claims{"iss": iss}) }
	aud := func(aud any) string { return contoso.user(claims{"aud": aud}) }
	runHostile(t, contoso.verifier(nil), []hostile{
		{"E67 the issuer of another tenant", issuer(strings.ReplaceAll(contoso.Issuer(2), tenantID, otherTenant)), reason.Issuer},
		{"E67 the consumer tenant", issuer("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"), reason.Issuer},
		{"E67 the US Government cloud", issuer("https://login.microsoftonline.us/" + tenantID + "/v2.0"), reason.Issuer},
		{"E67 common", issuer("https://login.microsoftonline.com/common/v2.0"), reason.Issuer},
		{"E67 the template text", issuer("https://login.microsoftonline.com/{tenantid}/v2.0"), reason.Issuer},
		{"E67 a slash too many", issuer(contoso.Issuer(2) + "/"), reason.Issuer},
		{"E67 a slash too few", v1(claims{"iss": strings.TrimSuffix(contoso.Issuer(1), "/")}), reason.Issuer},
		{"E67 upper case", issuer(upper(contoso.Issuer(2))), reason.Issuer},
		{"E67 no issuer", issuer(nil), reason.Issuer},
		{"E67 an empty issuer", issuer(""), reason.Issuer},
		{"E67 a list of issuers", issuer([]string{contoso.Issuer(2)}), reason.Issuer},
		{"E67 an issuer written with escapes is the issuer",
			contoso.raw(`"iss":"`+strings.ReplaceAll(contoso.Issuer(2), "/", `\/`)+`"`, claims{"iss": nil}), reason.None},
		{"E68 no tid", contoso.user(claims{"tid": nil}), reason.Tenant},
		{"E68 another tid", contoso.user(claims{"tid": otherTenant}), reason.Tenant},
		{"E68 tid in upper case", contoso.user(claims{"tid": upper(tenantID)}), reason.Tenant},
		{"E68 tid in a list", contoso.user(claims{"tid": []string{tenantID}}), reason.Tenant},
		{"E68 tid null", contoso.user(claims{"tid": null}), reason.Tenant},
		{"E69 ver 1.0 with the v2.0 issuer", contoso.user(claims{"ver": "1.0"}), reason.Version},
		{"E69 ver 2.0 with the v1.0 issuer", v1(claims{"ver": "2.0"}), reason.Version},
		{"E69 no ver", contoso.user(claims{"ver": nil}), reason.Version},
		{"E69 ver 2 as a number", contoso.user(claims{"ver": 2.0}), reason.Version},
		{"E70 another application", aud(otherAPI), reason.Audience},
		{"E70 a prefix", aud(apiID[:35]), reason.Audience},
		{"E70 a suffix", aud(apiID + "0"), reason.Audience},
		{"E70 null", aud(null), reason.Audience},
		{"E70 absent", aud(nil), reason.Audience},
		{"E70 empty", aud(""), reason.Audience},
		{"E70 a list within a list", aud([]any{[]string{apiID}}), reason.Audience},
		{"E70 an empty list", aud([]string{}), reason.Audience},
		{"E70 an object", aud(claims{"aud": apiID}), reason.Audience},
		{"E70 several", aud([]string{apiID, otherAPI}), reason.Audience},
		{"E70 twice the same", aud([]string{apiID, apiID}), reason.Audience},
		{"E70 a list with a number beside", aud([]any{apiID, 1}), reason.Audience},
		{"E70 ARM", aud("https://management.azure.com/"), reason.Audience},
		{"E70 v2.0 with the api:// form", aud("api://" + apiID), reason.Audience},
		{"E70 Graph by its ID", aud(graphID), reason.GraphToken},
		{"E70 Graph by its address", v1(claims{"aud": "https://graph.microsoft.com"}), reason.GraphToken},
		{"E70 Graph before another", aud([]string{graphID, apiID}), reason.GraphToken},
		{"E70 Graph among several", aud([]string{apiID, graphID}), reason.GraphToken},
		{"E70 a list of one is that one", aud([]string{apiID}), reason.None},
		{"E70 v2.0 in upper case is the GUID", aud(upper(apiID)), reason.None},
		{"E70 v1.0 with the ID", v1(claims{"aud": apiID}), reason.None},
		{"E70 v1.0 with the ID and a slash", v1(claims{"aud": apiID + "/"}), reason.None},
		{"E70 v1.0 with api:// and a slash", v1(claims{"aud": "api://" + apiID + "/"}), reason.None},
		{"E70 v1.0 with the URI", v1(claims{"aud": apiURI}), reason.None},
		{"E70 v1.0 with the URI and a slash", v1(claims{"aud": apiURI + "/"}), reason.None},
		{"E70 v1.0 with the URI and two slashes", v1(claims{"aud": apiURI + "//"}), reason.Audience},
		{"E70 v1.0 with the URI in another case", v1(claims{"aud": upper(apiURI)}), reason.Audience},
		{"E70 v1.0 with a path after the URI", v1(claims{"aud": apiURI + "/v1"}), reason.Audience},
		{"E72 another client", contoso.user(claims{"azp": otherAPI}), reason.Client},
		{"E72 the API itself is not implied", contoso.user(claims{"azp": apiID}), reason.Client},
		{"E72 the application of a service account does not admit users", contoso.user(claims{"azp": exporterID}), reason.Client},
		{"E72 nor the user whose object ID an entry names by mistake", contoso.user(claims{"azp": exporterID, "oid": accountID}), reason.Client},
		{"E72 another client of v1.0", v1(claims{"appid": otherAPI}), reason.Client},
		{"E72 the client in upper case is the GUID", contoso.user(claims{"azp": upper(clientID)}), reason.None},
		{"E72 no client", contoso.user(claims{"azp": nil}), reason.MissingClaim},
		{"E72 azp and appid alike", contoso.user(claims{"appid": upper(clientID)}), reason.None},
		{"E72 azp and appid that differ", contoso.user(claims{"appid": otherAPI}), reason.Malformed},
		{"E72 azp and an empty appid differ", contoso.user(claims{"appid": ""}), reason.Malformed},
		{"E72 azp and appid null", contoso.user(claims{"appid": null}), reason.ClaimType},
		{"E72 an azp that is no GUID", contoso.user(claims{"azp": "web"}), reason.ClaimType},
		{"E72 an empty azp", contoso.user(claims{"azp": ""}), reason.ClaimType},
		{"E72 a v2.0 token with appid alone", contoso.user(claims{"azp": nil, "appid": clientID}), reason.None},
		{"E73 an ID token by nonce", contoso.user(claims{"azp": nil, "scp": nil, "nonce": "n"}), reason.IDToken},
		{"E73 an ID token by at_hash", contoso.user(claims{"azp": nil, "at_hash": "h"}), reason.IDToken},
		{"E73 an ID token by c_hash null", contoso.user(claims{"azp": nil, "c_hash": null}), reason.IDToken},
		{"E73 an ID token with azp", contoso.user(claims{"scp": nil, "nonce": "n"}), reason.IDToken},
		{"E74 idtyp user with scp", contoso.user(claims{"idtyp": "user"}), reason.None},
		{"E74 idtyp app with scp", contoso.user(claims{"idtyp": "app"}), reason.IDToken},
		{"E74 idtyp device", contoso.user(claims{"idtyp": "device"}), reason.IDToken},
		{"E74 idtyp in another case", asApp(claims{"idtyp": "App"}), reason.IDToken},
		{"E74 idtyp user without scp", contoso.user(claims{"idtyp": "user", "scp": nil}), reason.IDToken},
		{"E74 idtyp null", contoso.user(claims{"idtyp": null}), reason.IDToken},
		{"E74 idtyp a list", asApp(claims{"idtyp": []string{"app"}}), reason.IDToken},
		{"E74 neither scp nor idtyp, sub of a user", contoso.user(claims{"scp": nil}), reason.IDToken},
		{"E74 neither scp nor idtyp, no oid and no sub", contoso.user(claims{"scp": nil, "oid": nil, "sub": nil}), reason.IDToken},
		{"E74 neither scp nor idtyp, oid and sub empty", contoso.user(claims{"scp": nil, "oid": "", "sub": ""}), reason.IDToken},
		{"E74 neither scp nor idtyp, oid and sub of one letter", contoso.user(claims{"scp": nil, "oid": "x", "sub": "x"}), reason.ClaimType},
		{"E74 an application by idtyp", asApp(nil), reason.None},
		{"E74 an application by oid = sub", asApp(claims{"idtyp": nil}), reason.None},
		{"E74 an application with roles", asApp(claims{"roles": []string{"reader"}}), reason.None},
		{"E74 an application of the client list", asApp(claims{"azp": clientID, "oid": userID}), reason.None},
		{"E74 an application of another service account", asApp(claims{"oid": userID}), reason.Client},
		{"E74 a service account through another application", asApp(claims{"azp": otherAPI}), reason.Client},
		{"E75 scp empty", contoso.user(claims{"scp": ""}), reason.IDToken},
		{"E75 scp null", contoso.user(claims{"scp": null}), reason.IDToken},
		{"E75 scp a list", contoso.user(claims{"scp": []string{"platform.read-write"}}), reason.IDToken},
		{"E75 scp empty beside idtyp app", asApp(claims{"scp": ""}), reason.IDToken},
		{"E76 an application without oid", asApp(claims{"oid": nil}), reason.MissingClaim},
		{"E76 an application with oid null", asApp(claims{"oid": null}), reason.MissingClaim},
		{"E76 an application with an empty oid", asApp(claims{"oid": ""}), reason.MissingClaim},
		{"E76 an application whose oid is no GUID", asApp(claims{"oid": "exporter"}), reason.ClaimType},
		{"E76 an application whose oid is a number", asApp(claims{"oid": 1}), reason.ClaimType},
		{"E79 act and actortoken are nobody's identity", contoso.raw(`"act":{"sub":"x"},"actortoken":"x","may_act":{}`, nil), reason.None},
	})
	t.Run("E72 an empty list of clients is nobody", func(t *testing.T) {
		wantReason(t, contoso.verifier(func(p *Provider) { p.ClientIDs = nil }), contoso.user(nil), reason.Client)
	})
}
