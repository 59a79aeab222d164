package directory

// lately remembers what was last noted of the keys seen lately: of at least 131,072 and at most twice as many, in about
// 13 MiB. What it forgets is written once more, which does no harm. Not to be used by two at once.
type lately struct {
	new, old map[Hash]noted
}

// noted is what was last noted of a key, be it written or on its way.
type noted struct {
	digest uint64 // of the sighting; 0: only touches are known
	client uint32 // a digest of it
	minute uint32 // since 1970
}

const latelyKept = 131_072

func newLately() *lately { return &lately{new: map[Hash]noted{}} }

func (l *lately) get(hash Hash) (noted, bool) {
	n, found := l.new[hash]
	if !found {
		n, found = l.old[hash]
	}
	return n, found
}

func (l *lately) put(hash Hash, n noted) {
	if len(l.new) >= latelyKept {
		l.new, l.old = map[Hash]noted{}, l.new
	}
	l.new[hash] = n
}

func (l *lately) remove(hash Hash) {
	delete(l.new, hash)
	delete(l.old, hash)
}
