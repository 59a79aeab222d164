package graph

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/entratest"
)

// FAULTS 109: who leaves a group in Entra is out of it here within the time that answers are kept, counted from the
// question.
func TestWhoIsRemovedIsGoneInTime(t *testing.T) {
	s := newSite(t, contoso())
	c := newClock()
	g := s.graph(t, c.use)
	q := about(t, analysts, operators)
	began := c.Now()
	s.SetGraphFaults(entratest.GraphFaults{Rewrite: func(_ string, body []byte) []byte {
		c.pass(3 * time.Second) // so long Graph takes to answer
		return body
	}})
	got, err := g.Memberships(t.Context(), lovelace, q)
	if err != nil || !got.Until().Equal(began.Add(5*time.Minute)) {
		t.Errorf("want an answer until 5 minutes after the question, got %s later and %v", got.Until().Sub(began), err)
	}
	s.SetGraphFaults(entratest.GraphFaults{})
	s.Leave(lovelace, operators)
	c.pass(5*time.Minute - 3*time.Second - 1)
	tells(t, g, lovelace, q, analysts, operators)
	c.pass(1)
	tells(t, g, lovelace, q, analysts)
	if got := s.Requests("graph"); got != 2 {
		t.Errorf("want two calls, got %d", got)
	}
}

// The time that answers are kept is the configuration's.
func TestCacheSaysHowLongAnswersAreKept(t *testing.T) {
	s := theSite(t)
	c := newClock()
	g := s.graph(t, c.use, func(o *Options) { o.Cache = 30 * time.Second })
	q := about(t, analysts)
	for _, step := range []struct {
		passes time.Duration
		calls  int
	}{{0, 1}, {29 * time.Second, 1}, {time.Second, 2}} {
		c.pass(step.passes)
		tells(t, g, lovelace, q, analysts)
		if got := s.Requests("graph"); got != step.calls {
			t.Errorf("after %s: want %d calls, got %d", step.passes, step.calls, got)
		}
	}
}

// FAULTS 104: while Graph is down the last answer holds to its end, and then nothing is known.
func TestTheLastAnswerHoldsToItsEndAndNotBeyond(t *testing.T) {
	s := theSite(t)
	c := newClock()
	g := s.graph(t, c.use)
	q := about(t, analysts)
	tells(t, g, lovelace, q, analysts)
	s.SetGraphFaults(entratest.GraphFaults{Status: 500, Code: "x"})
	c.pass(5*time.Minute - 1)
	tells(t, g, lovelace, q, analysts)
	c.pass(1)
	fails(t, g, lovelace, q, Server, "microsoft graph: want status 200, got 500 x")
	s.SetGraphFaults(entratest.GraphFaults{})
	tells(t, g, lovelace, q, analysts)
}

// A monotonic clock stands still while the machine sleeps, and a wall clock can be set back: either ends an answer.
func TestEitherClockEndsAnAnswer(t *testing.T) {
	now := time.Now()
	a := Answer{until: now.Add(time.Minute)}
	tests := map[string]struct {
		now  time.Time
		want bool
	}{
		"at once":               {now, true},
		"before the end":        {now.Add(time.Minute - 1), true},
		"at the end":            {now.Add(time.Minute), false},
		"the wall clock alone":  {now.Round(0).Add(time.Minute), false},
		"an hour back, no mono": {now.Round(0).Add(-time.Hour), true},
	}
	for name, test := range tests {
		if got := a.Holds(test.now); got != test.want {
			t.Errorf("%s: want %t, got %t", name, test.want, got)
		}
	}
	if (Answer{}).Holds(now) {
		t.Error("the zero Answer holds")
	}
}

// FAULTS 104: Graph says how long it wants to be left alone, and all users leave it alone so long.
func TestRetryAfterIsHonouredForEveryUser(t *testing.T) {
	s := theSite(t)
	q := about(t, analysts)
	tests := []struct {
		retryAfter string
		want       time.Duration
	}{
		{"7", 7 * time.Second},
		{"Mon, 02 Jan 2040 15:04:05 GMT", time.Hour}, // never longer
		{"86400", time.Hour},
		{"9999999999999999999", 0},
		{"-3", 0},
		{"soon", 0},
	}
	for _, test := range tests {
		t.Run(test.retryAfter, func(t *testing.T) {
			c := newClock()
			g := s.graph(t, c.use)
			s.SetGraphFaults(entratest.GraphFaults{Status: 429, RetryAfter: test.retryAfter})
			u := fails(t, g, lovelace, q, Throttled, "microsoft graph: too many requests of this application (429 TooManyRequests)")
			s.SetGraphFaults(entratest.GraphFaults{})
			before := s.Requests("graph")
			if test.want == 0 {
				tells(t, g, turing, q, analysts)
				return
			}
			if status := g.Status(); u.RetryAfter < test.want || status.Breaker != "paused" || !status.Until.Equal(c.Now().Add(test.want)) {
				t.Errorf("want a pause of %s, got %s and %+v", test.want, u.RetryAfter, status)
			}
			c.pass(test.want - time.Second)
			left := fails(t, g, turing, q, Open, "microsoft graph: it is left alone for 1s after failures, the last: "+
				"too many requests of this application (429 TooManyRequests)")
			if left.RetryAfter != time.Second || s.Requests("graph") != before {
				t.Errorf("want one second left and no call, got %s and %d calls", left.RetryAfter, s.Requests("graph")-before)
			}
			c.pass(time.Second)
			tells(t, g, turing, q, analysts)
		})
	}
}

