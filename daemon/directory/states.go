package directory

import (
	"sync"
	"sync/atomic"
)

// MaxKnown is how many keys memory takes in by itself, at about 30 bytes each. Beyond, whoever is new stays Unknown: with
// sign_up = "auto" he comes in without being recorded (Status.Unrecorded counts it), with "invite" he stays out. What a
// store holds already is loaded whatever its number, and what an administrator changes is always held.
const MaxKnown = 5_000_000

// states holds the state of every known key in memory. The zero value is not usable. All methods may be called at once.
//
// Two kinds of news reach it. What was decided (a change by an administrator, here or on another host) always counts.
// What begins (a key that nobody knew was seen) counts only where nothing was decided: so the answer of a write that took
// long never undoes a change that came meanwhile.
type states struct {
	shards [256]shard // by the first byte of the hash
	known  atomic.Int64
	limit  int64

	news    sync.Mutex           // held while a state is put; what only reads takes the lock of its shard alone
	records map[*record]struct{} // who wants to know what is put from now on
	applied map[Hash]uint64      // the sequence of the last change that apply put, of recent ones
	highest uint64               // of them
}

// shard holds the states of a part of the keys; Unknown ones are left out.
type shard struct {
	lock   sync.RWMutex
	of     map[Hash]State
	counts [Waiting + 1]int // by State
}

// record notes which keys were put since it was opened.
type record struct {
	put map[Hash]bool // true: it was decided and did not merely begin
	all bool          // all were, by replace
}

// maxApplied bounds the sequences that apply remembers: a change that comes that late never comes.
const maxApplied = 10_000

func newStates() *states {
	s := &states{limit: MaxKnown, records: map[*record]struct{}{}, applied: map[Hash]uint64{}}
	for i := range s.shards {
		s.shards[i].of = map[Hash]State{}
	}
	return s
}

// get gives the state of the key; Unknown where there is none.
func (s *states) get(hash Hash) State {
	in := &s.shards[hash[0]]
	in.lock.RLock()
	state := in.of[hash]
	in.lock.RUnlock()
	return state
}

// set puts what was decided about the key; Unknown removes it.
func (s *states) set(hash Hash, state State) {
	s.news.Lock()
	defer s.news.Unlock()
	s.put(hash, state, true)
}

// apply puts the outcome of a change, unless a later change of the same key was put by apply before.
func (s *states) apply(change Change) {
	hash := change.Key.Hash()
	s.news.Lock()
	defer s.news.Unlock()
	if change.Sequence < s.applied[hash] {
		return
	}
	s.applied[hash] = change.Sequence
	s.highest = max(s.highest, change.Sequence)
	if len(s.applied) > 2*maxApplied {
		for hash, sequence := range s.applied {
			if sequence+maxApplied <= s.highest {
				delete(s.applied, hash)
			}
		}
	}
	s.put(hash, change.After, true)
}

// begin puts the state that a sighting begins with: Active, or Waiting. It counts where the key is Unknown, and turns
// Waiting into Active, as no administrator ever made anybody Waiting. It is false where the key is Unknown and finds no
// room.
func (s *states) begin(hash Hash, state State) bool {
	if now := s.get(hash); now != Unknown && (now != Waiting || state == Waiting) {
		return true
	}
	s.news.Lock()
	defer s.news.Unlock()
	switch s.get(hash) {
	case Unknown:
		if s.isFull() {
			return false
		}
		s.put(hash, state, false)
	case Waiting:
		s.put(hash, state, false)
	}
	return true
}

// isFull reports that memory takes in no more keys by itself.
func (s *states) isFull() bool { return s.known.Load() >= s.limit }

// put needs the lock of news.
func (s *states) put(hash Hash, state State, decided bool) {
	for r := range s.records {
		r.put[hash] = r.put[hash] || decided
	}
	in := &s.shards[hash[0]]
	in.lock.Lock()
	defer in.lock.Unlock()
	before := in.of[hash]
	if before == state {
		return
	}
	if before != Unknown {
		in.counts[before]--
		s.known.Add(-1)
	}
	if state == Unknown {
		delete(in.of, hash)
		return
	}
	in.of[hash] = state
	in.counts[state]++
	s.known.Add(1)
}

// open opens a record; it must be closed.
func (s *states) open() *record {
	r := &record{put: map[Hash]bool{}}
	s.news.Lock()
	defer s.news.Unlock()
	s.records[r] = struct{}{}
	return r
}

func (s *states) close(r *record) {
	s.news.Lock()
	defer s.news.Unlock()
	delete(s.records, r)
}

// settle puts the states that a write found, but of the keys that were put since the record was opened, which was before
// the write.
func (s *states) settle(since *record, found map[Hash]State) {
	s.news.Lock()
	defer s.news.Unlock()
	for hash, state := range found {
		if _, put := since.put[hash]; !put && !since.all {
			s.put(hash, state, true)
		}
	}
}

// replace puts all that read sets in place of what was there, each shard at once. What was put meanwhile is not lost:
// what was decided counts, what began counts where read set nothing. After an error of read nothing is changed. read is
// called by the caller's goroutine and calls set from that one alone.
func (s *states) replace(read func(set func(Hash, State)) error) error {
	since := s.open()
	defer s.close(since)
	var fresh [len(s.shards)]map[Hash]State
	for i := range fresh {
		fresh[i] = map[Hash]State{}
	}
	err := read(func(hash Hash, state State) {
		if state == Unknown {
			delete(fresh[hash[0]], hash)
			return
		}
		fresh[hash[0]][hash] = state
	})
	if err != nil {
		return err
	}
	s.news.Lock()
	defer s.news.Unlock()
	for hash, decided := range since.put {
		in, now := fresh[hash[0]], s.get(hash)
		if _, loaded := in[hash]; loaded && !decided {
			continue
		}
		if now == Unknown {
			delete(in, hash)
			continue
		}
		in[hash] = now
	}
	for i := range s.shards {
		s.shards[i].swap(fresh[i], &s.known)
	}
	for r := range s.records {
		if r != since {
			r.all = true
		}
	}
	return nil
}

// swap puts other states in place.
func (in *shard) swap(fresh map[Hash]State, known *atomic.Int64) {
	var counts [Waiting + 1]int
	for _, state := range fresh {
		counts[state]++
	}
	in.lock.Lock()
	defer in.lock.Unlock()
	known.Add(int64(len(fresh) - len(in.of)))
	in.of, in.counts = fresh, counts
}

// counts gives how many keys are known, and how many of these are inactive and waiting.
func (s *states) counts() (known, inactive, waiting int) {
	for i := range s.shards {
		in := &s.shards[i]
		in.lock.RLock()
		known += len(in.of)
		inactive += in.counts[Inactive]
		waiting += in.counts[Waiting]
		in.lock.RUnlock()
	}
	return known, inactive, waiting
}
