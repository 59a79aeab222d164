package mapping

import "strings"

// isGUID reports whether s is a GUID in its plain form, in any case: 8-4-4-4-12 hexadecimal digits and nothing else.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// asGUID gives a GUID in its plain form in lower case.
func asGUID(s string) (string, bool) {
	if !isGUID(s) {
		return "", false
	}
	return strings.ToLower(s), true
}

// looseGUID gives the GUID, in lower case, that people write in any of its usual forms: plain, in braces or
// parentheses, as urn:uuid:, or as 32 digits without dashes. It is for hints alone.
func looseGUID(s string) (string, bool) {
	if len(s) > 9 && strings.EqualFold(s[:9], "urn:uuid:") {
		s = s[9:]
	}
	if len(s) > 2 && (s[0] == '{' && s[len(s)-1] == '}' || s[0] == '(' && s[len(s)-1] == ')') {
		s = s[1 : len(s)-1]
	}
	if len(s) == 32 {
		s = s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	}
	return asGUID(s)
}
