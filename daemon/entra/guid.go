package entra

import "strings"

// GUID gives s in lower case, and whether s is a GUID in its plain form: 8-4-4-4-12 hexadecimal digits, without
// braces, blanks or a prefix.
func GUID(s string) (string, bool) {
	if !IsGUID(s) {
		return "", false
	}
	return strings.ToLower(s), true
}

// IsGUID reports whether s is a GUID in its plain form, in any case.
func IsGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// EqualGUID reports whether a and b are the same GUID, in any case. What is no GUID equals nothing.
func EqualGUID(a, b string) bool {
	return IsGUID(a) && IsGUID(b) && strings.EqualFold(a, b)
}

// IsPlaceholder reports whether s is a GUID that people leave in by mistake: all digits alike, such as zeros.
func IsPlaceholder(s string) bool {
	guid, ok := GUID(s)
	return ok && strings.Trim(guid, "-"+guid[:1]) == ""
}
