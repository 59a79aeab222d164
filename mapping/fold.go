package mapping

import (
	"unicode"
	"unicode/utf8"
)

// appendFold appends the form of s that is the same for all strings equal to s under Unicode simple case folding
// (strings.EqualFold): each rune is replaced by the smallest rune that folds to it. A string that is not valid UTF-8
// equals itself alone; strings.EqualFold would take each wrong byte for U+FFFD, and so for any other wrong byte.
func appendFold(to []byte, s string) []byte {
	start := len(to)
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return appendFoldRunes(to[:start], s)
		}
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

func appendFoldRunes(to []byte, s string) []byte {
	if !utf8.ValidString(s) {
		return append(to, s...)
	}
	for _, r := range s {
		to = utf8.AppendRune(to, smallestFold(r))
	}
	return to
}

// smallestFold gives the smallest rune of those that fold to one another, as K is of K, k and the Kelvin sign.
func smallestFold(r rune) rune {
	smallest := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		smallest = min(smallest, other)
	}
	return smallest
}

// folded gives the form of s that appendFold appends.
func folded(s string) string { return string(appendFold(nil, s)) }
