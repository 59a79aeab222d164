package keys

import (
	"context"
	"crypto/sha256"
	"time"

	"golang.org/x/time/rate"

	"github.com/claimd/claimd/daemon/entra"
)

// Bounds on what unknown key ids may cause. They come from strangers' tokens.
const (
	fetchBurst  = 3               // a few garbage ids must not stand in the way of a real rotation
	fetchEvery  = 5 * time.Minute // Microsoft: no more often (signing-key-rollover)
	longestWait = time.Second     // of one caller
	maxWaiting  = 256             // callers of one Provider
)

// unknown is what a Provider keeps about ids that it does not know. Its owner guards it.
type unknown struct {
	limiter   *rate.Limiter
	negatives negatives
}

func newUnknown() unknown {
	return unknown{limiter: rate.NewLimiter(rate.Every(fetchEvery), fetchBurst), negatives: newNegatives()}
}

// forget drops what was said to be unknown: the key set has changed.
func (u *unknown) forget() { u.negatives = newNegatives() }

// reference stands for a key id of one version. It has one size, however long the id is.
type reference [sha256.Size]byte

// referTo gives the reference of an id.
func referTo(version entra.Version, keyID string) reference {
	return sha256.Sum256([]byte(string(version) + "\x00" + keyID))
}

// wanted is a key that a caller of Lookup wants and the state does not hold.
type wanted struct {
	version entra.Version
	id      string
	about   reference
}

// lookUnknown finds a key that the state does not hold, by a fetch where one is allowed. A flight answers for the ids
// that it was started for or that came before it asked for the keys. Whoever came later looks again, once: what is
// published since then may have been missed.
func (p *Provider) lookUnknown(ctx context.Context, version entra.Version, keyID string) (Key, error) {
	w := wanted{version: version, id: keyID, about: referTo(version, keyID)}
	f, covered, key, err := p.board(w)
	if f == nil {
		return key, err
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return Key{}, ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	if key, certain, err := p.ride(ctx, f, w, covered); certain {
		return key, err
	}
	f, covered, key, err = p.board(w)
	if f == nil {
		return key, err
	}
	key, _, err = p.ride(ctx, f, w, covered)
	return key, err
}

// board gives the flight to wait for, and whether it answers for this id; or, without a flight, the answer.
func (p *Provider) board(w wanted) (f *flight, covered bool, key Key, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.ring.now()
	if found, known := p.find(w.version, w.id, now); known { // a flight may have ended since the caller looked
		key, err := found.usable()
		return nil, false, key, err
	}
	if p.wholly(w.version, now) && p.unknown.negatives.has(w.about, now) {
		return nil, false, Key{}, ErrUnknown
	}
	if p.flight != nil {
		return p.flight, p.flight.about == w.about || !p.asks(p.flight, w.version), Key{}, nil
	}
	if p.closed || !p.unknown.limiter.AllowN(now, 1) {
		return nil, false, Key{}, ErrUnavailable
	}
	return p.start(w.about), true, Key{}, nil
}

// ride waits for the flight and gives its answer, and whether that is certain.
func (p *Provider) ride(ctx context.Context, f *flight, w wanted, covered bool) (key Key, certain bool, err error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		return Key{}, true, ErrUnavailable
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.ring.now()
	if found, known := p.find(w.version, w.id, now); known {
		key, err := found.usable()
		return key, true, err
	}
	if !p.brought(f, w.version) || !p.wholly(w.version, now) {
		return Key{}, true, ErrUnavailable
	}
	if !covered {
		return Key{}, false, ErrUnavailable
	}
	p.unknown.negatives.add(w.about, now)
	return Key{}, true, ErrUnknown
}
