package daemon_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// rightsAdvisories: a right is judged by something that is not it, or by what it was before.
func rightsAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2026-40574", "an e-mail address gives no right, whatever stands in it", mailAddresses},
		{"CVE-2026-47203", "a user's id is the same in any case", idsInAnyCase},
		{"CVE-2021-41230", "the claims of a new token hold at once", newClaims},
		{"heimdall#3452", "what is kept of a token is its identity, never a verdict", keptIdentities},
		{"heimdall#3454", "what is kept of a token depends on nothing but the token", keptWhateverElse},
		{"CVE-2024-47616", "a service account's token opens nothing but the API", accountsOutside},
	}
}

// oauth2-proxy cut the domain off an e-mail address at the wrong @: root@evil.example@contoso.example was somebody of
// contoso.example, and let in for that.
func mailAddresses(t *testing.T, e *edge) {
	for _, mail := range []string{"root@evil.example@contoso.example", "@contoso.example", "root@contoso.example@", "root@contoso.example\x00@evil.example", "*"} {
		for _, claim := range []string{"email", "upn", "preferred_username"} {
			outsider := "Authorization: Bearer " + e.ada(t, claims{"groups": "Nobody", claim: mail})
			e.both(t, "403 no_group", outsider)
		}
		a := e.one(t, e.c.gate, wire("GET /whoami HTTP/1.1", "Authorization: Bearer "+e.ada(t, claims{"email": strings.ReplaceAll(mail, "root", "ada")})))
		if a.status != http.StatusOK || !strings.Contains(a.body, `"user":"`+adaObject+`"`) {
			t.Errorf("%q: %d %s, want Ada by her object ID", mail, a.status, a.body)
		}
	}
	for _, key := range []string{"email_domains", "allowed_domains", "email_verified"} {
		wantFaults(t, []flawed{{soundHead + key + " = [\"contoso.example\"]\n", "claimd.toml:8: provider.contoso." + key + ": unknown key"}})
	}
	e.letsIn(t)
}

// Authelia took the user's name as it was typed: in another case the limits and rules of that user did not hold.
func idsInAnyCase(t *testing.T, e *edge) {
	p := plan{more: "[[user]]\nid = \"" + strings.ToUpper(blockedObject) + "\"\nblocked = true\n"}
	own := e.at(e.own(t, p.before(e.api)))
	for _, id := range []string{blockedObject, strings.ToUpper(blockedObject), strings.ToUpper(blockedObject[:8]) + blockedObject[8:]} {
		own.both(t, "403 user_inactive", "Authorization: Bearer "+e.ada(t, claims{"oid": id}))
	}
	own.both(t, passes, "Authorization: Bearer "+e.ada(t, claims{"oid": strings.ToUpper(adaObject)}))
	for _, basic := range []string{"Basic YWRhOmFkYQ==", "Basic QURBOkFEQQ==", "basic YWRhIDphZGE="} {
		own.both(t, "401 no_token", "Authorization: "+basic)
	}
	own.letsIn(t)
}

// Pomerium judged a user by the claims of the first sign-in: who had been taken out of a group since then stayed in.
func newClaims(t *testing.T, e *edge) {
	e.letsIn(t)
	for range 3 {
		e.both(t, "403 no_group", "Authorization: Bearer "+e.ada(t, claims{"groups": nil}))
		e.both(t, "403 no_group", "Authorization: Bearer "+e.ada(t, claims{"groups": []string{"analysts"}}))
		e.letsIn(t)
	}
}

// Heimdall kept an introspection's answer and did not judge it again: a rule that wanted another scope let the token in
// that had satisfied the first rule.
func keptIdentities(t *testing.T, e *edge) {
	p := plan{}.before(e.api)
	own := e.at(e.own(t, p))
	for range 2 {
		own.letsIn(t) // now it is kept
	}
	own.gate(t, "403 header_spoof", "GET /auth HTTP/1.1", e.bearer, "Remote-User: root")
	for _, step := range []struct{ provider, more, want string }{
		{`required_scopes = ["platform.write"]`, "", "403 scope"},
		{"", "[[user]]\nid = \"" + adaObject + "\"\nblocked = true\n", "403 user_inactive"},
		{"", "", passes},
	} {
		next := p
		next.provider = step.provider
		next.more += step.more
		own.c.reload(t, next)
		own.both(t, step.want, e.bearer)
		own.both(t, step.want, e.bearer)
	}
}

// Heimdall kept an identity under the token alone, though headers of the request had a part in it: what was found for
// tenant-a was used for tenant-b. claimd keeps it under the whole token, and no header has a part in it.
func keptWhateverElse(t *testing.T, e *edge) {
	e.letsIn(t)
	for _, line := range []string{"X-Tenant-ID: root", "Cookie: tenant=root", "X-Ms-Client-Principal-Name: root", "Host: tenant-b.example", "X-User: root"} {
		e.gate(t, passes, "GET /auth HTTP/1.1", e.bearer, line)
		e.gate(t, "401 signature", "GET /auth HTTP/1.1", "Authorization: Bearer "+alter(e.token), line)
	}
	e.gate(t, "401 no_token", "GET /auth HTTP/1.1", "Cookie: session="+e.token)
	e.letsIn(t)
}

// A service account's token of Pomerium was also taken by the broker of its data, which is for Pomerium's own parts.
func accountsOutside(t *testing.T, e *edge) {
	p := plan{more: "[[service_account]]\nobject_id = \"" + nightlyObject + "\"\napplication_id = \"" + nightlyApp +
		"\"\nname = \"Nightly export\"\ngroups = [\"Analysts\"]\n"}
	own := e.at(e.own(t, p.before(e.api)))
	token := e.mint(t, e.contoso, entratest.Request{Client: nightlyApp})
	own.c.ask(t, token).want(t, "the API", letIn)
	for _, path := range []string{"/v1/status", "/v1/denials", "/v1/keys", "/v1/explain", "/metrics", "/debug/pprof/", "/databroker", "/admin"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			own.gate(t, "404 not_found", method+" "+path+" HTTP/1.1", "Authorization: Bearer "+token)
		}
	}
	own.letsIn(t)
}
