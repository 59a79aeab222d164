package daemon_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// aliasAdvisories: a client writes an identity header of its own, in a spelling that the gateway does not look for and
// that the API behind it takes for the same.
func aliasAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2025-64484", "an underscore header is no identity", underscoreHeaders},
		{"CVE-2026-33433", "a header name configured in another case replaces the client's", unusualSpelling},
		{"CVE-2026-54763", "no spelling of any identity header passes either door", everySpelling},
		{"CVE-2026-88011", "a dotted header is no identity", dottedHeaders},
		{"CVE-2026-52845", "each CGI variable of an identity has one source", cgiVariables},
		{"CVE-2026-30851", "an empty identity header is set, so that the client's cannot stay", emptyHeaders},
		{"CVE-2026-88004", "a trailer is no identity", trailers},
	}
}

// oauth2-proxy stripped X-Forwarded-User and its kin of what clients sent, but not X_Forwarded_User. Behind it, servers
// that read _ as - (WSGI, CGI, PHP) took the client's value: every user could be any other one.
func underscoreHeaders(t *testing.T, e *edge) {
	for _, name := range []string{"Remote_User", "REMOTE_USER", "remote_user", "Remote_Groups", "Remote_Admin", "Remote_Email"} {
		e.both(t, passes, e.bearer)
		e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", e.bearer, name+": root")
		e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", name+": root", e.bearer)
		e.proxy(t, passes, "GET / HTTP/1.1", e.bearer, name+": root")
	}
}

// Traefik wrote the identity under the name as it was configured. Configured as x-auth-user, it stood beside the
// X-Auth-User that the client had sent, and the API read the client's.
func unusualSpelling(t *testing.T, e *edge) {
	p := plan{more: "[server.headers]\nuser = \"x-aUTH-user\"\ngroups = \"X_Auth_Groups\"\nemail = \"\"\nname = \"\"\nroles = \"\"\nadmin = \"\"\nprovider = \"\"\n"}
	other := e.at(e.own(t, p.before(e.api)))
	want := []string{"X-Auth-User: " + adaObject, "X_auth_groups: Analysts"}
	for _, lines := range [][]string{
		nil, {"X-Auth-User: root"}, {"x-aUTH-user: root"}, {"X_AUTH_USER: root", "X.Auth.User: root"},
		{"X-Auth-Groups: root", "x_auth_groups: root", "X.Auth_Groups: root"},
	} {
		lines = slices.Concat([]string{"GET / HTTP/1.1", e.bearer}, lines)
		before := len(e.api.requests())
		a := other.one(t, other.c.proxy, wire(lines...))
		seen := e.api.requests()[before:]
		if a.status != http.StatusOK || len(seen) != 1 {
			t.Fatalf("%q: %s, and the API got %q", lines[2:], a.verdict(), seen)
		}
		if got := fieldsLike(headerOf(t, seen[0]), "x-auth-"); !slices.Equal(got, want) {
			t.Errorf("%q: the API got %q, want %q", lines[2:], got, want)
		}
		lines[0] = "GET /auth HTTP/1.1"
		a = other.one(t, other.c.gate, wire(lines...))
		verdict := "403 header_spoof"
		if len(lines) == 2 {
			verdict = "200 OK"
		}
		if a.verdict() != verdict {
			t.Errorf("/auth, %q: %s, want %s", lines[2:], a.verdict(), verdict)
		}
	}
}

// The repair of CVE-2026-33433 in Traefik looked for the names of authResponseHeaders letter for letter. An alias of any
// of them, sent even without credentials, reached the API beside the true one.
func everySpelling(t *testing.T, e *edge) {
	for _, line := range adas {
		name, _, _ := strings.Cut(line, ":")
		for _, alias := range []string{
			name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
			strings.ToUpper(strings.ReplaceAll(name, "-", "_")), strings.ToLower(strings.ReplaceAll(name, "-", ".")),
		} {
			e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", alias+": root")
			e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", e.bearer, alias+": ")
			e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", e.bearer, name+": "+adaObject, alias+": root")
			e.proxy(t, "401 no_token", "GET / HTTP/1.1", alias+": root")
			e.proxy(t, passes, "GET / HTTP/1.1", e.bearer, alias+": root", name+": root")
		}
	}
	e.letsIn(t)
	a := e.one(t, e.c.gate, wire("GET /whoami HTTP/1.1", e.bearer, "Remote_User: root", "Remote-Admin: true"))
	if a.status != http.StatusOK || !strings.Contains(a.body, `"user":"`+adaObject+`"`) || !strings.Contains(a.body, `"admin":false`) {
		t.Errorf("/whoami: %d %s", a.status, a.body)
	}
}

