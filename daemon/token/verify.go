package token

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// Verify checks raw (the characters after "Bearer ") up to and including the calling client: malformed, opaque_token,
// algorithm, key (without a key id), graph_token, issuer, tenant, version, key, signature, malformed, audience, times,
// kind, client. With a trace every check is recorded, and after a reason that Continues the others follow; the Verdict
// has the first reason. Without one nothing is allocated for what only a trace would show.
func (v *Verifier) Verify(ctx context.Context, raw string, now time.Time, trace *reason.Trace) Verdict {
	r := &run{verifier: v, now: now, trace: trace}
	_ = r.checkForm(raw) &&
		r.checkAlgorithm() &&
		r.scanPayload() &&
		r.checkIssuer(ctx) &&
		r.checkTenant() &&
		r.checkVersion() &&
		r.checkKey(ctx) &&
		r.checkSignature(ctx) &&
		r.takeIn() &&
		r.checkAudience() &&
		r.checkTimes() &&
		r.checkKind() &&
		r.checkClient()
	return r.verdict
}

// run is one token on its way through the checks. Each check reports whether the next one is to follow.
type run struct {
	verifier *Verifier
	now      time.Time
	trace    *reason.Trace
	verdict  Verdict

	// What the checks come to know, in their order.
	problem    string // of the check that just failed, for people; it holds nothing of the token
	compact    compact
	header     header
	unverified unverifiedClaims
	provider   *Provider
	version    entra.Version
	key        keys.Key
	claims     *Claims
	times      times

	answered bool // it is no token but what a provider says of one
}

// pass records that the check named after the reason held.
func (r *run) pass(check reason.Reason, got string) {
	r.trace.Pass(check.String(), got)
}

// fail refuses the token. explain is asked only where there is a trace to read it.
func (r *run) fail(why reason.Reason, explain func(*run) reason.Check) bool {
	if r.verdict.Reason == reason.None {
		r.verdict.Reason = why
	}
	if r.trace != nil {
		check := explain(r)
		check.Name, check.Reason = why.String(), why
		r.trace.Fail(check)
	}
	return r.trace.GoesOn(why)
}

// checkForm checks the outer form: size, compact serialization, header.
func (r *run) checkForm(raw string) bool {
	var why reason.Reason
	r.compact, why, r.problem = splitCompact(raw)
	if why != reason.None {
		return r.fail(why, (*run).explainForm)
	}
	r.header, r.problem = parseHeader(r.compact.header)
	if r.problem == "" && !r.header.typed && !r.verifier.untyped {
		r.problem = untyped
	}
	if r.problem != "" {
		return r.fail(reason.Malformed, (*run).explainForm)
	}
	r.verdict.UnverifiedKeyID = cutKeyID(r.header.keyID)
	r.pass(reason.Malformed, "a JWT of three parts")
	return true
}

// untyped is the problem of a token of Entra ID's, which always writes typ, without one. Where some provider may leave it
// out, that is told once the provider is known.
const untyped = "a header without typ"

// checkAlgorithm checks the algorithm against those of all providers, and that a key is named at all: every key is
// never tried.
func (r *run) checkAlgorithm() bool {
	if !slices.Contains(r.verifier.algorithms, r.header.algorithm) {
		return r.fail(reason.Algorithm, (*run).explainAlgorithm)
	}
	if r.header.keyID == "" {
		return r.fail(reason.Key, (*run).explainNoKeyID)
	}
	r.pass(reason.Algorithm, r.header.algorithm)
	return true
}

// scanPayload reads what picks the provider, and tells the tokens of Microsoft Graph: their signature is in a form of
// Microsoft's own, so no key would verify it.
func (r *run) scanPayload() bool {
	if r.header.nonce {
		return r.fail(reason.GraphToken, (*run).explainGraphNonce)
	}
	var ok bool
	if r.unverified, ok = scan(r.compact.payload); !ok {
		r.problem = "claims that are not one JSON object within the limits, or iss, aud, tid or ver twice or in another case"
		return r.fail(reason.Malformed, (*run).explainForm)
	}
	if isForGraph(r.unverified.aud) {
		return r.fail(reason.GraphToken, (*run).explainGraphAudience)
	}
	return true
}

// passGraph records that the token is not for Microsoft Graph, where it may be Entra ID's: no other provider issues any.
func (r *run) passGraph() {
	if r.trace == nil || r.provider != nil && r.provider.OIDC || !r.verifier.knowsEntra() {
		return
	}
	r.pass(reason.GraphToken, "")
}

// checkIssuer picks the provider.
func (r *run) checkIssuer(ctx context.Context) bool {
	known := r.pick()
	woken := !known && r.wake(ctx)
	known = known || woken && r.pick()
	r.passGraph()
	if woken && !known && len(r.asleep()) > 0 {
		return r.fail(reason.KeysUnavailable, (*run).explainAsleep)
	}
	if !known {
		return r.fail(reason.Issuer, (*run).explainIssuer)
	}
	r.verdict.Provider = r.provider.Name
	r.pass(reason.Issuer, r.provider.Keys.Issuer(r.version))
	if !r.provider.OIDC && !r.header.typed {
		r.problem = untyped
		return r.fail(reason.Malformed, (*run).explainForm)
	}
	return true
}

