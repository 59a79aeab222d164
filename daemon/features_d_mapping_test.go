package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfMapping are the rows D10 to D20: who the user is, and which groups and roles the claims give.
func rowsOfMapping() []row {
	return []row{
		{"D10", "the user is named after the oid, and no two callers have one name", userNames},
		{"D11", "the e-mail is optional, decides nothing and cannot break out of its header", emails},
		{"D12", "a value equal to a group's name is that group, and others are ignored", groupNames},
		{"D13", "roles are looked up by themselves, from the same claim or another", roleNames},
		{"D14", "default groups are added to every valid token, and must be declared", defaultGroups},
		{"D15", "whoever has no group is out, an administrator too", noGroup},
		{"D16", "default roles are added, and no role is needed", defaultRoles},
		{"D17", "names compare by bytes, or folded where root says so, and nothing else ever is", folding},
		{"D18", "a refusal leaves a line a second, without the token", denialLines},
		{"D19", "first and last names are optional", profileNames},
		{"D20", "the admin claim is exactly the admin value", adminClaim},
	}
}

func userNames(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for name, changes := range map[string]claims{
		"as it is":        nil,
		"renamed":         {"preferred_username": "root", "upn": "root@contoso.example", "email": "root@contoso.example", "name": "root"},
		"oid in capitals": {"oid": strings.ToUpper(adaObject)},
		"another sub":     {"sub": "root"},
	} {
		a := c.ask(t, w.ada(t, changes))
		a.want(t, name, letIn)
		a.wantHeader(t, "Remote-User", adaObject)
	}
	user := "[[user]]\nid = \"" + adaObject + "\"\n"
	wantFaults(t, []flawed{
		{soundHead + user + "[[user]]\nid = \"" + strings.ToUpper(adaObject) + "\"\n",
			"claimd.toml:11: user[1].id: user[0] has this id too\n  hint: keep one of the two; an id belongs to one user or one application"},
		{soundHead + user + "[[service_account]]\nobject_id = \"" + adaObject + "\"\ngroups = [\"Analysts\"]\n",
			"claimd.toml:11: service_account[0].object_id: user[0] has this id too\n  hint: keep one of the two; an id belongs to one user or one application"},
		{soundHead + "[[user]]\nid = \"ada\"\n",
			"claimd.toml:9: user[0].id: want a GUID, got \"ada\"\n  hint: the user claim is the object ID, shown under Users in the tenant"},
		{soundHead + strings.NewReplacer("[groups]\nAnalysts = \"\"\n", "", "contoso]", "fabrikam]", contosoTenant, fabrikamTenant).Replace(soundHead),
			"claimd.toml:2: groups.Analysts: named by \"Analysts\", which is no object ID: with several providers, another tenant could emit it\n" +
				"  hint: say whose tokens may name it: providers = [\"contoso\"]\n" +
				"claimd.toml:8: provider.fabrikam.user_prefix: want a prefix, got none: provider \"contoso\" has none either\n" +
				"  hint: write user_prefix at all providers but one, so that their users are told apart"},
	})
}

func emails(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for _, row := range []struct {
		email any
		want  string
	}{
		{"ada@contoso.example", "ada@contoso.example"},
		{"Ada Lovelace <ada@contoso.example>", "Ada Lovelace <ada@contoso.example>"},
		{"a\r\nRemote-Admin: true", "a%0D%0ARemote-Admin: true"},
		{"a\x00b", "a%00b"},
		{"müller@contoso.example", "m%C3%BCller@contoso.example"},
		{" a,b% ", "%20a%2Cb%25%20"},
		{[]string{"ada@contoso.example"}, ""},
		{7, ""},
		{true, ""},
		{claims{"a": 1}, ""},
		{"", ""},
		{nil, ""},
	} {
		a := c.ask(t, w.ada(t, claims{"email": row.email}))
		a.want(t, "e-mail", letIn)
		a.wantHeader(t, "Remote-Email", row.want)
		a.wantHeader(t, "Remote-Admin", "false")
		a.wantHeader(t, "Remote-User", adaObject)
	}
	off := w.claimd(t, plan{claims: `email = ""`})
	off.ask(t, w.ada(t, nil)).wantHeader(t, "Remote-Email", "")
}

func groupNames(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\nOperators = \"Analysts of the night\""})
	c.judge(t, []verdict{
		{"one of them", claims{"groups": []string{"New", "Analysts", "Newer"}}, letIn},
		{"both", claims{"groups": []string{"Operators", "Analysts"}}, "200 groups=Analysts,Operators roles="},
		{"the text beside a name is for people", claims{"groups": []string{"Analysts of the night"}}, "403 no_group"},
		{"none", claims{"groups": []string{"New", "Newer"}}, "403 no_group"},
	})
	status, err := c.admin.Status(t.Context())
	must(t, err)
	if status.Groups != 2 || status.Counts.Unmatched < 4 {
		t.Errorf("%d groups, %d unmatched values: want 2 groups and at least 4 values counted", status.Groups, status.Counts.Unmatched)
	}
}