// After underscores, Traefik let dots through: X.Auth.User is a legal name, PHP and others make one variable of it and of
// X-Auth-User, and as Go writes names in order, the client's came last and won.
func dottedHeaders(t *testing.T, e *edge) {
	for _, name := range []string{"Remote.User", "remote.user", "REMOTE.ADMIN", "Remote.Groups", "Remote.Provider"} {
		e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", e.bearer, name+": root")
		e.proxy(t, passes, "GET / HTTP/1.1", e.bearer, name+": root")
	}
	e.letsIn(t)
}

// Caddy deleted the client's Remote-Groups before it copied the gateway's, and then handed the request to PHP: there
// Remote_Groups of the client became the same variable HTTP_REMOTE_GROUPS, and a plain user was an administrator.
func cgiVariables(t *testing.T, e *edge) {
	reached := e.proxy(t, passes, "GET /index.php HTTP/1.1", e.bearer, "Remote_Groups: root", "remote.groups: root", "REMOTE-GROUPS: root", "Remote_User: root")
	variables := map[string][]string{}
	for name, values := range headerOf(t, reached) {
		variable := "HTTP_" + strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(name))
		variables[variable] = append(variables[variable], values...)
	}
	for _, line := range adas {
		name, value, _ := strings.Cut(line, ": ")
		variable := "HTTP_" + strings.ReplaceAll(strings.ToUpper(name), "-", "_")
		if got := variables[variable]; !slices.Equal(got, []string{value}) {
			t.Errorf("%s is %q, want %q alone", variable, got, value)
		}
	}
}

// Caddy's forward_auth copies the headers that the gateway's answer has. One that it lacked (a user without an e-mail)
// was not copied, and the one that the client had sent went on to the API.
func emptyHeaders(t *testing.T, e *edge) {
	plain := "Authorization: Bearer " + e.ada(t, claims{"email": nil, "given_name": nil, "family_name": nil})
	want := []string{
		"Remote-Admin: false", "Remote-Email: ", "Remote-Groups: Analysts", "Remote-Name: ", "Remote-Provider: contoso", "Remote-Roles: ",
		"Remote-User: " + adaObject,
	}
	a := e.one(t, e.c.gate, wire("GET /auth HTTP/1.1", plain))
	if got := identityOf(a.header); a.status != http.StatusOK || !slices.Equal(got, want) {
		t.Errorf("/auth: %s with %q, want %q", a.verdict(), got, want)
	}
	before := len(e.api.requests())
	e.one(t, e.c.proxy, wire("GET / HTTP/1.1", plain, "Remote-Email: root@contoso.example", "Remote-Roles: root", "Remote-Name: root"))
	if seen := e.api.requests()[before:]; len(seen) != 1 || !slices.Equal(identityOf(headerOf(t, seen[0])), want) {
		t.Errorf("the API got %q, want the identity %q", seen, want)
	}
	e.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", plain, "Remote-Email: root@contoso.example")
	e.letsIn(t)
}

// Traefik cleaned the header and forgot the trailer. A chunked request brought the trusted names behind its body, and
// servers that merge trailers into the header took them.
func trailers(t *testing.T, e *edge) {
	const body = "4\r\nwork\r\n0\r\nRemote-User: root\r\nRemote_Admin: root\r\nX-Forwarded-For: root\r\n\r\n"
	for _, declared := range []string{"Trailer: Remote-User, Remote_Admin, X-Forwarded-For", "Trailer: remote-user", "X-Nothing: declared"} {
		reached := e.proxyText(t, passes, wire("POST / HTTP/1.1", e.bearer, "Transfer-Encoding: chunked", declared)+body)
		if !strings.HasSuffix(reached, "\r\n\r\n4\r\nwork\r\n0\r\n\r\n") || strings.Contains(reached, "Trailer:") {
			t.Errorf("%s: the API got\n%s", declared, reached)
		}
		a := e.one(t, e.c.gate, wire("POST /auth HTTP/1.1", e.bearer, "Transfer-Encoding: chunked", declared)+body)
		if got := identityOf(a.header); a.status != http.StatusOK || !slices.Equal(got, adas) {
			t.Errorf("/auth, %s: %s with %q", declared, a.verdict(), got)
		}
	}
}

// fieldsLike gives the fields whose folded name begins so, as lines in order.
func fieldsLike(header http.Header, prefix string) (lines []string) {
	fold := strings.NewReplacer("_", "-", ".", "-")
	for name, values := range header {
		for _, value := range values {
			if strings.HasPrefix(fold.Replace(strings.ToLower(name)), prefix) {
				lines = append(lines, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	return lines
}
