package daemon_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfGroups are the rows D21 to D33: administrators by group, groups by object ID, and what is not the token's.
func rowsOfGroups() []row {
	return []row{
		{"D21", "the admin group is a value of the groups or the roles claim, exactly", adminGroup},
		{"D22", "either way to be an administrator will do, and each is off unless it is set", eitherAdmin},
		{"D23", "the shipped file has every key commented out, and the GUIDs of examples are noticed", shipped},
		{"D24", "a value may name a group and a role, which stand in lists of their own", groupAndRole},
		{"D25", "roles in place of groups is one key and a reload", oneKey},
		{"D26", "a group named by its object ID matches that string", groupIDs},
		{"D27", "an object ID that no group has is ignored, counted and explained", strangeIDs},
		{"D28", "names of the on-premises directory match whole, and groups without one are simply not there", onPremises},
		{"D29", "a custom claim is read by its name, and where it is absent the plain one is not", customClaims},
		{"D31", "a public client's token is like any other's", publicClients},
		{"D32", "the mapping holds for every provider", mappingForAll},
		{"D33", "what the token gives cannot be taken away by the configuration, nor admin be given", oneWay},
	}
}

func adminGroup(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `admin_group = "` + adminGroupID + `"`, claims: `roles = "roles"`})
	c.judge(t, []verdict{
		{"in groups, and no local group has it", claims{"groups": []string{"Analysts", adminGroupID}}, letInBoss},
		{"in roles", claims{"roles": []string{adminGroupID}}, letInBoss},
		{"in both", claims{"groups": []string{"Analysts", adminGroupID}, "roles": adminGroupID}, letInBoss},
		{"in capitals", claims{"roles": []string{strings.ToUpper(adminGroupID)}}, letIn},
		{"in braces", claims{"roles": []string{"{" + adminGroupID + "}"}}, letIn},
		{"with a blank", claims{"roles": []string{adminGroupID + " "}}, letIn},
		{"in another claim", claims{"wids": []string{adminGroupID}}, letIn},
		{"alone it is no group", claims{"groups": adminGroupID}, "403 no_group"},
		{"overage is no administrator", claims{"groups": []string{"Analysts", adminGroupID}, "hasgroups": true}, "403 groups_overage"},
	})
	off := w.claimd(t, plan{provider: `admin_group = ""`})
	off.ask(t, w.ada(t, claims{"groups": []string{"Analysts", ""}})).want(t, "an empty value meets no empty setting", letIn)
	folded := w.claimd(t, plan{provider: `admin_group = "Bosses"`, mapping: "case_sensitive = false", groups: "Analysts = \"\"\nBosses = \"\""})
	folded.judge(t, []verdict{
		{"a local group has that name", claims{"groups": "Bosses"}, "200 groups=Bosses roles= admin"},
		{"folding is for the local group alone", claims{"groups": "BOSSES"}, "200 groups=Bosses roles="},
	})
	given := w.claimd(t, plan{provider: `admin_group = "Bosses"`, groups: "Analysts = \"\"\nBosses = \"\"",
		more: "[[user]]\nid = \"" + adaObject + "\"\ngroups = [\"Bosses\"]\n"})
	given.ask(t, w.ada(t, nil)).want(t, "given by the configuration it confers nothing", "200 groups=Analysts,Bosses roles=")
	named := w.claimd(t, plan{provider: `admin_group = "Bosses"`, groups: "Analysts = \"\"\nBosses = { values = [\"" + someGroupID + "\"] }"})
	named.ask(t, w.ada(t, claims{"groups": []string{"Analysts", someGroupID}})).want(t, "the value counts and not the local group's name", "200 groups=Analysts,Bosses roles=")
	wantFaults(t, []flawed{{soundHead + "admin_group = \"Analysts\"\n[mapping]\ndefault_groups = [\"Analysts\"]",
		"claimd.toml:8: provider.contoso.admin_group: \"Analysts\" stands in default_groups too, which every user has\n" +
			"  hint: take it out of default_groups: a default never makes an administrator\n" +
			"notice: claimd.toml:8: provider.contoso.admin_group: \"Analysts\" is a name, and names of groups are not unique in a tenant\n" +
			"  hint: use the object ID of the group\n" +
			"notice: claimd.toml:10: mapping.default_groups: lets in every user of a tenant who comes through an allowed application\n" +
			"  hint: give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant"}})
}

