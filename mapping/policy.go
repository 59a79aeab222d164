package mapping

import "errors"

// The ways in which a claim can keep a caller out. They are returned wrapped or bare; test with errors.Is.
var (
	ErrMissingClaim   = errors.New("the user claim is absent, null or empty")
	ErrClaimType      = errors.New("a claim has a type that cannot be mapped")
	ErrUnknownAccount = errors.New("no service account has this object id")
)

// claimError tells which claim it is about. Its text holds no claim value.
type claimError struct {
	problem string
	kind    error
}

func (e *claimError) Error() string { return e.problem }
func (e *claimError) Unwrap() error { return e.kind }

// Policy is a set of compiled Rules. It is immutable and safe for concurrent use.
type Policy struct {
	providers map[string]*ProviderPolicy
}

// Provider gives the part of the policy that holds for the provider of that name; nil if there is none.
func (p *Policy) Provider(name string) *ProviderPolicy { return p.providers[name] }

// ProviderPolicy maps the tokens of one provider. It is immutable and safe for concurrent use.
type ProviderPolicy struct {
	rules    Provider
	fold     bool              // group and role names compare under simple case folding
	groups   []string          // all local groups in byte order; the indexes of rights lead here
	roles    []string          // likewise
	table    map[string]rights // what a claim value names at this provider, by value or folded value
	defaults rights
	users    map[string]rights // what [[user]] adds, by the id that UserID gives
	accounts map[string]rights // by object id in lower case
	near     *nearIndex        // for a Trace alone
}

// rights are groups and roles, as indexes into the sorted local names.
type rights struct{ groups, roles []int32 }

// UserID gives the id of the user (without prefix) that the user claim holds: ErrMissingClaim where it is absent,
// null or empty, ErrClaimType where it is no string, or no GUID although the provider's ids are GUIDs.
func (p *ProviderPolicy) UserID(user Value) (string, error) {
	switch {
	case user.Kind == Absent, user.Kind == String && user.Text == "":
		return "", ErrMissingClaim
	case user.Kind != String:
		return "", &claimError{"the user claim is no string", ErrClaimType}
	case p.rules.UserIsGUID && !isGUID(user.Text):
		return "", &claimError{"the user claim is no GUID", ErrClaimType}
	}
	return p.rules.userID(user.Text), nil
}

// Map gives the identity of a user. id comes from UserID. Errors: ErrClaimType where the groups or the roles claim
// is neither a string nor an array of strings; then the trace stays as it was. A non-nil trace gets a Step for every
// different value.
func (p *ProviderPolicy) Map(id string, claims Claims, trace *Trace) (Identity, error) {
	groups, err := claimList(claims.Groups, "the groups claim is neither a string nor an array of strings")
	if err != nil {
		return Identity{}, err
	}
	roles, err := claimList(claims.Roles, "the roles claim is neither a string nor an array of strings")
	if err != nil {
		return Identity{}, err
	}
	if trace != nil {
		p.claimSteps(trace, FromGroups, groups, true)
		p.claimSteps(trace, FromRoles, roles, true)
		p.adminSteps(trace, claims.Admin)
		p.grantSteps(trace, FromDefault, p.defaults)
		p.grantSteps(trace, FromUser, p.users[id])
	}
	g := p.newGain(true)
	g.claims(groups, roles)
	g.add(p.defaults)
	g.add(p.users[id])
	identity := p.identity(id, g)
	identity.Admin = g.admin || p.hasAdminValue(claims.Admin)
	identity.Email = claims.Email.text()
	identity.FirstName = claims.FirstName.text()
	identity.LastName = claims.LastName.text()
	return identity, nil
}

// HasAccount reports whether a service account with this object id (a GUID in any case) is declared.
func (p *ProviderPolicy) HasAccount(objectID string) bool {
	_, _, ok := p.account(objectID)
	return ok
}

// MapAccount gives the identity of an app that calls with a token of its own: groups and roles of its
// [[service_account]], the roles claim's roles where RolesForApps, no defaults, never an administrator. Errors:
// ErrUnknownAccount, ErrClaimType; then the trace stays as it was. Where RolesForApps is false, roles is not looked at.
func (p *ProviderPolicy) MapAccount(objectID string, roles Value, trace *Trace) (Identity, error) {
	id, declared, ok := p.account(objectID)
	if !ok {
		return Identity{}, ErrUnknownAccount
	}
	if !p.rules.RolesForApps {
		roles = Value{}
	}
	values, err := claimList(roles, "the roles claim is neither a string nor an array of strings")
	if err != nil {
		return Identity{}, err
	}
	if trace != nil {
		p.claimSteps(trace, FromRoles, values, false)
		p.grantSteps(trace, FromAccount, declared)
	}
	g := p.newGain(false)
	g.claims(nil, values)
	g.add(declared)
	identity := p.identity(id, g)
	identity.ServiceAccount = true
	return identity, nil
}

// identity gives what a user and a service account have in common.
func (p *ProviderPolicy) identity(id string, g *gain) Identity {
	return Identity{
		Provider:  p.rules.Name,
		ID:        id,
		User:      p.rules.UserPrefix + id,
		Groups:    g.groups.names(p.groups),
		Roles:     g.roles.names(p.roles),
		Unmatched: len(g.strangers),
	}
}

// account gives the object id in lower case and what the service account declares.
func (p *ProviderPolicy) account(objectID string) (id string, declared rights, ok bool) {
	id, ok = asGUID(objectID)
	if !ok {
		return "", rights{}, false
	}
	declared, ok = p.accounts[id]
	return id, declared, ok
}

func (p *ProviderPolicy) isAdminGroup(value string) bool {
	return value == p.rules.AdminGroup && value != ""
}

func (p *ProviderPolicy) isAdminValue(value string) bool {
	return value == p.rules.AdminValue && value != ""
}

// hasAdminValue is false for every shape but a string and an array of strings.
func (p *ProviderPolicy) hasAdminValue(claim Value) bool {
	values, _ := claim.list()
	for _, value := range values {
		if p.isAdminValue(value) {
			return true
		}
	}
	return false
}

// claimList gives the values of the groups or the roles claim.
func claimList(claim Value, problem string) ([]string, error) {
	values, ok := claim.list()
	if !ok {
		return nil, &claimError{problem, ErrClaimType}
	}
	return values, nil
}
