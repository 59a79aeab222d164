package config

import "time"

// kind is the shape of a node.
type kind uint8

const (
	scalar kind = iota // a string, a number, a boolean, a date or a time
	array              // [ ... ], or all [[name]] of one name
	object             // a table of any spelling
)

// origin tells how the files spell a table or an array, which decides what may still be added to it.
type origin uint8

const (
	byValue  origin = iota // a scalar, a static array, an inline table: closed once it is written
	byHeader               // [name], or an element of [[name]]; of an array: [[name]]
	byParent               // a table that stands only as part of a longer [name.name]
	byDots                 // a table that stands only as part of a dotted key
)

// node is one value of the files, with the place where it stands.
type node struct {
	kind  kind
	made  origin
	place Position         // the key's line; of an element the element's own
	value any              // of a scalar: string, int64, float64, bool or time.Time
	keys  []string         // of an object, in the order of the files
	table map[string]*node // of an object
	items []*node          // of an array
}

func newObject(made origin, place Position) *node {
	return &node{kind: object, made: made, place: place, table: map[string]*node{}}
}

// add puts a child in the object, which has none of that name.
func (n *node) add(key string, child *node) {
	n.keys = append(n.keys, key)
	n.table[key] = child
}

// String says what the node is, in the words of faults.
func (n *node) String() string {
	switch n.kind {
	case array:
		if n.made == byHeader {
			return "an array of tables"
		}
		return "an array"
	case object:
		return "a table"
	}
	switch n.value.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or a time"
	}
	return "nothing"
}
