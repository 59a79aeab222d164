package keys

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/claimd/claimd/daemon/entra"
)

// kept gives a Provider whose keys are kept fresh, in a bubble.
func keptFresh(t *testing.T, options Options, keys ...object) (*entraTenant, *Ring, *Provider) {
	t.Helper()
	e, client := within(t, keys...)
	options.Client = client
	r := ringOf(t, options)
	p := r.Open(e.source())
	r.Keep([]*Provider{p})
	synctest.Wait()
	return e, r, p
}

// Fault 36: the hourly refresh finds a key before the first token that it signs.
func TestTheHourlyRefreshFindsANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, p := keptFresh(t, Options{}, rsaJWK("a", keyA()))
		wantKey(t, p, "a")
		e.publish(rsaJWK("a", keyA()), rsaJWK("b", keyB()))
		time.Sleep(refreshEvery*9/10 - time.Second)
		if got := e.requests("v2 keys"); got != 1 {
			t.Errorf("after 54 minutes: want one fetch, got %d", got)
		}
		time.Sleep(refreshEvery*2/10 + 2*time.Second)
		synctest.Wait()
		if got := e.requests("v2 keys"); got != 2 {
			t.Errorf("after 66 minutes: want two fetches, got %d", got)
		}
		wantKey(t, p, "b")
		if got := e.requests("v2 keys"); got != 2 {
			t.Errorf("want the key found without a fetch, got %d more", got-2)
		}
	})
}

// Fault 38: a removed key is refused within the hour, at once after a forced refresh.
func TestARemovedKeyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, p := keptFresh(t, Options{}, rsaJWK("a", keyA()), rsaJWK("b", keyB()), rsaJWK("c", keyC()))
		e.publish(rsaJWK("b", keyB()), rsaJWK("c", keyC()))
		time.Sleep(67 * time.Minute)
		wantErr(t, p, "a", ErrUnknown)
		e.publish(rsaJWK("c", keyC()))
		refreshed(t, p)
		wantErr(t, p, "b", ErrUnknown)
		wantKey(t, p, "c")
	})
}

// Faults 44 and 45: known keys outlive their provider for 24 hours, and then nothing can be judged.
func TestAProviderIsDownForMoreThanADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := logged()
		e, _, p := keptFresh(t, Options{Log: log}, rsaJWK("a", keyA()))
		fetched, changes := time.Now(), p.Changes()
		e.answerAll(status(http.StatusServiceUnavailable))
		time.Sleep(maxAge - time.Nanosecond)
		wantKey(t, p, "a")
		if !p.Live() || p.Changes() != changes {
			t.Errorf("a moment before: want live and unchanged, got %v, %d more", p.Live(), p.Changes()-changes)
		}
		if down := p.Status().Documents[1]; !down.Live || !strings.HasSuffix(down.Error, "want status 200, got 503") || !down.FetchedAt.Equal(fetched) {
			t.Errorf("want the status to tell what fails, got %+v", down)
		}
		time.Sleep(time.Nanosecond)
		if p.Live() {
			t.Error("after 24 hours: want dead, got live")
		}
		if got := p.Changes() - changes; got != 2 { // of both versions
			t.Errorf("want the deaths counted when they are asked for, got %d", got)
		}
		wantErr(t, p, "a", ErrUnavailable)
		time.Sleep(time.Hour)
		if got := p.Changes() - changes; got != 2 {
			t.Errorf("want each death counted once, got %d", got)
		}
		e.answerAll(nil)
		time.Sleep(longestBackoff)
		wantKey(t, p, "a")
		if !p.Live() || p.Changes()-changes < 2 {
			t.Errorf("back: want live and no count taken back, got %v, %d", p.Live(), p.Changes()-changes)
		}
		want := []string{
			"signing keys changed", "signing keys changed", "signing keys cannot be fetched",
			"signing keys are dead: no good fetch for 24 hours", "signing keys are dead: no good fetch for 24 hours",
			"signing keys can be fetched again",
		}
		if got := lines(logs); !slices.Equal(got, want) {
			t.Errorf("want a line for each change of state:\n%q\ngot\n%q", want, got)
		}
	})
}

