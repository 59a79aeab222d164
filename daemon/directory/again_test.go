package directory

import (
	"testing"
	"testing/synctest"
	"time"
)

// marked gives a sighting with a mark.
func marked(s *Sighting, mark uint64) *Sighting {
	s.Mark = mark
	return s
}

func TestWhatWasSeenAgainIsATouch(t *testing.T) {
	var paper paper
	recording(t, &paper, func(t *testing.T, r *recorder) {
		hash := keyOf("ada").Hash()
		if r.again(hash, 7, at(0), "app") {
			t.Error("somebody who was never seen was seen again")
		}
		r.see(hash, marked(sighted("ada", 0, "app"), 7))
		for _, c := range []struct {
			what   string
			mark   uint64
			second int
			client string
			want   bool
		}{
			{"the same", 7, 1, "app", true}, {"another mark", 8, 1, "app", false}, {"no mark", 0, 1, "app", false},
			{"the next minute", 7, 61, "app", true}, {"another client", 7, 62, "other", true}, {"of it the same again", 7, 63, "other", true},
		} {
			if got := r.again(hash, c.mark, at(c.second), c.client); got != c.want {
				t.Errorf("%s: %v", c.what, got)
			}
		}
		time.Sleep(maxDelay)
		synctest.Wait()
		r.touch(hash, at(130), "other")
		if !r.again(hash, 7, at(131), "other") {
			t.Error("a touch took the mark away")
		}
		r.lost(hash)
		if r.again(hash, 7, at(132), "other") {
			t.Error("somebody whose sighting is wanted was seen again")
		}
		r.see(hash, marked(sighted("ada", 133, "other"), 7))
		if !r.again(hash, 7, at(134), "other") {
			t.Error("not seen again after what was wanted came")
		}
		r.room = 0
		if r.again(hash, 7, at(200), "other"); r.again(hash, 7, at(200), "other") {
			t.Error("what found no room was seen again")
		}
	})
	wantEqual(t, "lines", paper.lines()[:1], []string{"0: saw ada at 62 by other"})
}

// What is dropped, forgotten or not on record is told anew.
func TestWhoIsNotKnownAnyMoreWasNotSeenAgain(t *testing.T) {
	d := openHere(t)
	hash := keyOf("ada").Hash()
	d.Seen(marked(seen("ada", 0), 7))
	if !d.SeenAgain(hash, 7, after(0), "app") {
		t.Error("not seen again")
	}
	mustFlush(t, d)
	mustDo(t, d, "ada", Forget)
	if d.SeenAgain(hash, 7, after(1), "app") {
		t.Error("somebody forgotten was seen again")
	}
	d.Seen(marked(seen("ada", 2), 7))
	mustFlush(t, d)
	if !d.SeenAgain(hash, 7, after(2), "app") || d.State(hash) != Active {
		t.Error("not seen again after he came back")
	}
}

// Two sightings that wait for one write become one: what the later does not tell is of the earlier, in whatever order
// they come.
func TestWhatIsNotToldIsTakenFromTheSightingThatWaits(t *testing.T) {
	untold := func(id string, seconds int) *Sighting {
		s := sighted(id, seconds, "app")
		s.Groups, s.Roles, s.Email = nil, nil, "new"
		return s
	}
	p := pending{entries: map[Hash]*entry{}}
	put := func(s *Sighting) { p.see(s.Key.Hash(), s, s.bytes()) }
	put(sighted("in order", 0, "app", "A"))
	put(untold("in order", 1))
	put(untold("late", 1))
	put(sighted("late", 0, "app", "A"))
	put(sighted("failed", 0, "app", "A"))
	taken := p.take(10)
	put(untold("failed", 1))
	p.back(taken)
	put(untold("none", 1))
	put(sighted("told none", 0, "app", "A"))
	put(sighted("told none", 1, "app"))
	got := map[string][]Held{}
	sum := 0
	for _, e := range p.take(10) {
		got[e.sighting.Key.ID] = e.sighting.Groups
		sum += e.bytes
		if want := e.sighting.bytes(); e.bytes != want {
			t.Errorf("%s: %d bytes, wanted %d", e.sighting.Key.ID, e.bytes, want)
		}
		if id := e.sighting.Key.ID; id != "told none" && e.sighting.Email != "new" {
			t.Errorf("%s has the profile of the earlier one", id)
		}
	}
	a := []Held{{"A", FromClaim}}
	wantEqual(t, "groups", got, map[string][]Held{"in order": a, "late": a, "failed": a, "none": nil, "told none": {}})
	if p.bytes != 0 || sum == 0 {
		t.Errorf("%d bytes are left", p.bytes)
	}
}
