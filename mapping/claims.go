package mapping

import "slices"

// Kind tells which JSON shape the value of a claim has.
type Kind uint8

// The shapes that a claim's value can have. Absent is the zero value.
const (
	Absent  Kind = iota // the claim is not in the token, or is null
	String              // a JSON string: one value, never split
	Strings             // an array of strings, possibly empty
	Other               // all else: a number, a boolean, an object, an array with one element that is no string
)

// Value is the value of one claim. The zero Value is an absent claim.
type Value struct {
	Kind Kind
	Text string   // the value where Kind is String
	List []string // the values where Kind is Strings; duplicates are allowed, order means nothing
}

// Claims are the values of one token that the rules look at, picked from it by the names in
// [provider.NAME.claims]. A claim that the configuration switches off ("") is Absent. The user claim is not among them:
// UserID reads it, before anything is mapped.
type Claims struct {
	Email     Value
	FirstName Value
	LastName  Value
	Groups    Value
	Roles     Value
	Admin     Value
}

// text gives the string; "" for every other shape.
func (v Value) text() string {
	if v.Kind != String {
		return ""
	}
	return v.Text
}

// list gives the values of a claim that may be a string or an array of strings; ok is false for another shape. An
// empty string is a value too, one that names nothing.
func (v Value) list() (values []string, ok bool) {
	switch v.Kind {
	case Absent:
		return nil, true
	case String:
		return []string{v.Text}, true
	case Strings:
		return v.List, true
	}
	return nil, false
}

// distinct gives the values in byte order, each once.
func distinct(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