// Each version's set dies for itself, and again after it has lived again.
func TestEachDeathIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		counts := func(after time.Duration) uint64 {
			before := p.Changes()
			time.Sleep(after)
			return p.Changes() - before
		}
		refreshed(t, p)
		time.Sleep(time.Hour)
		e.answer("v1 document", status(503))
		refreshed(t, p) // v2.0 is an hour younger
		if got := counts(23 * time.Hour); got != 1 || !p.Live() {
			t.Errorf("v1.0 dies: want one count and live, got %d, %v", got, p.Live())
		}
		if got := counts(time.Hour); got != 1 || p.Live() {
			t.Errorf("v2.0 dies: want one count more and dead, got %d, %v", got, p.Live())
		}
		e.answer("v1 document", nil)
		before := p.Changes()
		refreshed(t, p)
		if p.Changes() != before || !p.Live() {
			t.Errorf("the same keys again: want no count, got %d", p.Changes()-before)
		}
		if got := counts(maxAge); got != 2 {
			t.Errorf("both die again: want two counts, got %d", got)
		}
	})
}

// A death that nobody asks about is logged all the same, with the next attempt.
func TestADeathIsLoggedUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := logged()
		e, _, _ := keptFresh(t, Options{Log: log}, rsaJWK("a", keyA()))
		e.answerAll(status(http.StatusServiceUnavailable))
		time.Sleep(maxAge + 6*time.Minute)
		if got := logs.FilterMessage("signing keys are dead: no good fetch for 24 hours").Len(); got != 2 {
			t.Errorf("want a line for each version, got %d", got)
		}
	})
}

// Fault 48: failures are followed by 1 s, 2 s ... up to 5 minutes, and success by an hour.
func TestTheBackoffGrowsToFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		e.answerAll(status(http.StatusServiceUnavailable))
		r := ringOf(t, Options{Client: client})
		p := r.Open(e.source())
		r.Keep([]*Provider{p})
		synctest.Wait()
		attempts := e.requests("v2 document")
		if attempts != 1 {
			t.Fatalf("want the first attempt at once, got %d", attempts)
		}
		last := time.Now()
		for i, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
			want := time.Duration(seconds) * time.Second
			for e.requests("v2 document") == attempts {
				time.Sleep(50 * time.Millisecond)
			}
			attempts++
			gap := time.Since(last)
			last = time.Now()
			if gap < want*9/10 || gap > min(want*11/10, longestBackoff)+100*time.Millisecond {
				t.Errorf("pause %d: want %s give or take a tenth, got %s", i+1, want, gap)
			}
		}
		e.answerAll(nil)
		time.Sleep(longestBackoff + time.Second)
		wantKey(t, p, "a")
		attempts = e.requests("v2 document")
		time.Sleep(50 * time.Minute)
		if got := e.requests("v2 document"); got != attempts {
			t.Errorf("want quiet for most of an hour after success, got %d more", got-attempts)
		}
		e.answerAll(status(http.StatusServiceUnavailable))
		if err := p.Refresh(t.Context()); err == nil {
			t.Error("want a failure, got none")
		}
		attempts = e.requests("v2 document")
		time.Sleep(1200 * time.Millisecond)
		if got := e.requests("v2 document"); got != attempts+1 {
			t.Errorf("want the pauses to begin at a second again, got %d attempts", got-attempts)
		}
	})
}