// checkTenant checks that tid is the tenant, byte for byte. Entra ID's alone have one.
func (r *run) checkTenant() bool {
	if r.provider.OIDC {
		return true
	}
	if tid, ok := stringOf(r.unverified.tid); !ok || string(tid) != r.provider.Tenant {
		return r.fail(reason.Tenant, (*run).explainTenant)
	}
	r.pass(reason.Tenant, r.provider.Tenant)
	return true
}

// checkVersion checks that ver goes with the form of the issuer. Entra ID's alone have one.
func (r *run) checkVersion() bool {
	if r.provider.OIDC {
		return true
	}
	if ver, ok := stringOf(r.unverified.ver); !ok || string(ver) != string(r.version) {
		return r.fail(reason.Version, (*run).explainVersion)
	}
	r.pass(reason.Version, string(r.version))
	return true
}

// checkKey checks the algorithm against the provider's own, and finds the key that the header names.
func (r *run) checkKey(ctx context.Context) bool {
	if !slices.Contains(r.provider.Algorithms, r.header.algorithm) {
		return r.fail(reason.Algorithm, (*run).explainAlgorithm)
	}
	var err error
	r.key, err = r.provider.Keys.Lookup(ctx, r.version, r.header.keyID)
	switch {
	case errors.Is(err, keys.ErrUnknown):
		return r.fail(reason.Key, (*run).explainUnknownKey)
	case err != nil:
		return r.fail(reason.KeysUnavailable, (*run).explainUnavailable)
	case !keyFits(r.key, r.header.algorithm, r.provider.Algorithms):
		return r.fail(reason.Key, (*run).explainUnfitKey)
	}
	r.pass(reason.Key, r.header.keyID)
	return true
}

// checkSignature is what costs: it waits for its turn, as long as the caller does.
func (r *run) checkSignature(ctx context.Context) bool {
	if !r.verifier.turns.take(ctx) {
		r.verdict.Abandoned = true
		return false
	}
	defer r.verifier.turns.give()
	if !signatureHolds(r.header.algorithm, r.key.Public, r.compact.signed, r.compact.signature) {
		return r.fail(reason.Signature, (*run).explainSignature)
	}
	r.pass(reason.Signature, "")
	return true
}

// takeIn reads the whole payload, now that the provider is known to have written it.
func (r *run) takeIn() bool {
	var members []member
	members, r.problem = takeIn(r.compact.payload)
	if r.problem != "" {
		return r.fail(reason.Malformed, (*run).explainForm)
	}
	if r.answered {
		members = withoutNulls(members)
	}
	r.claims = &Claims{
		Provider: r.provider.Name,
		Version:  r.version,
		Issuer:   r.provider.Keys.Issuer(r.version),
		Tenant:   r.provider.Tenant,
		KeyID:    r.header.keyID,
		members:  members,
	}
	if r.provider.OIDC {
		r.claims.Tenant = r.claims.Issuer
	} else {
		r.claims.issuers = [...]string{r.provider.Keys.Issuer(entra.V1), r.provider.Keys.Issuer(entra.V2)}
	}
	r.verdict.Claims = r.claims
	r.pass(reason.Malformed, r.wellFormed())
	return true
}

func (r *run) wellFormed() string {
	if r.answered {
		return "an answer that is well-formed"
	}
	return "claims that are well-formed"
}

func (r *run) checkAudience() bool {
	if !r.provider.hears(r.version, r.claims.raw("aud")) {
		return r.fail(reason.Audience, (*run).explainAudience)
	}
	if r.trace != nil {
		r.pass(reason.Audience, claimShown(r.claims.raw("aud")))
	}
	return true
}

func (r *run) checkTimes() bool {
	var why reason.Reason
	if r.times, why, r.problem = readTimes(r.claims, r.provider.OIDC, r.answered); why != reason.None {
		return r.fail(why, (*run).explainNoTime)
	}
	r.claims.Expires, r.claims.IssuedAt = r.times.expiry(), r.times.dated()
	skew := r.provider.Skew
	return r.hold(!r.times.expired(r.now, skew), reason.Expired, (*run).explainExpired) &&
		r.hold(!r.times.notYetValid(r.now, skew), reason.NotYetValid, (*run).explainNotYetValid) &&
		r.hold(!r.times.contradict(), reason.Lifetime, (*run).explainLifetime)
}

// hold passes where the check holds, else fails.
func (r *run) hold(holds bool, check reason.Reason, explain func(*run) reason.Check) bool {
	if !holds {
		return r.fail(check, explain)
	}
	r.pass(check, "")
	return true
}

func (r *run) checkKind() bool {
	var why reason.Reason
	if r.provider.OIDC {
		why, r.problem = r.claims.readOIDCKind()
	} else {
		why, r.problem = r.claims.readKind()
	}
	switch why {
	case reason.None:
	case reason.IDToken:
		return r.fail(why, (*run).explainIDToken)
	default:
		return r.fail(why, (*run).explainKind)
	}
	r.pass(reason.IDToken, r.claims.Caller.String())
	return true
}

// checkClient checks the calling application. A service account that names its application admits it for its own tokens.
func (r *run) checkClient() bool {
	if !r.provider.Admits(r.claims) {
		return r.fail(reason.Client, (*run).explainClient)
	}
	r.pass(reason.Client, r.claims.ClientID)
	return true
}
