package access

import (
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// marks are what routes ask of a token beside the identity. They are never changed.
type marks struct {
	appRoles    []string // the roles claim of an app-only token: its application permissions
	contexts    []string // acrs: the authentication contexts that the sign-in satisfies
	understands bool     // xms_cc has cp1: the client understands a claims challenge
}

// marksOf reads what some route may ask for; nil where none does.
func (r *Routes) marksOf(claims *token.Claims) *marks {
	if r == nil || !r.scoped && !r.stepped {
		return nil
	}
	m := new(marks)
	if r.scoped && claims.Caller == token.AppOnly {
		m.appRoles = words(claims.Value("roles"))
	}
	if r.stepped {
		m.contexts = words(claims.Value("acrs"))
		m.understands = understands(words(claims.Value("xms_cc")))
	}
	return m
}

// words gives the strings of a claim, cloned: those of a list share one piece of memory.
func words(v mapping.Value) []string {
	switch v.Kind {
	case mapping.String:
		return []string{v.Text}
	case mapping.Strings:
		cloned := make([]string, len(v.List))
		for i, word := range v.List {
			cloned[i] = strings.Clone(word)
		}
		return cloned
	}
	return nil
}

// weight gives the bytes of the marks.
func (m *marks) weight() int {
	if m == nil {
		return 0
	}
	size := 64
	for _, word := range slices.Concat(m.appRoles, m.contexts) {
		size += 16 + len(word)
	}
	return size
}

// public reports whether the route lets everybody in, without a token.
func (j *judgement) public() bool { return j.route != nil && j.route.rule.Public }

// routed: the route asks for one of its groups, one of its roles, all of its scopes, and an administrator where it says so.
func (j *judgement) routed() reason.Reason {
	if j.asked && (j.route == nil || j.lacks(j.route.rule) != "" || len(j.missingScopes()) > 0) {
		return reason.Route
	}
	return reason.None
}

// lacks names what the identity lacks of the rule, but for scopes: "groups", "roles" or "admin"; "" = nothing.
func (j *judgement) lacks(rule *config.Route) string {
	switch {
	case !hasOne(j.identity.Groups, rule.Groups):
		return "groups"
	case !hasOne(j.identity.Roles, rule.Roles):
		return "roles"
	case rule.Admin && !j.identity.Admin:
		return "admin"
	}
	return ""
}

// hasOne reports whether one of the wanted names is held; where none is wanted, everybody has it.
func hasOne(held, wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(name string) bool { return slices.Contains(held, name) })
}

// missingScopes gives the route's scopes that are no words of scp, or, for an application, none of its roles.
func (j *judgement) missingScopes() []string {
	var missing []string
	for _, scope := range j.route.rule.Scopes {
		if !j.hasScope(scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

func (j *judgement) hasScope(scope string) bool {
	if j.identity.ServiceAccount {
		return j.identity.marks != nil && slices.Contains(j.identity.marks.appRoles, scope)
	}
	for word := range strings.SplitSeq(j.identity.Scopes, " ") {
		if word == scope {
			return true
		}
	}
	return false
}

// routeScopes gives all scopes that a token needs for the route, each once.
func (j *judgement) routeScopes() string {
	scopes := slices.Clone(j.provider.config.RequiredScopes)
	for _, scope := range j.route.rule.Scopes {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return strings.Join(scopes, " ")
}

// stepUp: the sign-in satisfied the route's authentication context (Microsoft: developer-guide-conditional-access-
// authentication-context).
func (j *judgement) stepUp() reason.Reason {
	if !j.asked || j.route == nil || j.route.rule.ACRS == "" {
		return reason.None
	}
	if j.identity.marks == nil || !slices.Contains(j.identity.marks.contexts, j.route.rule.ACRS) {
		return reason.StepUp
	}
	return reason.None
}

// again asks the route about an identity that was verified before.
func (j *judgement) again() {
	j.fail(j.routed())
	if j.reason == reason.None {
		j.fail(j.stepUp())
	}
}

// challenge gives the claims challenge that has the client sign the user in under the route's authentication context;
// nil where the client does not say that it understands one.
func (j *judgement) challenge() *Challenge {
	if j.identity.marks == nil || !j.identity.marks.understands || j.provider.config.IsOIDC() {
		return nil
	}
	return j.challengeFor("acrs", j.route.rule.ACRS)
}

// routedOut reports whether it is the route alone that keeps the request out: then the identity is worth keeping, and
// this renders its headers. The next request with the token may be for another route.
func (j *judgement) routedOut() bool {
	return (j.reason == reason.Route || j.reason == reason.StepUp) && j.render() == reason.None
}
