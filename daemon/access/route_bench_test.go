package access

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
)

// BenchmarkAKeptIdentityAndRoutes asks with one token whose identity is kept: without routes, with one, and with 100.
func BenchmarkAKeptIdentityAndRoutes(b *testing.B) {
	tenant := startTenant()
	defer tenant.Close()
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	raw, err := tenant.Mint(entratest.Request{User: "reader"})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{0, 1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			gate := NewGate(benchSnapshot(b, ring, tenant, func(c *config.Config) {
				for i := range n {
					c.Routes = append(c.Routes, config.Route{Match: fmt.Sprintf("GET /api/%d/", i), Groups: []string{"Analysts"}})
				}
			}), Options{})
			request := Request{Header: bearerHeader(raw), Original: &Original{"GET", "api.contoso.example", fmt.Sprintf("/api/%d/reports/7", max(n-1, 0))}}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			b.ReportAllocs()
			before := threadTime(b)
			for b.Loop() {
				if d := gate.Decide(b.Context(), request); !d.Allowed() {
					b.Fatal(d.Reason)
				}
			}
			b.ReportMetric(float64(threadTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// Who has no routes pays nothing for them: a request by a kept identity allocates its judgement and its decision's id,
// and nothing for the original request.
func TestNoRoutesCostNoMemory(t *testing.T) {
	f := newFixture(t, nil)
	request := Request{Header: bearerHeader(f.mint(entratest.Request{User: "reader"})), Original: &Original{"GET", "a", "/a/b"}}
	plain := Request{Header: request.Header, Unrouted: true}
	for range 200 { // ids of one digit cost less
		if d := f.gate.Decide(t.Context(), request); !d.Allowed() {
			t.Fatal(d.Reason)
		}
	}
	allocations := func(request Request) float64 {
		return testing.AllocsPerRun(100, func() { f.gate.Decide(t.Context(), request) })
	}
	if with, without := allocations(request), allocations(plain); with != without || with > 3 {
		t.Errorf("%v allocations, and %v where no route could be asked; want at most 3", with, without)
	}
}