func eitherAdmin(t *testing.T, w *world) {
	byGroup, byClaim := claims{"groups": []string{"Analysts", adminGroupID}}, claims{"boss": "is_admin"}
	none, both := merge(nil), merge(byGroup, byClaim)
	group, claim := `admin_group = "`+adminGroupID+`"`, `admin = "boss"`
	for _, row := range []struct {
		p    plan
		want map[string]string // by which way
	}{
		{plan{}, map[string]string{"none": letIn, "group": letIn, "claim": letIn, "both": letIn}},
		{plan{provider: "admin_group = \"\"\nadmin_value = \"\"", claims: `admin = ""`}, map[string]string{"none": letIn, "group": letIn, "claim": letIn, "both": letIn}},
		{plan{provider: group}, map[string]string{"none": letIn, "group": letInBoss, "claim": letIn, "both": letInBoss}},
		{plan{claims: claim}, map[string]string{"none": letIn, "group": letIn, "claim": letInBoss, "both": letInBoss}},
		{plan{provider: group, claims: claim}, map[string]string{"none": letIn, "group": letInBoss, "claim": letInBoss, "both": letInBoss}},
		{plan{provider: `admin_value = ""`, claims: claim}, map[string]string{"none": letIn, "group": letIn, "claim": letIn, "both": letIn}},
	} {
		c := w.claimd(t, row.p)
		for way, changes := range map[string]claims{"none": none, "group": byGroup, "claim": byClaim, "both": both} {
			c.ask(t, w.ada(t, changes)).want(t, fmt.Sprintf("%+v: %s", row.p, way), row.want[way])
		}
	}
	empty := w.claimd(t, plan{provider: `admin_value = ""`, claims: claim})
	empty.ask(t, w.ada(t, claims{"boss": ""})).want(t, "an empty value meets no empty setting", letIn)
}

func groupAndRole(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\nb = \"\"", roles: "Analysts = \"\"\na = \"\""})
	token := w.ada(t, claims{"groups": []string{"Analysts", "b", "a"}})
	c.ask(t, token).want(t, "headers", "200 groups=Analysts,b roles=Analysts,a")
	got := c.whoami(t, token)
	if fmt.Sprint(got["groups"], got["roles"]) != "[Analysts b] [Analysts a]" {
		t.Errorf("whoami %v", got)
	}
}

func oneKey(t *testing.T, w *world) {
	p := plan{groups: "Analysts = \"\"", roles: "Analysts = \"\"\neditor = \"\""}
	c := w.own(t, p)
	token := w.ada(t, claims{"groups": []string{"Analysts", "editor"}, "roles": []string{"editor"}})
	c.ask(t, token).want(t, "both from groups", "200 groups=Analysts roles=Analysts,editor")
	p.claims = `roles = "roles"`
	c.reload(t, p)
	c.ask(t, token).want(t, "roles from roles, with the same token", "200 groups=Analysts roles=editor")
	c.ask(t, w.ada(t, claims{"groups": []string{"Analysts", "editor"}})).want(t, "groups give no roles now", letIn)
}

func groupIDs(t *testing.T, w *world) {
	upper := strings.ToUpper(someGroupID)
	c := w.claimd(t, plan{groups: someGroupID + " = \"Restricted\"\nOperators = { values = [\"" + otherObject + "\", \"" + nightlyObject + "\"] }"})
	in := "200 groups=" + someGroupID + " roles="
	c.judge(t, []verdict{
		{"as Entra writes it", claims{"groups": someGroupID}, in},
		{"in capitals", claims{"groups": upper}, "403 no_group"},
		{"in braces", claims{"groups": "{" + someGroupID + "}"}, "403 no_group"},
		{"as a URN", claims{"groups": "urn:uuid:" + someGroupID}, "403 no_group"},
		{"the text beside it", claims{"groups": "Restricted"}, "403 no_group"},
		{"one of the values", claims{"groups": nightlyObject}, "200 groups=Operators roles="},
		{"the name of a group that has values", claims{"groups": "Operators"}, "403 no_group"},
	})
	named := w.claimd(t, plan{groups: upper + ` = ""`})
	named.judge(t, []verdict{
		{"capitals in the file do not match", claims{"groups": someGroupID}, "403 no_group"},
		{"but what has them", claims{"groups": upper}, "200 groups=" + upper + " roles="},
	})
	sound := strings.Replace(soundHead, "Analysts", "%", 1)
	never := " never matches: Entra ID writes object IDs "
	wantFaults(t, []flawed{
		{strings.Replace(sound, "%", upper, 1), "notice: claimd.toml:2: groups." + upper + ": \"" + upper + "\"" + never + "in lower case\n  hint: write \"" + someGroupID + `"`},
		{strings.Replace(sound, "%", "'{"+someGroupID+"}'", 1), "notice: claimd.toml:2: groups.'{" + someGroupID + "}': \"{" + someGroupID + "}\"" + never +
			"as 36 plain characters\n  hint: write \"" + someGroupID + `"`},
		{strings.Replace(sound, "%", someGroupID, 1), ""},
	})
}

