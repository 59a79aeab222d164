package daemon_test

import (
	"slices"
	"testing"
)

// hopAdvisories: with the header Connection a client names fields that a proxy takes away before it passes the request
// on, and names those that the proxy itself has set.
func hopAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2024-45410", "Connection takes no forwarding header away", connectionNamesForwarding},
		{"CVE-2026-29054", "Connection in lower case takes none away either", connectionInLowerCase},
		{"CVE-2025-48865", "Connection takes neither the forwarding nor the identity headers away", connectionNamesAll},
		{"GHSA-w9mr-28mw-j8hg", "Connection takes no identity header away", connectionNamesIdentity},
	}
}

// forwarded are the headers of an original request as the API gets them, whatever the client sent.
var forwarded = []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: api.example", "X-Forwarded-Proto: http"}

// passesAsItIs wants the request to reach the API with the proxy's own forwarding headers and no others.
func (e *edge) passesAsItIs(t *testing.T, lines ...string) {
	t.Helper()
	header := headerOf(t, e.proxy(t, passes, slices.Concat([]string{"GET / HTTP/1.1", e.bearer}, lines)...))
	got := slices.Concat(fieldsLike(header, "x-forwarded-"), fieldsLike(header, "x-original-"), fieldsLike(header, "forwarded"))
	if !slices.Equal(got, forwarded) {
		t.Errorf("%q: the API got %q, want %q", lines, got, forwarded)
	}
	e.gate(t, passes, slices.Concat([]string{"GET /auth HTTP/1.1", e.bearer}, lines)...)
}

// Traefik added X-Forwarded-Host and X-Forwarded-For, and then removed them where Connection named them: the API that
// decided by them decided without.
func connectionNamesForwarding(t *testing.T, e *edge) {
	e.passesAsItIs(t)
	e.passesAsItIs(t, "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto")
	e.passesAsItIs(t, "Connection: X-Forwarded-Host", "X-Forwarded-Host: root")
}

// Its repair compared the names in Connection letter for letter with the protected ones: in lower case they were
// removed as before.
func connectionInLowerCase(t *testing.T, e *edge) {
	e.passesAsItIs(t, "connection: x-forwarded-for, x-forwarded-host, x-forwarded-proto, x-real-ip")
	e.passesAsItIs(t, "CONNECTION: x-FORWARDED-for,x-forwarded-HOST,remote-USER")
	e.passesAsItIs(t, "Connection: keep-alive", "Connection: x-forwarded-host", "Connection: remote-user,remote-admin")
	e.passesAsItIs(t)
}

// Fabio did the same: what it had set for the API went with Connection, and the access control behind it with that.
func connectionNamesAll(t *testing.T, e *edge) {
	e.passesAsItIs(t, "Connection: X-Forwarded-Host, X-Forwarded-For, Remote-User, Remote-Groups, Remote-Admin, Authorization")
	e.proxy(t, "401 no_token", "GET / HTTP/1.1", "Connection: Remote-User, X-Forwarded-Host")
	e.gate(t, "401 no_token", "GET /auth HTTP/1.1", "Connection: Remote-User, X-Forwarded-Host")
}

// Ory Oathkeeper's header mutator set the user's identity, and Connection removed it: the API saw a request that had
// passed the gateway and named nobody.
func connectionNamesIdentity(t *testing.T, e *edge) {
	names := "Remote-User, Remote-Email, Remote-Name, Remote-Groups, Remote-Roles, Remote-Admin, Remote-Provider"
	e.passesAsItIs(t, "Connection: "+names)
	e.proxy(t, passes, "GET / HTTP/1.1", e.bearer, "Connection: "+names, "Remote-User: root", "Remote-Admin: root")
	e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", e.bearer, "Connection: "+names, "Remote-User: root")
}

// forwardedAdvisories: a client says itself what the original request was, and the gateway decides about that one.
func forwardedAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2026-40575", "X-Forwarded-Uri names no path that needs no token", forwardedURI},
		{"oauth2-proxy#3506", "nobody is a trusted proxy by default", nobodyIsTrusted},
		{"CVE-2024-52003", "X-Forwarded-Prefix leads nobody elsewhere", forwardedPrefix},
		{"CVE-2026-35051", "X-Forwarded-Prefix decides nothing", prefixDecidesNothing},
		{"CVE-2026-39858", "X_Forwarded_Proto is no forwarding header", forwardedAliases},
		{"CVE-2026-54764", "X-Forwarded-Port and X-Forwarded-Proto are claimd's own", forwardedPort},
		{"GHSA-vhr5-ggp3-qq85", "X-Forwarded-Proto picks no other rule", forwardedProto},
	}
}

