package access

import (
	"fmt"
	"strings"
)

const (
	maxQuoted = 200 // bytes of one value inside a sentence
	maxListed = 12  // values of one list inside a sentence
)

// quoted puts a claim value into a sentence.
func quoted(s string) string { return `"` + cleanTo(s, maxQuoted) + `"` }

// tomlKey writes a name as a TOML key: bare where it can be, else quoted.
func tomlKey(name string) string {
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
	return tomlString(name)
}

// tomlString writes a TOML string that reads back as s: literal where that shows it best (CONTOSO\Team A), else basic,
// with every character that does not show written as an escape.
func tomlString(s string) string {
	if !strings.ContainsFunc(s, unprintable) { // nor a byte that is no UTF-8
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
		case unprintable(r):
			b.WriteString(tomlEscape(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func tomlEscape(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08X`, r)
	}
	return fmt.Sprintf(`\u%04X`, r)
}
