// Package config reads the files under /etc/claimd into a Config, or tells everything that is wrong with them, each
// fault as file:line: key: problem.
//
// Read takes all bytes once, under the rules for owners and modes. Tree.Parse makes a Config of those bytes and looks at
// nothing else, so that what is hashed is what is parsed. A Config is never changed after that.
package config

import (
	"crypto/tls"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// Config is a whole configuration, merged from all files, with every default filled in. Each field's meaning is that
// of its key in etc/claimd/claimd.toml.
type Config struct {
	Enabled         bool
	Providers       []Provider // in byte order of their names
	Mapping         Mapping
	Groups          []Local // in the order of the files
	Roles           []Local
	Users           []User
	ServiceAccounts []ServiceAccount
	Routes          []Route
	Server          Server
	Proxy           Proxy
	Metrics         Metrics
	Outbound        Outbound
	Admin           Admin
	State           State
	Directory       Directory
	Log             Log
}

// Provider is [provider.NAME]. What belongs to the other Kind is the zero value.
type Provider struct {
	Name           string
	Kind           Kind // "" counts as KindEntra
	RequiredScopes []string
	ClockSkew      time.Duration // 0 to 5 minutes
	AdminValue     string
	AdminGroup     string
	UserPrefix     string
	Claims         ClaimNames

	// Of KindEntra.
	TenantID             string // GUID in lower case, like all GUIDs here
	ApplicationID        string
	ClientApplicationIDs []string // may be empty: nobody
	ApplicationIDURIs    []string
	Cloud                entra.Cloud
	Authority            string // without a final slash; "" = the cloud's own host
	CustomSigningKeys    bool
	Guests               Guests
	Graph                *Graph // nil: groups_overage = "deny"

	// Of KindOIDC.
	Issuer                  string   // byte for byte
	Audiences               []string // not empty, but nil with OpaqueUserinfo
	ClientIDs               []string // verbatim; may be empty: nobody, unless AnyClient; nil with OpaqueUserinfo
	AnyClient               bool     // client_ids = ["*"]
	Algorithms              []string // not empty
	OpaqueTokens            OpaqueTokens
	IntrospectionClientID   string
	IntrospectionSecretFile string
	// IntrospectionSecret is the content of the file, without a final line end. It is shown nowhere. "" without the file,
	// and where it was not seen (ReadOptions.Outside).
	IntrospectionSecret string
}

// Kind is the kind of an identity provider.
type Kind string

// The kinds of provider.
const (
	KindEntra Kind = "entra"
	KindOIDC  Kind = "oidc"
)

// IsOIDC reports whether the provider is any other than Entra ID.
func (p *Provider) IsOIDC() bool { return p.Kind == KindOIDC }

// Userinfo reports whether the provider's userinfo endpoint is asked about such tokens: it names neither audience nor
// client of a token.
func (p *Provider) Userinfo() bool { return p.OpaqueTokens == OpaqueUserinfo }

// TakesOpaque reports whether the provider is asked about access tokens that are no JWT.
func (p *Provider) TakesOpaque() bool {
	return p.OpaqueTokens == OpaqueIntrospection || p.OpaqueTokens == OpaqueUserinfo
}

// UserAuthority names who vouches for the provider's users, and with the user id is what tells one user from all others
// for good: the tenant's GUID, or the issuer.
func (p *Provider) UserAuthority() string {
	if p.IsOIDC() {
		return p.Issuer
	}
	return p.TenantID
}

// Guests tells whether guests of a tenant are let in.
type Guests string

// The two values of `guests`.
const (
	GuestsAllow Guests = "allow"
	GuestsDeny  Guests = "deny"
)

// ClaimNames is [provider.NAME.claims]. User is never off; the others are where they are "".
type ClaimNames struct {
	User, Email, FirstName, LastName, Groups, Roles, Admin ClaimName
}

// ClaimName names one claim: a plain name is one literal top-level member, dots and slashes included; a name that
// begins with / is a JSON Pointer (RFC 6901). "" is off.
type ClaimName string

// Mapping is [mapping].
type Mapping struct {
	DefaultGroups []string
	DefaultRoles  []string
	CaseSensitive bool
	// Invite is sign_up = "invite": a user whom nobody has seen or invited may not come in.
	Invite bool
}

// Local is one line of [groups] or [roles].
type Local struct {
	Name      string
	Label     string
	Values    []string // nil: its own name
	Providers []string // nil: every provider
}

// User is one [[user]].
type User struct {
	Provider string // filled in where there is one provider only
	ID       string
	Groups   []string
	Roles    []string
	Blocked  bool
}

// ServiceAccount is one [[service_account]].
type ServiceAccount struct {
	Provider      string // filled in where there is one provider only
	ObjectID      string
	ApplicationID string // "" = the app must stand in client_application_ids
	Name          string
	Groups        []string
	Roles         []string
	Active        bool
}

// Server is [server].
type Server struct {
	Listen      []string // host:port or unix:/path
	SocketMode  uint32   // permission bits of unix sockets
	SocketGroup string
	// PlaintextAnywhere: TCP without TLS may be bound off this host, by every door.
	PlaintextAnywhere bool
	TrustedProxies    TrustedProxies
	OriginalRequest   OriginalRequest
	Headers           Headers
}

// Headers is [server.headers]: canonical header names; "" leaves one out.
type Headers struct {
	User, Email, Name, Groups, Roles, Admin, Provider, Client, Scopes string
}

// Metrics is [metrics].
type Metrics struct {
	Listen []string // host:port or unix:/path
}

// Proxy is [proxy].
type Proxy struct {
	Listen               []string
	Upstream             string // http://host:port, https://host[:port] or unix:/path; "" with Listen empty
	TLSCertificate       string // "" without TLSKeyFile, as that is without it
	TLSKeyFile           string
	ForwardAuthorization bool
	// Certificate is what the two files hold, the private key too: it is shown nowhere. nil without the files, and where
	// one was not seen (ReadOptions.Outside).
	Certificate *tls.Certificate
}

// TLS reports whether the TCP addresses of [proxy] speak TLS. Unix sockets never do.
func (p *Proxy) TLS() bool { return p.TLSCertificate != "" && p.TLSKeyFile != "" }

// Outbound is [outbound].
type Outbound struct {
	Proxy  string // http://host:port; "" = direct
	CAFile string
	CA     []byte // the content of CAFile: PEM; nil without one
}

// Admin is [admin].
type Admin struct{ Socket string }

// State is [state].
type State struct{ Directory string }

// Directory is [directory].
type Directory struct {
	URLFile string // "" = SQLite in the state directory
	// URL is the content of URLFile, without a final line end. It holds a password: it is shown nowhere. "" without the
	// file, and where it was not seen (ReadOptions.Outside).
	URL string
}

// Log is [log].
type Log struct {
	Level   string // debug | info | warn | error
	Format  string // auto | text | json
	Denials bool
}

// AuthorityURL gives the base address of an Entra provider's documents, without a final slash; "" of any other.
func (p *Provider) AuthorityURL() string {
	switch {
	case p.IsOIDC():
		return ""
	case p.Authority != "":
		return p.Authority
	}
	return p.Cloud.Authority()
}
