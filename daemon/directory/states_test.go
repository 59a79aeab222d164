package directory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// hashOf gives a hash whose shard differs from its neighbours'.
func hashOf(i int) (h Hash) {
	h[0] = byte(i)
	binary.BigEndian.PutUint64(h[8:], uint64(i))
	return h
}

// wantCounts holds the counts against a walk over all shards.
func wantCounts(t *testing.T, s *states, known, inactive, waiting int) {
	t.Helper()
	k, i, w := s.counts()
	if k != known || i != inactive || w != waiting || s.known.Load() != int64(known) {
		t.Errorf("%d known (%d by the limit's count), %d inactive, %d waiting: wanted %d, %d, %d", k, s.known.Load(), i, w, known, inactive, waiting)
	}
}

func TestAStateIsGivenAsItWasSet(t *testing.T) {
	s := newStates()
	if got := s.get(hashOf(1)); got != Unknown {
		t.Errorf("nobody is %s", got)
	}
	for _, state := range []State{Active, Inactive, Waiting, Active, Active, Unknown, Unknown, Inactive} {
		s.set(hashOf(1), state)
		if got := s.get(hashOf(1)); got != state {
			t.Errorf("%s, wanted %s", got, state)
		}
	}
	s.set(hashOf(257), Waiting) // of the same shard
	s.set(hashOf(2), Active)
	wantCounts(t, s, 3, 1, 1)
}

func TestBeginningCountsOnlyWhereNothingIsDecided(t *testing.T) {
	for _, row := range []struct{ before, begin, want State }{
		{Unknown, Active, Active},
		{Unknown, Waiting, Waiting},
		{Active, Waiting, Active},
		{Active, Active, Active},
		{Inactive, Active, Inactive},
		{Inactive, Waiting, Inactive},
		{Waiting, Waiting, Waiting},
		{Waiting, Active, Active},
	} {
		s := newStates()
		s.set(hashOf(1), row.before)
		if !s.begin(hashOf(1), row.begin) || s.get(hashOf(1)) != row.want {
			t.Errorf("%s that begins %s is %s, wanted %s", row.before, row.begin, s.get(hashOf(1)), row.want)
		}
	}
}

func TestMemoryTakesInNoMoreThanItsLimit(t *testing.T) {
	s := newStates()
	s.limit = 2
	for i := range 4 {
		if got := s.begin(hashOf(i), Active); got != (i < 2) {
			t.Errorf("the %d. key: %v", i+1, got)
		}
	}
	s.set(hashOf(3), Inactive) // an administrator's word always finds room
	if !s.begin(hashOf(0), Active) || s.get(hashOf(2)) != Unknown || s.get(hashOf(3)) != Inactive || !s.isFull() {
		t.Error("beyond the limit a known key, an unknown one and an inactive one are not told apart")
	}
	s.set(hashOf(0), Unknown)
	s.set(hashOf(1), Unknown)
	if !s.begin(hashOf(2), Waiting) {
		t.Error("there is room again, and nobody comes in")
	}
	wantCounts(t, s, 2, 1, 1)
}

// A batch was on its way to the disk when an administrator deactivated one of its users: the answer of the write came after
// that, said active, and would have let him in until the next restart.
func TestTheAnswerOfAWriteNeverUndoesADecision(t *testing.T) {
	s := newStates()
	s.begin(hashOf(1), Active)
	write := s.open()
	s.set(hashOf(1), Inactive)
	s.begin(hashOf(2), Active)
	s.set(hashOf(3), Unknown) // forgotten, though nobody knew him
	s.settle(write, map[Hash]State{hashOf(1): Active, hashOf(2): Waiting, hashOf(3): Active, hashOf(4): Inactive})
	s.close(write)
	want := []State{Inactive, Active, Unknown, Inactive}
	for i, state := range want {
		if got := s.get(hashOf(i + 1)); got != state {
			t.Errorf("user %d is %s, wanted %s", i+1, got, state)
		}
	}
	if len(s.records) != 0 {
		t.Error("a record that was closed is kept")
	}
}

