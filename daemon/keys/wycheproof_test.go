package keys

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/vectors"
)

// Why keys of Wycheproof are ignored.
const (
	private   = "the provider published private key material"
	flawed    = "the key is from a flawed generator and can be factored (ROCA, CVE-2017-15361)"
	encrypts  = `use: want sig, got "enc"`
	noVerify  = "key_ops: want verify among them, got none"
	offCurve  = "want a point on P-256, got another"
	badAlg    = `alg: want ES256 for EC, got `
	badRSAAlg = `alg: want RS256 or PS256 for RSA, got `
	tooSmall  = "want 2048 to 8192 bits, got 1024"
	exponent  = "e: want an odd number from 3 to 2^31, got another"
)

// The key sets in the order of their files; "" is a key that is taken.
var wycheproofKeys = map[string][][]KeyStatus{
	"json_web_key_test.json": {
		{{"kid-aes-sign", "oct", private}, {"kid-ec-sign", "EC P-256", ""}},
		{{"kid-aes-sign", "oct", private}, {"kid-aes-sign-2", "oct", private}},
		{{"kid-aes-sign", "oct", private}}, // twice, and told once
		{{"kid-rsa-sign", "RSA 2048", ""}},
		{{"kid-rsa-sign", "RSA 2048", encrypts}},
		{{"kid-rsa-roca-sign", "RSA 2049", flawed}},
		{{"RS256_1024", "RSA 1024", tooSmall}},
		{{"RS256_2048", "RSA 2048", exponent}},
		{{"short_hs256_key", "oct", private}},
		{{"short_hs384_key", "oct", private}},
		{{"short_hs512_key", "oct", private}},
		{{"long_hs256_key", "oct", private}},
		{{"long_hs384_key", "oct", private}},
		{{"long_hs512_key", "oct", private}},
		{{"hs256_key", "oct", private}},
		{{"hs384_key", "oct", private}},
		{{"hs512_key", "oct", private}},
		{{"kid-ec-sign", "EC P-256", badAlg + `"ES521"`}},
		{{"kid-ec-sign", "EC P-256", badAlg + `"ES224"`}},
		{{"kid-ec-sign", "EC P-256", encrypts}},
		{{"kid-ec-sign", "EC P-256", offCurve}},
		{{"kid-ec-sign", "EC P-384", `crv: want P-256, got "P-384"`}},
		{{"kid-ec-sign", "RSA", badRSAAlg + `"ES256"`}},
		{{"kid-aes-sign", "oct", private}},
		{{"kid-aes-sign", "oct", private}},
	},
	"json_web_signature_test.json": {
		{{"kid-aes-sign", "oct", private}},
		{{"kid-ec-sign", "EC P-256", ""}},
		{{"kid-rsa-sign", "RSA 2048", ""}},
		{{"RS256_2048", "RSA 2048", ""}},
		{{"RS384_2048", "RSA 2048", badRSAAlg + `"RS384"`}},
		{{"RS512_2048", "RSA 2048", badRSAAlg + `"RS512"`}},
		{{"PS256_2048", "RSA 2048", ""}},
		{{"PS384_2048", "RSA 2048", badRSAAlg + `"PS384"`}},
		{{"PS512_2048", "RSA 2048", badRSAAlg + `"PS512"`}},
		{{"bilbo.baggins@hobbiton.example", "RSA 2048", ""}},
		{{"bilbo.baggins@hobbiton.example", "RSA 2048", ""}},
		{{"bilbo.baggins@hobbiton.example", "EC P-521", badAlg + `"ES521"`}},
		{{"018c0ae5-4d9b-471b-bfd6-eef314bc7037", "oct", private}},
		{{"bilbo.baggins@hobbiton.example", "RSA 2048", ""}},
		{{"bilbo.baggins@hobbiton.example", "RSA 2048", ""}},
		{{"bilbo.baggins@hobbiton.example", "EC P-521", badAlg + `"ES521"`}},
		{{"018c0ae5-4d9b-471b-bfd6-eef314bc7037", "oct", private}},
		{{"kid-rsa-sign", "RSA 2048", encrypts}},
		{{"kid-ec-sign", "EC P-256", encrypts}},
		{{"kid-rsa-sign", "RSA 2048", noVerify}},
		{{"kid-ec-sign", "EC P-256", noVerify}},
		{{"hs256-key", "oct", private}},
		{{"kid-ec-sign", "EC P-256", ""}},
	},
}

// keyfunc by itself takes eight of the sets of json_web_key_test.json that must not be taken: mixed with secrets, an id
// of two keys, a key that can be factored, one of 1,024 bits, short secrets, one for encryption.
func TestTheKeySetsOfWycheproof(t *testing.T) {
	for file, want := range wycheproofKeys {
		sets := wycheproofSets(t, file)
		if len(sets) != len(want) {
			t.Fatalf("%s: want %d key sets, got %d", file, len(want), len(sets))
		}
		e, d := theEdition(entra.V2)
		for i, set := range sets {
			keys, status, err := e.readKeys(set, d)
			if !slices.Equal(status, want[i]) {
				t.Errorf("%s, set %d: want %+v\ngot %+v", file, i, want[i], status)
			}
			usable := 0
			for _, key := range want[i] {
				if _, found := keys[key.ID]; found != (key.Ignored == "") {
					t.Errorf("%s, set %d: want %s usable: %v, got %v", file, i, key.ID, !found, found)
				}
				if key.Ignored == "" {
					usable++
				}
			}
			if len(keys) != usable || (err == nil) != (usable > 0) {
				t.Errorf("%s, set %d: want %d usable keys, got %d and %v", file, i, usable, len(keys), err)
			}
		}
	}
}

// Wycheproof has the private halves too. A provider that published one would have none of its keys taken; but for the
// mixed set, whose EC key stands there in its public half.
func TestNoPrivateKeyOfWycheproofIsTaken(t *testing.T) {
	found := 0
	for file := range wycheproofKeys {
		for _, g := range wycheproofGroups(t, file) {
			if g.Private == nil {
				continue
			}
			e, d := theEdition(entra.V2)
			_, status, _ := e.readKeys(asSet(t, g.Private), d)
			for _, key := range status {
				publicHalf := g.Comment == "jws_mixedSymmetryKeyset" && key.ID == "kid-ec-sign"
				if key.Ignored != private && !publicHalf {
					t.Errorf("%s, %s: want it ignored as private, got %+v", file, g.Comment, key)
				}
				found++
			}
		}
	}
	if found != 50 {
		t.Errorf("want 50 keys, got %d", found)
	}
}

type wycheproofGroup struct {
	Comment         string
	Public, Private json.RawMessage
}

func wycheproofGroups(t *testing.T, file string) []wycheproofGroup {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(vectors.Dir(t), "wycheproof", file))
	if err != nil {
		t.Fatal(err)
	}
	var content struct{ TestGroups []wycheproofGroup }
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return content.TestGroups
}

// wycheproofSets gives what would be published of each group: its public keys, or its secret where it has no other.
func wycheproofSets(t *testing.T, file string) [][]byte {
	t.Helper()
	var sets [][]byte
	for _, g := range wycheproofGroups(t, file) {
		if g.Public == nil {
			g.Public = g.Private
		}
		sets = append(sets, asSet(t, g.Public))
	}
	return sets
}

// asSet makes a set of one key, and leaves a set as it is.
func asSet(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	if set.Keys != nil {
		return raw
	}
	return encoded(object{"keys": []json.RawMessage{raw}})
}
