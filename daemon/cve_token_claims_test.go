package daemon_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// claimAdvisories are the cases about how claims are read, and what of them reaches others.
func claimAdvisories() []advisory {
	return []advisory{
		{"CVE-2026-27896", "a name in another case is not the name", foldedNames},
		{"GHSA-q382-vc8q-7jhj", "a name with a NUL behind it is another name", nulNames},
		{"CVE-2026-55076", "no claim is bent into the type it should have", coercedClaims},
		{"CVE-2026-32301", "no claim ever stands in an address that is fetched", claimsInAddresses},
		{"CVE-2026-40945", "a token never stands in the log, at debug level neither", tokenInDebugLog},
		{"GHSA-prh4-vhfh-24mj", "a secret in the configuration reaches no log and no status", secretInLog},
		{"CVE-2026-41164", "a signed document of another kind is no access token", otherKindsOfJWT},
		{"CVE-2026-58425", "a token of another client tells that client nothing", otherClientsToken},
	}
}

// The Go SDK of MCP read JSON with encoding/json, which takes names in any case: what a proxy in front had judged by
// one name, it took from another (GHSA-wvj2-96wp-fq3f).
func foldedNames(t *testing.T, s *stage) {
	payload := string(s.payload(t, nil))
	with := func(members string) string {
		return s.mint(t, s.contoso, entratest.Request{User: "ada", RawPayload: []byte(strings.Replace(payload, "{", "{"+members+",", 1))})
	}
	rows := []attempt{{"as it is", with(`"x":1`), letIn}}
	for _, name := range []string{"Aud", "ISS", "Exp", "NBF", "Iat", "SUB", "Tid", "OID", "Ver", "AZP", "appId", "Scp", "idTyp", "_Claim_Names", "hasGroups"} {
		rows = append(rows, attempt{name, with(`"` + name + `":"x"`), "401 malformed"})
	}
	rows = append(rows,
		attempt{"the long s", with("\"i\u017fs\":\"x\""), "401 malformed"},
		attempt{"the long s, escaped", with(`"\u017fcp":"admin"`), "401 malformed"},
		attempt{"GROUPS are no groups", s.ada(t, claims{"groups": nil, "GROUPS": []string{"Analysts"}}), "403 no_group"},
		attempt{"nor do Groups beside groups add any", s.ada(t, claims{"Groups": []string{"Operators"}}), letIn})
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// Its next parser took a name that ends in a NUL for the name without, and of two the last.
func nulNames(t *testing.T, s *stage) {
	payload := string(s.payload(t, nil))
	with := func(members string) string { // behind all others, where the last one would win
		return s.mint(t, s.contoso, entratest.Request{User: "ada", RawPayload: []byte(strings.TrimSuffix(payload, "}") + "," + members + "}")})
	}
	c := s.shared(t)
	s.quietly(t, func() {
		a := c.ask(t, with(`"oid\u0000":"`+blockedObject+`","groups\u0000":["Operators"],"aud\u0000":"x","exp\u0000":1,"hasgroups\u0000":true`))
		a.want(t, "names with a NUL", letIn)
		a.wantHeader(t, "Remote-User", adaObject)
		c.ask(t, with(`"oid":"`+blockedObject+`"`)).want(t, "the name itself, twice", "401 malformed")
		c.ask(t, with(`"\u006fid":"`+blockedObject+`"`)).want(t, "the name itself, escaped", "401 malformed")
		c.ask(t, with("\"oid\x00\":1")).want(t, "a NUL that is not escaped", "401 malformed")
		c.ask(t, s.ada(t, claims{"groups": nil, "groups\x00": []string{"Analysts"}})).want(t, "groups with a NUL alone", "403 no_group")
	})
}

// Coder asked whether email_verified is the bool false, so the string "false", 0 and nothing at all were true
// (GHSA-75vm-6w67-gwvp).
func coercedClaims(t *testing.T, s *stage) {
	rows := []verdict{
		{"as Entra writes them", nil, letIn},
		{"oid as a number", claims{"oid": 7}, "401 claim_type"},
		{"exp as text", claims{"exp": "99999999999"}, "401 malformed"},
		{"ver as a number", claims{"ver": 2}, "401 version"},
		{"scp as a list", claims{"scp": []string{readWrite}}, "401 id_token"},
		{"azp as a list", claims{"azp": []string{deskApp}}, "401 claim_type"},
		{"groups as a number", claims{"groups": 7}, "401 claim_type"},
		{"groups as an object", claims{"groups": claims{"Analysts": true}}, "401 claim_type"},
		{"a group as a bool", claims{"groups": []any{"Analysts", true}}, "401 claim_type"},
		{"hasgroups as text", claims{"hasgroups": "false"}, "403 groups_overage"},
		{"hasgroups as a number", claims{"hasgroups": 0}, "403 groups_overage"},
		{"the overage marker as text", claims{"_claim_names": "groups"}, "403 groups_overage"},
		{"acct as text", claims{"acct": "1"}, letIn},
	}
	for _, verified := range []any{"false", false, 0, nil, jsonNull, "0", []string{"false"}} {
		rows = append(rows, verdict{"email_verified changes nothing", claims{"email_verified": verified}, letIn})
	}
	s.quietly(t, func() { s.shared(t).judge(t, rows) })
	for _, admin := range []any{"true", true, 1, []any{true}, claims{"is_admin": true}, "IS_ADMIN"} {
		c := s.claimd(t, plan{claims: `admin = "boss"`})
		c.ask(t, s.ada(t, claims{"boss": admin})).want(t, "an admin claim of another type or value", letIn)
	}
	s.claimd(t, plan{claims: `admin = "boss"`}).ask(t, s.ada(t, claims{"boss": "is_admin"})).want(t, "the admin claim", letInBoss)
}

// Centrifugo built the address of the key set from iss and aud of a token that nobody had verified yet: whoever sent a
// token chose where its key is fetched (GHSA-j77h-rr39-c552).
func claimsInAddresses(t *testing.T, s *stage) {
	host := strings.TrimPrefix(s.trap.URL, "http://")
	rows := []attempt{{"signed", s.ada(t, nil), letIn}}
	for _, text := range []string{s.trap.URL, "@" + host, "../" + host, host + "/#", contosoTenant + "/../../" + host, contosoTenant + "@" + host, "%2e%2e/" + host, contosoTenant + "?x=" + host} {
		for claim, want := range map[string]string{"iss": "401 issuer", "tid": "401 tenant", "ver": "401 version", "aud": "401 audience"} {
			signed := s.ada(t, claims{claim: text})
			rows = append(rows, attempt{claim + " " + text, signed, want})
			if claim == "aud" { // is compared once the signature holds
				want = "401 signature"
			}
			forged := rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}, payloadOf(t, signed))
			rows = append(rows, attempt{"forged, " + claim + " " + text, forged, want})
		}
	}
	rows = append(rows, attempt{"endpoints of distributed claims",
		s.ada(t, claims{"_claim_names": claims{"groups": "src1"}, "_claim_sources": claims{"src1": claims{"endpoint": s.trap.URL}}}), "403 groups_overage"})
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// Oxia wrote the whole token to the log at debug level when it was refused: who read the log was the user
// (GHSA-pm7q-rjjx-979p).
func tokenInDebugLog(t *testing.T, s *stage) {
	c := s.own(t, plan{more: "[log]\nlevel = \"debug\"\n"})
	tokens := []string{
		s.ada(t, nil), s.ada(t, claims{"aud": otherAPIApp}), s.ada(t, claims{"exp": 1}), s.ada(t, claims{"groups": nil}),
		alter(s.ada(t, nil)), s.mint(t, s.fabrikam, entratest.Request{User: "ada"}), "opaque" + strings.Repeat("token", 20),
	}
	for i, want := range []string{letIn, "401 audience", "401 expired", "403 no_group", "401 signature", "401 issuer", "401 opaque_token"} {
		c.ask(t, tokens[i]).want(t, "a token", want)
	}
	text, err := json.Marshal(c.everythingLogged())
	must(t, err)
	if !strings.Contains(string(text), "audience") {
		t.Fatal("the log does not even tell of the refusal")
	}
	for _, token := range tokens {
		for start := 0; start+24 <= len(token); start += 12 {
			if piece := token[start : start+24]; strings.Contains(string(text), piece) {
				t.Errorf("the log holds %q of a token", piece)
			}
		}
	}
}

