package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

// TestClaimctlAndTheDaemonGiveTheSameVerdict: a test that passes while the gate refuses is worth nothing. Each token goes
// three ways: claimctl alone, the daemon's explanation, and the daemon's answer to a gateway.
func TestClaimctlAndTheDaemonGiveTheSameVerdict(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{config: func(text string) string {
		text = strings.Replace(text, "\n[groups]", "required_scopes = [\"platform.read-write\"]\nguests = \"deny\"\n\n[groups]", 1)
		return text + "\n[[user]]\nid = \"18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6\"\nblocked = true\n"
	}})
	for name, test := range tokensOfEveryKind() {
		t.Run(name, func(t *testing.T) {
			token := test.altered
			if token == nil {
				token = func(token string) string { return token }
			}
			minted, err := s.tenant.Mint(test.request)
			if err != nil {
				t.Fatal(err)
			}
			s.wantSameVerdict(t, token(minted), test.want)
		})
	}
}

// wantSameVerdict judges the token in all ways and compares them.
func (s *site) wantSameVerdict(t *testing.T, token string, want reason.Reason) {
	t.Helper()
	tool := &tool{configPath: s.config, socketPath: s.folder + "/admin.sock", stderr: new(bytes.Buffer), now: time.Now()}
	alone, err := tool.explainAlone(t.Context(), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	daemons, err := tool.client().Explain(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for way, e := range map[string]access.Explanation{"claimctl": alone, "the daemon": daemons} {
		if e.Reason != want || e.Allowed != (want == reason.None) {
			t.Errorf("%s: want %q, got %q: %s", way, want, e.Reason, e.Sentence)
		}
	}
	if got, want := facts(t, alone), facts(t, daemons); got != want {
		t.Errorf("the explanations differ\nclaimctl   %s\nthe daemon %s", got, want)
	}
	if got := s.decided(t, token); got != want {
		t.Errorf("the gateway: want %q, got %q", want, got)
	}
}

// facts are what both explanations must have in common; times and generation are each one's own.
func facts(t *testing.T, e access.Explanation) string {
	t.Helper()
	type verdict struct {
		Name   string
		Passed bool
		Reason reason.Reason
	}
	var checks []verdict
	for _, c := range e.Checks {
		checks = append(checks, verdict{c.Name, c.Passed, c.Reason})
	}
	text, err := json.Marshal([]any{checks, e.Values, e.Claims, e.Identity, e.Headers, e.Provider})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decided gives the reason of the daemon's answer to a gateway; None = let in.
func (s *site) decided(t *testing.T, token string) reason.Reason {
	t.Helper()
	answer, err := s.ask(context.Background(), http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return reason.None
	}
	var body struct{ Reason reason.Reason }
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body.Reason
}

// judged is one token of the shared table.
type judged struct {
	request entratest.Request
	altered func(string) string // nil = as it was minted
	want    reason.Reason
}

// tokensOfEveryKind is at least one token for each reason that a token alone can bring.
func tokensOfEveryKind() map[string]judged {
	user := func(claims map[string]any) entratest.Request {
		return entratest.Request{User: "reader", Claims: claims}
	}
	header := func(members map[string]any) entratest.Request {
		return entratest.Request{User: "reader", Header: members}
	}
	now := time.Now()
	return map[string]judged{
		"a reader":                  {user(nil), nil, reason.None},
		"a reader with v1.0":        {entratest.Request{User: "reader", Version: 1}, nil, reason.None},
		"an app of its own":         {entratest.Request{Client: exportApp}, nil, reason.None},
		"a blank inside":            {user(nil), func(token string) string { return token[:20] + " " + token[20:] }, reason.InvalidRequest},
		"cut":                       {user(nil), func(token string) string { return token[:len(token)/2] }, reason.Malformed},
		"opaque":                    {user(nil), func(string) string { return "0.AXYAabcdefgh" }, reason.OpaqueToken},
		"a header with crit":        {header(map[string]any{"crit": []string{"exp"}}), nil, reason.Malformed},
		"an issuer twice":           {entratest.Request{User: "reader", RawPayload: []byte(`{"iss":"a","iss":"b"}`)}, nil, reason.Malformed},
		"HS256":                     {header(map[string]any{"alg": "HS256"}), nil, reason.Algorithm},
		"none":                      {header(map[string]any{"alg": "none"}), nil, reason.Algorithm},
		"no key id":                 {header(map[string]any{"kid": nil}), nil, reason.Key},
		"an unknown key id":         {header(map[string]any{"kid": "nobody"}), nil, reason.Key},
		"another signature":         {user(nil), func(token string) string { return token[:len(token)-8] + "AAAAAAAA" }, reason.Signature},
		"for Graph":                 {user(map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}), nil, reason.GraphToken},
		"with Graph's nonce":        {header(map[string]any{"nonce": "x"}), nil, reason.GraphToken},
		"another issuer":            {user(map[string]any{"iss": "https://sts.windows.net/5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3/"}), nil, reason.Issuer},
		"another tenant":            {user(map[string]any{"tid": "6f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"}), nil, reason.Tenant},
		"another version":           {user(map[string]any{"ver": "1.0"}), nil, reason.Version},
		"for another API":           {entratest.Request{User: "reader", API: otherAPI}, nil, reason.Audience},
		"an audience of two":        {user(map[string]any{"aud": []string{"a", "b"}}), nil, reason.Audience},
		"expired":                   {entratest.Request{User: "reader", Issued: now.Add(-3 * time.Hour), Lifetime: time.Hour}, nil, reason.Expired},
		"of tomorrow":               {entratest.Request{User: "reader", Issued: now.Add(24 * time.Hour)}, nil, reason.NotYetValid},
		"of a month":                {entratest.Request{User: "reader", Lifetime: 720 * time.Hour}, nil, reason.Lifetime},
		"an ID token":               {user(map[string]any{"azp": nil, "nonce": "x"}), nil, reason.IDToken},
		"no client":                 {user(map[string]any{"azp": nil}), nil, reason.MissingClaim},
		"no user id":                {user(map[string]any{"oid": nil}), nil, reason.MissingClaim},
		"a user id of another form": {user(map[string]any{"oid": "ada"}), nil, reason.ClaimType},
		"groups of another form":    {user(map[string]any{"groups": 7}), nil, reason.ClaimType},
		"an unlisted client":        {entratest.Request{User: "reader", Client: strangeApp}, nil, reason.Client},
		"an app without account":    {entratest.Request{Client: deskApp}, nil, reason.UnknownServiceAccount},
		"no scope":                  {user(map[string]any{"scp": "other"}), nil, reason.Scope},
		"a guest":                   {entratest.Request{User: "guest"}, nil, reason.Guest},
		"a blocked user":            {entratest.Request{User: "administrator"}, nil, reason.UserInactive},
		"in too many groups":        {entratest.Request{User: "collector"}, nil, reason.GroupsOverage},
		"in no local group":         {entratest.Request{User: "stranger"}, nil, reason.NoGroup},
	}
}
