package token

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/claimd/claimd/daemon/reason"
)

// FAULTS 158: all processors are busy with garbage. A token waits for its turn as long as its client does, and a client
// that went away gets no verdict at all.
func TestSignaturesTakeTurns(t *testing.T) {
	v := contoso.verifier(nil)
	raw := contoso.user(nil)
	for range cap(v.turns) {
		v.turns <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := v.Verify(gone, raw, now, nil); !got.Abandoned || got.Reason != reason.None || got.Claims != nil {
		t.Errorf("a client that went away got %+v", got)
	}
	waiting := make(chan Verdict)
	go func() { waiting <- v.Verify(t.Context(), raw, now, nil) }()
	v.turns.give()
	if got := <-waiting; got.Abandoned || got.Claims == nil {
		t.Error("the token was not looked at when its turn came")
	}
	for range cap(v.turns) - 1 {
		v.turns.give()
	}
	if len(v.turns) != 0 {
		t.Errorf("%d turns taken, want none", len(v.turns))
	}
}

func TestATurnIsWaitedForUntilOneIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house := newTurns()
		for range cap(house) {
			if !house.take(t.Context()) {
				t.Fatal("a free turn was not given")
			}
		}
		var taken bool
		go func() { taken = house.take(t.Context()) }()
		synctest.Wait()
		if taken {
			t.Fatal("a turn was given that nobody gave back")
		}
		house.give()
		synctest.Wait()
		if !taken {
			t.Error("a turn that was given back was not given to who waits")
		}
	})
}

func TestThereAreTwoTurnsForEachProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	if got := cap(newTurns()); got != 6 || runtime.GOMAXPROCS(0) != 3 {
		t.Errorf("want 6 turns for 3 processors, got %d for %d", got, runtime.GOMAXPROCS(0))
	}
}
