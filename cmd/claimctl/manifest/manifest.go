// Package manifest reads an app registration's manifest as the Entra admin center gives it, and holds it against a
// configuration of claimd: what does not fit, and the lines of the manifest that mend it.
//
// The names of the attributes are those of learn.microsoft.com/entra/identity-platform, pages
// reference-microsoft-graph-app-manifest, reference-app-manifest (the older form), optional-claims,
// optional-claims-reference and azure-active-directory-graph-app-manifest-deprecation.
package manifest

import (
	"errors"
	"fmt"
	"strings"
)

// Manifest is what of an app registration says something about the tokens for it.
type Manifest struct {
	form form

	AppID            string
	DisplayName      string
	Disabled         string // by Microsoft, with its word for why; "" = not
	TokenVersion     int    // 1 or 2, as written; 0 = null, which is 1
	IdentifierURIs   []string
	SignInAudience   string
	GroupMembership  []string // None, SecurityGroup, ApplicationGroup, DirectoryRole, All; none = null
	Optional         optionalClaims
	AcceptMapped     bool
	PublicFallback   bool     // it is a public client where nothing else tells
	PublicRedirects  []string // redirect URIs of public clients
	otherReplies     []element[reply]
	Scopes           []element[scope]
	Roles            []element[appRole]
	PreAuthorized    []string // application IDs
	EncryptionKeyID  string   // "" = tokens are not encrypted
	optionalDeclared bool     // optionalClaims is there and not null
}

// optionalClaims is the attribute of that name.
type optionalClaims struct {
	IDToken     []element[optionalClaim] `json:"idToken"`
	AccessToken []element[optionalClaim] `json:"accessToken"`
	SAML2Token  []element[optionalClaim] `json:"saml2Token"`
}

// optionalClaim is one element of it, in the portal's order.
type optionalClaim struct {
	Name                 string   `json:"name"`
	Source               *string  `json:"source"`
	Essential            bool     `json:"essential"`
	AdditionalProperties []string `json:"additionalProperties"`
}

// scope is a delegated permission that the API exposes.
type scope struct {
	ID                      string `json:"id"`
	AdminConsentDescription string `json:"adminConsentDescription"`
	AdminConsentDisplayName string `json:"adminConsentDisplayName"`
	UserConsentDescription  any    `json:"userConsentDescription"`
	UserConsentDisplayName  any    `json:"userConsentDisplayName"`
	Value                   string `json:"value"`
	Type                    string `json:"type"`
	IsEnabled               bool   `json:"isEnabled"`
}

// appRole is a role that users or applications can be assigned.
type appRole struct {
	ID                 string   `json:"id"`
	AllowedMemberTypes []string `json:"allowedMemberTypes"`
	DisplayName        string   `json:"displayName"`
	Description        string   `json:"description"`
	Value              string   `json:"value"`
	IsEnabled          bool     `json:"isEnabled"`
}

// form is one of the two forms, with where it keeps what the other keeps elsewhere.
type form struct {
	name                                      string
	in                                        string // the member that holds version, mapped, scopes and preAuthorized; "" = the top
	version, mapped, public, scopes, showname string
}

var (
	graphForm = form{name: "Microsoft Graph", in: "api", version: "requestedAccessTokenVersion", mapped: "acceptMappedClaims",
		public: "isFallbackPublicClient", scopes: "oauth2PermissionScopes", showname: "displayName"}
	oldForm = form{name: "Azure AD Graph", version: "accessTokenAcceptedVersion", mapped: "acceptMappedClaims",
		public: "allowPublicClient", scopes: "oauth2Permissions", showname: "name"}
)

// formOf tells the forms apart by the attributes that only one of them has.
func formOf(top members) (form, error) {
	graph := top.has("api", "isFallbackPublicClient", "web", "spa", "publicClient")
	old := top.has("accessTokenAcceptedVersion", "allowPublicClient", "oauth2Permissions", "replyUrlsWithType", "oauth2AllowImplicitFlow")
	switch {
	case top.has("servicePrincipalType", "appOwnerOrganizationId"):
		return form{}, errors.New("this is the enterprise application (service principal), not the app registration\nhint: App registrations, the app, Manifest; or az ad app show --id ID")
	case top.has("manifestVersion"):
		return form{}, errors.New("this is the manifest of something else: it has a manifestVersion\nhint: App registrations, the app, Manifest")
	case !top.has("appId"):
		return form{}, errors.New("want an app registration's manifest, got JSON without appId\nhint: App registrations, the app, Manifest, Download")
	case graph && old:
		return form{}, errors.New("attributes of both forms stand in it: one half has been pasted in from the other\nhint: download it anew")
	case old:
		return oldForm, nil
	}
	return graphForm, nil
}

// read takes the attributes out. What is of another type than Microsoft documents is an error that names it.
func (f form) read(top members) (*Manifest, error) {
	m := &Manifest{form: f}
	inner := top
	if f.in != "" {
		inner = members{}
		if err := top.take(f.in, &inner); err != nil {
			return nil, err
		}
	}
	var groups *string
	var optional *optionalClaims
	var preAuthorized []struct {
		AppID string `json:"appId"`
	}
	err := errors.Join(
		top.take("appId", &m.AppID), top.take(f.showname, &m.DisplayName), top.take("identifierUris", &m.IdentifierURIs),
		top.take("signInAudience", &m.SignInAudience), top.take("groupMembershipClaims", &groups),
		top.take("optionalClaims", &optional), top.take("appRoles", &m.Roles), top.take("disabledByMicrosoftStatus", &m.Disabled),
		top.take(f.public, &m.PublicFallback), top.take("tokenEncryptionKeyId", &m.EncryptionKeyID),
		inner.take(f.version, &m.TokenVersion), inner.take(f.mapped, &m.AcceptMapped), inner.take(f.scopes, &m.Scopes),
		inner.take("preAuthorizedApplications", &preAuthorized), m.takeRedirects(top),
	)
	if err != nil {
		return nil, err
	}
	if optional != nil {
		m.Optional, m.optionalDeclared = *optional, true
	}
	if groups != nil {
		for part := range strings.SplitSeq(*groups, ",") {
			m.GroupMembership = append(m.GroupMembership, strings.TrimSpace(part))
		}
	}
	for _, app := range preAuthorized {
		m.PreAuthorized = append(m.PreAuthorized, app.AppID)
	}
	if m.TokenVersion < 0 || m.TokenVersion > 2 {
		return nil, fmt.Errorf("%s: want null, 1 or 2, got %d", f.version, m.TokenVersion)
	}
	return m, nil
}

// reply is an element of replyUrlsWithType, of the older form.
type reply struct {
	URL  string `json:"url"`
	Type string `json:"type"`
}

// takeRedirects reads the redirect URIs of public clients: publicClient.redirectUris, and in the older form those of
// type InstalledClient.
func (m *Manifest) takeRedirects(top members) error {
	var public struct {
		RedirectURIs []string `json:"redirectUris"`
	}
	var replies []element[reply]
	if err := errors.Join(top.take("publicClient", &public), top.take("replyUrlsWithType", &replies)); err != nil {
		return err
	}
	m.PublicRedirects = public.RedirectURIs
	for _, e := range replies {
		if e.value.Type == "InstalledClient" {
			m.PublicRedirects = append(m.PublicRedirects, e.value.URL)
		} else {
			m.otherReplies = append(m.otherReplies, e)
		}
	}
	return nil
}

// version gives the version of the tokens for the app.
func (m *Manifest) version() int { return max(m.TokenVersion, 1) }
