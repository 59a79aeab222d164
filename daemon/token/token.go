// Package token turns a bearer token into verified Claims, or into the one Reason why not.
//
// The order of the checks is the contract's. Before the signature holds, one strict scan reads of the payload only what
// picks the provider and the key (iss, tid, ver, aud and the marks of a Graph token); all else is read after.
//
// The compact form, the header and the payload are read here and not by golang-jwt's Parser, which decodes the claims
// before it verifies, takes the last of two members, and accepts several spellings of one token. Of that library only the
// signature methods are used.
package token

import (
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// Provider is what the tokens of one provider must fit. Its slices are not changed after NewVerifier.
type Provider struct {
	Name       string
	OIDC       bool     // any provider but Entra ID
	ClientIDs  []string // GUIDs in lower case, of an OIDC provider verbatim; empty: nobody
	AnyClient  bool     // OIDC: every client, but one that names itself
	Skew       time.Duration
	Algorithms []string // Entra's policy: RS256. A key that names no algorithm is for the first that fits its type
	Keys       *keys.Provider

	// Of Entra ID.
	Tenant            string // GUID in lower case
	ApplicationID     string // GUID in lower case
	ApplicationIDURIs []string
	AccountClients    map[string]string // object id -> application id of service accounts that name one, GUIDs in lower case

	// Of any other provider.
	Audiences  []string // one of them must be in aud; empty: no JWT is for us
	Clientless bool     // its tokens are asked about at userinfo, which names no client: Admits does not look at it
}

// versions gives the versions of the provider's tokens, in the order in which their issuers are looked at: no tenant has
// one issuer for both.
func (p *Provider) versions() []entra.Version {
	if p.OIDC {
		return unversioned[:]
	}
	return entraVersions[:]
}

var (
	entraVersions = [...]entra.Version{entra.V2, entra.V1}
	unversioned   = [...]entra.Version{keys.Unversioned}
)

// hears reports whether a token of that version with that raw aud is meant for us.
func (p *Provider) hears(version entra.Version, aud []byte) bool {
	if p.OIDC {
		return namesOne(aud, p.Audiences)
	}
	audience, single := audienceOf(aud)
	return single && entra.AudienceMatches(version, audience, p.ApplicationID, p.ApplicationIDURIs)
}

// Verifier verifies the tokens of all providers of one configuration. It is immutable and safe for concurrent use.
type Verifier struct {
	providers  []Provider
	algorithms []string // those of every provider that there is code for
	untyped    bool     // a header without typ may be some provider's
	turns      turns
}

// NewVerifier makes a Verifier of the providers; there may be none.
func NewVerifier(providers []Provider) *Verifier {
	v := &Verifier{providers: providers, turns: newTurns()}
	for _, p := range providers {
		v.untyped = v.untyped || p.OIDC
		for _, algorithm := range p.Algorithms {
			if knownAlgorithm(algorithm) {
				v.algorithms = append(v.algorithms, algorithm)
			}
		}
	}
	return v
}

// Verdict is what came of a token.
type Verdict struct {
	Reason reason.Reason // None: verified, unless Abandoned
	Claims *Claims       // nil until the signature holds; there for later refusals too
	// Provider is the configuration's provider that the unverified issuer and audience picked; "" = none yet.
	Provider string
	// UnverifiedKeyID is the header's kid, cut at 128 bytes; for the log alone.
	UnverifiedKeyID string
	// Abandoned: the context ended before the signature's turn came, so nothing was decided.
	Abandoned bool
}
