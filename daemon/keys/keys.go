// Package keys knows each provider's signing keys: fetched from its documents, kept fresh, kept on disk for a cold
// start, and dead 24 hours after the last good fetch.
//
// A Ring holds one Provider for each Source and outlives configurations: a reload that leaves a Source as it was
// leaves its keys as they were. Looking a known key up takes no lock and never waits for the network.
//
// Entra publishes a document and a key set for each version of its tokens, and a token is held against those of its
// own version (learn.microsoft.com/entra/identity-platform/access-tokens). A fetch takes both; each is good or bad by
// itself, and a bad one never replaces a good one.
package keys

import (
	"crypto"
	"errors"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// Errors of Provider.Lookup.
var (
	// ErrUnknown: the provider's documents are fresh enough and do not hold this key (or it may not be used).
	ErrUnknown = errors.New("the provider publishes no key of this id")
	// ErrUnavailable: the keys are dead, were never fetched, or a fetch is needed and not allowed now.
	ErrUnavailable = errors.New("the provider's keys are not known for certain")
)

// What holds for every provider. Microsoft calls it reasonable to look for changed keys every 24 hours (page
// access-tokens); claimd looks every hour, and trusts no key for longer than that day.
const (
	maxAge       = 24 * time.Hour   // a key set older than this is dead
	refreshEvery = time.Hour        // give or take a tenth
	maxFetch     = 10 * time.Second // both documents and both key sets together
	maxBody      = 1 << 20          // bytes of one document or key set
	maxKeys      = 1000             // keys of one set
)

// Source says where one provider's keys come from and what they must fit. It is comparable: two equal Sources share
// one Provider.
type Source struct {
	Name          string // the provider's name in the configuration, for messages and as part of the file's name
	Authority     string // base address of the documents, without a final slash
	Tenant        string // GUID in lower case; part of the documents' addresses
	ApplicationID string // a changed application drops the keys, as a changed tenant does
	CustomKeys    bool   // the application may have signing keys of its own: the documents with ?appid= are fetched too
	IssuerV1      string // the exact issuers; both "" = those in the documents, which must name the tenant
	IssuerV2      string
	CloudInstance string // cloud_instance_name that documents and keys must have where they have one; "" = any
	GraphHost     string // msgraph_host that documents must have where they have one; "" = any
	// Issuer is the exact issuer of a provider that is not Entra ID, and where its one document is found. Then all of the
	// above is "" but Name. "" = Entra ID.
	Issuer string
}

// issuer gives the exact issuer that the Source wants of that version's document; "" = the one in the document.
func (s Source) issuer(version entra.Version) string {
	switch version {
	case Unversioned:
		return s.Issuer
	case entra.V1:
		return s.IssuerV1
	}
	return s.IssuerV2
}

// Key is one usable public key. RSA keys are 2048 to 8192 bits, EC keys lie on P-256.
type Key struct {
	ID     string
	Public crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
	// Algorithm is the key's own `alg`; "" where the document names none: then the type decides.
	Algorithm string
}

// equal reports whether two keys of one id are the same key.
func (k Key) equal(other Key) bool {
	public, ok := k.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Algorithm == other.Algorithm && public.Equal(other.Public)
}
