package opaque

import (
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/reason"
)

// Refused is the error for a token that is not to be accepted: the provider has answered, or need not be asked.
//
// The Reason is OpaqueToken where the provider does not vouch for the token as an access token. RFC 7662 section 2.2 has
// one word for tokens that are unknown, expired, revoked or another service's, so there is nothing finer to say. It is
// Expired or NotYetValid where the provider calls the token active against its own exp, nbf or iat; Malformed where those
// are no times, and for a token in the form of a JWT; MissingClaim, ClaimType, Audience or Issuer for what the answer
// lacks or has in another shape.
type Refused struct {
	Reason reason.Reason
	Detail string // for people; it holds nothing of the token or the answer
}

func (r *Refused) Error() string { return r.Reason.String() + ": " + r.Detail }

// Unavailable is the error for what cannot be known now (503 provider_unavailable).
type Unavailable struct {
	Detail     string        // for people; it holds nothing of the token, the answer or the credential
	RetryAfter time.Duration // after which asking again may help; at least one second
	// blameless: the cause may be this token, so it says nothing about the endpoint.
	blameless bool
}

func (u *Unavailable) Error() string { return reason.ProviderUnavailable.String() + ": " + u.Detail }

func refusedAs(why reason.Reason, detail string) *Refused {
	return &Refused{Reason: why, Detail: detail}
}

// checkForm refuses what is never sent anywhere: what has the form of a JWT (RFC 7515 section 3.1, RFC 7516 section 3.1)
// or had it, since its checks are made here, and what is no b64token (RFC 6750 section 2.1).
func checkForm(token string) *Refused {
	dots := strings.Count(token, ".")
	switch {
	case token == "":
		return refusedAs(reason.Malformed, "nothing")
	case len(token) > maxToken:
		return refusedAs(reason.Malformed, "more than 32 KiB")
	case dots == 2 || dots == 4:
		return refusedAs(reason.Malformed, "a token in the form of a JWT, which is never asked about")
	case dots > 0 && strings.HasPrefix(token, jsonObjectBase64):
		return refusedAs(reason.Malformed, "a JWT with parts missing or added, which is never asked about")
	}
	body := strings.TrimRight(token, "=")
	for i := range len(body) {
		if !isB64Token(body[i]) {
			return refusedAs(reason.Malformed, "a character that no bearer token has")
		}
	}
	if body == "" {
		return refusedAs(reason.Malformed, "nothing but padding")
	}
	return nil
}

// jsonObjectBase64 begins the base64url of every JSON object that begins with a member.
const jsonObjectBase64 = "eyJ"

func isB64Token(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~+/", b) >= 0
}
