package access

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
)

// BackDated is how far back Entra ID appears to date iat: a token that it issues so soon after a revocation may still look
// older than it, and is refused.
const BackDated = 5 * time.Minute

// revokedUntil gives the moment up to which the tokens of the caller are revoked, under either hash; zero: none are.
func revokedUntil(d *directory.Directory, hash, other directory.Hash) time.Time {
	until := d.NotBefore(hash)
	if other == hash {
		return until
	}
	if later := d.NotBefore(other); later.After(until) {
		return later
	}
	return until
}

// refusedAt reports whether a token of that date may be one that was revoked: the provider's clock may be ahead by the
// skew, which the verifier allows, and then dates as much later what it issued before the revocation. Without a date nobody
// knows, so it is.
func refusedAt(issued, until time.Time, skew time.Duration) bool {
	return !until.IsZero() && !issued.After(until.Add(skew))
}

// revocation gives the moment up to which the tokens of the caller are revoked; zero: none are, or nobody is asked.
func (j *judgement) revocation() time.Time {
	d := j.provider.directory
	if d == nil || j.recalled != nil {
		return time.Time{}
	}
	who := j.person
	if who == nil {
		who = personOf(j.claims, j.id)
	}
	return revokedUntil(d, who.hash, who.other)
}

// revoked: nobody comes in by a token that was issued before an administrator revoked the user's.
func (j *judgement) revoked() reason.Reason {
	if refusedAt(j.claims.IssuedAt, j.revocation(), j.provider.config.ClockSkew) {
		return reason.Revoked
	}
	return reason.None
}

func (j *judgement) showRevoked(c *reason.Check) {
	until := j.revocation()
	c.Want = "issued after the last claimctl users revoke"
	c.Got = "nothing is revoked of this user"
	switch {
	case j.provider.directory == nil || j.recalled != nil:
		c.Got = "the directory of users was not asked"
	case !until.IsZero():
		c.Got = j.issuedWords() + "; revoked is " + j.revokedWords(until)
	}
	j.mend(c)
}

func (j *judgement) issuedWords() string {
	if j.claims.IssuedAt.IsZero() {
		return "issued without saying when"
	}
	return "issued " + moment(j.claims.IssuedAt)
}

// revokedWords tells what is refused after a revocation.
func (j *judgement) revokedWords(until time.Time) string {
	words := "what was issued up to " + moment(until)
	if skew := j.provider.config.ClockSkew; skew > 0 {
		words += ", and, as clocks may differ by clock_skew, what is dated up to " + moment(until.Add(skew))
	}
	return words
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// adviseRevoked tells since when, and from when on new tokens pass.
func (j *judgement) adviseRevoked() advice {
	until := j.revocation()
	a := advice{
		why:  "the token was " + j.issuedWords() + ", and claimctl users revoke refuses " + j.revokedWords(until),
		mend: "let the user sign in again",
	}
	if j.claims.IssuedAt.IsZero() {
		a.mend = "have the provider write iat or nbf; where it does not say when a token was issued, a new one is refused like an old one"
		return a
	}
	p := j.provider.config
	if p.IsOIDC() {
		a.mend += "; new tokens pass from " + moment(passesOf(p, until)) + " on at the latest"
		return a
	}
	a.mend += "; Entra ID dates tokens some minutes back, so that new ones pass from " + moment(passesOf(p, until)) + " on at the latest"
	return a
}

// revokedChallenge gives the claims challenge that has the client get a new token; nil where it does not say that it
// understands one (Microsoft: claims-challenge, app-resilience-continuous-access-evaluation).
func (j *judgement) revokedChallenge() *Challenge {
	if j.claims == nil || j.provider.config.IsOIDC() || !understands(words(j.claims.Value("xms_cc"))) {
		return nil
	}
	return j.challengeFor("nbf", strconv.FormatInt(passesFrom(j.revocation(), j.provider.config.ClockSkew).Unix(), 10))
}

// understands reports whether the capabilities of a client hold cp1.
func understands(capabilities []string) bool {
	return slices.ContainsFunc(capabilities, func(c string) bool { return strings.EqualFold(c, "cp1") })
}

// challengeFor gives the challenge that wants this claim of this value in the access token.
func (j *judgement) challengeFor(claim, wanted string) *Challenge {
	type value struct {
		Essential bool   `json:"essential"`
		Value     string `json:"value"`
	}
	claims, err := json.Marshal(map[string]map[string]value{"access_token": {claim: {true, wanted}}})
	if err != nil {
		return nil // no value of these types can fail
	}
	p := j.provider.config
	return &Challenge{
		Realm:            p.TenantID,
		AuthorizationURI: p.AuthorityURL() + "/" + p.TenantID + "/oauth2/v2.0/authorize",
		Claims:           base64.StdEncoding.EncodeToString(claims),
	}
}

// PassesFrom gives the moment from which on new tokens of that authority pass after a revocation, whichever of its
// providers takes them, as long as the provider's clock is not behind claimd's. One that is not Entra ID
// must write iat or nbf for that.
func PassesFrom(cfg *config.Config, authority string, notBefore time.Time) time.Time {
	var latest time.Time
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		if passes := passesOf(p, notBefore); p.UserAuthority() == authority && passes.After(latest) {
			latest = passes
		}
	}
	if latest.IsZero() { // nobody's tokens are taken
		return passesFrom(notBefore, 0)
	}
	return latest
}

func passesOf(p *config.Provider, notBefore time.Time) time.Time {
	if p.IsOIDC() {
		return passesFrom(notBefore, p.ClockSkew)
	}
	return passesFrom(notBefore, p.ClockSkew+BackDated)
}

// passesFrom gives the first whole second that is later than the time after the revocation.
func passesFrom(notBefore time.Time, after time.Duration) time.Time {
	return notBefore.Add(after).Truncate(time.Second).Add(time.Second)
}
