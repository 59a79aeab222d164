package access

import (
	"context"
	"sync"
	"time"

	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

const (
	keptDenials   = 1000 // refusals in memory
	shownValues   = 50   // unmatched values of one refusal
	followBacklog = 64   // refusals that wait for one slow reader of Follow
)

// Denial is one refusal, as claimctl denials shows it. Its values are fit for a terminal.
type Denial struct {
	ID         string        `json:"decision_id"`
	Time       time.Time     `json:"time"`
	Reason     reason.Reason `json:"reason"`
	Provider   string        `json:"provider,omitempty"`
	User       string        `json:"user,omitempty"`      // user or service account, from a verified token only
	Client     string        `json:"client,omitempty"`    // calling application, from a verified token only
	KeyID      string        `json:"key_id,omitempty"`    // from the unverified header
	Header     string        `json:"header,omitempty"`    // for header_spoof: the header that was brought
	Request    string        `json:"request,omitempty"`   // where routes decide: method, host and path of the original request
	Route      string        `json:"route,omitempty"`     // the match of the [[route]] that decided; "" = none matches
	Unmatched  []string      `json:"unmatched,omitempty"` // claim values that named nothing local, 50 at most
	Generation uint64        `json:"generation"`
	Mend       string        `json:"mend"`
}

// Denials is a ring of refusals. All methods may be called at once. It holds some 32 MB at the very most: no refusal
// holds more than the values of one token.
type Denials struct {
	mu        sync.Mutex
	ring      []Denial
	next      int // where the next one goes, once the ring is full
	followers map[chan Denial]struct{}
}

func newDenials() *Denials {
	return &Denials{followers: make(map[chan Denial]struct{})}
}

func (d *Denials) add(denial Denial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ring) < keptDenials {
		d.ring = append(d.ring, denial)
	} else {
		d.ring[d.next] = denial
		d.next = (d.next + 1) % keptDenials
	}
	for follower := range d.followers {
		select {
		case follower <- denial:
		default: // it does not keep up
		}
	}
}

// List gives the refusals, oldest first; with an id only those of that decision.
func (d *Denials) List(id string) []Denial {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Denial, 0, len(d.ring))
	for i := range d.ring {
		denial := d.ring[(d.next+i)%len(d.ring)]
		if id == "" || denial.ID == id {
			list = append(list, denial)
		}
	}
	return list
}

// Follow sends further refusals to the channel until ctx ends, then closes it. A reader that does not keep up misses
// some.
func (d *Denials) Follow(ctx context.Context) <-chan Denial {
	follower := make(chan Denial, followBacklog)
	d.mu.Lock()
	d.followers[follower] = struct{}{}
	d.mu.Unlock()
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.followers, follower)
		close(follower)
	})
	return follower
}

// denial is what is kept of a refused judgement. Nothing in it comes from an unverified payload.
func (j *judgement) denial(id, spoofed string) Denial {
	d := Denial{
		ID:         id,
		Time:       j.now.UTC(),
		Reason:     j.reason,
		Provider:   j.providerName(),
		User:       Clean(j.user()),
		Client:     Clean(j.client()),
		KeyID:      Clean(j.keyID),
		Header:     Clean(spoofed),
		Generation: j.snapshot.generation,
		Mend:       j.mendText(),
	}
	if j.original != nil {
		d.Request = Clean(j.original.words())
	}
	if j.route != nil {
		d.Route = Clean(j.route.rule.Match)
	}
	if j.reason == reason.NoGroup {
		d.Unmatched = j.unmatchedValues()
	}
	return d
}

// unmatched counts the claim values that named nothing local.
func (j *judgement) unmatched() int {
	if j.identity == nil {
		return 0
	}
	return j.identity.Unmatched
}

// unmatchedValues gives the claim values that named nothing local, each once. The claims are mapped a second time for
// it: a request that is allowed shall not pay for a trace.
func (j *judgement) unmatchedValues() []string {
	var trace mapping.Trace
	_, _ = j.mapIdentity(&trace)  // it was mapped before, without an error
	done := make(map[string]bool) // named something in one of the two claims, or stands in the list already
	for _, step := range trace.Steps {
		done[step.Value] = done[step.Value] || step.Matched()
	}
	var values []string
	for _, step := range trace.Steps {
		if done[step.Value] || !fromGroupsOrRoles(step.Source) {
			continue
		}
		if len(values) == shownValues {
			break
		}
		done[step.Value] = true
		values = append(values, Clean(step.Value))
	}
	return values
}

func fromGroupsOrRoles(source mapping.Source) bool {
	return source == mapping.FromGroups || source == mapping.FromRoles
}
