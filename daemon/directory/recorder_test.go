package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// paper is where a recorder writes to in these tests: it notes the batches, and fails or waits as it is told.
type paper struct {
	lock    sync.Mutex
	batches []batch
	fails   error
	missing []Hash
	wait    chan struct{} // each write takes one; nil: none waits
}

func (p *paper) write(ctx context.Context, b batch) (written, error) {
	if p.wait != nil {
		select {
		case <-p.wait:
		case <-ctx.Done():
			return written{}, ctx.Err()
		}
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.fails != nil {
		return written{}, p.fails
	}
	p.batches = append(p.batches, b)
	return written{missing: p.missing}, nil
}

func (p *paper) fail(err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.fails = err
}

// written gives the batches so far.
func (p *paper) written() []batch {
	p.lock.Lock()
	defer p.lock.Unlock()
	return slices.Clone(p.batches)
}

// lines gives what was written, a line each.
func (p *paper) lines() []string {
	p.lock.Lock()
	defer p.lock.Unlock()
	var all []string
	for i, b := range p.batches {
		for _, s := range b.sightings {
			line := fmt.Sprintf("%d: saw %s at %d by %s", i, s.Key.ID, int(s.At.Sub(noon).Seconds()), s.Client)
			if s.Waiting {
				line += ", waiting"
			}
			for _, group := range s.Groups {
				line += " " + group.Name
			}
			all = append(all, line)
		}
		for _, touch := range b.touches {
			all = append(all, fmt.Sprintf("%d: touched %x at %d by %s", i, touch.hash[:2], int(touch.at.Sub(noon).Seconds()), touch.client))
		}
	}
	return all
}

// recording runs part with a recorder in a bubble of time that begins at noon.
func recording(t *testing.T, p *paper, part func(t *testing.T, r *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(p.write)
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { r.run(ctx) })
		part(t, r)
		cancel()
		done.Wait()
	})
}

func see(r *recorder, s *Sighting) { r.see(s.Key.Hash(), s) }

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func sighted(id string, seconds int, client string, groups ...string) *Sighting {
	s := seen(id, 0).had(groups...)
	s.At, s.Client = at(seconds), client
	return s
}

