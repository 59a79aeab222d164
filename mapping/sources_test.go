package mapping_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/claimd/claimd/mapping"
)

// told is what a Trace tells of sources: the first step that gives a name, and the claim values that named nothing in any
// of the claims they stand in.
func told(trace mapping.Trace) mapping.Sources {
	groups, roles, matched := map[string]mapping.Source{}, map[string]mapping.Source{}, map[string]bool{}
	first := func(of map[string]mapping.Source, names []string, source mapping.Source) {
		for _, name := range names {
			if _, ok := of[name]; !ok {
				of[name] = source
			}
		}
	}
	isClaim := func(s mapping.Step) bool { return s.Source == mapping.FromGroups || s.Source == mapping.FromRoles }
	for _, s := range trace.Steps {
		first(groups, s.Groups, s.Source)
		first(roles, s.Roles, s.Source)
		matched[s.Value] = matched[s.Value] || isClaim(s) && s.Matched()
	}
	list := func(of map[string]mapping.Source) []mapping.Given {
		given := []mapping.Given{}
		set := map[string]bool{}
		for name := range of {
			set[name] = true
		}
		for _, name := range sorted(set) {
			given = append(given, mapping.Given{Name: name, Source: of[name]})
		}
		return given
	}
	sources := mapping.Sources{Groups: list(groups), Roles: list(roles)}
	for _, s := range trace.Steps {
		switch {
		case matched[s.Value]:
		case s.Source == mapping.FromGroups:
			sources.UnmatchedGroups = append(sources.UnmatchedGroups, s.Value)
		case s.Source == mapping.FromRoles:
			sources.UnmatchedRoles = append(sources.UnmatchedRoles, s.Value)
		}
	}
	return sources
}

// The record of a user tells of each group where it came from, for every token: a Trace would tell the same and cost more.
func TestSourcesAreThoseOfTheTrace(t *testing.T) {
	for seed := range uint64(200) {
		d := roll(seed)
		w := newDraw(t, d)
		for range 20 {
			claims := d.claims()
			for _, p := range w.rules.Providers {
				mine := w.policy.Provider(p.Name)
				var trace, ofAccount mapping.Trace
				identity, err := mine.Map("ada", claims, &trace)
				if err != nil {
					t.Fatal(err)
				}
				got := mine.UserSources("ada", claims)
				if want := told(trace); !reflect.DeepEqual(got, want) {
					t.Fatalf("rules  %+v\nclaims %+v\ngot  %+v\nwant %+v", w.rules, claims, got, want)
				}
				strangers := map[string]bool{}
				add(strangers, got.UnmatchedGroups)
				add(strangers, got.UnmatchedRoles)
				if len(strangers) != identity.Unmatched {
					t.Fatalf("%d strangers, want %d", len(strangers), identity.Unmatched)
				}
				if _, err := mine.MapAccount(export, claims.Roles, &ofAccount); err != nil {
					t.Fatal(err)
				}
				if got, want := mine.AccountSources(export, claims.Roles), told(ofAccount); !reflect.DeepEqual(got, want) {
					t.Fatalf("rules  %+v\naccount with %+v\ngot  %+v\nwant %+v", w.rules, claims.Roles, got, want)
				}
			}
		}
	}
}

func TestAUserIsDeclaredByTheIDThatIsMapped(t *testing.T) {
	rules := contoso(names("a"), nil)
	rules.Users = []mapping.User{{Provider: "contoso", ID: ada}}
	policy := compile(t, rules).Provider("contoso")
	if !policy.HasUser(ada) || policy.HasUser("ada") || policy.HasUser("") {
		t.Error("got another user")
	}
}

// BenchmarkSources makes the record of 200 groups, and the Trace that would tell the same.
func BenchmarkSources(b *testing.B) {
	rules := mapping.Rules{CaseSensitive: true, Providers: []mapping.Provider{{Name: "contoso", UserIsGUID: true}}}
	for i := range 10_000 {
		rules.Groups = append(rules.Groups, mapping.Local{Name: objectID(i)})
	}
	policy, faults := mapping.Compile(rules)
	if policy == nil {
		b.Fatal(faults)
	}
	contoso := policy.Provider("contoso")
	for _, known := range []int{200, 5} {
		values := make([]string, 200)
		for i := range values {
			values[i] = objectID(i)
			if i >= known {
				values[i] = objectID(i + 20_000)
			}
		}
		claims := mapping.Claims{Groups: mapping.Value{Kind: mapping.Strings, List: values}}
		claims.Roles = claims.Groups
		b.Run(fmt.Sprintf("%d known", known), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := contoso.UserSources(ada, claims); len(got.Groups) != known {
					b.Fatal(len(got.Groups))
				}
			}
		})
		b.Run(fmt.Sprintf("%d known, by a Trace", known), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var trace mapping.Trace
				if got, err := contoso.Map(ada, claims, &trace); err != nil || len(got.Groups) != known {
					b.Fatal(err)
				}
			}
		})
	}
}
