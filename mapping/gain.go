package mapping

import "math/bits"

// gain gathers what one caller gets. The work is linear in the number of values, and only values that name nothing
// are kept.
type gain struct {
	policy        *ProviderPolicy
	groups, roles bitset
	mayAdmin      bool // the caller is one whom admin_group can make an administrator
	admin         bool // by admin_group
	strangers     map[string]struct{}
	crossed       bool // a stranger of one claim would name something in the other
}

func (p *ProviderPolicy) newGain(mayAdmin bool) *gain {
	return &gain{policy: p, groups: newBitset(len(p.groups)), roles: newBitset(len(p.roles)), mayAdmin: mayAdmin}
}

// origin tells in which claims a value stands.
type origin uint8

const (
	inGroups origin = 1 << iota
	inRoles
)

// claims adds what the values of the two claims name. A value that stands in both is one value: it is no stranger
// where it names something in one of them.
func (g *gain) claims(groups, roles []string) {
	if sameList(groups, roles) {
		g.values(groups, inGroups|inRoles)
		return
	}
	g.values(groups, inGroups)
	g.values(roles, inRoles)
	if g.crossed {
		g.acquaint(groups, inGroups)
		g.acquaint(roles, inRoles)
	}
}

// values adds what the values name where they stand.
func (g *gain) values(values []string, from origin) {
	for i, value := range values {
		named := g.policy.named(value)
		here := named.in(from)
		g.add(here)
		switch {
		case g.mayAdmin && g.policy.isAdminGroup(value):
			g.admin = true
		case here.empty():
			if g.strangers == nil {
				g.strangers = make(map[string]struct{}, len(values)-i)
			}
			g.strangers[value] = struct{}{}
			g.crossed = g.crossed || !named.empty()
		}
	}
}

// acquaint takes from the strangers the values that name something where they stand.
func (g *gain) acquaint(values []string, from origin) {
	for _, value := range values {
		if !g.policy.named(value).in(from).empty() {
			delete(g.strangers, value)
		}
	}
}

func (g *gain) add(given rights) {
	g.groups.set(given.groups)
	g.roles.set(given.roles)
}

// sameList reports whether both claims are read from the one list, so that each value needs one look.
func sameList(a, b []string) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// in gives what is left for a value that stands in these claims.
func (r rights) in(from origin) rights {
	if from&inGroups == 0 {
		r.groups = nil
	}
	if from&inRoles == 0 {
		r.roles = nil
	}
	return r
}

func (r rights) empty() bool { return len(r.groups)+len(r.roles) == 0 }

// named gives what a claim value names, without an allocation.
func (p *ProviderPolicy) named(value string) rights {
	if !p.fold {
		return p.table[value]
	}
	var buffer [64]byte
	return p.table[string(appendFold(buffer[:0], value))]
}

// bitset is a set of indexes into sorted names: it holds each once and gives them in order.
type bitset []uint64

func newBitset(size int) bitset { return make(bitset, (size+63)/64) }

func (b bitset) set(indexes []int32) {
	for _, i := range indexes {
		b[i/64] |= 1 << (i % 64)
	}
}

// names gives the names at the indexes of the set, in their order; never nil.
func (b bitset) names(all []string) []string {
	count := 0
	for _, word := range b {
		count += bits.OnesCount64(word)
	}
	names := make([]string, 0, count)
	for w, word := range b {
		for ; word != 0; word &= word - 1 {
			names = append(names, all[w*64+bits.TrailingZeros64(word)])
		}
	}
	return names
}
