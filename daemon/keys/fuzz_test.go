package keys

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/claimd/claimd/daemon/entra"
)

// hostileSets are key sets around a good key, with what a provider may do wrong.
func hostileSets() [][]byte {
	a, ec := rsaJWK("a", keyA()), ecJWK("ec", keyEC())
	sets := [][]any{
		{a, ec}, {a, a}, {a, with(a, "alg", "RS256")}, {a, rsaJWK("a", keyB())}, {a, with(a, "d", nil, "use", "enc")}, {a, with(a, "d", "AQAB")},
		{a, object{"kty": "oct", "kid": "a", "k": "AA"}}, {a, object{"kty": "oct", "kid": "ec"}, ec}, {with(a, "kid", ""), ec}, {with(a, "kid", nil)},
		{with(a, "use", nil, "key_ops", []string{"verify"})}, {with(a, "key_ops", []any{"sign", nil})}, {with(a, "alg", "PS256")}, {with(ec, "alg", "ES256")},
		{with(ec, "alg", "RS256")}, {with(a, "e", "AQ")}, {with(a, "n", "AQAB")}, {with(ec, "crv", "P-384")}, {with(ec, "y", ec["x"])},
		{with(a, "issuer", "https://login.contoso.test/{tenantid}/v2.0")}, {with(a, "issuer", "https://login.contoso.test/x/v2.0")},
		{with(a, "cloud_instance_name", "contoso.test")}, {with(a, "cloud_instance_name", "other.test")}, {nil, 5, "x", []any{}, a}, {with(a, "kid", 5)}, {},
		{with(a, "n", "AA"+a["n"].(string))}, {with(a, "x", nil, "y", 7)}, {with(a, "d", json.RawMessage("null"))}, {with(a, "n", encode(rocaModulus().Bytes()))},
	}
	var all [][]byte
	for _, set := range sets {
		all = append(all, encoded(object{"keys": set}))
	}
	good := string(encoded(a))
	for _, text := range []string{
		"", "null", "[]", "{}", `{"keys":null}`, `{"keys":{}}`, `{"Keys":[` + good + `]}`, `{"keys":[` + good + `]}x`, `{"keys":[` + good + `],"keys":[]}`,
		`{"keys":[],"k\u0065ys":[` + good + `]}`, `{"x":1,"x":2,"keys":[` + good + `]}`, `{"x":{"a":1,"a":2},"keys":[` + good + `]}`,
		`{"keys":[` + strings.Replace(good, "{", `{"kid":"b",`, 1) + `]}`, `{"keys":[{"x":"` + "\xff" + `"},` + good + `]}`, "\ufeff" + `{"keys":[` + good + `]}`,
		`{"keys":[` + strings.Repeat(`{},`, 999) + good + `]}`, `{"keys":[` + strings.Repeat(`{},`, 1000) + good + `]}`,
	} {
		all = append(all, []byte(text))
	}
	return all
}

// A second reader finds the same usable keys in a set, and the same numbers in each: none that is private, weak, for
// something else than signatures, of another tenant, or one of two that differ.
func FuzzAKeySetGivesItsSoundKeysAlone(f *testing.F) {
	for _, set := range hostileSets() {
		f.Add(set, true)
		f.Add(set, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, v1 bool) {
		version := entra.V2
		if v1 {
			version = entra.V1
		}
		e, d := theEdition(version)
		got, status, err := e.readKeys(raw, d)
		want, naiveErr := naiveKeys(raw, e, d)
		if (err == nil) != (naiveErr == nil) || len(got) != len(want) {
			t.Fatalf("want %d keys (%v), got %d (%v) of %s", len(want), naiveErr, len(got), err, raw)
		}
		for id, key := range got {
			if key.ID != id || plainKey(t, key) != want[id] {
				t.Fatalf("key %q: want %+v, got %+v", id, want[id], key)
			}
		}
		used := 0
		for _, s := range status {
			if s.Ignored == "" {
				used++
			}
		}
		if err == nil && used < 1 || err != nil && used > 0 {
			t.Fatalf("%d keys are said to be used beside %d and %v", used, len(got), err)
		}
	})
}

func plainKey(t *testing.T, key Key) naiveKey {
	switch public := key.Public.(type) {
	case *rsa.PublicKey:
		return naiveKey{"RSA", key.Algorithm, [2]string{public.N.String(), big.NewInt(int64(public.E)).String()}}
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, y := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
		return naiveKey{"EC", key.Algorithm, [2]string{x.String(), y.String()}}
	}
	t.Fatalf("a key of type %T", key.Public)
	return naiveKey{}
}

var (
	onTheHost      = regexp.MustCompile(`(?is)^https://login\.contoso\.test(:(443)?)?([/?].*|#)?$`)
	plainlyOnIt    = regexp.MustCompile(`^https://login\.contoso\.test(:443)?/[A-Za-z0-9._/-]*$`)
	tenantsAddress = regexp.MustCompile(`(?is)^https://[^/?#@]+/(.*/)?` + tenant + `(/[^?#]*)?$`)
)

