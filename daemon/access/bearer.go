package access

import (
	"net/http"
	"strings"

	"github.com/claimd/claimd/daemon/reason"
)

// bearer gives the token of the request's one Authorization field (RFC 6750 section 2.1). Tokens in a query, a form or
// a cookie are never looked at. Two fields, a list, or a character outside b64token: InvalidRequest. Another scheme,
// no field, or no token after the scheme: NoToken.
func bearer(header http.Header) (string, reason.Reason) {
	token, why := unreadBearer(header)
	if why == reason.None && !isB64Token(token) {
		return "", reason.InvalidRequest
	}
	return token, why
}

// unreadBearer is bearer that leaves it to the caller to ask isB64Token: what is after the scheme may be anything.
func unreadBearer(header http.Header) (string, reason.Reason) {
	fields := header["Authorization"]
	if len(fields) == 0 {
		return "", reason.NoToken
	}
	if len(fields) > 1 {
		return "", reason.InvalidRequest
	}
	field := strings.Trim(fields[0], " \t")
	scheme, rest := field, ""
	if end := strings.IndexAny(field, " \t,"); end >= 0 {
		scheme, rest = field[:end], field[end:]
	}
	if !strings.EqualFold(scheme, "Bearer") {
		if listsBearer(field) {
			return "", reason.InvalidRequest
		}
		return "", reason.NoToken
	}
	token := strings.TrimLeft(rest, " ")
	if token == "" {
		return "", reason.NoToken
	}
	return token, reason.None
}

// listsBearer reports whether a field of another scheme goes on with a Bearer token after a comma: two fields that
// something on the way made one.
func listsBearer(field string) bool {
	const bearer = "bearer "
	elements := strings.Split(field, ",")
	for _, element := range elements[1:] {
		element = strings.TrimLeft(element, " \t")
		if len(element) >= len(bearer) && strings.EqualFold(element[:len(bearer)], bearer) {
			return true
		}
	}
	return false
}

// isB64Token reports whether s is a b64token: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=". It looks each
// character up, where comparing with ranges would have the processor guess wrong at every other one.
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	all := uint8(1)
	for i := range len(s) {
		all &= b64Characters[s[i]]
	}
	return all == 1 && s != ""
}

// b64Characters holds 1 for each character of a b64token.
var b64Characters = [256]uint8{
	'-': 1, '.': 1, '_': 1, '~': 1, '+': 1, '/': 1,
	'0': 1, '1': 1, '2': 1, '3': 1, '4': 1, '5': 1, '6': 1, '7': 1, '8': 1, '9': 1,
	'A': 1, 'B': 1, 'C': 1, 'D': 1, 'E': 1, 'F': 1, 'G': 1, 'H': 1, 'I': 1, 'J': 1, 'K': 1, 'L': 1, 'M': 1,
	'N': 1, 'O': 1, 'P': 1, 'Q': 1, 'R': 1, 'S': 1, 'T': 1, 'U': 1, 'V': 1, 'W': 1, 'X': 1, 'Y': 1, 'Z': 1,
	'a': 1, 'b': 1, 'c': 1, 'd': 1, 'e': 1, 'f': 1, 'g': 1, 'h': 1, 'i': 1, 'j': 1, 'k': 1, 'l': 1, 'm': 1,
	'n': 1, 'o': 1, 'p': 1, 'q': 1, 'r': 1, 's': 1, 't': 1, 'u': 1, 'v': 1, 'w': 1, 'x': 1, 'y': 1, 'z': 1,
}
