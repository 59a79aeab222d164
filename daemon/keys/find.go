package keys

import (
	"slices"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// publishes reports whether there is a document of that version.
func (p *Provider) publishes(version entra.Version) bool {
	for _, e := range p.editions {
		if e.version == version {
			return true
		}
	}
	return false
}

// found is what the live sets say of one key id.
type found struct {
	key    Key
	barred bool // the id does not stand for one key alone
}

// usable gives the key, or why it may not be used.
func (f found) usable() (Key, error) {
	if f.barred {
		return Key{}, ErrUnknown
	}
	return f.key, nil
}

// find looks the id up in every live set of that version. Where an application has a set of its own, two keys of one id
// that differ between the sets are refused as they are within one, and so is an id that one of them refuses.
func (p *Provider) find(version entra.Version, keyID string, now time.Time) (f found, known bool) {
	s := p.state.Load()
	for i, e := range p.editions {
		set := s.sets[i]
		if e.version != version || !set.live(now) || e.application && set.document.issuer != p.Issuer(version) {
			continue
		}
		key, ok := set.keys[keyID]
		switch {
		case !ok:
			f.barred = f.barred || p.source.CustomKeys && set.bars(keyID)
		case known && !key.equal(f.key):
			f.barred = true
		default:
			f.key, known = key, true
		}
	}
	return f, known
}

// bars reports whether the set has the id, of a key that may never be used.
func (s *keySet) bars(keyID string) bool {
	return slices.ContainsFunc(s.status, func(key KeyStatus) bool { return key.ID == shown(keyID) && key.isBarred() })
}

// barred gives the ids that the set bars, in byte order; one may stand there twice.
func (s *keySet) barred() []string {
	var ids []string
	for _, key := range s.status { // by id
		if key.isBarred() {
			ids = append(ids, key.ID)
		}
	}
	return ids
}

// isBarred reports whether the id does not stand for one key alone, and may not be used in any set.
func (k KeyStatus) isBarred() bool {
	return k.Ignored == errTwice.Error() || k.Ignored == errLeaked.Error()
}

// wholly reports whether every set of that version is live: only then is a key that none of them holds unknown.
func (p *Provider) wholly(version entra.Version, now time.Time) bool {
	s := p.state.Load()
	for i, e := range p.editions {
		if e.version == version && !s.sets[i].live(now) {
			return false
		}
	}
	return true
}

// asks reports whether the flight is asking for a key set of that version already.
func (p *Provider) asks(f *flight, version entra.Version) bool {
	for i, e := range p.editions {
		if e.version == version && f.asking[i].Load() {
			return true
		}
	}
	return false
}

// brought reports whether the flight, which has ended, brought every set of that version.
func (p *Provider) brought(f *flight, version entra.Version) bool {
	for i, e := range p.editions {
		if e.version == version && !f.good[i] {
			return false
		}
	}
	return true
}
