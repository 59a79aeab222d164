package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// 1,000 requests at once with one new user in too many groups: one look-up.
func TestAThousandRequestsOfOneUserAreOneLookUp(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	s.SetGraphFaults(entratest.GraphFaults{Delay: 50 * time.Millisecond})
	q := about(t, analysts, operators, auditors)
	var asking sync.WaitGroup
	start := make(chan struct{})
	for range 1000 {
		asking.Go(func() {
			<-start
			tells(t, g, lovelace, q, analysts, operators)
		})
	}
	close(start)
	asking.Wait()
	if status := g.Status(); status.LookUps != 1 || s.Requests("graph") != 1 || s.Requests("token") != 1 || status.Failures != 0 {
		t.Errorf("want one look-up, call and token, got %+v", status)
	}
}

// 1,000 new users at once: never more than 64 look-ups, and each request gets its own user's groups or Unavailable.
func TestAThousandUsersAtOnceAreBounded(t *testing.T) {
	directory := contoso()
	user := func(i int) string { return fmt.Sprintf("eeeeeeee-0000-4000-8000-%012x", i) }
	groups := []string{analysts, operators, auditors}
	for i := range 1000 {
		directory.Users = append(directory.Users, entratest.User{Name: user(i), ObjectID: user(i), Groups: groups[i%3 : i%3+1], MoreGroups: 1})
	}
	s := newSite(t, directory)
	g := s.graph(t)
	q := about(t, groups...)
	s.SetGraphFaults(entratest.GraphFaults{Delay: time.Millisecond})
	var asking sync.WaitGroup
	var answered, busy atomic.Int32
	start := make(chan struct{})
	for i := range 1000 {
		asking.Go(func() {
			<-start
			got, err := g.Memberships(t.Context(), user(i), q)
			if u, ok := errors.AsType[*Unavailable](err); ok {
				if u.Kind != Busy && u.Kind != Timeout {
					t.Errorf("user %d: got %v", i, err)
				}
				busy.Add(1)
				return
			}
			answered.Add(1)
			if !slices.Equal(got.Member, groups[i%3:i%3+1]) {
				t.Errorf("user %d: got %q", i, got.Member)
			}
		})
	}
	close(start)
	asking.Wait()
	if peak := s.GraphPeak(); peak > maxFlights || peak < 2 {
		t.Errorf("want 2 to 64 calls at once, got %d", peak)
	}
	if answered.Load()+busy.Load() != 1000 || answered.Load() < maxFlights {
		t.Errorf("want 1000 to end, 64 or more with an answer, got %d answered and %d unavailable", answered.Load(), busy.Load())
	}
	if status := g.Status(); status.UnderWay != 0 || int32(status.Kept) != answered.Load() {
		t.Errorf("want nothing under way and %d kept, got %+v", answered.Load(), status)
	}
}

// While 64 look-ups hang, the next one gets no turn; what is kept is answered all the same, and a look-up beyond those that
// may wait is refused at once.
func TestWhoGetsNoTurnIsUnavailable(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	g.turn = 20 * time.Millisecond
	q := about(t, analysts)
	tells(t, g, turing, q, analysts)
	for range maxFlights {
		g.turns <- struct{}{}
	}
	u := fails(t, g, lovelace, q, Busy, "microsoft graph: 64 look-ups are under way, and no turn came within 1 s")
	if u.RetryAfter != time.Second {
		t.Errorf("want to be asked again after 1 s, got %s", u.RetryAfter)
	}
	tells(t, g, turing, q, analysts)
	for i := range maxFlights + maxWaiting {
		g.flights[key{user: fmt.Sprint(i)}] = nil
	}
	g.turn, g.timeout = time.Hour, time.Hour
	fails(t, g, lovelace, q, Busy, "microsoft graph: 64 look-ups are under way, and no turn came within 1 s")
	if status := g.Status(); status.Busy != 2 || status.LookUps != 1 || status.Failing {
		t.Errorf("got the status %+v", status)
	}
	clear(g.flights)
	for range breaksAfter { // an open breaker does not even wait for a turn
		g.breaker.failed(g.now(), 0, false)
	}
	fails(t, g, lovelace, q, Open, "microsoft graph: it is left alone for 5s after failures")
	for range maxFlights {
		<-g.turns
	}
}

// FAULTS 43: who gives up ends its own waiting and nobody else's.
func TestWhoGivesUpEndsItsOwnWaitingAlone(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	q := about(t, analysts)
	asked, answer := make(chan struct{}), make(chan struct{})
	s.SetGraphFaults(entratest.GraphFaults{Rewrite: func(_ string, body []byte) []byte {
		close(asked)
		<-answer
		return body
	}})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := g.Memberships(ctx, lovelace, q)
		gone <- err
	}()
	<-asked
	cancel()
	err := <-gone
	if u, ok := errors.AsType[*Unavailable](err); !ok || u.Kind != Abandoned || !errors.Is(err, context.Canceled) ||
		err.Error() != "microsoft graph: the request ended before Microsoft Graph answered" {
		t.Errorf("got %v", err)
	}
	go close(answer)
	tells(t, g, lovelace, q, analysts)
	if got := s.Requests("graph"); got != 1 {
		t.Errorf("want the one call to go on, got %d", got)
	}
}

// Close leaves nothing behind, and whoever waits gets an answer.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	g.timeout = time.Hour
	s.SetGraphFaults(entratest.GraphFaults{Delay: time.Hour})
	q := about(t, analysts)
	ended := make(chan error)
	go func() {
		_, err := g.Memberships(t.Context(), lovelace, q)
		ended <- err
	}()
	for s.Requests("graph") == 0 {
		time.Sleep(time.Millisecond)
	}
	g.Close()
	if err := <-ended; err == nil || err.Error() != "microsoft graph: claimd ended while Microsoft Graph was asked" {
		t.Errorf("got %v", err)
	}
	fails(t, g, lovelace, q, Closed, "microsoft graph: claimd is ending or has a newer configuration")
	g.Close()
}
