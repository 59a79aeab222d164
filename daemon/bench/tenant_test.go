package bench

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

const (
	tenantID = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"
	apiID    = "17e1e12b-3908-4782-b7ca-f01bec2bd750"
	clientID = "36a0427c-4ca6-4bb6-afe2-804a729f14a1"
	userID   = "690222be-ff1a-4d56-abd1-7e4f7d38e474"

	localGroups = 20 // of the tenant's groups, those that the configuration declares
)

// tenant is a fake Entra tenant with one user in as many groups as a token needs.
type tenant struct {
	*entratest.Tenant
	groups []string
}

func startTenant(t *testing.T) *tenant {
	t.Helper()
	d := &tenant{groups: make([]string, 200)}
	for i := range d.groups {
		mixed := uint64(i+1) * 0x9e3779b97f4a7c15 // object IDs differ in all parts
		d.groups[i] = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", mixed>>32, mixed>>16&0xffff, mixed>>8&0xfff, mixed&0xfff, mixed*31>>16)
	}
	var err error
	d.Tenant, err = entratest.Start(entratest.Directory{
		TenantID: tenantID,
		APIs: []entratest.API{{
			ApplicationID: apiID, AccessTokenVersion: 2, Scopes: []string{"platform.read-write"},
			OptionalClaims: []string{"email", "given_name", "family_name"},
		}},
		Clients: []entratest.App{{ApplicationID: clientID, Name: "web"}},
		Users: []entratest.User{{
			ObjectID: userID, Name: "ada", Email: "ada@contoso.example", FirstName: "Ada", LastName: "Lovelace",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// requests signs that many different tokens of that many groups, and gives the request with each.
func (d *tenant) requests(t *testing.T, groups, count int) [][]byte {
	t.Helper()
	all := make([][]byte, count)
	change := entratest.Request{User: "ada", Claims: map[string]any{"groups": d.groups[:groups]}}
	workers := runtime.GOMAXPROCS(0)
	var minting sync.WaitGroup
	for worker := range workers {
		minting.Go(func() {
			for i := worker; i < count; i += workers {
				token, err := d.Mint(change)
				if err != nil {
					t.Error(err)
					return
				}
				all[i] = request(token)
			}
		})
	}
	minting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// request is what a gateway asks.
func request(token string) []byte {
	return []byte("GET /auth HTTP/1.1\r\nHost: 127.0.0.1:4180\r\nUser-Agent: Mozilla/5.0\r\nAccept: application/json\r\n" +
		"X-Original-Method: GET\r\nX-Original-Uri: /api/reports/7?format=pdf\r\nAuthorization: Bearer " + token + "\r\n\r\n")
}