func roleNames(t *testing.T, w *world) {
	pieces := plan{groups: "Analysts = \"\"\nBoth = \"\"", roles: "Both = \"\"\neditor = \"\"\nguest = \"\"", mapping: `default_roles = ["guest"]`}
	c := w.claimd(t, pieces)
	c.judge(t, []verdict{
		{"one claim for both", claims{"groups": []string{"Analysts", "editor"}}, "200 groups=Analysts roles=editor,guest"},
		{"a value that is both", claims{"groups": []string{"Both"}}, "200 groups=Both roles=Both,guest"},
		{"only a role", claims{"groups": []string{"editor"}}, "403 no_group"},
		{"the roles claim is not read", claims{"roles": []string{"editor"}}, "200 groups=Analysts roles=guest"},
	})
	pieces.claims = `roles = "roles"`
	apart := w.claimd(t, pieces)
	apart.judge(t, []verdict{
		{"app roles", claims{"roles": []string{"editor"}}, "200 groups=Analysts roles=editor,guest"},
		{"as a string", claims{"roles": "editor"}, "200 groups=Analysts roles=editor,guest"},
		{"absent: default roles only", nil, "200 groups=Analysts roles=guest"},
		{"groups give no roles", claims{"groups": []string{"Analysts", "editor", "Both"}}, "200 groups=Analysts,Both roles=guest"},
		{"roles give no groups", claims{"groups": nil, "roles": []string{"Analysts", "Both"}}, "403 no_group"},
		{"an object", claims{"roles": claims{"editor": true}}, "401 claim_type"},
	})
	pieces.claims = "groups = \"roles\"\nroles = \"roles\""
	asRoles := w.claimd(t, pieces)
	asRoles.judge(t, []verdict{
		{"groups emitted as roles", claims{"groups": nil, "roles": []string{"Analysts", "Both"}}, "200 groups=Analysts,Both roles=Both,guest"},
	})
}

func defaultGroups(t *testing.T, w *world) {
	c := w.claimd(t, plan{groups: "Analysts = \"\"\nEveryone = \"\"", mapping: `default_groups = ["Everyone"]`})
	c.judge(t, []verdict{
		{"beside those of the token", nil, "200 groups=Analysts,Everyone roles="},
		{"alone", claims{"groups": []string{"New"}}, "200 groups=Everyone roles="},
		{"named by the token too", claims{"groups": []string{"Everyone"}}, "200 groups=Everyone roles="},
		{"for a wrong audience", claims{"aud": otherAPIApp}, "401 audience"},
		{"for an expired token", claims{"exp": 1}, "401 expired"},
		{"for groups that cannot be read", claims{"groups": 7}, "401 claim_type"},
	})
	wantFaults(t, []flawed{
		{soundHead + "[mapping]\ndefault_groups = [\"Analists\"]",
			"claimd.toml:9: mapping.default_groups[0]: want a group that stands under [groups], got \"Analists\"\n  hint: did you mean \"Analysts\"?\n" +
				"notice: claimd.toml:9: mapping.default_groups: lets in every user of a tenant who comes through an allowed application\n" +
				"  hint: give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant"},
		{soundHead + "[mapping]\ndefault_groups = [\"Analysts\"]",
			"notice: claimd.toml:9: mapping.default_groups: lets in every user of a tenant who comes through an allowed application\n" +
				"  hint: give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant"},
	})
}

func noGroup(t *testing.T, w *world) {
	c := w.claimd(t, plan{provider: `admin_group = "` + adminGroupID + `"`, claims: `admin = "boss"`, roles: `editor = ""`, mapping: `default_roles = ["editor"]`})
	c.judge(t, []verdict{
		{"none in the token", claims{"groups": nil}, "403 no_group"},
		{"none that exists", claims{"groups": []string{"New"}}, "403 no_group"},
		{"an administrator by group", claims{"groups": []string{adminGroupID}}, "403 no_group"},
		{"an administrator by claim", claims{"groups": nil, "boss": "is_admin"}, "403 no_group"},
		{"with one", nil, "200 groups=Analysts roles=editor"},
	})
}

