package keys

import (
	"net/url"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
)

// Unversioned is the version of tokens that have none: those of providers that are not Entra ID.
const Unversioned entra.Version = ""

// edition is one document of one Source: where it is, and what it must fit.
type edition struct {
	source      Source
	version     entra.Version
	application bool // its keys are good for the Source's application only
	url         string
	authority   *url.URL // nil = the Source's authority (or issuer) is none
}

// editionsOf gives all editions of a Source: those that issuers are taken from stand first.
func editionsOf(source Source) []edition {
	if source.Issuer != "" {
		return []edition{oidcEdition(source)}
	}
	editions := []edition{newEdition(source, entra.V1), newEdition(source, entra.V2)}
	if source.CustomKeys {
		for _, e := range editions[:2] {
			// learn.microsoft.com/entra/identity-platform/access-tokens, "Validate the signature": applications with custom
			// signing keys
			e.application, e.url = true, e.url+"?appid="+url.QueryEscape(source.ApplicationID)
			editions = append(editions, e)
		}
	}
	return editions
}

// newEdition makes Entra ID's edition of that version.
func newEdition(source Source, version entra.Version) edition {
	e := edition{source: source, version: version, url: entra.DocumentURL(source.Authority, version, source.Tenant)}
	if u, err := url.Parse(source.Authority); err == nil && isAuthority(u) {
		e.authority = u
	}
	return e
}

// oidcEdition makes the edition of any other provider. A final slash of the issuer is left out of the address
// (OpenID Connect Discovery 1.0, section 4.1), and counts in every comparison.
func oidcEdition(source Source) edition {
	e := edition{source: source, version: Unversioned, url: strings.TrimSuffix(source.Issuer, "/") + "/.well-known/openid-configuration"}
	if u, err := url.Parse(source.Issuer); err == nil && isAuthority(u) {
		e.authority = u
	}
	return e
}

// isEntra reports whether the edition is Entra ID's.
func (e edition) isEntra() bool { return e.source.Issuer == "" }

// isAuthority reports whether documents may be fetched from below this address: https, or http that stays on this host.
func isAuthority(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || isPlainLoopback(u)
}

// isPlainLoopback reports whether the address is http and on this host.
func isPlainLoopback(u *url.URL) bool { return u.Scheme == "http" && config.IsLoopback(u.Hostname()) }

// sameHost reports whether two addresses have the same host and port, a port left out being the scheme's own.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// port gives the port of an address, or the one its scheme stands for.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// setting names what the address of the document is made of.
func (e edition) setting() string {
	if e.isEntra() {
		return "authority"
	}
	return "issuer"
}