// After five failures in a row Graph is left alone, 5 seconds at first and a minute at most; then one look-up tries.
func TestTheBreakerOpensAfterFiveFailures(t *testing.T) {
	s := theSite(t)
	c := newClock()
	core, lines := observer.New(zap.InfoLevel)
	g := s.graph(t, c.use, func(o *Options) { o.Log = zap.New(core) })
	q := about(t, analysts)
	s.SetGraphFaults(entratest.GraphFaults{Status: 500, Code: "x"})
	for range 5 {
		fails(t, g, lovelace, q, Server, "microsoft graph: want status 200, got 500 x")
	}
	for i, pause := range []int{5, 10, 20, 40, 60, 60} {
		before := s.Requests("graph")
		u := fails(t, g, lovelace, q, Open, fmt.Sprintf("microsoft graph: it is left alone for %s after failures, the last: want status 200, got 500 x",
			time.Duration(pause)*time.Second))
		if status := g.Status(); u.RetryAfter != time.Duration(pause)*time.Second || status.Breaker != "open" || !status.Failing || s.Requests("graph") != before {
			t.Errorf("pause %d: want %d s, got %s and %+v", i, pause, u.RetryAfter, status)
		}
		c.pass(time.Duration(pause) * time.Second)
		if got := g.Status().Breaker; got != "probing" {
			t.Errorf("want the next look-up to be a probe, got %s", got)
		}
		fails(t, g, lovelace, q, Server, "microsoft graph: want status 200, got 500 x")
		if got := s.Requests("graph") - before; got != 1 {
			t.Errorf("pause %d: want one probe, got %d", i, got)
		}
	}
	s.SetGraphFaults(entratest.GraphFaults{})
	c.pass(time.Minute)
	tells(t, g, lovelace, q, analysts)
	tells(t, g, turing, q, analysts)
	if status := g.Status(); status.Breaker != "closed" || status.Failing || status.Problem != "want status 200, got 500 x" {
		t.Errorf("got the status %+v", status)
	}
	var said []string
	for _, line := range lines.All() {
		said = append(said, line.Message)
	}
	if want := "[Microsoft Graph does not tell groups Microsoft Graph tells groups again]"; fmt.Sprint(said) != want {
		t.Errorf("want a line for each change, got %q", said)
	}
}

// Of many that come when the breaker's time is over one is let through.
func TestOneProbeAtATime(t *testing.T) {
	var b breaker
	now := time.Now()
	for range breaksAfter {
		b.failed(now, 0, false)
	}
	for range 20 { // look-ups that began before it opened
		b.failed(now, 0, false)
	}
	now = now.Add(firstPause)
	if probe, _, open := b.admit(now); !probe || open {
		t.Fatal("want a probe")
	}
	if _, pause, open := b.admit(now); !open || pause != time.Second {
		t.Error("want the second to be refused")
	}
	b.abandoned(true)
	if probe, _, open := b.admit(now); !probe || open {
		t.Error("want another probe after one that was abandoned")
	}
	b.succeeded(true)
	if probe, _, open := b.admit(now); probe || open {
		t.Error("want it closed")
	}
	for i, want := range []time.Duration{0, 0, 0, 0, firstPause} {
		if got := b.failed(now, 0, false); got != want {
			t.Errorf("failure %d after that: want a pause of %s, as at first, got %s", i+1, want, got)
		}
	}
}

// A user whom Graph does not know takes nothing from the others: it is not asked about anew at each request, and its
// failures do not open the breaker.
func TestOneUnknownUserIsNobodyElsesTrouble(t *testing.T) {
	s := theSite(t)
	c := newClock()
	core, lines := observer.New(zap.InfoLevel)
	g := s.graph(t, c.use, func(o *Options) { o.Log = zap.New(core) })
	q := about(t, analysts)
	words := "microsoft graph: it knows no user " + stranger + " (404)\nhint: look for the user in the tenant: a token outlives the account by up to a day"
	for i := range 10 {
		for range 3 {
			fails(t, g, stranger, q, User, words)
		}
		if got := s.Requests("graph"); got != i+1 {
			t.Errorf("round %d: want one call each, got %d", i, got)
		}
		c.pass(refusedFor)
	}
	tells(t, g, lovelace, q, analysts)
	if status := g.Status(); status.Breaker != "closed" || status.Failing || lines.Len() != 10 {
		t.Errorf("got %d lines and the status %+v", lines.Len(), status)
	}
}

// What is kept is bounded in bytes, and the bound is what it says: the weight of an answer is not below what it takes.
func TestWhatIsKeptIsBounded(t *testing.T) {
	const bound = 1 << 20
	k := newKept(bound)
	until := time.Now().Add(time.Hour)
	groups := fillers(5)
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for i := range 5000 {
		user := fmt.Sprintf("eeeeeeee-0000-4000-8000-%012x", i)
		k.keep(key{user: user, asked: [32]byte{1}}, outcome{answer: Answer{Member: append([]string(nil), groups...), until: until}})
	}
	took := heap() - before
	count, bytes := k.size()
	t.Logf("%d answers, %d bytes by weight, %d on the heap: %d each", count, bytes, took, took/uint64(count))
	if bytes > bound || count < 2400 {
		t.Errorf("want up to %d bytes and over 2,400 answers, got %d and %d", bound, bytes, count)
	}
	if took > bound+bound/8 {
		t.Errorf("want the heap to grow by %d bytes at most, got %d", bound, took)
	}
	runtime.KeepAlive(k)
}
