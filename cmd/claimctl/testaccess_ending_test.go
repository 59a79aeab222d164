package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
)

// letIn is a walk up to a token that claimd lets in; change goes on from there.
func letIn(change func(*walk)) *walk {
	w := &walk{
		Provider: "contoso", Tenant: "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3", Authority: "https://login.microsoftonline.com",
		Client: deskApp, Scope: "api://" + apiID + "/.default", Method: methodDevice, APIURL: "https://api.contoso.example/",
		WithoutToken: &apiAnswer{Status: 401}, token: "t", api: apiID, socket: "/run/claimd/admin.sock",
		Gate: &explained{Explanation: access.Explanation{Allowed: true, Identity: &access.Whoami{User: "ada", Provider: "contoso"}}},
	}
	change(w)
	return w
}

func answered(status int, header ...string) func(*walk) {
	return func(w *walk) {
		w.WithToken = &apiAnswer{Status: status}
		for _, text := range header {
			name, value, _ := strings.Cut(text, "=")
			switch name {
			case "decision":
				w.WithToken.DecisionID = value
			case "reason":
				w.WithToken.Reason = value
			case "challenge":
				w.WithToken.Challenges = append(w.WithToken.Challenges, value)
			case "denial":
				w.WithToken.Reason, w.asked = value, true
				r, _ := reason.Parse(value)
				w.Denial = &access.Denial{ID: "abcd-1", Reason: r, Mend: r.Mend()}
			case "asked":
				w.asked = true
			}
		}
	}
}

// TestTheRareEndingsHaveSentencesToo: those that need a gateway or a daemon in a state that is hard to bring about. The
// golden file is the list of them, to be read as one.
func TestTheRareEndingsHaveSentencesToo(t *testing.T) {
	failed := func(f failedSignIn) func(*walk) { return func(w *walk) { w.SignIn, w.Gate = &f, nil } }
	tests := []struct {
		name   string
		change func(*walk)
		ending string
		exit   int
	}{
		{"the API cannot be reached at first", func(w *walk) {
			w.WithoutToken, w.Gate = &apiAnswer{Problem: "there is no host api.contoso.example"}, nil
		}, "api_unreachable", exitUnknown},
		{"the API cannot be reached any more", func(w *walk) { w.WithToken = &apiAnswer{Problem: "the connection was cut off"} }, "api_unreachable", exitUnknown},
		{"the keys cannot be had", func(w *walk) {
			w.Gate = &explained{Explanation: access.Explanation{Reason: reason.KeysUnavailable, Sentence: "denied, 503 keys_unavailable: the provider's signing keys are not known."}}
		}, "not_judged", exitUnknown},
		{"the daemon gives no answer", func(w *walk) { w.Gate, w.GateProblem = nil, "claimd did not answer within 5m0s" }, "not_judged", exitUnknown},
		{"claimd is switched off", func(w *walk) {
			w.Gate = &explained{Explanation: access.Explanation{Reason: reason.Disabled, Sentence: "denied, 503 disabled: claimd is switched off.\nTo change it: set enabled = true in claimd.toml."}}
			w.WithToken = &apiAnswer{Status: 500}
		}, "refused_by_claimd", exitNo},
		{"no route lets it in", answered(403, "decision=abcd-1", "denial=route"), "request_refused", exitNo},
		{"the original request is not known", answered(403, "decision=abcd-1", "denial=original_request"), "request_refused", exitNo},
		{"the gateway sends another token", answered(401, "decision=abcd-1", "denial=audience"), "judged_otherwise", exitNo},
		{"another claimd refuses", answered(403, "decision=abcd-1", "reason=client", "asked="), "another_claimd", exitNo},
		{"another claimd refuses without a word", answered(403, "decision=abcd-1", "asked="), "another_claimd", exitNo},
		{"no claimd can be asked", answered(403, "decision=abcd-1", "reason=route"), "refused_unseen", exitNo},
		{"the gateway swallows Authorization, unseen", answered(401, "reason=no_token"), "authorization_dropped", exitNo},
		{"a 401 with an error is not that", answered(401, `challenge=Bearer error="invalid_token"`), "claimd_not_asked", exitNo},
		{"claimd cannot know", answered(503, "reason=keys_unavailable", "decision=abcd-1"), "claimd_unavailable", exitUnknown},
		{"it works, but not closed", func(w *walk) { answered(204)(w); w.WithoutToken.Status = 404 }, "works", exitYes},
		{"a redirect to nowhere", answered(304), "api_redirects", exitUnknown},
		{"a browser that never came back", failed(failedSignIn{Kind: signInExpired}), "expired", exitUnknown},
		{"a refusal without a number", failed(failedSignIn{Kind: signInRefused, OAuthError: "invalid_grant"}), "refused_by_entra", exitNo},
		{"a refusal without a word", failed(failedSignIn{Kind: signInRefused}), "refused_by_entra", exitNo},
	}
	var b strings.Builder
	for _, test := range tests {
		w := letIn(test.change)
		if test.ending == "expired" {
			w.Method = methodBrowser
		}
		got := w.ends()
		if got.name != test.ending || got.code != test.exit {
			t.Errorf("%s: want %s and status %d, got %s and %d", test.name, test.ending, test.exit, got.name, got.code)
		}
		fmt.Fprintf(&b, "# %s\n%s\n\n", test.name, sentences(got.text))
	}
	wantGolden(t, "rare", b.String())
}

