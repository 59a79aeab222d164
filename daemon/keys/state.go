package keys

import (
	"maps"
	"slices"
	"time"
)

// state is what a Provider knows at one moment. It is never written once it is stored.
type state struct {
	sets    []*keySet // by the Provider's editions; nil = never fetched
	dead    []bool    // the set's death is in changes
	tries   []try
	changes uint64
}

// clone gives a state that may be written until it is stored.
func (s *state) clone() *state {
	return &state{sets: slices.Clone(s.sets), dead: slices.Clone(s.dead), tries: slices.Clone(s.tries), changes: s.changes}
}

// try is the last attempt to fetch one version.
type try struct {
	at  time.Time // zero = none yet
	err error
}

// dying reports whether a set has died whose death is not counted yet.
func (s *state) dying(now time.Time) bool {
	for i, set := range s.sets {
		if set != nil && !s.dead[i] && !set.live(now) {
			return true
		}
	}
	return false
}

// keySet is one version's document and keys, both good. It is never written once it is made.
type keySet struct {
	document  document
	keys      map[string]Key // the usable ones, by id
	status    []KeyStatus    // all of them, by id
	fetchedAt time.Time      // when the fetch began
	fromDisk  bool

	rawDocument, rawKeys []byte // as fetched, for the copy on disk
}

// live reports whether the set may be used. A nil set is not live.
func (s *keySet) live(now time.Time) bool {
	return s != nil && now.Sub(s.fetchedAt) < maxAge && !s.overslept(now)
}

// overslept reports whether the wall clock alone says that the set is dead: the monotonic one stands still while the
// machine sleeps. A wall clock that was set back has no say.
func (s *keySet) overslept(now time.Time) bool {
	return s != nil && now.Round(0).Sub(s.fetchedAt.Round(0)) >= maxAge
}

// difference tells in which ids one set differs from the one before it.
type difference struct {
	added, removed, replaced []string
	issuer                   bool // the document names another issuer
	barred                   bool // ids that may never be used have come or gone: they count against the other sets too
}

// none reports whether what one set verifies the other verifies too.
func (d difference) none() bool {
	return len(d.added)+len(d.removed)+len(d.replaced) == 0 && !d.issuer && !d.barred
}

// compare tells how the set differs from the one before it, which may be nil.
func (s *keySet) compare(before *keySet) difference {
	if before == nil {
		return difference{added: slices.Sorted(maps.Keys(s.keys)), issuer: true}
	}
	d := difference{issuer: s.document.issuer != before.document.issuer, barred: !slices.Equal(s.barred(), before.barred())}
	for id, key := range s.keys {
		old, ok := before.keys[id]
		switch {
		case !ok:
			d.added = append(d.added, id)
		case !key.equal(old):
			d.replaced = append(d.replaced, id)
		}
	}
	for id := range before.keys {
		if _, ok := s.keys[id]; !ok {
			d.removed = append(d.removed, id)
		}
	}
	slices.Sort(d.added)
	slices.Sort(d.removed)
	slices.Sort(d.replaced)
	return d
}
