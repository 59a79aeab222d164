package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// pathAdvisories: the gateway reads the request's line in another way than the API behind it.
func pathAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2025-54576", "a query opens no path", queries},
		{"CVE-2026-41059", "a fragment in a target opens no path", fragments},
		{"CVE-2025-66490", "an encoded separator opens no path and arrives as it was sent", encodedSeparators},
		{"GHSA-p224-6x5r-fjpm", "dot segments open no path and arrive as they were sent", dotSegments},
		{"CVE-2026-42272", "%2f is what %2F is", encodedSlashes},
		{"CVE-2026-88009", "a target that is no path reaches no API", rootlessTargets},
		{"CVE-2026-42273", "the host in another case is no other host", hostsInAnotherCase},
		{"CVE-2026-27588", "no host among a hundred needs no token", manyHosts},
		{"CVE-2026-48794", "mixed case within a host opens nothing", hostsOfMixedCase},
		{"CVE-2020-14359", "a method in lower case needs a token too", methodsInLowerCase},
		{"CVE-2026-34457", "a health check's User-Agent needs a token", healthChecks},
	}
}

// toAPI wants the target to be refused without a token, whatever it says, and with one to arrive byte for byte.
func (e *edge) toAPI(t *testing.T, targets ...string) {
	t.Helper()
	for _, target := range targets {
		e.proxy(t, "401 no_token", "GET "+target+" HTTP/1.1")
		reached := e.proxy(t, passes, "GET "+target+" HTTP/1.1", e.bearer)
		if line, _, _ := strings.Cut(reached, "\r\n"); line != "GET "+target+" HTTP/1.1" {
			t.Errorf("the API was asked %q, want the target %q", line, target)
		}
	}
}

// noRoom wants each target to be none that the gateway's door knows, with a good token and without.
func (e *edge) noRoom(t *testing.T, targets ...string) {
	t.Helper()
	for _, target := range targets {
		e.gate(t, "404 not_found", "GET "+target+" HTTP/1.1", e.bearer)
		e.gate(t, "404 not_found", "GET "+target+" HTTP/1.1")
	}
}

// oauth2-proxy matched skip_auth_routes against path and query together: /admin?/public was let through by the pattern
// for /public.
func queries(t *testing.T, e *edge) {
	e.asks(t, "401 no_token", "GET", "api.example", "/reports/?/public/", "/reports/?x=/foo/a/bar", "/foo/secret?/bar", "/reports/??/public/")
	e.asks(t, "200 OK", "GET", "api.example", "/public/?/reports/../x;y//z", "/foo/a/bar?x")
	e.toAPI(t, "/admin?/public", "/admin?x=/livez", "/livez", "/admin?.css", "/admin?", "/admin??/whoami", "/admin?x=%2flivez&y;z=%zz")
	for _, query := range []string{"?/livez", "?x=/public", "?", "?path=/readyz#"} {
		e.gate(t, "401 no_token", "GET /auth"+query+" HTTP/1.1")
		e.gate(t, passes, "GET /auth"+query+" HTTP/1.1", e.bearer)
	}
}

// oauth2-proxy matched its patterns against a path with its fragment. /foo/secret#/bar fitted ^/foo/.*/bar$, and the API
// behind it cut the fragment off and served /foo/secret.
func fragments(t *testing.T, e *edge) {
	e.asks(t, "403 original_request", "GET", "api.example", "/foo/secret#/bar", "/reports/#/public/", "/public/#", "/public/#/../reports/")
	e.asks(t, "401 no_token", "GET", "api.example", "/foo/secret%23/baz")
	e.asks(t, "200 OK", "GET", "api.example", "/foo/secret%23/bar") // one segment for every program that decodes once
	e.toAPI(t, "/foo/secret#/bar", "/foo/secret%23/bar", "/foo/secret#", "/#/livez", "/admin#?x=/public")
	e.noRoom(t, "/livez#/auth", "/auth#", "/auth%23", "/x#/livez")
	e.letsIn(t)
}

