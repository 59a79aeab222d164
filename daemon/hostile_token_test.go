package daemon_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// hostileToken is a token of somebody who wants in without a right to, and the answer of the whole daemon. Its name
// begins with the row of the list of threats; fetches is how often the v2.0 key set is asked for on its account (the
// other one comes with it).
type hostileToken struct {
	name, token, want string
	fetches           int
}

// hostileRows are the rows of the list of threats that one token can show. The others are about documents and keys,
// what is kept, configurations, and properties of all tokens.
const hostileRows = `A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16 A17 A19 A20 A21 C51 C52 C53 C54 C55 C56 C57 C58
	D60 D61 D62 D63 E67 E68 E69 E70 E72 E73 E74 E75 E76 E78 E79 E80 F82 F83 F86 F87 F88 F89`

// TestHostileTokens asks a running claimd with each token, in order: its key set is fetched for three unknown key ids,
// and for nothing else.
func TestHostileTokens(t *testing.T) {
	f, seen := newForger(t), map[string]bool{}
	for _, section := range []func(*testing.T, *forger) []hostileToken{
		hostileForms, hostileHeaders, hostileSignatures, hostilePayloads, hostileTimes, hostileOrigins, hostileCallers, hostileGroups, hostileKeyIDs,
	} {
		f.claimd.ask(t, f.user(nil)).want(t, "an honest token", letIn)
		for _, row := range section(t, f) {
			number, _, _ := strings.Cut(row.name, " ")
			seen[number] = true
			t.Run(row.name, func(t *testing.T) { f.judge(t, row) })
		}
	}
	for _, number := range strings.Fields(hostileRows) {
		if !seen[number] {
			t.Errorf("no token for row %s", number)
		}
	}
	f.claimd.ask(t, f.user(nil)).want(t, "an honest token after all of them", letIn)
	f.claimd.wantNoPanic(t)
}

// forger signs whatever is wanted, with a key that the tenant publishes.
type forger struct {
	*world
	t      *testing.T
	key    *rsa.PrivateKey
	claimd *claimd
	good   []byte // the payload of an honest token of Ada's
}

const goodHeader = `{"typ":"JWT","alg":"RS256","kid":"own"}`

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	tenant := startTenant(t, people(contosoTenant))
	own, err := json.Marshal(jwkOf(key, "own"))
	must(t, err)
	tenant.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if !strings.HasSuffix(what, "keys") {
			return body
		}
		return bytes.Replace(body, []byte(`{"keys":[`), []byte(`{"keys":[`+string(own)+","), 1)
	}})
	f := &forger{world: &world{contoso: tenant, shared: map[plan]*claimd{}}, t: t, key: key}
	f.good = payloadOf(t, f.ada(t, nil))
	f.claimd = f.own(t, plan{
		provider: `required_scopes = ["` + readWrite + "\"]\nadmin_group = \"" + adminGroupID + "\"\nguests = \"deny\"",
		groups:   "Analysts = \"\"\n\"" + someGroupID + "\" = \"\"\n'Café' = \"\"\n'CONTOSO\\Team A' = \"\"",
		roles:    `viewer = ""`,
		more:     "[[service_account]]\nobject_id = \"" + nightlyObject + "\"\napplication_id = \"" + nightlyApp + "\"\ngroups = [\"Analysts\"]\n",
	})
	return f
}

func (f *forger) judge(t *testing.T, row hostileToken) {
	t.Helper()
	before := f.contoso.Requests("v2 keys")
	f.claimd.ask(t, row.token).want(t, row.name, row.want)
	if n := f.contoso.Requests("v2 keys") - before; n != row.fetches {
		t.Errorf("the key set was fetched %d times, want %d", n, row.fetches)
	}
}

// seal signs header and payload as they are.
func (f *forger) seal(header, payload string) string {
	return f.sealParts(encode([]byte(header)) + "." + encode([]byte(payload)))
}

func (f *forger) sealParts(signed string) string {
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, digest[:])
	must(f.t, err)
	return signed + "." + encode(signature)
}

