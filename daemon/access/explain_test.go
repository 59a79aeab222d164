package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

const letIn = "After that it is let in: user " + reader + " of provider contoso; groups: Analysts; roles: none; no administrator."

// The closing sentence is what an administrator acts on: every word of it counts.
func TestTheClosingSentenceTellsWhatToChangeAndWhere(t *testing.T) {
	hourAgo := time.Unix(1_800_000_000, 0).Add(-time.Hour)
	for _, c := range []struct {
		story  string
		change func(*config.Config)
		token  entratest.Request
		want   string
	}{
		{"let in", nil, entratest.Request{User: "reader"},
			"let in: user " + reader + " of provider contoso; groups: Analysts; roles: none; no administrator."},
		{"a service account, let in", func(c *config.Config) {
			c.Roles = []config.Local{{Name: "export"}}
			c.ServiceAccounts = []config.ServiceAccount{{
				Provider: "contoso", ObjectID: exportObject, ApplicationID: exportApp, Groups: []string{"Analysts"}, Roles: []string{"export"}, Active: true,
			}}
		}, entratest.Request{Client: exportApp},
			"let in: service account " + exportObject + " of provider contoso; groups: Analysts; roles: export; no administrator."},
		{"an administrator, let in", func(c *config.Config) { c.Providers[0].AdminGroup = analysts }, entratest.Request{User: "reader"},
			"let in: user " + reader + " of provider contoso; groups: Analysts; roles: none; an administrator."},
		{"a group that is not declared", nil, entratest.Request{User: "stranger"}, `denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" holds "` + visitors + `", which names no local group.
To change it: declare "` + visitors + `" under [groups].
For example:

# under [groups]
` + visitors + ` = ""
`},
		{"groups of which none is declared", nil,
			entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{`CONTOSO\Team A`, "b", "c", "d", "e"}}},
			`denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" holds 5 values, and none of them names a local group.
To change it: declare one of them under [groups], or assign the user to a group that is declared.
For example:

# under [groups]
'CONTOSO\Team A' = ""
b = ""
c = ""
`},
		{"two groups, one of them nearly the administrators'", func(c *config.Config) { c.Providers[0].AdminGroup = "Admins" },
			entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{"admins", "b"}}},
			`denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" holds 2 values, and none of them names a local group.
To change it: declare one of them under [groups], or assign the user to a group that is declared.
For example:

# under [groups]
admins = ""
b = ""
`},
		{"a near miss by case", func(c *config.Config) { c.Groups = []config.Local{{Name: "Analysts"}} },
			entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{"a", "analysts"}}},
			`denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" holds 2 values, and none of them names a local group.
To change it: "analysts" differs from "Analysts" of the local group "Analysts" only by case: spell it under [groups] exactly as the token does, or set case_sensitive = false under [mapping].`},
		{"a near miss by blanks", func(c *config.Config) { c.Groups = []config.Local{{Name: "Ops", Values: []string{"Team A"}}} },
			entratest.Request{User: "reader", Claims: map[string]any{"groups": "Team A "}},
			`denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" holds "Team A ", which names no local group.
To change it: "Team A " differs from "Team A" of the local group "Ops" only by blanks: spell it under [groups] exactly as the token does.`},
		{"no groups claim", nil, entratest.Request{User: "reader", Claims: map[string]any{"groups": nil}},
			`denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" is not in the token.
To change it: emit groups in the access token (groupMembershipClaims in the API's app registration, section accessToken), and assign the user to one that is declared.`},
		{"an empty groups claim", nil, entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{}}},
			`denied, 403 no_group: nothing in the token names a local group.
Why: the claim "groups" is empty.
To change it: emit groups in the access token (groupMembershipClaims in the API's app registration, section accessToken), and assign the user to one that is declared.`},
		{"claims.groups switched off", func(c *config.Config) { c.Providers[0].Claims.Groups = "" }, entratest.Request{User: "reader"},
			`denied, 403 no_group: nothing in the token names a local group.
Why: claims.groups is switched off, so only default_groups and [[user]] give groups.
To change it: set groups under [provider.contoso.claims], or add groups at a [[user]] with id "` + reader + `".`},
		{"a client that is not listed", nil, entratest.Request{User: "reader", Client: exportApp},
			`denied, 403 client: the calling application is not allowed to call.
Why: wanted one of client_application_ids of [provider.contoso]: ` + desktopApp + `, got the application ` + exportApp + `.
To change it: if this application may call, add "` + exportApp + `" to client_application_ids under [provider.contoso].
` + letIn},
		{"a service that is not known", func(c *config.Config) { c.Providers[0].ClientApplicationIDs = []string{exportApp} },
			entratest.Request{Client: exportApp},
			`denied, 403 unknown_service_account: an application calls with a token of its own and is no service account.
Why: the application ` + exportApp + ` calls with a token of its own, and no [[service_account]] has its object ID ` + exportObject + `.
To change it: add a [[service_account]] with object_id = "` + exportObject + `" (the object ID shown under Enterprise applications) and the groups it is to have.
For example:

[[service_account]]
provider = "contoso"
object_id = "` + exportObject + `"
name = "what this application does"
groups = ["Analysts"]
`},
		{"a service that is neither known nor listed", nil, entratest.Request{Client: exportApp},
			`denied, 403 client: the calling application is not allowed to call.
Why: wanted one of client_application_ids of [provider.contoso]: ` + desktopApp + `, got the application ` + exportApp + `.
To change it: if this application may call, add "` + exportApp + `" to client_application_ids under [provider.contoso], or name it as application_id of a [[service_account]] with object_id = "` + exportObject + `".
After that: 403 unknown_service_account: an application calls with a token of its own and is no service account.
Why: the application ` + exportApp + ` calls with a token of its own, and no [[service_account]] has its object ID ` + exportObject + `.
To change it: add a [[service_account]] with object_id = "` + exportObject + `" (the object ID shown under Enterprise applications) and the groups it is to have.
For example:

[[service_account]]
provider = "contoso"
object_id = "` + exportObject + `"
application_id = "` + exportApp + `"
name = "what this application does"
groups = ["Analysts"]
`},
		{"missing scopes", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write", "b"} },
			entratest.Request{User: "reader"}, `denied, 403 scope: the token lacks a required scope.
Why: scp holds platform.read-write; missing: b.
To change it: let the client ask for api://` + apiID + `/b, and consent to it in the tenant; or take it out of required_scopes under [provider.contoso].
` + letIn},
		{"a guest", func(c *config.Config) { c.Providers[0].Guests = config.GuestsDeny }, entratest.Request{User: "guest"},
			`denied, 403 guest: guests of the tenant are not let in.
Why: acct or idp marks the user as a guest, and [provider.contoso] has guests = "deny".
To change it: set guests = "allow" under [provider.contoso] to let guests in.
` + strings.Replace(letIn, reader, "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8", 1)},
		{"a blocked user", func(c *config.Config) { c.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}} },
			entratest.Request{User: "reader"}, `denied, 403 user_inactive: the user or service account is switched off, or not invited.
Why: the [[user]] with id "` + reader + `" has blocked = true.
To change it: set blocked = false at that [[user]].
` + letIn},
		{"a user who is blocked by object ID where claims.user names another claim", func(c *config.Config) {
			c.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}}
			c.Providers[0].Claims.User = "email"
		}, entratest.Request{User: "reader"}, `denied, 403 user_inactive: the user or service account is switched off, or not invited.
Why: the [[user]] with id "` + reader + `" has blocked = true.
To change it: set blocked = false at that [[user]].
` + strings.Replace(letIn, reader, "ada@contoso.example", 1)},
		{"a user who is blocked by what claims.user names", func(c *config.Config) {
			c.Users = []config.User{{Provider: "contoso", ID: "ada@contoso.example", Blocked: true}}
			c.Providers[0].Claims.User = "email"
		}, entratest.Request{User: "reader"}, `denied, 403 user_inactive: the user or service account is switched off, or not invited.
Why: the [[user]] with id "ada@contoso.example" has blocked = true.
To change it: set blocked = false at that [[user]].
` + strings.Replace(letIn, reader, "ada@contoso.example", 1)},
		{"a service account that is switched off", func(c *config.Config) {
			c.ServiceAccounts = []config.ServiceAccount{{Provider: "contoso", ObjectID: exportObject, ApplicationID: exportApp, Groups: []string{"Analysts"}}}
		}, entratest.Request{Client: exportApp}, `denied, 403 user_inactive: the user or service account is switched off, or not invited.
Why: the [[service_account]] with object_id ` + exportObject + ` has active = false.
To change it: set active = true at that [[service_account]].
` + strings.Replace(letIn, "user "+reader, "service account "+exportObject, 1)},
		{"overage", nil, entratest.Request{User: "collector"},
			`denied, 403 groups_overage: ` + reason.GroupsOverage.Sentence() + `.
Why: the token carries an overage marker instead of the groups: Entra ID leaves them out where there are more than 200.
To change it: ` + reason.GroupsOverage.Mend() + `.`},
		{"no user claim", func(c *config.Config) { c.Providers[0].Claims.User = "employee" }, entratest.Request{User: "reader"},
			`denied, 401 missing_claim: ` + reason.MissingClaim.Sentence() + `.
Why: claims.user names the claim "employee", which is absent.
To change it: ` + strings.ReplaceAll(reason.MissingClaim.Mend(), "NAME", "contoso") + `.`},
		{"groups that are a number", nil, entratest.Request{User: "reader", Claims: map[string]any{"groups": 7}},
			`denied, 401 claim_type: ` + reason.ClaimType.Sentence() + `.
Why: claims.groups names the claim "groups", which is neither a string nor an array of strings.
To change it: ` + strings.ReplaceAll(reason.ClaimType.Mend(), "NAME", "contoso") + `.`},
		{"roles that are a number, and an address that is one too", func(c *config.Config) { c.Providers[0].Claims.Roles = "roles" },
			entratest.Request{User: "reader", Claims: map[string]any{"roles": 7, "email": 7}},
			`denied, 401 claim_type: ` + reason.ClaimType.Sentence() + `.
Why: claims.roles names the claim "roles", which is neither a string nor an array of strings.
To change it: ` + strings.ReplaceAll(reason.ClaimType.Mend(), "NAME", "contoso") + `.`},
		{"a user claim that is a number", func(c *config.Config) { c.Providers[0].Claims.User = "employee" },
			entratest.Request{User: "reader", Claims: map[string]any{"employee": 7}},
			`denied, 401 claim_type: ` + reason.ClaimType.Sentence() + `.
Why: claims.user names the claim "employee", which is no string.
To change it: ` + strings.ReplaceAll(reason.ClaimType.Mend(), "NAME", "contoso") + `.`},
		{"no calling application, and groups that are a number", nil,
			entratest.Request{User: "reader", Claims: map[string]any{"azp": nil, "groups": 7}},
			`denied, 401 missing_claim: ` + reason.MissingClaim.Sentence() + `.
Why: wanted azp or appid, the calling application's ID, got no azp and no appid.
To change it: let the client ask Entra ID for the scope api://` + apiID + `/.default; such a token names the application that asked.`},
		{"headers that are too large", func(c *config.Config) { c.Providers[0].UserPrefix = strings.Repeat("p", 17_000) },
			entratest.Request{User: "reader"}, `denied, 403 header_size: ` + reason.HeaderSize.Sentence() + `.
Why: the identity headers take 17171 bytes, 16384 at most are sent.
To change it: ` + reason.HeaderSize.Mend() + `.`},
		{"disabled", func(c *config.Config) { c.Enabled = false }, entratest.Request{User: "reader"},
			`denied, 503 disabled: claimd is switched off.
Why: wanted enabled = true, got enabled = false.
To change it: ` + reason.Disabled.Mend() + `.
` + letIn},
		{"expired, and then a stranger", nil, entratest.Request{User: "stranger", Issued: hourAgo, Lifetime: time.Minute},
			`denied, 401 expired: the token has expired.
Why: wanted exp not before 2027-01-15 07:59:00Z (now less clock_skew), got exp 2027-01-15 07:01:00Z, 59m0s ago.
To change it: let the client get a new token; if it is new, look at this host's clock.
After that: 403 no_group: nothing in the token names a local group.
Why: the claim "groups" holds "` + visitors + `", which names no local group.
To change it: declare "` + visitors + `" under [groups].
For example:

# under [groups]
` + visitors + ` = ""
`},
		{"expired, and of a client that is not listed", nil,
			entratest.Request{User: "reader", Client: exportApp, Issued: hourAgo, Lifetime: time.Minute},
			`denied, 401 expired: the token has expired.
Why: wanted exp not before 2027-01-15 07:59:00Z (now less clock_skew), got exp 2027-01-15 07:01:00Z, 59m0s ago.
To change it: let the client get a new token; if it is new, look at this host's clock.
After that: 403 client: the calling application is not allowed to call.
Why: wanted one of client_application_ids of [provider.contoso]: ` + desktopApp + `, got the application ` + exportApp + `.
To change it: if this application may call, add "` + exportApp + `" to client_application_ids under [provider.contoso].`},
		{"a Graph token", nil, entratest.Request{User: "reader", Claims: map[string]any{"aud": "https://graph.microsoft.com"}},
			`denied, 401 graph_token: the token is for Microsoft Graph, not for this API.
Why: wanted a token for this API, got aud https://graph.microsoft.com.
To change it: let the client ask for the scope api://` + apiID + `/.default instead of a Graph scope such as User.Read.`},
		{"a v1.0 token for another name", nil,
			entratest.Request{User: "reader", Version: 1, Claims: map[string]any{"aud": "https://contoso.example/api"}},
			`denied, 401 audience: the token is for another application.
Why: wanted ` + apiID + ` (application_id of [provider.contoso]) or an application ID URI, as v1.0 tokens have, got https://contoso.example/api.
To change it: if https://contoso.example/api is an application ID URI of this API, add it to application_id_uris under [provider.contoso], or set requestedAccessTokenVersion to 2 in the API's app registration (the token is v1.0, as null or 1 asks for); else let the client ask for the scope api://` + apiID + `/.default.
` + letIn},
	} {
		t.Run(c.story, func(t *testing.T) {
			f := newFixture(t, c.change)
			f.now = time.Unix(1_800_000_000, 0)
			e := f.gate.Snapshot().Explain(t.Context(), f.mint(c.token), f.now)
			if e.Sentence != c.want {
				t.Errorf("got\n%s\nwant\n%s", e.Sentence, c.want)
			}
			if allowed := strings.HasPrefix(c.want, "let in"); e.Allowed != allowed || (e.Reason == reason.None) != allowed {
				t.Errorf("allowed %v, reason %q", e.Allowed, e.Reason)
			}
		})
	}
}

