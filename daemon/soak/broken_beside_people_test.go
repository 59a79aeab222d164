package soak

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// Of the second tenant, and of the providers that are not Entra ID.
const (
	fabrikamID   = "41b7e9d2-6c03-4f8a-95de-0a7c3b82f614" // its people and applications have the ids of the first one's
	askerApp     = "c6f20d93-8b1e-4a75-b3f9-27d05ea468c1" // claimd's own application there
	askerSecret  = "fake-secret-of-the-asker"
	gateClient   = "gate" // claimd's own client at the introspection endpoint
	gateSecret   = "fake-secret-of-the-gate"
	oidcAudience = "https://api.contoso.example"
	oidcClient   = "desk"
	graphCrowd   = 2000 // users of fabrikam with too many groups for a token; each third is in none that counts
)

// entraPlace serves a tenant at a place of its own: people with their groups, and a crowd for Microsoft Graph.
func entraPlace(t *testing.T, id string, certificate *tls.Certificate, crowd int) (*place, *entratest.Tenant) {
	t.Helper()
	directory, err := entratest.ReadDirectory([]byte(strings.ReplaceAll(directoryText, tenantID, id)))
	must(t, err)
	directory.Clients = append(directory.Clients, entratest.App{
		ApplicationID: askerApp, ObjectID: "0d1c2b3a-4e5f-4a6b-8c7d-9e0f1a2b3c4e", Name: "claimd", Secret: askerSecret,
		GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"},
	})
	for i := range crowd {
		directory.Users = append(directory.Users, entratest.User{ObjectID: crowdID(i), Name: crowdName(i), Groups: crowdGroups(i)})
	}
	p, listener := newPlace(t, certificate)
	tenant, err := entratest.New(directory, p.base)
	must(t, err)
	p.open(listener, tenant.Handler())
	return p, tenant
}

func crowdID(i int) string   { return fmt.Sprintf("dddddddd-0000-4000-8000-%012x", i) }
func crowdName(i int) string { return fmt.Sprintf("user%d", i) }

func crowdGroups(i int) []string {
	if i%3 == 2 {
		return []string{operators}
	}
	return []string{analysts}
}

// openID is a provider that is not Entra ID: a document, a key set and an introspection endpoint. Its key's id is that
// of another provider's key. The signer, a tenant that nobody serves, has the keys.
type openID struct {
	t      *testing.T
	issuer string
	signer *entratest.Tenant
	first  string // the signer's name of its first key, which the world knows by
	shared string // this id
}

func openIDPlace(t *testing.T, shared string) (*place, *openID) {
	t.Helper()
	directory, err := entratest.ReadDirectory([]byte(directoryText))
	must(t, err)
	o := &openID{t: t, shared: shared}
	o.signer, err = entratest.New(directory, "http://127.0.0.1:1")
	must(t, err)
	o.first = o.signer.KeyIDs()[0]
	p, listener := newPlace(t, nil)
	o.issuer = p.base + "/realm/"
	p.open(listener, o.handler())
	return p, o
}

func (o *openID) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeObject(w, map[string]any{
			"issuer": o.issuer, "jwks_uri": o.issuer + "keys", "introspection_endpoint": o.issuer + "introspect",
			"introspection_endpoint_auth_methods_supported": []string{"client_secret_basic"},
		})
	})
	mux.HandleFunc("GET /realm/keys", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, o.keys())
	})
	mux.HandleFunc("POST /realm/introspect", o.introspect)
	return mux
}

// keys is the key set: that of the signer's documents of version 1.0, whose keys name no issuer.
func (o *openID) keys() string {
	answer := httptest.NewRecorder()
	path := "/" + o.signer.Directory().TenantID + "/discovery/keys"
	o.signer.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return strings.ReplaceAll(answer.Body.String(), o.first, o.shared)
}

func writeObject(w http.ResponseWriter, object map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // the client is gone: nobody is left to tell
}

// introspect vouches for the tokens WHO-NUMBER, whatever the number.
func (o *openID) introspect(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if unescaped, err := url.QueryUnescape(secret); err != nil || id != gateClient || unescaped != gateSecret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	who, _, _ := strings.Cut(r.PostFormValue("token"), "-")
	claims := o.claims(who)
	if claims == nil {
		claims = map[string]any{"active": false}
	} else {
		claims["active"], claims["token_type"] = true, "Bearer"
	}
	writeObject(w, claims)
}

// claims are those of Ada's token, or of what differs from it by that name; nil = there is no such token.
func (o *openID) claims(who string) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": o.issuer, "aud": oidcAudience, "client_id": oidcClient, "sub": "ada", "scope": "read",
		"iat": now, "exp": now + 36000, "groups": []string{"Team A", analysts},
	}
	switch who {
	case "ada":
	case "bob":
		claims["sub"], claims["groups"] = "bob", "Team A"
	case "ungrouped":
		claims["groups"] = []string{"Team B"}
	case "audience":
		claims["aud"] = "https://another.contoso.example"
	case "client":
		claims["client_id"] = "rogue"
	case "expired":
		claims["iat"], claims["exp"] = now-7200, now-3600
	case "early":
		claims["nbf"] = now + 3600
	case "foreign":
		claims["iss"] = "https://id.fabrikam.example/realm/"
	default:
		return nil
	}
	return claims
}

// token signs the claims, with the key of that id of the signer's ("" = the newest).
func (o *openID) token(who, keyID string) string {
	o.t.Helper()
	payload, err := json.Marshal(o.claims(who))
	must(o.t, err)
	named := keyID
	if named == "" {
		ids := o.signer.KeyIDs()
		named = ids[len(ids)-1]
	}
	named = strings.ReplaceAll(named, o.first, o.shared)
	token, err := o.signer.Mint(entratest.Request{
		User: "ada", KeyID: keyID, RawPayload: payload, Header: map[string]any{"typ": "at+jwt", "kid": named},
	})
	must(o.t, err)
	return token
}
