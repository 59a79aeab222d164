package access

import (
	"fmt"
	"strings"

	"github.com/claimd/claimd/mapping"
)

// examples is how many unmatched values an advice writes out as lines to paste.
const examples = 3

// adviseNoGroup tells why nothing in the token names a local group, the commonest question of all: a near miss first,
// then what to declare.
func (j *judgement) adviseNoGroup() advice {
	var trace mapping.Trace
	_, _ = j.mapIdentity(&trace) // it was mapped before, without an error
	claim := string(j.provider.config.Claims.Groups)
	unmatched := groupSteps(trace.Steps)
	if len(unmatched) == 0 {
		return j.adviseNoValues(claim)
	}
	a := advice{
		why:  fmt.Sprintf("the claim %s holds %s, and none of them names a local group", quoted(claim), plural(len(unmatched), "value")),
		mend: "declare " + quoted(unmatched[0].Value) + " under [groups]",
	}
	if len(unmatched) == 1 {
		a.why = fmt.Sprintf("the claim %s holds %s, which names no local group", quoted(claim), quoted(unmatched[0].Value))
	}
	if len(unmatched) > 1 {
		a.mend = "declare one of them under [groups], or assign the user to a group that is declared"
	}
	if near, ok := nearest(unmatched); ok {
		a.mend = near
		return a
	}
	a.paste = j.groupLines(unmatched)
	return a
}

// adviseNoValues: the groups claim itself is missing or empty.
func (j *judgement) adviseNoValues(claim string) advice {
	if claim == "" {
		return advice{
			why:  "claims.groups is switched off, so only default_groups and [[user]] give groups",
			mend: "set groups under " + j.claimsTable() + ", or add groups at a [[user]] with id " + quoted(j.id),
		}
	}
	return advice{
		why:  fmt.Sprintf("the claim %s is %s", quoted(claim), emptyWords(j.value(j.provider.config.Claims.Groups))),
		mend: j.emitGroups(),
	}
}

func (j *judgement) emitGroups() string {
	const assign = ", and assign the user to one that is declared"
	if j.provider.config.IsOIDC() {
		return "have the provider write the user's groups into the access token, or let groups under " + j.claimsTable() +
			" name the claim that holds them" + assign
	}
	return "emit groups in the access token (groupMembershipClaims in the API's app registration, section accessToken)" + assign
}

func emptyWords(v mapping.Value) string {
	if v.Kind == mapping.Absent {
		return "not in the token"
	}
	return "empty"
}

// groupSteps gives the steps of the groups claim. Whoever has no group has none by any of them.
func groupSteps(steps []mapping.Step) []mapping.Step {
	var groups []mapping.Step
	for _, step := range steps {
		if step.Source == mapping.FromGroups {
			groups = append(groups, step)
		}
	}
	return groups
}

// nearest words the first near miss of a local group.
func nearest(steps []mapping.Step) (string, bool) {
	for _, step := range steps {
		for _, near := range step.Near {
			if near.What == "group" {
				return nearWords(step.Value, near), true
			}
		}
	}
	return "", false
}

func nearWords(value string, near mapping.Near) string {
	if near.Difference == mapping.ByProvider {
		return fmt.Sprintf("%s names the local group %s, but `providers` of that group leaves this provider out: add it there",
			quoted(value), quoted(near.Name))
	}
	words := fmt.Sprintf("%s differs from %s of the local group %s only by %s: spell it under [groups] exactly as the token does",
		quoted(value), quoted(near.Value), quoted(near.Name), near.Difference)
	if near.Difference == mapping.ByCase {
		words += ", or set case_sensitive = false under [mapping]"
	}
	return words
}

// groupLines gives what to paste for the first of the values. No line is a fault of the configuration that they are for.
func (j *judgement) groupLines(steps []mapping.Step) string {
	lines := []string{"# under [groups]"}
	for i, step := range steps {
		if i == examples {
			break
		}
		declared := ` = ""`
		if j.snapshot.config.NeedsProviders("groups", step.Value) {
			declared = " = { providers = [" + TOMLString(j.provider.config.Name) + "] }"
		}
		lines = append(lines, TOMLKey(step.Value)+declared)
	}
	return strings.Join(lines, "\n")
}
