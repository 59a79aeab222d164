package token

import "bytes"

// guardedNames are the claims that decide. A case variant of one of them, beside it or instead of it, is refused: to a
// reader that folds case (encoding/json does) it would be the claim itself. bytes.EqualFold knows the two letters
// outside ASCII that fold into it, U+017F (s) and U+212A (k).
var guardedNames = table("iss", "aud", "exp", "nbf", "iat", "sub", "tid", "oid", "ver", "azp", "appid", "scp", "idtyp", "_claim_names", "hasgroups")

// scannedNames are those of guardedNames that are read before the signature holds.
var scannedNames = table("iss", "aud", "tid", "ver")

// headerNames are the header members of RFC 7515, 7516, 7518 and 7797 that mean something to somebody, and Microsoft's
// nonce.
var headerNames = table("alg", "kid", "typ", "cty", "crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "enc", "zip", "nonce")

// longestName bounds the escaped form (six bytes a character at most, and the quotes) of anything that folds into a
// name of the tables.
const longestName = 6*len("_claim_names") + len(`""`)

func table(names ...string) [][]byte {
	t := make([][]byte, len(names))
	for i, name := range names {
		t[i] = []byte(name)
	}
	return t
}

// named finds the name (unescaped) in the table. folded tells that only a case variant of it is there.
func named(table [][]byte, name []byte) (index int, folded, ok bool) {
	for i, known := range table {
		// Folding changes a letter of one byte to one of three at most.
		if len(name) < len(known) || len(name) > 3*len(known) || !bytes.EqualFold(name, known) {
			continue
		}
		return i, !bytes.Equal(name, known), true
	}
	return 0, false, false
}