// everythingLogged gives messages and fields.
func (c *claimd) everythingLogged() (lines []any) {
	for _, entry := range c.logs.All() {
		lines = append(lines, entry.Message, entry.ContextMap())
	}
	return lines
}

// Harbor wrote the whole configuration to its audit log when it changed, the OIDC secret with it.
func secretInLog(t *testing.T, s *stage) {
	const secret = "nachtigall-in-the-config"
	c := s.own(t, plan{})
	c.write(t, plan{provider: `client_secret = "` + secret + `"`}.text(s.contoso))
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if result.OK || len(result.Faults) == 0 {
		t.Fatalf("a secret where none belongs is to be refused: %+v", result)
	}
	status, err := c.admin.Status(t.Context())
	must(t, err)
	text, err := json.Marshal([]any{c.everythingLogged(), result, status})
	must(t, err)
	if !strings.Contains(string(text), "client_secret") || strings.Contains(string(text), secret[:10]) {
		t.Errorf("want the key named and its value not: %s", text)
	}
	c.ask(t, s.ada(t, nil)).want(t, "what served before", letIn)
}

// nuts-node took every JWT that a known key had signed for an access token: a presentation that somebody had shown to
// it was replayed as one (GHSA-9hmg-827w-9rhj).
func otherKindsOfJWT(t *testing.T, s *stage) {
	typed := func(typ any) string {
		return s.mint(t, s.contoso, entratest.Request{User: "ada", Header: claims{"typ": typ}})
	}
	rows := []attempt{{"an access token", s.ada(t, nil), letIn}, {"at+jwt", typed("at+jwt"), letIn}}
	for _, typ := range []any{"vp+jwt", "vc+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", "id_token", "JWT ", "", nil, 7} {
		rows = append(rows, attempt{"another typ", typed(typ), "401 malformed"})
	}
	rows = append(rows,
		attempt{"a presentation", s.ada(t, claims{"vp": claims{"type": "VerifiablePresentation"}, "azp": nil, "scp": nil}), "401 missing_claim"},
		attempt{"an ID token", s.ada(t, claims{"azp": nil, "scp": nil, "nonce": "n"}), "401 id_token"},
		attempt{"an ID token with a client", s.ada(t, claims{"scp": nil, "nonce": "n"}), "401 id_token"},
		attempt{"a logout token", s.ada(t, claims{"azp": nil, "scp": nil, "events": claims{}}), "401 missing_claim"},
		attempt{"another kind of caller", s.ada(t, claims{"idtyp": "device"}), "401 id_token"})
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// Gitea's introspection told any client whose token it was that the client had laid hands on, issued to another client
// (GHSA-vxv2-8j6r-pcpg). claimd tells nothing of a token that it does not let in.
func otherClientsToken(t *testing.T, s *stage) {
	c := s.shared(t)
	foreign := s.mint(t, s.contoso, entratest.Request{User: "ada", Client: rogueApp})
	c.ask(t, foreign).want(t, "/auth", "403 client")
	a := fetch(t, http.MethodGet, c.gate+"/whoami", http.Header{"Authorization": {"Bearer " + foreign}})
	a.want(t, "/whoami", "403 client")
	for _, told := range []string{adaObject, rogueApp, deskApp, "contoso", "Analysts", "Lovelace"} {
		for name, values := range a.header {
			if strings.Contains(strings.Join(values, " "), told) {
				t.Errorf("%s tells %q", name, told)
			}
		}
		if strings.Contains(a.body, told) {
			t.Errorf("the body tells %q: %s", told, a.body)
		}
	}
	if got := c.whoami(t, s.ada(t, nil)); got["user"] != adaObject || got["client_application_id"] != deskApp {
		t.Errorf("whoami of the client's own token: %v", got)
	}
}
