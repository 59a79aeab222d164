package token

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxHeader is the size of the largest header, decoded, in bytes.
const maxHeader = 2 << 10

// headerLimits: no member of a header that is let in nests deeper.
var headerLimits = limits{depth: 2, members: maxHeader}

// header is what counts of a JOSE header. Nothing of it is verified before the signature holds.
type header struct {
	algorithm string
	keyID     string // "" = none
	typed     bool   // typ is there and is a type of access tokens
	nonce     bool   // Microsoft Graph's own form of token
}

// parseHeader reads a JOSE header. problem is "" where it is well-formed and asks for nothing that is refused: crit,
// b64, keys and addresses of keys brought along, compression, encryption and nested tokens are refused whatever their
// value, and nothing is fetched.
func parseHeader(data []byte) (h header, problem string) {
	ok := eachMember(data, headerLimits, func(name, value []byte) bool {
		problem = h.member(unquoted(name), value)
		return problem == ""
	})
	switch {
	case problem != "":
		return header{}, problem
	case !ok || !jsontext.Value(data).IsValid():
		return header{}, "a header that is not one JSON object without duplicates, two levels deep at most"
	case h.algorithm == "":
		return header{}, "a header without alg"
	}
	return h, ""
}

// member takes one member in.
func (h *header) member(name, value []byte) (problem string) {
	index, folded, ok := named(headerNames, name)
	if !ok {
		return ""
	}
	if folded {
		return "a header member that differs from a registered one by case alone"
	}
	switch known := string(headerNames[index]); known {
	case "alg":
		text, ok := stringOf(value)
		if !ok {
			return "an alg that is no string"
		}
		h.algorithm = string(text)
	case "kid":
		text, ok := stringOf(value)
		if !ok {
			return "a kid that is no string"
		}
		h.keyID = string(text)
	case "typ":
		text, _ := stringOf(value)
		if !isAccessTokenType(text) {
			return "a typ other than JWT, at+jwt and application/at+jwt"
		}
		h.typed = true
	case "nonce":
		h.nonce = true
	case "x5t", "x5t#S256": // thumbprints of the key; the key id names it
	default:
		return "the header member " + known + ", which is refused"
	}
	return ""
}

// isAccessTokenType knows the types of RFC 9068 section 4, and JWT, which is what Entra ID writes. Media types have no
// case.
func isAccessTokenType(typ []byte) bool {
	for _, known := range accessTokenTypes {
		if bytes.EqualFold(typ, known) {
			return true
		}
	}
	return false
}

var accessTokenTypes = table("JWT", "at+jwt", "application/at+jwt")

// cutKeyID gives a key id as it may stand in a log: 128 bytes at most, and still UTF-8.
func cutKeyID(keyID string) string {
	const most = 128
	if len(keyID) <= most {
		return keyID
	}
	end := most
	for !utf8.RuneStart(keyID[end]) {
		end--
	}
	return strings.Clone(keyID[:end])
}
