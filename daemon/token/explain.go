package token

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/reason"
)

// The functions of this file say for people why a check failed. They are asked for a trace alone. What they show of a
// token may be unverified, and goes to the administrator who brought the token.

func (r *run) explainForm() reason.Check {
	writer := "Entra ID"
	if r.verifier.untyped && (r.provider == nil || r.provider.OIDC) {
		writer = "the provider"
	}
	if r.answered {
		return reason.Check{Want: "an answer whose members can be told apart", Got: r.problem}
	}
	return reason.Check{Want: "a signed JWT as " + writer + " writes it", Got: r.problem}
}

func (r *run) explainAlgorithm() reason.Check {
	allowed := r.verifier.algorithms
	if r.provider != nil {
		allowed = r.provider.Algorithms
	}
	return reason.Check{Want: strings.Join(allowed, ", "), Got: shown(r.header.algorithm)}
}

func (r *run) explainNoKeyID() reason.Check {
	check := reason.Check{
		Want: "a key id (kid) in the header", Got: "none",
		Mend: "pass on the access token exactly as the provider issued it; Entra ID names the key in every token",
	}
	if !r.verifier.knowsEntra() {
		check.Mend = "have the provider name the key in its tokens; claimd tries no key that is not named"
	}
	return check
}

// knowsEntra reports whether a token can be Entra ID's.
func (v *Verifier) knowsEntra() bool {
	return slices.ContainsFunc(v.providers, func(p Provider) bool { return !p.OIDC })
}

func (r *run) explainGraphNonce() reason.Check {
	return reason.Check{Want: "a token for this API", Got: "a header with nonce, which Microsoft Graph's tokens have", Mend: r.mendGraph()}
}

func (r *run) explainGraphAudience() reason.Check {
	return reason.Check{Want: "a token for this API", Got: "aud " + claimShown(r.unverified.aud), Mend: r.mendGraph()}
}

// mendGraph names the scope to ask for, where only one application can be meant.
func (r *run) mendGraph() string {
	if len(r.verifier.providers) != 1 || r.verifier.providers[0].OIDC {
		return ""
	}
	return "let the client ask for " + scopeOf(&r.verifier.providers[0]) + " instead of a Graph scope such as User.Read"
}

func scopeOf(p *Provider) string { return "the scope api://" + p.ApplicationID + "/.default" }

func (r *run) explainAsleep() reason.Check {
	names := make([]string, 0, len(r.asleep()))
	for _, p := range r.asleep() {
		names = append(names, "[provider."+p.Name+"]")
	}
	return reason.Check{
		Want: "the documents of " + strings.Join(names, ", ") + ", which name the issuer",
		Got:  "they were never fetched; the token's issuer is " + claimShown(r.unverified.iss),
	}
}

func (r *run) explainIssuer() reason.Check {
	var wanted []string
	for _, p := range r.verifier.providers {
		for _, version := range p.versions() {
			if issuer := p.Keys.Issuer(version); issuer != "" {
				wanted = append(wanted, issuer)
			}
		}
	}
	return reason.Check{Want: strings.Join(wanted, " or "), Got: claimShown(r.unverified.iss), Mend: r.mendIssuer()}
}

// mendIssuer knows the issuers of Microsoft's clouds.
func (r *run) mendIssuer() string {
	iss, _ := stringOf(r.unverified.iss)
	cloud, tenant, ok := issuerParts(string(iss))
	switch {
	case !ok:
		return ""
	case tenant == entra.ConsumerTenant:
		return "the token is of a personal Microsoft account; let the client sign in at the tenant of the configuration, with an account of it"
	}
	for _, p := range r.verifier.providers {
		if !p.OIDC && p.Tenant == tenant {
			return "the tenant is that of [provider." + p.Name + "], but the issuer belongs to the cloud " + cloud + "; look at cloud and authority there"
		}
	}
	if !r.verifier.knowsEntra() {
		return "the token is of Entra ID, tenant " + tenant + "; let the client sign in at the provider of the configuration, " +
			"or add a [provider.NAME] of kind = \"entra\" for that tenant"
	}
	return "the token is of the tenant " + tenant + "; let the client sign in at the tenant of tenant_id, " +
		"or add a [provider.NAME] for that tenant"
}

// issuerParts takes an issuer of one of Microsoft's clouds apart.
func issuerParts(iss string) (cloud, tenant string, ok bool) {
	for segment := range strings.SplitSeq(iss, "/") {
		if !entra.IsGUID(segment) {
			continue
		}
		for _, name := range entra.CloudNames() {
			c, _ := entra.CloudByName(name)
			for _, version := range entraVersions {
				if c.Issuer(version, segment) == iss {
					return name, strings.ToLower(segment), true
				}
			}
		}
	}
	return "", "", false
}

func (r *run) explainTenant() reason.Check {
	return reason.Check{Want: "tid " + r.provider.Tenant, Got: "tid " + claimShown(r.unverified.tid)}
}

func (r *run) explainVersion() reason.Check {
	return reason.Check{
		Want: fmt.Sprintf("ver %s, as the issuer %s has", r.version, r.provider.Keys.Issuer(r.version)),
		Got:  "ver " + claimShown(r.unverified.ver),
	}
}

