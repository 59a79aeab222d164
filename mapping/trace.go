package mapping

// Trace tells why an Identity is what it is. The zero Trace is ready for use; a nil *Trace records nothing.
type Trace struct {
	// Steps stand in the order of the sources below, and for each source in byte order of the values.
	Steps []Step
}

// Source tells where a Step's right came from.
type Source string

// The sources of a group, a role or administration.
const (
	FromGroups  Source = "groups claim"
	FromRoles   Source = "roles claim"
	FromAdmin   Source = "admin claim"
	FromDefault Source = "default"
	FromUser    Source = "[[user]]"
	FromAccount Source = "[[service_account]]"
)

// Step is one value, what it matched, and what it nearly matched. A value that stands in the groups claim and in the
// roles claim has a Step for each claim; one that stands twice in one claim has one.
type Step struct {
	Source Source   `json:"source"`
	Value  string   `json:"value"` // the claim value, or the local name for what comes from the configuration
	Groups []string `json:"groups,omitempty"`
	Roles  []string `json:"roles,omitempty"`
	Admin  bool     `json:"admin,omitempty"`
	// Near is what the value nearly matched, 5 at most: groups or roles where it matched none, and admin_group or
	// admin_value where it did not make an administrator.
	Near []Near `json:"near,omitempty"`
}

// Matched reports whether the value named anything local.
func (s Step) Matched() bool { return len(s.Groups) > 0 || len(s.Roles) > 0 || s.Admin }

// claimSteps records a Step for every different value of the groups or the roles claim. admin says whether the caller
// can be an administrator at all.
func (p *ProviderPolicy) claimSteps(trace *Trace, source Source, values []string, admin bool) {
	for _, value := range distinct(values) {
		step := Step{Source: source, Value: value, Admin: admin && p.isAdminGroup(value)}
		if admin && !step.Admin {
			step.Near = p.near.setting(nil, "admin_group", value, p.rules.AdminGroup)
		}
		named := p.named(value)
		if source == FromGroups {
			step.Groups = pick(p.groups, named.groups)
		} else {
			step.Roles = pick(p.roles, named.roles)
		}
		if len(step.Groups)+len(step.Roles) == 0 {
			step.Near = p.near.locals(step.Near, source, value, p.rules.Name)
		}
		trace.Steps = append(trace.Steps, step)
	}
}

// adminSteps records a Step for every different value of the admin claim.
func (p *ProviderPolicy) adminSteps(trace *Trace, claim Value) {
	values, _ := claim.list()
	for _, value := range distinct(values) {
		step := Step{Source: FromAdmin, Value: value, Admin: p.isAdminValue(value)}
		if !step.Admin {
			step.Near = p.near.setting(nil, "admin_value", value, p.rules.AdminValue)
		}
		trace.Steps = append(trace.Steps, step)
	}
}

// grantSteps records a Step for every group and role that the configuration gives.
func (p *ProviderPolicy) grantSteps(trace *Trace, source Source, given rights) {
	for _, name := range distinct(pick(p.groups, given.groups)) {
		trace.Steps = append(trace.Steps, Step{Source: source, Value: name, Groups: []string{name}})
	}
	for _, name := range distinct(pick(p.roles, given.roles)) {
		trace.Steps = append(trace.Steps, Step{Source: source, Value: name, Roles: []string{name}})
	}
}

// pick gives the names at the indexes; nil for none.
func pick(names []string, indexes []int32) []string {
	var picked []string
	for _, i := range indexes {
		picked = append(picked, names[i])
	}
	return picked
}
