package keys

import (
	"container/list"
	"time"
)

// How many unknown ids are kept in mind, and how long.
const (
	maxNegatives = 1000
	negativeLife = time.Minute
)

// negatives are ids that a fetch did not bring, the least recently used going first. The zero value is not usable.
type negatives struct {
	order   *list.List // of *negative, the most recently used in front
	entries map[reference]*list.Element
}

// negative is one id and the end of what is known about it.
type negative struct {
	about reference
	until time.Time
}

func newNegatives() negatives {
	return negatives{order: list.New(), entries: map[reference]*list.Element{}}
}

// has reports whether the id is known to be unknown. Asking does not prolong it.
func (n negatives) has(about reference, now time.Time) bool {
	element, ok := n.entries[about]
	if !ok {
		return false
	}
	if !now.Before(element.Value.(*negative).until) {
		n.remove(element)
		return false
	}
	n.order.MoveToFront(element)
	return true
}

// add keeps an id in mind from now on.
func (n negatives) add(about reference, now time.Time) {
	if element, ok := n.entries[about]; ok {
		n.remove(element)
	}
	n.entries[about] = n.order.PushFront(&negative{about: about, until: now.Add(negativeLife)})
	if n.order.Len() > maxNegatives {
		n.remove(n.order.Back())
	}
}

func (n negatives) remove(element *list.Element) {
	n.order.Remove(element)
	delete(n.entries, element.Value.(*negative).about)
}
