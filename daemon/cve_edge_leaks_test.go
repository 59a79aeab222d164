package daemon_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/claimd/claimd/daemon/entratest"
)

// leakAdvisories: a token or a piece of the request comes out where it must not.
func leakAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2026-44883", "a token in the query is no token, and no log holds it", tokensInQueries},
		{"CVE-2024-39315", "whoami shows the identity and no token", whoamiShowsNoToken},
		{"CVE-2026-33758", "an answer reflects nothing of the request", nothingIsReflected},
		{"CVE-2025-25294", "a header writes no field into the log", logFields},
	}
}

// Portainer took ?token=<JWT> as well as the header. Addresses stand in access logs, histories and Referer headers, and
// who read one of them was that user.
func tokensInQueries(t *testing.T, e *edge) {
	secret := e.ada(t, claims{"email": "query@contoso.example"})
	for _, name := range []string{"token", "access_token", "jwt", "id_token", "auth", "bearer", "authorization"} {
		e.gate(t, "401 no_token", "GET /auth?"+name+"="+secret+" HTTP/1.1")
		e.proxy(t, "401 no_token", "GET /api?"+name+"="+secret+" HTTP/1.1")
		e.both(t, "401 no_token", "Cookie: "+name+"="+secret)
		e.both(t, "401 no_token", "X-Forwarded-Uri: /?"+name+"="+secret, "Referer: https://api.example/?"+name+"="+secret)
	}
	form := "access_token=" + secret
	e.proxyText(t, "401 no_token", wire("POST / HTTP/1.1", "Content-Type: application/x-www-form-urlencoded", fmt.Sprintf("Content-Length: %d", len(form)))+form)
	e.letsIn(t)
	if part := tokenPart(logText(e.c), secret); part != "" {
		t.Errorf("the log holds %q of the token", part)
	}
}

// logText is all that was logged, values included.
func logText(c *claimd) string {
	var lines strings.Builder
	for _, entry := range c.logs.All() {
		fmt.Fprintln(&lines, entry.Message, entry.ContextMap())
	}
	return lines.String()
}

// Pomerium's page about the user held his access and ID tokens: any script on a page behind the proxy could fetch it and
// carry them off.
func whoamiShowsNoToken(t *testing.T, e *edge) {
	a := e.one(t, e.c.gate, wire("GET /whoami HTTP/1.1", e.bearer))
	var got map[string]any
	must(t, json.Unmarshal([]byte(a.body), &got))
	want := []string{"admin", "client_application_id", "email", "expires_at", "first_name", "groups", "kind", "last_name", "provider", "roles", "user"}
	if names := slices.Sorted(maps.Keys(got)); a.status != http.StatusOK || !slices.Equal(names, want) || got["user"] != adaObject {
		t.Errorf("%d %s, want the members %q", a.status, a.body, want)
	}
	for _, door := range []string{e.c.gate + "/whoami", e.c.gate + "/auth", e.c.proxy + "/"} {
		a := fetch(t, http.MethodGet, door, http.Header{"Authorization": {"Bearer " + e.token}})
		if part := tokenPart(fmt.Sprint(a.header, a.body), e.token); part != "" || a.status != http.StatusOK {
			t.Errorf("%s: %d, and the answer holds %q of the token", door, a.status, part)
		}
	}
	if reached := e.proxy(t, passes, "GET / HTTP/1.1", e.bearer); tokenPart(reached, e.token) != "" {
		t.Errorf("the API got the token, which forward_authorization is for:\n%s", reached)
	}
}

