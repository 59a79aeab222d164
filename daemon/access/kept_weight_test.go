package access

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/mapping"
)

// The client's id is a GUID of 36 bytes at Entra ID. At any other provider it is what the token says, up to some 24 kB of
// it, and was not counted in what is kept for a token of such a client: 12 MiB of kept identities would have been 300.
func TestTheClientsIDIsCountedInWhatIsKept(t *testing.T) {
	client := strings.Repeat("c", 20<<10)
	kept := &keptIdentity{identity: &Identity{Identity: mapping.Identity{ID: "5f1a", User: "5f1a"}, ClientID: client}}
	if got := kept.weight(); int(got) < len(client) {
		t.Errorf("an identity with a client id of %d bytes is counted as %d bytes", len(client), got)
	}
}

// A bound in bytes that counts others than those of the heap bounds nothing: what each kept identity is said to weigh is
// held against what the heap grows by, the cache's own share and whatever an identity might hold on to of its token
// included.
func TestAKeptIdentityWeighsWhatItTakesOfTheHeap(t *testing.T) {
	const tokens = 120
	for _, c := range []struct {
		name           string
		groups, locals int // in the token; of these, known here
		long           int // length of the scopes, the address and each name
	}{
		{"one group", 1, 1, 10},
		{"5 groups", 5, 5, 10},
		{"200 groups, 5 of them known", 200, 5, 10},
		{"200 groups", 200, 200, 10},
		{"long names", 1, 1, 1500},
	} {
		t.Run(c.name, func(t *testing.T) {
			var groups []string
			f := newFixture(t, func(cfg *config.Config) {
				for i := range c.groups {
					groups = append(groups, fmt.Sprintf("0c5ab3e7-91d4-4f68-8a2b-%012x", i))
					if i < c.locals {
						cfg.Groups = append(cfg.Groups, config.Local{Name: groups[i]})
					}
				}
			})
			long := strings.Repeat("l", c.long)
			raw := make([]string, tokens+1)
			for i := range raw {
				raw[i] = f.mint(entratest.Request{User: "reader", Scopes: long, Claims: map[string]any{
					"groups": groups, "email": long, "given_name": long, "family_name": long,
				}})
			}
			allow := func(raw string) {
				if d := f.decide(raw); !d.Allowed() {
					t.Fatal(d.Reason)
				}
			}
			allow(raw[tokens]) // the first one brings what is made once
			count, weight := f.keptNow()
			heap := liveHeap()
			for _, token := range raw[:tokens] {
				allow(token)
			}
			heap = liveHeap() - heap
			moreCount, moreWeight := f.keptNow()
			if count != 1 || moreCount != tokens+1 {
				t.Fatalf("%d, then %d kept, want 1 and %d", count, moreCount, tokens+1)
			}
			stated, taken := (moreWeight-weight)/tokens, heap/tokens
			t.Logf("%d bytes of token: %d bytes stated, %d taken", len(raw[0]), stated, taken)
			if taken*5 > stated*6 || stated*5 > taken*6 {
				t.Errorf("%d bytes are stated and %d taken, want them within 20 %%", stated, taken)
			}
			runtime.KeepAlive(raw)
		})
	}
}

// Every string counts in full, each name of a group or a role and each header with what it takes beside its bytes.
func TestAWeightCountsEveryString(t *testing.T) {
	k := &keptIdentity{
		identity: &Identity{
			Identity: mapping.Identity{
				ID: strings.Repeat("i", 1), User: strings.Repeat("u", 20), Email: strings.Repeat("e", 300), FirstName: strings.Repeat("f", 4_000),
				LastName: strings.Repeat("l", 50_000), Groups: make([]string, 3), Roles: make([]string, 2),
			},
			Scopes: strings.Repeat("s", 600_000),
		},
		headers: []Field{{"Remote-User", strings.Repeat("u", 7_000_000)}, {"Remote-Roles", ""}},
	}
	if got, want := k.weight(), uint32(7_654_321+640+5*16+2*32); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

func (f *fixture) keptNow() (count int, bytes uint64) {
	k := f.gate.Snapshot().kept
	k.cache.Load().CleanUp()
	return k.size()
}

// liveHeap gives what the heap holds that is in use.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one finalises, and what was in a pool
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}

// A tunnel through the proxy holds its Snapshot for days. With the cache in it each reload would leave up to the whole
// bound behind, once for each configuration of which a tunnel is left.
func TestAnOldSnapshotKeepsNothing(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	f.decide(raw)
	if !f.keeps(raw) {
		t.Fatal("not kept")
	}
	old := f.gate.Snapshot()
	verified := old.kept.find(keyOf(raw), f.now)
	next := f.compile(2)
	f.gate.Swap(next)
	if count, bytes := old.kept.size(); count != 0 || bytes != 0 || old.kept.cache.Load() != nil {
		t.Errorf("the old Snapshot still keeps %d identities in %d bytes", count, bytes)
	}
	// A request that began before the reload ends on the old Snapshot, and leaves nothing behind in either.
	old.kept.keep(keyOf(raw), verified)
	if f.keeps(raw) || old.kept.find(keyOf(raw), f.now) != nil {
		t.Error("what a request under way verified is kept")
	}
	if d := f.decide(raw); !d.Allowed() || d.Generation != 2 || !f.keeps(raw) {
		t.Errorf("after the swap: %+v, kept %v", d, f.keeps(raw))
	}
}

func TestTheBoundOnWhatIsKeptIsTheGates(t *testing.T) {
	f := newFixture(t, nil)
	if limit := f.gate.Stats().KeptLimit; limit != KeptBytes {
		t.Errorf("the usual bound is %d, want %d", limit, KeptBytes)
	}
	const bound = 8 << 10
	f.gate = NewGate(f.compile(1), Options{Kept: bound})
	for generation := range uint64(2) {
		for range 20 {
			f.decide(f.mint(entratest.Request{User: "reader"}))
		}
		f.keptNow() // has the cache catch up
		stats := f.gate.Stats()
		if stats.KeptLimit != bound || stats.KeptBytes > bound || stats.KeptBytes < bound/2 || stats.Kept == 0 || stats.Kept > 10 {
			t.Errorf("generation %d: %d identities in %d bytes of %d, want what fits in %d",
				generation+1, stats.Kept, stats.KeptBytes, stats.KeptLimit, bound)
		}
		f.gate.Swap(f.compile(generation + 2))
	}
}
