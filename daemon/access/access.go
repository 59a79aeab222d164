// Package access judges one request: Request -> Decision, on one Snapshot. It owns the Snapshot, what is kept between
// requests, the list of the last refusals, and Explain.
//
// A request is judged in the order of the checks that the contract names; the first failure is the reason. Whatever
// cannot be judged is refused: a fault inside a judgement gives a Decision that allows nothing.
package access

import (
	"net/http"
	"time"

	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// Request is what a door (gateway, proxy) read of a request.
type Request struct {
	// Header is the request's header as received. It is read, never kept and never changed.
	Header http.Header
	// Strips says that the door removes the client's identity headers itself (the proxy), or passes none on (whoami),
	// so their presence is no reason to refuse.
	Strips bool
	// Peer is who asks: "unix" at a unix socket, else the address and port of a TCP connection. It matters where a
	// gateway tells the original request in headers.
	Peer string
	// Original is the request that is judged by routes, where the door knows it without such headers; nil: it does not.
	Original *Original
	// Unrouted says that nothing is passed on to an API, so that no route is asked (whoami).
	Unrouted bool
}

// PeerUnix is the Peer of a request that came over a unix socket.
const PeerUnix = "unix"

// Original is the request that the API would get.
type Original struct {
	Method string
	Host   string // as the Host header has it
	Target string // path and query, as they were sent
}

// Field is one header field of an answer.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Identity is who was let in.
type Identity struct {
	mapping.Identity
	ClientID string // the calling application
	Scopes   string // scp, verbatim
	// Expires is the end of the token: exp. Where a provider vouches for a token that is no JWT and names no exp, it is the
	// end of its word, 60 s at most; the token may be good for longer.
	Expires time.Time

	marks *marks // nil where no route asks for any
}

// Decision is the answer to one Request. One that has neither a Reason nor an Identity was not judged, because
// something broke or the client went away: the door answers 500.
type Decision struct {
	ID         string        // unique; shown to the client as X-Claimd-Decision and kept with a refusal
	Reason     reason.Reason // None: allowed
	Generation uint64        // of the Snapshot that judged
	Identity   *Identity     // not nil where allowed; shared between requests, never to be changed
	Headers    []Field       // where allowed: every configured identity header, the empty ones too; shared, never to be changed
	Scope      string        // for reason Scope, and for Route where scopes are missing: those that WWW-Authenticate names
	Challenge  *Challenge    // for reason StepUp, where the client understands one; nil: it does not
	RetryAfter time.Duration // for status 503

	snapshot *Snapshot
}

// Challenge is a claims challenge (Microsoft: claims-challenge): what a new token must hold, told to a client that
// declares the capability cp1.
type Challenge struct {
	Realm            string // the tenant
	AuthorizationURI string
	Claims           string // JSON in base64, for the client to hand to the authority
}

// Allowed reports whether the request may pass.
func (d *Decision) Allowed() bool { return d.Reason == reason.None && d.Identity != nil }

// SetHeaders sets the identity headers in to, each exactly once, whatever stood there under its name.
func (d *Decision) SetHeaders(to http.Header) {
	values := make([]string, len(d.Headers)) // one allocation for all
	for i, field := range d.Headers {
		values[i] = field.Value
		to[field.Name] = values[i : i+1 : i+1]
	}
}

// Snapshot gives the Snapshot that judged: a door that acts on the configuration acts on this one.
func (d *Decision) Snapshot() *Snapshot { return d.snapshot }
