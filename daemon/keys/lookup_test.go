package keys

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

func TestAKnownKeyCostsNoAllocation(t *testing.T) {
	p := opened(t, served(t, rsaJWK("a", keyA())))
	allocations := testing.AllocsPerRun(1000, func() {
		if _, err := p.Lookup(t.Context(), entra.V2, "a"); err != nil {
			t.Fatal(err)
		}
	})
	// t.Context itself allocates nothing.
	if allocations != 0 {
		t.Errorf("want no allocation, got %v", allocations)
	}
}

func TestLookupKeepsTheVersionsApart(t *testing.T) {
	e := served(t, rsaJWK("both", keyA()))
	e.answer("v1 keys", text(string(encoded(object{"keys": []object{rsaJWK("both", keyB()), rsaJWK("old", keyC())}}))))
	p := opened(t, e)
	v1, err1 := p.Lookup(t.Context(), entra.V1, "both")
	v2, err2 := p.Lookup(t.Context(), entra.V2, "both")
	if err1 != nil || err2 != nil || !keyB().PublicKey.Equal(v1.Public) || !keyA().PublicKey.Equal(v2.Public) {
		t.Errorf("want each version's own key, got %v and %v", err1, err2)
	}
	wantErr(t, p, "old", ErrUnknown)
	if _, err := p.Lookup(t.Context(), entra.Version("3.0"), "both"); err != ErrUnknown {
		t.Errorf("version 3.0: want ErrUnknown, got %v", err)
	}
}

// Fault 29: a key id names a key only together with its issuer.
func TestTwoTenantsShareAKeyID(t *testing.T) {
	r := ringOf(t, Options{})
	one, two := served(t, rsaJWK("shared", keyA())), served(t, rsaJWK("shared", keyB()))
	first, second := r.Open(one.source()), r.Open(two.source())
	refreshed(t, first)
	refreshed(t, second)
	for p, want := range map[*Provider]*rsa.PrivateKey{first: keyA(), second: keyB()} {
		key, err := p.Lookup(t.Context(), entra.V2, "shared")
		if err != nil || !want.PublicKey.Equal(key.Public) {
			t.Errorf("want each provider's own key, got %v, %v", key.Public, err)
		}
	}
}

func TestAnEmptyKeyIDCausesNoFetch(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	p := ringOf(t, Options{}).Open(e.source())
	wantErr(t, p, "", ErrUnknown)
	if got := e.requests("v2 document"); got != 0 {
		t.Errorf("want no fetch, got %d", got)
	}
}

// Fault 37: the first token with a new key id brings the key.
func TestASuddenRotationIsTakenUpAtOnce(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	p := opened(t, e)
	changes := p.Changes()
	e.publish(rsaJWK("b", keyB()))
	wantKey(t, p, "b") // Lookup gives up after longestWait
	wantErr(t, p, "a", ErrUnknown)
	if got := p.Changes() - changes; got != 1 {
		t.Errorf("want one change, got %d", got)
	}
}

// Fault 41: garbage ids just before a rotation used to hide it for five minutes where the limiter had no burst.
func TestARotationBehindTwoGarbageIDsIsTakenUpAtOnce(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	p := opened(t, e)
	wantErr(t, p, "garbage 1", ErrUnknown)
	wantErr(t, p, "garbage 2", ErrUnknown)
	e.publish(rsaJWK("a", keyA()), rsaJWK("b", keyB()))
	wantKey(t, p, "b")
	wantErr(t, p, "garbage 3", ErrUnavailable)
	wantKey(t, p, "a")
	if got := e.requests("v2 keys"); got != 4 {
		t.Errorf("want 4 fetches (one and the burst of 3), got %d", got)
	}
}

// Fault 13: what a key id may hold does not matter to the fetch, the log or the memory.
func TestHostileKeyIDs(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	ids := []string{strings.Repeat("k", 5000), "a\x00", "../../etc/passwd", "' OR 1=1 --", "$(id)", "*", "a\r\nb", "\xff", " a", "A", "a "}
	p := opened(t, e)
	for i, id := range ids {
		want := ErrUnknown
		if i >= fetchBurst {
			want = ErrUnavailable
		}
		wantErr(t, p, id, want)
	}
	wantErr(t, p, ids[0], ErrUnknown) // it is remembered
	if got := e.requests("v2 keys"); got != 1+fetchBurst {
		t.Errorf("want %d fetches, got %d", 1+fetchBurst, got)
	}
}

