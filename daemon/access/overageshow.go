package access

import (
	"fmt"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/reason"
)

func (j *judgement) showOverage(c *reason.Check) {
	c.Want = "all groups in the token"
	if j.provider.config.Graph != nil {
		c.Want = "all groups in the token, or Microsoft Graph's word on those that decide"
	}
	c.Got = j.overageWords()
	j.mend(c)
}

// overageWords tells what the token holds, and what Graph said where it was asked.
func (j *judgement) overageWords() string {
	const marker = "an overage marker instead of the groups"
	switch {
	case !j.leftOut():
		return "no overage marker"
	case j.told == nil:
		return marker
	case j.told.problem != nil:
		return marker + "; Microsoft Graph: " + j.told.problem.Problem
	case j.told.asked == 0:
		return marker + "; nothing that is declared depends on them"
	}
	words := fmt.Sprintf("%s; Microsoft Graph: in %d of the %s that decide", marker, len(j.told.answer.Member), plural(j.told.asked, "group"))
	if len(j.told.answer.Member) > 0 {
		words += ": " + orNone(j.told.answer.Member)
	}
	return words + fmt.Sprintf(" (counts until %s)", j.told.answer.Until().UTC().Format(time.RFC3339))
}

// adviseOverage tells what would have the groups known.
func (j *judgement) adviseOverage() advice {
	if j.provider.config.IsOIDC() {
		return advice{
			why: "_claim_names or hasgroups says that the token does not hold the groups",
			mend: "have the provider write the groups into the access token itself, or let groups and roles under " + j.claimsTable() +
				" name claims that it writes there",
		}
	}
	a := advice{
		why: "the token carries an overage marker instead of the groups: " +
			"Entra ID leaves them out where there are more than 200",
		mend: j.usual(reason.GroupsOverage),
	}
	if j.provider.config.Graph == nil {
		return a
	}
	if names := j.provider.deciding.names; len(names) > 0 {
		a.why += "; Microsoft Graph is not asked, as it cannot tell who is meant by " + quoted(names[0]) + ": display names are not unique"
		a.mend = "name " + orNone(quotedAll(names)) + " by object ID under [groups], [roles] and " + j.table() + ", or for other providers alone (providers)"
		return a
	}
	a.why += "; Microsoft Graph is not asked, as it tells groups alone, and claims.roles or claims.admin is left out too and is no other name of claims.groups"
	a.mend = "let claims.roles and claims.admin under " + j.table() + " name a claim that Entra ID does not leave out, or the one of claims.groups in the same spelling"
	return a
}

// adviseGraph tells what Graph, or its absence, asks for.
func (j *judgement) adviseGraph() advice {
	if j.told == nil || j.told.problem == nil {
		return advice{mend: j.usual(reason.GraphUnavailable)}
	}
	a := advice{
		why:  "the token carries an overage marker instead of the groups, and Microsoft Graph does not tell them: " + j.told.problem.Problem,
		mend: strings.ReplaceAll(j.told.problem.Hint, "[provider.NAME", "[provider."+j.provider.config.Name),
	}
	if a.mend == "" {
		a.mend = "try again in " + j.graphRetry().Round(time.Second).String() + "; claimctl status tells how Microsoft Graph is"
	}
	return a
}

// mendText is what mends a refusal in one line that has nothing beside it.
func (j *judgement) mendText() string {
	mend := j.advise(reason.Check{Reason: j.reason}).mend
	if j.reason == reason.GraphUnavailable && j.told != nil && j.told.problem != nil {
		return "Microsoft Graph: " + j.told.problem.Problem + "; " + mend
	}
	if problem, _ := j.vouched.problem(); problem != "" && j.reason == j.vouched.reason() {
		return problem + "; " + mend
	}
	return mend
}

func quotedAll(values []string) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = quoted(value)
	}
	return all
}