func TestReplacingLosesNothingThatComesMeanwhile(t *testing.T) {
	s := newStates()
	for i := 1; i <= 5; i++ {
		s.set(hashOf(i), Active)
	}
	write := s.open()
	err := s.replace(func(set func(Hash, State)) error {
		set(hashOf(1), Active)
		s.set(hashOf(1), Inactive) // decided while it reads, before and after its row
		s.set(hashOf(2), Unknown)
		set(hashOf(2), Active)
		s.begin(hashOf(6), Active)
		set(hashOf(6), Inactive) // loaded: what merely began does not count
		s.begin(hashOf(7), Waiting)
		set(hashOf(3), Waiting)
		set(hashOf(4), Active)
		set(hashOf(4), Unknown)
		if got := s.get(hashOf(5)); got != Active {
			t.Errorf("while it reads, a user is %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, state := range []State{1: Inactive, 2: Unknown, 3: Waiting, 4: Unknown, 5: Unknown, 6: Inactive, 7: Waiting} {
		if got := s.get(hashOf(i)); i > 0 && got != state {
			t.Errorf("user %d is %s, wanted %s", i, got, state)
		}
	}
	wantCounts(t, s, 4, 2, 2)
	// A write that began before knows less than what was read.
	s.settle(write, map[Hash]State{hashOf(4): Active})
	s.close(write)
	if got := s.get(hashOf(4)); got != Unknown {
		t.Errorf("the answer of an older write makes user 4 %s", got)
	}
}

func TestAReplacingThatFailsChangesNothing(t *testing.T) {
	s := newStates()
	s.set(hashOf(1), Inactive)
	broken := errors.New("broken")
	err := s.replace(func(set func(Hash, State)) error {
		set(hashOf(1), Active)
		set(hashOf(2), Active)
		return broken
	})
	if !errors.Is(err, broken) || s.get(hashOf(1)) != Inactive || s.get(hashOf(2)) != Unknown || len(s.records) != 0 {
		t.Errorf("%v; user 1 is %s, user 2 %s", err, s.get(hashOf(1)), s.get(hashOf(2)))
	}
	wantCounts(t, s, 1, 1, 0)
}

// A change that was made on another host was heard of after a later one that was made here.
func TestAnOlderChangeNeverUndoesALaterOne(t *testing.T) {
	s := newStates()
	at := func(sequence uint64, after State) Change {
		return Change{Sequence: sequence, Key: keyOf("ada"), After: after}
	}
	s.apply(at(10, Inactive))
	s.apply(at(9, Active))
	if got := s.get(keyOf("ada").Hash()); got != Inactive {
		t.Errorf("ada is %s by an older change", got)
	}
	s.apply(at(11, Active))
	if got := s.get(keyOf("ada").Hash()); got != Active {
		t.Errorf("ada is %s", got)
	}
	for i := range uint64(5 * maxApplied) {
		s.apply(Change{Sequence: 12 + i, Key: keyOf(fmt.Sprint(i)), After: Inactive})
	}
	if len(s.applied) > 2*maxApplied {
		t.Errorf("%d sequences are remembered, at most %d should be", len(s.applied), 2*maxApplied)
	}
}

// The rows of a store decide; who reads them takes a while to tell memory.
func TestStatesAtOnce(t *testing.T) {
	s := newStates()
	const keys = 64
	var rows sync.Map
	read := func(i int) State {
		if state, found := rows.Load(i); found {
			return state.(State)
		}
		return Active
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { // as the recorder does
			for range 30 {
				write := s.open()
				found := map[Hash]State{}
				for i := range keys {
					s.begin(hashOf(i), Active)
					found[hashOf(i)] = read(i)
				}
				s.settle(write, found)
				s.close(write)
			}
		})
	}
	all.Go(func() { // administrators: who was made inactive stays it
		for i := range keys / 2 {
			rows.Store(i, Inactive)
			s.set(hashOf(i), Inactive)
			if got := s.get(hashOf(i)); got != Inactive {
				t.Errorf("%s right after he was made inactive", got)
			}
		}
	})
	all.Go(func() {
		for range 30 {
			_ = s.replace(func(set func(Hash, State)) error {
				for i := range keys {
					set(hashOf(i), read(i))
				}
				return nil
			})
			s.counts()
		}
	})
	all.Wait()
	for i := range keys / 2 {
		if got := s.get(hashOf(i)); got != Inactive {
			t.Errorf("user %d was made inactive, and is %s", i, got)
		}
	}
	wantCounts(t, s, keys, keys/2, 0)
}

func TestALookUpDoesNotAllocate(t *testing.T) {
	d := &Directory{states: newStates()}
	d.states.set(hashOf(1), Active)
	if n := testing.AllocsPerRun(100, func() { d.State(hashOf(1)); d.State(hashOf(2)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkState(b *testing.B) {
	d := &Directory{states: newStates()}
	for i := range 1_000_000 {
		d.states.set(keyOf(fmt.Sprint(i)).Hash(), Active)
	}
	hashes := make([]Hash, 1<<14)
	for i := range hashes {
		hashes[i] = keyOf(fmt.Sprint(i * 61)).Hash()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if d.State(hashes[i%len(hashes)]) != Active {
			b.Fatal("unknown")
		}
	}
}
