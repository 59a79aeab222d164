package token

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/vectors"
)

// readVectors decodes one file of Wycheproof, whose groups are of the type G, and checks that it is all there.
func readVectors[G any](t *testing.T, name string, testsOf func(G) int) []G {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(vectors.Dir(t), "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NumberOfTests int
		TestGroups    []G
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	found := 0
	for _, group := range file.TestGroups {
		found += testsOf(group)
	}
	if found != file.NumberOfTests || found == 0 {
		t.Fatalf("%s: want %d tests, got %d", name, file.NumberOfTests, found)
	}
	return file.TestGroups
}

// publisher is a tenant that publishes the key sets of others, so that their keys go the way of every key: fetched,
// checked and found by their id.
type publisher struct {
	tenant *entratest.Tenant
	ring   *keys.Ring
	opened int
}

func startPublisher(t *testing.T) *publisher {
	t.Helper()
	tenant, err := entratest.Start(entratest.Directory{
		TenantID: tenantID,
		APIs:     []entratest.API{{ApplicationID: apiID, AccessTokenVersion: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tenant.Close() })
	client, err := keys.NewClient(keys.Outbound{})
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{tenant: tenant, ring: keys.NewRing(keys.Options{Client: client})}
	t.Cleanup(p.ring.Close)
	return p
}

// publish serves the key set, or the one key, and gives a provider that has fetched it, and how the fetch ended. Each
// has a source of its own: a bad set would leave it the keys of the one before.
func (p *publisher) publish(t *testing.T, set []byte) (*keys.Provider, error) {
	t.Helper()
	var has struct{ Keys json.RawMessage }
	if err := json.Unmarshal(set, &has); err != nil {
		t.Fatal(err)
	}
	if has.Keys == nil {
		set = fmt.Appendf(nil, `{"keys":[%s]}`, set)
	}
	p.tenant.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if strings.HasSuffix(what, "keys") {
			return set
		}
		return body
	}})
	p.opened++
	provider := p.ring.Open(keys.Source{Name: fmt.Sprintf("set-%d", p.opened), Authority: p.tenant.URL(), Tenant: tenantID, ApplicationID: apiID})
	return provider, provider.Refresh(t.Context())
}
