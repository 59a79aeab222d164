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
	fields := header["Authorization"]
	if len(fields) == 0 {
		return "", reason.NoToken
	}
	if len(fields) > 1 {
		return "", reason.InvalidRequest
	}
	return bearerField(strings.Trim(fields[0], " \t"))
}

func bearerField(field string) (string, reason.Reason) {
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
	if !isB64Token(token) {
		return "", reason.InvalidRequest
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

// isB64Token reports whether s is a b64token: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return s != ""
}
