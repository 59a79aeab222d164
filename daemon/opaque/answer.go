package opaque

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/claimd/claimd/daemon/reason"
)

// Answer is what a provider says of a token that it vouches for. It is immutable: Raw and Audiences must not be changed.
//
// Of a userinfo answer only Raw, Subject and Until are filled in: such an answer is about the user, and names neither
// the audience, nor the client, nor the end of the token.
type Answer struct {
	// Raw is the whole answer: one JSON object in UTF-8 of at most 1 MiB, 2,000 members and 64 levels, no member twice at
	// any depth, no lone surrogate, no number of more than 64 characters.
	Raw []byte

	Issuer    string   // iss; "" where absent
	Audiences []string // aud, one or several; nil where absent
	ClientID  string   // client_id; "" where absent
	Scope     string   // scope, words with blanks between them, verbatim; "" where absent
	Subject   string   // sub; "" where absent, which a userinfo answer never is
	Username  string   // username, which is for people; "" where absent or no string

	Lease
}

// Lease is how long an answer may be used, and what is kept because of it. It holds nothing of what the answer says.
type Lease struct {
	Expires time.Time // exp, in whole seconds; zero where absent
	// Until is the end: 60 s after the answer was asked for, or exp if that is first. What is kept ends when Holds says
	// so, not by comparing with Until alone.
	Until    time.Time
	asked    time.Time
	endpoint string // that gave the answer
}

// Holds reports whether the answer may still be used at now: less than 60 s after it was asked for, by the clock that
// only goes forward, and before exp by the wall clock, however that was set.
func (l Lease) Holds(now time.Time) bool {
	wall := now.Round(0)
	return now.Sub(l.asked) < answerLife && !wall.Before(l.asked.Round(0)) && (l.Expires.IsZero() || wall.Before(l.Expires))
}

// Holds reports whether what is kept because of an answer of this Asker may still be used at now: the answer holds, and
// the endpoint that gave it is the one that would be asked. It allocates nothing.
func (a *Asker) Holds(lease *Lease, now time.Time) bool {
	return lease.Holds(now) && a.endpoint() == lease.endpoint
}

// weight is about what an answer takes in memory: its text twice, since the strings are copies, the structs and the
// cache's own. A test measures it.
func (a Answer) weight() int { return 2*len(a.Raw) + answerOverhead }

const answerOverhead = 512

// guarded are the members of an introspection answer that decide. A case variant of one beside it or instead of it is no
// answer of a provider that can be relied on.
var guarded = []string{"active", "exp", "nbf", "iat", "iss", "aud", "sub", "scope", "client_id", "token_type", "cnf"}

// readAnswer reads the text of an answer that was asked for at that time. The error is a *Refused, or an *Unavailable
// where the text cannot be relied on.
func (a *Asker) readAnswer(text []byte, asked time.Time) (Answer, error) {
	members, problem := readObject(text)
	if problem != "" {
		return Answer{}, &Unavailable{Detail: problem}
	}
	answer := Answer{Raw: text, Lease: Lease{asked: asked, Until: asked.Add(answerLife)}}
	var refused *Refused
	if a.kind == Userinfo {
		refused = answer.readUser(members)
	} else {
		for name := range members {
			if !isExact(name) {
				return Answer{}, &Unavailable{Detail: "want the members of RFC 7662, got one whose name differs by case alone"}
			}
		}
		refused = answer.readIntrospection(members, a.skew)
	}
	if refused != nil {
		return Answer{}, refused
	}
	if !answer.Expires.IsZero() && answer.Expires.Before(answer.Until) {
		answer.Until = answer.Expires
	}
	return answer, nil
}

// isExact reports whether the name is no mere case variant of a guarded one.
func isExact(name string) bool {
	for _, known := range guarded {
		if strings.EqualFold(name, known) {
			return name == known
		}
	}
	return true
}