func TestWhatIsSeenIsWrittenWithinASecondAndOnce(t *testing.T) {
	var p paper
	recording(t, &p, func(t *testing.T, r *recorder) {
		see(r, sighted("ada", 0, "app", "A"))
		see(r, sighted("ada", 1, "app", "A")) // nothing new in this minute
		see(r, sighted("bob", 0, "app"))
		time.Sleep(maxDelay - 1)
		synctest.Wait()
		if got := p.lines(); len(got) != 0 {
			t.Errorf("written before its time: %v", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		for seconds := range 59 { // of the same minute
			see(r, sighted("ada", seconds, "app", "A"))
			r.touch(keyOf("ada").Hash(), at(seconds), "app")
			time.Sleep(time.Second)
		}
		see(r, sighted("bob", 30, "app", "B"))           // something changed
		r.touch(keyOf("ada").Hash(), at(31), "another")  // likewise
		see(r, sighted("carol", 32, "app"))              // new
		r.touch(keyOf("carol").Hash(), at(33), "app")    // nothing new
		r.touch(keyOf("carol").Hash(), at(34), "second") // something
		time.Sleep(maxDelay)
		synctest.Wait()
		r.touch(keyOf("ada").Hash(), at(61), "another") // the next minute
		see(r, sighted("bob", 62, "app", "B"))
		time.Sleep(maxDelay)
		synctest.Wait()
	})
	adaHash := keyOf("ada").Hash()
	wantEqual(t, "lines", p.lines(), []string{
		"0: saw ada at 0 by app A", "0: saw bob at 0 by app",
		"1: saw bob at 30 by app B", "1: saw carol at 34 by second",
		fmt.Sprintf("1: touched %x at 31 by another", adaHash[:2]),
		"2: saw bob at 62 by app B", fmt.Sprintf("2: touched %x at 61 by another", adaHash[:2]),
	})
}

func TestTheNewestSightingWins(t *testing.T) {
	waiting := func(s *Sighting) *Sighting { s.Waiting = true; return s }
	for _, row := range []struct {
		name string
		come func(r *recorder)
		want string
	}{
		{"later", func(r *recorder) { see(r, sighted("ada", 1, "a", "A")); see(r, sighted("ada", 2, "b", "B")) }, "0: saw ada at 2 by b B"},
		{"earlier", func(r *recorder) { see(r, sighted("ada", 2, "b", "B")); see(r, sighted("ada", 1, "a", "A")) }, "0: saw ada at 2 by b B"},
		{"a touch", func(r *recorder) { see(r, sighted("ada", 1, "a", "A")); r.touch(keyOf("ada").Hash(), at(65), "c") }, "0: saw ada at 65 by c A"},
		{"an earlier touch", func(r *recorder) { see(r, sighted("ada", 70, "a", "A")); r.touch(keyOf("ada").Hash(), at(5), "c") }, "0: saw ada at 70 by a A"},
		{"a touch before", func(r *recorder) { r.touch(keyOf("ada").Hash(), at(65), "c"); see(r, sighted("ada", 3, "a", "A")) }, "0: saw ada at 65 by c A"},
		{"waiting", func(r *recorder) {
			see(r, waiting(sighted("ada", 1, "a")))
			see(r, waiting(sighted("ada", 2, "a", "B")))
		}, "0: saw ada at 2 by a, waiting B"},
		{"waiting ends", func(r *recorder) { see(r, waiting(sighted("ada", 1, "a"))); see(r, sighted("ada", 2, "a")) }, "0: saw ada at 2 by a"},
		{"who came in stays in", func(r *recorder) { see(r, sighted("ada", 1, "a")); see(r, waiting(sighted("ada", 2, "a"))) }, "0: saw ada at 2 by a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p paper
			recording(t, &p, func(t *testing.T, r *recorder) {
				row.come(r)
				time.Sleep(maxDelay)
				synctest.Wait()
				if r.waits.bytes != 0 || len(r.waits.entries) != 0 || r.flying != 0 {
					t.Errorf("%d bytes wait, %d are on their way", r.waits.bytes, r.flying)
				}
			})
			wantEqual(t, "lines", p.lines(), []string{row.want})
		})
	}
}

func TestEnoughForABatchIsWrittenAtOnce(t *testing.T) {
	var p paper
	recording(t, &p, func(t *testing.T, r *recorder) {
		for i := range 2*maxBatch + 1 {
			see(r, sighted(fmt.Sprint("user", i), 0, "app"))
		}
		synctest.Wait()
		if early := p.written(); len(early) == 0 || len(early[0].sightings) != maxBatch {
			t.Errorf("no full batch is written at once: %d batches", len(early))
		}
		time.Sleep(maxDelay)
		synctest.Wait()
		next := 0
		for _, b := range p.written() {
			if len(b.sightings) > maxBatch {
				t.Errorf("a batch of %d", len(b.sightings))
			}
			for _, s := range b.sightings {
				if want := fmt.Sprint("user", next); s.Key.ID != want {
					t.Fatalf("%s is written where %s came", s.Key.ID, want)
				}
				next++
			}
		}
		if got := r.written.Load(); got != 2*maxBatch+1 {
			t.Errorf("%d are counted as written", got)
		}
	})
}

func TestBeyondItsRoomSightingsAreDroppedAndWanted(t *testing.T) {
	p := &paper{}
	recording(t, p, func(t *testing.T, r *recorder) {
		p.wait = make(chan struct{})
		long := strings.Repeat("x", 40_000)
		fits := 0
		for i := range 300 {
			see(r, sighted(fmt.Sprint("user", i), 0, "app", long))
			r.lock.Lock()
			if r.waits.bytes+r.flying > maxPending {
				t.Errorf("%d bytes wait", r.waits.bytes+r.flying)
			}
			r.lock.Unlock()
			if !r.isWanted(keyOf(fmt.Sprint("user", i)).Hash()) {
				fits++
			}
		}
		if dropped := int(r.dropped.Load()); fits < 90 || fits > 104 || dropped != 300-fits {
			t.Errorf("%d of 300 found room, %d are counted as dropped", fits, dropped)
		}
		last := sighted("user299", 1, "app")
		for i := range 20_000 { // small ones fill what is left; then touches find no room either
			r.touch(keyOf(fmt.Sprint("touched", i)).Hash(), at(0), "app")
		}
		if !r.isWanted(keyOf("touched19999").Hash()) && len(r.wanted) < maxWanted {
			t.Error("a touch that found no room is not wanted")
		}
		if len(r.wanted) > maxWanted {
			t.Errorf("%d are wanted, at most %d should be", len(r.wanted), maxWanted)
		}
		close(p.wait)
		time.Sleep(3 * maxDelay)
		synctest.Wait()
		if !r.isWanted(last.Key.Hash()) {
			t.Fatal("the last one is not wanted")
		}
		see(r, last)
		if r.isWanted(last.Key.Hash()) {
			t.Error("the last one is wanted after he was seen")
		}
		time.Sleep(maxDelay)
		synctest.Wait()
		if got := p.lines(); got[len(got)-1] == "" || !strings.Contains(got[len(got)-1], "saw user299 at 1") {
			t.Errorf("the last line is %.100q", got[len(got)-1])
		}
	})
}

func TestAWriteThatFailsIsTriedAgain(t *testing.T) {
	p := &paper{fails: errors.New("broken")}
	recording(t, p, func(t *testing.T, r *recorder) {
		see(r, sighted("ada", 0, "app", "A"))
		see(r, sighted("bob", 0, "app", "A"))
		time.Sleep(maxDelay)
		synctest.Wait()
		see(r, sighted("bob", 1, "app", "B")) // newer than what comes back
		r.touch(keyOf("ada").Hash(), at(70), "other")
		see(r, sighted("carol", 3, "app"))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		tries := r.failures.Load()
		if tries < 7 || tries > 13 {
			t.Errorf("%d tries in three minutes, at most %v apart", tries, maxBackoff)
		}
		if got := r.waiting(); got != 3 {
			t.Errorf("%d wait", got)
		}
		if err := r.flush(t.Context()); err == nil || err.Error() != "broken" {
			t.Errorf("flush: %v", err)
		}
		p.fail(nil)
		time.Sleep(maxBackoff)
		synctest.Wait()
		if got := r.waiting(); got != 0 || r.waits.bytes != 0 {
			t.Errorf("%d wait, with %d bytes", got, r.waits.bytes)
		}
		if r.written.Load() != 3 || r.dropped.Load() != 0 {
			t.Errorf("%d written, %d dropped", r.written.Load(), r.dropped.Load())
		}
	})
	wantEqual(t, "lines", p.lines(), []string{"0: saw ada at 70 by other A", "0: saw bob at 1 by app B", "0: saw carol at 3 by app"})
}

func TestWhatComesWhileAWriteFailsIsNotLost(t *testing.T) {
	p := &paper{fails: errors.New("broken")}
	recording(t, p, func(t *testing.T, r *recorder) {
		p.wait = make(chan struct{}, 10)
		see(r, waiting(sighted("ada", 0, "app", "A")))
		see(r, sighted("bob", 0, "app", "A"))
		r.touch(keyOf("carol").Hash(), at(0), "app")
		time.Sleep(maxDelay)
		synctest.Wait() // the batch is on its way
		r.touch(keyOf("ada").Hash(), at(70), "other")
		see(r, sighted("bob", 1, "app", "B"))
		see(r, waiting(sighted("carol", 2, "app", "C")))
		p.wait <- struct{}{}
		synctest.Wait()
		p.fail(nil)
		p.wait <- struct{}{}
		time.Sleep(maxBackoff)
		synctest.Wait()
		if r.waits.bytes != 0 || r.waiting() != 0 {
			t.Errorf("%d wait, with %d bytes", r.waiting(), r.waits.bytes)
		}
	})
	wantEqual(t, "lines", p.lines(), []string{
		"0: saw ada at 70 by other, waiting A", "0: saw bob at 1 by app B", "0: saw carol at 2 by app, waiting C",
	})
}

func TestATouchWithoutARowIsWanted(t *testing.T) {
	hash := keyOf("ada").Hash()
	p := &paper{missing: []Hash{hash}}
	recording(t, p, func(t *testing.T, r *recorder) {
		r.touch(hash, at(0), "app")
		if r.isWanted(hash) {
			t.Error("wanted before it is known")
		}
		time.Sleep(maxDelay)
		synctest.Wait()
		if !r.isWanted(hash) || r.isWanted(keyOf("bob").Hash()) || r.written.Load() != 0 {
			t.Error("it is not exactly him who is wanted")
		}
		p.missing = nil
		see(r, sighted("ada", 0, "app"))
		time.Sleep(maxDelay)
		synctest.Wait()
		if r.isWanted(hash) || len(p.lines()) != 2 {
			t.Errorf("lines: %v", p.lines())
		}
	})
}

// Forget must not be undone by what was on its way.
func TestWhatIsHeldIsNotWritten(t *testing.T) {
	p := &paper{}
	recording(t, p, func(t *testing.T, r *recorder) {
		p.wait = make(chan struct{}, 10)
		see(r, sighted("ada", 0, "app"))
		see(r, sighted("bob", 0, "app"))
		time.Sleep(maxDelay)
		synctest.Wait() // the batch is on its way
		see(r, sighted("ada", 1, "app", "A"))
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.hold(soon, keyOf("ada").Hash()); !errors.Is(err, errBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hold while a batch is on its way: %v", err)
		}
		p.wait <- struct{}{}
		synctest.Wait()
		release, err := r.hold(t.Context(), keyOf("ada").Hash())
		if err != nil {
			t.Fatal(err)
		}
		see(r, sighted("carol", 2, "app"))
		p.wait <- struct{}{}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.lines(); len(got) != 2 {
			t.Errorf("while it is held: %v", got)
		}
		release()
		time.Sleep(time.Minute)
		synctest.Wait()
	})
	wantEqual(t, "lines", p.lines(), []string{"0: saw ada at 0 by app", "0: saw bob at 0 by app", "1: saw carol at 2 by app"})
}

func TestHurryWritesWhatWaitsOfTheKey(t *testing.T) {
	var p paper
	recording(t, &p, func(t *testing.T, r *recorder) {
		r.hurry(t.Context(), keyOf("ada").Hash())
		see(r, sighted("ada", 0, "app"))
		began := time.Now()
		r.hurry(t.Context(), keyOf("bob").Hash())
		if len(p.lines()) != 0 {
			t.Error("it hurried for somebody who does not wait")
		}
		r.hurry(t.Context(), keyOf("ada").Hash())
		if len(p.lines()) != 1 || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), p.lines())
		}
	})
	recording(t, &p, func(t *testing.T, r *recorder) {
		p.wait = make(chan struct{}) // a store that hangs
		see(r, sighted("ada", 60, "app"))
		began := time.Now()
		r.hurry(t.Context(), keyOf("ada").Hash())
		if got := time.Since(began); got != hurryWithin {
			t.Errorf("it waited %v for a store that hangs, wanted %v", got, hurryWithin)
		}
	})
}

