package config

import (
	"slices"
	"strings"

	"github.com/claimd/claimd/mapping"
)

// table reads the keys of one table, each by its exact name and with its default. The keys that nobody asked for are
// unknown ones (checker.unknown), so what is read and what is known cannot differ.
type table struct {
	check  *checker
	parent *table // nil above all
	path   mapping.Path
	node   *node // an empty one where the files do not have the table
	known  []string
	named  bool // its keys are names that administrators choose
}

// inner gives a table below this one; n may be nil, or something else than a table.
func (t *table) inner(path mapping.Path, n *node) *table {
	if n == nil || n.kind != object {
		n = newObject(byParent, Position{})
	}
	inner := &table{check: t.check, parent: t, path: path, node: n}
	t.check.tables = append(t.check.tables, inner)
	return inner
}

// names gives the keys of a table in which they are names, in the order of the files.
func (t *table) names() []string {
	t.named = true
	return t.node.keys
}

func (t *table) at(steps ...any) mapping.Path { return append(slices.Clone(t.path), steps...) }

// get gives the value of a key, nil where it is not written, and makes the key known.
func (t *table) get(key string) *node {
	t.known = append(t.known, key)
	return t.node.table[key]
}

func (t *table) has(key string) bool { return t.node.table[key] != nil }

// want reports whether a value is of the wanted type, and records the fault where it is not.
func (t *table) want(ok bool, path mapping.Path, n *node, wanted, hint string) bool {
	if !ok {
		t.check.fault(path, hint, "want %s, got %s", wanted, n)
	}
	return ok
}

// text reads a string, and judges it where it is written.
func (t *table) text(key, standard string, is form) string {
	n := t.get(key)
	if n == nil {
		return standard
	}
	text, ok := n.value.(string)
	if !t.want(ok, t.at(key), n, "a string", quoteHint(n)) {
		return standard
	}
	t.check.judge(t.at(key), text, is)
	return text
}

func quoteHint(n *node) string {
	if n.kind == scalar {
		return "put it in quotes"
	}
	return ""
}

// optional reads a string that may be "", and judges it where it is more.
func (t *table) optional(key string, is form) string {
	return t.text(key, "", func(text string) flaw {
		if text == "" {
			return flaw{}
		}
		return is(text)
	})
}

// secretLine reads what the secret file of a key holds: one line, whose end may be missing. No fault of it shows a part.
func (t *table) secretLine(key, wanted string, content []byte) string {
	line, rest, _ := strings.Cut(string(content), "\n")
	line = strings.TrimSuffix(line, "\r")
	switch {
	case rest != "":
		t.check.fault(t.at(key), "", "want one line, %s, got more", wanted)
		return ""
	case line == "":
		t.check.fault(t.at(key), "", "want one line, %s, got an empty file", wanted)
	}
	return line
}

func (t *table) flag(key string, standard bool) bool {
	n := t.get(key)
	if n == nil {
		return standard
	}
	value, ok := n.value.(bool)
	if !t.want(ok, t.at(key), n, "true or false", "") {
		return standard
	}
	return value
}

// texts reads an array of strings, and judges each. It is nil only where standard is and the key is not written well.
func (t *table) texts(key string, standard []string, is form) []string {
	n := t.get(key)
	if n == nil {
		return standard
	}
	hint := ""
	if _, ok := n.value.(string); ok {
		hint = "put it in brackets"
	}
	if !t.want(n.kind == array, t.at(key), n, "an array of strings", hint) {
		return standard
	}
	texts := make([]string, len(n.items))
	for i, item := range n.items {
		text, ok := item.value.(string)
		if t.want(ok, t.at(key, i), item, "a string", quoteHint(item)) {
			t.check.judge(t.at(key, i), text, is)
		}
		texts[i] = text
	}
	return texts
}

// choice reads a string that is one of a few; the first is the default.
func (t *table) choice(key string, available ...string) string {
	return t.text(key, available[0], oneOf(available...))
}

// oneOf judges a word that is one of a few.
func oneOf(words ...string) form {
	return func(text string) flaw {
		if slices.Contains(words, text) {
			return flaw{}
		}
		found := flawf("want %s, got %s", orList(words), show(text))
		found.hint = meant(text, words)
		return found
	}
}

// orList writes "a", "b" or "c".
func orList(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = show(word)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// sub reads a table in this one. It may be missing.
func (t *table) sub(key string) *table {
	n := t.get(key)
	if n != nil {
		t.want(n.kind == object, t.at(key), n, "a table", "write ["+KeyPath(t.at(key))+"]")
	}
	return t.inner(t.at(key), n)
}

// tables reads an array of tables. An element that is none is there as an empty one, so that indexes hold.
func (t *table) tables(key string) []*table {
	n := t.get(key)
	if n == nil || !t.want(n.kind == array, t.at(key), n, "an array of tables", "write [["+KeyPath(t.at(key))+"]]") {
		return nil
	}
	all := make([]*table, len(n.items))
	for i, item := range n.items {
		t.want(item.kind == object, t.at(key, i), item, "a table", "")
		all[i] = t.inner(t.at(key, i), item)
	}
	return all
}
