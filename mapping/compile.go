package mapping

import "slices"

// Compile checks rules as a whole and compiles them. Where a Fault that is no Notice is among the faults, the Policy
// is nil. Nothing of rules is kept but strings and Normalize: the caller may change its slices afterwards.
func Compile(rules Rules) (*Policy, []Fault) {
	c := newChecker(&rules)
	c.check()
	if c.refuse {
		return nil, c.faults
	}
	return c.build(), c.faults
}

// build makes the Policy of rules that have no fault.
func (c *checker) build() *Policy {
	rules := c.rules
	policy := &Policy{providers: make(map[string]*ProviderPolicy, len(rules.Providers))}
	b := builder{groups: c.groups.declared, roles: c.roles.declared}
	for i := range rules.Providers {
		p := &ProviderPolicy{
			rules:    rules.Providers[i],
			fold:     !rules.CaseSensitive,
			groups:   b.groups.names,
			roles:    b.roles.names,
			defaults: b.rights(rules.DefaultGroups, rules.DefaultRoles),
			users:    make(map[string]rights),
			accounts: make(map[string]rights),
			near:     c.near,
		}
		p.table = b.table(rules, p)
		b.callers(rules, p)
		policy.providers[p.rules.Name] = p
	}
	return policy
}

// builder turns names into indexes.
type builder struct{ groups, roles numbering }

// numbering is the local names of one kind in byte order, with the index of each.
type numbering struct {
	names []string
	index map[string]int32
}

func numbered(locals []Local) numbering {
	n := numbering{index: make(map[string]int32, len(locals))}
	for i := range locals {
		n.names = append(n.names, locals[i].Name)
	}
	slices.Sort(n.names)
	for i, name := range n.names {
		n.index[name] = int32(i)
	}
	return n
}

// indexes gives the indexes of names in order, each once.
func (n numbering) indexes(names []string) []int32 {
	var list []int32
	for _, name := range distinct(names) {
		list = append(list, n.index[name])
	}
	return list
}

func (b *builder) rights(groups, roles []string) rights {
	return rights{groups: b.groups.indexes(groups), roles: b.roles.indexes(roles)}
}

// table gives what each claim value names in tokens of the provider.
func (b *builder) table(rules *Rules, p *ProviderPolicy) map[string]rights {
	table := make(map[string]rights, len(rules.Groups)+len(rules.Roles))
	for key, named := range p.keys(rules.Groups) {
		table[key] = rights{groups: b.groups.indexes(named)}
	}
	for key, named := range p.keys(rules.Roles) {
		entry := table[key]
		entry.roles = b.roles.indexes(named)
		table[key] = entry
	}
	return table
}

// keys gives for each claim value, folded where the policy folds, the names of the groups (or roles) it gives.
func (p *ProviderPolicy) keys(locals []Local) map[string][]string {
	keys := make(map[string][]string, len(locals))
	for i := range locals {
		local := &locals[i]
		if !local.concerns(p.rules.Name) {
			continue
		}
		for _, value := range local.matchers() {
			key := value
			if p.fold {
				key = folded(value)
			}
			keys[key] = append(keys[key], local.Name)
		}
	}
	return keys
}

// callers fills in what the configuration gives to single users and service accounts.
func (b *builder) callers(rules *Rules, p *ProviderPolicy) {
	for _, user := range rules.Users {
		if user.Provider == p.rules.Name {
			p.users[p.rules.userID(user.ID)] = b.rights(user.Groups, user.Roles)
		}
	}
	for _, account := range rules.ServiceAccounts {
		if id, ok := asGUID(account.ObjectID); ok && account.Provider == p.rules.Name {
			p.accounts[id] = b.rights(account.Groups, account.Roles)
		}
	}
}
