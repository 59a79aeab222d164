package access

import (
	"cmp"
	"context"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
)

// What a 503 tells the client to wait: a switched off claimd is switched on by hand, all else is tried again soon.
const (
	retryDisabled    = time.Minute
	retryUnavailable = 5 * time.Second
)

// Options are what a Gate needs.
type Options struct {
	Log  *zap.Logger      // nil: no log
	Now  func() time.Time // nil: time.Now
	Kept uint64           // bytes that verified identities may take between requests; 0: KeptBytes
	// Directory knows who is switched off, and takes note of who calls; nil: everybody counts as active, and nobody is
	// recorded.
	Directory *directory.Directory
}

// Gate judges requests on the Snapshot of the moment. All methods may be called at once.
type Gate struct {
	snapshot  atomic.Pointer[Snapshot]
	retired   atomic.Bool
	directory *directory.Directory // nil: nobody is asked
	keeps     uint64               // bytes
	now       func() time.Time
	ids       ids
	denials   *Denials
	log       *denialLog
	counts    counts
}

// NewGate makes a Gate that answers by the Snapshot.
func NewGate(snapshot *Snapshot, options Options) *Gate {
	g := &Gate{
		keeps:     cmp.Or(options.Kept, KeptBytes),
		directory: options.Directory,
		now:       options.Now,
		ids:       newIDs(),
		denials:   newDenials(),
		log:       newDenialLog(options.Log),
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.Swap(snapshot)
	return g
}

// Swap makes the Snapshot the one that judges from now on. Requests under way end on the one they began with, of which
// nothing is kept any more.
func (g *Gate) Swap(snapshot *Snapshot) {
	if snapshot != nil {
		snapshot.use(g.directory)
		snapshot.kept.open(g.keeps)
	}
	if old := g.snapshot.Swap(snapshot); old != nil && old != snapshot {
		old.kept.drop()
	}
}

// Snapshot gives the Snapshot of the moment.
func (g *Gate) Snapshot() *Snapshot { return g.snapshot.Load() }

// Ready reports whether the Snapshot of the moment can judge requests, and the Gate is not retired.
func (g *Gate) Ready() bool {
	s := g.snapshot.Load()
	return s != nil && s.Ready() && !g.retired.Load()
}

// Retire has Ready say no from now on, so that who asks for it sends requests elsewhere. Those that come are judged.
func (g *Gate) Retire() { g.retired.Store(true) }

// Denials are the last 1,000 refusals.
func (g *Gate) Denials() *Denials { return g.denials }

// Decide judges the request on one Snapshot to its end. A refusal is logged (one line a reason and second) and kept
// for Denials. A panic on the way is logged and counted, and nobody is let in by it.
func (g *Gate) Decide(ctx context.Context, request Request) Decision {
	return g.decide(ctx, request, true)
}

// decide judges the request; told: it counts, and a refusal is logged and kept.
func (g *Gate) decide(ctx context.Context, request Request, told bool) (decision Decision) {
	decision = Decision{ID: g.ids.next(), snapshot: g.snapshot.Load()}
	defer func() {
		if broken := recover(); broken != nil {
			g.counts.panics.Add(1)
			g.log.panicked(decision.ID, broken)
			decision = Decision{ID: decision.ID, Generation: decision.Generation, snapshot: decision.snapshot}
		}
	}()
	j := judgement{snapshot: decision.snapshot, now: g.now()}
	spoofed, judged := g.take(ctx, &j, &decision, request)
	switch {
	case !judged:
		return decision
	case !told:
		decision.Reason = j.reason
		return decision
	}
	g.counts.observe(g.now().Sub(j.now), j.kept)
	if j.reason != reason.None {
		g.deny(&j, &decision, spoofed)
		return decision
	}
	g.counts.allowed.Add(1)
	g.counts.unmatched.Add(uint64(decision.Identity.Unmatched))
	return decision
}

// take judges the request into j and the decision; judged is false where the client went away before its turn came.
func (g *Gate) take(ctx context.Context, j *judgement, decision *Decision, request Request) (spoofed string, judged bool) {
	decision.Generation = decision.snapshot.generation
	raw, spoofed := j.read(request)
	switch {
	case j.reason != reason.None:
		return spoofed, true
	case j.public():
		decision.Identity, decision.Headers = &Identity{}, decision.snapshot.nobody
		return "", true
	}
	return "", g.judge(ctx, j, decision, raw)
}

// Still reports whether a request that was let in would be let in now, on the Snapshot of the moment: what a door asks
// about a stream that lasts. It leaves no denial and no count behind. What cannot be judged may not go on. About an opaque
// token the provider is asked where its last answer has ended: that takes 3 seconds at most.
func (g *Gate) Still(ctx context.Context, request Request) bool {
	decision := g.decide(ctx, request, false)
	return decision.Allowed()
}

// read makes the checks on the request itself, but for the characters of the token. spoofed is the identity header that
// it brought.
func (j *judgement) read(request Request) (raw, spoofed string) {
	spoofed = j.readFields(request)
	if j.reason != reason.None || j.public() {
		return "", spoofed
	}
	raw, j.reason = unreadBearer(request.Header)
	return raw, ""
}

// readFields is read without the token.
func (j *judgement) readFields(request Request) (spoofed string) {
	if !j.snapshot.config.Enabled {
		j.reason = reason.Disabled
		return ""
	}
	if !request.Strips {
		if spoofed = j.snapshot.names.brought(request.Header); spoofed != "" {
			j.reason = reason.HeaderSpoof
			return spoofed
		}
	}
	if j.snapshot.routes != nil && !request.Unrouted {
		if j.asked = j.ask(&request); !j.asked {
			j.reason = reason.OriginalRequest
		}
	}
	return ""
}

// judge judges the token, by what is kept of it or anew. false: the client went away before its turn came.
func (g *Gate) judge(ctx context.Context, j *judgement, decision *Decision, raw string) bool {
	keeps := len(raw) <= token.MaxSize
	var key keptKey
	if keeps {
		key = keyOf(raw)
		if known := j.snapshot.kept.find(key, j.now); known != nil {
			known.touch(j.now)
			decision.Identity, decision.Headers = known.identity, known.headers
			j.recall(known)
			return true
		}
	}
	if !isB64Token(raw) { // of what is kept it is known
		j.reason = reason.InvalidRequest
		return true
	}
	changes := j.snapshot.changes() // before the token is verified: a change that comes in between ends what is kept of it
	j.judge(ctx, raw)
	if j.abandoned {
		return false
	}
	g.noteActors(j, decision.ID)
	j.sight()
	if j.reason != reason.None && !j.routedOut() {
		return true
	}
	decision.Identity, decision.Headers = j.identity, j.headers
	if keeps {
		identity := &keptIdentity{
			identity: j.identity,
			headers:  j.headers,
			provider: j.provider,
			objectID: j.claims.ObjectID,
			invited:  j.invited(),
			issued:   j.claims.IssuedAt,
			lease:    j.lease(),
			answer:   j.ending(),
			changes:  changes[j.provider.place],
			verified: j.now.Round(0),
		}
		if j.person != nil {
			identity.hash, identity.other = j.person.hash, j.person.other
		}
		identity.touched.Store(minuteOf(j.now))
		j.snapshot.kept.keep(key, identity)
	}
	return true
}

// deny fills the Decision of a refusal, counts and keeps it, and logs it where [log] denials says so.
func (g *Gate) deny(j *judgement, decision *Decision, spoofed string) {
	decision.Reason = j.reason
	decision.Identity, decision.Headers = nil, nil
	switch {
	case j.reason == reason.Disabled:
		decision.RetryAfter = retryDisabled
	case j.reason == reason.GraphUnavailable:
		decision.RetryAfter = j.graphRetry()
	case j.reason == reason.ProviderUnavailable:
		decision.RetryAfter = j.providerRetry()
	case j.reason == reason.Revoked:
		decision.Challenge = j.revokedChallenge()
	case j.reason.Status() == 503:
		decision.RetryAfter = retryUnavailable
	case j.reason == reason.Scope:
		// All of them, so that one new token has each (RFC 6750 section 3).
		decision.Scope = strings.Join(j.provider.config.RequiredScopes, " ")
	case j.reason == reason.Route && j.route != nil && j.lacks(j.route.rule) == "":
		decision.Scope = j.routeScopes()
	case j.reason == reason.StepUp:
		decision.Challenge = j.challenge()
	}
	denial := j.denial(decision.ID, spoofed)
	g.counts.denied[j.reason].Add(1)
	if j.reason == reason.NoGroup {
		g.counts.unmatched.Add(uint64(j.identity.Unmatched))
	}
	g.denials.add(denial)
	if j.snapshot.config.Log.Denials {
		g.log.denied(denial, j.unmatched())
	}
}
