package mapping

import "slices"

// Rules are what an administrator declares. The zero Rules have no local groups and match case-insensitively.
type Rules struct {
	CaseSensitive   bool
	DefaultGroups   []string
	DefaultRoles    []string
	Groups          []Local
	Roles           []Local
	Providers       []Provider
	Users           []User
	ServiceAccounts []ServiceAccount

	// Normalize gives a Unicode normal form (NFKC) of a string. It is used for hints about near misses and for
	// notices alone, never for a match; nil leaves those out. It is called by whoever asks for a Trace, at once.
	Normalize func(string) string
}

// Local is one local group or role. Several may share a value: it gives all of them.
type Local struct {
	Name      string   // how the protected API knows it; reported in this spelling
	Label     string   // for people; never matched
	Values    []string // the claim values that name it, instead of its name; nil: its own name
	Providers []string // the providers whose tokens may name it; nil: every one
}

// Provider holds the rules that differ from one identity provider to the next.
type Provider struct {
	Name         string // as in [provider.NAME]
	UserPrefix   string // put before the user id
	UserIsGUID   bool   // the user claim must be a GUID (Entra's oid) and is reported in lower case
	AdminValue   string // this value in the admin claim makes an administrator; "" never does
	AdminGroup   string // this value in the groups or the roles claim makes an administrator; "" is off
	RolesForApps bool   // claims.roles names the token's roles claim, so an app-only token's roles count
}

// User is what the configuration adds for one user of one provider.
type User struct {
	Provider string // one of Rules.Providers
	ID       string // the user claim, without prefix; compared as GUIDs where the provider's UserIsGUID
	Groups   []string
	Roles    []string
}

// ServiceAccount is an application that calls with a token of its own.
type ServiceAccount struct {
	Provider string // one of Rules.Providers
	ObjectID string // GUID of the service principal, any case
	Name     string
	Groups   []string
	Roles    []string
}

// matchers gives the claim values that name the group or role.
func (l *Local) matchers() []string {
	if l.Values == nil {
		return []string{l.Name}
	}
	return l.Values
}

// concerns reports whether tokens of the provider may name the group or role.
func (l *Local) concerns(provider string) bool {
	return l.Providers == nil || slices.Contains(l.Providers, provider)
}

// userID gives the form of a user id in which two are compared.
func (p *Provider) userID(id string) string {
	if guid, ok := asGUID(id); ok && p.UserIsGUID {
		return guid
	}
	return id
}
