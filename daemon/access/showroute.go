package access

import (
	"fmt"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
)

// wants words what a route asks for.
func wants(rule *config.Route) string {
	text := ""
	add := func(what string) {
		if text != "" {
			text += ", and "
		}
		text += what
	}
	if len(rule.Groups) > 0 {
		add("a group of " + orNone(rule.Groups))
	}
	if len(rule.Roles) > 0 {
		add("a role of " + orNone(rule.Roles))
	}
	if len(rule.Scopes) > 0 {
		add("the scopes " + orNone(rule.Scopes))
	}
	if rule.Admin {
		add("an administrator")
	}
	if text == "" {
		return "whoever has a local group"
	}
	return text
}

func (j *judgement) showRouted(c *reason.Check) {
	if j.route == nil {
		c.Want, c.Got = "a [[route]] that matches", cleanTo(j.original.words(), maxQuoted)+", which none matches"
		j.mend(c)
		return
	}
	c.Want = fmt.Sprintf("%s, by match = %s (%s)", wants(j.route.rule), quoted(j.route.rule.Match), j.route.rule.Place)
	c.Got = fmt.Sprintf("groups: %s, roles: %s", orNone(j.identity.Groups), orNone(j.identity.Roles))
	j.mend(c)
}

func (j *judgement) showStepUp(c *reason.Check) {
	c.Want, c.Got = "no authentication context", "none asked for"
	if context := j.route.rule.ACRS; context != "" {
		c.Want = "acrs with " + context
		c.Got = "acrs: none"
		if j.identity.marks != nil {
			c.Got = "acrs: " + orNone(j.identity.marks.contexts)
		}
	}
	j.mend(c)
}

// adviseRoute tells why a route keeps somebody out who is let in else.
func (j *judgement) adviseRoute(r reason.Reason) advice {
	if j.route == nil {
		return advice{
			why:  "no [[route]] matches " + cleanTo(j.original.words(), maxQuoted) + ", and what none matches is denied",
			mend: "add a [[route]] with a match for it; match = \"/\" stands for all that no other one matches",
		}
	}
	rule := j.route.rule
	this := fmt.Sprintf("the [[route]] with match = %s (%s)", quoted(rule.Match), rule.Place)
	if r == reason.StepUp {
		return advice{
			why: this + " wants the authentication context " + rule.ACRS + ", and acrs does not hold it",
			mend: "let the client ask for it with a claims challenge, and have a Conditional Access policy grant " + rule.ACRS +
				"; or take acrs out of that [[route]]",
		}
	}
	switch j.lacks(rule) {
	case "groups":
		return advice{
			why:  this + " wants one of the groups " + orNone(rule.Groups) + "; there are " + orNone(j.identity.Groups),
			mend: "give the user one of these groups in the tenant, or add one of the user's to groups at that [[route]]",
		}
	case "roles":
		return advice{
			why:  this + " wants one of the roles " + orNone(rule.Roles) + "; there are " + orNone(j.identity.Roles),
			mend: "give the user one of these roles in the tenant, or add one of the user's to roles at that [[route]]",
		}
	case "admin":
		return advice{why: this + " wants an administrator", mend: "let an administrator call, or take admin = true out of that [[route]]"}
	}
	missing := orNone(j.missingScopes())
	if j.identity.ServiceAccount {
		return advice{
			why:  this + " wants scopes which an application needs as roles of its token; missing: " + missing,
			mend: "grant the application these app roles of the API (API permissions, application permissions), or take them out of that [[route]]",
		}
	}
	return advice{
		why:  this + " wants scopes that scp does not hold; missing: " + missing,
		mend: "let the client ask for them and consent to them in the tenant, or take them out of that [[route]]",
	}
}
