package mapping

import "strconv"

// checker collects the faults of rules.
type checker struct {
	rules  *Rules
	near   *nearIndex
	groups kind
	roles  kind

	faults   []Fault
	refuse   bool // one of the faults is no notice
	searches int  // searches for a similar name so far
}

// kind is one of the two name spaces.
type kind struct {
	table    string // "groups" or "roles"
	article  string // "a group" or "a role"
	locals   []Local
	declared numbering
}

func newChecker(rules *Rules) *checker {
	return &checker{
		rules:  rules,
		near:   newNearIndex(rules),
		groups: kind{"groups", "a group", rules.Groups, numbered(rules.Groups)},
		roles:  kind{"roles", "a role", rules.Roles, numbered(rules.Roles)},
	}
}

func (c *checker) check() {
	c.checkProviders()
	c.checkPrefixes()
	c.checkDefaults()
	for _, k := range []*kind{&c.groups, &c.roles} {
		c.checkLocals(k)
		c.checkFolding(k)
		c.checkLikeness(k)
	}
	c.checkMixture()
	c.checkCallers()
	c.checkPassable()
}

func (c *checker) fault(path Path, problem, hint string) {
	c.faults = append(c.faults, Fault{Path: path, Problem: problem, Hint: hint})
	c.refuse = true
}

func (c *checker) notice(path Path, problem, hint string) {
	c.faults = append(c.faults, Fault{Path: path, Problem: problem, Hint: hint, Notice: true})
}

// checkReferences checks a list of names of local groups or roles.
func (c *checker) checkReferences(path Path, list []string, k *kind) {
	for i, name := range list {
		if _, ok := k.declared.index[name]; !ok {
			c.fault(path.at(i), "want "+k.article+" that stands under ["+k.table+"], got "+strconv.Quote(name),
				c.suggest(name, k.declared.names, "declare it under ["+k.table+"], or take it out here"))
		}
	}
	c.checkRepeats(path, list)
}

// checkRepeats gives a notice for each value that stands in the list before.
func (c *checker) checkRepeats(path Path, list []string) {
	seen := make(map[string]bool, len(list))
	for i, value := range list {
		if seen[value] {
			c.notice(path.at(i), strconv.Quote(value)+" stands in this list twice", "")
		}
		seen[value] = true
	}
}

// provider gives the provider of that name, or leaves a fault at path.
func (c *checker) provider(path Path, name string) (*Provider, bool) {
	var names []string
	for i := range c.rules.Providers {
		if c.rules.Providers[i].Name == name {
			return &c.rules.Providers[i], true
		}
		names = append(names, c.rules.Providers[i].Name)
	}
	if len(names) == 0 {
		c.fault(path, "want the name of a provider, got "+strconv.Quote(name), "there is no [provider.NAME] yet")
		return nil, false
	}
	c.fault(path, "want the name of a provider, got "+strconv.Quote(name),
		c.suggest(name, names, "declared: "+quoted(names)))
	return nil, false
}

// checkDefaults checks [mapping].
func (c *checker) checkDefaults() {
	path := Path{"mapping", "default_groups"}
	c.checkReferences(path, c.rules.DefaultGroups, &c.groups)
	c.checkReferences(Path{"mapping", "default_roles"}, c.rules.DefaultRoles, &c.roles)
	if len(c.rules.DefaultGroups) > 0 {
		c.notice(path, "lets in every user of a tenant who comes through an allowed application",
			"give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant")
	}
	if !c.rules.CaseSensitive {
		c.notice(Path{"mapping", "case_sensitive"}, "group and role names compare without regard to case",
			"leave it at true unless claim values arrive in several spellings")
	}
}

// checkPassable says so where no caller can ever have a group.
func (c *checker) checkPassable() {
	if len(c.rules.Groups) == 0 && len(c.rules.Providers) > 0 {
		c.notice(Path{"groups"}, "no group is declared, so nobody can pass",
			"declare the groups that exist under [groups], one a line")
	}
}
