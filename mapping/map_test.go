package mapping_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/claimd/claimd/mapping"
)

const (
	ada     = "690222be-ff1a-4d56-abd1-7e4f7d38e474" // a user
	export  = "0d3c5f9e-4a52-4c1d-9a57-2f0f6f6f1b11" // a service account
	readers = "6cab8f93-8e22-4947-80c3-c6ed549cb47a" // a group of the tenant
)

func str(text string) mapping.Value { return mapping.Value{Kind: mapping.String, Text: text} }

func list(values ...string) mapping.Value { return mapping.Value{Kind: mapping.Strings, List: values} }

func names(names ...string) []mapping.Local {
	var locals []mapping.Local
	for _, name := range names {
		locals = append(locals, mapping.Local{Name: name})
	}
	return locals
}

// contoso gives the rules of one provider with Entra's ids, case-sensitive.
func contoso(groups, roles []mapping.Local) mapping.Rules {
	return mapping.Rules{
		CaseSensitive: true,
		Groups:        groups,
		Roles:         roles,
		Providers:     []mapping.Provider{{Name: "contoso", UserIsGUID: true}},
	}
}

// with gives a copy of rules that is changed in some way.
func with(rules mapping.Rules, change func(*mapping.Rules)) mapping.Rules {
	rules.Providers, rules.Groups = slices.Clone(rules.Providers), slices.Clone(rules.Groups)
	change(&rules)
	return rules
}

func compile(t testing.TB, rules mapping.Rules) *mapping.Policy {
	t.Helper()
	policy, faults := mapping.Compile(rules)
	if policy == nil {
		t.Fatalf("the rules have faults: %+v", faults)
	}
	return policy
}

// rights is what a test wants of an Identity; the zero value is no right at all and nothing unmatched.
type rights struct {
	groups, roles string // joined by |
	admin         bool
	unmatched     int
}

func rightsOf(identity mapping.Identity) rights {
	return rights{strings.Join(identity.Groups, "|"), strings.Join(identity.Roles, "|"), identity.Admin, identity.Unmatched}
}

