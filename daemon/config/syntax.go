package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// decode reads one file, which must be TOML 1.0: the library judges the syntax and gives the values; the scanner gives
// the places, and finds what is written twice and what only TOML 1.1 allows. The node is nil where there are faults. Each
// fault has a line. One thing is refused although it is TOML: an empty key in an inline table, which the library drops.
func decode(file File) (*node, Faults) {
	text := string(file.Bytes)
	if line := firstInvalidLine(text); line > 0 {
		return nil, Faults{{File: file.Path, Line: line, Problem: "want UTF-8 text, got other bytes"}}
	}
	scanned, scanErr := scan(file.Path, text)
	faults := scanned.faults
	if errors.Is(scanErr, errDeep) {
		return nil, faults
	}
	var values map[string]any
	_, err := toml.Decode(text, &values)
	if fault, ok := syntaxFault(file.Path, err); ok && !(fault.Problem == writtenTwiceSomewhere && len(faults) > 0) {
		faults = append(faults, fault)
	} else {
		faults = append(faults, scanned.newer...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	line := scanned.line
	if scanErr == nil {
		line = fill(scanned.root, values)
	}
	if line > 0 {
		return nil, Faults{{File: file.Path, Line: line, Problem: "want TOML that can be read in one way only"}}
	}
	return scanned.root, nil
}

// firstInvalidLine gives the line of the first byte that is no UTF-8, or of a NUL; 0 where there is none.
func firstInvalidLine(text string) int {
	at := strings.IndexByte(text, 0)
	if !utf8.ValidString(text) {
		at = len(text) - len(strings.TrimLeftFunc(text, func(r rune) bool { return r != utf8.RuneError && r != 0 }))
	}
	if at < 0 {
		return 0
	}
	return 1 + strings.Count(text[:at], "\n")
}

const writtenTwiceSomewhere = "a key or a table is written twice"

// syntaxFault says in our words what the library says of a file; false where err is nil.
func syntaxFault(file string, err error) (Fault, bool) {
	if err == nil {
		return Fault{}, false
	}
	unreadable, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return Fault{File: file, Problem: "want TOML, got something else"}, true
	}
	fault := Fault{File: file, Line: unreadable.Position.Line, Problem: lowerFirst(strings.TrimSuffix(unreadable.Message, "."))}
	for _, known := range syntaxWords {
		if strings.Contains(unreadable.Message, known.theirs) {
			fault.Problem, fault.Hint = known.ours, known.hint
			break
		}
	}
	return fault, true
}

func lowerFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return fmt.Sprintf("%c%s", unicode.ToLower(first), s[size:])
}

// syntaxWords are the mistakes that people make most, in our words. What is not here is told in the library's.
var syntaxWords = []struct{ theirs, ours, hint string }{
	{"has already been defined", writtenTwiceSomewhere, ""},
	{"was already created", writtenTwiceSomewhere, ""},
	{"is not a table", writtenTwiceSomewhere, ""},
	{"invalid escape in string", knownEscapes, singleQuotes},
	{"invalid escape", knownEscapes, singleQuotes},
	{`two hexadecimal digits after`, knownEscapes, singleQuotes},
	{"hexadecimal digits after", "want hexadecimal digits after a backslash with u or U", singleQuotes},
	{"strings cannot contain newlines", "want the closing quote in the line of the opening one", ""},
	{"unexpected EOF; expected '\"", "want a closing quote, got the end of the file", ""},
	{"unexpected EOF; expected \"'", "want a closing quote, got the end of the file", ""},
	{"expected value but found", "want a value: text in quotes, a number, true, false, [...] or {...}", "text needs quotes"},
	{"unexpected EOF; expected value", "want a value, got the end of the file", ""},
	{"unexpected EOF", "want more, got the end of the file", ""},
	{"expected '.' or '='", "want = after the key", "quote a key that is more than letters, digits, - and _"},
	{"table names cannot be empty", "want the name of a table, got none", ""},
	{"expected '.' or ']'", "want ] after the table's name", "quote a name that is more than letters, digits, - and _"},
	{"expected a comma (',') or array terminator", "want a comma or ] after an element", ""},
	{"expected a comma or an inline table terminator", "want a comma or } after a value", ""},
	{"expected a top-level item to end", "want the end of the line after a value", ""},
	{"cannot contain control characters", "want no control characters", ""},
}

// fill puts the library's values into the scalars of the scanner's structure. Where the two differ in anything, one of
// them has misread the file, and fill gives the line that this is about; else 0.
func fill(n *node, value any) (line int) {
	switch value := value.(type) {
	case map[string]any:
		return fillObject(n, value)
	case []map[string]any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = item
		}
		return fillArray(n, items)
	case []any:
		return fillArray(n, value)
	}
	n.value = value
	if n.kind != scalar {
		return n.line()
	}
	return 0
}

func fillObject(n *node, values map[string]any) int {
	if n.kind != object {
		return n.line()
	}
	for _, key := range n.keys {
		value, ok := values[key]
		if !ok {
			return n.table[key].line()
		}
		if line := fill(n.table[key], value); line > 0 {
			return line
		}
	}
	if len(n.keys) != len(values) {
		return n.line()
	}
	return 0
}

func fillArray(n *node, values []any) int {
	if n.kind != array || len(n.items) != len(values) {
		return n.line()
	}
	for i, value := range values {
		if line := fill(n.items[i], value); line > 0 {
			return line
		}
	}
	return 0
}

// line is where the node stands; the first line for the file as a whole.
func (n *node) line() int { return max(1, n.place.Line) }
