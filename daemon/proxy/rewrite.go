package proxy

import (
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/claimd/claimd/daemon/access"
)

// rewrite makes the request that the upstream gets. ReverseProxy has removed the hop-by-hop headers before it, those that the
// client's Connection header names included; so a client that writes `Connection: Remote-User` removes its own header
// and not the one that is set here.
func rewrite(p *httputil.ProxyRequest, upstream *upstream, decision *access.Decision) {
	out, snapshot := p.Out, decision.Snapshot()
	out.URL.Scheme, out.URL.Host = upstream.scheme, upstream.host
	// ReverseProxy drops parts of the query that Go cannot parse; the upstream gets it as it came.
	out.URL.RawQuery = p.In.URL.RawQuery
	keepPath(p)
	// The values of request trailers are known only after the identity was set.
	out.Trailer = nil
	for name := range out.Header {
		if snapshot.IdentityHeader(name) || forwarding(name) {
			delete(out.Header, name)
		}
	}
	if !snapshot.Config().Proxy.ForwardAuthorization {
		out.Header.Del("Authorization")
	}
	p.SetXForwarded()
	for _, field := range decision.Headers {
		out.Header[field.Name] = []string{field.Value}
	}
}

// keepPath sends the path byte for byte. net/url spells a few characters in another way (a double quote becomes %22); an opaque URL
// is written as it is, but for one that begins with two slashes, which stays as net/url spells it.
func keepPath(p *httputil.ProxyRequest) {
	raw := rawPath(p.In.RequestURI)
	if raw != "" && raw != p.Out.URL.EscapedPath() && !strings.HasPrefix(raw, "//") {
		p.Out.URL.Opaque = raw
	}
}

// forwarding reports whether the header, in any spelling, tells of an original request. Clients must not write such
// headers: the API behind takes them for the proxy's.
func forwarding(name string) bool {
	folded := strings.Map(func(c rune) rune {
		if c == '_' || c == '.' {
			return '-'
		}
		return c
	}, http.CanonicalHeaderKey(name))
	folded = strings.ToLower(folded)
	return folded == "forwarded" || strings.HasPrefix(folded, "x-forwarded-") || strings.HasPrefix(folded, "x-original-")
}