func TestMap(t *testing.T) {
	admins := func(value, group string) func(*mapping.Rules) {
		return func(r *mapping.Rules) { r.Providers[0].AdminValue, r.Providers[0].AdminGroup = value, group }
	}
	plain := contoso(names("Analysts", "Operators", readers), names("Analysts", "reader"))
	folding := with(plain, func(r *mapping.Rules) { r.CaseSensitive = false })
	defaults := with(contoso(names("Everyone", "Analysts"), names("guest")), func(r *mapping.Rules) {
		r.DefaultGroups, r.DefaultRoles = []string{"Everyone"}, []string{"guest"}
	})
	named := contoso(
		[]mapping.Local{{Name: "Operators", Values: []string{readers, "ops"}}, {Name: "Staff", Values: []string{readers}}, {Name: "ops2"}},
		[]mapping.Local{{Name: "operator", Values: []string{readers}}})
	both := func(v mapping.Value) mapping.Claims { return mapping.Claims{Groups: v, Roles: v} }
	groups := func(values ...string) mapping.Claims { return mapping.Claims{Groups: list(values...)} }
	admin := func(v mapping.Value) mapping.Claims { return mapping.Claims{Groups: list("Analysts"), Admin: v} }

	tests := []struct {
		name   string
		rules  mapping.Rules
		claims mapping.Claims
		want   rights
	}{
		{"A8 duplicates collapse and the order is that of bytes", plain, groups("Operators", "Analysts", "Operators", readers, "Analysts"),
			rights{groups: readers + "|Analysts|Operators"}},
		{"A9 an absent claim gives nothing", plain, mapping.Claims{}, rights{}},
		{"A9 an absent claim leaves the defaults", defaults, mapping.Claims{}, rights{groups: "Everyone", roles: "guest"}},
		{"A9 an empty array gives nothing", plain, both(list()), rights{}},
		{"A9 an empty string names nothing and is counted", plain, groups(""), rights{unmatched: 1}},
		{"A9 an empty claim text names nothing and is counted", plain, both(str("")), rights{unmatched: 1}},
		{"A10 a string is one value", plain, mapping.Claims{Groups: str("Analysts")}, rights{groups: "Analysts"}},
		{"A10 a string is not split at commas", plain, mapping.Claims{Groups: str("Analysts,Operators")}, rights{unmatched: 1}},
		{"A10 a string is not split at blanks", plain, mapping.Claims{Groups: str("Analysts Operators")}, rights{unmatched: 1}},
		{"A10 a value is not trimmed", plain, groups(" Analysts", "Analysts ", "Analysts\n", "\tAnalysts"), rights{unmatched: 4}},
		{"A10 a value is not decoded", plain, groups("%41nalysts", "&#65;nalysts", "\\u0041nalysts", "QW5hbHlzdHM="), rights{unmatched: 4}},
		{"A12 names of domains with a backslash", contoso(names(`CONTOSO\Team A`, "a#b", "Zürich"), nil),
			groups(`CONTOSO\Team A`, "a#b", "Zürich", "Team A", `contoso\Team A`), rights{groups: `CONTOSO\Team A|Zürich|a#b`, unmatched: 2}},
		{"B6 C6 one group as a string is one group in an array", plain, both(str("Analysts")), rights{groups: "Analysts", roles: "Analysts"}},
		{"B12 admin is no substring of a group", with(contoso(names("admin", "not-admin"), nil), admins("", "admin")),
			groups("not-admin", "admin2", "xadmin"), rights{groups: "not-admin", unmatched: 2}},
		{"D12 values that name no group are ignored and counted", plain, groups("Analysts", "Strangers", "Strangers", "Others"),
			rights{groups: "Analysts", unmatched: 2}},
		{"D13 the same claim gives groups and roles", plain, both(list("Analysts", "reader", "x")),
			rights{groups: "Analysts", roles: "Analysts|reader", unmatched: 1}},
		{"D13 two claims are looked up apart", plain, mapping.Claims{Groups: list("reader", "Operators"), Roles: list("Operators", "Analysts")},
			rights{groups: "Operators", roles: "Analysts", unmatched: 1}},
		{"D13 a value in both claims is matched where it names something in one", plain,
			mapping.Claims{Groups: list("reader"), Roles: list("reader", "Operators")}, rights{roles: "reader", unmatched: 1}},
		{"D13 and the other way round", plain,
			mapping.Claims{Groups: list("Operators"), Roles: list("Operators", "reader")}, rights{groups: "Operators", roles: "reader"}},
		{"D13 a stranger in both claims is one value", plain,
			mapping.Claims{Groups: list("x", "y"), Roles: list("y", "z")}, rights{unmatched: 3}},
		{"D14 defaults are added to what matches", defaults, groups("Analysts"), rights{groups: "Analysts|Everyone", roles: "guest"}},
		{"D14 a default that the token names too is there once", defaults, groups("Everyone"), rights{groups: "Everyone", roles: "guest"}},
		{"D15 an administrator may have no group", with(plain, admins("is_admin", "")), mapping.Claims{Admin: str("is_admin")}, rights{admin: true}},
		{"D17 with case nothing folds", plain, groups("analysts", "ANALYSTS"), rights{unmatched: 2}},
		{"D17 without case the declared spelling comes out", folding, both(list("aNALYSTS", "OPERATORS", "READER")),
			rights{groups: "Analysts|Operators", roles: "Analysts|reader"}},
		{"D17 without case two spellings of a stranger are two values", folding, groups("x", "X"), rights{unmatched: 2}},
		{"D17 without case blanks still count", folding, groups("analysts "), rights{unmatched: 1}},
		{"D17 folding is simple: dotless i and sharp s",
			with(contoso(names("GRUPPI", "STRASSE", "Straße"), nil), func(r *mapping.Rules) { r.CaseSensitive = false }),
			groups("gruppı", "GRUPPİ", "strasse", "STRAẞE"), rights{groups: "STRASSE|Straße", unmatched: 2}},
		{"D17 the Kelvin sign folds to k", with(contoso(names("kiosk"), nil), func(r *mapping.Rules) { r.CaseSensitive = false }),
			groups("\u212aios\u212a", "\u212aio\u017fk"), rights{groups: "kiosk"}},
		{"D17 the admin value never folds", with(folding, admins("is_admin", "")), admin(str("IS_ADMIN")), rights{groups: "Analysts"}},
		{"D17 the admin group never folds", with(folding, admins("", "analysts")), groups("Analysts"), rights{groups: "Analysts"}},
		{"D17 an object ID folds like a name", folding, groups(strings.ToUpper(readers)), rights{groups: readers}},
		{"D20 the admin claim as a string", with(plain, admins("is_admin", "")), admin(str("is_admin")), rights{groups: "Analysts", admin: true}},
		{"D20 the admin claim as an array that holds it", with(plain, admins("is_admin", "")), admin(list("x", "is_admin")), rights{groups: "Analysts", admin: true}},
		{"D20 the admin claim as an array that does not", with(plain, admins("is_admin", "")), admin(list("x", "IS_ADMIN")), rights{groups: "Analysts"}},
		{"D20 the admin claim with a blank", with(plain, admins("is_admin", "")), admin(str("is_admin ")), rights{groups: "Analysts"}},
		{"D20 the admin claim as a number or true", with(plain, admins("is_admin", "")), admin(mapping.Value{Kind: mapping.Other, Text: "is_admin"}), rights{groups: "Analysts"}},
		{"D20 the admin claim absent, with a text left over", with(plain, admins("is_admin", "")), admin(mapping.Value{Text: "is_admin"}), rights{groups: "Analysts"}},
		{"D20 the admin value in the groups claim is no admin claim", with(plain, admins("is_admin", "")), groups("is_admin"), rights{unmatched: 1}},
		{"D21 the admin group in the groups claim, without a local group", with(plain, admins("", "Admins")), groups("Admins"), rights{admin: true}},
		{"D21 the admin group in the roles claim", with(plain, admins("", "Admins")), mapping.Claims{Roles: list("Admins")}, rights{admin: true}},
		{"D21 the admin group that is a local group too", with(plain, admins("", "Operators")), both(list("Operators", "x")),
			rights{groups: "Operators", admin: true, unmatched: 1}},
		{"D21 the admin group in another case", with(plain, admins("", "Admins")), groups("admins", "ADMINS"), rights{unmatched: 2}},
		{"D21 the admin group in the admin claim is nothing", with(plain, admins("", "Admins")), admin(str("Admins")), rights{groups: "Analysts"}},
		{"D21 a local group with the admin group among its values", with(named, admins("", "Operators")), groups("ops"), rights{groups: "Operators"}},
		{"D21 a default never makes an administrator",
			with(defaults, func(r *mapping.Rules) {
				r.Groups[0].Values = []string{"all-staff"}
				r.Providers[0].AdminGroup = "all-staff"
			}), mapping.Claims{}, rights{groups: "Everyone", roles: "guest"}},
		{"D22 empty settings match no empty value", with(plain, admins("", "")), mapping.Claims{Groups: list(""), Roles: str(""), Admin: str("")}, rights{unmatched: 1}},
		{"D22 empty settings match no empty value in an array", with(plain, admins("", "")), admin(list("", "is_admin")), rights{groups: "Analysts"}},
		{"D22 either of the two makes an administrator", with(plain, admins("is_admin", "Admins")),
			mapping.Claims{Groups: list("Admins"), Admin: str("no")}, rights{admin: true}},
		{"D25 values of the groups claim give no roles where roles are read elsewhere", plain,
			mapping.Claims{Groups: list("reader", "Analysts")}, rights{groups: "Analysts", unmatched: 1}},
		{"D26 a group named by its object ID", plain, groups(readers), rights{groups: readers}},
		{"D26 an object ID in upper case does not match", plain, groups(strings.ToUpper(readers)), rights{unmatched: 1}},
		{"D26 an object ID in braces or as urn does not match", plain, groups("{"+readers+"}", "urn:uuid:"+readers), rights{unmatched: 2}},
		{"D26 a group with a name of its own and the object ID among its values", named, groups("ops"), rights{groups: "Operators"}},
		{"D26 one value gives all groups and roles that list it", named, both(list(readers)), rights{groups: "Operators|Staff", roles: "operator"}},
		{"D26 a group with values is not named by its own name", named, both(list("Operators", "Staff", "operator")), rights{unmatched: 3}},
		{"D26 the text beside a group is for people",
			contoso([]mapping.Local{{Name: readers, Label: "Restricted"}}, nil), groups("Restricted"), rights{unmatched: 1}},
		{"D27 an object ID with no local group is ignored", plain, groups("00000000-0000-0000-0000-00000000abcd", readers), rights{groups: readers, unmatched: 1}},
		{"D29 a custom claim that is absent leaves the defaults", defaults, mapping.Claims{Groups: mapping.Value{}}, rights{groups: "Everyone", roles: "guest"}},
		{"F86 NUL ends no value", plain, groups("Analysts\x00", "Analysts\x00x", "\x00Analysts"), rights{unmatched: 3}},
		{"F87 an asterisk is no wildcard", contoso(names("*", "Team *"), nil), groups("Analysts", "Team 1"), rights{unmatched: 2}},
		{"F87 an asterisk is itself", contoso(names("*"), nil), groups("*"), rights{groups: "*"}},
		{"F87 groups and roles are separate name spaces", contoso(names("a"), names("b")), mapping.Claims{Groups: list("b"), Roles: list("a")}, rights{unmatched: 2}},
		{"F87 a group named like a user", contoso(names(ada), nil), mapping.Claims{Groups: list()}, rights{}},
		{"no rules at all", contoso(nil, nil), both(list("Analysts")), rights{unmatched: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			identity, err := compile(t, test.rules).Provider("contoso").Map(ada, test.claims, nil)
			if err != nil || rightsOf(identity) != test.want {
				t.Errorf("got %+v, %v\nwant %+v", rightsOf(identity), err, test.want)
			}
			if identity.Groups == nil || identity.Roles == nil {
				t.Error("groups or roles are nil, want empty lists")
			}
		})
	}
}

