package access

import (
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
)

// An administrator who asks why sees the provider's word, and then each check on it as on a token.
func TestExplainShowsWhatTheProviderSays(t *testing.T) {
	const asked = "pass opaque_token: the introspection endpoint of [provider.jumpcloud] vouches for it; asked again from UNTIL on"
	const tail = "pass user id: \"5f1a\"\n" +
		"pass user state: not switched off in the configuration; the directory of users was not asked\n" +
		"pass revoked: the directory of users was not asked\npass overage: no overage marker\n"
	const end = "pass no_group: groups: Analysts\npass header_size: "
	for _, c := range []struct {
		story string
		kind  config.OpaqueTokens
		set   func(*vouching)
		want  string // of the checks after no_token
		why   string // a part of the sentence
	}{
		{"let in", introspection, func(*vouching) {}, asked + "\npass malformed: an answer that is well-formed\npass issuer: not named: ISSUER, whose endpoint answered\n" +
			"pass audience: https://api.contoso.example\npass expired: \npass not_yet_valid: \npass lifetime: \npass id_token: a user, through an application\n" +
			"pass client: desk\npass scope: scope: openid, reports\n" + tail + "pass mapping: groups: 1 string, roles: 1 string\n" + end,
			"let in: user 5f1a of provider jumpcloud; groups: Analysts; roles: none; no administrator."},
		{"let in by userinfo", userinfo, func(*vouching) {}, strings.ReplaceAll(asked, "introspection", "userinfo") +
			"\npass malformed: an answer that is well-formed\npass issuer: not named: ISSUER, whose endpoint answered\n" +
			"pass audience: not checked: userinfo names none\npass client: not checked: userinfo names none\npass scope: scope: none\n" + tail +
			"pass mapping: groups: string, roles: string\n" + end, "let in: user 5f1a"},
		{"not active", introspection, func(v *vouching) { v.says = nil },
			"FAIL opaque_token: the provider does not call the token active",
			"denied, 401 opaque_token: the token is no JWT, and no provider vouches for it.\nWhy: the provider does not call the token active.\n" +
				"To change it: let the client get a new token (sign in again); where no token is active, see at the provider whether the client of " +
				"introspection_client_id may be told of them."},
		{"unknown to userinfo", userinfo, func(v *vouching) { v.says = nil },
			"FAIL opaque_token: the provider does not accept the token at its userinfo endpoint",
			"To change it: let the client get a new token (sign in again)."},
		{"the provider fails", introspection, func(v *vouching) { v.status = http.StatusBadGateway },
			"FAIL provider_unavailable: ISSUERask: want status 200, got 502",
			"denied, 503 provider_unavailable: the provider does not answer about an opaque token.\nWhy: ISSUERask: want status 200, got 502.\n" +
				"To change it: try again in 1s; claimctl status tells how the provider answers."},
		{"a wrong credential", introspection, func(v *vouching) { v.status = http.StatusUnauthorized },
			"FAIL provider_unavailable: ISSUERask: want status 200, got 401: the provider does not accept claimd's own credential",
			"To change it: compare introspection_client_id and the secret in introspection_client_secret_file with the provider's"},
		{"a refresh token", introspection, func(v *vouching) { v.says = said{"active": true, "token_type": "refresh_token"} },
			"FAIL opaque_token: the provider says that the token is no bearer access token: a refresh token, an ID token, or one bound to a key",
			"Why: the provider says that the token is no bearer access token"},
		{"another client's", introspection, func(v *vouching) { v.says["client_id"] = "other" }, "", `Why: wanted one of client_ids of [provider.jumpcloud]: desk, got the client other.
To change it: if this client may call, add "other" to client_ids under [provider.jumpcloud].
After that it is let in: user 5f1a of provider jumpcloud`},
		{"nobody may ask here", introspection, func(v *vouching) { v.gate.Snapshot().AskOpaque(nil) },
			"FAIL provider_unavailable: claimd's own credential for it is not known here", "To change it: let the running claimd judge."},
	} {
		t.Run(c.story, func(t *testing.T) {
			v := newVouching(t, c.kind, nil, nil)
			v.set(func() { c.set(v) })
			e := v.gate.Snapshot().Explain(t.Context(), opaqueToken, v.now())
			var lines []string
			until := ""
			for _, check := range e.Checks[2:] { // disabled, no_token
				verdict := "FAIL "
				if check.Passed {
					verdict = "pass "
				}
				got := check.Got
				if before, after, ok := strings.Cut(got, "asked again from "); ok {
					until, _, _ = strings.Cut(after, " ")
					got = before + "asked again from UNTIL on"
				}
				lines = append(lines, verdict+check.Name+": "+got)
			}
			issuer := strings.NewReplacer("ISSUER", v.server.URL+"/")
			if got := strings.Join(lines, "\n"); !strings.HasPrefix(got, issuer.Replace(c.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, issuer.Replace(c.want))
			}
			if !strings.Contains(e.Sentence, issuer.Replace(c.why)) || strings.Contains(e.Sentence, opaqueToken[:8]) {
				t.Errorf("got\n%s\nwant\n%s", e.Sentence, issuer.Replace(c.why))
			}
			if e.Provider != "jumpcloud" || (until == "") != strings.HasPrefix(c.want, "FAIL") {
				t.Errorf("provider %q, asked again from %q", e.Provider, until)
			}
		})
	}
}
