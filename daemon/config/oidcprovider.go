package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

// OpaqueTokens tells what happens to access tokens that are no JWT.
type OpaqueTokens string

// The values of `opaque_tokens`.
const (
	OpaqueRefuse        OpaqueTokens = "refuse"
	OpaqueIntrospection OpaqueTokens = "introspection" // RFC 7662
	OpaqueUserinfo      OpaqueTokens = "userinfo"      // OpenID Connect Core 1.0, section 5.3
)

// algorithms are the signature algorithms that a provider may use, the default first.
var algorithms = []string{"RS256", "PS256", "ES256"}

// oidcProvider reads the keys of kind = "oidc", and refuses those of the other kind.
func oidcProvider(t *table, p *Provider, extra []File) {
	if !t.has("issuer") {
		t.check.missing(t.at("issuer"), "copy it from the provider's discovery document, byte for byte: a final slash counts", "is missing")
	}
	p.Issuer = t.text("issuer", "", issuer)
	p.Algorithms = t.algorithms()
	p.OpaqueTokens = OpaqueTokens(t.choice("opaque_tokens", string(OpaqueRefuse), string(OpaqueIntrospection), string(OpaqueUserinfo)))
	p.Audiences = t.texts("audiences", nil, audience)
	p.ClientIDs = t.texts("client_ids", nil, clientID)
	if p.Userinfo() {
		userinfo(t, p)
	} else {
		callers(t, p)
	}
	introspection(t, p, extra)
	t.foreignEntra()
}

// foreignEntra refuses the keys of kind = "entra".
func (t *table) foreignEntra() {
	for _, key := range []string{"tenant_id", "application_id", "client_application_ids"} {
		t.foreignKey(key, KindEntra)
	}
	t.foreignTexts("application_id_uris", KindEntra)
	t.foreignText("cloud", entra.CloudNames()[0], KindEntra)
	t.foreignText("authority", "", KindEntra)
	t.foreignFlag("custom_signing_keys", KindEntra)
	t.foreignText("guests", string(GuestsAllow), KindEntra)
	t.foreignText("groups_overage", "deny", KindEntra)
	t.foreignKey("graph", KindEntra)
}

// callers judges whose tokens are taken: nothing of it has a default.
func callers(t *table, p *Provider) {
	if n := t.node.table["audiences"]; n == nil {
		t.check.missing(t.at("audiences"), "name what the provider writes into aud of tokens for this API", "is missing")
	} else if n.kind == array && len(n.items) == 0 {
		t.check.fault(t.at("audiences"), "a token for anybody else would open this API", "want at least one audience, got none")
	}
	if !t.has("client_ids") {
		t.check.missing(t.at("client_ids"), `list the clients that may call; [] admits nobody, ["*"] any client of the provider`, "is missing")
	}
	if slices.Contains(p.ClientIDs, "*") {
		if len(p.ClientIDs) > 1 {
			t.check.fault(t.at("client_ids"), `"*" is any client: write it alone, or leave it out`, `want "*" alone, got others beside it`)
		}
		p.ClientIDs, p.AnyClient = nil, true
	}
}

// userinfo judges a provider whose userinfo endpoint is asked. The answer names neither the audience nor the client of a
// token, so nothing may look as if they were checked.
func userinfo(t *table, p *Provider) {
	const hint = `introspection names them; with userinfo, leave this out`
	for _, key := range []string{"audiences", "client_ids", "required_scopes"} {
		if n := t.node.table[key]; n != nil && (key != "required_scopes" || len(p.RequiredScopes) > 0) {
			t.check.fault(t.at(key), hint, `cannot be checked with opaque_tokens = "userinfo"`)
		}
	}
	t.check.notice(t.at("opaque_tokens"), "prefer JWTs or introspection where the provider has them",
		"names no audience: a token that the provider has issued for any other application opens this API too")
}

// introspection reads the credential for the introspection endpoint.
func introspection(t *table, p *Provider, extra []File) {
	id, file := "introspection_client_id", "introspection_client_secret_file"
	p.IntrospectionClientID = t.optional(id, clientID)
	p.IntrospectionSecretFile = t.optional(file, namedFile)
	for _, key := range []struct{ name, value string }{{id, p.IntrospectionClientID}, {file, p.IntrospectionSecretFile}} {
		wanted := p.OpaqueTokens == OpaqueIntrospection
		if wanted && key.value == "" {
			t.check.missing(t.at(key.name), "claimd needs a client of its own at the provider", `is missing: opaque_tokens = "introspection" needs it`)
		}
		if !wanted && key.value != "" && t.has(key.name) {
			t.check.fault(t.at(key.name), "", `want opaque_tokens = "introspection" beside it, got %s`, show(string(p.OpaqueTokens)))
		}
	}
	for _, read := range extra {
		if p.IntrospectionSecretFile != "" && read.Path == p.IntrospectionSecretFile && read.secret {
			p.IntrospectionSecret = t.secretLine(file, "the client secret", read.Bytes)
		}
	}
}

// algorithms reads `algorithms`.
func (t *table) algorithms() []string {
	list := t.texts("algorithms", algorithms[:1], oneOf(algorithms...))
	if len(list) == 0 {
		t.check.fault(t.at("algorithms"), "", "want at least one algorithm, got none")
	}
	for i, one := range list {
		if slices.Contains(list[:i], one) {
			t.check.fault(t.at("algorithms", i), "", "stands there twice")
		}
	}
	return list
}

