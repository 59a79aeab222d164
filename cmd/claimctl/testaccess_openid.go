package main

import (
	"net/url"
	"strings"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// usualScopes are asked for where a person signs in; required_scopes come after them.
const usualScopes = "openid profile email"

// checkOpenID judges the flags for a provider of kind = "oidc".
func (a *accessTest) checkOpenID() error {
	const kind = ` at a provider of kind = "oidc"`
	hasControl := strings.ContainsFunc(a.clientID, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case a.certificateFile != "":
		return wrongAccess("--client-certificate-file: want --client-secret-file%s", kind)
	case a.method == methodToken && a.secretFile+a.resource+a.audience != "":
		return wrongAccess("--client-secret-file, --resource and --audience go with a sign-in, not with --method token")
	case a.method != methodBrowser && a.redirectURI != "":
		return wrongAccess("--redirect-uri goes with --method browser")
	case a.method == methodToken && a.clientID == "":
		return nil
	case a.clientID == "" || hasControl:
		return wrongAccess("--client-application-id: want the client id of the calling application, as the provider has it")
	case a.resource != "" && !isResource(a.resource):
		return wrongAccess("--resource: want an absolute address such as https://api.example.org/ or urn:example:api, without #")
	case a.redirectURI != "" && !isRedirectURI(a.redirectURI):
		return wrongAccess("--redirect-uri: want http on this host, such as http://127.0.0.1:8400/, without query and #")
	}
	return nil
}

// isResource reports whether a text is a resource (RFC 8707 section 2).
func isResource(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.IsAbs() && u.User == nil && !strings.Contains(text, "#")
}

// isRedirectURI reports whether claimctl can listen there for a browser, and nobody else can (RFC 8252 section 7.3).
func isRedirectURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http" && config.IsLoopback(u.Hostname()) && u.User == nil && !strings.ContainsAny(text, "?#")
}

// beginOpenID fills in what a walk at a provider of kind = "oidc" begins with.
func (a *accessTest) beginOpenID(w *walk, provider *config.Provider) {
	w.Issuer, w.Resource, w.Audience = provider.Issuer, a.resource, a.audience
	w.clients, w.audiences, w.hasSecret = provider.ClientIDs, provider.Audiences, a.secretFile != ""
	if w.Scope != "" || a.method == methodToken {
		return
	}
	scopes := provider.RequiredScopes
	if a.method != methodCredentials { // a client that calls for itself has no profile
		scopes = append(strings.Fields(usualScopes), scopes...)
	}
	w.Scope = strings.Join(scopes, " ")
}

// sourceOf tells where the provider's discovery document is.
func sourceOf(loaded *daemon.Loaded, provider *config.Provider) keys.Source {
	for _, source := range loaded.Sources() {
		if source.Name == provider.Name {
			return source
		}
	}
	return keys.Source{}
}

// anotherAudience tells how to ask for a token of the API where one came that is for nobody, or for somebody else; "" =
// that is not what is wrong, or the API was named.
func (w *walk) anotherAudience() string {
	r := w.Gate.Reason
	if w.Method == methodToken || w.Resource+w.Audience != "" || len(w.audiences) == 0 || r != reason.Audience && r != reason.OpaqueToken {
		return ""
	}
	return "\nMany providers write the API into aud only where the client names it: run the test again with --resource (RFC 8707) or --audience, " +
		"or with a scope of the API, so that aud is one of audiences: " + list(w.audiences) + "."
}

func nonEmpty(texts ...string) []string {
	var some []string
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return some
}
