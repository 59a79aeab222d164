package daemon_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfTokens are the rows A1 to A12: whose tokens are taken, and how their groups are read.
func rowsOfTokens() []row {
	return []row{
		{"A1", "there is no sign-in: no callback answers, and a refusal leads nowhere", noSignIn},
		{"A2", "a provider is one tenant, and several tenants are several providers", oneTenant},
		{"A3", "a missing email leaves the e-mail empty", missingEmail},
		{"A4", "no secret is wanted, and one in the file is an unknown key", noSecrets},
		{"A5", "issuers follow from the tenant, agree with ver, and are compared byte for byte", issuers},
		{"A6", "the audience is this application", audiences},
		{"A7", "a claim name is one literal name, or a JSON Pointer where it begins with a slash", claimNames},
		{"A8", "groups are those of this token, each once and in one order", groupsOfThisToken},
		{"A9", "a claim is absent, present or in overage, and overage is never no groups", threeStates},
		{"A10", "a string is one value and an object is claim_type", shapes},
		{"A11", "object IDs and names match alike, and a mixture of both is noticed", idsAndNames},
		{"A12", "names with backslash, blanks, # and other letters match whole", oddNames},
	}
}

// noSignIn: a resource server needs no redirect address. A door for browsers would be one of its own.
func noSignIn(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for _, path := range []string{"/api/callback", "/callback", "/login", "/auth/", "/"} {
		a := fetch(t, http.MethodGet, c.gate+path+"?code=x&state=y", nil)
		if a.status != http.StatusNotFound || a.header.Get("Location") != "" {
			t.Errorf("%s: %d, Location %q, want 404", path, a.status, a.header.Get("Location"))
		}
	}
	a := c.ask(t, "")
	a.want(t, "a browser without a token", "401 no_token")
	a.wantHeader(t, "Location", "")
}

func oneTenant(t *testing.T, w *world) {
	one, both := w.claimd(t, plan{}), w.claimd(t, twoTenants(w))
	fromHome := w.mint(t, w.fabrikam, entratest.Request{User: "ada"})
	one.ask(t, fromHome).want(t, "a token of another tenant for an application of the same id", "401 issuer")
	a := both.ask(t, fromHome)
	a.want(t, "both tenants are configured", letIn)
	a.wantHeader(t, "Remote-User", "f:"+adaObject)
	a = both.ask(t, w.ada(t, nil))
	a.wantHeader(t, "Remote-User", adaObject)
	a.wantHeader(t, "Remote-Provider", "contoso")
	one.judge(t, []verdict{
		{"a guest of this tenant", claims{"idp": w.fabrikam.Issuer(1), "acct": 1}, letIn},
		{"tid of the guest's home", claims{"tid": fabrikamTenant}, "401 tenant"},
		{"no tid", claims{"tid": nil}, "401 tenant"},
		{"an empty tid", claims{"tid": ""}, "401 tenant"},
		{"a list of tenants", claims{"tid": []string{contosoTenant}}, "401 tenant"},
		{"tid with a blank", claims{"tid": contosoTenant + " "}, "401 tenant"},
	})
	const where = "\n  hint: the directory (tenant) ID stands on the app registration's overview page"
	const several = "  hint: name one tenant by its ID; several tenants are several [provider.NAME] tables"
	for value, want := range map[string]string{
		"common":                               "want the GUID of one tenant, got \"common\"\n" + several,
		"organizations":                        "want the GUID of one tenant, got \"organizations\"\n" + several,
		"consumers":                            "want the GUID of one tenant, got \"consumers\"\n" + several,
		"contoso.com":                          "want the GUID of the tenant, got the domain name \"contoso.com\"\n" + several,
		"":                                     "want a GUID, got an empty string" + where,
		"{" + rogueApp + "}":                   "want a GUID, got \"{" + rogueApp + "}\"\n  hint: write it without braces and blanks: " + rogueApp,
		"9188040d-6c67-4c5b-b112-36a304b66dad": "want the GUID of an organisation's tenant, got that of all personal Microsoft accounts" + where,
	} {
		text := strings.Replace(soundHead, contosoTenant, value, 1)
		wantFaults(t, []flawed{{text, "claimd.toml:4: provider.contoso.tenant_id: " + want}})
	}
}

