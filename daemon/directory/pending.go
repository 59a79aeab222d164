package directory

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"
)

// pending is what waits to be written, the oldest first, each key once. Not to be used by two at once.
type pending struct {
	entries map[Hash]*entry
	queue   []queued // the order; what is no more in entries under that number is passed over
	number  uint64   // of the last entry
	bytes   int      // estimated, of all entries
}

type queued struct {
	hash   Hash
	number uint64
}

// entry is what waits to be written of one key.
type entry struct {
	number   uint64
	hash     Hash
	sighting *Sighting // nil: a touch alone
	waiting  bool      // of the sighting: the state to begin with; Active wins
	at       time.Time // when seen last
	client   string
	bytes    int
}

const (
	entryBytes = 200 // an entry without sighting: itself, its places in map and queue
	heldBytes  = 32  // a Held without its name
)

// see merges a sighting into what waits: the newest wins.
func (p *pending) see(hash Hash, sighting *Sighting, bytes int) {
	e := p.entry(hash)
	waiting := sighting.Waiting && (e.sighting == nil || e.waiting)
	newer := sighting
	if e.sighting != nil {
		older := e.sighting
		if newer.At.Before(older.At) {
			newer, older = older, newer
		}
		if both := newer.keeping(older); both != sighting {
			newer, bytes = both, both.bytes()
		}
	}
	p.bytes += bytes - e.bytes
	e.sighting, e.bytes = newer, bytes
	e.waiting = waiting
	e.come(sighting.At, sighting.Client)
}

// touch merges a touch.
func (p *pending) touch(hash Hash, at time.Time, client string) { p.entry(hash).come(at, client) }

func (e *entry) come(at time.Time, client string) {
	if !at.Before(e.at) {
		e.at, e.client = at, client
	}
}

// entry gives the entry of the key, or makes it.
func (p *pending) entry(hash Hash) *entry {
	e := p.entries[hash]
	if e == nil {
		p.number++
		e = &entry{number: p.number, hash: hash, bytes: entryBytes}
		p.entries[hash] = e
		p.queue = append(p.queue, queued{hash, e.number})
		p.bytes += e.bytes
	}
	return e
}

// remove gives up what waits of the key.
func (p *pending) remove(hash Hash) {
	if e := p.entries[hash]; e != nil {
		p.bytes -= e.bytes
		delete(p.entries, hash)
	}
}

// take takes the oldest entries out, at most limit.
func (p *pending) take(limit int) []*entry {
	var taken []*entry
	for len(p.queue) > 0 && len(taken) < limit {
		next := p.queue[0]
		p.queue = p.queue[1:]
		e := p.entries[next.hash]
		if e == nil || e.number != next.number {
			continue
		}
		delete(p.entries, next.hash)
		p.bytes -= e.bytes
		taken = append(taken, e)
	}
	if len(p.queue) == 0 {
		p.queue = nil // its array goes
	}
	return taken
}

// back puts entries in again that were taken and not written, as the oldest. What came of their keys since is newer.
func (p *pending) back(taken []*entry) {
	var queue []queued
	for _, e := range taken {
		queue = append(queue, queued{e.hash, e.number})
		if later := p.entries[e.hash]; later != nil {
			p.bytes -= later.bytes
			e.merge(later)
		}
		p.bytes += e.bytes
		p.entries[e.hash] = e
	}
	p.queue = append(queue, p.queue...)
}

// merge takes a later entry of the same key in.
func (e *entry) merge(later *entry) {
	if later.sighting != nil {
		e.waiting = later.waiting && (e.sighting == nil || e.waiting)
		newer := later.sighting
		if e.sighting != nil {
			newer = newer.keeping(e.sighting)
		}
		e.sighting, e.bytes = newer, later.bytes
		if newer != later.sighting {
			e.bytes = newer.bytes()
		}
	}
	e.come(later.at, later.client)
}

// oldest gives the number of the oldest entry; 0: nothing waits.
func (p *pending) oldest() uint64 {
	for len(p.queue) > 0 {
		next := p.queue[0]
		if e := p.entries[next.hash]; e != nil && e.number == next.number {
			return next.number
		}
		p.queue = p.queue[1:]
	}
	return 0
}

// batchOf gives what a store writes of the entries.
func batchOf(entries []*entry) batch {
	var b batch
	for _, e := range entries {
		if e.sighting == nil {
			b.touches = append(b.touches, touch{hash: e.hash, at: e.at, client: e.client})
			continue
		}
		sighting := e.sighting
		if !sighting.At.Equal(e.at) || sighting.Client != e.client || sighting.Waiting != e.waiting {
			merged := *sighting
			merged.At, merged.Client, merged.Waiting = e.at, e.client, e.waiting
			sighting = &merged
		}
		b.sightings = append(b.sightings, sighting)
	}
	return b
}

// bytes estimates what the sighting takes of memory.
func (s *Sighting) bytes() int {
	sum := entryBytes + 400 + len(s.Key.Authority) + len(s.Key.ID) + len(s.Provider) + len(s.User) + len(s.Email) +
		len(s.First) + len(s.Last) + len(s.Client) + len(s.Scopes) + len(s.Refused)
	for _, held := range [...][]Held{s.Groups, s.Roles} {
		for _, h := range held {
			sum += heldBytes + len(h.Name)
		}
	}
	for _, values := range [...][]string{s.UnmatchedGroups, s.UnmatchedRoles} {
		for _, value := range values {
			sum += heldBytes/2 + len(value)
		}
	}
	for name, value := range s.Claims {
		sum += 2*heldBytes + len(name) + len(value)
	}
	return sum
}

// digest gives a number that differs where anything but the time and the client does.
func (s *Sighting) digest(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	number := func(n int) {
		for ; n > 0x7f; n >>= 7 {
			_ = h.WriteByte(byte(n) | 0x80) // it never fails
		}
		_ = h.WriteByte(byte(n))
	}
	text := func(t string) {
		number(len(t))
		_, _ = h.WriteString(t) // likewise
	}
	for _, t := range [...]string{s.Provider, s.User, s.Email, s.First, s.Last, s.Scopes, s.Refused} {
		text(t)
	}
	for _, yes := range [...]bool{s.App, s.Guest, s.Admin, s.Waiting, s.told()} {
		if yes {
			number(1)
			continue
		}
		number(0)
	}
	for _, held := range [...][]Held{s.Groups, s.Roles} {
		number(len(held))
		for _, one := range held {
			text(one.Name)
			text(string(one.Source))
		}
	}
	for _, values := range [...][]string{s.UnmatchedGroups, s.UnmatchedRoles} {
		number(len(values))
		for _, value := range values {
			text(value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Claims)) {
		text(name)
		text(string(s.Claims[name]))
	}
	return h.Sum64()
}
