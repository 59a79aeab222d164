package access

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLogged bounds one value of a log line or a denial, in bytes.
const maxLogged = 4 << 10

// Clean makes a value that others wrote fit for a log and a terminal: controls (C0, C1), line and paragraph separators
// and the marks that turn the direction of writing become \uXXXX, bytes that are no UTF-8 become \xXX, and what is over
// 4 KiB is cut. It gives most values back as they are.
func Clean(value string) string { return cleanTo(value, maxLogged) }

func cleanTo(value string, limit int) string {
	const cut = "..."
	if len(value) <= limit && !strings.ContainsFunc(value, unprintable) {
		return value
	}
	var b strings.Builder
	for i, r := range value {
		piece := string(r)
		switch {
		case !strings.HasPrefix(value[i:], piece): // no UTF-8: it was read as U+FFFD
			piece = fmt.Sprintf(`\x%02x`, value[i])
		case unprintable(r):
			piece = escape(r)
		}
		if b.Len()+len(piece)+len(cut) > limit {
			return b.String() + cut
		}
		b.WriteString(piece)
	}
	return b.String()
}

func escape(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// unprintable reports whether r is not to be shown as it is: a control, a format character (the direction marks and
// the characters without width among them), a separator other than the blank, or no character.
func unprintable(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
