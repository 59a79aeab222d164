package python

import (
	"slices"
	"strings"
)

// blocks are the words that begin a compound statement, and what to call it.
var blocks = map[string]string{
	"if": "an if block", "elif": "an if block", "else": "an else block", "for": "a for loop", "while": "a while loop",
	"try": "a try block", "except": "a try block", "finally": "a try block", "with": "a with block",
	"def": "a function", "class": "a class", "match": "a match block",
}

func blockName(word string) string { return blocks[word] }

// opener gives the word that begins a compound statement; "" for any other.
func opener(tokens []token) string {
	if len(tokens) > 1 && tokens[0].isWord("async") {
		tokens = tokens[1:]
	}
	switch first := tokens[0]; {
	case first.kind != word || blocks[first.text] == "":
		return ""
	case first.text == "match" && !tokens[len(tokens)-1].is(":"): // match is a name too
		return ""
	default:
		return first.text
	}
}

// simple reads the simple statements of a logical line.
func simple(tokens []token) ([]Statement, error) {
	var found []Statement
	for _, part := range split(tokens, ";") {
		if len(part) == 0 {
			continue
		}
		statement, ok, err := one(part)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, statement)
		}
	}
	return found, nil
}

// split cuts tokens at an operator that stands in no bracket.
func split(tokens []token, op string) [][]token {
	var parts [][]token
	begin := 0
	for i, t := range tokens {
		if t.depth == 0 && t.is(op) {
			parts = append(parts, tokens[begin:i])
			begin = i + 1
		}
	}
	return append(parts, tokens[begin:])
}

// one reads one simple statement; false: it sets nothing.
func one(tokens []token) (Statement, bool, error) {
	statement := Statement{Line: tokens[0].line}
	parts := split(tokens, "=")
	value := parts[len(parts)-1]
	targets := parts[:len(parts)-1]
	if len(targets) > 0 && len(value) == 0 {
		return Statement{}, false, &SyntaxError{tokens[len(tokens)-1].line, "want a value after ="}
	}
	for _, target := range targets {
		if name, ok := plainTarget(target); ok {
			statement.Names = append(statement.Names, name)
		}
	}
	if found, ok := literal(value); ok && len(targets) > 0 && len(statement.Names) == len(targets) {
		statement.Value = found
		return statement, true, nil
	}
	if len(targets) == 0 && setsNothing(tokens) {
		return Statement{}, false, nil
	}
	statement.Names = assigned(tokens)
	statement.What = describe(tokens, value)
	return statement, true, nil
}

// plainTarget gives the name of NAME or NAME: annotation. A name beyond ASCII is none: which one Python takes it for is a
// matter of Unicode normal forms.
func plainTarget(tokens []token) (string, bool) {
	ok := len(tokens) == 1 || len(tokens) > 2 && tokens[1].is(":")
	if !ok || tokens[0].kind != word {
		return "", false
	}
	name := tokens[0].text
	return name, !strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f })
}

// setsNothing reports whether a statement without = is a docstring, a pass or an annotation.
func setsNothing(tokens []token) bool {
	if tokens[0].isWord("pass") {
		return true
	}
	if len(tokens) > 2 && tokens[0].kind == word && tokens[0].text != "lambda" && tokens[1].is(":") {
		return true
	}
	_, ok := literal(tokens)
	return ok
}

// describe says what a statement is that is no literal; value is what stands after its last =, or all of it.
func describe(tokens, value []token) string {
	first := tokens[0]
	switch {
	case first.isWord("from") && tokens[len(tokens)-1].is("*"):
		return "an import of every name of a module"
	case first.isWord("import") || first.isWord("from"):
		return "an import"
	case first.is("@"):
		return "a decorator"
	}
	for _, t := range tokens {
		if t.depth == 0 && isAugmented(t) {
			return "an assignment with " + t.text
		}
	}
	if _, ok := literal(value); ok {
		return "an assignment to more than a name"
	}
	what := "an expression"
	for i, t := range value {
		switch {
		case t.kind == text && t.flaw != "":
			return t.flaw
		case t.isWord("for"):
			return "a comprehension"
		case t.isWord("lambda"):
			return "a lambda"
		case t.is("(") && i > 0 && (value[i-1].kind == word || value[i-1].is("]") || value[i-1].is(")")):
			what = "a call"
		}
	}
	if len(value) == 1 && value[0].kind == word {
		return "the value of another name"
	}
	return what
}

