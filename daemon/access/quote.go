package access

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	maxQuoted = 200 // bytes of one value inside a sentence
	maxListed = 12  // values of one list inside a sentence
)

// quoted puts a claim value into a sentence.
func quoted(s string) string { return `"` + cleanTo(s, maxQuoted) + `"` }

// TOMLKey writes a name as a TOML key: bare where it can be, else quoted.
func TOMLKey(name string) string {
	bare := name != ""
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		default:
			bare = false
		}
	}
	if bare {
		return name
	}
	return TOMLString(name)
}

// TOMLString writes a TOML string that reads back as s: literal where that shows it best (CONTOSO\Team A), else basic,
// with every character that does not show written as an escape.
func TOMLString(s string) string {
	if !strings.ContainsFunc(s, unshown) { // nor a byte that is no UTF-8
		switch {
		case !strings.ContainsAny(s, `\"`):
			return `"` + s + `"`
		case !strings.Contains(s, "'"):
			return "'" + s + "'"
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unshown(r):
			b.WriteString(tomlEscape(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unshown reports whether r would not show, or not as itself: what is unprintable, and blanks that are not U+0020.
// claimctl shows these as escapes, which a literal string would not read back.
func unshown(r rune) bool { return unprintable(r) || !unicode.IsPrint(r) }

func tomlEscape(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08X`, r)
	}
	return fmt.Sprintf(`\u%04X`, r)
}
