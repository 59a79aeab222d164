package token

import (
	"slices"
	"time"

	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// Answered is what a provider said of a token that is no JWT, which it vouches for.
type Answered struct {
	Raw []byte // one JSON object, which the Claims go on to use; it must not be changed
	// Userinfo says that it is about the user (OpenID Connect Core 1.0 section 5.3.2): it names neither the audience, nor
	// the client, nor scopes, nor times of the token. Else it is about the token (RFC 7662 section 2.2).
	Userinfo bool
}

// VerifyAnswer makes on an answer of that provider, which is no Entra ID, the checks that Verify makes on a token's claims,
// as far as the answer can tell: malformed, issuer, audience, times, kind, client. They are to be made at each use of the
// answer. A member that is null is an absent one: RFC 7662 knows neither.
//
// What may be left out: iss and the times. What else an answer about a token lacks is a refusal, the audience and the
// client before all. One without sub, as of a client that asked for itself, is let through: it names no user, unless
// claims.user is another claim. Where sub is the client's id, it is the client's own as a JWT would be (AppOnly).
func (v *Verifier) VerifyAnswer(provider string, answered Answered, now time.Time, trace *reason.Trace) Verdict {
	at := slices.IndexFunc(v.providers, func(p Provider) bool { return p.Name == provider && p.OIDC })
	if at < 0 {
		return Verdict{Reason: reason.OpaqueToken}
	}
	r := &run{
		verifier: v, now: now, trace: trace, provider: &v.providers[at], version: keys.Unversioned,
		compact: compact{payload: answered.Raw}, answered: true,
	}
	r.verdict.Provider = provider
	if answered.Userinfo {
		_ = r.takeIn() && r.checkSaidIssuer() && r.checkUser()
		return r.verdict
	}
	_ = r.takeIn() && r.checkSaidIssuer() && r.checkAudience() && r.checkTimes() && r.checkKind() && r.checkClient()
	return r.verdict
}

// checkSaidIssuer checks that an answer which names an issuer names the provider's.
func (r *run) checkSaidIssuer() bool {
	if raw := r.claims.raw("iss"); raw != nil {
		if iss, ok := stringOf(raw); !ok || string(iss) != r.claims.Issuer {
			return r.fail(reason.Issuer, (*run).explainSaidIssuer)
		}
		r.pass(reason.Issuer, r.claims.Issuer)
		return true
	}
	r.pass(reason.Issuer, "not named: "+r.claims.Issuer+", whose endpoint answered")
	return true
}

func (r *run) explainSaidIssuer() reason.Check {
	return reason.Check{
		Want: "no issuer in the answer, or " + r.claims.Issuer, Got: claimShown(r.claims.raw("iss")),
		Mend: "the provider speaks for another issuer than its own document names; look at issuer under [provider." + r.provider.Name + "]",
	}
}

// checkUser takes an answer about the user. Nothing else in it is of the token.
func (r *run) checkUser() bool {
	subject, ok := stringOf(r.claims.raw("sub"))
	switch {
	case r.claims.raw("sub") == nil || ok && len(subject) == 0:
		r.problem = "no sub"
		return r.fail(reason.MissingClaim, (*run).explainSubject)
	case !ok:
		r.problem = "sub is no string"
		return r.fail(reason.ClaimType, (*run).explainSubject)
	}
	r.claims.Subject, r.claims.Caller = string(subject), Delegated
	for _, check := range [...]reason.Reason{reason.Audience, reason.Client} {
		r.pass(check, "not checked: userinfo names none")
	}
	return true
}

func (r *run) explainSubject() reason.Check {
	return reason.Check{Want: "sub, the user's id, as userinfo always has it", Got: r.problem}
}

// withoutNulls leaves out the members that are null.
func withoutNulls(members []member) []member {
	return slices.DeleteFunc(members, func(m member) bool { return m.value[0] == 'n' })
}
