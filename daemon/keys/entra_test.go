package keys_test

import (
	"errors"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
)

// The whole against a tenant: its keys in both versions, a rotation, a removal, and the ways in which it misbehaves.
func TestATenantsKeys(t *testing.T) {
	const id = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"
	tenant, err := entratest.Start(entratest.Directory{TenantID: id, APIs: []entratest.API{{ApplicationID: "17e1e12b-3908-4782-b7ca-f01bec2bd750"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tenant.Close()
	tenant.SetFaults(entratest.Faults{ExtraMembers: true, ShuffleKeys: true})
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	p := ring.Open(keys.Source{Name: "contoso", Authority: tenant.URL(), Tenant: id})
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Issuer(entra.V1) != tenant.Issuer(1) || p.Issuer(entra.V2) != tenant.Issuer(2) {
		t.Errorf("want the tenant's issuers, got %s and %s", p.Issuer(entra.V1), p.Issuer(entra.V2))
	}
	first := p.Status().Documents[1].Keys[0].ID
	second := tenant.Rotate()
	for _, version := range []entra.Version{entra.V1, entra.V2} {
		for _, key := range []string{first, second} {
			if got, err := p.Lookup(t.Context(), version, key); err != nil || got.ID != key {
				t.Errorf("%s %s: want the key, got %v, %v", version, key, got, err)
			}
		}
	}
	tenant.Remove(first)
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Lookup(t.Context(), entra.V2, first); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("removed: want ErrUnknown, got %v", err)
	}
	tenant.SetFaults(entratest.Faults{Status: 503})
	if err := p.Refresh(t.Context()); err == nil {
		t.Error("503: want an error, got none")
	}
	if _, err := p.Lookup(t.Context(), entra.V2, second); err != nil {
		t.Errorf("503: want the key still known, got %v", err)
	}
}
