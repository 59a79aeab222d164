package mapping_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/claimd/claimd/mapping"
)

// render writes a fault as one line: [notice] path: problem [| hint].
func render(f mapping.Fault) string {
	var b strings.Builder
	if f.Notice {
		b.WriteString("notice ")
	}
	for i, key := range f.Path {
		switch key := key.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", key)
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			if strings.ContainsFunc(key, func(r rune) bool { return r == ' ' || r > '~' || r < ' ' }) {
				key = strconv.QuoteToASCII(key)
			}
			b.WriteString(key)
		}
	}
	b.WriteString(": " + f.Problem)
	if f.Hint != "" {
		b.WriteString(" | " + f.Hint)
	}
	return b.String()
}

func renderAll(faults []mapping.Fault) []string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, render(f))
	}
	return lines
}

// normalize stands in for NFKC with the few characters that the tests use.
func normalize(s string) string { return normalizer.Replace(s) }

var normalizer = strings.NewReplacer("u\u0308", "\u00fc", "\ufb01", "fi", "\uff21", "A", "\uff16", "6", "\u00a0", " ", "\u017f", "s")

func TestFaultsOfRules(t *testing.T) {
	guid := func(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n) }
	two := func(r *mapping.Rules) {
		r.Providers = []mapping.Provider{{Name: "contoso", UserIsGUID: true}, {Name: "fabrikam", UserIsGUID: true, UserPrefix: "f:"}}
	}
	plain := contoso(names("Analysts", "Operators"), names("reader"))
	tests := []struct {
		name   string
		rules  mapping.Rules
		want   []string // every fault and notice, in order
		passes bool     // there is a Policy all the same
	}{
		{name: "rules without a fault", rules: plain, passes: true},
		{name: "nothing at all", rules: mapping.Rules{CaseSensitive: true}, passes: true},
		{name: "D14 a default group that is not declared", rules: with(plain, func(r *mapping.Rules) { r.DefaultGroups = []string{"Operators", "Strangers"} }), want: []string{
			`mapping.default_groups[1]: want a group that stands under [groups], got "Strangers" | declare it under [groups], or take it out here`,
			`notice mapping.default_groups: lets in every user of a tenant who comes through an allowed application | give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant`,
		}},
		{name: "D16 a default role that is not declared, near one that is", rules: with(plain, func(r *mapping.Rules) { r.DefaultRoles = []string{"raeder", "Reader", "reader "} }), want: []string{
			`mapping.default_roles[0]: want a role that stands under [roles], got "raeder" | did you mean "reader"?`,
			`mapping.default_roles[1]: want a role that stands under [roles], got "Reader" | did you mean "reader"?`,
			`mapping.default_roles[2]: want a role that stands under [roles], got "reader " | did you mean "reader"?`,
		}},
		{name: "D14 a default group twice", rules: with(plain, func(r *mapping.Rules) { r.DefaultGroups = []string{"Operators", "Operators"} }), want: []string{
			`notice mapping.default_groups[1]: "Operators" stands in this list twice`,
			`notice mapping.default_groups: lets in every user of a tenant who comes through an allowed application | give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant`,
		}, passes: true},
		{name: "a [[user]] with undeclared groups and roles", rules: with(plain, func(r *mapping.Rules) {
			r.Users = []mapping.User{{Provider: "contoso", ID: ada, Groups: []string{"Analysts", "analysts", "x"}, Roles: []string{"Analysts"}}}
		}), want: []string{
			`user[0].groups[1]: want a group that stands under [groups], got "analysts" | did you mean "Analysts"?`,
			`user[0].groups[2]: want a group that stands under [groups], got "x" | declare it under [groups], or take it out here`,
			`user[0].roles[0]: want a role that stands under [roles], got "Analysts" | declare it under [roles], or take it out here`,
		}},
		{name: "a [[service_account]] with undeclared groups and roles", rules: with(plain, func(r *mapping.Rules) {
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: export, Groups: []string{"Operator"}, Roles: []string{"reade"}}}
		}), want: []string{
			`service_account[0].groups[0]: want a group that stands under [groups], got "Operator" | did you mean "Operators"?`,
			`service_account[0].roles[0]: want a role that stands under [roles], got "reade" | did you mean "reader"?`,
		}},
		{name: "a [[user]] of an unknown provider", rules: with(plain, func(r *mapping.Rules) { r.Users = []mapping.User{{Provider: "contso", ID: ada}, {ID: ada}} }), want: []string{
			`user[0].provider: want the name of a provider, got "contso" | did you mean "contoso"?`,
			`user[1].provider: want the name of a provider, got "" | declared: "contoso"`,
		}},
		{name: "a [[service_account]] of an unknown provider", rules: with(plain, func(r *mapping.Rules) {
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "fabrikam", ObjectID: export}}
		}), want: []string{
			`service_account[0].provider: want the name of a provider, got "fabrikam" | declared: "contoso"`,
		}},
		{name: "callers where there is no provider", rules: with(plain, func(r *mapping.Rules) {
			r.Providers = nil
			r.Users = []mapping.User{{ID: ada}}
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: "x"}}
		}), want: []string{
			`user[0].provider: want the name of a provider, got "" | there is no [provider.NAME] yet`,
			`service_account[0].provider: want the name of a provider, got "contoso" | there is no [provider.NAME] yet`,
			`service_account[0].object_id: want a GUID, got "x" | take the object ID shown under Enterprise applications`,
		}},
		{name: "`providers` with unknown names", rules: with(plain, func(r *mapping.Rules) { r.Groups[0].Providers = []string{"contoso", "Contoso", "jumpcloud"} }), want: []string{
			`groups.Analysts.providers[1]: want the name of a provider, got "Contoso" | did you mean "contoso"?`,
			`groups.Analysts.providers[2]: want the name of a provider, got "jumpcloud" | declared: "contoso"`,
		}},
		{name: "`providers` with a name twice", rules: with(plain, func(r *mapping.Rules) { r.Groups[0].Providers = []string{"contoso", "contoso"} }), want: []string{
			`notice groups.Analysts.providers[1]: "contoso" stands in this list twice`,
		}, passes: true},
		{name: "`providers` and `values` that are empty", rules: with(plain, func(r *mapping.Rules) {
			r.Groups[0] = mapping.Local{Name: "Analysts", Values: []string{}, Providers: []string{}}
		}), want: []string{
			`groups.Analysts.values: want at least one value, got []: no token could name it | leave values out to match the name itself`,
			`groups.Analysts.providers: names no provider: want at least one, got [] | leave providers out to let every provider name it`,
		}},
		{name: "a value that is empty, and one twice", rules: with(plain, func(r *mapping.Rules) { r.Groups[0].Values = []string{"a", "", "a"} }), want: []string{
			`groups.Analysts.values[1]: want a value, got "": an empty claim value names nothing`,
			`notice groups.Analysts.values[2]: "a" stands in this list twice`,
		}},
		{name: "a name that is empty", rules: with(plain, func(r *mapping.Rules) {
			r.Groups = names("")
			r.Roles = []mapping.Local{{Name: "", Values: []string{"x"}}}
		}), want: []string{
			`groups.: want a name, got ""`,
			`roles.: want a name, got ""`,
		}},
		{name: "a name twice", rules: with(plain, func(r *mapping.Rules) { r.Groups = names("Analysts", "Analysts") }), want: []string{
			`groups.Analysts: "Analysts" stands here twice`,
		}},
		{name: "a provider without a name, and one twice", rules: with(plain, func(r *mapping.Rules) {
			r.Providers = []mapping.Provider{{Name: "a", UserPrefix: "1"}, {Name: "", UserPrefix: "2"}, {Name: "a", UserPrefix: "3"}}
			r.Groups, r.Roles = names(guid(1)), nil
		}), want: []string{
			`provider.: want a name, got ""`,
			`provider.a: provider "a" stands here twice`,
		}},
		{name: "D21 the admin group among the default groups", rules: with(plain, func(r *mapping.Rules) {
			r.DefaultGroups = []string{"Operators"}
			r.Providers[0].AdminGroup = "Operators"
		}), want: []string{
			`provider.contoso.admin_group: "Operators" stands in default_groups too, which every user has | take it out of default_groups: a default never makes an administrator`,
			`notice provider.contoso.admin_group: "Operators" is a name, and names of groups are not unique in a tenant | use the object ID of the group`,
			`notice mapping.default_groups: lets in every user of a tenant who comes through an allowed application | give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant`,
		}},
		{name: "A19 an admin group that is a name", rules: with(plain, func(r *mapping.Rules) { r.Providers[0].AdminGroup = "EclecticIQAdminsGroup" }), want: []string{
			`notice provider.contoso.admin_group: "EclecticIQAdminsGroup" is a name, and names of groups are not unique in a tenant | use the object ID of the group`,
		}, passes: true},
		{name: "A19 an admin group that is an object ID", rules: with(plain, func(r *mapping.Rules) { r.Providers[0].AdminGroup = readers }), passes: true},
		{name: "an admin group that is an object ID in another form", rules: with(plain, func(r *mapping.Rules) {
			r.Providers = []mapping.Provider{{Name: "contoso", AdminGroup: strings.ToUpper(readers)}}
		}), want: []string{
			`notice provider.contoso.admin_group: "6CAB8F93-8E22-4947-80C3-C6ED549CB47A" never matches: Entra ID writes object IDs in lower case | write "6cab8f93-8e22-4947-80c3-c6ed549cb47a"`,
		}, passes: true},
		{name: "an admin group that is an object ID in braces", rules: with(plain, func(r *mapping.Rules) {
			r.Providers = []mapping.Provider{{Name: "contoso", AdminGroup: "{" + readers + "}"}}
		}), want: []string{
			`notice provider.contoso.admin_group: "{6cab8f93-8e22-4947-80c3-c6ed549cb47a}" never matches: Entra ID writes object IDs as 36 plain characters | write "6cab8f93-8e22-4947-80c3-c6ed549cb47a"`,
		}, passes: true},
		{name: "with two providers a name without `providers`", rules: with(plain, func(r *mapping.Rules) {
			two(r)
			r.Groups = append(names(guid(1)), mapping.Local{Name: "Analysts"}, mapping.Local{Name: "Operators", Values: []string{guid(2), "ops"}}, mapping.Local{Name: "Staff", Values: []string{guid(3)}}, mapping.Local{Name: "Mine", Providers: []string{"fabrikam"}})
			r.Roles = names("reader")
		}), want: []string{
			`groups.Analysts: named by "Analysts", which is no object ID: with several providers, another tenant could emit it | say whose tokens may name it: providers = ["contoso"]`,
			`groups.Operators: named by "ops", which is no object ID: with several providers, another tenant could emit it | say whose tokens may name it: providers = ["contoso"]`,
			`roles.reader: named by "reader", which is no object ID: with several providers, another tenant could emit it | say whose tokens may name it: providers = ["contoso"]`,
			`notice groups: at provider "contoso" object IDs (3) and names (2) stand for groups, but a token of Entra ID holds one or the other | see with claimctl explain which of them the tokens hold`,
			`notice groups: at provider "fabrikam" object IDs (3) and names (3) stand for groups, but a token of Entra ID holds one or the other | see with claimctl explain which of them the tokens hold`,
		}},
		{name: "D17 without case, names that are equal", rules: with(plain, func(r *mapping.Rules) {
			r.CaseSensitive = false
			r.Groups = names("Analysts", "Operators", "ANALYSTS")
			r.Roles = names("kiosk", "\u212aiosk", "operators")
		}), want: []string{
			`notice mapping.case_sensitive: group and role names compare without regard to case | leave it at true unless claim values arrive in several spellings`,
			`groups.ANALYSTS: "ANALYSTS" and "Analysts" are equal where case is ignored | keep one of them, or leave case_sensitive at true`,
			`roles."\u212aiosk": "Kiosk" and "kiosk" are equal where case is ignored | keep one of them, or leave case_sensitive at true`,
		}},
		{name: "D17 without case, values that are equal", rules: with(plain, func(r *mapping.Rules) {
			r.CaseSensitive = false
			r.Groups = []mapping.Local{{Name: "A", Values: []string{"x", "y", "X"}}, {Name: "B", Values: []string{"x", "Y"}}, {Name: "Y"}}
		}), want: []string{
			`notice mapping.case_sensitive: group and role names compare without regard to case | leave it at true unless claim values arrive in several spellings`,
			`groups.A.values[2]: "X" and "x" are equal where case is ignored | keep one of them, or leave case_sensitive at true`,
			`groups.B.values[1]: "Y" and "y" are equal where case is ignored | keep one of them, or leave case_sensitive at true`,
		}},
		{name: "D17 without case, a name that is no value is no rival", rules: with(plain, func(r *mapping.Rules) {
			r.CaseSensitive = false
			r.Groups = []mapping.Local{{Name: "Ops", Values: []string{"x"}}, {Name: "Team", Values: []string{"ops"}}}
		}), want: []string{
			`notice mapping.case_sensitive: group and role names compare without regard to case | leave it at true unless claim values arrive in several spellings`,
		}, passes: true},
		{name: "D17 without case, an object ID in upper case", rules: with(plain, func(r *mapping.Rules) { r.CaseSensitive = false; r.Groups = names(strings.ToUpper(readers)) }), want: []string{
			`notice mapping.case_sensitive: group and role names compare without regard to case | leave it at true unless claim values arrive in several spellings`,
		}, passes: true},
		{name: "a [[user]] twice, in two spellings", rules: with(plain, func(r *mapping.Rules) {
			r.Users = []mapping.User{{Provider: "contoso", ID: ada}, {Provider: "contoso", ID: export}, {Provider: "contoso", ID: strings.ToUpper(ada)}}
		}), want: []string{
			`user[2].id: user[0] has this id too | keep one of the two; an id belongs to one user or one application`,
		}},
		{name: "a [[user]] whose ids are no GUIDs in two spellings are two", rules: with(plain, func(r *mapping.Rules) {
			r.Providers = []mapping.Provider{{Name: "jumpcloud"}}
			r.Users = []mapping.User{{Provider: "jumpcloud", ID: "ada"}, {Provider: "jumpcloud", ID: "Ada"}, {Provider: "jumpcloud", ID: "ada"}}
		}), want: []string{
			`user[2].id: user[0] has this id too | keep one of the two; an id belongs to one user or one application`,
		}},
		{name: "a [[service_account]] twice", rules: with(plain, func(r *mapping.Rules) {
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: export}, {Provider: "contoso", ObjectID: strings.ToUpper(export)}}
		}), want: []string{
			`service_account[1].object_id: service_account[0] has this id too | keep one of the two; an id belongs to one user or one application`,
		}},
		{name: "D10 a user and a service account with one id", rules: with(plain, func(r *mapping.Rules) {
			r.Users = []mapping.User{{Provider: "contoso", ID: export}}
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: export}}
		}), want: []string{
			`service_account[0].object_id: user[0] has this id too | keep one of the two; an id belongs to one user or one application`,
		}},
		{name: "D10 users of two providers with one user name", rules: with(plain, func(r *mapping.Rules) {
			r.Groups, r.Roles = names(guid(1)), nil
			r.Providers = []mapping.Provider{{Name: "a"}, {Name: "b", UserPrefix: "b-"}}
			r.Users = []mapping.User{{Provider: "b", ID: "1"}, {Provider: "a", ID: "b-1"}, {Provider: "a", ID: "1"}}
		}), want: []string{
			`provider.b.user_prefix: a user here can have the same user name as one of provider "a" | choose prefixes of which none begins with the other`,
			`user[1].id: user[0] of provider "b" has the same user name "b-1" | change user_prefix at one of the providers`,
		}},
		{name: "the same id at two providers is two users", rules: with(plain, func(r *mapping.Rules) {
			two(r)
			r.Groups, r.Roles = names(guid(1)), nil
			r.Users = []mapping.User{{Provider: "contoso", ID: ada}, {Provider: "fabrikam", ID: ada}}
		}), passes: true},
		{name: "ids that are no GUIDs", rules: with(plain, func(r *mapping.Rules) {
			r.Users = []mapping.User{{Provider: "contoso", ID: "ada"}, {Provider: "contoso", ID: ""}}
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: "{" + export + "}"}}
		}), want: []string{
			`user[0].id: want a GUID, got "ada" | the user claim is the object ID, shown under Users in the tenant`,
			`user[1].id: want the id of a user, got ""`,
			`service_account[0].object_id: want a GUID, got "{0d3c5f9e-4a52-4c1d-9a57-2f0f6f6f1b11}" | take the object ID shown under Enterprise applications`,
		}},
		{name: "two providers without a prefix", rules: with(plain, func(r *mapping.Rules) {
			two(r)
			r.Groups, r.Roles = names(guid(1)), nil
			r.Providers[1].UserPrefix = ""
		}), want: []string{
			`provider.fabrikam.user_prefix: want a prefix, got none: provider "contoso" has none either | write user_prefix at all providers but one, so that their users are told apart`,
		}},
		{name: "two providers with one prefix", rules: with(plain, func(r *mapping.Rules) {
			two(r)
			r.Groups, r.Roles = names(guid(1)), nil
			r.Providers[0].UserPrefix = "f:"
		}), want: []string{
			`provider.fabrikam.user_prefix: provider "contoso" has the prefix "f:" too | give each provider a prefix of its own`,
		}},
		{name: "prefixes whose users may be taken for one another", rules: with(plain, func(r *mapping.Rules) {
			r.Groups, r.Roles = names(guid(1)), nil
			r.Providers = []mapping.Provider{{Name: "a"}, {Name: "b", UserPrefix: "b:"}, {Name: "c", UserPrefix: "c:", UserIsGUID: true}}
		}), want: []string{
			`provider.b.user_prefix: a user here can have the same user name as one of provider "a" | choose prefixes of which none begins with the other`,
			`provider.c.user_prefix: a user here can have the same user name as one of provider "a" | choose prefixes of which none begins with the other`,
		}},
		{name: "a prefix that could begin a GUID", rules: with(plain, func(r *mapping.Rules) {
			r.Groups, r.Roles = names(guid(1)), nil
			r.Providers = []mapping.Provider{{Name: "a", UserIsGUID: true}, {Name: "b", UserPrefix: "beef"}, {Name: "c", UserPrefix: "cafe", UserIsGUID: true}, {Name: "d", UserPrefix: "d:"}}
		}), want: []string{
			`provider.b.user_prefix: a user here can have the same user name as one of provider "a" | choose prefixes of which none begins with the other`,
		}},
		{name: "D26 object IDs in upper case, in braces, as urn", rules: with(plain, func(r *mapping.Rules) {
			r.Groups = []mapping.Local{{Name: strings.ToUpper(readers)}, {Name: "A", Values: []string{"{" + guid(1) + "}", "urn:uuid:" + guid(2), strings.ReplaceAll(guid(3), "-", "")}}}
		}), want: []string{
			`notice groups.6CAB8F93-8E22-4947-80C3-C6ED549CB47A: "6CAB8F93-8E22-4947-80C3-C6ED549CB47A" never matches: Entra ID writes object IDs in lower case | write "6cab8f93-8e22-4947-80c3-c6ed549cb47a"`,
			`notice groups.A.values[0]: "{00000001-0000-4000-8000-000000000001}" never matches: Entra ID writes object IDs as 36 plain characters | write "00000001-0000-4000-8000-000000000001"`,
			`notice groups.A.values[1]: "urn:uuid:00000002-0000-4000-8000-000000000002" never matches: Entra ID writes object IDs as 36 plain characters | write "00000002-0000-4000-8000-000000000002"`,
			`notice groups.A.values[2]: "00000003000040008000000000000003" never matches: Entra ID writes object IDs as 36 plain characters | write "00000003-0000-4000-8000-000000000003"`,
		}, passes: true},
		{name: "F85 names that are not what they look like", rules: with(plain, func(r *mapping.Rules) {
			r.Groups, r.Roles = names("Zu\u0308rich", "A\u200bB", "tab\there", " Team", "Team  A", "Team\u00a0B", "Adm\u0456ns", "\u0410\u0411 Latin", "Team *", "NUL\x00"), names("\xff")
		}), want: []string{
			`notice groups."Zu\u0308rich": "Zu\u0308rich" is not in its Unicode normal form "Z\u00fcrich" | names are compared byte for byte`,
			`notice groups."A\u200bB": "A\u200bB" holds U+200B, which cannot be seen | names are compared byte for byte`,
			`notice groups."tab\there": "tab\there" holds U+0009, which cannot be seen | names are compared byte for byte`,
			`notice groups." Team": " Team" holds blanks at an end, in a row or of an uncommon kind | names are compared byte for byte`,
			`notice groups."Team  A": "Team  A" holds blanks at an end, in a row or of an uncommon kind | names are compared byte for byte`,
			`notice groups."Team\u00a0B": "Team\u00a0B" holds blanks at an end, in a row or of an uncommon kind | names are compared byte for byte`,
			`notice groups."Adm\u0456ns": "Adm\u0456ns" mixes letters of scripts that look alike | names are compared byte for byte`,
			`notice groups."Team *": "Team *" is no pattern: it matches only a claim value with the same asterisk`,
			`notice groups."NUL\x00": "NUL\x00" holds U+0000, which cannot be seen | names are compared byte for byte`,
			`roles."\xff": "\xff" is not valid UTF-8: no token can hold it`,
		}},
		{name: "F85 names that look alike", rules: with(plain, func(r *mapping.Rules) {
			r.Groups = []mapping.Local{{Name: "Analysts", Values: []string{"analysts"}}, {Name: "Operators"}, {Name: "operators"}, {Name: "Z\u00fcrich"}, {Name: "Zu\u0308rich"}, {Name: "X", Values: []string{"ANALYSTS "}}, {Name: readers}, {Name: "Y", Values: []string{strings.ToUpper(readers)}}}
		}), want: []string{
			`notice groups."Zu\u0308rich": "Zu\u0308rich" is not in its Unicode normal form "Z\u00fcrich" | names are compared byte for byte`,
			`notice groups.X.values[0]: "ANALYSTS " holds blanks at an end, in a row or of an uncommon kind | names are compared byte for byte`,
			`notice groups.Y.values[0]: "6CAB8F93-8E22-4947-80C3-C6ED549CB47A" never matches: Entra ID writes object IDs in lower case | write "6cab8f93-8e22-4947-80c3-c6ed549cb47a"`,
			`notice groups.operators: "operators" and "Operators" differ by case only | they are two different names; take one out if it was not meant`,
			`notice groups."Zu\u0308rich": "Zu\u0308rich" and "Z\u00fcrich" differ by Unicode form only | they are two different names; take one out if it was not meant`,
			`notice groups.X.values[0]: "ANALYSTS " and "Analysts" differ by blanks only | they are two different names; take one out if it was not meant`,
			`notice groups.Y.values[0]: "6CAB8F93-8E22-4947-80C3-C6ED549CB47A" and "6cab8f93-8e22-4947-80c3-c6ed549cb47a" differ by GUID form only | they are two different names; take one out if it was not meant`,
			`notice groups: at provider "contoso" object IDs (2) and names (6) stand for groups, but a token of Entra ID holds one or the other | see with claimctl explain which of them the tokens hold`,
		}, passes: true},
		{name: "F85 without a normal form the notices about it are left out", rules: with(plain, func(r *mapping.Rules) {
			r.Groups, r.Normalize = names("Z\u00fcrich", "Zu\u0308rich"), func(s string) string { return s }
		}), passes: true},
		{name: "A11 object IDs and names", rules: with(plain, func(r *mapping.Rules) {
			r.Groups = append(names("Analysts", "Operators"), mapping.Local{Name: "Staff", Values: []string{guid(1), guid(2), guid(3)}})
		}), want: []string{
			`notice groups: at provider "contoso" object IDs (3) and names (2) stand for groups, but a token of Entra ID holds one or the other | see with claimctl explain which of them the tokens hold`,
		}, passes: true},
		{name: "A11 names of groups that the configuration itself gives beside object IDs", rules: with(plain, func(r *mapping.Rules) {
			r.Groups = append(names("Analysts", "Operators"), mapping.Local{Name: "Staff", Values: []string{guid(1)}})
			r.Users = []mapping.User{{Provider: "contoso", ID: ada, Groups: []string{"Analysts"}}}
			r.ServiceAccounts = []mapping.ServiceAccount{{Provider: "contoso", ObjectID: export, Groups: []string{"Operators"}}}
		}), passes: true},
		{name: "A11 object IDs at one provider and names at the other", rules: with(plain, func(r *mapping.Rules) {
			two(r)
			r.Groups, r.Roles = append(names(guid(1)), mapping.Local{Name: "Analysts", Providers: []string{"fabrikam"}}), nil
			r.Groups[0].Providers = []string{"contoso"}
		}), passes: true},
		{name: "no group is declared", rules: with(plain, func(r *mapping.Rules) { r.Groups = nil }), want: []string{
			`notice groups: no group is declared, so nobody can pass | declare the groups that exist under [groups], one a line`,
		}, passes: true},
		{name: "an empty name among default groups", rules: with(plain, func(r *mapping.Rules) { r.DefaultGroups = []string{""} }), want: []string{
			`mapping.default_groups[0]: want a group that stands under [groups], got "" | declare it under [groups], or take it out here`,
			`notice mapping.default_groups: lets in every user of a tenant who comes through an allowed application | give groups to single users with [[user]], or by groups of the tenant, if not everyone is meant`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.rules.Normalize == nil {
				test.rules.Normalize = normalize
			}
			policy, faults := mapping.Compile(test.rules)
			if got := renderAll(faults); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if (policy != nil) != test.passes {
				t.Errorf("a policy: %v, want %v", policy != nil, test.passes)
			}
		})
	}
}

