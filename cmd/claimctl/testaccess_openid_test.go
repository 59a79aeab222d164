package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/oidctest"
)

// TestAPersonSignsInAtAnotherProvider: the whole way by each method at the npm package oidc-provider.
func TestAPersonSignsInAtAnotherProvider(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, oidctest.Settings{Slash: true, Claims: map[string]any{"groups": []string{"Analysts", "Others"}}})
	s := newOpenIDSite(t, p.Issuer)
	resource := []string{"--resource", oidctest.JWTResource, "--api-url", s.api("/")}
	secret := s.write(t, "service.secret", p.Service.Secret+"\n")
	window := func(term *terminal) { p.Browse(t, term.await(t, `(http://127\.0\.0\.1:\d+/auth\?\S+)`), "ada") }
	for name, test := range map[string]struct {
		args   []string
		person func(*terminal)
		exit   int
	}{
		"openid_device":  {append([]string{"--client-id", "desk"}, resource...), entersCode(t, p, "ada"), exitYes},
		"openid_browser": {append([]string{"--client-application-id", "window", "--method", "browser"}, resource...), window, exitYes},
		// claimd has service accounts of Entra ID alone.
		"openid_credentials": {append([]string{"--client-id", "service", "--method", "client-credentials", "--client-secret-file", secret}, resource...), nil, exitNo},
		// Without a resource this provider gives an opaque token, for which it takes no scope of an API.
		"openid_opaque":          {[]string{"--client-id", "window", "--method", "browser", "--scope", "openid", "--api-url", s.api("/")}, window, exitNo},
		"openid_unknown_client":  {append([]string{"--client-id", "nobody"}, resource...), nil, exitNo},
		"openid_no_device_grant": {append([]string{"--client-id", "window"}, resource...), nil, exitNo},
		"openid_wrong_secret": {append([]string{"--client-id", "service", "--method", "client-credentials",
			"--client-secret-file", s.write(t, "wrong.secret", "another secret")}, resource...), nil, exitNo},
		"openid_wrong_audience": {append([]string{"--client-id", "window", "--method", "browser"}, strings.Split("--resource urn:contoso:other --api-url "+s.api("/"), " ")...), window, exitNo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			screen, raw, exit := s.run(t, "", test.person, test.args...)
			if exit != test.exit {
				t.Errorf("want exit status %d, got %d", test.exit, exit)
			}
			wantNoSecret(t, raw, p.Service.Secret, "another secret")
			wantGolden(t, name, s.settle(screen))
		})
	}
}

// TestAPersonSignsInAtGlewlwyd, with a client that proves itself by a secret to ask for a device code.
func TestAPersonSignsInAtGlewlwyd(t *testing.T) {
	t.Parallel()
	g := oidctest.StartGlewlwyd(t, "RS256")
	s := newOpenIDSite(t, g.Issuer)
	secret := s.write(t, "gate.secret", g.ResourceServer.Secret)
	person := func(term *terminal) { g.EnterCode(t, term.code(t)) }
	screen, raw, exit := s.run(t, "", person, "--client-id", g.ResourceServer.ID, "--client-secret-file", secret, "--scope", oidctest.Scope,
		"--api-url", s.api("/"), "--json")
	wantNoSecret(t, raw, g.ResourceServer.Secret)
	var facts struct {
		Issuer, Scope, Ending, Token string
		Tenant                       *string `json:"tenant_id"`
		Gate                         explained
	}
	_, object, _ := strings.Cut(screen, "{") // what to do stands before it
	if err := json.Unmarshal([]byte("{"+object), &facts); err != nil {
		t.Fatalf("%v:\n%s", err, screen)
	}
	if exit != exitYes || facts.Ending != "works" || facts.Issuer != g.Issuer || facts.Scope != oidctest.Scope || facts.Token != "" || facts.Tenant != nil {
		t.Errorf("want exit status 0 and works, got %d:\n%s", exit, screen)
	}
	for want, args := range map[string][]string{
		", invalid_client: it does not know the client service, or does not take its secret.": {"--client-secret-file", s.write(t, "wrong.secret", "notTheSecret")},
		": scope_invalid.": { // a word of its own; RFC 6749 has invalid_scope
			"--client-secret-file", s.write(t, "service.secret", g.Service.Secret), "--scope", "reports.write"},
	} {
		screen, raw, exit := s.run(t, "", nil, append(args, "--client-id", g.Service.ID, "--method", "client-credentials", "--api-url", s.api("/"))...)
		wantNoSecret(t, raw, "notTheSecret", g.Service.Secret)
		if closing := strings.ReplaceAll(screen, "\n  ", " "); exit != exitNo || !strings.Contains(closing, "\nThe provider gives no token"+want) {
			t.Errorf("want exit status 1 and %q, got %d:\n%s", want, exit, screen)
		}
	}
}