// user is a token of Ada's with changed claims.
func (f *forger) user(changes claims) string {
	all := claims{}
	must(f.t, json.Unmarshal(f.good, &all))
	for name, value := range changes {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	for _, name := range []string{"exp", "nbf", "iat"} { // not as floats
		if number, ok := all[name].(float64); ok {
			all[name] = int64(number)
		}
	}
	payload, err := json.Marshal(all)
	must(f.t, err)
	return f.seal(goodHeader, string(payload))
}

// app is a token of the nightly export's own, with changed claims.
func (f *forger) app(changes claims) string {
	return f.user(merge(claims{
		"scp": nil, "groups": nil, "idtyp": "app", "oid": nightlyObject, "sub": nightlyObject, "azp": nightlyApp, "email": nil, "preferred_username": nil,
	}, changes))
}

// v1 is a v1.0 token of Ada's with changed claims.
func (f *forger) v1(changes claims) string {
	return f.user(merge(claims{
		"iss": f.contoso.Issuer(1), "ver": "1.0", "aud": "api://" + apiApp, "azp": nil, "azpacr": nil, "appid": deskApp, "appidacr": "0",
	}, changes))
}

// member is an honest payload with further members at its end.
func (f *forger) member(members string) string {
	return f.seal(goodHeader, strings.TrimSuffix(string(f.good), "}")+","+members+"}")
}

// instead is a payload in which the claim has a raw value.
func (f *forger) instead(claim, raw string) string {
	return f.user(claims{claim: json.RawMessage(raw)})
}

const refusedForm, opaqueForm = "401 malformed", "401 opaque_token"

func hostileForms(_ *testing.T, f *forger) []hostileToken {
	good := f.user(nil)
	parts := strings.Split(good, ".")
	return []hostileToken{
		{"A1 a signed token of more than 32 KiB", f.user(claims{"x": strings.Repeat("x", 32<<10)}), refusedForm, 0},
		{"A1 32 KiB and a byte", strings.Repeat("a", 32<<10+1), refusedForm, 0},
		{"A1 20 KiB that are honest", f.user(claims{"x": strings.Repeat("x", 20<<10)}), letIn, 0},
		{"A2 one part", parts[0], opaqueForm, 0},
		{"A2 two parts", parts[0] + "." + parts[1], refusedForm, 0},
		{"A2 four parts", good + ".x", refusedForm, 0},
		{"A2 six parts", good + ".x.x.x", refusedForm, 0},
		{"A2 an empty header", "." + parts[1] + "." + parts[2], refusedForm, 0},
		{"A2 an empty payload", parts[0] + ".." + parts[2], refusedForm, 0},
		{"A2 an empty signature", parts[0] + "." + parts[1] + ".", refusedForm, 0},
		{"A3 the JSON form in base64", encode([]byte(`{"payload":"` + parts[1] + `","signatures":[]}`)), opaqueForm, 0},
		{"A4 five parts", encode([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)) + ".a.b.c.d", refusedForm, 0},
		{"A4 five parts of no JSON", "a.b.c.d.e", refusedForm, 0},
		{"A5 padding", good + "==", refusedForm, 0},
		{"A5 the other alphabet", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-2] + "+/", refusedForm, 0},
		{"A5 a length that no bytes have", f.sealParts(parts[0] + "." + encode([]byte("{}")) + "AA"), refusedForm, 0},
		{"A6 trailing bits of the signature", trailingBits(good), refusedForm, 0},
		{"A6 trailing bits of the payload", f.sealParts(parts[0] + "." + encode([]byte("{}"))[:2] + "1"), refusedForm, 0},
	}
}

