package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/claimd/claimd/mapping"
)

// KeyPath writes a mapping.Path as the configuration's keys: user[0].groups[1], provider.contoso.user_prefix;
// keys that are not bare are quoted.
func KeyPath(path mapping.Path) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(quoteKey(step))
		}
	}
	return b.String()
}

// quoteKey writes a key so that it can be copied into a file, and shows what cannot be seen.
func quoteKey(key string) string {
	bare := key != ""
	literal := true
	for _, r := range key {
		bare = bare && r < 0x80 && isBare(byte(r))
		literal = literal && r != '\'' && unicode.IsPrint(r)
	}
	switch {
	case bare:
		return key
	case literal:
		return "'" + key + "'"
	}
	return basicString(key)
}

// basicString writes a basic string (TOML 1.0, "String") that holds printable characters only. Go's own quoting would
// not do: its \a, \v and \x01 are no escapes there.
func basicString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// show quotes a value for a fault, cut where it is long: what stands there by mistake may be a secret.
func show(value string) string {
	const most = 60
	runes := []rune(value)
	if len(runes) > most {
		return strconv.Quote(string(runes[:most])) + "..."
	}
	return strconv.Quote(value)
}
