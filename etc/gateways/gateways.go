// Package gateways holds the configurations of the gateways that ask claimd, as they are shipped, and fills a host's own
// addresses and header names in. claimctl prints them, and tests run the gateways with them.
package gateways

import (
	"embed"
	"slices"
)

// Gateway is a program that stands in front of the API.
type Gateway struct {
	Name  string
	Files []string // the first is the one that it is given; it names the others
	// Family is what original_request under [server] says for [[route]]; "" = routes need nothing.
	Family string
	// Unix tells whether it can ask over a unix socket.
	Unix bool
	// Proxied says that it passes requests to claimd's [proxy] and asks nothing at [server].
	Proxied bool
}

// All gives every gateway.
func All() []Gateway {
	return []Gateway{
		{Name: "nginx", Files: []string{"nginx.conf"}, Family: "x-original", Unix: true},
		{Name: "apache", Files: []string{"apache.conf"}, Unix: true, Proxied: true},
		{Name: "caddy", Files: []string{"Caddyfile"}, Family: "x-forwarded", Unix: true},
		{Name: "traefik", Files: []string{"traefik.yaml"}, Family: "x-forwarded"},
		{Name: "haproxy", Files: []string{"haproxy.cfg", "claimd.lua"}, Family: "x-original", Unix: true},
		{Name: "envoy", Files: []string{"envoy.yaml"}, Unix: true},
	}
}

// Find gives the gateway of that name. Angie takes nginx's file.
func Find(name string) (Gateway, bool) {
	if name == "angie" {
		name = "nginx"
	}
	all := All()
	at := slices.IndexFunc(all, func(g Gateway) bool { return g.Name == name })
	if at < 0 {
		return Gateway{}, false
	}
	return all[at], true
}

//go:embed nginx.conf apache.conf Caddyfile traefik.yaml haproxy.cfg claimd.lua envoy.yaml
var shipped embed.FS

// Text gives a file as it is shipped.
func Text(file string) (string, error) {
	text, err := shipped.ReadFile(file)
	return string(text), err
}