func strangeIDs(t *testing.T, w *world) {
	c := w.own(t, plan{groups: someGroupID + ` = ""`})
	some := w.ada(t, claims{"groups": []string{otherObject, someGroupID, nightlyObject}})
	c.ask(t, some).want(t, "some are known", "200 groups="+someGroupID+" roles=")
	none := w.ada(t, claims{"groups": []string{otherObject, nightlyObject, otherObject}})
	a := c.ask(t, none)
	a.want(t, "none is", "403 no_group")
	status, err := c.admin.Status(t.Context())
	must(t, err)
	if status.Counts.Unmatched != 4 {
		t.Errorf("%d values counted, want 4", status.Counts.Unmatched)
	}
	denials, err := c.admin.Denials(t.Context(), a.header.Get("X-Claimd-Decision"))
	must(t, err)
	want := []string{nightlyObject, otherObject}
	slices.Sort(want)
	if len(denials) != 1 || !slices.Equal(slices.Sorted(slices.Values(denials[0].Unmatched)), want) {
		t.Errorf("denials %+v, want the values %v", denials, want)
	}
	explanation, err := c.admin.Explain(t.Context(), none)
	must(t, err)
	for _, step := range explanation.Values {
		if step.Matched() {
			t.Errorf("explain: %+v names something", step)
		}
	}
	if explanation.Allowed || !strings.Contains(explanation.Sentence, "none of them names a local group") {
		t.Errorf("explain: %s", explanation.Sentence)
	}
	defaults := w.claimd(t, plan{groups: "Everyone = \"\"", mapping: `default_groups = ["Everyone"]`})
	defaults.ask(t, none).want(t, "all are ignored, and there is a default", "200 groups=Everyone roles=")
}

func onPremises(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: `'CONTOSO\Team A' = ""` + "\n" + `'corp.contoso.example\Team B' = ""` + "\nTeamC = \"\""})
	c.judge(t, []verdict{
		{"NetBIOS domain and name", claims{"groups": []string{`CONTOSO\Team A`}}, `200 groups=CONTOSO\Team A roles=`},
		{"DNS domain and name", claims{"groups": []string{`corp.contoso.example\Team B`}}, `200 groups=corp.contoso.example\Team B roles=`},
		{"the name alone", claims{"groups": "TeamC"}, "200 groups=TeamC roles="},
		{"the domain is part of it", claims{"groups": []string{`CONTOSO\TeamC`, "Team A", `FABRIKAM\Team A`}}, "403 no_group"},
		{"cloud groups have no such name", claims{"groups": nil}, "403 no_group"},
	})
	// A tenant that emits names leaves out the groups that have none.
	directory := people(contosoTenant)
	directory.APIs[0].GroupClaims = "name"
	directory.Groups = []entratest.Group{{ObjectID: someGroupID, Name: `CONTOSO\Team A`}, {ObjectID: otherObject}}
	directory.Users[0].Groups, directory.Users[0].Claims = []string{someGroupID, otherObject}, nil
	tenant := startTenant(t, directory)
	own := w.start(t, plan{groups: `'CONTOSO\Team A' = ""` + "\n" + otherObject + ` = ""`}.text(tenant))
	t.Cleanup(func() { own.end(t) })
	own.ready(t)
	own.ask(t, w.mint(t, tenant, entratest.Request{User: "ada"})).want(t, "by name", `200 groups=CONTOSO\Team A roles=`)
}

