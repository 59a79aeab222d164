package access

import (
	"context"
	"time"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// judgement is one token on its way through the checks, and what became known about it so far. With a trace every
// check is recorded and some failures do not end it (reason.Continues); without one the first failure does.
type judgement struct {
	snapshot *Snapshot
	now      time.Time
	ctx      context.Context // of the request, for the one check that may wait; nil: nobody gives up
	trace    *reason.Trace
	values   *mapping.Trace

	reason    reason.Reason   // the first failure
	abandoned bool            // the client went away before the token's turn came
	kept      bool            // what is known of the token from before answered
	standing  standing        // of the caller, once the check of his state was made
	keyID     string          // unverified
	provider  *provider       // nil until the unverified issuer picked it
	claims    *token.Claims   // nil until the signature holds; else there is a provider
	id        string          // of a user, without prefix; "" until known
	person    *person         // for the directory; nil where it is not asked
	vouched   *vouched        // what came of asking about a token that is no JWT; nil: it is one, or nobody is asked
	told      *told           // what Microsoft Graph said of the groups; nil: they are in the token, or unknown
	unsaid    bool            // recalled, and what was seen does not tell
	recalled  *directory.User // whose claims these are, where what was seen last is judged again; nil: a token is judged
	identity  *Identity       // nil until mapped
	headers   []Field
	size      int // of headers

	asked    bool      // a route decides about the request
	route    *route    // the one that does; nil: none matches
	original *Original // which request that is; nil: not known
}

// check is one of the checks that follow the token's own, in the contract's order. judge must not allocate for a check
// that holds; show tells people more about its verdict.
type check struct {
	name   string
	caller token.Caller // whose tokens it concerns; 0 = everyone's
	routed bool         // it concerns requests that a route decides about
	entra  bool         // it concerns the tokens of Entra ID
	judge  func(*judgement) reason.Reason
	show   func(*judgement, *reason.Check)
}

// The checks that others ask for by name.
const (
	checkUserID  = "user id"
	checkMapping = "mapping"
	checkNoGroup = "no_group"
	checkRoute   = "route"
)

// order holds the checks after `client`. It is never written to.
var order = [...]check{
	{name: "service account", caller: token.AppOnly, judge: (*judgement).account, show: (*judgement).showAccount},
	{name: "scope", caller: token.Delegated, judge: (*judgement).scope, show: (*judgement).showScope},
	{name: checkUserID, caller: token.Delegated, judge: (*judgement).userID, show: (*judgement).showUserID},
	{name: "guest", caller: token.Delegated, entra: true, judge: (*judgement).guest, show: (*judgement).showGuest},
	{name: "user state", judge: (*judgement).state, show: (*judgement).showState},
	{name: "revoked", judge: (*judgement).revoked, show: (*judgement).showRevoked},
	{name: "overage", caller: token.Delegated, judge: (*judgement).overage, show: (*judgement).showOverage},
	{name: checkMapping, judge: (*judgement).mapped, show: (*judgement).showMapped},
	{name: checkNoGroup, judge: (*judgement).group, show: (*judgement).showGroup},
	{name: checkRoute, routed: true, judge: (*judgement).routed, show: (*judgement).showRouted},
	{name: "step_up", routed: true, judge: (*judgement).stepUp, show: (*judgement).showStepUp},
	{name: "header_size", judge: (*judgement).render, show: (*judgement).showRender},
}

// judge takes the token through all checks.
func (j *judgement) judge(ctx context.Context, raw string) {
	j.ctx = ctx
	if !j.verify(ctx, raw) {
		return
	}
	for i := range order {
		if !j.take(&order[i]) {
			return
		}
	}
}

// take makes one check, if it concerns the caller; false ends the judgement.
func (j *judgement) take(c *check) bool {
	if c.caller != 0 && c.caller != j.claims.Caller || c.routed && !j.asked || c.entra && j.provider.config.IsOIDC() {
		return true
	}
	verdict := c.judge(j)
	if j.trace == nil {
		j.fail(verdict)
		return verdict == reason.None
	}
	shown := reason.Check{Name: c.name, Passed: verdict == reason.None, Reason: verdict}
	c.show(j, &shown)
	j.trace.Checks = append(j.trace.Checks, shown)
	j.fail(verdict)
	return verdict == reason.None || j.trace.GoesOn(verdict)
}

// fail keeps the first failure.
func (j *judgement) fail(r reason.Reason) {
	if j.reason == reason.None {
		j.reason = r
	}
}

// verify makes the token's own checks; false ends the judgement.
func (j *judgement) verify(ctx context.Context, raw string) bool {
	if j.snapshot.opaque != nil && token.IsOpaque(raw) {
		return j.verifyOpaque(ctx, raw)
	}
	return j.verified(j.snapshot.verifier.Verify(ctx, raw, j.now, j.trace))
}

// verified takes in what came of the checks on the token; false ends the judgement.
func (j *judgement) verified(verdict token.Verdict) bool {
	j.keyID = verdict.UnverifiedKeyID
	j.provider = j.snapshot.providers[verdict.Provider]
	j.claims = verdict.Claims
	j.abandoned = verdict.Abandoned
	j.fail(verdict.Reason)
	if verdict.Reason != reason.None && !j.trace.GoesOn(verdict.Reason) {
		return false
	}
	return j.claims != nil && !ended(j.trace)
}

// ended reports whether a check failed after which none may follow.
func ended(trace *reason.Trace) bool {
	if trace == nil {
		return false
	}
	for _, c := range trace.Checks {
		if !c.Passed && c.Reason != reason.Disabled && !c.Reason.Continues() {
			return true
		}
	}
	return false
}

// user names whom the token speaks of, from verified claims only; "" = not known.
func (j *judgement) user() string {
	if j.id != "" {
		return j.id
	}
	switch {
	case j.claims != nil:
		return j.claims.ObjectID
	case j.identity != nil:
		return j.identity.ID
	}
	return ""
}

func (j *judgement) client() string {
	switch {
	case j.claims != nil:
		return j.claims.ClientID
	case j.identity != nil:
		return j.identity.ClientID
	}
	return ""
}

func (j *judgement) providerName() string {
	if j.provider != nil {
		return j.provider.config.Name
	}
	return ""
}