// Every pair of these differs in a way that people do not see, or that folding or normalisation would hide.
func TestOnlyTheSameBytesMatch(t *testing.T) {
	alike := []string{
		"Admins", "admins", "ADMINS", " Admins", "Admins ", "Admins\u00a0", "Ad mins", "Ad\u200bmins", "\u202eAdmins", "Admins\ufeff",
		"\u0410dmins", "Ａｄｍｉｎｓ", "Admın\u017f", "Admins\x00", "Admins\n", "Admins\r\n", "Ad\u00admins", "\"Admins\"", "Admins,", "Admins/",
		"Z\u00fcrich", "Zu\u0308rich", "Zürich", "ﬁnance", "finance", "Straße", "STRASSE", "\xff", "\xfe", "\ufffd",
	}
	alike = slices.Compact(slices.Sorted(slices.Values(alike)))
	for _, name := range alike {
		if !utf8.ValidString(name) {
			continue // no rule can hold it
		}
		contoso := compile(t, contoso(names(name), names(name))).Provider("contoso")
		for _, value := range alike {
			identity, err := contoso.Map(ada, mapping.Claims{Groups: list(value), Roles: list(value)}, nil)
			want := rights{unmatched: 1}
			if value == name {
				want = rights{groups: name, roles: name}
			}
			if err != nil || rightsOf(identity) != want {
				t.Errorf("%q against the name %q: %+v, %v", value, name, rightsOf(identity), err)
			}
		}
	}
}

