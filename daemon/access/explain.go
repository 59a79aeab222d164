package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// Explanation is every check of a token in order, and what its claims map to.
type Explanation struct {
	Allowed    bool           `json:"allowed"`
	Reason     reason.Reason  `json:"reason,omitempty"` // the first failure
	Generation uint64         `json:"generation"`
	Provider   string         `json:"provider,omitempty"`
	Checks     []reason.Check `json:"checks"`
	Values     []mapping.Step `json:"values,omitempty"`
	Claims     []ClaimSeen    `json:"claims,omitempty"`   // each configured claim: name and whether the token has it
	Identity   *Whoami        `json:"identity,omitempty"` // what the API would see
	Headers    []Field        `json:"headers,omitempty"`
	Sentence   string         `json:"sentence"` // the closing sentence: why, and what to change where
}

// ClaimSeen is one claim that the configuration reads.
type ClaimSeen struct {
	For   string `json:"for"`   // the key under [provider.NAME.claims]: "user", "groups", ...
	Name  string `json:"name"`  // the claim's name
	Shape string `json:"shape"` // "absent", "string", "3 strings", "other"
}

// Explain judges the token as Decide would judge a request that carries nothing else, and tells all of it. It leaves
// no denial and no count behind. Where the configuration is disabled it says so, and goes on as if it were not.
func (s *Snapshot) Explain(ctx context.Context, token string, now time.Time) Explanation {
	return s.ExplainFor(ctx, token, nil, now)
}

// ExplainFor is Explain for this original request, about which the routes are asked too; nil leaves them out.
func (s *Snapshot) ExplainFor(ctx context.Context, token string, original *Original, now time.Time) Explanation {
	j := &judgement{snapshot: s, now: now, trace: &reason.Trace{}, values: &mapping.Trace{}}
	j.explain(ctx, token, original)
	return j.explanation()
}

// explanation tells all that became known.
func (j *judgement) explanation() Explanation {
	e := Explanation{
		Allowed:    j.reason == reason.None && j.identity != nil,
		Reason:     j.reason,
		Generation: j.snapshot.generation,
		Provider:   j.providerName(),
		Checks:     j.trace.Checks,
		Values:     j.values.Steps,
		Headers:    j.headers,
		Sentence:   j.sentence(),
	}
	if j.claims != nil {
		e.Claims = j.claimsSeen()
	}
	if j.identity != nil && !j.public() {
		whoami := j.identity.Whoami()
		e.Identity = &whoami
	}
	return e
}

func (j *judgement) explain(ctx context.Context, token string, original *Original) {
	if j.snapshot.config.Enabled {
		j.trace.Pass("disabled", "enabled = true")
	} else {
		j.trace.Fail(reason.Check{Name: "disabled", Reason: reason.Disabled, Want: "enabled = true", Got: "enabled = false"})
		j.fail(reason.Disabled)
	}
	if original != nil && !j.explainRoute(original) {
		return
	}
	raw, r := bearer(http.Header{"Authorization": {"Bearer " + token}})
	if r != reason.None {
		j.trace.Fail(reason.Check{Name: r.String(), Reason: r, Want: "one token", Got: tokenWords(r)})
		j.fail(r)
		return
	}
	j.trace.Pass("no_token", "one bearer token")
	if j.snapshot.verifier != nil {
		j.judge(ctx, raw)
	}
}

func tokenWords(r reason.Reason) string {
	if r == reason.NoToken {
		return "nothing"
	}
	return "a character that no token holds, such as a blank or a line break"
}

// sentence closes an explanation: the verdict, why, and what to change where; then what else would keep the token out.
func (j *judgement) sentence() string {
	switch {
	case j.abandoned && j.reason == reason.None:
		return "not judged: given up before the token's turn came."
	case j.reason == reason.None && j.public():
		return "let in: the route is public, so that no token is asked for and every identity header is empty."
	case j.reason == reason.None && j.snapshot.routes != nil && !j.asked:
		return j.allowedSentence("let in where its route lets it in") + "\nclaimctl explain --route \"GET /PATH\" asks the [[route]] too."
	case j.reason == reason.None:
		return j.allowedSentence("let in")
	}
	var b strings.Builder
	failed := j.failed()
	j.tell(&b, "denied, ", failed[0])
	for _, c := range failed[1:] {
		j.tell(&b, "\nAfter that: ", c)
	}
	if len(failed) == 1 && j.identity != nil && !ended(j.trace) {
		b.WriteString("\n" + j.allowedSentence("After that it is let in"))
	}
	return b.String()
}

// tell writes one failure with what mends it.
func (j *judgement) tell(b *strings.Builder, begin string, failed reason.Check) {
	a := j.advise(failed)
	fmt.Fprintf(b, "%s%d %s: %s.", begin, failed.Reason.Status(), failed.Reason, failed.Reason.Sentence())
	if a.why != "" {
		b.WriteString("\nWhy: " + a.why + ".")
	}
	b.WriteString("\nTo change it: " + a.mend + ".")
	if a.paste != "" {
		b.WriteString("\nFor example:\n\n" + a.paste + "\n")
	}
}

func (j *judgement) allowedSentence(verdict string) string {
	i := j.identity
	kind, admin := "user", "no administrator"
	if i.ServiceAccount {
		kind = "service account"
	}
	if i.Admin {
		admin = "an administrator"
	}
	return fmt.Sprintf("%s: %s %s of provider %s; groups: %s; roles: %s; %s.",
		verdict, kind, cleanTo(i.User, maxQuoted), i.Provider, orNone(i.Groups), orNone(i.Roles), admin)
}

// failed gives the checks that failed, in order. Where there is a reason there is one: whoever sets it records its check.
func (j *judgement) failed() []reason.Check {
	var failed []reason.Check
	for _, c := range j.trace.Checks {
		if !c.Passed {
			failed = append(failed, c)
		}
	}
	return failed
}

// explainRoute tells which route decides about the request; false: none is asked about a token.
func (j *judgement) explainRoute(original *Original) bool {
	if j.snapshot.routes == nil {
		j.trace.Pass("original_request", "there are no routes: whoever has a local group passes")
		return true
	}
	j.original = original
	host, ok := cleanHost(original.Host)
	if j.asked = (ok || original.Host == "") && j.find(host); !j.asked {
		j.trace.Fail(reason.Check{
			Name: "original_request", Reason: reason.OriginalRequest,
			Want: "a method, a path and a host that every program reads alike", Got: cleanTo(original.words(), maxQuoted),
			Mend: "ask for a path in the case of its route, without encoded slashes, dot segments, //, ;, backslashes and controls, by a method in upper case",
		})
		j.fail(reason.OriginalRequest)
		return false
	}
	words := "no route matches " + cleanTo(original.words(), maxQuoted)
	if j.route != nil {
		words = fmt.Sprintf("match = %s (%s) decides about %s", quoted(j.route.rule.Match), j.route.rule.Place, cleanTo(original.words(), maxQuoted))
	}
	j.trace.Pass("original_request", words)
	if !j.public() {
		return true
	}
	j.trace.Pass("route", "public = true: nobody is asked for a token")
	j.identity, j.headers = &Identity{}, j.snapshot.nobody
	return false
}
