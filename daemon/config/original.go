package config

import (
	"net/netip"
	"slices"

	"github.com/claimd/claimd/mapping"
)

// OriginalRequest tells which family of headers tells of the request that a gateway asks about.
type OriginalRequest string

// The values of original_request.
const (
	OriginalNone       OriginalRequest = "none"
	OriginalXOriginal  OriginalRequest = "x-original"  // X-Original-Method, X-Original-Host, X-Original-URI
	OriginalXForwarded OriginalRequest = "x-forwarded" // X-Forwarded-Method, X-Forwarded-Host, X-Forwarded-Uri
)

// TrustedProxies are the peers whose original-request headers are believed. The zero value is nobody.
type TrustedProxies struct {
	Unix bool // whoever may connect to a unix socket
	Nets []netip.Prefix
}

// Contains reports whether the address is one of them. An IPv4 address that came in IPv6 form counts as IPv4.
func (p *TrustedProxies) Contains(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(p.Nets, func(n netip.Prefix) bool { return n.Contains(address) })
}

const unixPeers = "unix"

func trustedProxies(t *table) TrustedProxies {
	var trusted TrustedProxies
	for _, text := range t.texts("trusted_proxies", nil, trustedProxy) {
		if text == unixPeers {
			trusted.Unix = true
		} else if prefix, err := netip.ParsePrefix(text); err == nil {
			trusted.Nets = append(trusted.Nets, prefix)
		}
	}
	return trusted
}

func trustedProxy(text string) flaw {
	if text == unixPeers {
		return flaw{}
	}
	prefix, err := netip.ParsePrefix(text)
	address, notOne := netip.ParseAddr(text)
	switch {
	case err != nil && notOne == nil:
		return flaw{"want a CIDR such as 10.1.0.0/16, or \"unix\", got " + show(text), "write " + show(netip.PrefixFrom(address, address.BitLen()).String())}
	case err != nil:
		return flawf("want a CIDR such as 10.1.0.0/16, or \"unix\", got %s", show(text))
	case prefix.Addr().Is4In6():
		return flawf("want an IPv4 network in IPv4's own form, got %s", show(text))
	case prefix != prefix.Masked():
		return flaw{"want a network without host bits, got " + show(text), "write " + show(prefix.Masked().String())}
	case prefix.Bits() == 0:
		return flaw{"want the networks of your gateways, got everybody", "whoever is trusted here says which route a request is judged by"}
	}
	return flaw{}
}

// originals sees to it that routes can be judged at the door for gateways: without a family of headers and a peer that
// is believed, it would refuse every request.
func (c *checker) originals(config *Config) {
	if len(config.Routes) == 0 || len(config.Server.Listen) == 0 || !c.whole {
		return
	}
	s := &config.Server
	if s.OriginalRequest == OriginalNone {
		c.missing(mapping.Path{"server", "original_request"}, "want \"x-original\" or \"x-forwarded\", as the gateway sends them; or listen = [] under [server] where the proxy is the only door",
			"is \"none\": routes cannot be judged without the original request")
		return
	}
	if !s.TrustedProxies.Unix && len(s.TrustedProxies.Nets) == 0 {
		c.missing(mapping.Path{"server", "trusted_proxies"}, "name the gateway, as in [\"127.0.0.1/32\"], or [\"unix\"]",
			"is empty: nobody's original-request headers are believed, so every request would be refused")
	}
}