func TestRetryAfterIsHonouredUpToFiveMinutes(t *testing.T) {
	for text, want := range map[string]time.Duration{"120": 2 * time.Minute, "86400": longestBackoff} {
		synctest.Test(t, func(t *testing.T) {
			e, client := within(t, rsaJWK("a", keyA()))
			e.answer("v2 document", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", text)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			r := ringOf(t, Options{Client: client})
			r.Keep([]*Provider{r.Open(e.source())})
			time.Sleep(want - time.Second)
			if got := e.requests("v2 document"); got != 1 {
				t.Errorf("Retry-After %s: want quiet until then, got %d attempts", text, got)
			}
			time.Sleep(2 * time.Second)
			if got := e.requests("v2 document"); got != 2 {
				t.Errorf("Retry-After %s: want the next attempt, got %d", text, got)
			}
		})
	}
}

// Fault 48: hosts that were started together do not stay together.
func TestTheJitterSpreadsRefreshes(t *testing.T) {
	low, high := refreshEvery, refreshEvery
	for range 2000 {
		d := jitter(refreshEvery)
		if d < 54*time.Minute || d > 66*time.Minute {
			t.Fatalf("want 54 to 66 minutes, got %s", d)
		}
		low, high = min(low, d), max(high, d)
	}
	if low > 55*time.Minute || high < 65*time.Minute {
		t.Errorf("want the whole range used, got %s to %s", low, high)
	}
	for failures, want := range map[int]time.Duration{1: time.Second, 9: 256 * time.Second, 10: longestBackoff, 1 << 40: longestBackoff} {
		if d := backoff(failures, 0); d < want*9/10 || d > min(want*11/10, longestBackoff) {
			t.Errorf("%d failures: want about %s, got %s", failures, want, d)
		}
	}
}

// A fetch that a token began makes the hourly one wait for its hour; one that failed brings it forward.
func TestALookupsFetchMovesTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, p := keptFresh(t, Options{}, rsaJWK("a", keyA()))
		time.Sleep(50 * time.Minute)
		wantErr(t, p, "x", ErrUnknown)
		time.Sleep(50 * time.Minute)
		if got := e.requests("v2 keys"); got != 2 {
			t.Errorf("want the next refresh an hour after the last fetch, got %d fetches", got)
		}
		e.answerAll(status(http.StatusServiceUnavailable))
		wantErr(t, p, "y", ErrUnavailable)
		e.publish(rsaJWK("a", keyA()), rsaJWK("b", keyB()))
		e.answerAll(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := e.requests("v2 keys"); got != 3 {
			t.Errorf("want a retry about a second after the failure, got %d fetches", got)
		}
	})
}

// Keys that were removed in an emergency may just have been read by the hourly refresh: a forced one asks anew.
func TestAForcedRefreshDoesNotTakeAnEarlierFlightForAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()), rsaJWK("b", keyB()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		e.answer("v2 keys", func(w http.ResponseWriter, r *http.Request) {
			stale := e.body("v2 keys")
			time.Sleep(time.Second)
			w.Write(stale)
		})
		early := make(chan error, 1)
		go func() { early <- p.Refresh(t.Context()) }()
		synctest.Wait()
		e.publish(rsaJWK("b", keyB()))
		late := make(chan error, 2)
		for range 2 {
			go func() { late <- p.Refresh(t.Context()) }()
		}
		for _, err := range []error{<-early, <-late, <-late} {
			if err != nil {
				t.Errorf("want success, got %v", err)
			}
		}
		if got := e.requests("v2 keys"); got != 2 {
			t.Errorf("want the two late ones to share a fetch, got %d in all", got)
		}
		if keys := p.Status().Documents[1].Keys; len(keys) != 1 || keys[0].ID != "b" {
			t.Errorf("want what was published when it was asked for, got %+v", keys)
		}
	})
}

func TestRefreshEndsWithItsCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t, rsaJWK("a", keyA()))
		p := ringOf(t, Options{Client: client}).Open(e.source())
		e.answer("v2 document", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			w.Write(e.body("v2 document"))
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want := "contoso: gave up waiting for the signing keys: context deadline exceeded"
		for range 2 { // on its own flight, then on an earlier one
			if err := p.Refresh(ctx); err == nil || err.Error() != want {
				t.Errorf("want %s, got %v", want, err)
			}
		}
		time.Sleep(3 * time.Second)
		wantKey(t, p, "a")
	})
}

