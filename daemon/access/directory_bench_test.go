package access

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/mapping"
)

// BenchmarkAKeptIdentityAndTheDirectory asks with one token whose identity is kept, without a directory and with one.
func BenchmarkAKeptIdentityAndTheDirectory(b *testing.B) {
	tenant, err := entratest.Start(entratest.Sample())
	if err != nil {
		b.Fatal(err)
	}
	defer tenant.Close()
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	opened, err := directory.Open(b.Context(), directory.Options{Directory: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close(b.Context())
	raw, err := tenant.Mint(entratest.Request{User: "reader"})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		directory *directory.Directory
	}{{"without", nil}, {"with", opened}, {"without again", nil}, {"with again", opened}} {
		b.Run(c.name, func(b *testing.B) {
			gate := NewGate(benchSnapshot(b, ring, tenant, nil), Options{Directory: c.directory})
			benchDecide(b, gate, raw)
		})
	}
}

// BenchmarkAVerifiedTokenAndTheDirectory asks with tokens of 200 groups of which nothing is kept.
func BenchmarkAVerifiedTokenAndTheDirectory(b *testing.B) {
	tenant, err := entratest.Start(entratest.Sample())
	if err != nil {
		b.Fatal(err)
	}
	defer tenant.Close()
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	opened, err := directory.Open(b.Context(), directory.Options{Directory: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close(b.Context())
	groups := []string{analysts}
	for i := range 199 {
		groups = append(groups, objectIDOf(i))
	}
	raw, err := tenant.Mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": groups}})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		directory *directory.Directory
	}{{"without", nil}, {"with", opened}} {
		b.Run(c.name, func(b *testing.B) {
			gate := NewGate(benchSnapshot(b, ring, tenant, func(cfg *config.Config) {
				for _, group := range groups[1:100] {
					cfg.Groups = append(cfg.Groups, config.Local{Name: group})
				}
			}), Options{Directory: c.directory, Kept: 1})
			benchDecide(b, gate, raw)
		})
	}
}

func benchSnapshot(b *testing.B, ring *keys.Ring, tenant *entratest.Tenant, change func(*config.Config)) *Snapshot {
	b.Helper()
	cfg := sampleConfig(tenant.URL())
	if change != nil {
		change(cfg)
	}
	p := &cfg.Providers[0]
	opened := ring.Open(keys.Source{Name: p.Name, Authority: p.Authority, Tenant: p.TenantID, ApplicationID: p.ApplicationID})
	if err := opened.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	policy, faults := mapping.Compile(cfg.Rules())
	if policy == nil {
		b.Fatal(faults)
	}
	return Compile(cfg, policy, map[string]*keys.Provider{p.Name: opened}, 1)
}

func benchDecide(b *testing.B, gate *Gate, raw string) {
	b.Helper()
	request := Request{Header: bearerHeader(raw)}
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
}

// threadTime is the CPU time of this thread: what others on the host run does not count.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	const rusageThread = 1 // RUSAGE_THREAD of getrusage(2)
	if err := syscall.Getrusage(rusageThread, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// objectIDOf gives GUIDs that differ in all parts, as real ones do.
func objectIDOf(i int) string {
	x := uint64(i+1) * 0x9e3779b97f4a7c15
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", x>>32, x>>16&0xffff, x>>8&0xfff, x&0xfff, x*31>>16)
}
