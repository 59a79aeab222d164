package daemon_test

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// audienceAdvisories are the cases about who issued a token, for whom and until when.
func audienceAdvisories() []advisory {
	return []advisory{
		{"CVE-2024-5798", "a prefix of the audience is no audience", prefixOfAudience},
		{"CVE-2023-22482", "a token for a neighbour of the same tenant is for the neighbour", neighboursToken},
		{"CVE-2026-55669", "the issuer's signature says nothing about the audience", audienceBesideSignature},
		{"CVE-2026-40946", "the client id stands in for no audience", clientIsNoAudience},
		{"CVE-2020-26160", "an audience in a list is compared as well", listOfAudiences},
		{"CVE-2026-55689", "without an audience nothing starts", noAudienceConfigured},
		{"CVE-2026-30223", "the audience is compared whatever key verified the token", audienceWithEveryKey},
		{"CVE-2026-42602", "a token for Microsoft's own services opens nothing here", replayedToken},
		{"CVE-2026-24899", "a key that tenants share lets no other tenant in", sharedKey},
		{"CVE-2025-30144", "an issuer in a list is none", listOfIssuers},
		{"CVE-2024-53861", "a part of the issuer is not the issuer", partOfIssuer},
		{"CVE-2026-14336", "what begins like the issuer is not the issuer", beginsLikeIssuer},
		{"GHSA-wxg7-w2v3-w38g", "a token without exp or iat is refused", withoutTimes},
	}
}

// wrongAudiences asks with tokens of contoso whose aud is another.
func (s *stage) wrongAudiences(t *testing.T, version int, want map[string]any) {
	t.Helper()
	mint := func(changes claims) string {
		return s.mint(t, s.contoso, entratest.Request{User: "ada", Version: version, Claims: changes})
	}
	rows := []attempt{{"the right audience", mint(nil), letIn}}
	for name, aud := range want {
		rows = append(rows, attempt{name, mint(claims{"aud": aud}), "401 audience"})
	}
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// Vault's JWT login did not hold the audience against the one that the role is bound to: a token for another audience
// logged in.
func prefixOfAudience(t *testing.T, s *stage) {
	for version := 1; version <= 2; version++ {
		s.wrongAudiences(t, version, map[string]any{
			"one character less": apiApp[:35], "the first group": apiApp[:8], "a character more": apiApp + "0", "a part of it": apiApp[4:],
			"a blank behind": apiApp + " ", "a blank before": " " + apiApp, "two": apiApp + "," + apiApp, "two words": apiApp + " " + apiApp,
			"its beginning as a URI": "api://" + apiApp[:20], "more as a URI": "api://" + apiApp + "/more", "a wildcard": "*", "nothing": "",
			"in braces": "{" + apiApp + "}", "without hyphens": strings.ReplaceAll(apiApp, "-", ""),
		})
	}
}

// Argo CD checked signature and issuer, and not the audience: a token of the same provider for any other service was
// one for Argo CD (GHSA-q9hr-j4rf-8fjc).
func neighboursToken(t *testing.T, s *stage) {
	neighbour := func(version int, api string) string {
		return s.mint(t, s.contoso, entratest.Request{API: api, User: "ada", Version: version, Claims: claims{"groups": []string{"Analysts"}}})
	}
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"for this API", neighbour(2, apiApp), letIn},
			{"for the neighbour", neighbour(2, otherAPIApp), "401 audience"},
			{"for the neighbour, v1.0", neighbour(1, otherAPIApp), "401 audience"},
			{"for an address of this API that is not configured", neighbour(1, apiURI), "401 audience"},
		})
	})
}

// ZITADEL's JWT identity provider did the same: signature and issuer right, aud never looked at (GHSA-g5h5-m4hm-xjrr).
func audienceBesideSignature(t *testing.T, s *stage) {
	s.wrongAudiences(t, 2, map[string]any{
		"absent": nil, "null": jsonNull, "a number": 7, "an object": claims{apiApp: true}, "true": true, "another": otherAPIApp, "empty": "",
	})
}

// Oxia switched its library's check of the audience off, as its client id is no audience (GHSA-fhvp-9hcj-6m33). A
// client that may call does not make a token one for this API.
func clientIsNoAudience(t *testing.T, s *stage) {
	s.wrongAudiences(t, 2, map[string]any{
		"the client": deskApp, "the client and this": []string{deskApp, apiApp}, "this as a URI in v2.0": "api://" + apiApp, "the tenant": contosoTenant,
	})
	token := s.ada(t, claims{"azp": apiApp, "aud": deskApp})
	s.shared(t).ask(t, token).want(t, "audience and client exchanged", "401 audience")
}

