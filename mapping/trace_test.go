package mapping_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/claimd/claimd/mapping"
)

// show writes a trace as lines: source "value" -> what it matched ~ what it nearly matched.
func show(trace mapping.Trace) []string {
	var lines []string
	for _, s := range trace.Steps {
		line := fmt.Sprintf("%s %+q", s.Source, s.Value)
		if s.Matched() {
			line += " ->"
		}
		for _, g := range s.Groups {
			line += " group " + g
		}
		for _, r := range s.Roles {
			line += " role " + r
		}
		if s.Admin {
			line += " admin"
		}
		for _, n := range s.Near {
			line += fmt.Sprintf(" ~ %s %s %+q by %s", n.What, n.Name, n.Value, n.Difference)
		}
		lines = append(lines, line)
	}
	return lines
}

func expect(t *testing.T, trace mapping.Trace, want ...string) {
	t.Helper()
	if got := show(trace); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestATraceTellsWhereEachRightComesFrom(t *testing.T) {
	policy := compile(t, mapping.Rules{
		CaseSensitive: true,
		DefaultGroups: []string{"Everyone"},
		DefaultRoles:  []string{"guest"},
		Groups:        []mapping.Local{{Name: "Everyone"}, {Name: "Operators", Values: []string{"ops"}}, {Name: "Staff", Values: []string{"ops"}}},
		Roles:         names("guest", "ops"),
		Providers:     []mapping.Provider{{Name: "contoso", AdminValue: "is_admin", AdminGroup: "Admins", RolesForApps: true}},
		Users:         []mapping.User{{Provider: "contoso", ID: "ada", Groups: []string{"Staff"}, Roles: []string{"ops"}}},
		ServiceAccounts: []mapping.ServiceAccount{
			{Provider: "contoso", ObjectID: export, Groups: []string{"Staff", "Operators"}, Roles: []string{"guest"}},
		},
	})
	t.Run("a user", func(t *testing.T) {
		var trace mapping.Trace
		claims := mapping.Claims{Groups: list("x", "ops", "x", "Admins"), Roles: list("ops", "Admins"), Admin: list("no", "is_admin")}
		if _, err := policy.Provider("contoso").Map("ada", claims, &trace); err != nil {
			t.Fatal(err)
		}
		expect(t, trace,
			`groups claim "Admins" -> admin`,
			`groups claim "ops" -> group Operators group Staff`,
			`groups claim "x"`,
			`roles claim "Admins" -> admin`,
			`roles claim "ops" -> role ops`,
			`admin claim "is_admin" -> admin`,
			`admin claim "no"`,
			`default "Everyone" -> group Everyone`,
			`default "guest" -> role guest`,
			`[[user]] "Staff" -> group Staff`,
			`[[user]] "ops" -> role ops`)
	})
	t.Run("a service account is no administrator, and has no defaults", func(t *testing.T) {
		var trace mapping.Trace
		if _, err := policy.Provider("contoso").MapAccount(export, list("ops", "Admins", "admins"), &trace); err != nil {
			t.Fatal(err)
		}
		expect(t, trace,
			`roles claim "Admins"`,
			`roles claim "admins"`,
			`roles claim "ops" -> role ops`,
			`[[service_account]] "Operators" -> group Operators`,
			`[[service_account]] "Staff" -> group Staff`,
			`[[service_account]] "guest" -> role guest`)
	})
	t.Run("steps are added to those there are", func(t *testing.T) {
		trace := mapping.Trace{Steps: []mapping.Step{{Source: mapping.FromAdmin, Value: "before"}}}
		if _, err := policy.Provider("contoso").MapAccount(export, mapping.Value{}, &trace); err != nil || len(trace.Steps) != 4 {
			t.Errorf("%v, %q", err, show(trace))
		}
	})
	t.Run("no admin_group and no admin_value is near nothing", func(t *testing.T) {
		var trace mapping.Trace
		off := compile(t, contoso(nil, nil)).Provider("contoso")
		if _, err := off.Map(ada, mapping.Claims{Groups: list("", " "), Admin: str("\u200b")}, &trace); err != nil {
			t.Fatal(err)
		}
		expect(t, trace, `groups claim ""`, `groups claim " "`, `admin claim "\u200b"`)
	})
}

// Each value is what an administrator would swear is the declared one.
func TestNearMisses(t *testing.T) {
	rules := contoso(
		[]mapping.Local{
			{Name: "Analysts"},
			{Name: readers},
			{Name: "Team A"},
			{Name: "Z\u00fcrich"},
			{Name: "Operators", Values: []string{"ops", "{" + export + "}"}},
			{Name: "Other", Values: []string{"theirs"}, Providers: []string{"fabrikam"}},
			{Name: "1", Values: []string{"Many"}}, {Name: "2", Values: []string{"MANY"}}, {Name: "3", Values: []string{"mAny"}},
			{Name: "4", Values: []string{"maNy"}}, {Name: "5", Values: []string{"manY"}}, {Name: "6", Values: []string{"MAny"}},
		},
		[]mapping.Local{{Name: "reader"}, {Name: "writer", Providers: []string{"fabrikam"}}})
	for i := range rules.Groups {
		if rules.Groups[i].Providers == nil {
			rules.Groups[i].Providers = []string{"contoso", "fabrikam"}
		}
	}
	rules.Roles[0].Providers = []string{"contoso"}
	rules.Providers = append(rules.Providers, mapping.Provider{Name: "fabrikam", UserPrefix: "f:"})
	rules.Providers[0].AdminGroup, rules.Providers[0].AdminValue = "Admins", "is_admin"
	rules.Normalize = normalize
	upper := strings.ToUpper(readers)

	tests := []struct{ value, want string }{
		{"Analysts", `-> group Analysts`},
		{"Strangers", ``},
		{"Analyst", ``},
		{"", ``},
		{"analysts", `~ group Analysts "Analysts" by case`},
		{" Analysts", `~ group Analysts "Analysts" by blanks`},
		{"Analysts\n", `~ group Analysts "Analysts" by blanks`},
		{"Analysts\u00a0", `~ group Analysts "Analysts" by blanks`},
		{"Ana\u200blysts", `~ group Analysts "Analysts" by blanks`},
		{"\u202eAnalysts", `~ group Analysts "Analysts" by blanks`},
		{"Analysts\x00", `~ group Analysts "Analysts" by blanks`},
		{" analysts", `~ group Analysts "Analysts" by blanks`},
		{"Team  A", `~ group Team A "Team A" by blanks`},
		{"Team\u00a0A", `~ group Team A "Team A" by blanks`},
		{"Team\tA", `~ group Team A "Team A" by blanks`},
		{"TeamA", ``},
		{"\uff21nalysts", `~ group Analysts "Analysts" by Unicode form`},
		{"\uff21NALYSTS ", `~ group Analysts "Analysts" by Unicode form`},
		{"Analy\u017fts", `~ group Analysts "Analysts" by case`},
		{"Zu\u0308rich", `~ group Zürich "Z\u00fcrich" by Unicode form`},
		{"Zurich", ``},
		{"\u0410nalysts", ``},
		{readers, `-> group ` + readers},
		{upper, `~ group ` + readers + ` "` + readers + `" by GUID form`},
		{"{" + readers + "}", `~ group ` + readers + ` "` + readers + `" by GUID form`},
		{"(" + upper + ")", `~ group ` + readers + ` "` + readers + `" by GUID form`},
		{"urn:uuid:" + readers, `~ group ` + readers + ` "` + readers + `" by GUID form`},
		{"URN:UUID:{" + upper + "}", `~ group ` + readers + ` "` + readers + `" by GUID form`},
		{strings.ReplaceAll(readers, "-", ""), `~ group ` + readers + ` "` + readers + `" by GUID form`},
		{readers + " ", `~ group ` + readers + ` "` + readers + `" by blanks`},
		{"\uff16" + readers[1:], `~ group ` + readers + ` "` + readers + `" by Unicode form`},
		{export, `~ group Operators "{` + export + `}" by GUID form`},
		{"{" + readers, ``},
		{"Operators", ``},
		{"OPS", `~ group Operators "ops" by case`},
		{"theirs", `~ group Other "theirs" by provider`},
		{"THEIRS", ``},
		{"many", `~ group 1 "Many" by case ~ group 2 "MANY" by case ~ group 3 "mAny" by case ~ group 4 "maNy" by case ~ group 5 "manY" by case`},
		{"Admins", `-> admin`},
		{"ADMINS", `~ admin_group Admins "Admins" by case`},
		{"reader", ``},
	}
	contoso := compile(t, rules).Provider("contoso")
	for _, test := range tests {
		t.Run(fmt.Sprintf("%+q", test.value), func(t *testing.T) {
			var trace mapping.Trace
			if _, err := contoso.Map(ada, mapping.Claims{Groups: list(test.value)}, &trace); err != nil {
				t.Fatal(err)
			}
			expect(t, trace, strings.TrimSpace(fmt.Sprintf("groups claim %+q %s", test.value, test.want)))
		})
	}
	t.Run("roles and the admin claim", func(t *testing.T) {
		var trace mapping.Trace
		claims := mapping.Claims{Roles: list("Reader", "writer", "analysts", "admins"), Admin: list("IS_ADMIN", "is admin", "is_admin ")}
		if _, err := contoso.Map(ada, claims, &trace); err != nil {
			t.Fatal(err)
		}
		expect(t, trace,
			`roles claim "Reader" ~ role reader "reader" by case`,
			`roles claim "admins" ~ admin_group Admins "Admins" by case`,
			`roles claim "analysts"`,
			`roles claim "writer" ~ role writer "writer" by provider`,
			`admin claim "IS_ADMIN" ~ admin_value is_admin "is_admin" by case`,
			`admin claim "is admin"`,
			`admin claim "is_admin " ~ admin_value is_admin "is_admin" by blanks`)
	})
}

// Where case is ignored the admin group is not: a value may name a group and miss administration by case.
func TestAValueThatMatchesAGroupMayMissTheAdminGroup(t *testing.T) {
	rules := contoso([]mapping.Local{{Name: "Admins"}, {Name: "Other", Providers: []string{}}}, nil)
	rules.CaseSensitive = false
	rules.Groups[1].Providers = []string{"fabrikam"}
	rules.Groups[0].Providers = []string{"contoso"}
	rules.Providers = append(rules.Providers, mapping.Provider{Name: "fabrikam", UserIsGUID: true, UserPrefix: "f:"})
	rules.Providers[0].AdminGroup = "Admins"
	var trace mapping.Trace
	identity, err := compile(t, rules).Provider("contoso").Map(ada, mapping.Claims{Groups: list("ADMINS", "OTHER", "admins ")}, &trace)
	if want := (rights{groups: "Admins", unmatched: 2}); err != nil || rightsOf(identity) != want {
		t.Errorf("got %+v, %v; want %+v", rightsOf(identity), err, want)
	}
	expect(t, trace,
		`groups claim "ADMINS" -> group Admins ~ admin_group Admins "Admins" by case`,
		`groups claim "OTHER" ~ group Other "Other" by provider`,
		`groups claim "admins " ~ admin_group Admins "Admins" by blanks ~ group Admins "Admins" by blanks`)
}