func hostileHeaders(_ *testing.T, f *forger) []hostileToken {
	whole := func(header string) string { return f.seal(header, string(f.good)) }
	with := func(members string) string { return whole(strings.TrimSuffix(goodHeader, "}") + "," + members + "}") }
	rows := []hostileToken{
		{"A7 alg none", whole(`{"typ":"JWT","alg":"none","kid":"own"}`), "401 algorithm", 0},
		{"A7 alg None with a blank", whole(`{"typ":"JWT","alg":"None ","kid":"own"}`), "401 algorithm", 0},
		{"A7 alg none with a NUL", whole(`{"typ":"JWT","alg":"none\u0000","kid":"own"}`), "401 algorithm", 0},
		{"A7 no alg", whole(`{"typ":"JWT","kid":"own"}`), refusedForm, 0},
		{"A8 alg HS256", whole(`{"typ":"JWT","alg":"HS256","kid":"own"}`), "401 algorithm", 0},
		{"A9 alg RS512", whole(`{"typ":"JWT","alg":"RS512","kid":"own"}`), "401 algorithm", 0},
		{"A10 alg twice", with(`"alg":"RS256"`), refusedForm, 0},
		{"A10 alg twice, once escaped", with(`"\u0061lg":"none"`), refusedForm, 0},
		{"A10 alg in another case", with(`"ALG":"none"`), refusedForm, 0},
		{"A10 an unknown member twice", with(`"x":1,"x":1`), refusedForm, 0},
		{"A10 kid with the Kelvin sign", with(`"\u212aid":"x"`), refusedForm, 0},
		{"A13 a key id of 5 kB", whole(`{"typ":"JWT","alg":"RS256","kid":"` + strings.Repeat("k", 5000) + `"}`), refusedForm, 0},
		{"A13 a key id that is a number", whole(`{"typ":"JWT","alg":"RS256","kid":7}`), refusedForm, 0},
		{"A13 a key id that is a list", whole(`{"typ":"JWT","alg":"RS256","kid":["own"]}`), refusedForm, 0},
		{"A14 no key id", whole(`{"typ":"JWT","alg":"RS256"}`), "401 key", 0},
		{"A14 an empty key id", whole(`{"typ":"JWT","alg":"RS256","kid":""}`), "401 key", 0},
		{"A15 typ id_token", whole(`{"typ":"id_token","alg":"RS256","kid":"own"}`), refusedForm, 0},
		{"A15 no typ", whole(`{"alg":"RS256","kid":"own"}`), refusedForm, 0},
		{"A16 the nonce of Graph", with(`"nonce":"x"`), "401 graph_token", 0},
		{"A17 three levels", with(`"x":{"y":{}}`), refusedForm, 0},
		{"A17 more than 2 KiB", with(`"x":"` + strings.Repeat("x", 2<<10) + `"`), refusedForm, 0},
		{"A17 no object", whole(`["RS256"]`), refusedForm, 0},
		{"A17 two objects", whole(goodHeader + "{}"), refusedForm, 0},
		{"A17 no UTF-8", with("\"x\":\"\xff\""), refusedForm, 0},
	}
	for name, value := range map[string]string{"crit": `["exp"]`, "CRIT": `[]`, "b64": `false`} {
		rows = append(rows, hostileToken{"A11 header " + name, with(`"` + name + `":` + value), refusedForm, 0})
	}
	for name, value := range map[string]string{
		"jku": `"http://127.0.0.1:1/"`, "x5u": `"http://127.0.0.1:1/"`, "jwk": `{"kty":"RSA"}`, "x5c": `["MA=="]`, "zip": `"DEF"`, "enc": `"A256GCM"`, "cty": `"JWT"`,
	} {
		rows = append(rows, hostileToken{"A12 header " + name, with(`"` + name + `":` + value), refusedForm, 0})
	}
	return rows
}

