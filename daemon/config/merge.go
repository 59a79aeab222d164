package config

import (
	"slices"

	"github.com/claimd/claimd/mapping"
)

// merged gives all files as one table. whole is false where a file could not be read or is no TOML: then keys that
// seem to be missing may stand in it. The faults are those of syntax and of keys set twice.
func (t *Tree) merged() (root *node, faults Faults, whole bool) {
	t.once.Do(func() {
		t.root = newObject(byHeader, Position{File: t.Path})
		t.whole = !t.partial
		for _, file := range t.Files {
			one, faults := decode(file)
			t.faults = append(t.faults, faults...)
			if one == nil {
				t.whole = false
				continue
			}
			t.faults = append(t.faults, merge(t.root, one, nil)...)
		}
	})
	return t.root, t.faults, t.whole
}

// merge moves what stands in from to into: tables merge, arrays of tables append, all else may be set once.
func merge(into, from *node, path mapping.Path) Faults {
	var faults Faults
	for _, key := range from.keys {
		child, first, path := from.table[key], into.table[key], append(slices.Clone(path), key)
		switch {
		case first == nil:
			into.add(key, child)
		case isOpen(first, object) && isOpen(child, object):
			faults = append(faults, merge(first, child, path)...)
		case isOpen(first, array) && isOpen(child, array):
			first.items = append(first.items, child.items...)
		default:
			faults = append(faults, writtenTwice(path, child.place, first.place))
		}
	}
	return faults
}

func isOpen(n *node, want kind) bool { return n.kind == want && n.made != byValue }

// find walks down the path as far as the files go, and reports whether it went to the end.
func find(root *node, path mapping.Path) (*node, bool) {
	at := root
	for _, step := range path {
		next := child(at, step)
		if next == nil {
			return at, false
		}
		at = next
	}
	return at, true
}

func child(n *node, step any) *node {
	switch step := step.(type) {
	case string:
		return n.table[step]
	case int:
		if 0 <= step && step < len(n.items) {
			return n.items[step]
		}
	}
	return nil
}
