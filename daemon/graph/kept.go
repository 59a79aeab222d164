package graph

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// keptBytes bounds what is kept between requests, in bytes: some 20,000 users in five groups each.
const keptBytes = 8 << 20

// keptOverhead is what one answer takes beside the groups in it: key, cache node, structs. A test measures it.
const keptOverhead = 320

// kept holds answers, and for a short time that Graph cannot tell about one user. Nothing else that failed is kept. All
// methods may be called at once; it runs no goroutine.
type kept struct {
	cache *otter.Cache[key, *outcome]
}

func newKept(bytes uint64) *kept {
	return &kept{otter.Must(&otter.Options[key, *outcome]{
		MaximumWeight: bytes,
		Weigher:       func(_ key, o *outcome) uint32 { return o.weight() },
		Executor:      func(task func()) { task() },
	})}
}

// weight: the ids are the Question's, so only their headers (16 bytes) are this answer's; a failure's words are its own.
func (o *outcome) weight() uint32 {
	size := keptOverhead + 16*len(o.answer.Member)
	if o.failed != nil {
		size += len(o.failed.Problem) + len(o.failed.Hint) + 64
	}
	return uint32(size)
}

// find gives what is kept under the key while it holds.
func (k *kept) find(key key, now time.Time) (outcome, bool) {
	found, ok := k.cache.GetIfPresent(key)
	if !ok || !found.answer.Holds(now) {
		return outcome{}, false
	}
	return *found, true
}

// keep keeps the outcome where it may be kept.
func (k *kept) keep(key key, o outcome) {
	if o.failed != nil && !o.failed.Kind.ofOne() {
		return
	}
	k.cache.Set(key, &o)
}

// size gives how many are kept, and the bytes that they take.
func (k *kept) size() (count int, bytes uint64) {
	return k.cache.EstimatedSize(), k.cache.WeightedSize()
}
