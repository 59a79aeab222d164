package access

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// While all turns of the signature check were taken, an administrator's question whose connection ended was explained as
// "allowed" by a sentence about an identity that nobody had mapped, and the answer broke with a nil pointer.
func TestAnExplanationThatWasGivenUpAllowsNothing(t *testing.T) {
	j := &judgement{
		snapshot: &Snapshot{config: &config.Config{}}, trace: &reason.Trace{}, values: &mapping.Trace{}, abandoned: true,
	}
	e := j.explanation()
	if e.Allowed || e.Reason != reason.None || e.Sentence != "not judged: given up before the token's turn came." {
		t.Errorf("allowed %v, reason %q, sentence %q", e.Allowed, e.Reason, e.Sentence)
	}
	// What is known by then is told all the same.
	j.trace.Fail(reason.Check{Name: "disabled", Reason: reason.Disabled, Want: "enabled = true", Got: "enabled = false"})
	j.fail(reason.Disabled)
	want := "denied, 503 disabled: claimd is switched off.\nWhy: wanted enabled = true, got enabled = false.\n" +
		"To change it: " + reason.Disabled.Mend() + "."
	if e := j.explanation(); e.Allowed || e.Sentence != want {
		t.Errorf("allowed %v, sentence\n%s\nwant\n%s", e.Allowed, e.Sentence, want)
	}
}

// A client that goes away while all turns of the signature check are taken is let in nowhere, and has been refused
// nothing: no denial, no count, and nothing of its token is kept.
func TestWhoGoesAwayBeforeItsTurnIsNotJudged(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	forged := raw[:strings.LastIndexByte(raw, '.')+1] + strings.Repeat("A", 342) // takes a turn each time
	crowd, disperse := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for crowd.Err() == nil {
				f.gate.Snapshot().verifier.Verify(t.Context(), forged, f.now, nil)
			}
		})
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	var d Decision
	tries := 0
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		tries++
		d = f.gate.Decide(gone, Request{Header: bearerHeader(f.mint(entratest.Request{User: "reader"}))})
		if d.Reason != reason.None || d.Identity == nil {
			break
		}
	}
	disperse()
	busy.Wait()
	if d.Reason != reason.None || d.Allowed() || d.Identity != nil || d.Headers != nil || d.ID == "" {
		t.Errorf("got %+v, want a Decision that was not judged", d)
	}
	stats := f.gate.Stats()
	if stats.Panics != 0 || len(stats.Denied) != 0 || int(stats.Allowed) != tries-1 || len(f.gate.Denials().List("")) != 0 {
		t.Errorf("after %d tries: %+v, and %d denials", tries, stats, len(f.gate.Denials().List("")))
	}
}