func TestExplainShowsEveryCheckInOrder(t *testing.T) {
	f := newFixture(t, nil)
	e := f.gate.Snapshot().Explain(t.Context(), f.mint(entratest.Request{User: "administrator"}), f.now)
	var names []string
	for _, c := range e.Checks {
		names = append(names, c.Name)
		if !c.Passed {
			t.Errorf("%s failed", c.Name)
		}
	}
	want := []string{
		"disabled", "no_token", "malformed", "algorithm", "graph_token", "issuer", "tenant", "version", "key", "signature", "malformed",
		"audience", "expired", "not_yet_valid", "lifetime", "id_token", "client",
		"scope", "user id", "guest", "user state", "revoked", "overage", "mapping", "no_group", "header_size",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got  %q\nwant %q", names, want)
	}
	// A18: claim names and what they hold, values and what they matched.
	if got, want := fmt.Sprint(e.Claims), "[{user oid string} {email email string} {first_name given_name string} "+
		"{last_name family_name string} {groups groups 2 strings} {roles groups 2 strings}]"; got != want {
		t.Errorf("claims\n%s\nwant\n%s", got, want)
	}
	matched := map[string]bool{}
	for _, step := range e.Values {
		if step.Source == mapping.FromGroups {
			matched[step.Value] = step.Matched()
		}
	}
	if len(matched) != 2 || !matched[analysts] {
		t.Errorf("values %v", e.Values)
	}
	if e.Identity == nil || e.Identity.User != "18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6" || len(e.Headers) != 7 || e.Provider != "contoso" || e.Generation != 1 {
		t.Errorf("got %+v", e)
	}
}

