package python

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind tells tokens apart.
type tokenKind byte

const (
	word tokenKind = iota + 1 // a name or a keyword
	number
	text
	operator // brackets and punctuation too
)

// token is one token, as in "Lexical analysis" of the Python reference.
type token struct {
	kind  tokenKind
	text  string // as it is written; of text without prefix and quotes
	line  int
	depth int    // how many brackets are open around it; a bracket has that of what is around the pair
	value string // of text
	flaw  string // of text: what keeps it from being plain text; "" = nothing
}

func (t token) is(op string) bool       { return t.kind == operator && t.text == op }
func (t token) isWord(name string) bool { return t.kind == word && t.text == name }

// logical is one logical line: without comments, and with everything that brackets and backslashes join.
type logical struct {
	indent int
	tokens []token // none: the file is at its end
}

type bracket struct {
	closing byte
	line    int
}

// scanner cuts a source, in which line ends are \n, into logical lines.
type scanner struct {
	source string
	at     int
	line   int
	open   []bracket
	tokens []token // of the logical line so far
}

func (s *scanner) fail(line int, problem string) error { return &SyntaxError{line, problem} }

// byteAt gives the byte that is n after the present one; 0 after the end. The source has no NUL.
func (s *scanner) byteAt(n int) byte {
	if s.at+n >= len(s.source) {
		return 0
	}
	return s.source[s.at+n]
}

// logical reads the next logical line.
func (s *scanner) logical() (logical, error) {
	s.tokens = nil
	indent := s.indentation()
	for {
		var err error
		switch c := s.byteAt(0); {
		case s.at >= len(s.source):
			if n := len(s.open); n > 0 {
				err = s.fail(s.open[n-1].line, "a bracket is opened here and never closed")
			}
			return logical{indent, s.tokens}, err
		case c == '\n':
			s.at++
			s.line++
			if len(s.open) > 0 {
				continue
			}
			if len(s.tokens) > 0 {
				return logical{indent, s.tokens}, nil
			}
			indent = s.indentation()
		case c == ' ' || c == '\t' || c == '\f':
			s.at++
		case c == '#':
			s.at += len(upToLineEnd(s.source[s.at:]))
		case c == '\\':
			if s.byteAt(1) != '\n' {
				return logical{}, s.fail(s.line, "want the end of the line after a backslash")
			}
			s.at += 2
			s.line++
		default:
			if len(s.tokens) == MaxTokens {
				return logical{}, s.fail(s.line, "want a statement of at most "+strconv.Itoa(MaxTokens)+" names, texts and signs")
			}
			err = s.token(c)
		}
		if err != nil {
			return logical{}, err
		}
	}
}

func upToLineEnd(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// indentation reads the blanks at the beginning of a line: tabs go to columns of eight, a form feed begins anew.
func (s *scanner) indentation() int {
	column := 0
	for ; ; s.at++ {
		switch s.byteAt(0) {
		case ' ':
			column++
		case '\t':
			column += 8 - column%8
		case '\f':
			column = 0
		default:
			return column
		}
	}
}

func (s *scanner) token(c byte) error {
	name := nameAt(s.source[s.at:])
	after := s.byteAt(len(name))
	switch {
	case c == '"' || c == '\'', isPrefix(name) && (after == '"' || after == '\''):
		return s.text(strings.ToLower(name))
	case name != "":
		s.take(word, name)
		return nil
	case isDigit(c), c == '.' && isDigit(s.byteAt(1)):
		s.take(number, numberAt(s.source[s.at:]))
		return nil
	}
	return s.operator(c)
}

func (s *scanner) take(kind tokenKind, written string) {
	s.tokens = append(s.tokens, token{kind: kind, text: written, line: s.line, depth: len(s.open)})
	s.at += len(written)
}

// nameAt gives the name that text begins with. What Unicode has beyond letters in names is not told apart from them.
func nameAt(text string) string {
	for i, r := range text {
		inName := r == '_' || unicode.IsLetter(r) || i > 0 && (unicode.IsDigit(r) || unicode.Is(unicode.M, r)) || r > 0x7f && unicode.Is(unicode.Nl, r)
		if !inName {
			return text[:i]
		}
	}
	return text
}

// isPrefix reports whether a name before a quote belongs to the text.
func isPrefix(name string) bool {
	switch strings.ToLower(name) {
	case "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt":
		return true
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// numberAt gives what may be a number, with every letter and digit that hangs on it.
func numberAt(text string) string {
	isHexadecimal := len(text) > 1 && text[0] == '0' && text[1]|0x20 == 'x'
	for i := range len(text) {
		c := text[i]
		isExponent := (c == '+' || c == '-') && i > 0 && text[i-1]|0x20 == 'e' && !isHexadecimal
		if c != '.' && c != '_' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && !isExponent {
			return text[:i]
		}
	}
	return text
}

// operators are those of more than one character, the longest first.
var operators = []string{
	"**=", "//=", ">>=", "<<=", "...", ":=", "==", "!=", "<=", ">=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	"@=", "**", "//", "<<", ">>",
}

func (s *scanner) operator(c byte) error {
	mayBeLong := strings.IndexByte("*/<>.=", s.byteAt(1)) >= 0 // their second characters
	for i := 0; mayBeLong && i < len(operators); i++ {
		if strings.HasPrefix(s.source[s.at:], operators[i]) {
			s.take(operator, operators[i])
			return nil
		}
	}
	switch c {
	case '(', '[', '{':
		s.take(operator, string(c))
		if len(s.open) == MaxDepth {
			return s.fail(s.line, "want brackets nested at most "+strconv.Itoa(MaxDepth)+" deep")
		}
		s.open = append(s.open, bracket{map[byte]byte{'(': ')', '[': ']', '{': '}'}[c], s.line})
		return nil
	case ')', ']', '}':
		n := len(s.open) - 1
		if n < 0 || s.open[n].closing != c {
			return s.fail(s.line, "a bracket is closed that was not opened")
		}
		s.open = s.open[:n]
		s.take(operator, string(c))
		return nil
	}
	if strings.IndexByte(":,;.=+-*/%&|^~<>@", c) >= 0 {
		s.take(operator, string(c))
		return nil
	}
	if c < utf8.RuneSelf && c > ' ' && c != 0x7f {
		return s.fail(s.line, "want Python, got the character "+string(c))
	}
	return s.fail(s.line, "want Python, got a character that stands in texts and comments only")
}