// readUser reads a userinfo answer: sub is what makes it one (OpenID Connect Core 1.0, section 5.3.2).
func (a *Answer) readUser(members object) *Refused {
	var ok bool
	if a.Subject, ok = members.text("sub"); !ok {
		return refusedAs(reason.ClaimType, "sub is no string")
	}
	if a.Subject == "" {
		return refusedAs(reason.MissingClaim, "no sub")
	}
	return nil
}

// readIntrospection reads an introspection answer (RFC 7662 section 2.2). Nothing but active counts until it is true.
func (a *Answer) readIntrospection(members object, skew time.Duration) *Refused {
	if string(members["active"]) != "true" {
		return refusedAs(reason.OpaqueToken, "the provider does not call the token active")
	}
	if refused := checkUse(members); refused != nil {
		return refused
	}
	for _, member := range []struct {
		name string
		into *string
		why  reason.Reason
	}{{"iss", &a.Issuer, reason.Issuer}, {"client_id", &a.ClientID, reason.ClaimType},
		{"scope", &a.Scope, reason.ClaimType}, {"sub", &a.Subject, reason.ClaimType}} {
		var ok bool
		if *member.into, ok = members.text(member.name); !ok {
			return refusedAs(member.why, member.name+" is no string")
		}
	}
	a.Username, _ = members.text("username")
	var ok bool
	if a.Audiences, ok = members.texts("aud"); !ok {
		return refusedAs(reason.Audience, "aud is no string and no array of strings")
	}
	return a.readTimes(members, skew)
}

// checkUse refuses what a provider calls active and what is still no bearer access token: a refresh token or an ID token,
// which introspection endpoints answer for too, and a token that is good only with the proof of a key (RFC 8705 section 3,
// RFC 9449 section 6.2), which no gateway hands on.
func checkUse(members object) *Refused {
	kind, ok := members.text("token_type")
	if !ok {
		return refusedAs(reason.ClaimType, "token_type is no string")
	}
	if kind != "" && !strings.EqualFold(kind, "bearer") && kind != "access_token" {
		return refusedAs(reason.OpaqueToken, "the provider says that the token is no bearer access token: a refresh token, an ID token, or one bound to a key")
	}
	if members.has("cnf") {
		return refusedAs(reason.OpaqueToken, "the token is bound to a key (cnf), so it is no bearer token")
	}
	return nil
}

// readTimes holds exp, nbf and iat against the time of asking, as a token's: the skew is inclusive.
func (a *Answer) readTimes(members object, skew time.Duration) *Refused {
	var expires, notBefore, issued time.Time
	for _, member := range []struct {
		name string
		into *time.Time
	}{{"exp", &expires}, {"nbf", &notBefore}, {"iat", &issued}} {
		if !members.has(member.name) {
			continue
		}
		var ok bool
		if *member.into, ok = instantOf(members[member.name]); !ok {
			return refusedAs(reason.Malformed, member.name+" is no number from 0 to 2^40")
		}
	}
	wall := a.asked.Round(0)
	latest := wall.Add(skew)
	switch {
	case members.has("exp") && wall.Add(-skew).After(expires):
		return refusedAs(reason.Expired, "the provider calls a token active whose exp has passed\nhint: compare this host's clock with the provider's")
	case notBefore.After(latest) || issued.After(latest):
		return refusedAs(reason.NotYetValid, "the provider calls a token active whose nbf or iat lies ahead\nhint: compare this host's clock with the provider's")
	}
	if members.has("exp") {
		a.Expires = time.Unix(min(expires.Unix(), lastExpiry), 0)
	}
	return nil
}

// maxSeconds is the last instant that an answer may name; lastExpiry keeps Expires within the years of RFC 3339.
const (
	maxSeconds = 1 << 40
	lastExpiry = 253402300799
)

// instantOf reads a JSON number of seconds since 1970, from 0 to 2^40. A float is exact for whole seconds in that range;
// a fraction is good to a fraction of a millisecond.
func instantOf(raw jsontext.Value) (time.Time, bool) {
	if raw.Kind() != '0' || raw[0] == '-' {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || seconds > maxSeconds {
		return time.Time{}, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)), true
}