// Explain is the request's own code with a trace: for every token it must give the reason that a request gets.
func TestExplainAgreesWithDecide(t *testing.T) {
	f := newFixture(t, func(c *config.Config) {
		c.Providers[0].Guests = config.GuestsDeny
		c.Providers[0].RequiredScopes = []string{"platform.read-write"}
		c.Users = []config.User{{Provider: "contoso", ID: "18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6", Blocked: true}}
	})
	raws := []string{"", "a b", "a,b", "x", "a.b.c", "a.b.c.d.e"}
	for _, user := range []string{"reader", "administrator", "stranger", "guest", "collector", ""} {
		for _, client := range []string{desktopApp, exportApp} {
			for _, lifetime := range []time.Duration{time.Minute, 3 * time.Hour, 30 * time.Hour} {
				for _, claims := range []map[string]any{nil, {"scp": "x"}, {"aud": "x"}, {"groups": 7}, {"oid": nil}, {"oid": "x"}, {"azp": nil}} {
					if user == "" && client == desktopApp {
						continue
					}
					raws = append(raws, f.mint(entratest.Request{
						User: user, Client: client, Lifetime: lifetime, Claims: claims, Issued: f.now.Add(-2 * time.Hour),
					}))
				}
			}
		}
	}
	seen := map[reason.Reason]bool{}
	for _, raw := range raws {
		e, d := f.gate.Snapshot().Explain(t.Context(), raw, f.now), f.decide(raw)
		seen[d.Reason] = true
		if e.Reason != d.Reason || e.Allowed != d.Allowed() || fieldsText(e.Headers) != fieldsText(d.Headers) && d.Allowed() {
			t.Errorf("%.30s...: explain says %q, a request gets %q", raw, e.Reason, d.Reason)
		}
		if first, failed := (&reason.Trace{Checks: e.Checks}).First(); failed && first.Reason != e.Reason {
			t.Errorf("%.30s...: the first failed check is %q, the reason %q", raw, first.Reason, e.Reason)
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d different reasons came up", len(seen))
	}
	if stats, denials := f.gate.Stats(), len(f.gate.Denials().List("")); int(stats.Allowed)+denials != len(raws) {
		t.Errorf("Explain left a count or a denial behind: %d and %d of %d", stats.Allowed, denials, len(raws))
	}
}

func TestExplainOfNoToken(t *testing.T) {
	f := newFixture(t, nil)
	for _, c := range []struct{ raw, want string }{
		{"", "denied, 401 no_token: the request carries no bearer token.\nWhy: wanted one token, got nothing.\nTo change it: " + reason.NoToken.Mend() + "."},
		{"a b", "denied, 400 invalid_request: the Authorization header is not one Bearer token.\n" +
			"Why: wanted one token, got a character that no token holds, such as a blank or a line break.\nTo change it: " + reason.InvalidRequest.Mend() + "."},
	} {
		if got := f.gate.Snapshot().Explain(t.Context(), c.raw, f.now).Sentence; got != c.want {
			t.Errorf("%q: got\n%s\nwant\n%s", c.raw, got, c.want)
		}
	}
}

// A configuration that is disabled may stand there without keys: then that is all there is to say.
func TestExplainOfADisabledConfigurationWithoutKeys(t *testing.T) {
	s := Compile(&config.Config{Providers: []config.Provider{{Name: "contoso"}}}, nil, nil, 7)
	e := s.Explain(t.Context(), "a.b.c", time.Now())
	if e.Reason != reason.Disabled || e.Generation != 7 || len(e.Checks) != 2 || s.Ready() {
		t.Errorf("got %+v", e)
	}
	if want := "denied, 503 disabled: claimd is switched off.\nWhy: wanted enabled = true, got enabled = false.\nTo change it: " + reason.Disabled.Mend() + "."; e.Sentence != want {
		t.Errorf("got\n%s", e.Sentence)
	}
}

// What mends a refusal, as denials shows it, spoke of the tenant and of application IDs where no provider has any.
func TestWhatMendsARefusalWithoutEntraIDDoesNotSpeakOfIt(t *testing.T) {
	jumpcloud := config.Provider{Name: "jumpcloud", Kind: config.KindOIDC}
	for _, known := range []*provider{nil, {config: &jumpcloud}} {
		j := judgement{snapshot: &Snapshot{config: &config.Config{Providers: []config.Provider{jumpcloud}}}, provider: known}
		for _, r := range []reason.Reason{
			reason.Algorithm, reason.Key, reason.GraphToken, reason.Issuer, reason.Audience, reason.Lifetime, reason.MissingClaim, reason.ClaimType,
		} {
			for _, foreign := range []string{"Entra", "tenant", "cloud under", "application_id", "APPLICATION_ID", "mapping", "GUID", "profile"} {
				if got := j.usual(r); strings.Contains(got, foreign) {
					t.Errorf("%s: %q speaks of %s", r, got, foreign)
				}
			}
		}
	}
	j := judgement{snapshot: &Snapshot{config: &config.Config{Providers: []config.Provider{{Name: "contoso"}, jumpcloud}}}}
	want := "compare the issuer with tenant_id and cloud under [provider.contoso], and issuer under [provider.jumpcloud], byte for byte"
	if got := j.usual(reason.Issuer); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An example names a group even where none is declared yet, and a list in a sentence stays short.
func TestWordsForOddCases(t *testing.T) {
	j := judgement{snapshot: &Snapshot{config: &config.Config{Providers: make([]config.Provider, 2)}}}
	if got := j.someGroup(); got != "a local group" {
		t.Errorf("someGroup %q", got)
	}
	if got := j.applicationID(); got != "APPLICATION_ID" {
		t.Errorf("applicationID %q", got)
	}
	j.provider = &provider{config: &config.Provider{ApplicationID: apiID}}
	if got := j.applicationID(); got != apiID {
		t.Errorf("applicationID %q, want that of the provider", got)
	}
	if got := orNone(strings.Split("a b c d e f g h i j k l m n", " ")); got != "a, b, c, d, e, f, g, h, i, j, k, l and 2 more" {
		t.Errorf("orNone %q", got)
	}
	if got := shape(mapping.Value{Kind: mapping.Other}); got != "other" {
		t.Errorf("shape %q", got)
	}
	got := nearWords("x", mapping.Near{What: "group", Name: "Ops", Value: "x", Difference: mapping.ByProvider})
	if want := "\"x\" names the local group \"Ops\", but `providers` of that group leaves this provider out: add it there"; got != want {
		t.Errorf("got %s", got)
	}
}

// Before the signature holds nothing of the token is told but what the check itself has found.
func TestAdviceWithoutClaimsIsTheChecksOwn(t *testing.T) {
	j := judgement{snapshot: &Snapshot{config: &config.Config{Providers: make([]config.Provider, 1)}}}
	long := strings.Repeat("x", 500)
	short := strings.Repeat("x", 397) + "..." // 400 bytes
	for _, c := range []struct {
		failed reason.Check
		want   string
	}{
		{reason.Check{Reason: reason.NoGroup}, "denied, 403 no_group: " + reason.NoGroup.Sentence() + ".\nTo change it: " + reason.NoGroup.Mend() + "."},
		{reason.Check{Reason: reason.Key, Want: long, Got: long, Mend: "so"}, "denied, 401 key: " + reason.Key.Sentence() +
			".\nWhy: wanted " + short + ", got " + short + ".\nTo change it: so."},
	} {
		var b strings.Builder
		if j.tell(&b, "denied, ", c.failed); b.String() != c.want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
		}
	}
}