// twoTenants are both tenants in front of one API. What is named by text says whose text it is.
func twoTenants(w *world) plan {
	return plan{
		groups: `Analysts = { providers = ["contoso", "fabrikam"] }
'CONTOSO\Team' = { providers = ["contoso"] }
Operators = { values = ["` + someGroupID + `"] }`,
		more: w.second(`user_prefix = "f:"`),
	}
}

func missingEmail(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	c.ask(t, w.ada(t, nil)).wantHeader(t, "Remote-Email", "ada@contoso.example")
	for name, email := range map[string]any{"absent": nil, "null": jsonNull, "empty": ""} {
		a := c.ask(t, w.ada(t, claims{"email": email}))
		a.want(t, name, letIn)
		a.wantHeader(t, "Remote-Email", "")
	}
}

func noSecrets(t *testing.T, _ *world) {
	for _, key := range []string{"client_secret", "IDP_CLIENT_SECRET", "password"} {
		got := faultsOf(t, soundHead+key+" = \"hunter2\"\n")
		want := "claimd.toml:8: provider.contoso." + key + ": unknown key\n" +
			"  hint: no secret is needed to verify a token: take it out of this file"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func issuers(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	v1, v2 := w.contoso.Issuer(1), w.contoso.Issuer(2)
	c.judge(t, []verdict{
		{"v2.0", nil, letIn},
		{"a slash more", claims{"iss": v2 + "/"}, "401 issuer"},
		{"the scheme in capitals", claims{"iss": strings.Replace(v2, "http", "HTTP", 1)}, "401 issuer"},
		{"the tenant in capitals", claims{"iss": strings.ToUpper(v2)}, "401 issuer"},
		{"a blank before", claims{"iss": " " + v2}, "401 issuer"},
		{"the real cloud's", claims{"iss": "https://login.microsoftonline.com/" + contosoTenant + "/v2.0"}, "401 issuer"},
		{"another path", claims{"iss": v2 + ".1"}, "401 issuer"},
		{"absent", claims{"iss": nil}, "401 issuer"},
		{"no string", claims{"iss": []string{v2}}, "401 issuer"},
		{"the v1.0 issuer beside ver 2.0", claims{"iss": v1}, "401 version"},
		{"ver 1.0 beside the v2.0 issuer", claims{"ver": "1.0"}, "401 version"},
		{"no ver", claims{"ver": nil}, "401 version"},
		{"ver 2", claims{"ver": "2"}, "401 version"},
		{"ver as a number", claims{"ver": 2.0}, "401 version"},
	})
	old := func(changes claims) string {
		return c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "ada", Version: 1, Claims: changes})).String()
	}
	for _, row := range []verdict{
		{"v1.0", nil, letIn},
		{"v1.0 without its slash", claims{"iss": strings.TrimSuffix(v1, "/")}, "401 issuer"},
		{"v1.0 with two", claims{"iss": v1 + "/"}, "401 issuer"},
		{"ver 2.0 beside the v1.0 issuer", claims{"ver": "2.0"}, "401 version"},
	} {
		if got := old(row.changes); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
	issuersOfTheCloud(t, w)
}

// issuersOfTheCloud: without authority, both issuers are Microsoft's own for this tenant, and nobody types them.
func issuersOfTheCloud(t *testing.T, w *world) {
	cloud := newCloud(t)
	c := w.start(t, cloud.text())
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	v1, v2 := "https://sts.windows.net/"+contosoTenant+"/", "https://login.microsoftonline.com/"+contosoTenant+"/v2.0"
	for _, row := range []struct {
		version   int
		iss, want string
	}{
		{2, v2, letIn},
		{1, v1, letIn},
		{2, v2 + "/", "401 issuer"},
		{1, strings.TrimSuffix(v1, "/"), "401 issuer"},
		{1, "https://login.microsoftonline.com/" + contosoTenant + "/", "401 issuer"},
		{1, v2, "401 version"},
		{2, v1, "401 version"},
		{2, strings.Replace(v2, "login.microsoftonline.com", "login.microsoftonline.us", 1), "401 issuer"},
		{2, strings.Replace(v2, contosoTenant, fabrikamTenant, 1), "401 issuer"},
	} {
		token := w.mint(t, cloud.tenant, entratest.Request{User: "ada", Version: row.version, Claims: claims{"iss": row.iss}})
		c.ask(t, token).want(t, row.iss, row.want)
	}
}