// Changes counts what matters to who has verified something: not each fetch.
func TestChangesCountsContentAlone(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()), rsaJWK("b", keyB()))
	p := opened(t, e)
	steps := []struct {
		name string
		keys []object
		want uint64
	}{
		{"the same", []object{rsaJWK("a", keyA()), rsaJWK("b", keyB())}, 0},
		{"another order", []object{rsaJWK("b", keyB()), rsaJWK("a", keyA())}, 0},
		{"a member of no concern", []object{rsaJWK("b", keyB()), with(rsaJWK("a", keyA()), "x5t", "other")}, 0},
		{"an ignored key", []object{rsaJWK("b", keyB()), rsaJWK("a", keyA()), with(rsaJWK("c", keyC()), "use", "enc")}, 0},
		{"one more", []object{rsaJWK("b", keyB()), rsaJWK("a", keyA()), rsaJWK("c", keyC())}, 1},
		{"one less", []object{rsaJWK("b", keyB()), rsaJWK("a", keyA())}, 1},
		{"another key under an old id", []object{rsaJWK("b", keyB()), rsaJWK("a", keyC())}, 1},
		{"an algorithm named", []object{rsaJWK("b", keyB()), with(rsaJWK("a", keyC()), "alg", "RS256")}, 1},
		{"all different", []object{ecJWK("ec", keyEC())}, 1},
	}
	for _, step := range steps {
		before := p.Changes()
		e.publish(step.keys...)
		refreshed(t, p)
		if got := p.Changes() - before; got != step.want {
			t.Errorf("%s: want %d, got %d", step.name, step.want, got)
		}
	}
	before := p.Changes()
	e.documents = object{"issuer": "https://login.contoso.test/" + tenant + "/v2.0"}
	refreshed(t, p)
	if got := p.Changes() - before; got != 1 {
		t.Errorf("another issuer: want 1, got %d", got)
	}
	if got := p.Issuer(entra.V2); got != "https://login.contoso.test/"+tenant+"/v2.0" {
		t.Errorf("want the document's issuer, got %s", got)
	}
}

func TestTheIssuerIsTheSourcesOrTheDocuments(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	r := ringOf(t, Options{})
	p := r.Open(e.source())
	if got := p.Issuer(entra.V1) + p.Issuer(entra.V2) + p.Issuer("3.0"); got != "" {
		t.Errorf("before the first fetch: want none, got %s", got)
	}
	refreshed(t, p)
	if got, want := p.Issuer(entra.V1), e.base+"/"+tenant+"/"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	pinned := e.source()
	pinned.IssuerV1, pinned.IssuerV2 = "one", "two"
	q := r.Open(pinned)
	if q.Issuer(entra.V1) != "one" || q.Issuer(entra.V2) != "two" || q.Source() != pinned {
		t.Errorf("want the Source's issuers, got %s and %s", q.Issuer(entra.V1), q.Issuer(entra.V2))
	}
}

