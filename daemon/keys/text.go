package keys

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShown is how many bytes of a text from outside are shown to people.
const maxShown = 128

// quote gives a text from outside in a form that is safe to show: quoted, escaped to ASCII, and cut.
func quote(s string) string {
	if len(s) <= maxShown {
		return strconv.QuoteToASCII(s)
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.QuoteToASCII(s[:cut]) + "..."
}

// shown is quote without the quotes, for a field of its own. Ordinary ids come out as they are.
func shown(s string) string {
	q, cut := strings.CutSuffix(quote(s), "...")
	q = q[1 : len(q)-1]
	if cut && len(s) > maxShown {
		return q + "..."
	}
	return q
}

// allShown is shown for a list.
func allShown(list []string) []string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = shown(s)
	}
	return texts
}
