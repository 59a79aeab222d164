package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// skipString skips a string of any of the four kinds. The first of its escapes that TOML 1.0 does not have is recorded.
func (s *scanner) skipString() error {
	rest := s.text[s.pos:]
	quote := rest[:1]
	escapes := quote == `"`
	if strings.HasPrefix(rest, strings.Repeat(quote, 3)) {
		quote = rest[:3]
	}
	end, newer := len(quote), false
	for !strings.HasPrefix(rest[end:], quote) {
		if escapes && strings.HasPrefix(rest[end:], `\`) {
			if !newer && isNewerEscape(rest[end+1:]) {
				newer = true
				s.newerAt(s.line+strings.Count(rest[:end], "\n"), knownEscapes, singleQuotes)
			}
			end++
		}
		end++
		if end >= len(rest) {
			return errScan
		}
	}
	end += len(quote)
	// One or two quotes may stand right before the closing three.
	for len(quote) == 3 && strings.HasPrefix(rest[end:], quote[:1]) {
		end++
	}
	s.line += strings.Count(rest[:end], "\n")
	s.pos += end
	return nil
}

// lineBreaks is skipSpace, and counts the lines that end there.
func (s *scanner) lineBreaks() int {
	line := s.line
	s.skipSpace()
	return s.line - line
}

// skipSpace skips blanks, line ends and comments.
func (s *scanner) skipSpace() {
	for {
		s.skipBlanks()
		switch s.peek() {
		case '\n':
			s.line++
			s.pos++
		case '\r':
			s.pos++
		case '#':
			n := strings.IndexByte(s.text[s.pos:], '\n')
			if n < 0 {
				n = len(s.text) - s.pos
			}
			s.pos += n
		default:
			return
		}
	}
}

func (s *scanner) skipBlanks() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.pos++
	}
}

// peek gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) eat(want string) bool {
	found := strings.HasPrefix(s.text[s.pos:], want)
	if found {
		s.pos += len(want)
	}
	return found
}

func (s *scanner) place() Position { return Position{File: s.file, Line: s.line} }

func isBare(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// unescape gives the text of a basic string (TOML 1.1, "String"): the scan goes on after an escape that TOML
// 1.0 does not have.
func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after == "" {
			return "", errScan
		}
		if plain := strings.IndexByte(`btnfre"\`, after[0]); plain >= 0 {
			b.WriteByte("\b\t\n\f\r\x1b\"\\"[plain])
			s = after[1:]
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[after[0]]
		if digits == 0 || len(after) <= digits {
			return "", errScan
		}
		code, err := strconv.ParseUint(after[1:1+digits], 16, 31)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return "", errScan
		}
		b.WriteRune(rune(code))
		s = after[1+digits:]
	}
}