// Fault 27: published private keys are an alarm, once; the log holds nothing of them.
func TestALeakedKeyIsAnAlarm(t *testing.T) {
	log, logs := logged()
	secret := encode(keyB().D.Bytes())
	e := served(t, rsaJWK("a", keyA()), with(rsaJWK("leaked", keyB()), "d", secret), with(rsaJWK("enc\n", keyC()), "use", "enc"))
	e.answer("v1 keys", text(`{"keys":[{"kty":"oct","kid":"shared","k":"c2VjcmV0"}]}`)) // nothing else in it
	p := ringOf(t, Options{Log: log}).Open(e.source())
	refreshed(t, p)
	refreshed(t, p)
	var got []string
	for _, entry := range logs.All() {
		if entry.Message == "the provider leaked a signing key" || entry.Message == "signing key ignored" {
			fields := entry.ContextMap()
			got = append(got, fmt.Sprint(entry.Level, " ", fields["provider"], " ", fields["version"], " ", fields["key_id"]))
		}
		if line := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(line, secret) || strings.Contains(line, "c2VjcmV0") {
			t.Errorf("want no secret in the log, got %s", line)
		}
	}
	want := []string{"error contoso 1.0 shared", `warn contoso 2.0 enc\n`, "error contoso 2.0 leaked"}
	if !slices.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestAChangeIsLoggedWithItsKeyIDs(t *testing.T) {
	log, logs := logged()
	e := served(t, rsaJWK("a", keyA()), rsaJWK("b", keyB()))
	e.answer("v1 document", status(404))
	p := ringOf(t, Options{Log: log}).Open(e.source())
	refreshed(t, p)
	e.publish(rsaJWK("b", keyC()), rsaJWK("c\x1b", keyA()))
	refreshed(t, p)
	var got []string
	for _, entry := range logs.FilterMessage("signing keys changed").All() {
		f := entry.ContextMap()
		got = append(got, fmt.Sprint(f["version"], f["added"], f["removed"], f["replaced"]))
	}
	if want := []string{`2.0[a b] [] []`, `2.0[c\x1b] [a] [b]`}; !slices.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestStatusTellsEverything(t *testing.T) {
	e := served(t, rsaJWK("b", keyA()), ecJWK("a", keyEC()), with(rsaJWK("c", keyB()), "use", "enc"))
	e.answer("v1 document", status(503))
	p := ringOf(t, Options{}).Open(e.source())
	if got := string(encoded(p.Status())); strings.Contains(got, "fetched_at") || strings.Contains(got, "null") ||
		strings.Count(got, `"source":"none"`) != 2 {
		t.Errorf("before the first fetch: want neither times nor keys, got %s", got)
	}
	refreshed(t, p)
	s := p.Status()
	if s.Provider != "contoso" || !s.Live || len(s.Documents) != 2 {
		t.Fatalf("want contoso live with two documents, got %+v", s)
	}
	v1, v2 := s.Documents[0], s.Documents[1]
	document := e.base + "/" + tenant + "/.well-known/openid-configuration"
	if v1.Version != "1.0" || v1.Live || v1.URL != document || v1.Error != document+": want status 200, got 503" ||
		v1.Source != "none" || v1.AttemptedAt.IsZero() || !v1.FetchedAt.IsZero() {
		t.Errorf("v1.0: want the fault, got %+v", v1)
	}
	want := []KeyStatus{{ID: "a", Type: "EC P-256"}, {ID: "b", Type: "RSA 2048"}, {ID: "c", Type: "RSA 2048", Ignored: `use: want sig, got "enc"`}}
	if v2.Version != "2.0" || !v2.Live || v2.Source != "network" || v2.Error != "" || !v2.FetchedAt.Equal(v2.AttemptedAt) ||
		v2.KeysURL != e.base+"/"+tenant+"/discovery/v2.0/keys" || v2.Issuer != e.base+"/"+tenant+"/v2.0" || !slices.Equal(v2.Keys, want) {
		t.Errorf("v2.0: want all that is known, got %+v", v2)
	}
}

// A Provider that a reload has dropped stops at once; requests of the old configuration still find its keys.
func TestKeepClosesWhatItIsNotGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r, p := keptFresh(t, Options{}, rsaJWK("a", keyA()))
		changed := e.source()
		changed.ApplicationID = "36a0427c-4ca6-4bb6-afe2-804a729f14a1"
		q := r.Open(changed)
		if q == p || r.Open(e.source()) != p {
			t.Error("want one Provider for each Source")
		}
		r.Keep([]*Provider{q})
		synctest.Wait()
		fetches := e.requests("v2 keys")
		time.Sleep(3 * time.Hour)
		wantKey(t, p, "a")
		wantErr(t, p, "x", ErrUnavailable)
		want := "contoso: the provider is no longer in the configuration"
		if err := p.Refresh(t.Context()); err == nil || err.Error() != want {
			t.Errorf("want %s, got %v", want, err)
		}
		if got := e.requests("v2 keys") - fetches; got < 2 || got > 4 { // q alone
			t.Errorf("want the refreshes of one Provider, got %d", got)
		}
		if again := r.Open(e.source()); again == p {
			t.Error("want a new Provider for a forgotten Source, got the closed one")
		}
		r.Keep([]*Provider{q}) // it runs already
		r.Close()
		fetches = e.requests("v2 keys")
		time.Sleep(3 * time.Hour)
		if got := e.requests("v2 keys"); got != fetches {
			t.Errorf("want no fetch after Close, got %d", got-fetches)
		}
		late := r.Open(e.source())
		r.Keep([]*Provider{late})
		if err := late.Refresh(t.Context()); err == nil {
			t.Error("want a closed Ring's Provider closed, got one that fetches")
		}
	})
}

