package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// scanner reads the structure of a TOML file: which key stands in which line, and which table was written how. It is
// there because the TOML library tells neither, and lets through tables that are written twice and what only TOML 1.1
// allows. The library judges the rest of the syntax; the scanner may be lenient about it, but it ends on any input.
type scanner struct {
	file   string
	text   string
	pos    int      // in text, in bytes
	line   int      // from 1
	depth  int      // of values that stand in each other
	under  []string // the keys of the table that the next assignment stands in, for faults
	root   *node
	faults Faults
	newer  Faults // what TOML 1.0 does not have; they count where the file is well-formed otherwise
}

// maxDepth is how many arrays and tables may stand in each other, and how many parts a key may have. The library would
// recurse without end, and take quadratic time for the parts.
const maxDepth = 32

// The ways in which a scan ends early.
var (
	errScan = errors.New("no toml") // the library will find that too, and say why
	errDeep = errors.New("nested too deeply")
)

// scan reads the structure of a file: root, with empty scalars, the keys and tables that are written twice (faults), and
// newer. The error is errScan or errDeep; the faults found before it hold, and errDeep is one of them.
func scan(file, text string) (*scanner, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	s := &scanner{file: file, text: text, line: 1, root: newObject(byHeader, Position{})}
	err := s.document()
	if errors.Is(err, errDeep) {
		s.faults = append(s.faults, Fault{File: file, Line: s.line, Problem: fmt.Sprintf("want at most %d levels, got more", maxDepth)})
	}
	return s, err
}

func (s *scanner) document() error {
	section := s.root
	for {
		s.skipSpace()
		if s.pos == len(s.text) {
			return nil
		}
		var err error
		if s.text[s.pos] == '[' {
			section, err = s.header()
		} else {
			err = s.assignment(section)
		}
		if err != nil {
			return err
		}
	}
}

// header reads [a.b] or [[a.b]] and gives the table that it opens.
func (s *scanner) header() (*node, error) {
	closing := "]"
	if strings.HasPrefix(s.text[s.pos:], "[[") {
		closing = "]]"
	}
	place := s.place()
	s.pos += len(closing)
	keys, err := s.dottedKey()
	if err != nil {
		return nil, err
	}
	if !s.eat(closing) {
		return nil, errScan
	}
	s.under = keys
	if closing == "]" {
		return s.openTable(keys, place), nil
	}
	return s.openElement(keys, place), nil
}

// assignment reads one `key = value` of the table.
func (s *scanner) assignment(table *node) error {
	place := s.place()
	keys, err := s.dottedKey()
	if err != nil {
		return err
	}
	if !s.eat("=") {
		return errScan
	}
	under := s.under
	s.under = slices.Concat(under, keys)
	value, err := s.value()
	s.under = under
	if err != nil {
		return err
	}
	value.place = place
	s.assign(table, keys, value)
	return nil
}

// dottedKey reads a key with its parts, and the blanks around it.
func (s *scanner) dottedKey() ([]string, error) {
	var keys []string
	for {
		s.skipBlanks()
		key, err := s.simpleKey()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		s.skipBlanks()
		if !s.eat(".") {
			return keys, nil
		}
		if len(keys) == maxDepth {
			return nil, errDeep
		}
	}
}

func (s *scanner) simpleKey() (string, error) {
	start := s.pos
	switch s.peek() {
	case '\'':
		err := s.skipString()
		return strings.Trim(s.text[start:s.pos], "'"), err
	case '"':
		if err := s.skipString(); err != nil {
			return "", err
		}
		return unescape(s.text[start+1 : s.pos-1])
	}
	for s.pos < len(s.text) && isBare(s.text[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		return "", errScan
	}
	return s.text[start:s.pos], nil
}

// value reads one value; the caller knows its place.
func (s *scanner) value() (*node, error) {
	s.skipBlanks()
	if s.depth == maxDepth {
		return nil, errDeep
	}
	s.depth++
	defer func() { s.depth-- }()
	switch s.peek() {
	case '"', '\'':
		return &node{}, s.skipString()
	case '[':
		return s.array()
	case '{':
		return s.inlineTable()
	}
	return s.bareValue()
}

// bareValue reads a number, a boolean, a date or a time, which may hold one blank.
func (s *scanner) bareValue() (*node, error) {
	n := strings.IndexAny(s.text[s.pos:], ",]}#\r\n")
	if n < 0 {
		n = len(s.text) - s.pos
	}
	if strings.TrimSpace(s.text[s.pos:s.pos+n]) == "" {
		return nil, errScan
	}
	s.oldTime(strings.TrimSpace(s.text[s.pos : s.pos+n]))
	s.pos += n
	return &node{}, nil
}

func (s *scanner) array() (*node, error) {
	s.pos++
	list := &node{kind: array}
	for {
		s.skipSpace()
		if s.eat("]") {
			return list, nil
		}
		place := s.place()
		item, err := s.value()
		if err != nil {
			return nil, err
		}
		item.place = place
		list.items = append(list.items, item)
		s.skipSpace()
		if !s.eat(",") && s.peek() != ']' {
			return nil, errScan
		}
	}
}

func (s *scanner) inlineTable() (*node, error) {
	s.pos++
	table := newObject(byValue, Position{})
	line, breaks, comma := s.line, 0, false
	for {
		breaks += s.lineBreaks()
		if s.eat("}") {
			s.oldTable(line, breaks > 0, comma)
			return table, nil
		}
		if err := s.assignment(table); err != nil {
			return nil, err
		}
		breaks += s.lineBreaks()
		comma = s.eat(",")
		if !comma && s.peek() != '}' {
			return nil, errScan
		}
	}
}
