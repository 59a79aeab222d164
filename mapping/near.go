package mapping

import (
	"slices"
	"strings"
	"unicode"
)

// Difference is how a claim value differs from the one it nearly matches.
type Difference string

// The near misses that are recognised. Where two strings differ in several ways, the difference is ByUnicodeForm
// before ByBlanks before ByCase: what is hardest to see.
const (
	ByCase        Difference = "case"         // equal under Unicode simple folding
	ByUnicodeForm Difference = "Unicode form" // equal after normalisation
	ByBlanks      Difference = "blanks"       // equal without invisible characters and leading, trailing or repeated white space
	ByGUIDForm    Difference = "GUID form"    // the same GUID in upper case, in braces, without dashes or as urn:uuid:
	ByProvider    Difference = "provider"     // names it, but `providers` leaves this provider out
)

// Near is a local group, role or setting that a value missed narrowly.
type Near struct {
	What       string     `json:"what"`       // "group", "role", "admin_group" or "admin_value"
	Name       string     `json:"name"`       // the local name; for a setting its value
	Value      string     `json:"value"`      // the configured value that was nearly met
	Difference Difference `json:"difference"` // how the two differ
}

// maxNear bounds the near misses of one value.
const maxNear = 5

// nearIndex finds what a value nearly matches. It is built once for all providers and never on the path of a request
// without a Trace.
type nearIndex struct {
	form          form
	fold          bool
	groups, roles map[string][]candidate // by loose form
}

// candidate is one value that names a local group or role.
type candidate struct {
	name, value string
	providers   []string // nil: every one
}

func newNearIndex(rules *Rules) *nearIndex {
	n := &nearIndex{form: form{rules.Normalize}, fold: !rules.CaseSensitive}
	n.groups, n.roles = n.index(rules.Groups), n.index(rules.Roles)
	return n
}

func (n *nearIndex) index(locals []Local) map[string][]candidate {
	index := make(map[string][]candidate, len(locals))
	for i := range locals {
		local := &locals[i]
		for _, value := range local.matchers() {
			key := n.form.loose(value)
			index[key] = append(index[key], candidate{local.Name, value, slices.Clone(local.Providers)})
		}
	}
	for _, candidates := range index {
		slices.SortFunc(candidates, func(a, b candidate) int {
			return strings.Compare(a.name+"\x00"+a.value, b.name+"\x00"+b.value)
		})
	}
	return index
}

// locals appends the groups (or roles, by source) that the value nearly names at the provider.
func (n *nearIndex) locals(list []Near, source Source, value, provider string) []Near {
	what, index := "group", n.groups
	if source == FromRoles {
		what, index = "role", n.roles
	}
	for _, c := range index[n.form.loose(value)] {
		if len(list) == maxNear {
			break
		}
		if difference := n.difference(value, c, provider); difference != "" {
			list = append(list, Near{what, c.name, c.value, difference})
		}
	}
	return list
}

// difference gives "" where c is out of reach for the provider anyway. The value has matched nothing: what names c and is
// not barred from it is no near miss.
func (n *nearIndex) difference(value string, c candidate, provider string) Difference {
	if value == c.value || n.fold && folded(value) == folded(c.value) {
		return ByProvider
	}
	if c.providers != nil && !slices.Contains(c.providers, provider) {
		return ""
	}
	return n.form.difference(value, c.value)
}

// setting appends the setting where the value nearly meets it.
func (n *nearIndex) setting(list []Near, what, value, want string) []Near {
	if difference := n.form.difference(value, want); difference != "" && want != "" {
		list = append(list, Near{what, want, want, difference})
	}
	return list
}

// form compares strings as people see them.
type form struct {
	normalize func(string) string // may be nil
}

// loose gives a form that is the same for all strings which are easily taken for one another.
func (f form) loose(s string) string {
	if f.normalize != nil {
		s = f.normalize(s)
	}
	s = tidy(s)
	if guid, ok := looseGUID(s); ok {
		return guid
	}
	return folded(s)
}

// difference gives how two strings differ that are easily taken for one another; "" where they are equal or are not.
func (f form) difference(a, b string) Difference {
	if a == b || f.loose(a) != f.loose(b) {
		return ""
	}
	tidyA, tidyB := tidy(a), tidy(b)
	_, guidA := looseGUID(tidyA)
	_, guidB := looseGUID(tidyB)
	switch {
	case tidyA == tidyB:
		return ByBlanks
	case guidA && guidB:
		return ByGUIDForm
	case folded(a) == folded(b):
		return ByCase
	case folded(tidyA) == folded(tidyB):
		return ByBlanks
	}
	return ByUnicodeForm
}

// tidy removes what cannot be seen: controls and format characters, and white space at the ends; white space within
// becomes one space.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if isInvisible(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// isInvisible reports whether r is a control or format character (zero width, direction marks) and no white space.
func isInvisible(r rune) bool {
	return isOdd(r) && !unicode.IsSpace(r)
}