// jwt-go by dgrijalva took a list of audiences for an empty string, which passed unless aud was required.
func listOfAudiences(t *testing.T, s *stage) {
	s.shared(t).ask(t, s.ada(t, claims{"aud": []string{apiApp}})).want(t, "a list of the right one", letIn)
	s.wrongAudiences(t, 2, map[string]any{
		"an empty list": []string{}, "a list of another": []string{otherAPIApp}, "of nothing": []string{""}, "of null": []any{nil},
		"with another beside": []string{apiApp, otherAPIApp}, "with another before": []string{otherAPIApp, apiApp},
		"in a list in a list": []any{[]string{apiApp}}, "with a number": []any{apiApp, 7}, "twice": []string{apiApp, apiApp},
	})
}

// OpenFGA compared no audience where none was configured, and started so (GHSA-hcxc-wf8j-23hv). Here the audience is
// application_id, and there is no configuration without.
func noAudienceConfigured(t *testing.T, s *stage) {
	line := `application_id = "` + apiApp + "\"\n"
	const where = "\n  hint: the application (client) ID stands on the app registration's overview page"
	wantFaults(t, []flawed{
		{strings.Replace(soundHead, line, "", 1), "claimd.toml:3: provider.contoso.application_id: is missing" + where},
		{strings.Replace(soundHead, line, "application_id = \"\"\n", 1), "claimd.toml:5: provider.contoso.application_id: want a GUID, got an empty string" + where},
		{strings.Replace(soundHead, line, "application_id = \"*\"\n", 1), "claimd.toml:5: provider.contoso.application_id: want a GUID, got \"*\"" + where},
		{soundHead, ""},
	})
	c := s.own(t, plan{})
	generation := c.generation(t)
	c.write(t, strings.Replace(plan{}.text(s.contoso), line, "", 1))
	if result, err := c.admin.Reload(t.Context()); err != nil || result.OK || result.Generation != generation {
		t.Errorf("a reload without an audience: %+v %v", result, err)
	}
	c.ask(t, s.ada(t, nil)).want(t, "what served before", letIn)
	c.ask(t, s.ada(t, claims{"aud": otherAPIApp})).want(t, "for another", "401 audience")
}

// generation is that of the configuration that serves.
func (c *claimd) generation(t *testing.T) uint64 {
	t.Helper()
	status, err := c.admin.Status(t.Context())
	must(t, err)
	return status.Generation
}

// OliveTin compared the audience of tokens that a fetched key verified, and not where the key was a local one or a
// secret. Here keys come from the provider alone, and no token is verified in another way.
func audienceWithEveryKey(t *testing.T, s *stage) {
	odd := s.oddly(t)
	odd.publish(t, jwkOf(s.key, "second"))
	mint := func(changes claims) string {
		return s.mint(t, odd.Tenant, entratest.Request{User: "ada", Claims: changes})
	}
	by := func(token string) string {
		return rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": "second"}, payloadOf(t, token))
	}
	old := s.mint(t, odd.Tenant, entratest.Request{User: "ada", Version: 1, Claims: claims{"aud": otherAPIApp}})
	odd.claimd.try(t, []attempt{
		{"by the first key", mint(nil), letIn},
		{"by the second key", by(mint(nil)), letIn},
		{"by the first key for another", mint(claims{"aud": otherAPIApp}), "401 audience"},
		{"by the second key for another", by(mint(claims{"aud": otherAPIApp})), "401 audience"},
		{"v1.0 by the second key for another", by(old), "401 audience"},
	})
	for _, key := range []string{"public_key_file", "jwks_file", "jwks_uri", "hmac_key"} {
		wantFaults(t, []flawed{{soundHead + key + " = \"/etc/claimd/key\"\n", "claimd.toml:8: provider.contoso." + key + ": unknown key"}})
	}
}

// OpenTelemetry's azureauth extension compared a caller's token with one that it had got for itself, and verified
// nothing: a token for any resource that the caller could name was let in, and replayed (GHSA-pjv4-3c63-699f).
func replayedToken(t *testing.T, s *stage) {
	const graph, arm = "00000003-0000-0000-c000-000000000000", "https://management.azure.com/"
	v1 := func(aud string) string {
		return s.mint(t, s.contoso, entratest.Request{User: "ada", Version: 1, Claims: claims{"aud": aud}})
	}
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"for this API", v1("api://" + apiApp), letIn},
			{"for Graph", v1("https://graph.microsoft.com"), "401 graph_token"},
			{"for Graph by its id", s.ada(t, claims{"aud": graph}), "401 graph_token"},
			{"for Graph, with its nonce", s.mint(t, s.contoso, entratest.Request{User: "ada", Header: claims{"nonce": "x"}}), "401 graph_token"},
			{"for Azure Resource Manager", v1(arm), "401 audience"},
			{"for Azure Storage", v1("https://storage.azure.com/"), "401 audience"},
			{"for Azure Monitor", v1("https://monitor.azure.com"), "401 audience"},
			{"the daemon's address as the audience", v1(s.shared(t).gate), "401 audience"},
		})
	})
}