// isAugmented reports whether an operator is one such as +=.
func isAugmented(t token) bool {
	return t.kind == operator && len(t.text) > 1 && t.text[len(t.text)-1] == '=' && !slices.Contains([]string{"==", "!=", "<=", ">=", ":="}, t.text)
}

// assigned gives the names that a logical line of any kind may set. Some of them it may only read.
func assigned(tokens []token) []string {
	var names []string
	for _, part := range split(tokens, ";") {
		if len(part) > 0 {
			names = append(names, assignedBy(part)...)
		}
	}
	return names
}

func assignedBy(tokens []token) []string {
	var names []string
	if setsAny(tokens) {
		names = append(names, AnyName)
	}
	for i, t := range tokens {
		walrus := i+1 < len(tokens) && tokens[i+1].is(":=")
		alias := i > 0 && tokens[i-1].isWord("as")
		if t.kind == word && (walrus || alias) {
			names = append(names, t.text)
		}
	}
	if blocks[tokens[0].text] != "" && tokens[0].kind == word || tokens[0].isWord("async") || tokens[0].isWord("case") {
		return append(names, assignedByHeader(tokens)...)
	}
	switch tokens[0].text {
	case "import", "from", "del", "global", "nonlocal":
		return append(names, namesIn(tokens)...)
	}
	end := 0
	for i, t := range tokens {
		if t.depth == 0 && (t.is("=") || isAugmented(t)) {
			end = i
		}
	}
	if end == 0 {
		if len(tokens) > 1 && tokens[0].kind == word && (tokens[1].is(".") || tokens[1].is("[")) {
			names = append(names, tokens[0].text) // a method may change what the name holds
		}
		return names
	}
	target := split(tokens[:end], ":")[0]
	return append(names, namesIn(target)...)
}

// setsAny reports whether a statement may set any name of the module: it imports every name of another, runs a text, or
// takes hold of the module's names as a whole.
func setsAny(tokens []token) bool {
	if tokens[0].isWord("from") && tokens[len(tokens)-1].is("*") {
		return true
	}
	return slices.ContainsFunc(tokens, func(t token) bool {
		return t.kind == word && slices.Contains([]string{"exec", "execfile", "globals", "locals", "vars"}, t.text)
	})
}

// assignedByHeader gives the names that the header of a block sets, and what stands after its colon.
func assignedByHeader(tokens []token) []string {
	parts := split(tokens, ":")
	var names []string
	if loop := slices.IndexFunc(parts[0], func(t token) bool { return t.isWord("for") }); loop >= 0 && loop < 2 {
		in := slices.IndexFunc(parts[0], func(t token) bool { return t.isWord("in") })
		names = namesIn(parts[0][loop:max(loop, in)])
	}
	if body := tokens[min(len(tokens), len(parts[0])+1):]; len(parts) > 1 && len(body) > 0 {
		names = append(names, assignedBy(body)...)
	}
	return names
}

// namesIn gives the names among tokens, without those of attributes and without words of the language.
func namesIn(tokens []token) []string {
	var names []string
	for i, t := range tokens {
		isAttribute := i > 0 && tokens[i-1].is(".")
		if t.kind == word && !isAttribute && !slices.Contains([]string{"import", "from", "as", "del", "global", "nonlocal", "for"}, t.text) {
			names = append(names, t.text)
		}
	}
	return names
}