func TestWhoTheCallerIs(t *testing.T) {
	rules := mapping.Rules{
		CaseSensitive: true,
		Providers:     []mapping.Provider{{Name: "contoso", UserPrefix: "c:", UserIsGUID: true}, {Name: "jumpcloud", UserPrefix: "j:"}},
		Groups: []mapping.Local{{Name: "Analysts", Providers: []string{"contoso", "jumpcloud"}}, {Name: "Contoso", Values: []string{"staff"}, Providers: []string{"contoso"}},
			{Name: "Jump", Values: []string{"staff"}, Providers: []string{"jumpcloud"}}},
		Users: []mapping.User{
			{Provider: "contoso", ID: strings.ToUpper(ada), Groups: []string{"Jump"}},
			{Provider: "jumpcloud", ID: "ada", Groups: []string{"Contoso"}},
		},
	}
	policy := compile(t, rules)
	tests := []struct {
		name, provider, id string
		claims             mapping.Claims
		want               mapping.Identity
	}{
		{"D10 the user is prefix and id, with the profile of the token", "contoso", ada,
			mapping.Claims{Email: str("ada@contoso.com"), FirstName: str("Ada"), LastName: str("Lovelace"), Groups: list("Analysts")},
			mapping.Identity{Provider: "contoso", ID: ada, User: "c:" + ada, Email: "ada@contoso.com", FirstName: "Ada", LastName: "Lovelace",
				Groups: []string{"Analysts", "Jump"}, Roles: []string{}}},
		{"D19 profile claims of another type are empty", "jumpcloud", "bob",
			mapping.Claims{Email: list("bob@contoso.com"), FirstName: mapping.Value{Kind: mapping.Other}, LastName: mapping.Value{Text: "B."}},
			mapping.Identity{Provider: "jumpcloud", ID: "bob", User: "j:bob", Groups: []string{}, Roles: []string{}}},
		{"B5 the e-mail address decides nothing", "jumpcloud", "eve",
			mapping.Claims{Email: str("ada")},
			mapping.Identity{Provider: "jumpcloud", ID: "eve", User: "j:eve", Email: "ada", Groups: []string{}, Roles: []string{}}},
		{"B11 what [[user]] adds", "jumpcloud", "ada", mapping.Claims{},
			mapping.Identity{Provider: "jumpcloud", ID: "ada", User: "j:ada", Groups: []string{"Contoso"}, Roles: []string{}}},
		{"an id that is no GUID compares by bytes", "jumpcloud", "Ada", mapping.Claims{},
			mapping.Identity{Provider: "jumpcloud", ID: "Ada", User: "j:Ada", Groups: []string{}, Roles: []string{}}},
		{"one value names what its provider may name", "jumpcloud", "bob", mapping.Claims{Groups: str("staff")},
			mapping.Identity{Provider: "jumpcloud", ID: "bob", User: "j:bob", Groups: []string{"Jump"}, Roles: []string{}}},
		{"the same value of another provider", "contoso", export, mapping.Claims{Groups: str("staff")},
			mapping.Identity{Provider: "contoso", ID: export, User: "c:" + export, Groups: []string{"Contoso"}, Roles: []string{}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := policy.Provider(test.provider).Map(test.id, test.claims, nil)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
	if policy.Provider("fabrikam") != nil || policy.Provider("") != nil {
		t.Error("a provider that is not declared has a policy")
	}
}

// The user claim names who calls; nothing that is empty or of another shape may (FAULTS 76).
func TestUserID(t *testing.T) {
	policy := compile(t, mapping.Rules{Providers: []mapping.Provider{{Name: "guid", UserIsGUID: true, UserPrefix: "g:"}, {Name: "text", UserPrefix: "t:"}}})
	tests := []struct {
		name           string
		claim          mapping.Value
		guid, text     string
		guidErr        error
		textErr        error
		guidMsg, textM string
	}{
		{name: "absent or null", claim: mapping.Value{}, guidErr: mapping.ErrMissingClaim, textErr: mapping.ErrMissingClaim,
			guidMsg: "the user claim is absent, null or empty", textM: "the user claim is absent, null or empty"},
		{name: "empty", claim: str(""), guidErr: mapping.ErrMissingClaim, textErr: mapping.ErrMissingClaim,
			guidMsg: "the user claim is absent, null or empty", textM: "the user claim is absent, null or empty"},
		{name: "an array of one", claim: list(ada), guidErr: mapping.ErrClaimType, textErr: mapping.ErrClaimType,
			guidMsg: "the user claim is no string", textM: "the user claim is no string"},
		{name: "a number", claim: mapping.Value{Kind: mapping.Other}, guidErr: mapping.ErrClaimType, textErr: mapping.ErrClaimType,
			guidMsg: "the user claim is no string", textM: "the user claim is no string"},
		{name: "a GUID", claim: str(ada), guid: ada, text: ada},
		{name: "a GUID in upper case", claim: str(strings.ToUpper(ada)), guid: ada, text: strings.ToUpper(ada)},
		{name: "a GUID in braces", claim: str("{" + ada + "}"), guidErr: mapping.ErrClaimType, guidMsg: "the user claim is no GUID", text: "{" + ada + "}"},
		{name: "a GUID with a wrong digit", claim: str("g" + ada[1:]), guidErr: mapping.ErrClaimType, guidMsg: "the user claim is no GUID", text: "g" + ada[1:]},
		{name: "a name", claim: str("ada"), guidErr: mapping.ErrClaimType, guidMsg: "the user claim is no GUID", text: "ada"},
		{name: "a blank is an id where ids are text", claim: str(" "), guidErr: mapping.ErrClaimType, guidMsg: "the user claim is no GUID", text: " "},
	}
	check := func(t *testing.T, provider string, claim mapping.Value, want string, wantErr error, message string) {
		t.Helper()
		got, err := policy.Provider(provider).UserID(claim)
		if got != want || !errors.Is(err, wantErr) || (wantErr == nil) != (err == nil) || err != nil && err.Error() != message {
			t.Errorf("%s: got %q, %v; want %q, %v %q", provider, got, err, want, wantErr, message)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check(t, "guid", test.claim, test.guid, test.guidErr, test.guidMsg)
			check(t, "text", test.claim, test.text, test.textErr, test.textM)
		})
	}
}

func TestAClaimOfAnotherShapeKeepsTheCallerOut(t *testing.T) {
	rules := contoso(names("Analysts"), names("reader"))
	rules.Providers[0].RolesForApps = true
	rules.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: export, Groups: []string{"Analysts"}}}
	contoso := compile(t, rules).Provider("contoso")
	const groups, roles = "the groups claim is neither a string nor an array of strings", "the roles claim is neither a string nor an array of strings"
	for _, kind := range []mapping.Kind{mapping.Other, 7} {
		other := mapping.Value{Kind: kind, Text: "Analysts", List: []string{"Analysts"}}
		var trace mapping.Trace
		_, groupsErr := contoso.Map(ada, mapping.Claims{Groups: other}, &trace)
		_, rolesErr := contoso.Map(ada, mapping.Claims{Groups: list("Analysts"), Roles: other}, &trace)
		_, appErr := contoso.MapAccount(export, other, &trace)
		for _, got := range []struct {
			err  error
			want string
		}{{groupsErr, groups}, {rolesErr, roles}, {appErr, roles}} {
			if !errors.Is(got.err, mapping.ErrClaimType) || got.err.Error() != got.want {
				t.Errorf("kind %d: got %v, want %q", kind, got.err, got.want)
			}
		}
		if len(trace.Steps) != 0 {
			t.Errorf("kind %d: the trace has %+v", kind, trace.Steps)
		}
	}
}

