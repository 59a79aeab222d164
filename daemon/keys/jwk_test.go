package keys

import (
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
)

// theDocument is a checked document of the global cloud's kind.
func theEdition(version entra.Version) (edition, document) {
	e := newEdition(Source{Authority: "https://login.contoso.test", Tenant: tenant, CloudInstance: "contoso.test"}, version)
	d := document{issuer: "https://login.contoso.test/" + tenant + "/v2.0", cloud: "contoso.test"}
	if version == entra.V1 {
		d.issuer = "https://sts.contoso.test/" + tenant + "/"
	}
	return e, d
}

// rocaModulus has the mark of the flawed generator: a power of 65537 modulo each small prime.
func rocaModulus() *big.Int {
	product := big.NewInt(2)
	for _, p := range rocaPrimes {
		product.Mul(product, big.NewInt(p))
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(1234), product)
	rest := new(big.Int).Lsh(big.NewInt(1), 2047)
	rest.Sub(rest, new(big.Int).Mod(rest, product))
	return n.Add(n, rest.Add(rest, product))
}

func bits(n int) string {
	number := new(big.Int).Lsh(big.NewInt(1), uint(n-1))
	return encode(number.Add(number, big.NewInt(1)).Bytes())
}

// Each odd key stands beside a good one: it alone is ignored, with its reason (faults 24 to 27 and 30).
func TestAnOddKeyIsIgnoredAndSpoilsNoOther(t *testing.T) {
	good, a, ec := rsaJWK("good", keyA()), rsaJWK("odd", keyB()), ecJWK("odd", keyEC())
	other := ecJWK("odd", newEC())
	const malformed = "want a JSON object without duplicate members, each of its own type"
	tests := []struct {
		name string
		odd  any
		kind string
		want string
	}{
		{"null", nil, "?", malformed},
		{"a number", 5, "?", malformed},
		{"an array", []any{}, "?", malformed},
		{"an empty object", object{}, "?", `kty: want RSA or EC, got ""`},
		{"kid of another type", with(a, "kid", 7), "?", malformed},
		{"kid missing", with(a, "kid", nil), "RSA 2048", "kid: want an id, got none"},
		{"kid empty", with(a, "kid", ""), "RSA 2048", "kid: want an id, got none"},
		{"kty missing", with(a, "kty", nil), "?", `kty: want RSA or EC, got ""`},
		{"kty in another case", with(a, "kty", "rsa"), "rsa", `kty: want RSA or EC, got "rsa"`},
		{"kty OKP", object{"kty": "OKP", "kid": "odd", "crv": "Ed25519", "x": "AA"}, "OKP", `kty: want RSA or EC, got "OKP"`},
		{"kty hostile", object{"kty": "\x1b[31m", "kid": "odd"}, `\x1b[31m`, `kty: want RSA or EC, got "\x1b[31m"`},
		{"use enc", with(a, "use", "enc"), "RSA 2048", `use: want sig, got "enc"`},
		{"use empty", with(a, "use", ""), "RSA 2048", `use: want sig, got ""`},
		{"key_ops without verify", with(a, "key_ops", []string{"sign", "encrypt"}), "RSA 2048", "key_ops: want verify among them, got none"},
		{"key_ops empty", with(a, "key_ops", []string{}), "RSA 2048", "key_ops: want verify among them, got none"},
		{"key_ops no list", with(a, "key_ops", "verify"), "?", malformed},
		{"alg none", with(a, "alg", "none"), "RSA 2048", `alg: want RS256 or PS256 for RSA, got "none"`},
		{"alg HS256", with(a, "alg", "HS256"), "RSA 2048", `alg: want RS256 or PS256 for RSA, got "HS256"`},
		{"alg of another type of key", with(a, "alg", "ES256"), "RSA 2048", `alg: want RS256 or PS256 for RSA, got "ES256"`},
		{"EC with RS256", with(ec, "alg", "RS256"), "EC P-256", `alg: want ES256 for EC, got "RS256"`},
		{"RSA 2047", with(a, "n", bits(2047)), "RSA 2047", "want 2048 to 8192 bits, got 2047"},
		{"RSA 8193", with(a, "n", bits(8193)), "RSA 8193", "want 2048 to 8192 bits, got 8193"},
		{"even modulus", with(a, "n", encode(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes())), "RSA 2048", "n: want an odd number, got an even one"},
		{"e even", with(a, "e", "AQAC"), "RSA 2048", "e: want an odd number from 3 to 2^31, got another"},
		{"e one", with(a, "e", "AQ"), "RSA 2048", "e: want an odd number from 3 to 2^31, got another"},
		{"e of 32 bits", with(a, "e", "gAAAAQ"), "RSA 2048", "e: want an odd number from 3 to 2^31, got another"},
		{"e that 64 bits would cut to 65537", with(a, "e", encode([]byte{1, 0, 0, 0, 0, 0, 1, 0, 1})), "RSA 2048", "e: want an odd number from 3 to 2^31, got another"},
		{"ROCA", with(a, "n", encode(rocaModulus().Bytes())), "RSA 2048", "the key is from a flawed generator and can be factored (ROCA, CVE-2017-15361)"},
		{"n missing", with(a, "n", nil), "RSA", "n: want base64url without padding, got other text"},
		{"e missing", with(a, "e", nil), "RSA 2048", "e: want base64url without padding, got other text"},
		{"e padded", with(a, "e", "AQAB=="), "RSA 2048", "e: want base64url without padding, got other text"},
		{"e with bits that count for nothing", with(a, "e", "Ax"), "RSA 2048", "e: want base64url without padding, got other text"},
		{"e with a line end", with(a, "e", "AQ\nAB"), "RSA 2048", "e: want base64url without padding, got other text"},
		{"EC off the curve", with(ec, "y", other["y"]), "EC P-256", "want a point on P-256, got another"},
		{"EC at infinity", with(ec, "x", encode(make([]byte, 32)), "y", encode(make([]byte, 32))), "EC P-256", "want a point on P-256, got another"},
		{"EC short", with(ec, "x", "AA"), "EC P-256", "want 32 bytes each of x and y, got 1 and 32"},
		{"EC without y", with(ec, "y", nil), "EC P-256", "y: want base64url without padding, got other text"},
		{"EC without x", with(ec, "x", nil), "EC P-256", "x: want base64url without padding, got other text"},
		{"EC P-384", with(ec, "crv", "P-384"), "EC P-384", `crv: want P-256, got "P-384"`},
		{"EC without curve", with(ec, "crv", nil), "EC", `crv: want P-256, got ""`},
		{"oct", object{"kty": "oct", "kid": "odd", "k": "c2VjcmV0"}, "oct", "the provider published private key material"},
		{"oct without k", object{"kty": "oct", "kid": "odd"}, "oct", "the provider published private key material"},
		{"a private RSA key", with(a, "d", "AQAB"), "RSA 2048", "the provider published private key material"},
		{"a prime of a private RSA key", with(a, "q", ""), "RSA 2048", "the provider published private key material"},
		{"a private EC key", with(ec, "d", "AQAB"), "EC P-256", "the provider published private key material"},
		{"issuer of another tenant", with(a, "issuer", "https://login.contoso.test/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"), "RSA 2048",
			`issuer: want "https://login.contoso.test/d86ca749-105f-4f0a-a4f2-89c5ef275c2e/v2.0", got "https://login.contoso.test/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"`},
		{"issuer empty", with(a, "issuer", ""), "RSA 2048", `issuer: want "https://login.contoso.test/d86ca749-105f-4f0a-a4f2-89c5ef275c2e/v2.0", got ""`},
		{"cloud of another kind", with(a, "cloud_instance_name", "microsoftonline.us"), "RSA 2048",
			`cloud_instance_name: want "contoso.test", got "microsoftonline.us"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, d := theEdition(entra.V2)
			keys, status, err := e.readKeys(encoded(object{"keys": []any{test.odd, good}}), d)
			if err != nil || len(keys) != 1 || keys["good"].Public == nil {
				t.Fatalf("want the good key alone, got %v, %v", keys, err)
			}
			var odd *KeyStatus
			for i := range status {
				if status[i].ID != "good" {
					odd = &status[i]
				}
			}
			if odd == nil || odd.Type != test.kind || odd.Ignored != test.want {
				t.Errorf("want %s ignored for\n%s\ngot %+v", test.kind, test.want, odd)
			}
		})
	}
}

func TestAGoodKeyIsTaken(t *testing.T) {
	a, ec := rsaJWK("a", keyA()), ecJWK("a", keyEC())
	tests := []struct {
		name      string
		version   entra.Version
		key       object
		kind      string
		algorithm string
	}{
		{"as Entra writes it", entra.V2, a, "RSA 2048", ""},
		{"without use", entra.V2, with(a, "use", nil), "RSA 2048", ""},
		{"key_ops with verify", entra.V2, with(a, "key_ops", []string{"sign", "verify"}), "RSA 2048", ""},
		{"RS256", entra.V2, with(a, "alg", "RS256"), "RSA 2048", "RS256"},
		{"PS256", entra.V2, with(a, "alg", "PS256"), "RSA 2048", "PS256"},
		{"ES256", entra.V2, with(ec, "alg", "ES256"), "EC P-256", "ES256"},
		{"EC", entra.V2, ec, "EC P-256", ""},
		{"e is 3", entra.V2, with(a, "e", "Aw"), "RSA 2048", ""},
		{"RSA 8192", entra.V2, with(a, "n", bits(8192)), "RSA 8192", ""},
		{"a leading zero", entra.V2, with(a, "n", encode(append([]byte{0}, keyA().N.Bytes()...))), "RSA 2048", ""},
		{"members of tomorrow", entra.V2, with(a, "x5c", []string{"!"}, "stranger", object{"kid": "b"}), "RSA 2048", ""},
		{"the tenant's issuer", entra.V2, with(a, "issuer", "https://login.contoso.test/"+tenant+"/v2.0"), "RSA 2048", ""},
		{"the template as issuer", entra.V2, with(a, "issuer", "https://login.contoso.test/{tenantid}/v2.0"), "RSA 2048", ""},
		{"v1.0: its own form", entra.V1, with(a, "issuer", "https://sts.contoso.test/{tenantid}/"), "RSA 2048", ""},
		{"v1.0: the v2.0 form of the issuer", entra.V1, with(a, "issuer", "https://login.contoso.test/{tenantid}/v2.0"), "RSA 2048", ""},
		{"the document's cloud", entra.V2, with(a, "cloud_instance_name", "contoso.test"), "RSA 2048", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, d := theEdition(test.version)
			keys, status, err := e.readKeys(encoded(object{"keys": []any{test.key}}), d)
			if err != nil || keys["a"].Algorithm != test.algorithm {
				t.Fatalf("want the key with alg %q, got %v, %v", test.algorithm, keys, err)
			}
			if want := (KeyStatus{ID: "a", Type: test.kind}); len(status) != 1 || status[0] != want {
				t.Errorf("want %+v, got %+v", want, status)
			}
		})
	}
}

// Only a v1.0 document may have keys of the other version's issuer.
func TestAKeyOfTheV1IssuerIsIgnoredInAV2Document(t *testing.T) {
	e, d := theEdition(entra.V2)
	_, status, err := e.readKeys(encoded(object{"keys": []any{with(rsaJWK("a", keyA()), "issuer", "https://sts.contoso.test/"+tenant+"/")}}), d)
	if err == nil || len(status) != 1 || !strings.HasPrefix(status[0].Ignored, "issuer: want ") {
		t.Errorf("want the key ignored for its issuer, got %+v, %v", status, err)
	}
}

// What keyfunc makes of the checked numbers must be the very key that was published.
func TestTheParsedKeyIsThePublishedOne(t *testing.T) {
	e, d := theEdition(entra.V2)
	keys, _, err := e.readKeys(encoded(object{"keys": []any{rsaJWK("a", keyA()), ecJWK("b", keyEC())}}), d)
	if err != nil {
		t.Fatal(err)
	}
	if !keyA().PublicKey.Equal(keys["a"].Public) {
		t.Error("want the published RSA key, got another")
	}
	if _, ok := keys["a"].Public.(*rsa.PublicKey); !ok {
		t.Errorf("want a pointer, got %T", keys["a"].Public)
	}
	if !keyEC().PublicKey.Equal(keys["b"].Public) {
		t.Error("want the published EC key, got another")
	}
}

// Fault 28: nobody can say which of two keys signed, so neither is used; the same key twice does no harm.
func TestTwoKeysOfOneID(t *testing.T) {
	a, b, rest := rsaJWK("a", keyA()), rsaJWK("a", keyB()), rsaJWK("rest", keyC())
	const twice, leaked = "two keys of this id differ", "the provider published private key material"
	rsaKind := func(ignored string) KeyStatus { return KeyStatus{ID: "a", Type: "RSA 2048", Ignored: ignored} }
	tests := []struct {
		name string
		set  []any
		want []KeyStatus // of the id a
	}{
		{"equal", []any{a, rest, a}, []KeyStatus{rsaKind("")}},
		{"different", []any{a, rest, b}, []KeyStatus{rsaKind(twice)}},
		{"different, three of them", []any{a, b, a, rest}, []KeyStatus{rsaKind(twice)}},
		{"RSA and EC", []any{a, ecJWK("a", keyEC()), rest}, []KeyStatus{{"a", "EC P-256", twice}, rsaKind(twice)}},
		{"the same key for two algorithms", []any{with(a, "alg", "RS256"), with(a, "alg", "PS256"), rest}, []KeyStatus{rsaKind(twice)}},
		{"one of them for encryption", []any{a, with(b, "use", "enc"), rest}, []KeyStatus{rsaKind(""), rsaKind(`use: want sig, got "enc"`)}},
		{"a private key beside its public one", []any{a, rest, with(a, "d", "AQAB")}, []KeyStatus{rsaKind(leaked)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, d := theEdition(entra.V2)
			keys, status, err := e.readKeys(encoded(object{"keys": test.set}), d)
			if err != nil || keys["rest"].Public == nil {
				t.Fatalf("want the other id untouched, got %v, %v", keys, err)
			}
			status = status[:len(status)-1] // rest
			if len(status) != len(test.want) {
				t.Fatalf("want %+v, got %+v", test.want, status)
			}
			usable := false
			for i := range status {
				if status[i] != test.want[i] {
					t.Errorf("want %+v, got %+v", test.want[i], status[i])
				}
				usable = usable || test.want[i].Ignored == ""
			}
			if _, ok := keys["a"]; ok != usable {
				t.Errorf("want the id a usable: %v, got %v", usable, ok)
			}
		})
	}
}

func TestASoundModulusHasNoROCAMark(t *testing.T) {
	for _, key := range []*rsa.PrivateKey{keyA(), keyB(), keyC()} {
		if isROCA(key.N) {
			t.Errorf("want no mark, got one on %x", key.N)
		}
	}
	if !isROCA(rocaModulus()) {
		t.Error("want the mark on a modulus of the flawed generator's form, got none")
	}
}

// A set that is bad as a whole (faults 23 and 34).
func TestABadKeySet(t *testing.T) {
	a := string(encoded(rsaJWK("a", keyA())))
	const noObject = "want one JSON object with keys, got other text"
	tests := []struct {
		name, body, want string
	}{
		{"nothing", "", noObject},
		{"null", "null", noObject},
		{"a list", "[" + a + "]", noObject},
		{"HTML", "<html>", noObject},
		{"an empty object", "{}", "want an array of keys, got none"},
		{"keys null", `{"keys":null}`, "want an array of keys, got none"},
		{"keys an object", `{"keys":{"a":` + a + `}}`, "want an array of keys, got none"},
		{"keys in another case", `{"Keys":[` + a + `]}`, "want an array of keys, got none"},
		{"no keys", `{"keys":[]}`, "want at least one usable key, got an empty set"},
		{"no usable key", `{"keys":[null,{"kty":"oct","kid":"x","k":"AA"}]}`,
			`want at least one usable key, got 2 ignored, the first "": want a JSON object without duplicate members, each of its own type`},
		{"keys twice", `{"keys":[` + a + `],"keys":[` + a + `]}`, `want each member once, got "keys" twice`},
		{"keys twice, once escaped", `{"keys":[` + a + `],"\u006beys":[` + a + `]}`, `want each member once, got "keys" twice`},
		{"duplicates beside the keys", `{"x":{"a":1,"a":1},"keys":[` + a + `]}`, `member "x": want JSON without duplicate members, got other text`},
		{"bad UTF-8 beside the keys", "{\"x\":\"\xff\",\"keys\":[" + a + `]}`, `member "x": want JSON without duplicate members, got other text`},
		{"cut off", `{"keys":[` + a, noObject},
		{"cut off behind the keys", `{"keys":[` + a + `]`, noObject},
		{"more behind it", `{"keys":[` + a + `]}{}`, noObject},
		{"1,001 keys", `{"keys":[` + a + strings.Repeat(",null", 1000) + `]}`, "want at most 1000 keys, got 1001"},
		{"too deep", `{"keys":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, noObject},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, d := theEdition(entra.V2)
			if _, _, err := e.readKeys([]byte(test.body), d); err == nil || err.Error() != test.want {
				t.Errorf("want %s, got %v", test.want, err)
			}
		})
	}
}

