package access

import (
	"strings"
	"sync"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

// FAULTS 135: configurations that contradict each other are swapped as fast as can be while requests are judged. The
// generation that a decision names, and the Snapshot that a door goes on with, are those that gave the verdict.
func TestADecisionIsOfOneGeneration(t *testing.T) {
	f := newFixture(t, nil)
	compiled := func(generation uint64, header, client string) *Snapshot {
		f.config = sampleConfig(f.tenant.URL())
		f.config.Server.Headers.User = header
		f.config.Providers[0].ClientApplicationIDs = []string{client}
		return f.compile(generation)
	}
	// Odd generations let the reader in under a header of their own, even ones let nobody in.
	snapshots := []*Snapshot{compiled(1, "Odd-User", desktopApp), compiled(2, "Even-User", exportApp)}
	raw := f.mint(entratest.Request{User: "reader"})
	f.gate.Swap(snapshots[0])
	done := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				f.gate.Swap(snapshots[i%2])
			}
		}
	})
	allowed, denied := 0, 0
	for i := 0; i < 200_000 && (allowed < 200 || denied < 200); i++ {
		d := f.decide(raw)
		odd := d.Generation%2 == 1
		switch {
		case d.Allowed() && odd && strings.HasPrefix(fieldsText(d.Headers), "Odd-User: "+reader):
			allowed++
		case d.Reason == reason.Client && !odd:
			denied++
		default:
			t.Fatalf("generation %d gave %q\n%s", d.Generation, d.Reason, fieldsText(d.Headers))
		}
		if (d.Snapshot().Config().Server.Headers.User == "Odd-User") != odd {
			t.Fatalf("generation %d goes on with the configuration of another", d.Generation)
		}
	}
	close(done)
	swapping.Wait()
	if allowed == 0 || denied == 0 {
		t.Errorf("%d allowed, %d denied: nothing was swapped meanwhile", allowed, denied)
	}
}
