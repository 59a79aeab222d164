package proxy

import (
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/claimd/claimd/daemon/access"
)

// rewrite makes the request that the upstream gets. ReverseProxy has removed the hop-by-hop headers before it, those
// that the client's Connection header names included; so a client that writes `Connection: Remote-User` removes its own
// header and not the one that is set here.
func rewrite(p *httputil.ProxyRequest, upstream *upstream, decision *access.Decision) {
	out, snapshot := p.Out, decision.Snapshot()
	out.URL.Scheme, out.URL.Host = upstream.scheme, upstream.host
	// ReverseProxy drops parts of the query that Go cannot parse; the upstream gets it as it came.
	out.URL.RawQuery = p.In.URL.RawQuery
	keepPath(p)
	// The values of request trailers are known only after the identity was set.
	out.Trailer = nil
	for name := range out.Header {
		if snapshot.IdentityHeader(name) || tellsOfAnother(name, snapshot.Config().Routes) {
			delete(out.Header, name)
		}
	}
	if !snapshot.Config().Proxy.ForwardAuthorization {
		out.Header.Del("Authorization")
	}
	refuseUpgrade(out.Header)
	setForwarded(p, snapshot.Config())
	decision.SetHeaders(out.Header)
}

// refuseUpgrade leaves WebSocket as the only protocol that a connection can be switched to. Through one that speaks
// HTTP/2 (h2c) or TLS from then on, a client could send requests past the proxy, with identity headers of its own. A
// server may ignore an Upgrade (RFC 9110 section 7.8), so the request goes on without it.
func refuseUpgrade(header http.Header) {
	header.Del("Http2-Settings") // hop-by-hop (RFC 7540 section 3.2.1), whether or not Connection names it
	if !strings.EqualFold(header.Get("Upgrade"), "websocket") {
		header.Del("Upgrade")
		header.Del("Connection") // ReverseProxy has left it for the Upgrade alone
	}
}

// keepPath sends the path byte for byte. net/url spells a few characters in another way (a double quote becomes %22),
// and then decodes the rest of the path too, %2f included; an opaque URL is written as it is.
func keepPath(p *httputil.ProxyRequest) {
	raw, _ := rawPath(p.In.RequestURI)
	if raw != "" && raw != p.Out.URL.EscapedPath() {
		p.Out.URL.Opaque = raw
	}
}

// keepsPath reports whether keepPath can send the request's path. It cannot where an opaque URL that begins with two
// slashes would be needed, which is written as an address, nor where the target is neither a path, an http address nor
// *: net/http takes x:http://host/ too, and the upstream would be asked for another host than the one that Host and
// X-Forwarded-Host name.
func keepsPath(r *http.Request) bool {
	raw, ok := rawPath(r.RequestURI)
	return ok && (!strings.HasPrefix(raw, "//") || raw == r.URL.EscapedPath())
}

// rawPath gives the path of a request target (RFC 9112 section 3.2) as it was sent, without the query: that of an http
// address too, where it may be empty. ok is false for a target of another form.
func rawPath(target string) (path string, ok bool) {
	path, _, _ = strings.Cut(target, "?")
	scheme, rest, isAddress := strings.Cut(path, "://")
	if isAddress && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		return strings.TrimLeftFunc(rest, func(c rune) bool { return c != '/' }), true
	}
	return path, path == "*" || strings.HasPrefix(path, "/")
}
