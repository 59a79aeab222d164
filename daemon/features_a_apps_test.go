package daemon_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfApps are the rows A14 to A19: applications that call with a token of their own, and what is said about a refusal.
func rowsOfApps() []row {
	return []row{
		{"A14", "an app-only token is a service account's, found by its object ID", serviceAccounts},
		{"A15", "a service account's entry alone grants nothing", entryAlone},
		{"A16", "an unknown application is told where the object ID stands", whereTheObjectIDStands},
		{"A17", "a wrong token is 401 and a right one that is not allowed 403, as RFC 6750 says", statusAndChallenge},
		{"A18", "explain shows claim names, values and matches, and never the token", explainShows},
		{"A19", "an administrator by a group's name is warned about, and is one by the current token only", adminByName},
	}
}

// withAccount is the nightly export as a service account, beside what gives users more.
func withAccount(claimsLines, account string) plan {
	return plan{
		provider: `required_scopes = ["` + readWrite + "\"]\nadmin_group = \"" + adminGroupID + `"`,
		claims:   claimsLines,
		mapping:  "default_groups = [\"Analysts\"]\ndefault_roles = [\"guest\"]",
		groups:   "Analysts = \"\"\nOperators = \"\"",
		roles:    "guest = \"\"\nviewer = \"\"\n'Export.Run' = \"\"",
		more: "[[service_account]]\nobject_id = \"" + strings.ToUpper(nightlyObject) + "\"\napplication_id = \"" + nightlyApp +
			"\"\nname = \"nightly export\"\ngroups = [\"Operators\"]\nroles = [\"viewer\"]\n" + account,
	}
}

// nightly is a token of the nightly export's own.
func (w *world) nightly(t *testing.T, changes claims) string {
	t.Helper()
	return w.mint(t, w.contoso, entratest.Request{Client: nightlyApp, Claims: changes})
}

func serviceAccounts(t *testing.T, w *world) {
	const in = "200 groups=Operators roles=viewer"
	c := w.claimd(t, withAccount("", ""))
	a := c.ask(t, w.nightly(t, nil))
	a.want(t, "a service account", in)
	a.wantHeader(t, "Remote-User", nightlyObject)
	a.wantHeader(t, "Remote-Email", "")
	a.wantHeader(t, "Remote-Name", "")
	if got := c.whoami(t, w.nightly(t, nil)); got["kind"] != "service_account" || got["client_application_id"] != nightlyApp {
		t.Errorf("whoami %v", got)
	}
	for _, row := range []verdict{
		{"marked by idtyp", claims{"idtyp": "app"}, in},
		{"marked by idtyp, with another sub", claims{"idtyp": "app", "sub": "pairwise"}, in},
		{"its oid in capitals", claims{"oid": strings.ToUpper(nightlyObject), "sub": strings.ToUpper(nightlyObject)}, in},
		{"roles are not claims.roles here", claims{"roles": []string{"Export.Run"}}, in},
		{"groups in the token are not looked at", claims{"groups": []string{"Analysts"}}, "200 groups=Operators roles=viewer"},
		{"nor is overage", claims{"hasgroups": true, "_claim_names": claims{"groups": "src1"}}, in},
		{"never an administrator", claims{"groups": []string{adminGroupID}, "roles": []string{adminGroupID}}, in},
		{"a scope", claims{"scp": readWrite, "idtyp": "app"}, "401 id_token"},
		{"an object ID that is not declared", claims{"idtyp": "app", "oid": adaObject}, "403 client"},
		{"no oid", claims{"idtyp": "app", "oid": nil}, "401 missing_claim"},
		{"an oid that is no GUID", claims{"idtyp": "app", "oid": "nightly"}, "401 claim_type"},
		{"oid unlike sub, and no idtyp", claims{"sub": "pairwise"}, "401 id_token"},
	} {
		c.ask(t, w.nightly(t, row.changes)).want(t, row.name, row.want)
	}
	byRole := w.claimd(t, withAccount(`roles = "roles"`, ""))
	byRole.ask(t, w.nightly(t, nil)).want(t, "its app permissions are roles where claims.roles names them", "200 groups=Operators roles=Export.Run,viewer")
	byRole.ask(t, w.nightly(t, claims{"roles": 7})).want(t, "roles of a wrong type", "401 claim_type")
	byRole.ask(t, w.nightly(t, claims{"roles": []string{adminGroupID}})).want(t, "the admin group as a role", in)
	off := w.claimd(t, withAccount("", "active = false\n"))
	off.ask(t, w.nightly(t, nil)).want(t, "a service account that is switched off", "403 user_inactive")
	unknownAccount(t, w)
}

