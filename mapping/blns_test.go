package mapping_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/vectors"
	"github.com/claimd/claimd/mapping"
)

// FAULTS 82 to 87: a group or role that differs by case, blanks, bidi marks or its Unicode form is another one; a NUL ends
// no name, and no name is a pattern. The big list of naughty strings has 511 that break programs which compare names in
// any cleverer way; here each is a group, a role and a user, and each claim value names what is equal to it alone.

// everyName declares a local group and a local role of each name, and gives each user of that id a role "user <index>".
func everyName(names []string) mapping.Rules {
	rules := mapping.Rules{CaseSensitive: true, Providers: []mapping.Provider{{Name: "contoso"}}}
	for i, name := range names {
		rules.Groups = append(rules.Groups, mapping.Local{Name: name})
		rules.Roles = append(rules.Roles, mapping.Local{Name: name}, mapping.Local{Name: fmt.Sprintf("the user %d", i)})
		rules.Users = append(rules.Users, mapping.User{Provider: "contoso", ID: name, Roles: []string{fmt.Sprintf("the user %d", i)}})
	}
	return rules
}

func mapped(t *testing.T, policy *mapping.Policy, id string, claims mapping.Claims) mapping.Identity {
	t.Helper()
	var trace mapping.Trace
	identity, err := policy.Provider("contoso").Map(id, claims, &trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range trace.Steps {
		for _, near := range step.Near {
			if near.Value == step.Value {
				t.Errorf("%+q nearly matches itself", step.Value)
			}
		}
	}
	return identity
}

// The 511 x 511 pairs of a claim value and a name: what a value names is compared with every name there is.
func TestANaughtyStringNamesItselfAlone(t *testing.T) {
	all := vectors.NaughtyStrings(t)
	names := all[1:] // a local name is not empty
	policy := compile(t, everyName(names))
	for i, value := range all {
		var group []string
		roles := []string{}
		if i > 0 {
			group, roles = []string{value}, []string{value}
		}
		// A claim value names a group in the groups claim, and a role in the roles claim, and nothing of the other kind.
		groups := mapped(t, policy, "nobody", mapping.Claims{Groups: str(value)})
		if !slices.Equal(groups.Groups, group) || len(groups.Roles) > 0 {
			t.Errorf("%+q as a group names %+q and %+q", value, groups.Groups, groups.Roles)
		}
		named := mapped(t, policy, "nobody", mapping.Claims{Roles: list("", value, value)})
		if !slices.Equal(named.Roles, roles) || len(named.Groups) > 0 {
			t.Errorf("%+q as a role names %+q and %+q", value, named.Roles, named.Groups)
		}
		id, err := policy.Provider("contoso").UserID(str(value))
		if i == 0 {
			if !errors.Is(err, mapping.ErrMissingClaim) {
				t.Errorf("an empty user id: got %v", err)
			}
			continue
		}
		user := mapped(t, policy, id, mapping.Claims{})
		if want := []string{fmt.Sprintf("the user %d", i-1)}; err != nil || user.User != value || !slices.Equal(user.Roles, want) {
			t.Errorf("%+q as a user is %+q with %q, want %q", value, user.User, user.Roles, want)
		}
	}
	everything := mapped(t, policy, "nobody", mapping.Claims{Groups: list(all...), Roles: list(all...)})
	if want := slices.Sorted(slices.Values(names)); !slices.Equal(everything.Groups, want) || !slices.Equal(everything.Roles, want) {
		t.Error("all values at once name something else than all names")
	}
	if everything.Unmatched != 1 {
		t.Errorf("%d values named nothing, want the empty one alone", everything.Unmatched)
	}
}

// The same of `values`: there a string stands for a group of another name.
func TestANaughtyStringAmongValuesNamesItsGroupAlone(t *testing.T) {
	rules := mapping.Rules{CaseSensitive: true, Providers: []mapping.Provider{{Name: "contoso", AdminGroup: "the last"}}}
	all := vectors.NaughtyStrings(t)
	for i, value := range all[1:] {
		rules.Groups = append(rules.Groups, mapping.Local{Name: fmt.Sprintf("g%d", i+1), Values: []string{value}})
	}
	policy := compile(t, rules)
	for i, value := range all {
		want := []string{fmt.Sprintf("g%d", i)}
		if i == 0 {
			want = nil
		}
		if got := mapped(t, policy, "nobody", mapping.Claims{Groups: str(value), Admin: str(value)}); !slices.Equal(got.Groups, want) || got.Admin {
			t.Errorf("%+q names %q, want %q; administrator %v", value, got.Groups, want, got.Admin)
		}
	}
}

// A string as the admin group or the admin value makes no administrator of any other.
func TestANaughtyAdminIsItselfAlone(t *testing.T) {
	all := vectors.NaughtyStrings(t)
	everyone := list(all...)
	for i, admin := range all[1:] {
		provider := mapping.Provider{Name: "contoso", AdminGroup: admin}
		if i%2 == 1 {
			provider = mapping.Provider{Name: "contoso", AdminValue: admin}
		}
		policy := compile(t, mapping.Rules{CaseSensitive: false, Providers: []mapping.Provider{provider}}).Provider("contoso")
		others := mapping.Value{Kind: mapping.Strings, List: slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == admin })}
		for _, test := range []struct {
			value mapping.Value
			want  bool
		}{{everyone, true}, {others, false}} {
			got, err := policy.Map("nobody", mapping.Claims{Groups: test.value, Admin: test.value}, nil)
			if err != nil || got.Admin != test.want {
				t.Errorf("%+q: administrator %v, want %v", admin, got.Admin, test.want)
			}
		}
	}
}

