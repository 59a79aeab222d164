package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
)

// judgement is a manifest held against one provider.
type judgement struct {
	manifest *Manifest
	config   *config.Config
	provider *config.Provider
	asked    bool                     // the provider was named by who asks
	access   []element[optionalClaim] // the section of that name, with what the lines add to it
	version  int                      // of tokens, once the lines are set
	edits    edits
}

// checks are the questions, in the order in which they are read.
var checks = []struct {
	name string
	ask  func(*judgement) finding.Finding
}{
	{"form", (*judgement).askForm},
	{"application", (*judgement).askApplication},
	{"accounts", (*judgement).askAccounts},
	{"token version", (*judgement).askVersion},
	{"identifier URIs", (*judgement).askURIs},
	{"scopes", (*judgement).askScopes},
	{"groups claim", (*judgement).askGroups},
	{"group values", (*judgement).askGroupValues},
	{"app roles", (*judgement).askRoles},
	{"optional claims", (*judgement).askOptional},
	{"custom claims", (*judgement).askCustom},
	{"public client", (*judgement).askPublic},
	{"client apps", (*judgement).askClients},
	{"encryption", (*judgement).askEncryption},
	{"assignment", (*judgement).askAssignment},
	{"claims mapping", (*judgement).askMapping},
}

// Judge holds the manifest against the configuration: against the provider of that name, or where it is "", the one
// whose application_id the manifest has. The lines are those that would mend what the answers call wrong.
func Judge(m *Manifest, cfg *config.Config, provider string) ([]finding.Finding, []Line, error) {
	j := &judgement{manifest: m, config: cfg, asked: provider != "", access: m.Optional.AccessToken, version: m.version()}
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		if p.Name == provider || provider == "" && entra.EqualGUID(p.ApplicationID, m.AppID) {
			j.provider = p
			break
		}
	}
	if j.asked && j.provider == nil {
		return nil, nil, fmt.Errorf("--provider: the configuration has no provider %q", provider)
	}
	subject := "the manifest"
	if m.DisplayName != "" {
		subject += " of " + m.DisplayName
	}
	if j.provider != nil {
		subject += " for provider." + j.provider.Name
	}
	var findings []finding.Finding
	for _, c := range checks {
		f := c.ask(j)
		if f.Verdict == "" {
			continue
		}
		f.Subject, f.Check = subject, c.name
		findings = append(findings, f)
		if j.provider == nil && c.name == "application" {
			break // what does not belong to the configuration cannot fit it
		}
	}
	return findings, j.edits.lines(), nil
}

// attribute gives an attribute's name as one finds it: api.requestedAccessTokenVersion.
func (j *judgement) attribute(name string) string {
	if in := j.manifest.form.in; in != "" {
		return in + "." + name
	}
	return name
}

func (j *judgement) askForm() finding.Finding {
	if j.manifest.form == oldForm {
		return finding.Good("that of Azure AD Graph, which the portal gave until January 2025: its Manifest page names some attributes otherwise now")
	}
	return finding.Good("that of Microsoft Graph")
}

func (j *judgement) askApplication() finding.Finding {
	m := j.manifest
	if j.provider == nil {
		for _, p := range j.config.Providers {
			if slices.ContainsFunc(p.ClientApplicationIDs, func(id string) bool { return entra.EqualGUID(id, m.AppID) }) {
				return finding.Bad("export the manifest of the API, "+p.ApplicationID, "%s is a client of provider.%s and not the API", m.AppID, p.Name)
			}
		}
		return finding.Bad("export the manifest of the API that the configuration names, or correct application_id; --provider NAME compares all the same",
			"appId %s is the application_id of no provider", m.AppID)
	}
	if !entra.EqualGUID(j.provider.ApplicationID, m.AppID) {
		return finding.Bad("application_id = \""+strings.ToLower(m.AppID)+"\", or export the manifest of the other app",
			"appId is %s, application_id is %s", m.AppID, j.provider.ApplicationID)
	}
	if m.Disabled != "" {
		return finding.Bad("Microsoft has switched it off: look for its mail, or ask its support", "%s is disabled by Microsoft: %s", m.AppID, m.Disabled)
	}
	return finding.Good("appId %s is the application_id", m.AppID)
}

