package manifest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/entra"
)

// askScopes asks whether the API exposes what required_scopes wants.
func (j *judgement) askScopes() finding.Finding {
	m, required := j.manifest, j.provider.RequiredScopes
	name := j.attribute(m.form.scopes)
	if len(required) == 0 {
		return finding.Good("required_scopes is empty: a token with any scope of %s will do", orNone(exposed(values(m.Scopes))))
	}
	scopes, missing, off := slices.Clone(m.Scopes), []string{}, []string{}
	for _, word := range required {
		i := slices.IndexFunc(scopes, func(s element[scope]) bool { return s.value.Value == word })
		switch {
		case i < 0:
			missing = append(missing, word)
			scopes = append(scopes, created(newScope(m.AppID, word)))
		case !scopes[i].value.IsEnabled:
			off = append(off, word)
			scopes[i] = scopes[i].with("isEnabled", true)
		}
	}
	if len(missing)+len(off) == 0 {
		return finding.Good("the API exposes %s", shown(required))
	}
	j.edits.set(m.form.in, m.form.scopes, scopes)
	if len(missing) == 0 {
		return finding.Bad("enable it", "%s has %s switched off: users get 403 scope", name, shown(off))
	}
	return finding.Bad("expose it (Expose an API, Add a scope), or correct required_scopes: the API exposes "+orNone(exposed(values(m.Scopes))),
		"%s lacks %s, which required_scopes wants: users get 403 scope", name, shown(missing))
}

func exposed(scopes []scope) []string {
	var words []string
	for _, s := range scopes {
		if s.IsEnabled {
			words = append(words, s.Value)
		}
	}
	return words
}

func orNone(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return shown(values)
}

// newScope makes a scope with an id made from app and name, so that the same file gives the same lines.
func newScope(app, word string) scope {
	return scope{
		ID: madeGUID("scope", app, word), AdminConsentDescription: "Call the API as the signed-in user.", AdminConsentDisplayName: word,
		UserConsentDescription: "Call the API for you.", UserConsentDisplayName: word, Value: word, Type: "User", IsEnabled: true,
	}
}

// newRole makes an app role for users.
func newRole(app, value string) appRole {
	return appRole{
		ID: madeGUID("role", app, value), AllowedMemberTypes: []string{"User"}, DisplayName: value, Description: value, Value: value, IsEnabled: true,
	}
}

// madeGUID makes a GUID of version 8 from words (RFC 9562 section 5.8).
func madeGUID(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// askRoles asks whether the app roles exist that the configuration gives rights to. It does not arise where no claim
// is read from roles.
func (j *judgement) askRoles() finding.Finding {
	m := j.manifest
	wanted := j.matchersOf("roles")
	if !j.reads("roles") {
		return finding.Finding{}
	}
	if j.groupsAsRoles() {
		return finding.Good("emit_as_roles puts groups into the roles claim; app roles do not stand there then")
	}
	roles, missing, off, notUsers := slices.Clone(m.Roles), []string{}, []string{}, []string{}
	for _, value := range wanted {
		i := slices.IndexFunc(roles, func(r element[appRole]) bool {
			return r.value.Value == value || !j.config.Mapping.CaseSensitive && strings.EqualFold(r.value.Value, value)
		})
		switch {
		case i < 0:
			missing = append(missing, value)
			roles = append(roles, created(newRole(m.AppID, value)))
		case !roles[i].value.IsEnabled:
			off = append(off, value)
			roles[i] = roles[i].with("isEnabled", true)
		case !slices.Contains(roles[i].value.AllowedMemberTypes, "User") && !j.hasServiceAccounts():
			notUsers = append(notUsers, value)
			roles[i] = roles[i].with("allowedMemberTypes", append(slices.Clone(roles[i].value.AllowedMemberTypes), "User"))
		}
	}
	if len(missing)+len(off)+len(notUsers) == 0 {
		return finding.Good("the app declares %s", orNone(wanted))
	}
	j.edits.set("", "appRoles", roles)
	var problems []string
	for _, p := range []struct {
		values []string
		text   string
	}{{missing, "is not declared"}, {off, "is switched off"}, {notUsers, "is for applications only (allowedMemberTypes)"}} {
		if len(p.values) > 0 {
			problems = append(problems, shown(p.values)+" "+p.text)
		}
	}
	return finding.Bad("declare it under App roles and assign it (Enterprise applications, the app, Users and groups), or correct the configuration",
		"appRoles: %s, and no token can carry it", strings.Join(problems, "; "))
}

func (j *judgement) hasServiceAccounts() bool {
	for _, account := range j.config.ServiceAccounts {
		if account.Provider == j.provider.Name {
			return true
		}
	}
	return false
}

// askPublic asks whether the API itself passes for a public client: one that needs no secret to ask for tokens.
func (j *judgement) askPublic() finding.Finding {
	m := j.manifest
	var problems []string
	if m.PublicFallback {
		j.edits.set("", m.form.public, false)
		problems = append(problems, m.form.public+" is true")
	}
	if len(m.PublicRedirects) > 0 {
		if m.form == oldForm {
			j.edits.set("", "replyUrlsWithType", append([]element[reply]{}, m.otherReplies...))
		} else {
			j.edits.set("publicClient", "redirectUris", []string{})
		}
		problems = append(problems, "it has redirect URIs of a public client, "+shown(m.PublicRedirects))
	}
	if len(problems) == 0 {
		return finding.Good("the API is none")
	}
	return finding.Bad("undo it here: the app that people sign in with (claimctl test-access) is one of its own, and is the one that needs it",
		"%s: whoever knows the application ID can ask for tokens as the API", strings.Join(problems, ", and "))
}

// askClients holds the clients that the API has consented to beforehand against those that may call.
func (j *judgement) askClients() finding.Finding {
	m := j.manifest
	var strangers []string
	for _, id := range m.PreAuthorized {
		if !slices.ContainsFunc(j.provider.ClientApplicationIDs, func(listed string) bool { return entra.EqualGUID(listed, id) }) {
			strangers = append(strangers, id)
		}
	}
	switch {
	case len(m.PreAuthorized) == 0:
		return finding.Good("none is pre-authorized: users or an administrator consent")
	case len(strangers) > 0:
		return finding.Bad("list it under client_application_ids if it may call, else remove it under Expose an API",
			"%s: pre-authorized, but not in client_application_ids: 403 client", shown(strangers))
	}
	return finding.Good("those pre-authorized may call: %s", shown(m.PreAuthorized))
}

// askEncryption: a token encrypted for the app is no JWT that claimd reads.
func (j *judgement) askEncryption() finding.Finding {
	if id := j.manifest.EncryptionKeyID; id != "" {
		j.edits.set("", "tokenEncryptionKeyId", nil)
		return finding.Bad("take it away: claimd holds no private key", "tokenEncryptionKeyId is set: tokens may come encrypted, and claimd refuses those as malformed")
	}
	return finding.Good("tokens are signed, not encrypted")
}

// askAssignment: appRoleAssignmentRequired is the service principal's, and in no manifest.
func (j *judgement) askAssignment() finding.Finding {
	return finding.Untold("Enterprise applications, the app, Properties: Assignment required, Yes; then nobody gets a token who is not assigned",
		"whether users and apps must be assigned does not stand in a manifest")
}