func defaultRoles(t *testing.T, w *world) {
	w.claimd(t, plan{}).ask(t, w.ada(t, nil)).want(t, "no role at all", letIn)
	c := w.claimd(t, plan{roles: "guest = \"\"\nAnalysts = \"\"", mapping: `default_roles = ["guest"]`})
	c.judge(t, []verdict{
		{"beside those of the token", nil, "200 groups=Analysts roles=Analysts,guest"},
		{"a role is no group", claims{"groups": nil}, "403 no_group"},
	})
	wantFaults(t, []flawed{{soundHead + "[roles]\nguest = \"\"\n[mapping]\ndefault_roles = [\"gest\"]",
		"claimd.toml:11: mapping.default_roles[0]: want a role that stands under [roles], got \"gest\"\n  hint: did you mean \"guest\"?"}})
}

func folding(t *testing.T, w *world) {
	names := plan{
		provider: "required_scopes = [\"read\"]\nadmin_group = \"Bosses\"", claims: `admin = "boss"`,
		groups: "Analysts = \"\"\n'Straße' = \"\"\n'Kelvin' = \"\"\n'istanbul' = \"\"", roles: `Analysts = ""`,
	}
	folded := names
	folded.mapping = "case_sensitive = false"
	exact, loose := w.claimd(t, names), w.claimd(t, folded)
	const in = "200 groups=Analysts roles=Analysts"
	for _, row := range []struct{ value, exact, loose string }{
		{"Analysts", in, in},
		{"analysts", "403 no_group", in},
		{"ANALYSTS", "403 no_group", in},
		{"\u212Aelvin", "403 no_group", "200 groups=Kelvin roles="}, // the Kelvin sign folds to k
		{"STRASSE", "403 no_group", "403 no_group"},
		{"Strasse", "403 no_group", "403 no_group"},
		{"STRAßE", "403 no_group", "200 groups=Stra%C3%9Fe roles="},
		{"\u0130STANBUL", "403 no_group", "403 no_group"},
		{"\u0131stanbul", "403 no_group", "403 no_group"},
		{"Analysts ", "403 no_group", "403 no_group"},
		{"Analysts\u200b", "403 no_group", "403 no_group"},
	} {
		changes := claims{"groups": []string{row.value}, "scp": "read"}
		exact.ask(t, w.ada(t, changes)).want(t, "exact "+row.value, row.exact)
		loose.ask(t, w.ada(t, changes)).want(t, "folded "+row.value, row.loose)
	}
	loose.judge(t, []verdict{
		{"a scope is never folded", claims{"scp": "Read"}, "403 scope"},
		{"nor the admin group", claims{"scp": "read", "groups": []string{"Analysts", "bosses"}}, in},
		{"which is one as it is", claims{"scp": "read", "groups": []string{"Analysts", "Bosses"}}, in + " admin"},
		{"nor the admin value", claims{"scp": "read", "boss": "IS_ADMIN"}, in},
		{"nor claim names", claims{"scp": "read", "Boss": "is_admin", "Groups": []string{"Kelvin"}}, in},
	})
	const notice = "\nnotice: claimd.toml:%: mapping.case_sensitive: group and role names compare without regard to case\n" +
		"  hint: leave it at true unless claim values arrive in several spellings"
	two := strings.Replace(soundHead, `Analysts = ""`, "Analysts = \"\"\nANALYSTS = \"\"", 1)
	const alike = `"ANALYSTS" and "Analysts" `
	wantFaults(t, []flawed{
		{two + "[mapping]\ncase_sensitive = false",
			"claimd.toml:3: groups.ANALYSTS: " + alike + "are equal where case is ignored\n  hint: keep one of them, or leave case_sensitive at true" +
				strings.Replace(notice, "%", "10", 1)},
		{two, "notice: claimd.toml:3: groups.ANALYSTS: " + alike + "differ by case only\n  hint: they are two different names; take one out if it was not meant"},
		{soundHead + "[mapping]\ncase_sensitive = false", strings.Replace(notice[1:], "%", "9", 1)},
	})
}

