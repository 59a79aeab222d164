package python

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decode gives the text of a source: without a byte order mark, and with \n at the end of every line.
func decode(source []byte) (string, error) {
	if len(source) > MaxBytes {
		return "", &SyntaxError{1, "want at most " + strconv.Itoa(MaxBytes>>20) + " MiB"}
	}
	source = bytes.TrimPrefix(source, []byte("\uFEFF"))
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(source))
	if i := strings.IndexByte(text, 0); i >= 0 {
		return "", &SyntaxError{lineAt(text, i), "holds a NUL, which Python does not take"}
	}
	first, rest, _ := strings.Cut(text, "\n")
	second := upToLineEnd(rest)
	coding, line := codingOf(first), 1
	if before, _, _ := strings.Cut(first, "#"); coding == "" && strings.Trim(before, " \t\f") == "" {
		coding, line = codingOf(second), 2
	}
	if coding != "" && !isUTF8(coding) {
		return "", &SyntaxError{line, "want a file in UTF-8, got one in " + coding}
	}
	if !utf8.ValidString(text) {
		return "", &SyntaxError{lineAt(text, firstInvalid(text)), "want UTF-8, got bytes that are none"}
	}
	return text, nil
}

func lineAt(text string, i int) int { return 1 + strings.Count(text[:i], "\n") }

func firstInvalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return i
		}
	}
	return len(text)
}

// codingOf gives the encoding that a comment line declares, "" for none (PEP 263).
func codingOf(line string) string {
	comment, ok := strings.CutPrefix(strings.TrimLeft(line, " \t\f"), "#")
	for ok {
		_, comment, ok = strings.Cut(comment, "coding")
		if !ok || comment == "" || comment[0] != ':' && comment[0] != '=' {
			continue
		}
		name := strings.TrimLeft(comment[1:], " \t")
		end := strings.IndexFunc(name, func(r rune) bool {
			return !(r == '-' || r == '_' || r == '.' || r < 0x80 && (isDigit(byte(r)) || 'a' <= r|0x20 && r|0x20 <= 'z'))
		})
		if end < 0 {
			end = len(name)
		}
		if end > 0 {
			return name[:end]
		}
	}
	return ""
}

func isUTF8(coding string) bool {
	switch strings.ReplaceAll(strings.ToLower(coding), "_", "-") {
	case "utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii":
		return true
	}
	return false
}

// text reads a string literal; prefix is what stands before its quote, in lower case.
//
// An f-string is taken to end at its first quote, as before Python 3.12. One that has the same quote within its braces
// makes several tokens, and is none of the literals that are read in either case.
func (s *scanner) text(prefix string) error {
	first := s.line
	s.at += len(prefix)
	quote := s.source[s.at : s.at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.source[s.at:], triple) {
		quote = triple
	}
	s.at += len(quote)
	begin := s.at
	for !strings.HasPrefix(s.source[s.at:], quote) {
		if c := s.byteAt(0); c == 0 || c == '\n' && len(quote) == 1 {
			return s.fail(first, "a text begins here and has no closing quote")
		}
		if s.byteAt(0) == '\\' && s.byteAt(1) != 0 {
			s.at++
		}
		if s.byteAt(0) == '\n' {
			s.line++
		}
		s.at++
	}
	t := token{kind: text, text: s.source[begin:s.at], line: first, depth: len(s.open)}
	s.at += len(quote)
	var err error
	switch {
	case strings.Contains(prefix, "f"):
		t.flaw = "an f-string"
	case strings.Contains(prefix, "t"):
		t.flaw = "a template string"
	case strings.Contains(prefix, "b"):
		t.flaw = "bytes"
	case strings.Contains(prefix, "r"):
		t.value = t.text
	default:
		t.value, t.flaw, err = unescape(t.text, first)
	}
	s.tokens = append(s.tokens, t)
	return err
}

// simpleEscapes are those of one character ("String and Bytes literals" of the Python reference).
var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape resolves the escapes of a text. The flaw says why the text cannot be held; line is where it begins.
func unescape(written string, line int) (value, flaw string, err error) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(written, `\`)
		b.WriteString(plain)
		if !found {
			return b.String(), flaw, nil
		}
		c := rest[0] // the scanner never ends a text after a single backslash
		simple, isSimple := simpleEscapes[c]
		switch {
		case isSimple:
			b.WriteString(simple)
			written = rest[1:]
		case '0' <= c && c <= '7':
			n := octalDigits(rest)
			code, _ := strconv.ParseUint(rest[:n], 8, 32)
			b.WriteRune(rune(code))
			written = rest[n:]
		case c == 'x' || c == 'u' || c == 'U':
			n := map[byte]int{'x': 3, 'u': 5, 'U': 9}[c]
			code, bad := hexadecimal(rest, n)
			if bad {
				return "", "", &SyntaxError{line, `want hexadecimal digits of a character after \` + string(c)}
			}
			if !utf8.ValidRune(code) {
				flaw = "text with half a surrogate pair"
			}
			b.WriteRune(code)
			written = rest[n:]
		case c == 'N':
			flaw = `text with a character by its name (\N)`
			written = rest[1:]
		default: // Python keeps an escape that it does not know
			b.WriteString(`\`)
			written = rest
			if c >= utf8.RuneSelf {
				continue
			}
			b.WriteByte(c)
			written = rest[1:]
		}
	}
}

func octalDigits(text string) int {
	n := 0
	for n < min(3, len(text)) && '0' <= text[n] && text[n] <= '7' {
		n++
	}
	return n
}

// hexadecimal reads the digits between the first character and the n-th.
func hexadecimal(text string, n int) (code rune, bad bool) {
	if len(text) < n || strings.ContainsAny(text[1:n], "+-_") {
		return 0, true
	}
	parsed, err := strconv.ParseUint(text[1:n], 16, 32)
	return rune(parsed), err != nil || parsed > utf8.MaxRune
}
