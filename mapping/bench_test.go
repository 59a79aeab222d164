package mapping_test

import (
	"fmt"
	"testing"

	"github.com/claimd/claimd/mapping"
)

// BenchmarkMap maps 200 groups, the most that a token holds, against 10,000 local groups and as many roles.
func BenchmarkMap(b *testing.B) {
	for _, shape := range []struct {
		name          string
		step          int // which of the local groups the claim names: each, or hardly any
		caseSensitive bool
		oneClaim      bool
	}{
		{"all match", 1, true, true},
		{"few match", 1000, true, true},
		{"all match in two claims", 1, true, false},
		{"all match with case ignored", 1, false, true},
	} {
		b.Run(shape.name, func(b *testing.B) {
			rules := mapping.Rules{CaseSensitive: shape.caseSensitive, Providers: []mapping.Provider{{Name: "contoso", UserIsGUID: true}}}
			for i := range 10_000 {
				rules.Groups = append(rules.Groups, mapping.Local{Name: objectID(i)})
				rules.Roles = append(rules.Roles, mapping.Local{Name: fmt.Sprintf("role %d", i)})
			}
			policy, faults := mapping.Compile(rules)
			if policy == nil {
				b.Fatal(faults)
			}
			values := make([]string, 200)
			for i := range values {
				values[i] = objectID(i * 7 * shape.step)
			}
			claims := mapping.Claims{Groups: mapping.Value{Kind: mapping.Strings, List: values}}
			if shape.oneClaim {
				claims.Roles = claims.Groups
			} else {
				claims.Roles = mapping.Value{Kind: mapping.Strings, List: []string{"role 1", "role 2", "role x"}}
			}
			contoso := policy.Provider("contoso")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := contoso.Map("690222be-ff1a-4d56-abd1-7e4f7d38e474", claims, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkValues shows that the work grows with the number of values and no faster.
func BenchmarkValues(b *testing.B) {
	policy, _ := mapping.Compile(mapping.Rules{
		CaseSensitive: true,
		Providers:     []mapping.Provider{{Name: "contoso"}},
		Groups:        []mapping.Local{{Name: "Analysts"}},
	})
	for _, count := range []int{10, 100, 1000, 10_000} {
		values := make([]string, count)
		for i := range values {
			values[i] = objectID(i)
		}
		claims := mapping.Claims{Groups: mapping.Value{Kind: mapping.Strings, List: values}}
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			for b.Loop() {
				if _, err := policy.Provider("contoso").Map("ada", claims, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCompile compiles 10,000 local groups for three providers, as a reload does.
func BenchmarkCompile(b *testing.B) {
	rules := mapping.Rules{CaseSensitive: true, Normalize: normalize}
	for _, name := range []string{"a", "b", "c"} {
		rules.Providers = append(rules.Providers, mapping.Provider{Name: name, UserPrefix: name + ":", UserIsGUID: true})
	}
	for i := range 10_000 {
		rules.Groups = append(rules.Groups, mapping.Local{Name: objectID(i)})
	}
	for b.Loop() {
		if policy, faults := mapping.Compile(rules); policy == nil {
			b.Fatal(faults)
		}
	}
}

// objectID gives GUIDs that differ in all parts, as real ones do.
func objectID(i int) string {
	x := uint64(i+1) * 0x9e3779b97f4a7c15
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", x>>32, x>>16&0xffff, x>>8&0xfff, x&0xfff, x*31>>16)
}
