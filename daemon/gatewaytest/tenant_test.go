package gatewaytest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

const (
	tenantID  = "3d0f6b92-7e41-4c58-9a26-b85d1ec47f03"
	apiID     = "a94e2d17-5c60-4fb3-8e91-07c3d6b2f58a"
	clientID  = "6b18f0c4-d2a7-4935-b06e-e41975ac83fd"
	adaID     = "52e7c913-0f8b-4da6-a1c4-9b36e05d7f28" // in Analysts
	olgaID    = "c06a4e8d-9b15-4372-8df0-3e7f51a9c264" // in Analysts and Operators
	crowdedID = "e8f31b57-4ac2-4096-b7d3-150c8e6f92ad" // in 200 groups and roles, all of them local
	namedID   = "0b7d95e2-81f6-4ca3-9e40-d6c2a8137f5b" // in Analysts and in 250 groups with long names
)

// manyGroups are 200 object IDs.
func manyGroups() []string {
	ids := make([]string, 200)
	for i := range ids {
		mixed := uint64(i+1) * 0x9e3779b97f4a7c15 // object IDs differ in all parts
		ids[i] = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", mixed>>32, mixed>>16&0xffff, mixed>>8&0xfff, mixed&0xfff, mixed*31>>16)
	}
	return ids
}

// startTenant serves the tenant until the test ends.
func startTenant(t *testing.T) *entratest.Tenant {
	t.Helper()
	names := []string{"Analysts"}
	for i := range 190 {
		names = append(names, fmt.Sprintf("%s-%03d", strings.Repeat("g", 108), i))
	}
	tenant, err := entratest.Start(entratest.Directory{
		TenantID: tenantID,
		APIs: []entratest.API{{
			ApplicationID: apiID, AccessTokenVersion: 2, Scopes: []string{"read"}, OptionalClaims: []string{"email", "given_name", "family_name"},
		}},
		Clients: []entratest.App{{ApplicationID: clientID, Name: "web"}},
		Users: []entratest.User{
			{ObjectID: adaID, Name: "ada", FirstName: "Ada", LastName: "Lovelace", Claims: map[string]any{"groups": []string{"Analysts"}, "email": nil}},
			{ObjectID: olgaID, Name: "olga", Email: "olga@contoso.example", Claims: map[string]any{"groups": []string{"Analysts", "Operators"}}},
			{ObjectID: crowdedID, Name: "crowded", Claims: map[string]any{"groups": manyGroups()}},
			{ObjectID: namedID, Name: "named", Claims: map[string]any{"groups": names}},
			{ObjectID: "7c4f0a6e-2d93-4b81-95ea-fd0863b7c12e", Name: "stranger", Claims: map[string]any{"groups": []string{"Visitors"}}},
		},
	})
	must(t, err)
	t.Cleanup(tenant.Close)
	return tenant
}

// tokens are signed once for all gateways; "" is nobody's.
func mintAll(t *testing.T, tenant *entratest.Tenant) map[string]string {
	t.Helper()
	tokens := map[string]string{"": ""}
	for _, user := range []string{"ada", "olga", "crowded", "named", "stranger"} {
		token, err := tenant.Mint(entratest.Request{User: user, Lifetime: 2 * time.Hour})
		must(t, err)
		tokens[user] = token
	}
	expired, err := tenant.Mint(entratest.Request{User: "ada", Issued: time.Now().Add(-5 * time.Hour), Lifetime: time.Hour})
	must(t, err)
	tokens["expired"] = expired
	for user, least := range map[string]int{"crowded": 10 << 10, "named": 28 << 10} {
		if size := len(tokens[user]); size < least || size > 32<<10 {
			t.Fatalf("the token of %s has %d bytes", user, size)
		}
	}
	return tokens
}

func must(t *testing.T, problems ...error) {
	t.Helper()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
}