func TestServiceAccounts(t *testing.T) {
	rules := mapping.Rules{
		CaseSensitive: true,
		DefaultGroups: []string{"Everyone"},
		DefaultRoles:  []string{"guest"},
		Groups:        []mapping.Local{{Name: "Everyone", Providers: []string{"contoso"}}, {Name: "Operators", Providers: []string{"contoso"}}},
		Roles:         []mapping.Local{{Name: "guest", Providers: []string{"contoso"}}, {Name: "writer", Providers: []string{"contoso"}}, {Name: "reader", Providers: []string{"contoso"}}},
		Providers: []mapping.Provider{
			{Name: "contoso", UserIsGUID: true, UserPrefix: "c:", AdminValue: "is_admin", AdminGroup: "Admins", RolesForApps: true},
			{Name: "fabrikam", UserIsGUID: true, RolesForApps: false},
		},
		ServiceAccounts: []mapping.ServiceAccount{
			{Provider: "contoso", ObjectID: strings.ToUpper(export), Name: "nightly export", Groups: []string{"Operators", "Operators"}, Roles: []string{"writer"}},
			{Provider: "fabrikam", ObjectID: export},
		},
	}
	policy := compile(t, rules)
	tests := []struct {
		name, provider, id string
		roles              mapping.Value
		want               mapping.Identity
		err                error
	}{
		{"A14 groups from the entry, the id in any case", "contoso", strings.ToUpper(export), mapping.Value{},
			mapping.Identity{Provider: "contoso", ID: export, User: "c:" + export, ServiceAccount: true, Groups: []string{"Operators"}, Roles: []string{"writer"}}, nil},
		{"A14 the token's roles where roles are read from its roles claim", "contoso", export, list("reader", "reader", "x"),
			mapping.Identity{Provider: "contoso", ID: export, User: "c:" + export, ServiceAccount: true, Groups: []string{"Operators"}, Roles: []string{"reader", "writer"}, Unmatched: 1}, nil},
		{"an app is no administrator by the admin group", "contoso", export, list("Admins", "is_admin"),
			mapping.Identity{Provider: "contoso", ID: export, User: "c:" + export, ServiceAccount: true, Groups: []string{"Operators"}, Roles: []string{"writer"}, Unmatched: 2}, nil},
		{"roles of a token give no groups", "contoso", export, list("Everyone"),
			mapping.Identity{Provider: "contoso", ID: export, User: "c:" + export, ServiceAccount: true, Groups: []string{"Operators"}, Roles: []string{"writer"}, Unmatched: 1}, nil},
		{"the token's roles are not looked at where roles are read from elsewhere", "fabrikam", export, mapping.Value{Kind: mapping.Other},
			mapping.Identity{Provider: "fabrikam", ID: export, User: export, ServiceAccount: true, Groups: []string{}, Roles: []string{}}, nil},
		{"A14 an app that is not declared", "contoso", ada, list("reader"), mapping.Identity{}, mapping.ErrUnknownAccount},
		{"an id in braces", "contoso", "{" + export + "}", mapping.Value{}, mapping.Identity{}, mapping.ErrUnknownAccount},
		{"no id", "contoso", "", mapping.Value{}, mapping.Identity{}, mapping.ErrUnknownAccount},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			provider := policy.Provider(test.provider)
			got, err := provider.MapAccount(test.id, test.roles, nil)
			if !errors.Is(err, test.err) || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v, %v\nwant %+v, %v", got, err, test.want, test.err)
			}
			if has := provider.HasAccount(test.id); has != (test.err == nil) {
				t.Errorf("HasAccount = %v", has)
			}
		})
	}
}

