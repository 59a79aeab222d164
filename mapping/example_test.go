package mapping_test

import (
	"fmt"

	"github.com/claimd/claimd/mapping"
)

// A token's groups claim holds an object ID, a name that is declared, and one that is not quite.
func Example() {
	policy, faults := mapping.Compile(mapping.Rules{
		CaseSensitive: true,
		DefaultGroups: []string{"Everyone"},
		Groups: []mapping.Local{
			{Name: "Everyone"},
			{Name: "Analysts"},
			{Name: "Operators", Values: []string{"6cab8f93-8e22-4947-80c3-c6ed549cb47a"}},
		},
		Roles: []mapping.Local{{Name: "Analysts"}},
		Providers: []mapping.Provider{
			{Name: "contoso", UserPrefix: "contoso:", UserIsGUID: true, AdminValue: "is_admin"},
		},
	})
	for _, fault := range faults {
		fmt.Println(fault.Path, fault.Problem)
	}

	groups := mapping.Value{
		Kind: mapping.Strings,
		List: []string{"6cab8f93-8e22-4947-80c3-c6ed549cb47a", "Analysts", "analysts"},
	}
	claims := mapping.Claims{
		Groups: groups,
		Roles:  groups, // both are read from one claim
	}
	contoso := policy.Provider("contoso")
	id, err := contoso.UserID(mapping.Value{Kind: mapping.String, Text: "690222BE-FF1A-4D56-ABD1-7E4F7D38E474"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var trace mapping.Trace
	identity, err := contoso.Map(id, claims, &trace)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(identity.User)
	fmt.Println("groups:", identity.Groups)
	fmt.Println("roles:", identity.Roles)
	fmt.Println("admin:", identity.Admin)
	for _, step := range trace.Steps {
		for _, near := range step.Near {
			fmt.Printf("%s: %s nearly is %s %s (%s)\n", step.Source, step.Value, near.What, near.Name, near.Difference)
		}
	}
	// Output:
	// [mapping default_groups] lets in every user of a tenant who comes through an allowed application
	// [groups] at provider "contoso" object IDs (1) and names (1) stand for groups, but a token of Entra ID holds one or the other
	// contoso:690222be-ff1a-4d56-abd1-7e4f7d38e474
	// groups: [Analysts Everyone Operators]
	// roles: [Analysts]
	// admin: false
	// groups claim: analysts nearly is group Analysts (case)
	// roles claim: analysts nearly is role Analysts (case)
}
