package keys

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/entra"
)

// Provider holds the keys of one Source. All methods may be called at once.
type Provider struct {
	ring     *Ring
	source   Source
	editions []edition // their places are the indexes of every slice of the state
	log      *zap.Logger

	// life ends with the Provider. Fetches run under it and not under a caller's context: a caller that gives up must
	// not end what others wait for.
	life context.Context
	end  context.CancelFunc

	state   atomic.Pointer[state] // read by all, stored under mu
	waiting atomic.Int32          // callers of Lookup that wait for a flight
	wake    chan struct{}         // tells the refresh loop that due has moved; holds one

	mu       sync.Mutex // guards what follows
	closed   bool
	kept     bool // the refresh loop runs
	flight   *flight
	unknown  unknown
	failures int       // failed flights in a row
	due      time.Time // of the next refresh; zero = at once
	failing  []bool    // as the log has it
	alarms   []string  // ignored keys, as the log has them

	saving      sync.Mutex // guards the copy on disk and what follows
	saveFailing bool       // as the log has it
	saved       uint64     // the state's changes when the copy was written or read
}

// newProvider makes a Provider with what the disk has kept for it.
func newProvider(r *Ring, source Source) *Provider {
	p := &Provider{
		ring:    r,
		source:  source,
		log:     r.log.With(zap.String("provider", source.Name)),
		wake:    make(chan struct{}, 1),
		unknown: newUnknown(),
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.editions = editionsOf(source)
	count := len(p.editions)
	p.failing, p.alarms = make([]bool, count), make([]string, count)
	kept := p.readCopy()
	first := &state{sets: kept, dead: make([]bool, count), tries: make([]try, count)}
	if slices.ContainsFunc(kept, func(set *keySet) bool { return set != nil }) {
		first.changes = 1
	}
	p.state.Store(first)
	p.saved = first.changes
	p.due = firstDue(kept)
	return p
}

// firstDue gives the time of the first refresh: an hour after the fetch of what the disk has kept, or the zero time,
// which is at once.
func firstDue(kept []*keySet) time.Time {
	var due time.Time
	for _, set := range kept {
		if set == nil {
			return time.Time{}
		}
		if due.IsZero() || set.fetchedAt.Before(due) {
			due = set.fetchedAt
		}
	}
	return due.Add(jitter(refreshEvery))
}

// Source gives what Open was given.
func (p *Provider) Source() Source { return p.source }

// Issuer gives the exact issuer of tokens of that version: the Source's, or the fetched document's. "" = not known yet.
func (p *Provider) Issuer(version entra.Version) string {
	for i, e := range p.editions {
		if e.version != version || e.application {
			continue
		}
		if issuer := p.source.issuer(version); issuer != "" {
			return issuer
		}
		if set := p.state.Load().sets[i]; set != nil {
			return set.document.issuer
		}
	}
	return ""
}

// Lookup gives the key of that id from the document of that version. It waits for the network only where the id is
// unknown and a fetch is allowed (burst 3, then one in 5 minutes; 1 second at most; 256 waiting at most). Errors:
// ErrUnknown, ErrUnavailable.
func (p *Provider) Lookup(ctx context.Context, version entra.Version, keyID string) (Key, error) {
	if keyID == "" || !p.publishes(version) {
		return Key{}, ErrUnknown
	}
	if key, known := p.find(version, keyID, p.ring.now()); known {
		return key.usable()
	}
	return p.lookUnknown(ctx, version, keyID)
}

// Live reports whether at least one version's keys are known and younger than 24 hours.
func (p *Provider) Live() bool {
	s, now := p.state.Load(), p.ring.now()
	return slices.ContainsFunc(s.sets, func(set *keySet) bool { return set.live(now) })
}

// Changes counts the changes in the content of the key set and its deaths: what was verified under another count must
// be verified again. A death is counted at the moment it is asked for: Changes looks at the clock.
func (p *Provider) Changes() uint64 {
	s := p.state.Load()
	if !s.dying(p.ring.now()) {
		return s.changes
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bury()
	return p.state.Load().changes
}

// bury counts the sets that have died since it was last called, and logs each once. The caller holds mu.
func (p *Provider) bury() {
	s, now := p.state.Load(), p.ring.now()
	if !s.dying(now) {
		return
	}
	next := s.clone()
	for i, set := range s.sets {
		if set == nil || s.dead[i] || set.live(now) {
			continue
		}
		next.dead[i] = true
		next.changes++
		p.log.Error("signing keys are dead: no good fetch for 24 hours",
			zap.String("version", string(p.editions[i].version)), zap.Time("fetched_at", set.fetchedAt))
	}
	p.state.Store(next)
}

// close ends all that runs for the Provider, without waiting for it.
func (p *Provider) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.end()
}
