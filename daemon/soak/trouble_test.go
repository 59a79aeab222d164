package soak

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// trouble rotates the tenant's keys and has the tenant fail, turn by turn, while a load runs. No request notices.
type trouble struct {
	rig    *rig
	daemon *daemonProcess
	truth  *truth
	turn   time.Duration

	turns atomic.Int64 // done so far

	rotations, faults, probes int // after run
}

// providerFault is a way in which a provider fails.
type providerFault struct {
	name       string
	begin, end func(*tenant)
}

func providerFaults() []providerFault {
	behave := func(a *tenant) { a.misbehave(entratest.Faults{}) }
	says := func(body string) func(*tenant) {
		return func(a *tenant) {
			a.misbehave(entratest.Faults{Rewrite: func(string, []byte) []byte { return []byte(body) }})
		}
	}
	return []providerFault{
		{"500", func(a *tenant) { a.misbehave(entratest.Faults{Status: http.StatusInternalServerError}) }, behave},
		{"hangs", func(a *tenant) { a.misbehave(entratest.Faults{Delay: time.Hour}) }, behave},
		{"garbage", says("<html>not found</html>"), behave},
		{"connection refused", (*tenant).refuse, (*tenant).listen},
		{"no keys", says(`{"keys":[]}`), behave},
	}
}

// run goes on until ctx ends; then the tenant behaves. It is the one that changes the tenant and the tokens.
func (x *trouble) run(ctx context.Context) {
	t := x.rig.t
	all := providerFaults()
	for i := 0; ; i++ {
		if !x.rotate(ctx, i < 2) {
			return
		}
		fault := all[i%len(all)]
		fault.begin(x.rig.tenant)
		limited, cancel := context.WithTimeout(ctx, x.turn/4)
		results, err := x.daemon.admin.RefreshKeys(limited, "")
		cancel()
		if err == nil && (len(results) != 1 || results[0].Problem == "") {
			t.Errorf("the tenant fails (%s), and the keys are fetched: %+v", fault.name, results)
		}
		more := sleep(ctx, x.turn/2)
		fault.end(x.rig.tenant)
		x.faults++
		x.turns.Add(1)
		if !more || !sleep(ctx, x.turn/4) {
			return
		}
	}
}

// rotate has a new key sign, and takes the one before out of the key set once nobody sends its tokens. byRequests: it is
// the load that makes the daemon fetch the new key, of which there are three in a row; else the administrator does.
func (x *trouble) rotate(ctx context.Context, byRequests bool) (goOn bool) {
	fresh := x.truth.mint(x.rig.tenant, x.rig.tenant.rotate())
	if !byRequests && !x.refresh(ctx) {
		return false
	}
	old := x.truth.use(fresh)
	x.rotations++
	for old.inUse.Load() > 0 {
		if !sleep(ctx, 5*time.Millisecond) {
			return false
		}
	}
	x.truth.still.Lock()
	defer x.truth.still.Unlock()
	x.probe(old, http.StatusOK) // its identity is kept now, and no save comes to forget it
	x.rig.tenant.inside.Remove(old.keyID)
	if !x.refresh(ctx) {
		return false
	}
	x.probe(old, http.StatusUnauthorized, http.StatusServiceUnavailable) // the id is unknown: a fetch is not always allowed
	return true
}

// probe asks with a token of Ada's from the desk app, whom every configuration lets in while the key is good.
func (x *trouble) probe(of *tokens, want ...int) {
	a, err := askOnce(x.daemon.address, of.of(0, 0))
	x.probes++
	if err != nil {
		x.rig.t.Error(err)
		return
	}
	if !slices.Contains(want, a.status) {
		x.rig.t.Errorf("a token of a key that is about to be removed, or is: %s, want %v", shown(a), want)
	}
}

// refresh has the daemon fetch the keys; false: ctx has ended.
func (x *trouble) refresh(ctx context.Context) bool {
	results, err := x.daemon.admin.RefreshKeys(ctx, "")
	if ctx.Err() != nil {
		return false
	}
	if err != nil || len(results) != 1 || results[0].Problem != "" {
		x.rig.t.Errorf("the tenant behaves, and the keys are not fetched: %v %+v", err, results)
	}
	return true
}

func (x *trouble) String() string {
	return fmt.Sprintf("%d key rotations, %d faults of the provider, %d probes with tokens of removed keys", x.rotations, x.faults, x.probes)
}

// sleep reports whether ctx has not ended in that time.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