func (j *judgement) askAccounts() finding.Finding {
	m := j.manifest
	if m.SignInAudience == "" {
		return finding.Untold("", "signInAudience is not written")
	}
	if m.SignInAudience == "AzureADMyOrg" {
		return finding.Good("signInAudience AzureADMyOrg: of this tenant alone")
	}
	j.edits.set("", "signInAudience", "AzureADMyOrg")
	return finding.Bad("unless other tenants need the app for something else, make it single-tenant",
		"signInAudience %s: other tenants can get tokens for the app, which claimd refuses as issuer or tenant", m.SignInAudience)
}

func (j *judgement) askVersion() finding.Finding {
	m := j.manifest
	name := j.attribute(m.form.version)
	if m.version() == 2 {
		return finding.Good("%s 2: v2.0 tokens, whose audience is the application ID", name)
	}
	if strings.Contains(m.SignInAudience, "Personal") {
		j.setVersion2()
		return finding.Bad("set it to 2, which personal accounts need", "%s %s with signInAudience %s", name, j.written(), m.SignInAudience)
	}
	return finding.Good("%s %s: v1.0 tokens, whose audience is an identifier URI or the application ID; claimd takes them", name, j.written())
}

func (j *judgement) setVersion2() {
	j.edits.set(j.manifest.form.in, j.manifest.form.version, 2)
	j.version = 2
}

// written gives the version as it stands there.
func (j *judgement) written() string {
	if j.manifest.TokenVersion == 0 {
		return "null"
	}
	return fmt.Sprint(j.manifest.TokenVersion)
}

// askURIs holds the identifier URIs against the audiences that claimd takes in v1.0 tokens.
func (j *judgement) askURIs() finding.Finding {
	m, p := j.manifest, j.provider
	if len(m.IdentifierURIs) == 0 {
		j.edits.set("", "identifierUris", []string{"api://" + p.ApplicationID})
		return finding.Bad("give it one (Expose an API, Application ID URI): clients ask for api://"+p.ApplicationID+"/.default, which Entra does not know (AADSTS500011)",
			"identifierUris is empty")
	}
	var unknown, gone []string
	for _, uri := range m.IdentifierURIs {
		if m.version() == 1 && !entra.AudienceMatches(entra.V1, uri, p.ApplicationID, p.ApplicationIDURIs) {
			unknown = append(unknown, uri)
		}
	}
	for _, uri := range p.ApplicationIDURIs {
		if !slices.ContainsFunc(m.IdentifierURIs, func(registered string) bool {
			return strings.TrimSuffix(registered, "/") == strings.TrimSuffix(uri, "/")
		}) {
			gone = append(gone, uri)
		}
	}
	switch {
	case len(unknown) > 0:
		j.setVersion2()
		return finding.Bad("application_id_uris = "+tomlList(slices.Concat(p.ApplicationIDURIs, unknown))+"\nor have Entra send v2.0 tokens, whose audience is the application ID: the line below",
			"v1.0 tokens can have the audience %s, which application_id_uris does not list: 401 audience", shown(unknown))
	case len(gone) > 0:
		return finding.Bad("take it out of application_id_uris: another app of the tenant may be given that name",
			"application_id_uris lists %s, which the app does not have", shown(gone))
	case !slices.Contains(m.IdentifierURIs, "api://"+strings.ToLower(m.AppID)):
		return finding.Good("%s; clients ask for %s/.default", shown(m.IdentifierURIs), m.IdentifierURIs[0])
	}
	return finding.Good("%s", shown(m.IdentifierURIs))
}

// tomlList writes a list as the configuration has it. JSON's strings are those of TOML.
func tomlList(values []string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(quoted(values), "\n", " ")), " ")
}

// shown joins values, the first five.
func shown(values []string) string {
	const most = 5
	if n := len(values); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(values[:most], ", "), n-most)
	}
	return strings.Join(values, ", ")
}
