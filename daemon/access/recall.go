package access

import (
	"crypto/sha256"

	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
)

// Recall lets a request in by what is kept of its token, as Decide would: the request is one without Authorization field,
// the token is what such a field brought as "Bearer TOKEN", whatever its bytes: those that hash to what is kept were verified.
// It never waits, and keeps nothing of the request. false: it cannot tell, nothing was counted, and Decide has to be asked;
// Recall refuses nobody.
func (g *Gate) Recall(request Request, raw []byte) (decision Decision, ok bool) {
	defer func() {
		if recover() != nil { // it breaks in Decide too, which tells
			decision, ok = Decision{}, false
		}
	}()
	if len(raw) > token.MaxSize {
		return Decision{}, false
	}
	j := judgement{snapshot: g.snapshot.Load(), now: g.now()}
	j.readFields(request)
	if j.reason != reason.None || j.public() {
		return Decision{}, false
	}
	known := j.snapshot.kept.find(sha256.Sum256(raw), j.now)
	if known == nil {
		return Decision{}, false
	}
	j.recall(known)
	if j.reason != reason.None {
		return Decision{}, false
	}
	known.touch(j.now)
	g.counts.observe(g.now().Sub(j.now), true)
	g.counts.allowed.Add(1)
	g.counts.unmatched.Add(uint64(known.identity.Unmatched))
	return Decision{
		ID: g.ids.next(), Generation: j.snapshot.generation, Identity: known.identity, Headers: known.headers, snapshot: j.snapshot,
	}, true
}

// recall takes over what is kept, and asks the route anew.
func (j *judgement) recall(known *keptIdentity) {
	j.kept = true
	j.identity, j.provider = known.identity, known.provider
	j.again()
}
