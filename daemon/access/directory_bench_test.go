package access

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
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

// BenchmarkAVerifiedTokenAndTheDirectory asks with tokens of a user whose claims stay as they are; nothing of them is kept.
func BenchmarkAVerifiedTokenAndTheDirectory(b *testing.B) {
	for _, groups := range []int{5, 200} {
		snapshot, raw, opened := benchGroups(b, groups)
		for _, c := range []struct {
			name      string
			directory *directory.Directory
		}{{"without", nil}, {"with", opened}, {"without again", nil}, {"with again", opened}} {
			b.Run(fmt.Sprintf("%d groups/%s", groups, c.name), func(b *testing.B) {
				benchDecide(b, NewGate(snapshot(), Options{Directory: c.directory, Kept: 1}), raw)
			})
		}
	}
}

// BenchmarkASighting makes the mark of a token, the sighting, and gives a new one to the directory.
func BenchmarkASighting(b *testing.B) {
	for _, groups := range []int{5, 200} {
		snapshot, raw, opened := benchGroups(b, groups)
		gate := NewGate(snapshot(), Options{Directory: opened})
		j := judgement{snapshot: gate.Snapshot(), now: time.Now()}
		if j.judge(b.Context(), raw); j.reason != reason.None {
			b.Fatal(j.reason)
		}
		var number uint64
		for _, c := range []struct {
			name string
			do   func()
		}{
			{"mark", func() { j.mark() }},
			{"sighting", func() { j.sighting() }},
			{"told", func() {
				number++
				s := j.sighting()
				s.Mark = number
				opened.Seen(s)
			}},
		} {
			b.Run(fmt.Sprintf("%d groups/%s", groups, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.do()
				}
			})
		}
	}
}

// benchGroups gives a token of a user in so many groups, half of which are local ones, with what judges it.
func benchGroups(b *testing.B, count int) (snapshot func() *Snapshot, raw string, opened *directory.Directory) {
	b.Helper()
	tenant, err := entratest.Start(entratest.Sample())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(tenant.Close)
	ring := keys.NewRing(keys.Options{})
	b.Cleanup(ring.Close)
	if opened, err = directory.Open(b.Context(), directory.Options{Directory: b.TempDir()}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = opened.Close(context.WithoutCancel(b.Context())) })
	groups := []string{analysts}
	for i := range count - 1 {
		groups = append(groups, objectIDOf(i))
	}
	if raw, err = tenant.Mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": groups}}); err != nil {
		b.Fatal(err)
	}
	return func() *Snapshot {
		return benchSnapshot(b, ring, tenant, func(cfg *config.Config) {
			for _, group := range groups[1 : count/2] {
				cfg.Groups = append(cfg.Groups, config.Local{Name: group})
			}
		})
	}, raw, opened
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