func audiences(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `application_id_uris = ["` + apiURI + `", "https://contoso.example/slash/"]`})
	const graph = "00000003-0000-0000-c000-000000000000"
	rows := []struct {
		aud    any
		v1, v2 string
	}{
		{apiApp, letIn, letIn},
		{strings.ToUpper(apiApp), letIn, letIn},
		{[]string{apiApp}, letIn, letIn},
		{"api://" + apiApp, letIn, "401 audience"},
		{"api://" + apiApp + "/", letIn, "401 audience"},
		{apiApp + "/", letIn, "401 audience"},
		{apiURI, letIn, "401 audience"},
		{apiURI + "/", letIn, "401 audience"},
		{"https://contoso.example/slash", letIn, "401 audience"},
		{"https://contoso.example/slash/", letIn, "401 audience"},
		{apiURI + "//", "401 audience", "401 audience"},
		{apiURI + "/more", "401 audience", "401 audience"},
		{strings.ToLower(apiURI), "401 audience", "401 audience"},
		{"api://" + otherAPIApp, "401 audience", "401 audience"},
		{otherAPIApp, "401 audience", "401 audience"},
		{[]string{apiApp, otherAPIApp}, "401 audience", "401 audience"},
		{[]string{apiApp, apiApp}, "401 audience", "401 audience"},
		{[]string{}, "401 audience", "401 audience"},
		{"", "401 audience", "401 audience"},
		{nil, "401 audience", "401 audience"},
		{7, "401 audience", "401 audience"},
		{graph, "401 graph_token", "401 graph_token"},
		{"https://graph.microsoft.com", "401 graph_token", "401 graph_token"},
		{"https://graph.microsoft.com/", "401 graph_token", "401 graph_token"},
	}
	for _, row := range rows {
		for version, want := range map[int]string{1: row.v1, 2: row.v2} {
			token := w.mint(t, w.contoso, entratest.Request{User: "ada", Version: version, Claims: claims{"aud": row.aud}})
			if got := c.ask(t, token).String(); got != want {
				t.Errorf("v%d.0, aud %v: got %s, want %s", version, row.aud, got, want)
			}
		}
	}
	nonce := w.mint(t, w.contoso, entratest.Request{User: "ada", Header: claims{"nonce": "x"}})
	c.ask(t, nonce).want(t, "a nonce in the header", "401 graph_token")
}

func claimNames(t *testing.T, w *world) {
	const url = "https://app.hoop.dev/groups"
	in := []string{"Analysts"}
	nested := claims{"b": in, "c.d": in, "e/f": in, "g~h": in, "list": []any{"Nobody", in}}
	for _, row := range []struct {
		name    string // as [provider.contoso.claims] has it
		changes claims
		want    string
	}{
		{url, claims{url: in}, letIn},
		{url, claims{"https://app": claims{"hoop": claims{"dev/groups": in}}}, "403 no_group"},
		{"a.b", claims{"a.b": in}, letIn},
		{"a.b", claims{"a": nested}, "403 no_group"},
		{"a:b", claims{"a:b": in}, letIn},
		{"/a/b", claims{"a": nested}, letIn},
		{"/a/b", claims{"/a/b": in}, "403 no_group"},
		{"/a/c.d", claims{"a": nested}, letIn},
		{"/a/e~1f", claims{"a": nested}, letIn},
		{"/a/g~0h", claims{"a": nested}, letIn},
		{"/a/list/1", claims{"a": nested}, letIn},
		{"/a/list/01", claims{"a": nested}, "403 no_group"},
		{"/a/list/-", claims{"a": nested}, "403 no_group"},
		{"/a/none/b", claims{"a": nested}, "403 no_group"},
		{"/a", claims{"a": nested}, "401 claim_type"},
		{"Groups", nil, "403 no_group"},
	} {
		c := w.claimd(t, plan{claims: `groups = "` + row.name + `"`})
		row.changes = merge(claims{"groups": []string{"Nobody"}}, row.changes)
		c.ask(t, w.ada(t, row.changes)).want(t, row.name, row.want)
	}
	for key := range map[string]bool{"user": true, "groups": true, "roles": true} {
		wantFaults(t, []flawed{{soundHead + "[provider.contoso.claims]\n" + key + ` = ""`,
			"claimd.toml:9: provider.contoso.claims." + key + ": want the name of a claim, got an empty string"}})
	}
}

