package daemon_test

import (
	"slices"
	"testing"
)

// withRoutes is a plan with routes: what is public, what is public by its end alone, a host on which nothing is, and all
// else for a group that Ada does not have. Whoever asks from one of these networks is believed.
func withRoutes(trusted ...string) plan {
	if len(trusted) == 0 {
		trusted = []string{"127.0.0.1/32"}
	}
	return plan{groups: "Analysts = \"\"\nOperators = \"\"", more: `
[[route]]
match = "GET /public/"
public = true
[[route]]
match = "GET /foo/{name}/bar"
public = true
[[route]]
match = "guarded.example/"
groups = ["Operators"]
[[route]]
match = "/"
groups = ["Operators"]
[server]
listen = ["127.0.0.1:0"]
original_request = "x-forwarded"
trusted_proxies = ["` + trusted[0] + `"]
`}
}

// asks wants this verdict on a request without a token for each target, at every door: told by a gateway in headers, told
// as Envoy does, and as it comes to the proxy. No token of Ada's lets her in where that is a refusal.
func (e *edge) asks(t *testing.T, want, method, host string, targets ...string) {
	t.Helper()
	for _, target := range targets {
		for name, lines := range map[string][]string{
			"/auth":      {"GET /auth HTTP/1.1", "X-Forwarded-Method: " + method, "X-Forwarded-Host: " + host, "X-Forwarded-Uri: " + target},
			"/ext_authz": {method + " /ext_authz" + target + " HTTP/1.1", "Host: " + host},
			"the proxy":  {method + " " + target + " HTTP/1.1", "Host: " + host},
		} {
			door := e.routes.gate
			if name == "the proxy" {
				door = e.routes.proxy
			}
			if got := e.one(t, door, wire(lines...)).verdict(); got != want {
				t.Errorf("%s, %s %s%s: %s, want %s", name, method, host, target, got, want)
			}
			if a := e.one(t, door, wire(append(lines, e.bearer)...)); want != "200 OK" && a.status == 200 {
				t.Errorf("%s, %s %s%s: a token of Ada's opens it", name, method, host, target)
			}
		}
	}
}

// tells wants this verdict where a gateway tells the target in X-Forwarded-Uri, and passes these lines of the client on.
func (e *edge) tells(t *testing.T, want, target string, lines ...string) {
	t.Helper()
	gateways := []string{"GET /auth HTTP/1.1", "X-Forwarded-Method: GET", "X-Forwarded-Host: api.example", "X-Forwarded-Uri: " + target}
	if got := e.one(t, e.routes.gate, wire(slices.Concat(gateways, lines)...)).verdict(); got != want {
		t.Errorf("%s with %q: %s, want %s", target, lines, got, want)
	}
}
