package mapping

// Path is the place of a setting in the configuration: strings are keys, ints are indexes into arrays, as in
// Path{"user", 0, "groups", 1}.
type Path []any

// Fault is one thing wrong in Rules. Compile gives all of them.
type Fault struct {
	Path    Path   // the setting, as the configuration files spell it
	Problem string // lower case, without a period
	Hint    string // what to do about it; may be empty
	Notice  bool   // worth saying, but the rules hold all the same
}

// at gives the path of a setting below p. p is not changed.
func (p Path) at(keys ...any) Path {
	return append(p[:len(p):len(p)], keys...)
}
