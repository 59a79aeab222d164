package config

import (
	"slices"
	"strings"
)

// A configuration is TOML 1.0. The library also reads TOML 1.1, and many of the tools that write, edit and check
// configurations do not: a file that one of them cannot read, or reads otherwise than claimd does, is refused. What 1.1
// adds is small, and one part of it is a trap here: "CONTOSO\engineering" would hold an escape character, where 1.0
// says that the backslash is wrong.

// knownEscapes is what is wanted after a backslash, and singleQuotes helps whoever meant a backslash.
const (
	knownEscapes = `want one of the escapes \b \t \n \f \r \" \\ \uXXXX \UXXXXXXXX`
	singleQuotes = `put a text with a backslash in single quotes: 'CONTOSO\Team A'`
)

// newerAt records a fault, once a line.
func (s *scanner) newerAt(line int, problem, hint string) {
	fault := Fault{File: s.file, Line: line, Problem: problem, Hint: hint}
	if !slices.Contains(s.newer[max(0, len(s.newer)-1):], fault) {
		s.newer = append(s.newer, fault)
	}
}

// isNewerEscape knows \e and \xXX by what follows the backslash.
func isNewerEscape(after string) bool {
	return strings.HasPrefix(after, "e") || strings.HasPrefix(after, "x")
}

// oldTable wants an inline table, which began in that line, to be on one line and without a comma at the end.
func (s *scanner) oldTable(line int, broken, comma bool) {
	switch {
	case broken:
		s.newerAt(line, "want an inline table on one line (TOML 1.0), got a line break in it",
			"only a list in it may go over several lines; or write it as a table, [NAME] with a line for each key")
	case comma:
		s.newerAt(s.line, "want a key after the comma (TOML 1.0), got }", "take the comma out")
	}
}

// oldTime wants seconds in a time, and fewer than 60 minutes in its distance from UTC. No key of claimd has a time, so
// this is about one fault at one place.
func (s *scanner) oldTime(text string) {
	_, minutes, isTime := strings.Cut(text, ":")
	if !isTime {
		return
	}
	if len(minutes) < 3 || minutes[2] != ':' {
		s.newerAt(s.line, "want a time with seconds (TOML 1.0), such as 07:32:00", "text needs quotes")
	}
	if n := len(text); n > 6 && strings.ContainsAny(text[n-6:n-5], "+-") && text[n-2] > '5' {
		s.newerAt(s.line, "want an offset from UTC of at most 23:59", "text needs quotes")
	}
}
