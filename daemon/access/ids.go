package access

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync/atomic"
)

// ids makes decision ids: a random part that differs from one process to the next, and a count. They name a refusal in
// the log and in `claimctl denials`; knowing one gives no right.
type ids struct {
	prefix string
	count  *atomic.Uint64
}

func newIDs() ids {
	return ids{prefix: strings.ToLower(rand.Text()[:8]) + "-", count: new(atomic.Uint64)}
}

func (i ids) next() string { return i.prefix + strconv.FormatUint(i.count.Add(1), 10) }
