package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"testing"

	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

var everyAlgorithm = []string{"RS256", "PS256", "ES256"}

func join(signed string, signature []byte) string {
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (t *tenant) signPS(header, payload string, salt int) string {
	signed := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPSS(rand.Reader, t.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
	if err != nil {
		panic(err)
	}
	return join(signed, signature)
}

// signES gives the signed part and r || s of 32 bytes each.
func (t *tenant) signES(header, payload string) (signed string, r, s []byte) {
	signed = encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(signed))
	a, b, err := ecdsa.Sign(rand.Reader, t.ec, digest[:])
	if err != nil {
		panic(err)
	}
	return signed, a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))
}

func TestTheSignatureLayerAlone(t *testing.T) {
	rsaKey := keys.Key{ID: "rsa", Public: &contoso.rsa.PublicKey}
	ecKey := keys.Key{ID: "ec", Public: &contoso.ec.PublicKey}
	as := func(key keys.Key, algorithm string) keys.Key { key.Algorithm = algorithm; return key }
	rs, ps, es := `{"alg":"RS256"}`, `{"alg":"PS256"}`, `{"alg":"ES256"}`
	const payload = "no JSON at all"

	good := contoso.sign(rs, payload)
	signed, r, s := contoso.signES(es, payload)
	order := contoso.ec.Params().N
	zero, n := make([]byte, 32), order.Bytes()
	der, err := ecdsa.SignASN1(rand.Reader, contoso.ec, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	negative := new(big.Int).Sub(order, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))
	both := func(r, s []byte) string { return join(signed, append(append([]byte{}, r...), s...)) }

	for _, row := range []struct {
		name       string
		algorithms []string
		key        keys.Key
		raw        string
		want       reason.Reason
	}{
		{"RS256 holds over a payload that is no JSON", everyAlgorithm, rsaKey, good, reason.None},
		{"RS256 holds under a key for RS256", everyAlgorithm, as(rsaKey, "RS256"), good, reason.None},
		{"A2 two parts", everyAlgorithm, rsaKey, "eyJ.a", reason.Malformed},
		{"A7 none", everyAlgorithm, rsaKey, contoso.sign(`{"alg":"none"}`, payload), reason.Algorithm},
		{"A8 HMAC with the public key", everyAlgorithm, rsaKey, contoso.sign(`{"alg":"HS256"}`, payload), reason.Algorithm},
		{"A9 an algorithm that is not allowed", []string{"PS256"}, rsaKey, good, reason.Algorithm},
		{"A9 an algorithm that is allowed but not known", []string{"RS512"}, rsaKey, contoso.sign(`{"alg":"RS512"}`, payload), reason.Key},
		{"A9 the key is for another algorithm", everyAlgorithm, as(rsaKey, "PS256"), good, reason.Key},
		{"A9 the key is of another type", everyAlgorithm, ecKey, good, reason.Key},
		{"A9 ES256 with an RSA key", everyAlgorithm, rsaKey, both(r, s), reason.Key},
		{"A9 a key of no type", everyAlgorithm, keys.Key{ID: "x", Public: "secret"}, good, reason.Key},
		{"A9 a key of no algorithm is for the first that fits", everyAlgorithm, rsaKey, contoso.signPS(ps, payload, 32), reason.Key},
		{"A9 and for no other", []string{"ES256", "PS256", "RS256"}, rsaKey, good, reason.Key},
		{"A11 crit", everyAlgorithm, rsaKey, contoso.sign(`{"alg":"RS256","crit":["x"],"x":1}`, payload), reason.Malformed},
		{"A19 another payload", everyAlgorithm, rsaKey, swapSignature(contoso.sign(rs, "other"), good), reason.Signature},
		{"A19 a signature of zeros", everyAlgorithm, rsaKey, join(encode(rs)+"."+encode(payload), make([]byte, 256)), reason.Signature},
		{"A19 a byte too few", everyAlgorithm, rsaKey, join(encode(rs)+"."+encode(payload), make([]byte, 255)), reason.Signature},
		{"A20 PS256 holds with a salt of 32", []string{"PS256"}, rsaKey, contoso.signPS(ps, payload, 32), reason.None},
		{"A20 PS256 without a salt", []string{"PS256"}, rsaKey, contoso.signPS(ps, payload, 0), reason.Signature},
		{"A20 PS256 with a salt of 20", []string{"PS256"}, rsaKey, contoso.signPS(ps, payload, 20), reason.Signature},
		{"A20 PS256 with the longest salt", []string{"PS256"}, rsaKey, contoso.signPS(ps, payload, 222), reason.Signature},
		{"A20 RS256 named PS256", []string{"PS256"}, rsaKey, contoso.sign(ps, payload), reason.Signature},
		{"A21 ES256 holds", everyAlgorithm, ecKey, both(r, s), reason.None},
		{"A21 r and s zero", everyAlgorithm, ecKey, both(zero, zero), reason.Signature},
		{"A21 r zero", everyAlgorithm, ecKey, both(zero, s), reason.Signature},
		{"A21 s zero", everyAlgorithm, ecKey, both(r, zero), reason.Signature},
		{"A21 r and s the order", everyAlgorithm, ecKey, both(n, n), reason.Signature},
		{"A21 r and s swapped", everyAlgorithm, ecKey, both(s, r), reason.Signature},
		{"A21 63 bytes", everyAlgorithm, ecKey, join(signed, append(append([]byte{}, r...), s[:31]...)), reason.Signature},
		{"A21 65 bytes", everyAlgorithm, ecKey, join(signed, append(append([]byte{0}, r...), s...)), reason.Signature},
		{"A21 DER", everyAlgorithm, ecKey, join(signed, der), reason.Signature},
		// ECDSA's other s is a true signature of the same holder. claimd keeps no mark of a signature, so it may pass.
		{"A21 the other s is a signature too", everyAlgorithm, ecKey, both(r, negative), reason.None},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, why := verifySigned(row.algorithms, row.key, row.raw)
			if why != row.want {
				t.Errorf("want %q, got %q", row.want, why)
			}
			if (string(got) == payload) != (row.want == reason.None) {
				t.Errorf("payload %q beside reason %q", got, why)
			}
		})
	}
	if signatureHolds("none", rsaKey.Public, "", nil) {
		t.Error("none: want no signature to hold")
	}
}