func TestAfterStopNothingIsTaken(t *testing.T) {
	p := &paper{}
	recording(t, p, func(t *testing.T, r *recorder) {
		p.wait = make(chan struct{}, 1)
		see(r, sighted("ada", 0, "app"))
		time.Sleep(maxDelay)
		synctest.Wait()
		see(r, sighted("bob", 0, "app"))
		p.fail(errors.New("unsafe"))
		r.stop()
		r.stop()
		p.wait <- struct{}{}
		synctest.Wait()
		see(r, sighted("carol", 0, "app"))
		r.touch(keyOf("dave").Hash(), at(0), "app")
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := r.dropped.Load(); got != 4 || r.waiting() != 0 || r.wants.Load() != 0 {
			t.Errorf("%d dropped, %d wait, %d wanted", got, r.waiting(), r.wants.Load())
		}
	})
	if got := p.lines(); len(got) != 0 {
		t.Errorf("lines: %v", got)
	}
}

func TestEverythingButTheTimeAndTheClientIsNews(t *testing.T) {
	r := newRecorder(nil)
	base := ada().digest(r.seed)
	same := ada()
	same.At, same.Client = after(9), "other"
	if same.digest(r.seed) != base {
		t.Error("time and client are in the digest")
	}
	for name, change := range map[string]func(s *Sighting){
		"provider": func(s *Sighting) { s.Provider += "x" }, "user": func(s *Sighting) { s.User += "x" }, "email": func(s *Sighting) { s.Email = "" },
		"first": func(s *Sighting) { s.First, s.Last = s.First+s.Last, "" }, "scopes": func(s *Sighting) { s.Scopes = "" },
		"refused": func(s *Sighting) { s.Refused = "" }, "app": func(s *Sighting) { s.App = true }, "guest": func(s *Sighting) { s.Guest = false },
		"admin": func(s *Sighting) { s.Admin = false }, "waiting": func(s *Sighting) { s.Waiting = true },
		"groups": func(s *Sighting) { s.Groups = s.Groups[1:] }, "source": func(s *Sighting) { s.Groups = []Held{{"Analysts", FromLocal}} },
		"roles": func(s *Sighting) { s.Roles = nil }, "untold": func(s *Sighting) { s.Groups, s.Roles = nil, nil },
		"told none": func(s *Sighting) { s.Groups, s.Roles = []Held{}, nil }, "unmatched": func(s *Sighting) { s.UnmatchedGroups, s.UnmatchedRoles = s.UnmatchedRoles, s.UnmatchedGroups },
		"claims": func(s *Sighting) { s.Claims = maps.Clone(s.Claims); s.Claims["roles"] = []byte(`"writer"`) }, "no claims": func(s *Sighting) { s.Claims = nil },
	} {
		s := ada()
		change(s)
		if s.digest(r.seed) == base {
			t.Errorf("%s is not in the digest", name)
		}
	}
}