// Traefik routed by the path as it was sent, and an encoded / \ NUL ; ? or # in it was decoded further behind: the
// request reached a backend around the middleware that guarded it.
func encodedSeparators(t *testing.T, e *edge) {
	e.asks(t, "403 original_request", "GET", "api.example", "/public/..%2freports/", "/public%2f..%2freports", "/public/%2e%2e/reports/",
		"/public/%5c..%5creports", "/public/%3b/x", "/public/%00", "/public/%23%2f", "/public/a%3fb%2fc")
	for _, code := range []string{"%2f", "%2F", "%5c", "%5C", "%00", "%3b", "%3B", "%3f", "%3F", "%23", "%252f", ";", `\`} {
		e.toAPI(t, "/public"+code+"admin", "/"+code+code+"admin")
		e.noRoom(t, "/livez"+code+"..%2fauth", "/auth"+code, "/x"+code+"/../auth")
	}
	e.letsIn(t)
}

// Ory Oathkeeper matched the path as it was sent: /public/../admin/secrets fitted the rule that lets everybody in, and
// what lay behind it resolved the dots.
func dotSegments(t *testing.T, e *edge) {
	e.asks(t, "403 original_request", "GET", "api.example", "/public/../reports/", "/public/./../reports/", "/public/..;/reports/", "/public/.%2e/reports/",
		"/public/..", "/public/%252e%252e/reports/", `/public/..\reports/`)
	e.toAPI(t, "/public/../admin/secrets", "/public/%2e%2e/admin", "/public/.%2E/admin", "/./admin", "/../../livez", "/public/..;/admin", "//admin", "/livez/../admin")
	e.noRoom(t, "/livez/../auth", "/x/../livez", "/./livez", "//livez", "/livez/", "/livez/.", "/%6civez", "/Livez", "/..", "/readyz/%2e%2e/auth")
	e.gate(t, "401 no_token", "GET /auth HTTP/1.1")
	e.letsIn(t)
}

// Heimdall knew %2F and not %2f: the same path was judged by another rule when its hexadecimal digit was small.
func encodedSlashes(t *testing.T, e *edge) {
	e.asks(t, "403 original_request", "GET", "api.example", "/public%2freports", "/public%2Freports", "/foo%2fa%2Fbar", "//public/", "/public//reports/")
	for _, slash := range []string{"%2f", "%2F"} {
		e.toAPI(t, "/api"+slash+"admin", "/api/"+slash+"admin", "/api"+slash)
		e.noRoom(t, "/"+slash+"auth", "/auth"+slash, "/x"+slash+"../auth")
		e.gate(t, "400 by net/http", "GET "+slash+"auth HTTP/1.1", e.bearer)
	}
	e.letsIn(t)
}

// Traefik took GET http:http://internal/admin for a request for /: Go keeps such a target in URL.Opaque and leaves the
// path empty. Router and access log saw /, and the backend got the whole target.
func rootlessTargets(t *testing.T, e *edge) {
	for _, target := range []string{"http:http://internal/admin", "x:/admin", "http:admin", "x://internal/admin", "api.example:admin"} {
		e.proxy(t, "401 no_token", "GET "+target+" HTTP/1.1")
		e.proxy(t, "400 bad_request", "GET "+target+" HTTP/1.1", e.bearer)
	}
	e.noRoom(t, "http:auth", "x:auth", "http:livez", "x:http://127.0.0.1/auth", "http:http://127.0.0.1/livez")
	e.gate(t, "401 no_token", "GET x:/auth HTTP/1.1") // which Go reads as the path /auth
	e.gate(t, "401 no_token", "GET http://api.example/auth HTTP/1.1")
	e.toAPI(t, "/http:http://internal/admin")
	e.letsIn(t)
}

// judgedAlike wants that no host and no forwarded host changes a verdict of either door.
func (e *edge) judgedAlike(t *testing.T, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		for _, line := range []string{"Host: " + host, "X-Forwarded-Host: " + host} {
			e.both(t, "401 no_token", line)
			e.both(t, passes, e.bearer, line)
		}
	}
}

// Heimdall compared hosts letter for letter. API.example fitted no rule, and the default rule decided, which may have
// let everybody in.
func hostsInAnotherCase(t *testing.T, e *edge) {
	e.asks(t, "401 no_token", "GET", "guarded.example", "/public/")
	e.asks(t, "401 no_token", "GET", "GUARDED.Example", "/public/")
	e.asks(t, "401 no_token", "GET", "Guarded.example.:8443", "/public/")
	e.asks(t, "403 original_request", "GET", "[guarded.example]", "/public/")
	e.asks(t, "200 OK", "GET", "api.example", "/public/")
	e.judgedAlike(t, "api.example", "API.EXAMPLE", "Api.Example", "api.example.", "api.example:80", "127.0.0.1", "localhost")
}

// Caddy searched in lists of more than 100 hosts in a faster way, which minded case: in capitals a guarded host was
// guarded no more.
func manyHosts(t *testing.T, e *edge) {
	for i := range 101 {
		host := fmt.Sprintf("Host: TENANT-%d.Api.Example", i)
		e.gate(t, "401 no_token", "GET /auth HTTP/1.1", host)
	}
	e.judgedAlike(t, "TENANT-100.API.EXAMPLE", "tenant-100.api.example")
}

// Authelia missed the rule of a host whose request wrote a.B.example.com, and fell back to another one.
func hostsOfMixedCase(t *testing.T, e *edge) {
	e.asks(t, "401 no_token", "GET", "guarded.EXAMPLE", "/public/")
	e.judgedAlike(t, "a.B.example.com", "A.b.example.com", "a.b.example.com", "a.b.EXAMPLE.com")
}

// Keycloak Gatekeeper denied by default what no rule names, but only for the methods that it knew: `get` was none of them.
func methodsInLowerCase(t *testing.T, e *edge) {
	e.asks(t, "403 original_request", "get", "api.example", "/public/")
	e.asks(t, "401 no_token", "POST", "api.example", "/public/")
	e.asks(t, "200 OK", "GET", "api.example", "/public/")
	for _, method := range []string{"get", "Get", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "BREW", "g"} {
		e.gate(t, verdictOf(method, "401 no_token"), method+" /auth HTTP/1.1")
		e.proxy(t, verdictOf(method, "401 no_token"), method+" / HTTP/1.1")
		e.gate(t, passes, method+" /auth HTTP/1.1", e.bearer)
		e.proxy(t, passes, method+" / HTTP/1.1", e.bearer)
	}
}

// verdictOf is the verdict as far as the answer to this method shows it: one to HEAD has no body.
func verdictOf(method, verdict string) string {
	if method == http.MethodHead {
		return verdict[:3] + " by net/http"
	}
	return verdict
}

// oauth2-proxy answered 200 to whatever came with the User-Agent of its health check, at any path: behind nginx's
// auth_request that was a way in for everybody who could write a header.
func healthChecks(t *testing.T, e *edge) {
	e.asks(t, "401 no_token", "GET", "api.example", "/livez", "/readyz", "/ping", "/reports/livez")
	for _, agent := range []string{"kube-probe/1.34", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "oauth2-proxy-ping", "Envoy/HC", "claimd", "HAProxy", ""} {
		e.both(t, "401 no_token", "User-Agent: "+agent)
		e.both(t, passes, e.bearer, "User-Agent: "+agent)
	}
	e.toAPI(t, "/livez", "/readyz", "/ping", "/healthz", "/auth", "/whoami")
	for _, path := range []string{"/livez", "/readyz"} { // and the health check's own paths hold no identity
		a := e.one(t, e.c.gate, wire("GET "+path+" HTTP/1.1", e.bearer))
		if a.status != http.StatusOK || a.body != "{\"status\":\"ok\"}\n" || len(identityOf(a.header)) > 0 {
			t.Errorf("%s: %d %s %v", path, a.status, a.body, a.header)
		}
	}
}