// The caller may change the slices of its rules after Compile.
func TestAPolicyDoesNotShareItsRules(t *testing.T) {
	rules := contoso([]mapping.Local{{Name: "Analysts", Values: []string{"a"}, Providers: []string{"contoso"}}}, nil)
	rules.Users = []mapping.User{{Provider: "contoso", ID: ada, Groups: []string{"Analysts"}}}
	policy := compile(t, rules)
	rules.Groups[0].Values[0], rules.Groups[0].Providers[0], rules.Groups[0].Name = "b", "x", "y"
	rules.Users[0].Groups[0], rules.Providers[0] = "z", mapping.Provider{AdminGroup: "a"}
	var trace mapping.Trace
	got, err := policy.Provider("contoso").Map(ada, mapping.Claims{Groups: list("a", "A")}, &trace)
	if want := (rights{groups: "Analysts", unmatched: 1}); err != nil || rightsOf(got) != want {
		t.Errorf("got %+v, %v; want %+v", rightsOf(got), err, want)
	}
	if want := []mapping.Near{{What: "group", Name: "Analysts", Value: "a", Difference: mapping.ByCase}}; !reflect.DeepEqual(trace.Steps[0].Near, want) {
		t.Errorf("near %+v, want %+v", trace.Steps[0].Near, want)
	}
}

// Groups are kept as bits of words of 64: each must come back as itself, by itself and with all others.
func TestEachOfManyGroupsIsItself(t *testing.T) {
	var all []string
	for i := range 300 {
		all = append(all, objectID(i))
	}
	contoso := compile(t, contoso(names(all...), names(all...))).Provider("contoso")
	mapped := func(values ...string) mapping.Identity {
		identity, err := contoso.Map(ada, mapping.Claims{Groups: list(values...), Roles: list(values...)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return identity
	}
	for _, name := range all {
		if got, want := rightsOf(mapped(name)), (rights{groups: name, roles: name}); got != want {
			t.Fatalf("%s gives %+v", name, got)
		}
	}
	if got, want := mapped(all...), slices.Sorted(slices.Values(all)); !slices.Equal(got.Groups, want) || !slices.Equal(got.Roles, want) {
		t.Errorf("all values give %d groups and %d roles, want all %d in order", len(got.Groups), len(got.Roles), len(want))
	}
}
