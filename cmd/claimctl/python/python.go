// Package python reads the settings in a Python source file as data: what is assigned there as a literal. Nothing of the
// file is ever run, and what only running it would tell is named and left out.
package python

import (
	"cmp"
	"fmt"
)

// The limits of a file.
const (
	MaxBytes  = 4 << 20
	MaxDepth  = 100    // brackets in brackets
	MaxTokens = 50_000 // names, texts, numbers and signs of one statement
)

// Kind is the type of a Value.
type Kind int

// The kinds of literals that are read. Bytes, f-strings and ... are none of them.
const (
	Text Kind = iota + 1
	Bool
	None
	Number
	List
	Tuple
	Set
	Dict
)

// String gives the kind with its article, for a sentence.
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Bool:
		return "True or False"
	case None:
		return "None"
	case Number:
		return "a number"
	case List:
		return "a list"
	case Tuple:
		return "a tuple"
	case Set:
		return "a set"
	case Dict:
		return "a dict"
	}
	return "nothing"
}

// Value is one literal.
type Value struct {
	Kind  Kind
	Text  string  // of Text; of Number as it is written, with its sign
	True  bool    // of Bool
	Items []Value // of List, Tuple and Set; of Dict the keys and values in turn
	Line  int     // where it begins, from 1
}

// Statement is one statement of the module, or one whole block.
type Statement struct {
	Line  int
	Names []string // the names that it sets, or that it may set where Value is nil; AnyName among them: any other too
	Value *Value   // nil: it is no literal
	What  string   // then what it is instead: "a call", "an if block"
	Inner bool     // it stands in a function or a class, so that the module has none of its names
}

// AnyName stands for every name in the Names of a Statement.
const AnyName = "*"

// SyntaxError says that a file cannot be read as Python, and where.
type SyntaxError struct {
	Line    int
	Problem string // lower case, without a period
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// Read gives the statements of a module in their order. Those that set nothing are left out: docstrings, pass, and
// annotations without a value. The error is a *SyntaxError.
func Read(source []byte) ([]Statement, error) {
	text, err := decode(source)
	if err != nil {
		return nil, err
	}
	s := &scanner{source: text, line: 1}
	var statements []Statement
	line, err := s.logical()
	for err == nil && len(line.tokens) > 0 {
		if line.indent > 0 {
			return nil, &SyntaxError{line.tokens[0].line, "is indented, but stands in no block"}
		}
		var found []Statement
		if word := opener(line.tokens); word != "" {
			var one Statement
			one, line, err = s.block(word, line)
			found = append(found, one)
		} else {
			found, err = simple(line.tokens)
			if err == nil {
				line, err = s.logical()
			}
		}
		statements = append(statements, found...)
	}
	if err != nil {
		return nil, err
	}
	return statements, nil
}

// block reads the rest of a compound statement of the module, and gives the line after it.
func (s *scanner) block(word string, header logical) (Statement, logical, error) {
	first := header.tokens
	block := Statement{Line: first[0].line, What: blockName(word), Names: assigned(first), Inner: word == "def" || word == "class"}
	global := false
	body := 0 // the line that it begins at
	line, err := s.logical()
	for err == nil && len(line.tokens) > 0 && line.indent > 0 {
		body = cmp.Or(body, line.tokens[0].line)
		block.Names = append(block.Names, assigned(line.tokens)...)
		for _, t := range line.tokens {
			global = global || t.isWord("global")
		}
		line, err = s.logical()
	}
	last := first[len(first)-1]
	switch {
	case err != nil:
	case last.is(":") && body == 0:
		err = &SyntaxError{last.line, "want an indented block after the colon"}
	case !last.is(":") && body > 0:
		err = &SyntaxError{body, "is indented, but stands in no block"}
	}
	block.Inner = block.Inner && !global
	return block, line, err
}