// Fault 40: a flood of random ids costs the burst and then one fetch in five minutes; nobody waits for the limiter.
func TestAFloodOfRandomIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		began := time.Now()
		for i := range 600 { // ten minutes
			want := ErrUnavailable
			if i < fetchBurst || i == 300 {
				want = ErrUnknown
			}
			wantErr(t, p, fmt.Sprint("random ", i), want)
			wantKey(t, p, "a")
			time.Sleep(time.Second)
		}
		if got := e.requests("v2 keys"); got != 1+fetchBurst+1 {
			t.Errorf("want one fetch, 3 at once and one after five minutes, got %d", got)
		}
		if took := time.Since(began); took != 600*time.Second {
			t.Errorf("want no wait, got %s more", took-600*time.Second)
		}
		time.Sleep(time.Second)
		wantErr(t, p, "after ten minutes", ErrUnknown)
	})
}

// Fault 42: an unknown id is answered from memory for a minute, or until the key set changes.
func TestAnUnknownIDIsRememberedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		fetches := func() int { return e.requests("v2 keys") }
		wantErr(t, p, "x", ErrUnknown)
		time.Sleep(negativeLife - time.Nanosecond)
		wantErr(t, p, "x", ErrUnknown)
		if got := fetches(); got != 2 {
			t.Errorf("within the minute: want 2 fetches, got %d", got)
		}
		time.Sleep(time.Nanosecond)
		wantErr(t, p, "x", ErrUnknown)
		if got := fetches(); got != 3 {
			t.Errorf("after the minute: want 3 fetches, got %d", got)
		}
		refreshed(t, p) // nothing has changed
		wantErr(t, p, "x", ErrUnknown)
		if got := fetches(); got != 4 {
			t.Errorf("after a refresh without a change: want 4 fetches, got %d", got)
		}
		e.publish(rsaJWK("a", keyA()), rsaJWK("b", keyB()))
		refreshed(t, p)
		wantErr(t, p, "x", ErrUnknown)
		if got := fetches(); got != 6 {
			t.Errorf("after a change: want 6 fetches, got %d", got)
		}
		// The id comes to be, and is found by a refresh within its minute.
		e.publish(rsaJWK("x", keyC()))
		refreshed(t, p)
		wantKey(t, p, "x")
	})
}

func TestAtMostAThousandUnknownIDsAreRemembered(t *testing.T) {
	n, now := newNegatives(), time.Now()
	for i := range 3 * maxNegatives {
		n.add(referTo(entra.V2, fmt.Sprint(i)), now)
		n.has(referTo(entra.V2, "0"), now) // in use, so it stays
	}
	n.add(referTo(entra.V2, "0"), now)
	if len(n.entries) != maxNegatives || n.order.Len() != maxNegatives {
		t.Errorf("want %d, got %d and %d", maxNegatives, len(n.entries), n.order.Len())
	}
	if !n.has(referTo(entra.V2, "0"), now) || n.has(referTo(entra.V2, "1"), now) || n.has(referTo(entra.V1, "0"), now) {
		t.Error("want the least recently used gone, and the versions kept apart")
	}
	if n.has(referTo(entra.V2, "0"), now.Add(negativeLife)) || len(n.entries) != maxNegatives-1 {
		t.Error("want an id forgotten at the end of its minute")
	}
}

// Fault 39: a thousand requests with one unknown id cause one fetch. At most 256 of them wait.
func TestAThousandRequestsWithOneUnknownIDShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		release := make(chan struct{})
		var once sync.Once
		e.answer("v2 document", func(w http.ResponseWriter, r *http.Request) {
			<-release
			w.Write(e.body("v2 document"))
		})
		defer once.Do(func() { close(release) })
		var unknown, unavailable atomic.Int32
		for range 1000 {
			go func() {
				switch _, err := p.Lookup(t.Context(), entra.V2, "x"); err {
				case ErrUnknown:
					unknown.Add(1)
				case ErrUnavailable:
					unavailable.Add(1)
				default:
					t.Errorf("want a refusal, got %v", err)
				}
			}()
		}
		synctest.Wait()
		if got := unavailable.Load(); got != 1000-maxWaiting {
			t.Errorf("want %d turned away at once, got %d", 1000-maxWaiting, got)
		}
		wantKey(t, p, "a") // known ids never wait
		once.Do(func() { close(release) })
		synctest.Wait()
		if got := unknown.Load(); got != maxWaiting {
			t.Errorf("want %d answered by the fetch, got %d", maxWaiting, got)
		}
		if got := e.requests("v2 keys"); got != 2 {
			t.Errorf("want one fetch more, got %d", got-1)
		}
		if got := p.waiting.Load(); got != 0 {
			t.Errorf("want nobody waiting, got %d", got)
		}
	})
}

