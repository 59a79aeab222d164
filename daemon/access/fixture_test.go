package access

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/mapping"
)

func TestMain(m *testing.M) {
	code := m.Run()
	sharedTenant().Close()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// sharedTenant serves all tests that neither rotate its keys nor make it misbehave.
var sharedTenant = sync.OnceValue(startTenant)

func startTenant() *entratest.Tenant {
	tenant, err := entratest.Start(entratest.Sample())
	if err != nil {
		panic(err)
	}
	return tenant
}

// The sample directory's ids.
const (
	apiID        = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
	desktopApp   = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"
	exportApp    = "a1f75c38-62de-4b90-8d43-0be9c7248f15"
	exportObject = "e4b02d96-5a7f-4c31-9f68-7d15ac80b3e2"
	analysts     = "6d3a91f0-b54c-4e27-8a19-c20f6b7e58d4"
	visitors     = "2b8f64d1-c093-4a75-9e1d-83f7b05ac49e"
	reader       = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
)

// fixture is a gate in front of a tenant, both real.
type fixture struct {
	t      *testing.T
	tenant *entratest.Tenant
	ring   *keys.Ring
	now    time.Time
	config *config.Config
	gate   *Gate
}

// newFixture makes a gate whose configuration lets the desktop app in and knows the group Analysts; change edits it.
func newFixture(t *testing.T, change func(*config.Config)) *fixture {
	return makeFixture(t, sharedTenant(), nil, change)
}

// aloneFixture has a tenant of its own.
func aloneFixture(t *testing.T) *fixture {
	tenant := startTenant()
	t.Cleanup(tenant.Close)
	return makeFixture(t, tenant, nil, nil)
}

func loggedFixture(t *testing.T, log *zap.Logger, change func(*config.Config)) *fixture {
	return makeFixture(t, sharedTenant(), log, change)
}

func makeFixture(t *testing.T, tenant *entratest.Tenant, log *zap.Logger, change func(*config.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, tenant: tenant, now: time.Now()}
	f.ring = keys.NewRing(keys.Options{Now: func() time.Time { return f.now }})
	t.Cleanup(f.ring.Close)
	f.config = sampleConfig(tenant.URL())
	if change != nil {
		change(f.config)
	}
	f.gate = NewGate(f.compile(1), Options{Log: log, Now: func() time.Time { return f.now }})
	return f
}

func sampleConfig(authority string) *config.Config {
	cloud, _ := entra.CloudByName("global")
	return &config.Config{
		Enabled: true,
		Providers: []config.Provider{{
			Name: "contoso", TenantID: entratest.Sample().TenantID, ApplicationID: apiID, Cloud: cloud, Authority: authority,
			ClientApplicationIDs: []string{desktopApp}, ClockSkew: time.Minute, Guests: config.GuestsAllow, AdminValue: "is_admin",
			Claims: config.ClaimNames{
				User: "oid", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups", Roles: "groups",
			},
		}},
		Mapping: config.Mapping{CaseSensitive: true},
		Groups:  []config.Local{{Name: "Analysts", Values: []string{analysts}}},
		Server: config.Server{Headers: config.Headers{
			User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups",
			Roles: "Remote-Roles", Admin: "Remote-Admin", Provider: "Remote-Provider",
		}},
		Log: config.Log{Denials: true},
	}
}

// compile makes a Snapshot of the configuration as it is now, with fetched keys.
func (f *fixture) compile(generation uint64) *Snapshot {
	f.t.Helper()
	policy, faults := mapping.Compile(f.config.Rules())
	if policy == nil {
		f.t.Fatalf("the rules do not compile: %v", faults)
	}
	providers := map[string]*keys.Provider{}
	for _, p := range f.config.Providers {
		opened := f.ring.Open(keys.Source{Name: p.Name, Authority: p.Authority, Tenant: p.TenantID, ApplicationID: p.ApplicationID})
		if !opened.Live() {
			if err := opened.Refresh(context.Background()); err != nil {
				f.t.Fatal(err)
			}
		}
		providers[p.Name] = opened
	}
	return Compile(f.config, policy, providers, generation)
}

func (f *fixture) mint(request entratest.Request) string {
	f.t.Helper()
	if request.Issued.IsZero() {
		request.Issued = f.now
	}
	raw, err := f.tenant.Mint(request)
	if err != nil {
		f.t.Fatal(err)
	}
	return raw
}

func (f *fixture) decide(raw string) Decision {
	return f.gate.Decide(f.t.Context(), Request{Header: bearerHeader(raw)})
}

func bearerHeader(raw string) http.Header { return http.Header{"Authorization": {"Bearer " + raw}} }

func fieldsText(fields []Field) string {
	var lines []string
	for _, field := range fields {
		lines = append(lines, field.Name+": "+field.Value)
	}
	return strings.Join(lines, "\n")
}