// Where case is ignored, a string names what strings.EqualFold calls equal, and names that are equal so are refused.
func TestFoldedNaughtyStringsAreAmbiguousOrNameWhatIsEqual(t *testing.T) {
	all := vectors.NaughtyStrings(t)
	rules := everyName(all[1:])
	rules.CaseSensitive, rules.Users = false, nil
	policy, faults := mapping.Compile(rules)
	if policy != nil {
		t.Error("names that are equal where case is ignored compile")
	}
	var got []string
	for _, fault := range faults {
		if !fault.Notice {
			got = append(got, fmt.Sprintf("%s: %s", fault.Path[0], fault.Problem))
			if want := "keep one of them, or leave case_sensitive at true"; fault.Hint != want {
				t.Errorf("hint %q, want %q", fault.Hint, want)
			}
		}
	}
	var want []string // three that are all equal are 3 of the 8 pairs, and 2 faults that name the first
	for _, table := range []string{"groups", "roles"} {
		for _, pair := range []string{
			`"NULL" and "null"`, `"NIL" and "nil"`, `"True" and "true"`, `"False" and "false"`, `"TRUE" and "true"`, `"FALSE" and "false"`,
		} {
			want = append(want, table+": "+pair+" are equal where case is ignored")
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	pairs := 0
	for i, a := range all {
		for _, b := range all[:i] {
			if strings.EqualFold(a, b) {
				pairs++
			}
		}
	}
	if pairs != 8 {
		t.Errorf("%d pairs are equal where case is ignored, want 8", pairs)
	}
	var unique []string
	for _, name := range all[1:] {
		if !slices.ContainsFunc(unique, func(other string) bool { return strings.EqualFold(name, other) }) {
			unique = append(unique, name)
		}
	}
	rules = everyName(unique)
	rules.CaseSensitive, rules.Users = false, nil
	folding := compile(t, rules)
	for _, value := range all {
		var want []string
		for _, name := range unique {
			if strings.EqualFold(value, name) {
				want = append(want, name)
			}
		}
		if got := mapped(t, folding, "nobody", mapping.Claims{Groups: str(value)}); !slices.Equal(got.Groups, want) || len(want) > 1 {
			t.Errorf("%+q names %+q, want %+q", value, got.Groups, want)
		}
	}
}
