package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
)

// matchersOf gives the claim values that give rights where they stand in that claim, sorted.
func (j *judgement) matchersOf(claim string) []string {
	var all []string
	if topLevel(j.provider.Claims.Groups) == claim {
		all = append(all, matchers(j.config.Groups, j.provider.Name)...)
	}
	if topLevel(j.provider.Claims.Roles) == claim {
		all = append(all, matchers(j.config.Roles, j.provider.Name)...)
	}
	if admin := j.provider.AdminGroup; admin != "" && len(all) > 0 && claim == topLevel(j.provider.Claims.Groups) {
		all = append(all, admin)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func matchers(locals []config.Local, provider string) []string {
	var all []string
	for _, local := range locals {
		if local.Providers != nil && !slices.Contains(local.Providers, provider) {
			continue
		}
		if local.Values == nil {
			all = append(all, local.Name)
			continue
		}
		all = append(all, local.Values...)
	}
	return all
}

func isGroups(c element[optionalClaim]) bool { return c.value.Name == "groups" }

// groupsOption gives the formatting of the groups claim in access tokens; false: none is asked for.
func (j *judgement) groupsOption() (optionalClaim, bool) {
	i := slices.IndexFunc(j.manifest.Optional.AccessToken, isGroups)
	if i < 0 {
		return optionalClaim{}, false
	}
	return j.manifest.Optional.AccessToken[i].value, true
}

// groupsAsRoles reports whether groups come in the roles claim, in place of app roles.
func (j *judgement) groupsAsRoles() bool {
	option, _ := j.groupsOption()
	return slices.Contains(option.AdditionalProperties, "emit_as_roles")
}

// carrier is the claim that groups come in.
func (j *judgement) carrier() string {
	if j.groupsAsRoles() {
		return "roles"
	}
	return "groups"
}

// askGroups asks whether groups come at all, and in the claim that is read.
func (j *judgement) askGroups() finding.Finding {
	m := j.manifest
	has := func(word string) bool { return slices.Contains(m.GroupMembership, word) }
	written := strings.Join(m.GroupMembership, ", ")
	if written == "" {
		written = "null"
	}
	comes := has("SecurityGroup") || has("ApplicationGroup") || has("All")
	if j.groupsAsRoles() && j.reads("groups") {
		j.setGroups(without(j.groupsProperties(), "emit_as_roles"))
		return finding.Bad("take emit_as_roles out, or set claims.groups = \"roles\": app roles do not come then", "emit_as_roles puts groups into roles, and the configuration reads groups")
	}
	if !j.reads(j.carrier()) {
		if comes && !j.groupsAsRoles() {
			return finding.Good("groupMembershipClaims %s, though the configuration does not read groups", written)
		}
		return finding.Good("the configuration does not read groups")
	}
	if !comes {
		if j.carrier() == "groups" || len(m.GroupMembership) == 0 {
			j.edits.set("", "groupMembershipClaims", "SecurityGroup")
		}
		return finding.Bad("Token configuration, Add groups claim: Security groups; or Groups assigned to the application (ApplicationGroup) where users are in more than 200",
			"groupMembershipClaims is %s: no token holds groups, so nobody is in one", written)
	}
	if f, ok := j.elsewhere(); ok {
		return f
	}
	return finding.Good("groupMembershipClaims %s: %s", written, j.extent(has))
}

// elsewhere tells of a groups claim that is formatted for ID tokens alone.
func (j *judgement) elsewhere() (finding.Finding, bool) {
	i := slices.IndexFunc(j.manifest.Optional.IDToken, isGroups)
	if _, ok := j.groupsOption(); ok || i < 0 {
		return finding.Finding{}, false
	}
	j.setGroups(j.manifest.Optional.IDToken[i].value.AdditionalProperties)
	return finding.Bad("Token configuration, groups, Edit: Access too; an API gets access tokens only",
		"optionalClaims asks for groups in the section idToken, and not in accessToken"), true
}

func (j *judgement) extent(has func(string) bool) string {
	switch {
	case has("All"):
		return "distribution lists too; whoever is in more than 200 is refused 403 groups_overage"
	case has("SecurityGroup"):
		return "whoever is in more than 200 is refused 403 groups_overage"
	}
	return "only groups assigned to the app, and only their direct members"
}

// nameForms are the forms of names that synced groups can come in, by the property that asks for them
// (optional-claims).
var nameForms = []struct {
	property, example string
	domain            bool
}{
	{"sam_account_name", `Team A`, false},
	{"dns_domain_and_sam_account_name", `contoso.com\Team A`, true},
	{"netbios_domain_and_sam_account_name", `CONTOSO\Team A`, true},
}

func (j *judgement) groupsProperties() []string {
	option, _ := j.groupsOption()
	return option.AdditionalProperties
}

// askGroupValues holds the form in which groups come against the values that are configured: object IDs or names.
func (j *judgement) askGroupValues() finding.Finding {
	values := j.matchersOf(j.carrier())
	if len(values) == 0 || !j.reads(j.carrier()) {
		return finding.Finding{}
	}
	var ids, names []string
	for _, value := range values {
		if entra.IsGUID(value) {
			ids = append(ids, value)
		} else {
			names = append(names, value)
		}
	}
	properties := j.groupsProperties()
	if slices.Contains(properties, "cloud_displayname") && !slices.Equal(j.manifest.GroupMembership, []string{"ApplicationGroup"}) {
		j.edits.set("", "groupMembershipClaims", "ApplicationGroup")
		return finding.Bad("assign the groups to the app (Enterprise applications, the app, Users and groups), and set the line below",
			"cloud_displayname holds only where groupMembershipClaims is ApplicationGroup, and it is %s: object IDs come", strings.Join(j.manifest.GroupMembership, ", "))
	}
	for _, property := range properties { // the first one counts
		for _, form := range nameForms {
			if form.property == property {
				return j.judgeNames(ids, names, form.example, form.domain, slices.Contains(properties, "cloud_displayname"))
			}
		}
	}
	if slices.Contains(properties, "cloud_displayname") {
		return j.judgeNames(ids, names, "Team A", false, true)
	}
	return j.judgeIDs(ids, names)
}

// judgeIDs: object IDs come.
func (j *judgement) judgeIDs(ids, names []string) finding.Finding {
	if len(names) == 0 {
		return finding.Good("object IDs, as configured: %s", shown(ids))
	}
	const byID = "name each by its object ID (Groups, the group, Overview): 6cab8f93-... = \"Analysts\", or Analysts = { values = [\"6cab8f93-...\"] }"
	if len(ids) > 0 {
		return finding.Bad(byID, "object IDs come, and these are names: %s", shown(names))
	}
	j.edits.set("", "groupMembershipClaims", "ApplicationGroup")
	properties := []string{"cloud_displayname"}
	toDo := byID + "\nor have Entra send names, which are not unique: the lines below, for groups assigned to the app"
	if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, `\`) }) {
		properties = []string{formFor(names), "cloud_displayname"}
		toDo = byID + "\nor have Entra send names with their domain: the lines below, for groups that are synced from Active Directory and assigned to the app"
	}
	j.setGroups(properties)
	return finding.Bad(toDo, "object IDs come, and these are names: %s", shown(names))
}

// formFor guesses the form from the domain's: one with a dot is of DNS.
func formFor(names []string) string {
	for _, name := range names {
		if domain, _, ok := strings.Cut(name, `\`); ok && strings.Contains(domain, ".") {
			return nameForms[1].property
		}
	}
	return nameForms[2].property
}

// judgeNames: names come, in the form of the example.
func (j *judgement) judgeNames(ids, names []string, example string, domain, cloud bool) finding.Finding {
	if len(ids) > 0 && len(names) > 0 {
		return finding.Bad("name each as it comes, such as '"+example+"', in values", "names come, and these are object IDs: %s", shown(ids))
	}
	if len(ids) > 0 {
		j.setGroups(without(j.groupsProperties(), "sam_account_name", "dns_domain_and_sam_account_name", "netbios_domain_and_sam_account_name", "cloud_displayname"))
		return finding.Bad("have Entra send object IDs, which are unique: the lines below", "names come, and these are object IDs: %s", shown(ids))
	}
	var odd []string
	for _, name := range names {
		hasDomain := strings.Contains(name, `\`)
		if hasDomain != domain && !(cloud && !hasDomain) {
			odd = append(odd, name)
		}
	}
	if len(odd) > 0 {
		return finding.Bad(fmt.Sprintf("write them as they come: '%s' = \"\"", example), "names come in the form %s, and these are not: %s", example, shown(odd))
	}
	text := "names in the form " + example + " for groups synced from Active Directory"
	if !cloud {
		return finding.Good("%s; others do not come", text)
	}
	return finding.Good("%s, display names for the others", text)
}

// setGroups sets the properties of the groups claim in access tokens.
func (j *judgement) setGroups(properties []string) {
	properties = append([]string{}, properties...) // an empty list, never null
	section := slices.Clone(j.access)
	i := slices.IndexFunc(section, isGroups)
	switch {
	case i >= 0 && section[i].raw != nil:
		section[i] = section[i].with("additionalProperties", properties)
	case i >= 0: // these lines have put it there
		section[i].value.AdditionalProperties = properties
	default:
		section = append(section, created(optionalClaim{Name: "groups", AdditionalProperties: properties}))
	}
	j.setAccess(section)
}

func without(properties []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return slices.Contains(names, p) })
}
