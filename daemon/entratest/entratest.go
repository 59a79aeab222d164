// Package entratest is an Entra ID tenant on loopback to test against: what net/http/httptest is to net/http. It is
// never part of claimd or claimctl.
//
// The tenant publishes v1.0 and v2.0 documents and keys, and issues tokens to applications and to users, in the form that
// the app registration of the API says: through the OAuth endpoints as Microsoft's own clients use them, or through Mint.
// Its issuers begin with its own address, so no token of it can pass for a real one. It misbehaves when told to.
//
// What it serves, below its base address (TID is the tenant's id):
//
//	GET  /TID/v2.0/.well-known/openid-configuration   and /TID/discovery/v2.0/keys
//	GET  /TID/.well-known/openid-configuration        and /TID/discovery/keys (v1.0)
//	POST /TID/oauth2/v2.0/devicecode                  client_id, scope
//	GET  /TID/oauth2/v2.0/authorize                   a sign-in page; answers by query, fragment or form_post
//	POST /TID/oauth2/v2.0/token                       device_code (or its urn), authorization_code, refresh_token,
//	                                                  client_credentials with client_secret or client_assertion
//	POST /TID/oauth2/token                            client_credentials of v1.0: resource=API
//	POST /TID/fakeentra/mint                          user, client, api, scope, version, lifetime, issued_ago
//	POST /v1.0/users/OID/checkMemberGroups            Microsoft Graph: also getMemberGroups, getMemberObjects, and
//	                                                  GET transitiveMemberOf; an application needs graph_permissions
//
// and, with the mint for callers on this host alone, the verification page of the device code flow and the control path:
//
//	GET, POST /devicelogin                            user_code, user, and answer=decline of who says no
//	GET  /fakeentra/                                  what there is
//	POST /fakeentra/rotate                            a new key signs from now on; with ?api=ID tokens of that API alone
//	POST /fakeentra/remove?kid=KID                    a key is published no more
//	POST /fakeentra/faults                            JSON: status, delay, shuffle_keys, extra_members, half_v1,
//	                                                  refuse, refuse_at
//
// Over https, which Microsoft's clients want, it runs with StartTLS; CA and Client are what trusts it.
//
// # Signing in
//
// A test signs a user in for a device code with SignIn, or says no with Decline; UserCodes tells which codes wait. For an
// authorization request Browse is the person with a browser: MSAL's WithOpenURL takes it.
//
//	public.WithOpenURL(func(address string) error { return tenant.Browse(address, "reader") })
//
// There are no passwords. What the scope parameter names is the API whose token comes; a scope that names none is one of
// Microsoft Graph, and its token is not for the API under test.
//
// # Refusals
//
// Whatever Entra would refuse is refused with its AADSTS number, its OAuth error and its suberror, in the form of its
// answers; the sentences are this package's own. The settings of Directory, API, App and User say which number each leads
// to. What no setting leads to, Faults.Refuse answers with.
package entratest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// Tenant is a running tenant. All methods may be called at once.
type Tenant struct {
	directory Directory
	base      string // no final slash
	ca        []byte // PEM; nil = http
	server    *http.Server
	served    chan struct{} // closed when server has ended

	mu        sync.Mutex
	keys      []*signingKey // all there ever were, the oldest first; the last one of an API, or of all, signs
	requests  map[string]int
	faults    Faults
	mintedAny int // tokens without an asked-for version, for HalfV1
	devices   []*deviceCode
	codes     []*authorizationCode
	refreshes []*refreshToken

	graph graph
}

// New makes a tenant with one fresh RSA 2048 key, and one for each API that has its own. base is the address under which
// its documents name themselves, such as http://127.0.0.1:4190 (no final slash).
func New(directory Directory, base string) (*Tenant, error) {
	if err := directory.validate(); err != nil {
		return nil, err
	}
	address, err := url.Parse(base)
	if err != nil || address.Host == "" || strings.HasSuffix(base, "/") {
		return nil, fmt.Errorf("base %q: want an address such as http://127.0.0.1:4190, without a final slash", base)
	}
	key, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	return newTenant(directory, base, key), nil
}

// newTenant makes the tenant of a valid directory with that key, and with those of the APIs that have their own.
func newTenant(directory Directory, base string, key *signingKey) *Tenant {
	t := &Tenant{
		directory: directory,
		base:      base,
		keys:      []*signingKey{key},
		requests:  make(map[string]int),
	}
	for _, api := range directory.APIs {
		if api.SigningKey {
			t.RotateFor(api.ApplicationID)
		}
	}
	return t
}

// Start makes a tenant of the directory and serves it on a free loopback port until Close.
func Start(directory Directory) (*Tenant, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	t, err := New(directory, "http://"+listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	t.serve(listener)
	return t, nil
}

// serve serves the tenant until Close.
func (t *Tenant) serve(listener net.Listener) {
	t.server = &http.Server{Handler: t.Handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	t.served = make(chan struct{})
	go func() {
		defer close(t.served)
		_ = t.server.Serve(listener) // always ends with ErrServerClosed, or with the listener's end
	}()
}

// URL is the tenant's authority, without a final slash.
func (t *Tenant) URL() string { return t.base }

// Close ends the server that Start began.
func (t *Tenant) Close() {
	if t.server == nil {
		return
	}
	_ = t.server.Close()
	<-t.served
}

// Directory gives what the tenant knows. Its slices and maps must not be changed.
func (t *Tenant) Directory() Directory { return t.directory }

// Issuer gives the issuer of version 1 or 2.
func (t *Tenant) Issuer(version int) string {
	if version == 1 {
		return t.base + "/" + t.directory.TenantID + "/"
	}
	return t.base + "/" + t.directory.TenantID + "/v2.0"
}

// Requests counts the requests so far to documents and keys: "v1 document", "v1 keys", "v2 document", "v2 keys", and of
// these "v2 keys appid" and its like those with ?appid=; "token", "devicecode", "authorize", "mint", "claim source"; of
// Microsoft Graph "graph" counts all, "graph checkMemberGroups" and its like those to one path.
func (t *Tenant) Requests(what string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.requests[what]
}

// api finds the API by its application id, api://ID or one of its identifier URIs, these with or without a final slash.
// "" is the directory's first.
func (t *Tenant) api(name string) (API, bool) {
	for _, api := range t.directory.APIs {
		if name == "" || entra.AudienceMatches(entra.V1, name, api.ApplicationID, api.IdentifierURIs) {
			return api, true
		}
	}
	graph := t.microsoftGraph()
	if entra.AudienceMatches(entra.V1, name, graph.ApplicationID, graph.IdentifierURIs) {
		return graph, true
	}
	return API{}, false
}

// client finds the client by its application id. "" is the directory's first.
func (t *Tenant) client(applicationID string) (App, bool) {
	for _, client := range t.directory.Clients {
		if applicationID == "" || entra.EqualGUID(applicationID, client.ApplicationID) {
			return client, true
		}
	}
	return App{}, false
}

// user finds the user by its name.
func (t *Tenant) user(name string) (User, bool) {
	for _, user := range t.directory.Users {
		if name == user.Name {
			return user, true
		}
	}
	return User{}, false
}

// version gives the version of the API's tokens.
func (a API) version() int { return cmp.Or(a.AccessTokenVersion, 1) }

// lifetime gives how long the API's tokens last.
func (a API) lifetime() time.Duration {
	return cmp.Or(time.Duration(a.LifetimeSeconds)*time.Second, 75*time.Minute)
}