func TestWhatIsRememberedOfUsersIsBounded(t *testing.T) {
	l := newLately()
	for i := range 3*latelyKept + 10 {
		l.put(hashOf(i), noted{minute: uint32(i)})
		if i%1000 == 0 && len(l.new)+len(l.old) > 2*latelyKept {
			t.Fatalf("%d are remembered", len(l.new)+len(l.old))
		}
	}
	last := 3*latelyKept + 9
	for _, i := range []int{last, last - latelyKept} {
		if n, found := l.get(hashOf(i)); !found || n.minute != uint32(i) {
			t.Errorf("the %d. of %d is not remembered", i, last)
		}
		l.remove(hashOf(i))
		if _, found := l.get(hashOf(i)); found {
			t.Errorf("the %d. is remembered after he was removed", i)
		}
	}
}

func TestWhatWaitsIsInTheOrderOfItsComing(t *testing.T) {
	p := pending{entries: map[Hash]*entry{}}
	var want []Hash
	for i := range 50 {
		p.touch(hashOf(i), at(i), "app")
		want = append(want, hashOf(i))
	}
	p.remove(hashOf(0))
	p.remove(hashOf(3))
	p.remove(hashOf(3))
	p.touch(hashOf(3), at(3), "app") // again, at the end
	want = slices.Concat(want[1:3], want[4:], []Hash{hashOf(3)})
	if p.oldest() != 2 {
		t.Errorf("the oldest is %d", p.oldest())
	}
	taken := p.take(10)
	p.back(taken)
	var got []Hash
	for p.oldest() != 0 {
		for _, e := range p.take(7) {
			got = append(got, e.hash)
		}
	}
	wantEqual(t, "order", got, want)
	if p.bytes != 0 || len(p.entries) != 0 || p.queue != nil {
		t.Errorf("something is left: %d bytes, %d entries", p.bytes, len(p.entries))
	}
}