// issuer judges an issuer, which is compared byte for byte (OpenID Connect Discovery 1.0, section 3: https, no query and
// no fragment).
func issuer(text string) flaw {
	if strings.ContainsFunc(text, isBlankOrControl) {
		return flawf("want a URL without blanks, got %s", show(text))
	}
	u, found := plainURL(text)
	switch {
	case u == nil:
		return found
	case u.Scheme != "https" && !(u.Scheme == "http" && IsLoopback(u.Hostname())):
		return flaw{"want https, or http on this host only, got " + show(text), "whoever can change the keys on their way can sign tokens"}
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		return flaw{"want the issuer, got the address of its document " + show(text), "the document names it as issuer"}
	case strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./"):
		return flawf("want a plain path, got %s", show(text))
	case entra.IsIssuerHost(u.Hostname()):
		return flaw{
			"is an issuer of Microsoft Entra ID, whose tokens have rules of their own (versions, guests, groups left out), got " + show(text),
			`write kind = "entra" with tenant_id, application_id and client_application_ids`,
		}
	}
	return flaw{}
}

// audience judges one value that aud may have.
func audience(text string) flaw {
	switch {
	case text == "":
		return flawf("want an audience, got an empty string")
	case strings.ContainsFunc(text, isBlankOrControl):
		return flawf("want an audience without blanks, got %s", show(text))
	case entra.IsGraphAudience(text):
		return flaw{"want an audience of your own, got that of Microsoft Graph", "a token for Graph is meant for Microsoft, and must not open this API"}
	}
	return flaw{}
}

// clientID judges a client's id (RFC 6749, appendix A.1: visible characters and blanks).
func clientID(text string) flaw {
	if text == "" {
		return flawf("want a client id, got an empty string")
	}
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return flawf("want a client id of visible ASCII characters, got %s", show(text))
	}
	return flaw{}
}

// oneOpaque finds a second provider that takes opaque tokens: nothing in such a token says whose it is.
func (c *checker) oneOpaque(providers []Provider) {
	first := ""
	for _, p := range providers {
		if !p.TakesOpaque() {
			continue
		}
		if first == "" {
			first = p.Name
			continue
		}
		c.fault(mapping.Path{"provider", p.Name, "opaque_tokens"}, "nothing in an opaque token says whose it is: let one provider take them",
			"want it at one provider only, got it at provider.%s too", first)
	}
}

// sharedIssuers finds audiences that two providers of one issuer have both: the token would go to the provider whose name
// comes first.
func (c *checker) sharedIssuers(providers []Provider) {
	for i, p := range providers {
		for _, other := range providers[:i] {
			if p.Issuer == "" || p.Issuer != other.Issuer {
				continue
			}
			for at, audience := range p.Audiences {
				if slices.Contains(other.Audiences, audience) {
					c.fault(mapping.Path{"provider", p.Name, "audiences", at}, "keep it at one of the two",
						"is an audience of provider.%s of the same issuer too", other.Name)
				}
			}
		}
	}
}

// openDefaults tells where client_ids = ["*"] and default_groups let in more than users: an application with a token of its
// own is known by its id in sub (RFC 9068 section 2.2), which not every provider writes there (Auth0 has ID@clients).
func (c *checker) openDefaults(config *Config) {
	for _, p := range config.Providers {
		if p.AnyClient && len(config.Mapping.DefaultGroups) > 0 {
			c.notice(mapping.Path{"provider", p.Name, "client_ids"}, "list the clients that may call",
				"lets any client call, and default_groups gives groups to whoever calls: an application by a token of its own too, "+
					"where the provider does not write the client's id into sub")
		}
	}
}

// disguised finds providers that are said to be no Entra ID on the host of one that is: of its tokens, what is checked of
// Entra ID's would not be (issuer tells Microsoft's own hosts).
func (c *checker) disguised(providers []Provider) {
	for _, p := range providers {
		issuer, err := url.Parse(p.Issuer)
		if !p.IsOIDC() || err != nil || issuer.Host == "" || entra.IsIssuerHost(issuer.Hostname()) {
			continue
		}
		for _, other := range providers {
			authority, err := url.Parse(other.AuthorityURL())
			if err == nil && strings.EqualFold(authority.Host, issuer.Host) {
				c.fault(mapping.Path{"provider", p.Name, "issuer"}, `write kind = "entra" with tenant_id, application_id and client_application_ids`,
					"is on the host of provider.%s, which is Entra ID: its tokens have rules of their own (versions, guests, groups left out)", other.Name)
			}
		}
	}
}

// accountsElsewhere finds service accounts of providers that have none: an application is known by the object ID that
// Entra ID gives it.
func (c *checker) accountsElsewhere(config *Config) {
	for i, account := range config.ServiceAccounts {
		for _, p := range config.Providers {
			if p.Name == account.Provider && p.IsOIDC() {
				c.fault(mapping.Path{"service_account", i}, "applications of such a provider are refused: let them call for a user",
					"is of provider.%s, want one of kind = \"entra\": service accounts are known by Entra ID's object ID", p.Name)
			}
		}
	}
}
