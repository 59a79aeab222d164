// Package entratest is an Entra ID tenant on loopback to test against: what net/http/httptest is to net/http. It is
// never part of claimd or claimctl.
//
// The tenant publishes v1.0 and v2.0 documents and keys, issues tokens to applications (client credentials) and, through
// Mint, to users, in the form that the app registration of the API says. Its issuers begin with its own address, so no
// token of it can pass for a real one. It misbehaves when told to.
//
// What it serves, below its base address (TID is the tenant's id):
//
//	GET  /TID/v2.0/.well-known/openid-configuration   and /TID/discovery/v2.0/keys
//	GET  /TID/.well-known/openid-configuration        and /TID/discovery/keys (v1.0)
//	POST /TID/oauth2/v2.0/token                       client credentials: client_id, client_secret, scope=API/.default
//	POST /TID/oauth2/token                            the same for v1.0: resource=API
//	POST /TID/fakeentra/mint                          user, client, api, scope, version, lifetime, issued_ago
//
// and, with the mint for callers on this host alone, the control path:
//
//	GET  /fakeentra/                                  what there is
//	POST /fakeentra/rotate                            a new key signs from now on
//	POST /fakeentra/remove?kid=KID                    a key is published no more
//	POST /fakeentra/faults                            JSON: status, delay, shuffle_keys, extra_members, half_v1
package entratest

import (
	"cmp"
	"errors"
	"fmt"
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
	server    *http.Server
	served    chan struct{} // closed when server has ended

	mu        sync.Mutex
	keys      []*signingKey // all there ever were, the oldest first; the last one signs
	requests  map[string]int
	faults    Faults
	mintedAny int // tokens without an asked-for version, for HalfV1
}

// New makes a tenant with one fresh RSA 2048 key. base is the address under which its documents name themselves, such
// as http://127.0.0.1:4190 (no final slash).
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
	return &Tenant{
		directory: directory,
		base:      base,
		keys:      []*signingKey{key},
		requests:  make(map[string]int),
	}, nil
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
	t.server = &http.Server{Handler: t.Handler(), ReadHeaderTimeout: 10 * time.Second}
	t.served = make(chan struct{})
	go func() {
		defer close(t.served)
		_ = t.server.Serve(listener) // always ends with ErrServerClosed, or with the listener's end
	}()
	return t, nil
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

// Requests counts the requests so far to documents and keys: "v1 document", "v1 keys", "v2 document", "v2 keys", "token",
// "mint".
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