// TestATokenForAnotherIsNotShownToTheAPI: the API could use it against the one that it is for.
func TestATokenForAnotherIsNotShownToTheAPI(t *testing.T) {
	passed := func(names ...string) *explained {
		e := &explained{}
		for _, name := range names {
			e.Checks = append(e.Checks, reason.Check{Name: name, Passed: true})
		}
		return e
	}
	letIn := passed("opaque_token")
	letIn.Allowed = true
	failed := passed("signature")
	failed.Checks = append(failed.Checks, reason.Check{Name: "audience", Reason: reason.Audience})
	for name, test := range map[string]struct {
		walk walk
		want bool
	}{
		"signature and audience hold": {walk{Gate: passed("signature", "audience")}, true},
		"let in by userinfo":          {walk{Gate: letIn}, true}, // which names no audience
		"another audience":            {walk{Gate: failed}, false},
		"no signature":                {walk{Gate: passed("issuer")}, false},
		"not judged":                  {walk{}, false},
		"not judged to the end":       {walk{Gate: passed("audience"), GateProblem: "no"}, false},
	} {
		if got := test.walk.forThisAPI(); got != test.want {
			t.Errorf("%s: want %v, got %v", name, test.want, got)
		}
	}
}

func TestAddressesAreSafeToOpen(t *testing.T) {
	for address, want := range map[string]bool{
		"https://microsoft.com/devicelogin": true, "http://127.0.0.1:4190/devicelogin": true, "http://localhost/": true, "http://[::1]:80/": true,
		"http://microsoft.com/devicelogin": false, "javascript:alert(1)": false, "https://": false, "": false, "file:///etc/passwd": false,
		"https://user@microsoft.com/": false, "http://127.0.0.1.nip.io/": false, "\x1bhttps://a/": false,
	} {
		if got := safeToOpen(address); got != want {
			t.Errorf("%q: want %v, got %v", address, want, got)
		}
	}
}

func TestWhatEntraSaysIsTakenApart(t *testing.T) {
	tests := map[string]struct {
		refusal refusal
		want    failedSignIn
	}{
		"declined":                    {refusal{Error: "authorization_declined"}, failedSignIn{Kind: signInDeclined, OAuthError: "authorization_declined"}},
		"declined by Microsoft's own": {refusal{Error: "access_denied", Codes: []int{65004}}, failedSignIn{Kind: signInDeclined, OAuthError: "access_denied", Code: 65004}},
		"denied for another cause":    {refusal{Error: "access_denied", Codes: []int{50105}}, failedSignIn{Kind: signInRefused, OAuthError: "access_denied", Code: 50105}},
		"expired":                     {refusal{Error: "expired_token"}, failedSignIn{Kind: signInExpired, OAuthError: "expired_token"}},
		"expired by number":           {refusal{Error: "invalid_grant", Codes: []int{70019}}, failedSignIn{Kind: signInExpired, OAuthError: "invalid_grant", Code: 70019}},
		"a text": {refusal{Error: "invalid_grant", Description: "AADSTS65001: No consent. Trace ID: 1 Correlation ID: 2"},
			failedSignIn{Kind: signInRefused, OAuthError: "invalid_grant", Code: 65001, Description: "AADSTS65001: No consent."}},
	}
	for name, test := range tests {
		if got := *failedBy(test.refusal); got != test.want {
			t.Errorf("%s: want %+v, got %+v", name, test.want, got)
		}
	}
}

// TestTheSecretIsBlottedOut where Entra ID, or what stands in its place, repeats what it was sent.
func TestTheSecretIsBlottedOut(t *testing.T) {
	s := &signIn{secret: "hush"}
	got := s.withoutSecret(&failedSignIn{Description: "the secret hush is wrong", Problem: "hush"})
	if got.Description != "the secret (the secret) is wrong" || got.Problem != "(the secret)" {
		t.Errorf("got %+v", got)
	}
	answer := &apiAnswer{Location: "https://a/?t=aaaaaaaaaa.bbbbbbbbbb.c", Challenges: []string{"Bearer bbbbbbbbbb"}, Reason: "x"}
	answer.blot("aaaaaaaaaa.bbbbbbbbbb.c")
	if answer.Location != "https://a/?t=(the token)" || answer.Challenges[0] != "Bearer (the token)" || answer.Reason != "x" {
		t.Errorf("got %+v", answer)
	}
}

// TestMSALsOwnWordsAreShownOnlyWhereTheyHoldNoToken: its error for an answer that it cannot read quotes the answer.
func TestMSALsOwnWordsAreShownOnlyWhereTheyHoldNoToken(t *testing.T) {
	quoting := errors.New(`json decode error: raw message was: {"access_token": "eyJsecretsecret"`)
	for name, test := range map[string]struct {
		line *tenantLine
		want string
	}{
		"a document":      {&tenantLine{last: exchange{path: "/t/document", status: http.StatusOK}}, "/t/document: issuer does not match"},
		"a token, broken": {&tenantLine{last: exchange{path: "/t/token", status: http.StatusOK}, secret: true}, "/t/token answers in a form that Microsoft's library does not take for Entra ID's"},
	} {
		err := quoting
		if !test.line.secret {
			err = errors.New("issuer does not match")
		}
		if got := test.line.failure(err); got.Kind != signInStrange || got.Problem != test.want {
			t.Errorf("%s: want %q, got %+v", name, test.want, got)
		}
	}
}
