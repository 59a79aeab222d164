package access

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/claimd/claimd/daemon/reason"
)

// Stats are a Gate's counters.
type Stats struct {
	Allowed   uint64            `json:"allowed"`
	Denied    map[string]uint64 `json:"denied"`    // by reason's name; reasons that never came are left out
	Unmatched uint64            `json:"unmatched"` // claim values of allowed and no_group requests that named nothing local
	Kept      int               `json:"kept"`      // verified identities kept now
	KeptBytes uint64            `json:"kept_bytes"`
	KeptLimit uint64            `json:"kept_limit"` // of KeptBytes
	Panics    uint64            `json:"panics"`     // requests that were answered 500 because judging them broke

	KeptLatency     Latency `json:"kept_latency"`     // of requests whose verified identity was kept
	VerifiedLatency Latency `json:"verified_latency"` // of all others, refusals too
}

// counts are the counters behind Stats.
type counts struct {
	allowed   atomic.Uint64
	denied    [math.MaxUint8 + 1]atomic.Uint64 // by reason
	unmatched atomic.Uint64
	panics    atomic.Uint64
	kept      latency
	verified  latency
}

func (c *counts) observe(took time.Duration, kept bool) {
	if kept {
		c.kept.observe(took)
		return
	}
	c.verified.observe(took)
}

// Stats counts since the Gate was made.
func (g *Gate) Stats() Stats {
	stats := Stats{
		Allowed:   g.counts.allowed.Load(),
		Denied:    make(map[string]uint64),
		Unmatched: g.counts.unmatched.Load(),
		KeptLimit: g.keeps,
		Panics:    g.counts.panics.Load(),

		KeptLatency:     g.counts.kept.read(),
		VerifiedLatency: g.counts.verified.read(),
	}
	for _, r := range reason.All() {
		if n := g.counts.denied[r].Load(); n > 0 {
			stats.Denied[r.String()] = n
		}
	}
	if s := g.Snapshot(); s != nil {
		stats.Kept, stats.KeptBytes = s.kept.size()
	}
	return stats
}
