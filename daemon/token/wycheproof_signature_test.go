package token

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
)

// signatureGroup are pairs of message and signature under one key.
type signatureGroup struct {
	KeyJWK, PublicKeyJWK map[string]any // one of the two, or none
	PublicKey            struct{ Uncompressed string }
	Tests                []struct {
		TcID              int
		Comment, Msg, Sig string // the last two in hexadecimal
		Result            string
	}
}

// jwk is the key under an id of its own. Where the file has no JWK, its point is written as one.
func (g signatureGroup) jwk(t *testing.T, id string) map[string]any {
	t.Helper()
	key := g.PublicKeyJWK
	if key == nil {
		key = g.KeyJWK
	}
	if key == nil {
		point := unhex(t, g.PublicKey.Uncompressed)
		if len(point) != 65 {
			t.Fatalf("group %s: want a point of P-256, got %d bytes", id, len(point))
		}
		key = map[string]any{"kty": "EC", "crv": "P-256", "x": encode(string(point[1:33])), "y": encode(string(point[33:]))}
	}
	key["kid"] = id
	return key
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Each pair is verified as a token's is, under a key that came the way of every key. A file of another hash has keys
// whose alg claimd does not take; to show that its signatures would be refused even so, alg is left out there. Two of
// them are invalid for having been made with SHA-256, which makes them signatures of RS256.
func TestEverySignatureOfWycheproofIsJudgedRight(t *testing.T) {
	p := startPublisher(t)
	for _, row := range []struct {
		file      string
		algorithm string
		otherHash bool
		accepted  int
		refused   int
	}{
		{"rsa_signature_2048_sha256_test.json", rs256, false, 9, 250},
		{"rsa_signature_3072_sha256_test.json", rs256, false, 8, 251},
		{"rsa_signature_4096_sha256_test.json", rs256, false, 7, 251},
		{"rsa_signature_2048_sha384_test.json", rs256, true, 1, 257},
		{"rsa_signature_2048_sha512_test.json", rs256, true, 1, 258},
		{"rsa_pss_2048_sha256_mgf1_32_test.json", ps256, false, 63, 45},
		{"rsa_pss_2048_sha384_mgf1_48_test.json", ps256, true, 0, 141},
		{"rsa_pss_4096_sha512_mgf1_64_test.json", ps256, true, 0, 179},
		{"ecdsa_secp256r1_sha256_p1363_test.json", es256, false, 173, 89},
	} {
		t.Run(row.file, func(t *testing.T) {
			groups := readVectors(t, row.file, func(g signatureGroup) int { return len(g.Tests) })
			accepted, refused := 0, 0
			for i, key := range publishGroups(t, p, groups, row.otherHash) {
				if !keyFits(key, row.algorithm, []string{row.algorithm}) {
					t.Fatalf("group %d: the key does not fit %s", i, row.algorithm)
				}
				for _, v := range groups[i].Tests {
					holds := signatureHolds(row.algorithm, key.Public, string(unhex(t, v.Msg)), unhex(t, v.Sig))
					// "acceptable" is a padding without the NULL that RFC 8017 section 9.2 wants; it is refused.
					want := v.Result == "valid"
					if row.otherHash {
						want = strings.HasPrefix(v.Comment, "The message is hashed with SHA-256 instead of ")
					}
					if holds != want {
						t.Errorf("%d %s (%s): want it to hold: %v, got %v", v.TcID, v.Comment, v.Result, want, holds)
					}
					if holds {
						accepted++
					} else {
						refused++
					}
				}
			}
			if accepted != row.accepted || refused != row.refused {
				t.Errorf("want %d accepted and %d refused, got %d and %d", row.accepted, row.refused, accepted, refused)
			}
		})
	}
}

// publishGroups publishes the keys of all groups as one set and gives each as it was found.
func publishGroups(t *testing.T, p *publisher, groups []signatureGroup, dropAlgorithm bool) []keys.Key {
	t.Helper()
	set := make([]map[string]any, len(groups))
	for i, g := range groups {
		set[i] = g.jwk(t, fmt.Sprint(i))
	}
	if dropAlgorithm {
		if _, err := p.publish(t, keySet(t, set)); err == nil {
			t.Error("want the keys refused for their alg, got some taken")
		}
		for _, key := range set {
			delete(key, "alg")
		}
	}
	provider, err := p.publish(t, keySet(t, set))
	if err != nil {
		t.Fatal(err)
	}
	found := make([]keys.Key, len(groups))
	for i := range groups {
		if found[i], err = provider.Lookup(t.Context(), entra.V2, fmt.Sprint(i)); err != nil {
			t.Fatalf("group %d: %v", i, err)
		}
	}
	return found
}

func keySet(t *testing.T, set []map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": set})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What these 749 signatures are made with cannot even be said: no key of theirs is taken.
func TestNoKeyOfACurveThatNoAlgorithmUsesIsTaken(t *testing.T) {
	p := startPublisher(t)
	for file, signatures := range map[string]int{
		"ecdsa_secp384r1_sha384_p1363_test.json": 280,
		"ecdsa_secp521r1_sha512_p1363_test.json": 318,
		"ed25519_test.json":                      151,
	} {
		out, set := 0, []map[string]any{}
		for i, g := range readVectors(t, file, func(g signatureGroup) int { return len(g.Tests) }) {
			out += len(g.Tests)
			if g.PublicKeyJWK != nil { // some groups have their key in other forms alone
				set = append(set, g.jwk(t, fmt.Sprint(i)))
			}
		}
		if _, err := p.publish(t, keySet(t, set)); err == nil || len(set) == 0 {
			t.Errorf("%s: want all keys refused, got some of %d taken", file, len(set))
		}
		if out != signatures {
			t.Errorf("%s: want %d signatures, got %d", file, signatures, out)
		}
	}
}