// oauth2-proxy matched its list of paths without sign-in against X-Forwarded-Uri, which whoever reached it could send:
// /admin was passed on because the header said /public.
func forwardedURI(t *testing.T, e *edge) {
	e.tells(t, "401 no_token", "/reports/", "X-Original-URI: /public/", "X-Rewrite-URL: /public/", "X-Forwarded-Prefix: /public")
	e.tells(t, "403 original_request", "/reports/", "X-Forwarded-Uri: /public/")
	e.tells(t, "403 original_request", "/public/", "X-Forwarded-Uri: /public/")
	e.tells(t, "200 OK", "/public/")
	for _, path := range []string{"/livez", "/readyz", "/public", "/auth", "/favicon.ico", "*", ""} {
		lines := []string{"X-Forwarded-Uri: " + path, "X-Forwarded-Method: OPTIONS", "X-Original-URI: " + path, "X-Original-URL: " + path, "X-Rewrite-URL: " + path}
		e.both(t, "401 no_token", lines...)
		e.passesAsItIs(t, lines...)
	}
}

// Its repair believed the header from trusted proxies only, and trusted 0.0.0.0/0 where none were configured.
func nobodyIsTrusted(t *testing.T, e *edge) {
	stranger := e.at(e.own(t, withRoutes("192.0.2.0/24").before(e.api)))
	stranger.routes = stranger.c
	stranger.tells(t, "403 original_request", "/public/")
	stranger.tells(t, "403 original_request", "/public/", "X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.1")
	e.tells(t, "200 OK", "/public/")
	e.both(t, "401 no_token", "X-Forwarded-Uri: /public", "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1")
	e.both(t, "401 no_token", "X-Forwarded-Uri: /public", "Forwarded: for=127.0.0.1;host=localhost;proto=https")
	e.passesAsItIs(t, "X-Forwarded-Uri: /public")
	wantFaults(t, []flawed{
		{soundHead + "[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", "claimd.toml:9: server.trusted_proxies[0]: want the networks of your gateways, got everybody\n" +
			"  hint: whoever is trusted here says which route a request is judged by"},
		{soundHead + "[server]\noriginal_request = \"x-forwarded\"\n[[route]]\nmatch = \"/\"\n",
			"claimd.toml:8: server.trusted_proxies: is empty: nobody's original-request headers are believed, so every request would be refused\n" +
				"  hint: name the gateway, as in [\"127.0.0.1/32\"], or [\"unix\"]"},
		{soundHead, ""},
	})
}

// Traefik built redirects with the X-Forwarded-Prefix of the client: //evil.example in it led people there.
func forwardedPrefix(t *testing.T, e *edge) {
	const prefix = "X-Forwarded-Prefix: //evil.example"
	for _, lines := range [][]string{{"GET / HTTP/1.1", prefix}, {"GET // HTTP/1.1", prefix}, {"GET /dir HTTP/1.1", prefix, "X-Forwarded-Host: evil.example"}} {
		for _, door := range []string{e.c.gate, e.c.proxy} {
			a := e.one(t, door, wire(lines...))
			if a.header.Get("Location") != "" || a.status/100 != 4 {
				t.Errorf("%q: %s leads to %q", lines, a.verdict(), a.header.Get("Location"))
			}
		}
	}
	e.passesAsItIs(t, prefix)
}

// With trustForwardHeader=false Traefik rebuilt all X-Forwarded-* headers of its question to the authentication service
// but X-Forwarded-Prefix; one that decided by it let the client in.
func prefixDecidesNothing(t *testing.T, e *edge) {
	e.tells(t, "401 no_token", "/reports/", "X-Forwarded-Prefix: /public")
	for _, prefix := range []string{"/public", "/livez", "/..", "//", "/whoami"} {
		e.both(t, "401 no_token", "X-Forwarded-Prefix: "+prefix)
		e.passesAsItIs(t, "X-Forwarded-Prefix: "+prefix)
	}
}

// Traefik cleaned X-Forwarded-Proto and left X_Forwarded_Proto. An authentication service that reads both as one took
// the client's word for the scheme and the host, and let it in without credentials.
func forwardedAliases(t *testing.T, e *edge) {
	e.tells(t, "401 no_token", "/reports/", "X_Forwarded_Uri: /public/", "X.Forwarded.Uri: /public/", "x_forwarded_host: api.example")
	aliases := []string{
		"X_Forwarded_Proto: root", "x_forwarded_host: root", "X.Forwarded.For: root", "X_FORWARDED-Uri: root", "X-Original_Url: root", "x.original.uri: root",
	}
	for _, alias := range aliases {
		e.both(t, "401 no_token", alias)
	}
	e.passesAsItIs(t, aliases...)
}

// Traefik took X-Forwarded-Port for its question from the request as the client had sent it: X-Forwarded-Proto: https
// over plain HTTP made it 443.
func forwardedPort(t *testing.T, e *edge) {
	e.passesAsItIs(t, "X-Forwarded-Proto: https")
	e.passesAsItIs(t, "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https")
	e.both(t, "401 no_token", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443")
}

// Ory Oathkeeper looked at X-Forwarded-Proto when it picked a rule, also where its configuration said not to trust it: a
// client chose the rule for http over the stricter one for https.
func forwardedProto(t *testing.T, e *edge) {
	for _, proto := range []string{"http", "https", "wss", "", "http, https"} {
		e.both(t, "401 no_token", "X-Forwarded-Proto: "+proto)
		e.passesAsItIs(t, "X-Forwarded-Proto: "+proto)
	}
}