// unknownAccount: the application may call, but is no service account; the log names both of its IDs.
func unknownAccount(t *testing.T, w *world) {
	c := w.own(t, withAccount("", ""))
	c.ask(t, w.mint(t, w.contoso, entratest.Request{Client: deskApp})).want(t, "not declared", "403 unknown_service_account")
	lines := c.logs.FilterMessage("denied").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	line := lines[0].ContextMap()
	if line["reason"] != "unknown_service_account" || line["user"] != otherObject || line["client"] != deskApp {
		t.Errorf("the log says %v", line)
	}
}

func entryAlone(t *testing.T, w *world) {
	c := w.claimd(t, withAccount("", ""))
	foreign := w.mint(t, w.fabrikam, entratest.Request{Client: nightlyApp, Claims: w.asContoso(nil)})
	forged := w.mint(t, w.fabrikam, entratest.Request{Client: nightlyApp, Claims: w.asContoso(nil), Header: claims{"kid": w.contoso.KeyIDs()[0]}})
	c.ask(t, "").want(t, "no token", "401 no_token")
	c.ask(t, nightlyObject).want(t, "the object ID as a token", "401 opaque_token")
	c.ask(t, foreign).want(t, "a token with another tenant's key", "401 key")
	c.ask(t, forged).want(t, "and the name of this tenant's key", "401 signature")
	for name, value := range map[string]string{
		"Authorization": "Basic bmlnaHRseTpzZWNyZXQ=", "X-Api-Key": nightlyObject, "X-Ms-Client-Principal-Id": nightlyObject,
		"Cookie": "token=" + w.nightly(t, nil),
	} {
		c.auth(t, http.Header{name: {value}}).want(t, name, "401 no_token")
	}
	ended := w.mint(t, w.contoso, entratest.Request{Client: nightlyApp, Issued: longAgo()})
	c.ask(t, ended).want(t, "an expired token", "401 expired")
}

// asContoso has a token of fabrikam's claim to be one of contoso's.
func (w *world) asContoso(changes claims) claims {
	return merge(claims{"iss": w.contoso.Issuer(2), "tid": contosoTenant}, changes)
}

func whereTheObjectIDStands(t *testing.T, w *world) {
	c := w.own(t, withAccount("", ""))
	token := w.mint(t, w.contoso, entratest.Request{Client: deskApp})
	a := c.ask(t, token)
	a.want(t, "not declared", "403 unknown_service_account")
	explanation, err := c.admin.Explain(t.Context(), token)
	must(t, err)
	denials, err := c.admin.Denials(t.Context(), a.header.Get("X-Claimd-Decision"))
	must(t, err)
	if len(denials) != 1 {
		t.Fatalf("%d denials, want 1", len(denials))
	}
	for what, text := range map[string]string{"explain": explanation.Sentence, "denials": denials[0].Mend} {
		if !strings.Contains(text, otherObject) || !strings.Contains(text, "Enterprise applications") {
			t.Errorf("%s names neither the token's oid %s nor Enterprise applications:\n%s", what, otherObject, text)
		}
	}
	const shown = "\n  hint: take the object ID shown under Enterprise applications, not the one under App registrations"
	wantFaults(t, []flawed{
		{soundHead + "[[service_account]]\nobject_id = \"nightly\"\ngroups = [\"Analysts\"]",
			"claimd.toml:9: service_account[0].object_id: want a GUID, got \"nightly\"" + shown},
		{soundHead + "[[service_account]]\ngroups = [\"Analysts\"]", "claimd.toml:8: service_account[0].object_id: is missing" + shown},
	})
}

