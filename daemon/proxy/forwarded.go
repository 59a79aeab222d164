package proxy

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/config"
)

// tellsOfAnother reports whether the header, in any spelling, tells of another request than the one that was judged: of
// its path, its host or its client. The API behind takes such headers for the proxy's, so clients must not write them.
// X-Claimd-Decision would be a decision that claimd did not make.
//
// Those that tell another method pass as long as no route names a method, and so nobody is let in by one: APIs offer
// them to clients that can send nothing but GET and POST.
func tellsOfAnother(name string, routes []config.Route) bool {
	folded := config.FoldHeader(name)
	switch folded {
	case "forwarded":
		return true
	case "x-http-method", "x-http-method-override", "x-method-override":
		return slices.ContainsFunc(routes, namesMethod)
	}
	return slices.ContainsFunc([]string{"x-forwarded-", "x-original-", "x-rewrite-", "x-claimd-"}, func(prefix string) bool {
		return strings.HasPrefix(folded, prefix)
	})
}

func namesMethod(route config.Route) bool { return strings.Contains(route.Match, " ") }

func namesHost(route config.Route) bool {
	_, place, found := strings.Cut(route.Match, " ")
	if !found {
		place = route.Match
	}
	return !strings.HasPrefix(strings.TrimLeft(place, " "), "/")
}

// setForwarded sets X-Forwarded-For, -Host and -Proto. What a trusted proxy in front wrote there is kept: X-Forwarded-For
// with its own address behind, -Proto where it stands there once, and -Host too, unless a route names a host: then the
// API is told the host that was judged.
func setForwarded(p *httputil.ProxyRequest, cfg *config.Config) {
	trusted := isTrusted(p.In, &cfg.Server.TrustedProxies)
	before := p.In.Header["X-Forwarded-For"]
	if trusted && len(before) > 0 {
		p.Out.Header["X-Forwarded-For"] = slices.Clone(before)
	}
	p.SetXForwarded()
	if !trusted {
		return
	}
	if _, added := p.Out.Header["X-Forwarded-For"]; !added && len(before) > 0 { // a unix socket's peer has no address
		p.Out.Header["X-Forwarded-For"] = slices.Clone(before)
	}
	if proto := p.In.Header["X-Forwarded-Proto"]; len(proto) == 1 {
		p.Out.Header["X-Forwarded-Proto"] = slices.Clone(proto)
	}
	if host := p.In.Header["X-Forwarded-Host"]; len(host) == 1 && !slices.ContainsFunc(cfg.Routes, namesHost) {
		p.Out.Header["X-Forwarded-Host"] = slices.Clone(host)
	}
}

// isTrusted reports whether the request comes from one of the trusted proxies.
func isTrusted(r *http.Request, proxies *config.TrustedProxies) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return proxies.Unix
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && proxies.Contains(peer.Addr())
}