// hostileSignatures are by the right key, and none of them in the right form.
func hostileSignatures(t *testing.T, f *forger) []hostileToken {
	good := f.user(nil)
	body := good[:strings.LastIndexByte(good, '.')]
	digest, weak := sha256.Sum256([]byte(body)), sha1.Sum([]byte(body))
	bare, err := rsa.SignPKCS1v15(nil, f.key, 0, digest[:])
	must(t, err)
	old, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA1, weak[:])
	must(t, err)
	pss, err := rsa.SignPSS(rand.Reader, f.key, crypto.SHA256, digest[:], nil)
	must(t, err)
	psHeader := encode([]byte(`{"typ":"JWT","alg":"PS256","kid":"own"}`)) + body[strings.IndexByte(body, '.'):]
	return []hostileToken{
		{"A19 PKCS#1 without the name of the hash", body + "." + encode(bare), "401 signature", 0},
		{"A19 PKCS#1 of SHA-1", body + "." + encode(old), "401 signature", 0},
		{"A19 ones for padding, and nothing right behind", body + "." + encode(append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 254)...)), "401 signature", 0},
		{"A20 PSS under RS256", body + "." + encode(pss), "401 signature", 0},
		{"A20 PSS under PS256", psHeader + "." + encode(pss), "401 algorithm", 0},
		{"A21 a signature of zeros under ES256", encode([]byte(`{"typ":"JWT","alg":"ES256","kid":"own"}`)) + body[strings.IndexByte(body, '.'):] + "." + encode(make([]byte, 64)), "401 algorithm", 0},
		{"A21 a signature of zeros", body + "." + encode(make([]byte, 256)), "401 signature", 0},
	}
}