func merge(all ...claims) claims {
	whole := claims{}
	for _, one := range all {
		for name, value := range one {
			whole[name] = value
		}
	}
	return whole
}

// groupsOfThisToken: a right never outlives the claim. What the directory keeps of it comes with the directory.
func groupsOfThisToken(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "zeta = \"\"\nAnalysts = \"\"\nalpha = \"\""})
	c.judge(t, []verdict{
		{"all of them", claims{"groups": []string{"zeta", "alpha", "Analysts"}}, "200 groups=Analysts,alpha,zeta roles="},
		{"in another order, some twice", claims{"groups": []string{"alpha", "zeta", "alpha", "Analysts", "zeta"}}, "200 groups=Analysts,alpha,zeta roles="},
		{"one less", claims{"groups": []string{"zeta", "alpha"}}, "200 groups=alpha,zeta roles="},
		{"none any more", claims{"groups": []string{"gone"}}, "403 no_group"},
		{"and back", claims{"groups": []string{"zeta"}}, "200 groups=zeta roles="},
	})
}

func threeStates(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\nEveryone = \"\"", mapping: `default_groups = ["Everyone"]`})
	const defaults, overage = "200 groups=Everyone roles=", "403 groups_overage"
	c.judge(t, []verdict{
		{"absent", claims{"groups": nil}, defaults},
		{"null", claims{"groups": jsonNull}, defaults},
		{"an empty string", claims{"groups": ""}, defaults},
		{"an empty array", claims{"groups": []string{}}, defaults},
		{"present", nil, "200 groups=Analysts,Everyone roles="},
		{"a marker in its place", claims{"groups": nil, "_claim_names": claims{"groups": "src1"}}, overage},
		{"a marker beside it", claims{"_claim_names": claims{"groups": "src1"}}, overage},
		{"hasgroups", claims{"groups": nil, "hasgroups": true}, overage},
		{"hasgroups beside it", claims{"hasgroups": true}, overage},
		{"hasgroups false", claims{"hasgroups": false}, "200 groups=Analysts,Everyone roles="},
		{"a marker of something else", claims{"_claim_names": claims{"photo": "src1"}}, "200 groups=Analysts,Everyone roles="},
	})
	crowd := &world{contoso: crowded(t)}
	asked := crowd.own(t, asking(t, crowd.contoso, theGroup, ""))
	asked.ask(t, crowd.of(t, "ada", nil)).want(t, "a marker, and Microsoft Graph is asked", "200 groups="+someGroupID+" roles=")
	rolesOnly := w.claimd(t, plan{claims: "groups = \"roles\"\nroles = \"roles\""})
	rolesOnly.judge(t, []verdict{
		{"an application that reads only roles", claims{"roles": []string{"Analysts"}, "groups": nil, "hasgroups": true,
			"_claim_names": claims{"groups": "src1"}}, letIn},
		{"whose roles are left out", claims{"_claim_names": claims{"roles": "src1"}}, overage},
	})
	wantFaults(t, []flawed{
		{soundHead + `groups_overage = "graph"`, "claimd.toml:8: provider.contoso.groups_overage: \"graph\" asks Microsoft Graph as an application: want its secret or its certificate, got neither" +
			"\n  hint: write client_secret_file or client_certificate_file under [provider.contoso.graph]" +
			"\nnotice: claimd.toml:8: provider.contoso.groups_overage: users of whom Entra ID leaves the groups out stay refused while \"Analysts\" is matched by its name" +
			"\n  hint: name it by its object ID: display names are not unique, so that Microsoft Graph is not asked about them"},
	})
}