// Fleet verified with the keys that all of Microsoft's tenants share, and looked at neither iss nor aud: a token of any
// tenant in the world enrolled devices (GHSA-ffg9-j72f-j6xm). Here all tokens are signed with the tenant's own key.
func sharedKey(t *testing.T, s *stage) {
	foreign := strings.ReplaceAll(s.contoso.Issuer(2), contosoTenant, fabrikamTenant)
	s.quietly(t, func() {
		s.shared(t).judge(t, []verdict{
			{"this tenant's", nil, letIn},
			{"another tenant's", claims{"iss": foreign, "tid": fabrikamTenant}, "401 issuer"},
			{"another issuer", claims{"iss": foreign}, "401 issuer"},
			{"another tid", claims{"tid": fabrikamTenant}, "401 tenant"},
			{"no issuer", claims{"iss": nil}, "401 issuer"},
			{"the template of all tenants", claims{"iss": s.contoso.URL() + "/{tenantid}/v2.0"}, "401 issuer"},
			{"common", claims{"iss": s.contoso.URL() + "/common/v2.0"}, "401 issuer"},
			{"personal accounts", claims{"iss": s.contoso.URL() + "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"}, "401 issuer"},
			{"another audience", claims{"aud": otherAPIApp}, "401 audience"},
			{"right scopes help nobody", claims{"iss": foreign, "tid": fabrikamTenant, "scp": readWrite, "aud": otherAPIApp}, "401 issuer"},
		})
	})
}

// fast-jwt took a list for iss where one member was right, and the application then read another.
func listOfIssuers(t *testing.T, s *stage) {
	right, wrong := s.contoso.Issuer(2), "https://stranger.invalid/"
	rows := []verdict{{"a string", nil, letIn}}
	for _, iss := range []any{[]string{right, wrong}, []string{wrong, right}, []string{right}, claims{"0": right}, jsonNull, 7, true} {
		rows = append(rows, verdict{"no string", claims{"iss": iss}, "401 issuer"})
	}
	s.quietly(t, func() { s.shared(t).judge(t, rows) })
}

// PyJWT 2.10.0 looked whether iss is contained in the wanted issuer, as a part is in a text:
// any part of it passed.
func partOfIssuer(t *testing.T, s *stage) {
	right := s.contoso.Issuer(2)
	rows := []verdict{{"the whole", nil, letIn}}
	for _, iss := range []string{"", "/", "h", "http", right[:len(right)-1], right[1:], contosoTenant, s.contoso.URL(), s.contoso.URL() + "/" + contosoTenant, "v2.0"} {
		rows = append(rows, verdict{"the part " + iss, claims{"iss": iss}, "401 issuer"})
	}
	s.quietly(t, func() { s.shared(t).judge(t, rows) })
}

// The Eclipse Foundation's Project Identity Authority took every issuer that begins like one it trusts, and fetched the
// keys from there: https://ci.eclipse.org@evil.host signed for anybody.
func beginsLikeIssuer(t *testing.T, s *stage) {
	right, host := s.contoso.Issuer(2), strings.TrimPrefix(s.trap.URL, "http://")
	rows := []verdict{{"the issuer", nil, letIn}}
	for _, iss := range []string{
		s.contoso.URL() + "@" + host + "/" + contosoTenant + "/v2.0", right + "@" + host, right + ".evil.example", right + "/../", right + "#", right + "?x",
		strings.Replace(right, "http://", "http://"+host+"@", 1), s.trap.URL + "/" + contosoTenant + "/v2.0", right + "\x00", right + "%00",
	} {
		rows = append(rows, verdict{"iss " + iss, claims{"iss": iss}, "401 issuer"})
	}
	s.quietly(t, func() { s.shared(t).judge(t, rows) })
}

// ZITADEL's JWT identity provider checked exp and iat where they were there: a token without them was valid for ever.
func withoutTimes(t *testing.T, s *stage) {
	s.quietly(t, func() {
		s.shared(t).judge(t, []verdict{
			{"with all", nil, letIn},
			{"no exp", claims{"exp": nil}, "401 missing_claim"},
			{"no iat", claims{"iat": nil}, "401 missing_claim"},
			{"no nbf", claims{"nbf": nil}, "401 missing_claim"},
			{"none of them", claims{"exp": nil, "iat": nil, "nbf": nil}, "401 missing_claim"},
			{"exp null", claims{"exp": jsonNull}, "401 malformed"},
			{"iat null", claims{"iat": jsonNull}, "401 malformed"},
			{"exp empty", claims{"exp": ""}, "401 malformed"},
			{"exp false", claims{"exp": false}, "401 malformed"},
			{"exp 0", claims{"exp": 0, "iat": 0, "nbf": 0}, "401 expired"},
		})
	})
}
