package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
)

// AskOpaque has the Snapshot ask this one about tokens that are no JWT, before a Gate judges on it. The configuration says
// whose they are: at most one provider's. Without one there, or with nil, what the configuration's provider should be
// asked about is refused as ProviderUnavailable.
func (s *Snapshot) AskOpaque(asker *opaque.Asker) {
	if s.opaque != nil {
		s.opaque.asker = asker
	}
}

// vouched is what came of asking a provider about a token that is no JWT. One of the two problems, at most, is there.
type vouched struct {
	answer      opaque.Answer
	refused     *opaque.Refused
	unavailable *opaque.Unavailable
}

// verifyOpaque has the provider say what is in the token, and makes the checks of a token on that: on every use, whether
// the answer was kept or is new. No JWT comes here, and nothing of one; false ends the judgement.
func (j *judgement) verifyOpaque(ctx context.Context, raw string) bool {
	j.provider = j.snapshot.opaque
	j.vouched = &vouched{}
	if !j.askProvider(ctx, raw) {
		return false
	}
	answered := token.Answered{Raw: j.vouched.answer.Raw, Userinfo: j.asksUserinfo()}
	if j.trace != nil {
		j.trace.Pass(reason.OpaqueToken.String(), j.vouchedWords())
	}
	return j.verified(j.snapshot.verifier.VerifyAnswer(j.provider.config.Name, answered, j.now, j.trace))
}

// askProvider fills in what came of it; false: there is no answer to judge.
func (j *judgement) askProvider(ctx context.Context, raw string) bool {
	asker, v := j.provider.asker, j.vouched
	if asker == nil {
		v.unavailable = &opaque.Unavailable{
			Detail:     "claimd's own credential for it is not known here\nhint: let the running claimd judge",
			RetryAfter: retryUnavailable,
		}
		return j.refuseOpaque(reason.ProviderUnavailable)
	}
	var err error
	if v.answer, err = asker.Ask(ctx, raw); err == nil {
		return true
	}
	if refused, ok := errors.AsType[*opaque.Refused](err); ok {
		v.refused = refused
		return j.refuseOpaque(refused.Reason)
	}
	if unavailable, ok := errors.AsType[*opaque.Unavailable](err); ok {
		v.unavailable = unavailable
		return j.refuseOpaque(reason.ProviderUnavailable)
	}
	j.abandoned = true // the caller's context ended
	return false
}

// refuseOpaque ends the judgement: without an answer there is nothing that could follow.
func (j *judgement) refuseOpaque(why reason.Reason) bool {
	j.fail(why)
	if j.trace != nil {
		problem, hint := j.vouched.problem()
		j.trace.Fail(reason.Check{
			Name: why.String(), Reason: why, Want: j.endpointWords() + " vouches for the token", Got: problem, Mend: hint,
		})
	}
	return false
}

// problem tells why nobody vouches for the token, and what to do about it, if that is known.
func (v *vouched) problem() (problem, hint string) {
	switch {
	case v == nil:
	case v.refused != nil:
		problem = v.refused.Detail
	case v.unavailable != nil:
		problem = v.unavailable.Detail
	}
	problem, hint, _ = strings.Cut(problem, "\nhint: ")
	return problem, hint
}

// reason is what the request is refused for where nobody vouches for the token; None where somebody does, or is not asked.
func (v *vouched) reason() reason.Reason {
	switch {
	case v == nil:
	case v.refused != nil:
		return v.refused.Reason
	case v.unavailable != nil:
		return reason.ProviderUnavailable
	}
	return reason.None
}

func (j *judgement) asksUserinfo() bool { return j.provider.config.Userinfo() }

// endpointWords names what is asked.
func (j *judgement) endpointWords() string {
	return "the " + string(j.provider.config.OpaqueTokens) + " endpoint of " + j.table()
}

func (j *judgement) vouchedWords() string {
	return j.endpointWords() + " vouches for it; asked again from " + j.vouched.answer.Until.UTC().Format(time.RFC3339) + " on"
}

// adviseOpaque tells of a token that is no JWT what the provider said, or that it said nothing.
func (j *judgement) adviseOpaque(r reason.Reason) advice {
	problem, hint := j.vouched.problem()
	a := advice{why: problem, mend: hint}
	switch {
	case a.mend != "":
	case r == reason.OpaqueToken:
		a.mend = "let the client get a new token (sign in again)"
		if !j.asksUserinfo() {
			a.mend += "; where no token is active, see at the provider whether the client of introspection_client_id may be told of them"
		}
	case r == reason.ProviderUnavailable:
		a.mend = "try again in " + j.providerRetry().Round(time.Second).String() + "; claimctl status tells how the provider answers"
	default:
		a.mend = j.usual(r)
	}
	return a
}

// providerRetry gives when the provider is worth another try.
func (j *judgement) providerRetry() time.Duration {
	if j.vouched == nil || j.vouched.unavailable == nil {
		return retryUnavailable
	}
	return j.vouched.unavailable.RetryAfter
}

// lease is what ends a kept identity that holds what a provider said of a token; nil: the token said it itself.
func (j *judgement) lease() *opaque.Lease {
	if j.vouched == nil {
		return nil
	}
	lease := j.vouched.answer.Lease // a copy: the answer may go
	return &lease
}

// expires gives the end of the token in whole seconds: exp, or where a provider's answer names none, the time until which
// the answer may be used.
func (j *judgement) expires() time.Time {
	if j.vouched != nil && j.claims.Expires.IsZero() {
		return j.vouched.answer.Until.Truncate(time.Second)
	}
	return j.claims.Expires
}
