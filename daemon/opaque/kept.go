package opaque

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
)

// key stands for a token at an endpoint: the SHA-256 of both.
type key [sha256.Size]byte

// keyOf hashes by pieces: Sum256 wants bytes, and would have every request leave a copy of its token on the heap.
func keyOf(endpoint, token string) (about key) {
	hash := sha256.New()
	var piece [512]byte
	hash.Write(binary.BigEndian.AppendUint64(piece[:0], uint64(len(endpoint)))) // where the endpoint ends and the token begins
	for _, text := range [...]string{endpoint, token} {
		for text != "" {
			n := copy(piece[:], text)
			hash.Write(piece[:n]) // never fails
			text = text[n:]
		}
	}
	hash.Sum(about[:0])
	return about
}

// lru keeps values under keys, bounded in number and in bytes; the least recently used goes first. Its owner guards it.
type lru[V any] struct {
	entries  map[key]*list.Element
	order    *list.List // of *entry[V], the most recently used in front
	most     int
	mostSize int
	size     int
}

type entry[V any] struct {
	about  key
	value  V
	weight int
}

func newLRU[V any](most, mostSize int) lru[V] {
	return lru[V]{entries: map[key]*list.Element{}, order: list.New(), most: most, mostSize: mostSize}
}

// find gives what is kept under the key, if it holds; what does not is dropped.
func (l *lru[V]) find(about key, holds func(V) bool) (value V, ok bool) {
	element, ok := l.entries[about]
	if !ok {
		return value, false
	}
	found := element.Value.(*entry[V])
	if !holds(found.value) {
		l.remove(element)
		return value, false
	}
	l.order.MoveToFront(element)
	return found.value, true
}

// keep puts the value under the key, in place of what was there.
func (l *lru[V]) keep(about key, value V, weight int) {
	if element, ok := l.entries[about]; ok {
		l.remove(element)
	}
	l.entries[about] = l.order.PushFront(&entry[V]{about, value, weight})
	l.size += weight
	for l.order.Len() > l.most || l.size > l.mostSize {
		l.remove(l.order.Back())
	}
}

func (l *lru[V]) remove(element *list.Element) {
	gone := l.order.Remove(element).(*entry[V])
	delete(l.entries, gone.about)
	l.size -= gone.weight
}
