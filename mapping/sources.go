package mapping

import "math/bits"

// Sources tells where the groups and roles of an Identity come from, and which claim values name nothing local. It says
// what a Trace says, for a record that is made of every token: without near misses, and in linear time.
type Sources struct {
	Groups, Roles []Given // in byte order of the names, those of the Identity
	// UnmatchedGroups are the values of the groups claim that name nothing local, UnmatchedRoles those of the roles claim; in
	// byte order, each once. A value that stands in both claims is in neither list where it names something in one of
	// them, and in both otherwise.
	UnmatchedGroups, UnmatchedRoles []string
}

// Given is a group or a role, and the first Source that gives it: a claim, else the defaults, else [[user]] or
// [[service_account]].
type Given struct {
	Name   string
	Source Source
}

// UserSources gives the sources of what Map gives for the same id and claims. Where Map gives an error it gives no claim
// value a meaning.
func (p *ProviderPolicy) UserSources(id string, claims Claims) Sources {
	groups, _ := claims.Groups.list()
	roles, _ := claims.Roles.list()
	return p.sources(groups, roles, true, p.defaults, p.users[id], FromUser)
}

// AccountSources gives the sources of what MapAccount gives for the same object id and roles claim.
func (p *ProviderPolicy) AccountSources(objectID string, roles Value) Sources {
	_, declared, _ := p.account(objectID)
	if !p.rules.RolesForApps {
		roles = Value{}
	}
	values, _ := roles.list()
	return p.sources(nil, values, false, rights{}, declared, FromAccount)
}

// HasUser reports whether a [[user]] names the id, which comes from UserID.
func (p *ProviderPolicy) HasUser(id string) bool {
	_, ok := p.users[id]
	return ok
}

func (p *ProviderPolicy) sources(groups, roles []string, mayAdmin bool, defaults, own rights, local Source) Sources {
	g := p.newGain(mayAdmin)
	g.claims(groups, roles)
	return Sources{
		Groups:          given(p.groups, layer{g.groups, FromGroups}, layer{bitsetOf(len(p.groups), defaults.groups), FromDefault}, layer{bitsetOf(len(p.groups), own.groups), local}),
		Roles:           given(p.roles, layer{g.roles, FromRoles}, layer{bitsetOf(len(p.roles), defaults.roles), FromDefault}, layer{bitsetOf(len(p.roles), own.roles), local}),
		UnmatchedGroups: g.strangersOf(groups),
		UnmatchedRoles:  g.strangersOf(roles),
	}
}

// layer is what one source gives.
type layer struct {
	set    bitset
	source Source
}

// given names what the layers give, each by the first of them that has it.
func given(names []string, layers ...layer) []Given {
	list := []Given{}
	for w := range (len(names) + 63) / 64 {
		var word uint64
		for _, l := range layers {
			word |= l.set[w]
		}
		for ; word != 0; word &= word - 1 {
			bit := bits.TrailingZeros64(word)
			for _, l := range layers {
				if l.set[w]&(1<<bit) != 0 {
					list = append(list, Given{names[w*64+bit], l.source})
					break
				}
			}
		}
	}
	return list
}

func bitsetOf(size int, indexes []int32) bitset {
	set := newBitset(size)
	set.set(indexes)
	return set
}

// strangersOf gives those of the values that name nothing.
func (g *gain) strangersOf(values []string) []string {
	var strangers []string
	for _, value := range values {
		if _, ok := g.strangers[value]; ok {
			strangers = append(strangers, value)
		}
	}
	return distinct(strangers)
}