func shapes(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\nOperators = \"\"\n'Analysts,Operators' = \"\""})
	c.judge(t, []verdict{
		{"a string", claims{"groups": "Analysts"}, letIn},
		{"an array of it", claims{"groups": []string{"Analysts"}}, letIn},
		{"two", claims{"groups": []string{"Analysts", "Operators"}}, "200 groups=Analysts,Operators roles="},
		{"a comma does not split", claims{"groups": "Analysts,Operators"}, "200 groups=Analysts%2COperators roles="},
		{"a blank does not split", claims{"groups": "Analysts Operators"}, "403 no_group"},
		{"JSON in a string is text", claims{"groups": `["Analysts"]`}, "403 no_group"},
		{"blanks are not trimmed", claims{"groups": []string{" Analysts", "Analysts ", "Analysts\n"}}, "403 no_group"},
		{"nothing is decoded", claims{"groups": []string{"%41nalysts", "QW5hbHlzdHM="}}, "403 no_group"},
		{"an escape in JSON is the letter", claims{"groups": json.RawMessage(`["\u0041nalysts"]`)}, letIn},
		{"an object", claims{"groups": claims{"Analysts": true}}, "401 claim_type"},
		{"a number", claims{"groups": 7}, "401 claim_type"},
		{"true", claims{"groups": true}, "401 claim_type"},
		{"one number among strings", claims{"groups": []any{"Analysts", 7}}, "401 claim_type"},
		{"one null among strings", claims{"groups": []any{"Analysts", nil}}, "401 claim_type"},
		{"a nested array", claims{"groups": []any{[]string{"Analysts"}}}, "401 claim_type"},
		{"an array in which an object stands last", claims{"groups": []any{"Analysts", claims{}}}, "401 claim_type"},
	})
}

func idsAndNames(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\n" + someGroupID + " = \"by its ID\""})
	c.judge(t, []verdict{
		{"by name", nil, letIn},
		{"by ID", claims{"groups": []string{someGroupID}}, "200 groups=" + someGroupID + " roles="},
	})
	wantFaults(t, []flawed{
		{strings.Replace(soundHead, "[provider", someGroupID+" = \"\"\n[provider", 1),
			`notice: claimd.toml:1: groups: at provider "contoso" object IDs (1) and names (1) stand for groups, but a token of Entra ID holds one or the other` +
				"\n  hint: see with claimctl explain which of them the tokens hold"},
		{soundHead + `admin_group = "Admins"`,
			`notice: claimd.toml:8: provider.contoso.admin_group: "Admins" is a name, and names of groups are not unique in a tenant` +
				"\n  hint: use the object ID of the group"},
		{soundHead + `admin_group = "` + adminGroupID + `"`, ""},
	})
}

func oddNames(t *testing.T, w *world) {
	names := map[string]string{ // as a token holds them -> as Remote-Groups shows them
		`CONTOSO\Team A`:         `CONTOSO\Team A`,
		`contoso.example\Team A`: `contoso.example\Team A`,
		"R&D #1 (north)":         "R&D #1 (north)",
		"Überwachung":            "%C3%9Cberwachung",
		"分析":                     "%E5%88%86%E6%9E%90",
		"50%, rounded":           "50%25%2C rounded",
		"it's \"quoted\"":        "it's \"quoted\"",
		" ends in blanks ":       "%20ends in blanks%20",
	}
	var groups strings.Builder
	for name := range names {
		quoted, err := json.Marshal(name) // these are TOML too
		must(t, err)
		groups.WriteString(strings.ReplaceAll(string(quoted), `\u0026`, "&") + " = \"\"\n")
	}
	c := w.own(t, plan{groups: groups.String()})
	for name, shown := range names {
		c.ask(t, w.ada(t, claims{"groups": []string{name}})).want(t, name, "200 groups="+shown+" roles=")
	}
	c.judge(t, []verdict{
		{"without its domain", claims{"groups": []string{"Team A"}}, "403 no_group"},
		{"another domain", claims{"groups": []string{`FABRIKAM\Team A`}}, "403 no_group"},
		{"a slash for the backslash", claims{"groups": []string{"CONTOSO/Team A"}}, "403 no_group"},
		{"another Unicode form", claims{"groups": []string{"U\u0308berwachung"}}, "403 no_group"},
	})
	wantFaults(t, []flawed{{`[groups]` + "\n" + `"CONTOSO\Team A" = ""`,
		`claimd.toml:2: want one of the escapes \b \t \n \f \r \" \\ \uXXXX \UXXXXXXXX` +
			"\n" + `  hint: put a text with a backslash in single quotes: 'CONTOSO\Team A'`}})
}
