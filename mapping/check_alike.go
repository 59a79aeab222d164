package mapping

import (
	"slices"
	"strconv"
)

// place is a name or a claim value of a local group or role, and where it stands.
type place struct {
	text    string
	path    Path
	local   int  // index of the group or role
	isName  bool // it is reported to the protected API
	matches bool // claim values are compared with it: a value, or a name without values
}

// places gives all names and claim values of a name space, in their order.
func (k *kind) places() []place {
	var list []place
	for i := range k.locals {
		local := &k.locals[i]
		path := Path{k.table, local.Name}
		list = append(list, place{local.Name, path, i, true, local.Values == nil})
		for j, value := range local.Values {
			list = append(list, place{value, path.at("values", j), i, false, true})
		}
	}
	return list
}

// checkFolding finds names that are equal where case is ignored, and claim values that are: nobody could tell which
// of the two is meant. The same value at several groups is no fault: it gives all of them.
func (c *checker) checkFolding(k *kind) {
	if c.rules.CaseSensitive {
		return
	}
	names, matchers := make(map[string]string), make(map[string]string)
	for _, p := range k.places() {
		twin := p.text
		if p.matches {
			twin = first(matchers, folded(p.text), p.text)
		}
		if p.isName {
			twin = first(names, folded(p.text), p.text)
		}
		if twin != p.text {
			c.fault(p.path, strconv.Quote(p.text)+" and "+strconv.Quote(twin)+" are equal where case is ignored",
				"keep one of them, or leave case_sensitive at true")
		}
	}
}

// first gives the text that was seen first under the key.
func first(seen map[string]string, key, text string) string {
	if _, ok := seen[key]; !ok {
		seen[key] = text
	}
	return seen[key]
}

// checkLikeness gives a notice for names and claim values of different groups that people take for one another.
func (c *checker) checkLikeness(k *kind) {
	seen := make(map[string]place)
	for _, p := range k.places() {
		key := c.near.form.loose(p.text)
		twin, ok := seen[key]
		if !ok {
			seen[key] = p
			continue
		}
		difference := c.near.form.difference(p.text, twin.text)
		if p.local == twin.local || difference == "" || difference == ByCase && !c.rules.CaseSensitive {
			continue
		}
		quote := strconv.Quote
		if difference == ByUnicodeForm {
			quote = strconv.QuoteToASCII // else both would look the same here too
		}
		c.notice(p.path, quote(p.text)+" and "+quote(twin.text)+" differ by "+string(difference)+" only",
			"they are two different names; take one out if it was not meant")
	}
}

// checkMixture gives a notice where the tokens of one provider would have to hold object IDs and names of groups. What
// the configuration itself gives to callers need not stand in tokens.
func (c *checker) checkMixture() {
	given := slices.Clone(c.rules.DefaultGroups)
	for i := range c.rules.Users {
		given = append(given, c.rules.Users[i].Groups...)
	}
	for i := range c.rules.ServiceAccounts {
		given = append(given, c.rules.ServiceAccounts[i].Groups...)
	}
	slices.Sort(given)
	for i := range c.rules.Providers {
		name := c.rules.Providers[i].Name
		ids, names := 0, 0
		for j := range c.rules.Groups {
			local := &c.rules.Groups[j]
			if _, ok := slices.BinarySearch(given, local.Name); ok || !local.concerns(name) {
				continue
			}
			n := local.objectIDs()
			ids, names = ids+n, names+len(local.matchers())-n
		}
		if ids > 0 && names > 0 {
			c.notice(Path{"groups"}, "at provider "+strconv.Quote(name)+" object IDs ("+strconv.Itoa(ids)+") and names ("+
				strconv.Itoa(names)+") stand for groups, but a token of Entra ID holds one or the other",
				"see with claimctl explain which of them the tokens hold")
		}
	}
}

// objectIDs counts the claim values that have the shape of an object ID.
func (l *Local) objectIDs() int {
	count := 0
	for _, value := range l.matchers() {
		if _, ok := looseGUID(value); ok {
			count++
		}
	}
	return count
}
