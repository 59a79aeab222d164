package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/claimd/claimd/daemon/keys"
)

// The algorithms that can be verified (RFC 7518 section 3). There is no other: none and HMAC have no code here.
const (
	rs256 = "RS256"
	ps256 = "PS256"
	es256 = "ES256"
)

// strictPS256 wants the salt as long as the hash, as RFC 7518 section 3.5 does; the library's own PS256 takes any.
var strictPS256 = &jwt.SigningMethodRSAPSS{
	SigningMethodRSA: jwt.SigningMethodPS256.SigningMethodRSA,
	VerifyOptions:    &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
}

// knownAlgorithm reports whether there is code for the algorithm.
func knownAlgorithm(algorithm string) bool {
	return algorithm == rs256 || algorithm == ps256 || algorithm == es256
}

// keyFits reports whether the key may verify signatures of the algorithm: one key, one algorithm (RFC 8725 section
// 3.1). A key without an algorithm of its own is for the first of the provider's that fits its type.
func keyFits(key keys.Key, algorithm string, providers []string) bool {
	if !typeFits(key, algorithm) {
		return false
	}
	if key.Algorithm != "" {
		return key.Algorithm == algorithm
	}
	first := slices.IndexFunc(providers, func(one string) bool { return typeFits(key, one) })
	return first >= 0 && providers[first] == algorithm
}

// typeFits reports whether the algorithm is one for keys of that type.
func typeFits(key keys.Key, algorithm string) bool {
	switch key.Public.(type) {
	case *rsa.PublicKey:
		return algorithm == rs256 || algorithm == ps256
	case *ecdsa.PublicKey:
		return algorithm == es256
	}
	return false
}

// signatureHolds reports whether signature is the signature of signed under the key, which fits the algorithm.
func signatureHolds(algorithm string, public crypto.PublicKey, signed string, signature []byte) bool {
	var method jwt.SigningMethod
	switch algorithm {
	case rs256:
		method = jwt.SigningMethodRS256
	case ps256:
		method = strictPS256
	case es256: // r and s of 32 bytes each; the method refuses other lengths, and zero and what is out of range
		method = jwt.SigningMethodES256
	default:
		return false
	}
	return method.Verify(signed, signature, public) == nil
}