// Fault 43: a caller that gives up does not end what others wait for.
func TestACallerGivesUpAndTheFlightGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		e.publish(rsaJWK("b", keyB()))
		e.answer("v2 document", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(500 * time.Millisecond)
			w.Write(e.body("v2 document"))
		})
		ctx, giveUp := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := p.Lookup(ctx, entra.V2, "b")
			errs <- err
		}()
		synctest.Wait()
		found := make(chan error, 1)
		go func() {
			_, err := p.Lookup(t.Context(), entra.V2, "b")
			found <- err
		}()
		synctest.Wait()
		giveUp()
		if err := <-errs; err != ErrUnavailable {
			t.Errorf("who gave up: want ErrUnavailable, got %v", err)
		}
		if err := <-found; err != nil {
			t.Errorf("who waited: want the key, got %v", err)
		}
		if got := e.requests("v2 document"); got != 2 {
			t.Errorf("want one fetch shared, got %d", got-1)
		}
	})
}

// A slow provider holds a request up for a second and no longer; the key is there for the next.
func TestNobodyWaitsLongerThanASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		e.publish(rsaJWK("b", keyB()))
		e.answer("v2 keys", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			w.Write(e.body("v2 keys"))
		})
		began := time.Now()
		wantErr(t, p, "b", ErrUnavailable)
		if took := time.Since(began); took != time.Second {
			t.Errorf("want a second, got %s", took)
		}
		time.Sleep(3 * time.Second)
		wantKey(t, p, "b")
	})
}

// A garbage id's fetch has read the key set a moment before a rotation. The token with the new key comes while that
// fetch is still under way: it must not be told that its key is unknown.
func TestARotationDuringAFetchForAnotherIDIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		e.answer("v2 keys", func(w http.ResponseWriter, r *http.Request) {
			stale := e.body("v2 keys")
			time.Sleep(100 * time.Millisecond)
			w.Write(stale)
		})
		garbage := make(chan error, 1)
		go func() {
			_, err := p.Lookup(t.Context(), entra.V2, "garbage")
			garbage <- err
		}()
		synctest.Wait() // the set has been read
		e.publish(rsaJWK("b", keyB()))
		wantKey(t, p, "b")
		if err := <-garbage; err != ErrUnknown {
			t.Errorf("garbage: want ErrUnknown, got %v", err)
		}
	})
}

// An id that comes before the key set is asked for is answered by that flight, whoever began it, and remembered.
func TestAnEarlyComerSharesTheFlightOfAnotherID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		refreshed(t, p)
		e.answer("v2 document", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(100 * time.Millisecond)
			w.Write(e.body("v2 document"))
		})
		errs := make(chan error, 2)
		for _, id := range []string{"x", "y"} {
			go func() {
				_, err := p.Lookup(t.Context(), entra.V2, id)
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != ErrUnknown {
				t.Errorf("want ErrUnknown, got %v", err)
			}
		}
		wantErr(t, p, "x", ErrUnknown)
		wantErr(t, p, "y", ErrUnknown)
		if got := e.requests("v2 keys"); got != 2 {
			t.Errorf("want one fetch shared, got %d", got-1)
		}
	})
}

// Without any keys yet, the first token brings them; while the provider is down, no token can be judged.
func TestTheFirstLookupFetches(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	p := ringOf(t, Options{}).Open(e.source())
	e.answerAll(status(503))
	wantErr(t, p, "a", ErrUnavailable)
	e.answerAll(nil)
	wantKey(t, p, "a")
	wantErr(t, p, "b", ErrUnknown)
	wantErr(t, p, "c", ErrUnavailable) // the burst is used up
	if got := e.requests("v2 document"); got != 3 {
		t.Errorf("want 3 fetches, got %d", got)
	}
}
