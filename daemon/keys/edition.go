package keys

import (
	"net/url"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
)

// edition is one version's document of one Source: where it is, and what it must fit.
type edition struct {
	source    Source
	version   entra.Version
	url       string
	authority *url.URL // nil = the Source's authority is none
}

// newEdition makes the edition of that version.
func newEdition(source Source, version entra.Version) edition {
	e := edition{source: source, version: version, url: entra.DocumentURL(source.Authority, version, source.Tenant)}
	if u, err := url.Parse(source.Authority); err == nil && isAuthority(u) {
		e.authority = u
	}
	return e
}

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