func customClaims(t *testing.T, w *world) {
	c := w.claimd(t, plan{
		claims: "groups = \"eclecticiqGroups\"\nroles = \"eclecticiqRoles\"",
		groups: "Analysts = \"\"\nEveryone = \"\"", roles: "editor = \"\"\nguest = \"\"",
		mapping: "default_groups = [\"Everyone\"]\ndefault_roles = [\"guest\"]",
	})
	c.judge(t, []verdict{
		{"both", claims{"eclecticiqGroups": []string{"Analysts"}, "eclecticiqRoles": "editor"}, "200 groups=Analysts,Everyone roles=editor,guest"},
		{"absent, and plain groups are there: defaults", nil, "200 groups=Everyone roles=guest"},
		{"another case is another claim", claims{"EclecticiqGroups": []string{"Analysts"}}, "200 groups=Everyone roles=guest"},
		{"overage of the custom claim", claims{"_claim_names": claims{"eclecticiqGroups": "src1"}}, "403 groups_overage"},
	})
	wantFaults(t, []flawed{
		{soundHead + "custom_signing_keys = true", ""},
		{soundHead + "custom_signing_keys = false", ""},
	})
}

func publicClients(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for version, claim := range map[int]string{1: "appidacr", 2: "azpacr"} {
		for _, value := range []any{"0", "1", "2", nil} {
			token := w.mint(t, w.contoso, entratest.Request{User: "ada", Version: version, Claims: claims{claim: value}})
			c.ask(t, token).want(t, fmt.Sprintf("%s %v", claim, value), letIn)
		}
		unlisted := w.mint(t, w.contoso, entratest.Request{User: "ada", Version: version, Client: rogueApp, Claims: claims{claim: "0"}})
		c.ask(t, unlisted).want(t, "a public client that is not listed", "403 client")
	}
}

func mappingForAll(t *testing.T, w *world) {
	p := twoTenants(w)
	p.roles = "guest = { providers = [\"contoso\", \"fabrikam\"] }"
	p.mapping = "default_roles = [\"guest\"]\ncase_sensitive = false"
	c := w.claimd(t, p)
	for _, tenant := range []*entratest.Tenant{w.contoso, w.fabrikam} {
		ask := func(group string) answer {
			return c.ask(t, w.mint(t, tenant, entratest.Request{User: "ada", Claims: claims{"groups": group}}))
		}
		ask("ANALYSTS").want(t, "folded", "200 groups=Analysts roles=guest")
		ask(someGroupID).want(t, "by ID", "200 groups=Operators roles=guest")
	}
	exact := w.claimd(t, twoTenants(w))
	named := claims{"groups": `CONTOSO\Team`}
	exact.ask(t, w.ada(t, named)).want(t, "a name of contoso's", `200 groups=CONTOSO\Team roles=`)
	exact.ask(t, w.mint(t, w.fabrikam, entratest.Request{User: "ada", Claims: named})).want(t, "from fabrikam", "403 no_group")
}

func oneWay(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `admin_group = "Bosses"`, groups: "Analysts = \"\"\nBosses = \"\"\nExtra = \"\"",
		more: "[[user]]\nid = \"" + adaObject + "\"\ngroups = [\"Extra\", \"Bosses\"]\n"})
	c.ask(t, w.ada(t, nil)).want(t, "what is local is added", "200 groups=Analysts,Bosses,Extra roles=")
	c.ask(t, w.ada(t, claims{"groups": []string{"Analysts", "Bosses"}})).want(t, "what the token gives stays", "200 groups=Analysts,Bosses,Extra roles= admin")
	user := "[[user]]\nid = \"" + adaObject + "\"\n"
	for _, key := range []string{"without_groups", "admin", "email"} {
		wantFaults(t, []flawed{{soundHead + user + key + " = true", "claimd.toml:10: user[0]." + key + ": unknown key"}})
	}
	before := c.whoami(t, w.ada(t, nil))
	a := fetch(t, http.MethodPost, c.gate+"/whoami", http.Header{"Authorization": {"Bearer " + w.ada(t, nil)}})
	if a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST /whoami: %d", a.status)
	}
	if after := c.whoami(t, w.ada(t, nil)); fmt.Sprint(before["groups"]) != fmt.Sprint(after["groups"]) {
		t.Errorf("groups %v, then %v", before["groups"], after["groups"])
	}
}
