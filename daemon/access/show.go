package access

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// The show functions fill in what was wanted and what was there, for Explain alone. Values are quoted and cut: they
// come from a verified token, but others wrote them.

func (j *judgement) showAccount(c *reason.Check) {
	c.Want, c.Got = "a [[service_account]] with the token's oid as object_id", "oid "+j.claims.ObjectID
	if j.provider.config.IsOIDC() {
		c.Want, c.Got = "a token for a user", "the client's own: sub is its id "+quoted(j.claims.ClientID)
	}
	j.mend(c)
}

func (j *judgement) showScope(c *reason.Check) {
	c.Want = "required_scopes: " + orNone(j.provider.config.RequiredScopes)
	c.Got = j.scopeClaim() + ": " + orNone(scopeWords(j.claims.Scopes))
	j.mend(c)
}

// scopeClaim names the claim that the scopes were read from: at providers that are not Entra ID, either of two.
func (j *judgement) scopeClaim() string {
	if j.provider.config.IsOIDC() && (j.claims.Has("scope") || !j.claims.Has("scp")) {
		return "scope"
	}
	return "scp"
}

func (j *judgement) showUserID(c *reason.Check) {
	name := j.provider.config.Claims.User
	c.Want = "the claim " + strconv.Quote(string(name)) + " (claims.user)"
	c.Got = shape(j.value(name))
	if j.id != "" {
		c.Got = quoted(j.id)
	}
	j.mend(c)
}

func (j *judgement) showGuest(c *reason.Check) {
	c.Want = `guests = "` + string(j.provider.config.Guests) + `"`
	c.Got = "a member of the tenant"
	if j.isGuest() {
		c.Got = "a guest of the tenant"
	}
	j.mend(c)
}

func (j *judgement) showState(c *reason.Check) {
	c.Want = "not switched off"
	if !j.invited() {
		c.Want = `not switched off, and invited (sign_up = "invite")`
	}
	c.Got = j.stateWords()
	j.mend(c)
}

// stateWords tells the caller's state, and how far it is known.
func (j *judgement) stateWords() string {
	switch j.standing {
	case blocked:
		return "switched off in the configuration"
	case deactivated:
		return "switched off in the directory (claimctl users)"
	case uninvited:
		return "waiting for an invitation"
	case unknowable:
		return "the directory of users cannot be read"
	}
	d := j.provider.directory
	switch {
	case d == nil:
		return "not switched off in the configuration; the directory of users was not asked"
	case stateOf(d, j.person.hash, j.person.other) == directory.Active:
		return "active"
	}
	return "not known yet, and let in"
}

func (j *judgement) showMapped(c *reason.Check) {
	names := &j.provider.config.Claims
	c.Want = "groups and roles as a string or an array of strings"
	c.Got = fmt.Sprintf("groups: %s, roles: %s", shape(j.value(names.Groups)), shape(j.value(names.Roles)))
	if j.told != nil {
		values := j.claimValues()
		c.Got = fmt.Sprintf("groups: %s of Microsoft Graph, roles: %s", shape(values.Groups), shape(values.Roles))
	}
	j.mend(c)
}

func (j *judgement) showGroup(c *reason.Check) {
	c.Want = "at least one local group"
	c.Got = "groups: " + orNone(j.identity.Groups)
	j.mend(c)
}

func (j *judgement) showRender(c *reason.Check) {
	c.Want = fmt.Sprintf("identity headers of %d bytes at most", maxHeaders)
	c.Got = fmt.Sprintf("%d bytes", j.size)
	j.mend(c)
}

// mend tells a failed check what would mend it in this very case.
func (j *judgement) mend(c *reason.Check) {
	if !c.Passed {
		c.Mend = j.advise(*c).mend
	}
}

// shape tells what a claim holds without telling its values.
func shape(v mapping.Value) string {
	switch v.Kind {
	case mapping.Absent:
		return "absent"
	case mapping.String:
		return "string"
	case mapping.Strings:
		return plural(len(v.List), "string")
	}
	return "other"
}

// claimsSeen tells of each configured claim whether the token has it.
func (j *judgement) claimsSeen() []ClaimSeen {
	names := &j.provider.config.Claims
	var seen []ClaimSeen
	for _, claim := range []struct {
		key  string
		name config.ClaimName
	}{
		{"user", names.User}, {"email", names.Email}, {"first_name", names.FirstName}, {"last_name", names.LastName},
		{"groups", names.Groups}, {"roles", names.Roles}, {"admin", names.Admin},
	} {
		if claim.name != "" {
			seen = append(seen, ClaimSeen{For: claim.key, Name: string(claim.name), Shape: shape(j.value(claim.name))})
		}
	}
	return seen
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	shown := make([]string, 0, len(list))
	for i, s := range list {
		if i == maxListed {
			return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", len(list)-i)
		}
		shown = append(shown, cleanTo(s, maxQuoted))
	}
	return strings.Join(shown, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
