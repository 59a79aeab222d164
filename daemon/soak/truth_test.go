package soak

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/claimd/claimd/daemon/entratest"
)

// truth knows which answers are right at each moment, and holds every answer of a load against that.
//
// While a save is under way both variants are right; from its verdict on, the saved one alone. A request whose whole
// life, from before it is sent until it is answered, lies between two saves must be answered by the variant of then:
// rights that the last save took away are gone.
type truth struct {
	kinds  []kind
	moment atomic.Pointer[moment]
	slots  []slot // by connection

	mu     sync.RWMutex // guards tokens, and their inUse against going up once they are replaced
	tokens *tokens

	still sync.Mutex // held by each save, and by who wants none meanwhile

	strict, either atomic.Int64 // answers held against one variant, and against both
	stale, mixed   atomic.Int64 // wrong answers: wholly of the variant that was replaced, and all others
}

// moment lasts from one change of what is right to the next. Its address is what tells it from others.
type moment struct {
	right  variant
	saving bool // the other variant is right too
}

// slot is the request that a connection has under way. Its goroutine alone touches it.
type slot struct {
	moment *moment
	tokens *tokens
	kind   int
}

// tokens are some of each kind, signed by one key. Half of the load's requests repeat one token, whose identity claimd
// keeps; the others go through all of them, so that most are verified anew after each save: a request that reads two
// configurations has time to.
type tokens struct {
	requests [][tokensOfAKind][]byte // by kind
	keyID    string
	inUse    atomic.Int64 // requests under way with them
}

const tokensOfAKind = 32

func newTruth(connections int) *truth {
	return &truth{kinds: kinds(), slots: make([]slot, connections)}
}

// mint makes tokens of the tenant's newest key.
func (w *truth) mint(tenant *tenant, keyID string) *tokens {
	t := &tokens{keyID: keyID, requests: make([][tokensOfAKind][]byte, len(w.kinds))}
	for i, k := range w.kinds {
		for n := range tokensOfAKind {
			t.requests[i][n] = get("/auth", bearer(tenant.mint(entratest.Request{User: k.user, Client: k.client})))
		}
	}
	return t
}

// of gives the request of that number.
func (t *tokens) of(kind, number int) []byte {
	if number%2 == 0 {
		return t.requests[kind][0]
	}
	return t.requests[kind][number/2%tokensOfAKind]
}

// use has the load send these tokens from now on, and gives those that it sent before.
func (w *truth) use(next *tokens) (before *tokens) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, w.tokens = w.tokens, next
	return before
}

// saving begins a save: from now on both variants are right.
func (w *truth) saving() { w.moment.Store(&moment{right: w.moment.Load().right, saving: true}) }

// saved ends it: v alone is right.
func (w *truth) saved(v variant) { w.moment.Store(&moment{right: v}) }

// next is a load's.
func (w *truth) next(connection, number int) []byte {
	w.mu.RLock()
	defer w.mu.RUnlock()
	kind, turn := number%len(w.kinds), number/len(w.kinds)*len(w.slots)+connection
	s := slot{moment: w.moment.Load(), tokens: w.tokens, kind: kind}
	s.tokens.inUse.Add(1)
	w.slots[connection] = s
	return s.tokens.of(kind, turn)
}

// check is a load's.
func (w *truth) check(a *answer) error {
	s := w.slots[a.connection]
	s.tokens.inUse.Add(-1)
	kind, got := w.kinds[s.kind], shown(a)
	right := s.moment.right
	if s.moment.saving || w.moment.Load() != s.moment {
		w.either.Add(1)
		if got == kind.want[first] || got == kind.want[second] {
			return nil
		}
		w.mixed.Add(1)
		return fmt.Errorf("%s: an answer of neither configuration:\n  %s\nwant\n  %s\nor\n  %s", kind.name, got, kind.want[first], kind.want[second])
	}
	w.strict.Add(1)
	if got == kind.want[right] {
		return nil
	}
	if got == kind.want[right.other()] {
		w.stale.Add(1)
	} else {
		w.mixed.Add(1)
	}
	return fmt.Errorf("%s, while the %v configuration serves:\n  %s\nwant\n  %s", kind.name, right, got, kind.want[right])
}