// A Provider is closed while its fetch hangs: the fetch ends, and is not taken for the provider's fault.
func TestCloseEndsAFetchUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := logged()
		e, client := within(t, rsaJWK("a", keyA()))
		e.answerAll(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		r := NewRing(Options{Client: client, Log: log})
		p := r.Open(e.source())
		r.Keep([]*Provider{p})
		failed := make(chan error, 1)
		go func() { failed <- p.Refresh(t.Context()) }()
		synctest.Wait()
		began := time.Now()
		r.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("want Close at once, got %s", took)
		}
		if p.flight != nil {
			t.Error("want Close to wait for the fetch, got it under way")
		}
		if err := <-failed; err == nil || err.Error() != "contoso: the provider is no longer in the configuration" {
			t.Errorf("want the end told, got %v", err)
		}
		if got := lines(logs); len(got) != 0 {
			t.Errorf("want nothing logged, got %q", got)
		}
	})
}

// asleep is a clock whose wall part has gone on while the monotonic part stood still, as when the machine slept.
type asleep struct{ by time.Duration } // whole seconds

// now sets the seconds of the wall part of a time.Time that has a monotonic part: 33 bits above the 30 of nanoseconds
// (package time, time.go). No function of package time parts the two.
func (a *asleep) now() time.Time {
	now := time.Now()
	*(*uint64)(unsafe.Pointer(&now)) += uint64(a.by/time.Second) << 30
	return now
}

// The machine was suspended for a day, or a virtual one was put aside. Keys were as young as before when it woke, and those
// that the provider had taken back meanwhile went on to verify, for an hour or, with the provider away, another day.
func TestKeysGrowOldWhileTheMachineSleeps(t *testing.T) {
	var clock asleep
	e := served(t, rsaJWK("a", keyA()))
	p := ringOf(t, Options{Now: clock.now}).Open(e.source())
	refreshed(t, p)
	before := p.Changes()
	for _, by := range []time.Duration{-maxAge, time.Hour, maxAge - time.Minute, 0} { // a clock that is set right has no say
		clock.by = by
		if wantKey(t, p, "a"); !p.Live() || p.Changes() != before || p.untilDue() < 50*time.Minute {
			t.Errorf("the wall clock is %v ahead: live %v, %d changes, due in %v", by, p.Live(), p.Changes()-before, p.untilDue())
		}
	}
	clock.by = maxAge
	if p.Live() || p.Changes() == before || p.untilDue() != 0 {
		t.Errorf("after a day: live %v, %d changes, due in %v", p.Live(), p.Changes()-before, p.untilDue())
	}
	e.answerAll(status(http.StatusServiceUnavailable))
	wantErr(t, p, "a", ErrUnavailable)
	if due := p.untilDue(); due == 0 {
		t.Error("a fetch that failed is followed by one without a pause")
	}
	e.answerAll(nil)
	wantKey(t, p, "a")
	if due := p.untilDue(); due < 50*time.Minute {
		t.Errorf("after a good fetch the next is due in %v", due)
	}
}

// Fault 64: the wall clock of this host is set back, or forward by hours; ages do not move with it.
func TestTheWallClockHasNoSayInAges(t *testing.T) {
	p := opened(t, served(t, rsaJWK("a", keyA())))
	if at := p.state.Load().sets[1].fetchedAt; at.Round(0) == at {
		t.Error("want the fetch's time with a monotonic reading, got one without")
	}
	if due := p.due; due.Round(0) == due {
		t.Error("want the next refresh's time with a monotonic reading, got one without")
	}
}
