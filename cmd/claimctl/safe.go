package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// longestValue is how much of a value is printed in text, in bytes; --json gives all of it.
const longestValue = 400

// safe makes a value from a token or the net fit for a terminal: whatever is not printable (controls of C0 and C1,
// directions, blanks that are not U+0020, characters without width, bytes that are no UTF-8) is shown as an escape.
func safe(value string) string {
	cut := value
	if len(cut) > longestValue {
		end := longestValue
		for end > longestValue-utf8.UTFMax && !utf8.RuneStart(cut[end]) {
			end--
		}
		cut = cut[:end]
	}
	escaped := escape(cut)
	if left := len(value) - len(cut); left > 0 {
		escaped += fmt.Sprintf("... (%d more bytes)", left)
	}
	return escaped
}

func escape(value string) string {
	var b strings.Builder
	for i, r := range value {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(value[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, value[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// visible is safe, and puts what a reader would overlook between quotes: nothing at all, and blanks at the ends.
func visible(value string) string {
	if value == "" || strings.TrimSpace(value) != value {
		return `"` + safe(value) + `"`
	}
	return safe(value)
}

// safeLines is safe for a text of several lines that may be long.
func safeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = escape(line)
	}
	return strings.Join(lines, "\n")
}

// list joins values for people; "none" where there are none.
func list(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	shown := make([]string, len(values))
	for i, value := range values {
		shown[i] = visible(value)
	}
	return strings.Join(shown, ", ")
}

// printJSON writes the value over several lines, or on one line in a stream.
func (t *tool) printJSON(value any, stream bool) error {
	var text []byte
	var err error
	if stream {
		text, err = json.Marshal(value)
	} else {
		text, err = json.MarshalIndent(value, "", "  ")
	}
	if err != nil {
		return err
	}
	return t.print(safeJSON(text) + "\n")
}

// safeJSON escapes what is not printable. In JSON that stands within strings only, where \u says the same.
func safeJSON(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// print writes to standard output. Facts that cannot be written (a full disk) were not told.
func (t *tool) print(text string) error {
	if _, err := io.WriteString(t.stdout, text); err != nil {
		return &failure{code: exitUnknown, text: "cannot write the answer: " + err.Error()}
	}
	return nil
}