func (r *run) explainUnknownKey() reason.Check {
	return reason.Check{Want: "a key that " + r.provider.Keys.Issuer(r.version) + " publishes", Got: "key id " + shown(r.header.keyID)}
}

func (r *run) explainUnavailable() reason.Check {
	return reason.Check{
		Want: "the keys of [provider." + r.provider.Name + "], to look for the key id " + shown(r.header.keyID),
		Got:  "they are dead or were never fetched, or the id is new and no fetch is allowed now",
	}
}

func (r *run) explainUnfitKey() reason.Check {
	return reason.Check{
		Want: "a key for " + r.header.algorithm,
		Got:  "key id " + shown(r.header.keyID) + ", which is for another algorithm",
	}
}

func (r *run) explainSignature() reason.Check {
	return reason.Check{Want: "a signature by the key " + shown(r.header.keyID), Got: "another"}
}

func (r *run) explainAudience() reason.Check {
	p, got := r.provider, claimShown(r.claims.raw("aud"))
	if p.OIDC {
		return p.explainAudience(got)
	}
	check := reason.Check{Want: p.ApplicationID + " (application_id of [provider." + p.Name + "])", Got: got}
	if r.version == entra.V1 {
		check.Want += " or an application ID URI, as v1.0 tokens have"
	}
	audience, ok := audienceOf(r.claims.raw("aud"))
	id, isGUID := entra.GUID(strings.TrimPrefix(audience, "api://"))
	switch {
	case !ok:
		check.Mend = "the token names no single audience; let the client ask for " + scopeOf(p)
	case isGUID:
		check.Mend = "the token is for the application " + id + "; let the client ask for " + scopeOf(p) + " instead"
	case r.version == entra.V1:
		check.Mend = "if " + got + " is an application ID URI of this API, add it to application_id_uris under [provider." + p.Name +
			"], or set requestedAccessTokenVersion to 2 in the API's app registration (the token is v1.0, as null or 1 asks for); " +
			"else let the client ask for " + scopeOf(p)
	}
	return check
}

func (r *run) explainNoTime() reason.Check {
	return reason.Check{Want: r.problem + " in seconds since 1970", Got: r.problem + " " + claimShown(r.claims.raw(r.problem))}
}

func (r *run) explainExpired() reason.Check {
	return reason.Check{
		Want: "exp not before " + instant(r.now.Add(-r.provider.Skew)) + " (now less clock_skew)",
		Got:  "exp " + instant(r.times.expires) + ", " + r.now.Sub(r.times.expires).Round(time.Second).String() + " ago",
	}
}

func (r *run) explainNotYetValid() reason.Check {
	return reason.Check{
		Want: "nbf and iat not after " + instant(r.now.Add(r.provider.Skew)) + " (now and clock_skew)",
		Got:  said("nbf", r.times.notBefore) + ", " + said("iat", r.times.issued),
	}
}

func (r *run) explainLifetime() reason.Check {
	return reason.Check{
		Want: "nbf not after exp" + r.times.bound(),
		Got:  said("iat", r.times.issued) + ", " + said("nbf", r.times.notBefore) + ", " + said("exp", r.times.expires),
	}
}

func (r *run) explainIDToken() reason.Check {
	forUs := "for " + scopeOf(r.provider)
	if r.provider.OIDC {
		forUs = "for this API"
	}
	return reason.Check{
		Want: "an access token", Got: r.problem,
		Mend: "let the client send the access token " + forUs + ", not the ID token of its own sign-in",
	}
}

func (r *run) explainKind() reason.Check {
	if r.provider.OIDC {
		return reason.Check{Want: "azp or client_id, the calling client's id, and scope or scp of words", Got: r.problem}
	}
	check := reason.Check{
		Want: "azp or appid, the calling application's ID", Got: r.problem,
		Mend: "let the client ask Entra ID for " + scopeOf(r.provider) + "; such a token names the application that asked",
	}
	if r.claims.Caller == AppOnly {
		check.Want, check.Mend = "oid, the object ID of the application under Enterprise applications", ""
	}
	return check
}

func (r *run) explainClient() reason.Check {
	p, id := r.provider, r.claims.ClientID
	if p.OIDC {
		return p.explainClient(id)
	}
	check := reason.Check{
		Want: "one of client_application_ids of [provider." + p.Name + "]: " + strings.Join(p.ClientIDs, ", "),
		Got:  "the application " + id,
		Mend: "if this application may call, add \"" + id + "\" to client_application_ids under [provider." + p.Name + "]",
	}
	if len(p.ClientIDs) == 0 {
		check.Want = "client_application_ids of [provider." + p.Name + "] is empty: nobody may call"
	}
	if r.claims.Caller == AppOnly {
		check.Mend += `, or name it as application_id of a [[service_account]] with object_id = "` + r.claims.ObjectID + `"`
	}
	return check
}

// instant writes a time for people; a claim may name a year that RFC 3339 cannot.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// absent stands for a claim that is not there.
const absent = "absent"

// claimShown writes the raw value of a claim for people.
func claimShown(raw []byte) string {
	if raw == nil {
		return absent
	}
	if text, ok := stringOf(raw); ok {
		return shown(string(text))
	}
	return shown(string(raw))
}

// shown makes what a token says fit to be shown: short, on one line, and what does not print is written as an escape.
func shown(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	if text == "" {
		return `""`
	}
	return text
}