func hostilePayloads(_ *testing.T, f *forger) []hostileToken {
	good := string(f.good)
	raw := func(payload string) string { return f.seal(goodHeader, payload) }
	return []hostileToken{
		{"C51 aud twice", f.member(`"aud":"x"`), refusedForm, 0},
		{"C51 groups twice", f.member(`"groups":[]`), refusedForm, 0},
		{"C51 oid twice, once escaped", f.member(`"\u006fid":"x"`), refusedForm, 0},
		{"C51 twice within a claim", f.member(`"x":[{"a":1,"a":2}]`), refusedForm, 0},
		{"C52 OID beside oid", f.member(`"OID":"` + blockedObject + `"`), refusedForm, 0},
		{"C52 Tid instead of tid", f.user(claims{"tid": nil, "Tid": contosoTenant}), refusedForm, 0},
		{"C52 HasGroups", f.member(`"HasGroups":false`), refusedForm, 0},
		{"C52 GROUPS are another claim", f.member(`"GROUPS":["Admins"]`), letIn, 0},
		{"C53 the long s", f.member("\"i\u017fs\":1"), refusedForm, 0},
		{"C53 the long s, escaped", f.member(`"\u017fcp":1`), refusedForm, 0},
		{"C53 a NUL behind a name", f.member(`"oid\u0000":"x"`), letIn, 0},
		{"C54 something behind the object", raw(good + "{}"), refusedForm, 0},
		{"C54 a byte order mark", raw("\ufeff" + good), refusedForm, 0},
		{"C54 UTF-16", raw("{\x00}\x00"), refusedForm, 0},
		{"C54 a list", raw("[" + good + "]"), refusedForm, 0},
		{"C54 null", raw("null"), refusedForm, 0},
		{"C54 a comment", raw(good + "//"), refusedForm, 0},
		{"C55 no UTF-8", f.member("\"x\":\"\xff\""), refusedForm, 0},
		{"C55 an overlong form", f.member("\"x\":\"\xc0\xaf\""), refusedForm, 0},
		{"C55 half a surrogate pair", f.member(`"x":"\ud800"`), refusedForm, 0},
		{"C55 a name of half a surrogate pair", f.member(`"\udc00":1`), refusedForm, 0},
		{"C56 65 levels", f.member(`"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)), refusedForm, 0},
		{"C56 more than 2,000 members", f.member(manyMembers(2000)), refusedForm, 0},
		{"C56 a number of 65 digits", f.member(`"x":` + strings.Repeat("9", 65)), refusedForm, 0},
		{"C57 azp as a number", f.user(claims{"azp": 7}), "401 claim_type", 0},
		{"C57 sub as a list", f.user(claims{"sub": []string{"x"}}), "401 claim_type", 0},
		{"C57 groups as a number", f.user(claims{"groups": 7}), "401 claim_type", 0},
		{"C57 groups as an object", f.user(claims{"groups": claims{"Analysts": true}}), "401 claim_type", 0},
		{"C57 groups of numbers", f.user(claims{"groups": []any{"Analysts", 7}}), "401 claim_type", 0},
		{"C58 unknown claims", f.member(`"xms_tomorrow":{"iss":1,"aud":null}`), letIn, 0},
	}
}

func manyMembers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d":0`, i)
	}
	return strings.Join(members, ",")
}

func hostileTimes(_ *testing.T, f *forger) []hostileToken {
	now := time.Now().Unix()
	rows := []hostileToken{
		{"D60 no exp", f.user(claims{"exp": nil}), "401 missing_claim", 0},
		{"D60 exp long ago", f.user(claims{"exp": 1}), "401 expired", 0},
		{"D61 nbf 1e308", f.instead("nbf", "1e308"), refusedForm, 0},
		{"D61 iat 2^63", f.instead("iat", "9223372036854775808"), refusedForm, 0},
		{"D62 expired for 90 s", f.user(claims{"exp": now - 90, "nbf": now - 900, "iat": now - 900}), "401 expired", 0},
		{"D62 expired for 30 s", f.user(claims{"exp": now - 30, "nbf": now - 900, "iat": now - 900}), letIn, 0},
		{"D62 valid in 300 s", f.user(claims{"nbf": now + 300}), "401 not_yet_valid", 0},
		{"D62 issued in 300 s", f.user(claims{"iat": now + 300}), "401 not_yet_valid", 0},
		{"D63 more than 29 hours", f.user(claims{"iat": now, "exp": now + 29*3600 + 2}), "401 lifetime", 0},
		{"D63 exp in the year 36812", f.user(claims{"exp": 1 << 40}), "401 lifetime", 0},
		{"D63 nbf after exp", f.user(claims{"exp": now + 10, "nbf": now + 20}), "401 lifetime", 0},
		{"D63 no nbf", f.user(claims{"nbf": nil}), "401 missing_claim", 0},
		{"D63 no iat", f.user(claims{"iat": nil}), "401 missing_claim", 0},
	}
	for _, value := range []string{"null", `"4102444800"`, "true", "[4102444800]", "1e308", "1e400", "9223372036854775808", "-1", "1099511627777", `"NaN"`, "{}"} {
		rows = append(rows, hostileToken{"D60 exp " + value, f.instead("exp", value), refusedForm, 0})
	}
	return rows
}

// hostileOrigins: who issued it, and for whom.
func hostileOrigins(_ *testing.T, f *forger) []hostileToken {
	v2 := f.contoso.Issuer(2)
	var rows []hostileToken
	for name, iss := range map[string]any{
		"of another tenant": strings.ReplaceAll(v2, contosoTenant, fabrikamTenant), "of the consumers": f.contoso.URL() + "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
		"of the real cloud": "https://login.microsoftonline.com/" + contosoTenant + "/v2.0", "of the government's": "https://login.microsoftonline.us/" + contosoTenant + "/v2.0",
		"of China's": "https://login.partner.microsoftonline.cn/" + contosoTenant + "/v2.0", "common": f.contoso.URL() + "/common/v2.0",
		"the template": f.contoso.URL() + "/{tenantid}/v2.0", "in capitals": strings.ToUpper(v2), "with a slash": v2 + "/", "absent": nil, "empty": "", "in a list": []string{v2},
	} {
		rows = append(rows, hostileToken{"E67 the issuer " + name, f.user(claims{"iss": iss}), "401 issuer", 0})
	}
	for name, tid := range map[string]any{
		"absent": nil, "another": fabrikamTenant, "in capitals": strings.ToUpper(contosoTenant), "in a list": []string{contosoTenant}, "empty": "", "null": jsonNull,
	} {
		rows = append(rows, hostileToken{"E68 tid " + name, f.user(claims{"tid": tid}), "401 tenant", 0})
	}
	rows = append(rows,
		hostileToken{"E69 the v1.0 issuer beside ver 2.0", f.user(claims{"iss": f.contoso.Issuer(1)}), "401 version", 0},
		hostileToken{"E69 ver 1.0 beside the v2.0 issuer", f.user(claims{"ver": "1.0"}), "401 version", 0},
		hostileToken{"E69 no ver", f.user(claims{"ver": nil}), "401 version", 0},
		hostileToken{"E70 Graph", f.v1(claims{"aud": "https://graph.microsoft.com/"}), "401 graph_token", 0},
		hostileToken{"E70 Graph among several", f.user(claims{"aud": []string{apiApp, "00000003-0000-0000-c000-000000000000"}}), "401 graph_token", 0},
		hostileToken{"E70 v1.0 with its URI", f.v1(nil), letIn, 0},
		hostileToken{"E70 v1.0 with an address that is not configured", f.v1(claims{"aud": apiURI}), "401 audience", 0})
	for name, aud := range map[string]any{
		"another": otherAPIApp, "a prefix": apiApp[:35], "a suffix": apiApp + "0", "in a list in a list": []any{[]string{apiApp}}, "null": jsonNull, "empty": "",
		"ARM": "https://management.azure.com/", "several": []string{apiApp, otherAPIApp}, "a URI in v2.0": "api://" + apiApp,
	} {
		rows = append(rows, hostileToken{"E70 aud " + name, f.user(claims{"aud": aud}), "401 audience", 0})
	}
	return rows
}

// hostileCallers: who calls, and for whom.
func hostileCallers(_ *testing.T, f *forger) []hostileToken {
	return []hostileToken{
		{"E72 another client", f.user(claims{"azp": rogueApp}), "403 client", 0},
		{"E72 the API itself", f.user(claims{"azp": apiApp}), "403 client", 0},
		{"E72 no client", f.user(claims{"azp": nil}), "401 missing_claim", 0},
		{"E72 two clients", f.user(claims{"appid": rogueApp}), refusedForm, 0},
		{"E72 a service account's client with a user", f.user(claims{"azp": nightlyApp}), "403 client", 0},
		{"E73 an ID token", f.user(claims{"azp": nil, "scp": nil, "nonce": "x"}), "401 id_token", 0},
		{"E73 an ID token by at_hash", f.user(claims{"azp": nil, "at_hash": "x"}), "401 id_token", 0},
		{"E74 a service account", f.app(nil), letIn, 0},
		{"E74 an application that is no service account", f.app(claims{"oid": otherObject, "sub": otherObject, "azp": deskApp}), "403 unknown_service_account", 0},
		{"E74 a user's token that says app", f.user(claims{"idtyp": "app"}), "401 id_token", 0},
		{"E74 an application's that says user", f.app(claims{"idtyp": "user"}), "401 id_token", 0},
		{"E74 neither scp nor idtyp", f.user(claims{"scp": nil}), "401 id_token", 0},
		{"E74 another idtyp", f.app(claims{"idtyp": "device"}), "401 id_token", 0},
		{"E75 another scope", f.user(claims{"scp": "other"}), "403 scope", 0},
		{"E75 a part of the scope", f.user(claims{"scp": readWrite[:8]}), "403 scope", 0},
		{"E75 more than the scope", f.user(claims{"scp": readWrite + "-all"}), "403 scope", 0},
		{"E75 the scope in another case", f.user(claims{"scp": strings.ToUpper(readWrite)}), "403 scope", 0},
		{"E75 scopes apart by a tab", f.user(claims{"scp": "a\t" + readWrite}), "403 scope", 0},
		{"E75 the scope among others", f.user(claims{"scp": "a " + readWrite + " b"}), letIn, 0},
		{"E75 a list of scopes", f.user(claims{"scp": []string{readWrite}}), "401 id_token", 0},
		{"E75 an empty scope", f.user(claims{"scp": ""}), "401 id_token", 0},
		{"E76 no oid", f.user(claims{"oid": nil}), "401 missing_claim", 0},
		{"E76 an empty oid", f.user(claims{"oid": ""}), "401 missing_claim", 0},
		{"E76 an oid that is no GUID", f.user(claims{"oid": "root"}), "401 claim_type", 0},
		{"E76 an application without oid", f.app(claims{"oid": nil}), "401 missing_claim", 0},
		{"E78 another oid under Ada's name is another user", f.user(claims{"oid": blockedObject}), letIn, 0},
		{"E79 actors change nothing", f.member(`"act":{"oid":"x"},"may_act":{},"actortoken":"x"`), letIn, 0},
		{"E80 a guest by acct", f.user(claims{"acct": 1}), "403 guest", 0},
		{"E80 a guest by idp", f.user(claims{"idp": "live.com"}), "403 guest", 0},
	}
}

func hostileGroups(_ *testing.T, f *forger) []hostileToken {
	rows := []hostileToken{
		{"F82 the right group", f.user(claims{"groups": []string{"Café"}}), "200 groups=Caf%C3%A9 roles=", 0},
		{"F83 the right GUID", f.user(claims{"groups": []string{someGroupID}}), "200 groups=" + someGroupID + " roles=", 0},
		{"F83 a GUID in capitals", f.user(claims{"groups": []string{strings.ToUpper(someGroupID)}}), "403 no_group", 0},
		{"F83 a GUID in braces", f.user(claims{"groups": []string{"{" + someGroupID + "}"}}), "403 no_group", 0},
		{"F86 a NUL behind", f.user(claims{"groups": []string{"Analysts\x00"}}), "403 no_group", 0},
		{"F86 a NUL and more behind", f.user(claims{"groups": []string{"Analysts\x00x"}}), "403 no_group", 0},
		{"F87 a star", f.user(claims{"groups": []string{"*", ".*", "%", "Analyst?"}}), "403 no_group", 0},
		{"F87 a role's name", f.user(claims{"groups": []string{"viewer"}}), "403 no_group", 0},
		{"F87 a user's id", f.user(claims{"groups": []string{adaObject}}), "403 no_group", 0},
		{"F88 no groups", f.user(claims{"groups": nil}), "403 no_group", 0},
		{"F88 more groups than the token holds", f.user(claims{"groups": nil, "hasgroups": true}), "403 groups_overage", 0},
		{"F89 an administrator", f.user(claims{"groups": []string{"Analysts", adminGroupID}}), letInBoss, 0},
		{"F89 an administrator in capitals", f.user(claims{"groups": []string{"Analysts", strings.ToUpper(adminGroupID)}}), letIn, 0},
		{"F89 an administrator who belongs to no group", f.user(claims{"groups": []string{adminGroupID}}), "403 no_group", 0},
	}
	for name, group := range map[string]string{
		"in another case": "analysts", "with a blank": "Analysts ", "with a blank that does not break": "Analysts\u00a0", "with a blank of no width": "Ana\u200blysts",
		"with a mark of direction": "\u202eAnalysts", "in Cyrillic": "\u0410nalysts", "in full width": "\uff21nalysts", "taken apart": "Cafe\u0301",
		"with another separator": "CONTOSO/Team A", "with two separators": `CONTOSO\\Team A`, "with a soft hyphen": "Ana\u00adlysts", "with a variation": "Analysts\ufe0f",
	} {
		rows = append(rows, hostileToken{"F82 a group " + name, f.user(claims{"groups": []string{group}}), "403 no_group", 0})
	}
	return rows
}

// hostileKeyIDs come last: the first three unknown ones may cause a fetch each (DESIGN, keys).
func hostileKeyIDs(_ *testing.T, f *forger) []hostileToken {
	kid := func(kid string) string {
		text, _ := json.Marshal(kid)
		return f.seal(`{"typ":"JWT","alg":"RS256","kid":`+string(text)+`}`, string(f.good))
	}
	const unavailable = "503 keys_unavailable"
	return []hostileToken{
		{"A13 a path", kid("../../../../dev/null"), "401 key", 1},
		{"A13 the same path", kid("../../../../dev/null"), "401 key", 0},
		{"A13 SQL", kid("own' OR '1'='1"), "401 key", 1},
		{"A13 a shell", kid("own; curl 127.0.0.1:1 | sh"), "401 key", 1},
		{"A13 a NUL behind the right one", kid("own\x00"), unavailable, 0},
		{"A13 a glob", kid("*"), unavailable, 0},
		{"A13 an address", kid("http://127.0.0.1:1/keys"), unavailable, 0},
		{"A13 the right one in another case", kid("OWN"), unavailable, 0},
		{"A13 the right one", kid("own"), letIn, 0},
		{"A13 SQL again", kid("own' OR '1'='1"), "401 key", 0},
	}
}