func statusAndChallenge(t *testing.T, w *world) {
	c := w.claimd(t, withAccount("", ""))
	token := w.ada(t, nil)
	header := func(fields ...string) http.Header { return http.Header{"Authorization": fields} }
	const plain, invalid = "Bearer", `Bearer error="invalid_token"`
	for _, row := range []struct {
		name            string
		header          http.Header
		want, challenge string
	}{
		{"let in", header("Bearer " + token), "200 groups=Analysts roles=guest", ""},
		{"the scheme in another case", header("bEARER " + token), "200 groups=Analysts roles=guest", ""},
		{"no token", nil, "401 no_token", plain},
		{"no token after the scheme", header("Bearer"), "401 no_token", plain},
		{"another scheme", header("Basic YTpi"), "401 no_token", plain},
		{"two fields", header("Bearer "+token, "Bearer "+token), "400 invalid_request", `Bearer error="invalid_request"`},
		{"a list", header("Bearer " + token + ", Bearer " + token), "400 invalid_request", `Bearer error="invalid_request"`},
		{"no b64token", header("Bearer " + token + "\"x"), "400 invalid_request", `Bearer error="invalid_request"`},
		{"garbage", header("Bearer a.b.c"), "401 malformed", invalid},
		{"another subject's", header("Bearer " + w.nightly(t, claims{"sub": adaObject})), "401 id_token", invalid},
		{"right, and nobody known", header("Bearer " + w.mint(t, w.contoso, entratest.Request{Client: deskApp})), "403 unknown_service_account", plain},
		{"right, from another client", header("Bearer " + w.mint(t, w.contoso, entratest.Request{User: "ada", Client: rogueApp})), "403 client", plain},
		{"right, without the scope", header("Bearer " + w.ada(t, claims{"scp": "other"})), "403 scope",
			`Bearer error="insufficient_scope", scope="` + readWrite + `"`},
	} {
		a := c.auth(t, row.header)
		a.want(t, row.name, row.want)
		a.wantHeader(t, "WWW-Authenticate", row.challenge)
	}
}

func explainShows(t *testing.T, w *world) {
	c := w.claimd(t, plan{claims: `groups = "teams"`, groups: "Analysts = \"\"\n'Team A' = \"\""})
	token := w.ada(t, claims{"teams": []string{"Analysts", "team a", "Nobody"}})
	explanation, err := c.admin.Explain(t.Context(), token)
	must(t, err)
	if !explanation.Allowed || explanation.Identity.User != adaObject {
		t.Errorf("explain: %+v", explanation)
	}
	want := map[string]access.ClaimSeen{
		"user": {For: "user", Name: "oid", Shape: "string"}, "groups": {For: "groups", Name: "teams", Shape: "3 strings"},
		"roles": {For: "roles", Name: "groups", Shape: "1 string"},
	}
	for _, seen := range explanation.Claims {
		if wanted, ok := want[seen.For]; ok && seen != wanted {
			t.Errorf("claim %+v, want %+v", seen, wanted)
		}
		delete(want, seen.For)
	}
	if len(want) > 0 {
		t.Errorf("these claims are not shown: %v", want)
	}
	var values []string
	for _, step := range explanation.Values {
		line := string(step.Source) + " " + step.Value + " -> " + strings.Join(step.Groups, ",")
		for _, near := range step.Near {
			line += " nearly " + near.Name + " by " + string(near.Difference)
		}
		values = append(values, line)
	}
	wanted := "groups claim Analysts -> Analysts | groups claim Nobody ->  | groups claim team a ->  nearly Team A by case | roles claim Analysts -> "
	if got := strings.Join(values, " | "); got != wanted {
		t.Errorf("values %s, want %s", got, wanted)
	}
	text, err := json.Marshal(explanation)
	must(t, err)
	if part := tokenPart(string(text), token); part != "" {
		t.Errorf("explain shows %q of the token", part)
	}
}

func adminByName(t *testing.T, w *world) {
	wantFaults(t, []flawed{{soundHead + `admin_group = "Admins"`,
		`notice: claimd.toml:8: provider.contoso.admin_group: "Admins" is a name, and names of groups are not unique in a tenant` +
			"\n  hint: use the object ID of the group"}})
	c := w.claimd(t, plan{provider: `admin_group = "Admins"`})
	c.judge(t, []verdict{
		{"with the group", claims{"groups": []string{"Analysts", "Admins"}}, letInBoss},
		{"the next token without it", nil, letIn},
		{"and with it again", claims{"groups": []string{"Analysts", "Admins"}}, letInBoss},
	})
}
