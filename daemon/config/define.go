package config

import (
	"fmt"
	"slices"

	"github.com/claimd/claimd/mapping"
)

// The rules of TOML 1.0 on what may be written twice ("Keys", "Table", "Inline Table", "Array of Tables"): nothing but
// a table that stood only as part of a longer name. A table made by dotted keys may take further dotted keys and
// tables below it, but no header of its own.

// openTable opens [keys]. After a fault it gives a table that stands nowhere, so that one mistake is told once.
func (s *scanner) openTable(keys []string, place Position) *node {
	parent, name, ok := s.parent(keys, place)
	if !ok {
		return newObject(byHeader, place)
	}
	table := parent.table[name]
	if table == nil {
		table = newObject(byHeader, place)
		parent.add(name, table)
		return table
	}
	if table.kind != object || table.made != byParent {
		s.twice(keys, place, table)
		return newObject(byHeader, place)
	}
	table.made, table.place = byHeader, place
	return table
}

// openElement opens one more [[keys]].
func (s *scanner) openElement(keys []string, place Position) *node {
	element := newObject(byHeader, place)
	parent, name, ok := s.parent(keys, place)
	if !ok {
		return element
	}
	list := parent.table[name]
	if list == nil {
		list = &node{kind: array, made: byHeader, place: place}
		parent.add(name, list)
	}
	if list.kind != array || list.made != byHeader {
		s.twice(keys, place, list)
		return element
	}
	list.items = append(list.items, element)
	return element
}

// parent walks to the table that holds the last of the keys of a header, and makes those that are missing.
func (s *scanner) parent(keys []string, place Position) (*node, string, bool) {
	at := s.root
	last := len(keys) - 1
	for i, key := range keys[:last] {
		next := at.table[key]
		switch {
		case next == nil:
			next = newObject(byParent, place)
			at.add(key, next)
		case next.kind == array && next.made == byHeader:
			next = next.items[len(next.items)-1]
		case next.kind != object || next.made == byValue:
			s.twice(keys[:i+1], place, next)
			return nil, "", false
		}
		at = next
	}
	return at, keys[last], true
}

// assign sets a key, which may be dotted, in the table that the lines stand under.
func (s *scanner) assign(table *node, keys []string, value *node) {
	last := len(keys) - 1
	for i, key := range keys[:last] {
		next := table.table[key]
		if next == nil {
			next = newObject(byDots, value.place)
			table.add(key, next)
		}
		if next.kind != object || next.made != byDots {
			s.twice(slices.Concat(s.under, keys[:i+1]), value.place, next)
			return
		}
		table = next
	}
	if first := table.table[keys[last]]; first != nil {
		s.twice(slices.Concat(s.under, keys), value.place, first)
		return
	}
	table.add(keys[last], value)
}

// twice records that the keys, as they are written at the place, name what stands elsewhere already.
func (s *scanner) twice(keys []string, place Position, first *node) {
	path := make(mapping.Path, len(keys))
	for i, key := range keys {
		path[i] = key
	}
	s.faults = append(s.faults, writtenTwice(path, place, first.place))
}

func writtenTwice(path mapping.Path, place, first Position) Fault {
	return Fault{
		File:    place.File,
		Line:    place.Line,
		Key:     KeyPath(path),
		Problem: fmt.Sprintf("is written twice: here and at %s:%d", first.File, first.Line),
		Hint:    "keep one of the two",
	}
}