func TestAKeyWithDuplicateMembersIsIgnoredAlone(t *testing.T) {
	e, d := theEdition(entra.V2)
	body := `{"keys":[{"kty":"RSA","kid":"a","kid":"b"},{"kty":"RSA","kid":"` + "\xff" + `"},` +
		string(encoded(rsaJWK("good", keyA()))) + `]}`
	keys, status, err := e.readKeys([]byte(body), d)
	if err != nil || len(keys) != 1 || len(status) != 2 {
		t.Errorf("want the good key and one line for the others, got %v, %+v, %v", keys, status, err)
	}
}

func TestATextIsShownEscapedAndCut(t *testing.T) {
	tests := []struct{ text, want string }{
		{"nOo3ZDrODXEK1jKWhXslHR_KXEg", "nOo3ZDrODXEK1jKWhXslHR_KXEg"},
		{"", ""},
		{"a\x00b\n\x1b[31m\u202e", `a\x00b\n\x1b[31m\u202e`},
		{`"\`, `\"\\`},
		{"...", "..."},
		{strings.Repeat("a", 128), strings.Repeat("a", 128)},
		{strings.Repeat("a", 129), strings.Repeat("a", 128) + "..."},
		{strings.Repeat("a", 127) + "\u00e9\u00e9", strings.Repeat("a", 127) + "..."},
	}
	for _, test := range tests {
		if got := shown(test.text); got != test.want {
			t.Errorf("want %s, got %s", test.want, got)
		}
	}
}
