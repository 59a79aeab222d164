// Package reason is the contract's table of reasons as data: the name, the HTTP status, the OAuth error code, one
// sentence for people, and what mends it. It also holds the trace of checks that explain shows.
//
// Names are stable: gateways, scripts and alerts rely on them.
package reason

// Reason is why a request was refused. The zero value, None, means that it was not.
type Reason uint8

// The reasons, in the order of the contract's table of statuses.
const (
	None Reason = iota

	InvalidRequest // 400

	NoToken // 401
	Malformed
	Algorithm
	Key
	Signature
	GraphToken
	Issuer
	Tenant
	Version
	Audience
	Expired
	NotYetValid
	Lifetime
	IDToken
	OpaqueToken
	MissingClaim
	ClaimType
	Revoked

	HeaderSpoof // 403
	OriginalRequest
	Client
	UnknownServiceAccount
	Scope
	Guest
	UserInactive
	GroupsOverage
	NoGroup
	Route
	StepUp
	HeaderSize

	Disabled // 503
	KeysUnavailable
	GraphUnavailable
	ProviderUnavailable
	DirectoryUnavailable

	count
)

// entry is one row of the table.
type entry struct {
	name     string
	status   int
	code     string // the `error` member of the answer's body
	sentence string
	mend     string
}

// All gives every reason, None left out, in the order of the table.
func All() []Reason {
	all := make([]Reason, 0, count-1)
	for r := None + 1; r < count; r++ {
		all = append(all, r)
	}
	return all
}

// Parse gives the reason of that name; false if there is none.
func Parse(name string) (Reason, bool) {
	for r := None + 1; r < count; r++ {
		if r.entry().name == name {
			return r, true
		}
	}
	return None, false
}

// String gives the stable name, such as "no_group"; "" for None.
func (r Reason) String() string { return r.entry().name }

// Status gives the HTTP status of the answer: 400, 401, 403 or 503; 200 for None.
func (r Reason) Status() int { return r.entry().status }

// ErrorCode gives the `error` member of the answer's body: invalid_request, invalid_token, insufficient_scope,
// access_denied or temporarily_unavailable (RFC 6750 section 3.1, RFC 6749 section 4.1.2.1 for the last two).
func (r Reason) ErrorCode() string { return r.entry().code }

// Sentence says in one line what is wrong, without any value of the token.
func (r Reason) Sentence() string { return r.entry().sentence }

// Mend says in one line what an administrator changes, and where.
func (r Reason) Mend() string { return r.entry().mend }

// MarshalText gives the stable name, so that JSON answers hold it.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a stable name; "" is None. A name that is not in the table reads as None too: a claimctl that
// is older than its daemon still shows the rest of an answer.
func (r *Reason) UnmarshalText(text []byte) error {
	*r, _ = Parse(string(text))
	return nil
}

// Continues reports whether explain goes on after this reason and shows what would follow.
func (r Reason) Continues() bool {
	switch r {
	case Expired, NotYetValid, Audience, Client, Scope, Guest, UserInactive:
		return true
	}
	return false
}

func (r Reason) entry() entry {
	if r >= count {
		return entry{}
	}
	return table[r]
}