// A thousand wrong names must not cost a search each among ten thousand declared ones.
func TestSuggestionsAreGivenForTheFirstFewNamesOnly(t *testing.T) {
	rules := contoso(names("Analysts"), nil)
	for range 30 {
		rules.DefaultGroups = append(rules.DefaultGroups, "analysts")
	}
	_, faults := mapping.Compile(rules)
	hints := map[string]int{}
	for _, f := range faults {
		if !f.Notice {
			hints[f.Hint]++
		}
	}
	want := map[string]int{`did you mean "Analysts"?`: 20, "declare it under [groups], or take it out here": 10}
	if !maps.Equal(hints, want) {
		t.Errorf("got %v, want %v", hints, want)
	}
}

// Faults keep paths of their own: a path that shares its memory with another would be overwritten by it.
func TestPathsAreApart(t *testing.T) {
	rules := contoso([]mapping.Local{{Name: "A", Values: []string{"", ""}, Providers: []string{"x", "y"}}}, nil)
	_, faults := mapping.Compile(rules)
	got := map[string]bool{}
	for _, f := range faults {
		if !f.Notice {
			got[fmt.Sprint(f.Path)] = true
		}
	}
	want := map[string]bool{"[groups A values 0]": true, "[groups A values 1]": true, "[groups A providers 0]": true, "[groups A providers 1]": true}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