func denialLines(t *testing.T, w *world) {
	c := w.own(t, plan{})
	token := w.ada(t, claims{"groups": []string{"New"}})
	var first answer
	const refusals = 20
	for i := range refusals {
		a := c.ask(t, token)
		a.want(t, "refused", "403 no_group")
		if i == 0 {
			first = a
		}
	}
	lines := c.logs.FilterMessage("denied").All()
	line := lines[0].ContextMap()
	want := map[string]string{
		"reason": "no_group", "decision_id": first.header.Get("X-Claimd-Decision"), "provider": "contoso", "user": adaObject,
		"client": deskApp, "key_id": w.contoso.KeyIDs()[0], "unmatched": "1",
	}
	for name, value := range want {
		if got := fmt.Sprint(line[name]); got != value {
			t.Errorf("%s: %s, want %s", name, got, value)
		}
	}
	time.Sleep(time.Until(lines[len(lines)-1].Time.Add(time.Second + 10*time.Millisecond))) // a second after the last line
	c.ask(t, token)
	lines = c.logs.FilterMessage("denied").All()
	told := len(lines)
	for _, line := range lines {
		if suppressed, ok := line.ContextMap()["suppressed"]; ok { // left out where there are none
			n, err := strconv.Atoi(fmt.Sprint(suppressed))
			must(t, err)
			told += n
		}
	}
	if told != refusals+1 || len(lines) > refusals/2 {
		t.Errorf("%d lines tell of %d refusals, want a line a second that tell of %d", len(lines), told, refusals+1)
	}
	silent := w.own(t, plan{more: "[log]\ndenials = false\n"})
	a := silent.ask(t, token)
	a.want(t, "refused in silence", "403 no_group")
	if got := silent.logs.FilterMessage("denied").Len(); got != 0 {
		t.Errorf("%d lines, want none", got)
	}
	kept, err := silent.admin.Denials(t.Context(), a.header.Get("X-Claimd-Decision"))
	must(t, err)
	if len(kept) != 1 || kept[0].User != adaObject {
		t.Errorf("denials %+v, want the one", kept)
	}
	text, err := json.Marshal(kept)
	must(t, err)
	if part := tokenPart(string(text), token); part != "" {
		t.Errorf("denials holds %q of the token", part)
	}
}

func profileNames(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	for _, row := range []struct {
		first, last any
		want        string
	}{
		{"Ada", "Lovelace", "Ada Lovelace"},
		{"Ada", nil, "Ada"},
		{nil, "Lovelace", "Lovelace"},
		{nil, nil, ""},
		{"", jsonNull, ""},
		{7, []string{"Lovelace"}, ""},
		{"Ada", claims{"last": "Lovelace"}, "Ada"},
		{"Ada\n", "Łukasiewicz, Jan", "Ada%0A %C5%81ukasiewicz%2C Jan"},
	} {
		a := c.ask(t, w.ada(t, claims{"given_name": row.first, "family_name": row.last}))
		a.want(t, "names", letIn)
		a.wantHeader(t, "Remote-Name", row.want)
	}
	off := w.claimd(t, plan{claims: "first_name = \"\"\nlast_name = \"surname\""})
	off.ask(t, w.ada(t, claims{"surname": "King"})).wantHeader(t, "Remote-Name", "King")
	if got := off.whoami(t, w.ada(t, nil)); got["first_name"] != "" || got["last_name"] != "" {
		t.Errorf("whoami %v", got)
	}
}

func adminClaim(t *testing.T, w *world) {
	c := w.claimd(t, plan{claims: `admin = "isEclecticIQAdmin"`})
	for _, row := range []struct {
		name  string
		value any
		want  string
	}{
		{"exactly", "is_admin", letInBoss},
		{"in an array", []string{"x", "is_admin"}, letInBoss},
		{"alone in an array", []string{"is_admin"}, letInBoss},
		{"absent", nil, letIn},
		{"null", jsonNull, letIn},
		{"true", true, letIn},
		{"1", 1, letIn},
		{"in capitals", "IS_ADMIN", letIn},
		{"with a blank", "is_admin ", letIn},
		{"empty", "", letIn},
		{"in a list in a string", "x,is_admin", letIn},
		{"an object", claims{"is_admin": true}, letIn},
		{"an array with something else in it", []any{"is_admin", 1}, letIn},
		{"an array in an array", []any{[]string{"is_admin"}}, letIn},
	} {
		c.ask(t, w.ada(t, claims{"isEclecticIQAdmin": row.value})).want(t, row.name, row.want)
	}
	w.claimd(t, plan{}).ask(t, w.ada(t, claims{"isEclecticIQAdmin": "is_admin", "admin": "is_admin"})).want(t, "off unless configured", letIn)
	other := w.claimd(t, plan{provider: `admin_value = "chief"`, claims: `admin = "extn.rank"`})
	other.judge(t, []verdict{
		{"a directory extension", claims{"extn.rank": "chief"}, letInBoss},
		{"the default value", claims{"extn.rank": "is_admin"}, letIn},
		{"no path", claims{"extn": claims{"rank": "chief"}}, letIn},
	})
	header := http.Header{"Authorization": {"Bearer " + w.ada(t, claims{"isEclecticIQAdmin": "is_admin"})}}
	c.auth(t, header).wantHeader(t, "Remote-Admin", "true")
	app := w.mint(t, w.contoso, entratest.Request{Client: nightlyApp, Claims: claims{"isEclecticIQAdmin": "is_admin"}})
	accounts := withAccount(`admin = "isEclecticIQAdmin"`, "")
	w.claimd(t, accounts).ask(t, app).want(t, "a service account is never an administrator", "200 groups=Operators roles=viewer")
}