// OpenBao wrote error_description of the address into its page about a failed sign-in. A link with a script in it took
// the token of whoever clicked.
func nothingIsReflected(t *testing.T, e *edge) {
	const script = "<script>alert(document.domain)</script>"
	for _, lines := range [][]string{
		{"GET /auth?error=x&error_description=" + script + " HTTP/1.1"},
		{"GET /" + script + "?error_description=" + script + " HTTP/1.1"},
		{"GET /whoami?error_description=" + script + " HTTP/1.1", "Authorization: Bearer " + script},
		{"GET /auth HTTP/1.1", "Authorization: " + script},
		{"GET /auth HTTP/1.1", e.bearer + "." + script, "User-Agent: " + script, "X-Forwarded-Uri: /" + script, "Host: api.example", "Cookie: " + script},
		{"GET /auth HTTP/1.1", "Authorization: Bearer " + e.ada(t, claims{"groups": script})},
		{"GET /auth HTTP/1.1", "Authorization: Bearer " + e.ada(t, claims{"aud": script})},
		{"POST " + script + " HTTP/1.1"},
	} {
		e.refusesQuietly(t, e.c.gate, lines...)
		e.refusesQuietly(t, e.c.proxy, lines...)
	}
	e.refusesQuietly(t, e.c.gate, "GET /auth HTTP/1.1", e.bearer, "Remote-User: "+script)
	e.letsIn(t)
}

// refusesQuietly wants a refusal that no browser takes for a page, with nothing of a script in it.
func (e *edge) refusesQuietly(t *testing.T, door string, lines ...string) {
	t.Helper()
	a := e.one(t, door, wire(lines...))
	all := fmt.Sprint(a.header, a.body)
	if a.status < 400 || strings.Contains(all, "script") || strings.Contains(all, "alert") {
		t.Errorf("%.80q: %d %s", lines, a.status, all)
	}
	if a.verdict() == "400 by net/http" {
		return // in words of its own
	}
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%.80q: %v", lines, a.header)
	}
}

// mintKey gives a token of Ada's with that key id.
func (e *edge) mintKey(t *testing.T, kid string) string {
	t.Helper()
	return e.mint(t, e.contoso, entratest.Request{User: "ada", Header: claims{"kid": kid}})
}

// Envoy Gateway's access log was a line of JSON with the User-Agent put in between quotes. One that closed them wrote
// fields of its own, and the address that administrators looked for was another one.
func logFields(t *testing.T, e *edge) {
	const inject = `x", "evil-ip": "1.1.1.1", "reason": "allowed`
	kid := inject + "\r\n\x1b[31mallowed\u202e"
	before := e.c.logs.Len()
	own := e.at(e.own(t, plan{}.before(e.api))) // whose line about this reason is due, and whose key fetches are its own
	for _, lines := range [][]string{
		{"User-Agent: " + inject}, {"Referer: " + inject, "X-Forwarded-For: " + inject}, {"Remote-User: " + inject},
		{"Authorization: Bearer " + e.mintKey(t, kid)}, {"Authorization: " + inject},
	} {
		own.one(t, own.c.gate, wire(slices.Concat([]string{"GET /auth HTTP/1.1"}, lines)...))
	}
	own.letsIn(t)
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	keyIDs := 0
	for _, entry := range own.c.logs.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		must(t, err)
		var fields map[string]any
		must(t, json.Unmarshal(line.Bytes(), &fields))
		if _, wrote := fields["evil-ip"]; wrote || fields["reason"] == "allowed" {
			t.Errorf("a client wrote a field: %s", line)
		}
		for name, value := range fields {
			text, _ := value.(string)
			if !strings.Contains(text, "evil-ip") {
				continue
			}
			keyIDs++ // the one thing of an unverified token that is logged
			if name != "key_id" || strings.ContainsAny(text, "\r\n\x1b\u202e") {
				t.Errorf("%s is %q", name, text)
			}
		}
	}
	if keyIDs != 1 {
		t.Errorf("%d lines hold what clients sent, want the one about the key id", keyIDs)
	}
	if n := e.c.logs.Len(); n != before {
		t.Errorf("%d lines of another claimd", n-before)
	}
	denials, err := own.c.admin.Denials(t.Context(), "")
	must(t, err)
	if len(denials) != 5 {
		t.Fatalf("%d denials, want 5", len(denials))
	}
	for _, denial := range denials {
		if text := fmt.Sprint(denial.Provider, denial.User, denial.Client, denial.KeyID, denial.Header, denial.Mend); strings.ContainsAny(text, "\r\n\x1b\u202e") {
			t.Errorf("a denial is not fit for a terminal: %q", text)
		}
	}
}