// A discovery document that is taken names the wanted issuer byte for byte, or where none is wanted one of the tenant,
// and a key set on the authority's own host by the authority's own scheme. One that does all that plainly is taken.
func FuzzADocumentLeadsNowhereElse(f *testing.F) {
	issuer := "https://login.contoso.test/" + tenant + "/v2.0"
	add := func(document any) { f.Add(encoded(document), true); f.Add(encoded(document), false) }
	good := object{"issuer": issuer, "jwks_uri": "https://login.contoso.test/keys", "cloud_instance_name": "contoso.test"}
	add(good)
	for _, address := range []any{
		"https://login.contoso.test", "https://LOGIN.contoso.test:443/keys?x#", "https://login.contoso.test:/keys", "https://login.contoso.test?x",
		"https://login.contoso.test:444/keys", "http://login.contoso.test/keys", "https://login.contoso.test@evil.test/", "//login.contoso.test/keys",
		"https://evil.test/login.contoso.test", "https://login.contoso.test.evil.test/", "https://login.contoso.test\\@evil.test/", "/keys", "keys", "", 5, nil,
		"https://login.contoso.test%2eevil.test/", "https://login.contoso.test#x", "https://login.contoso.test#", "file:///etc/passwd", "https:login.contoso.test/keys", "HTTPS://login.contoso.test/keys",
	} {
		add(with(good, "jwks_uri", address))
	}
	for _, other := range []any{
		issuer + "/", strings.ToUpper(issuer), "https://login.contoso.test/{tenantid}/v2.0", "https://evil.test/" + tenant, "http://login.contoso.test/" + tenant, nil, 5,
		"https://login.contoso.test/x" + tenant, "https://" + tenant + "/", "https://a@b/" + tenant, "https://b/" + tenant + "?x", "https://b/" + tenant + "?", "https://b/" + tenant + "#", "https://b/%64" + tenant[1:],
	} {
		add(with(good, "issuer", other))
	}
	add(with(good, "cloud_instance_name", "other.test"))
	add(with(good, "cloud_instance_name", nil))
	for _, text := range []string{"", "null", "[]", "{}", `{"issuer":"x","issuer":"` + issuer + `","jwks_uri":"https://login.contoso.test/keys"}`, string(encoded(good)) + "x"} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, pinned bool) {
		source := Source{Authority: "https://login.contoso.test", Tenant: tenant, CloudInstance: "contoso.test"}
		if pinned {
			source.IssuerV2 = issuer
		}
		got, err := newEdition(source, entra.V2).readDocument(raw)
		var naive map[string]any
		whole := jsontext.Value(raw).IsValid() && json.Unmarshal(raw, &naive) == nil
		named, _ := naive["issuer"].(string)
		address, _ := naive["jwks_uri"].(string)
		cloud, isText := naive["cloud_instance_name"].(string)
		if err != nil {
			if whole && named == issuer && plainlyOnIt.MatchString(address) && isText && cloud == "contoso.test" {
				t.Fatalf("refused: %v: %s", err, raw)
			}
			return
		}
		switch {
		case !whole, got.issuer != named, got.keysURL != address, got.cloud != cloud:
			t.Fatalf("read as %+v: %s", got, raw)
		case pinned && named != issuer, !pinned && !tenantsAddress.MatchString(named):
			t.Fatalf("the issuer %q was taken", named)
		case !onTheHost.MatchString(address):
			t.Fatalf("the address %q was taken", address)
		case cloud != "" && cloud != "contoso.test":
			t.Fatalf("the cloud %q was taken", cloud)
		}
	})
}

// Whatever a provider answers once its good keys are known: either a second reader finds the answer good and has the
// same keys, or nothing has changed.
func FuzzABadAnswerNeverReplacesAGoodSet(f *testing.F) {
	issuer := "https://login.contoso.test/" + tenant + "/v2.0"
	good := string(encoded(object{"issuer": issuer, "jwks_uri": "BASE/" + tenant + "/discovery/v2.0/keys"}))
	for _, set := range hostileSets() {
		f.Add(good, set)
	}
	for _, bad := range []string{"", "{}", strings.Replace(good, "BASE", "http://127.0.0.1:9", 1), strings.Replace(good, "v2.0", "v1.0", 1)} {
		f.Add(bad, []byte(`{"keys":[]}`))
	}
	kept := rsaJWK("kept", keyC())
	client, err := NewClient(Outbound{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, unverifiedDocument string, unverifiedKeys []byte) {
		e := served(t, kept)
		defer client.CloseIdleConnections()
		e.documents = object{"issuer": issuer, "cloud_instance_name": nil}
		e.answer("v1 document", status(404))
		source := e.source()
		source.IssuerV2 = issuer
		p := ringOf(t, Options{Client: client}).Open(source)
		_ = p.Refresh(t.Context()) // the v1.0 edition has no answer, which is an error
		wantKey(t, p, "kept")
		before := p.state.Load()
		e.answer("v2 document", text(strings.ReplaceAll(unverifiedDocument, "BASE", e.base)))
		e.answer("v2 keys", text(string(unverifiedKeys)))
		err := p.Refresh(t.Context())
		after := p.state.Load().sets[1]
		edition := p.editions[1]
		want, bad := naiveKeys(unverifiedKeys, edition, document{issuer: issuer})
		wholeDocument := unverifiedDocument == good
		switch {
		case wholeDocument && bad == nil:
			if len(after.keys) != len(want) {
				t.Fatalf("want %d new keys, got %d (%v)", len(want), len(after.keys), err)
			}
			for id, key := range after.keys {
				if plainKey(t, key) != want[id] {
					t.Fatalf("key %q: want %+v, got %+v", id, want[id], key)
				}
			}
		case wholeDocument && bad != nil:
			if !reflect.DeepEqual(after, before.sets[1]) || p.Changes() != before.changes {
				t.Fatalf("a bad set has changed the keys to %v (%v)", after.keys, err)
			}
		case bad != nil && !maps.EqualFunc(after.keys, before.sets[1].keys, Key.equal):
			t.Fatalf("a bad answer has changed the keys to %v (%v)", after.keys, err)
		}
		if got := p.Issuer(entra.V2); got != issuer {
			t.Fatalf("want the issuer %q, got %q", issuer, got)
		}
		if bad != nil {
			wantKey(t, p, "kept")
		}
	})
}