// A provider of another kind may allow more than Entra ID does.
func TestAProviderDecidesWhichAlgorithmsItTakes(t *testing.T) {
	payload := contoso.userClaims(nil).json()
	all := contoso.verifier(func(p *Provider) { p.Algorithms = everyAlgorithm })
	signed, r, s := contoso.signES(`{"typ":"JWT","alg":"ES256","kid":"ec"}`, payload)
	es := join(signed, append(r, s...))
	ps := contoso.signPS(`{"typ":"JWT","alg":"PS256","kid":"rsa-ps"}`, payload, 32)
	wantReason(t, all, es, reason.None)
	wantReason(t, all, ps, reason.None)
	wantReason(t, all, contoso.signPS(`{"typ":"JWT","alg":"PS256","kid":"rsa-ps"}`, payload, 0), reason.Signature)
	wantReason(t, contoso.verifier(nil), es, reason.Algorithm)

	other := contoso.provider(func(p *Provider) { p.Name, p.ApplicationID, p.Algorithms = "other", otherAPI, everyAlgorithm })
	two := NewVerifier([]Provider{contoso.provider(nil), other})
	wantReason(t, two, es, reason.Algorithm)
	wantReason(t, NewVerifier(nil), contoso.user(nil), reason.Algorithm)
	wantReason(t, contoso.verifier(func(p *Provider) { p.Algorithms = []string{"RS256", "HS256"} }),
		contoso.sign(`{"typ":"JWT","alg":"HS256","kid":"rsa"}`, payload), reason.Algorithm)
}

// verifySigned is the signature layer alone: it gives the payload, which may be anything, of a compact JWS that is
// well-formed, is signed with one of the algorithms, and verifies under the key. Else the reason is Malformed,
// OpaqueToken, Algorithm, Key or Signature.
func verifySigned(algorithms []string, key keys.Key, raw string) (payload []byte, why reason.Reason) {
	c, why, _ := splitCompact(raw)
	if why != reason.None {
		return nil, why
	}
	h, problem := parseHeader(c.header)
	switch {
	case problem != "":
		return nil, reason.Malformed
	case !slices.Contains(algorithms, h.algorithm):
		return nil, reason.Algorithm
	case !keyFits(key, h.algorithm, algorithms):
		return nil, reason.Key
	case !signatureHolds(h.algorithm, key.Public, c.signed, c.signature):
		return nil, reason.Signature
	}
	return c.payload, reason.None
}
