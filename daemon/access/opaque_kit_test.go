package access

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/mapping"
)

const (
	opaqueToken    = "k7Xq2-opaque_token.of~ada+/=="
	opaqueAudience = "https://api.contoso.example"
	opaqueClient   = "desk"
	opaqueUser     = "5f1a"
)

// said is a JSON object that a provider answers with.
type said map[string]any

// vouching is a gate whose one provider vouches for opaque tokens, with a clock that all of them go by.
type vouching struct {
	t      *testing.T
	config *config.Config
	server *httptest.Server
	keys   *keys.Provider
	asker  *opaque.Asker
	gate   *Gate

	mu     sync.Mutex
	clock  time.Time
	says   said // about every token; nil: it knows none
	path   string
	status int           // where it is not 0, this is all that the endpoint answers
	hold   chan struct{} // answers wait for it; nil: they do not
	asked  []string      // the path of every request to an endpoint
}

// newVouching makes a gate; the provider says yes to every token of Ada's client.
func newVouching(t *testing.T, kind config.OpaqueTokens, d *directory.Directory, change func(*config.Config)) *vouching {
	t.Helper()
	v := &vouching{t: t, clock: time.Now(), path: "/ask"}
	v.says = v.active(nil)
	v.server = httptest.NewServer(http.HandlerFunc(v.serve))
	t.Cleanup(v.server.Close)
	ring := keys.NewRing(keys.Options{Now: v.now})
	t.Cleanup(ring.Close)
	v.keys = ring.Open(keys.Source{Name: "jumpcloud", Issuer: v.server.URL + "/"})
	v.refresh()
	v.config = sampleConfig("")
	v.config.Groups = []config.Local{{Name: "Analysts"}}
	v.config.Providers = []config.Provider{{
		Name: "jumpcloud", Kind: config.KindOIDC, Issuer: v.server.URL + "/", Algorithms: []string{"RS256"}, ClockSkew: time.Minute,
		Guests: config.GuestsAllow, OpaqueTokens: kind,
		Claims: config.ClaimNames{
			User: "sub", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups", Roles: "groups",
		},
	}}
	if kind == config.OpaqueIntrospection {
		v.config.Providers[0].Audiences, v.config.Providers[0].ClientIDs = []string{opaqueAudience}, []string{opaqueClient}
	} else {
		v.says = said{"sub": opaqueUser, "groups": "Analysts"}
	}
	if change != nil {
		change(v.config)
	}
	endpoint := v.keys.IntrospectionEndpoint
	if kind == config.OpaqueUserinfo {
		endpoint = v.keys.UserinfoEndpoint
	}
	client := &http.Client{Transport: &http.Transport{}}
	var err error
	v.asker, err = opaque.New(opaque.Options{
		Name: "jumpcloud", Kind: opaque.Kind(kind), Endpoint: endpoint, ClientID: "gate", ClientSecret: "fake-secret", Skew: time.Minute,
		Client: client, Now: v.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.asker.Close)
	v.gate = NewGate(v.compile(1), Options{Now: v.now, Directory: d})
	return v
}

// modulus is that of the one key that the providers publish; nothing is signed with it.
var modulus = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(key.N.Bytes())
})

func (v *vouching) serve(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	says, path, status, hold := v.says, v.path, v.status, v.hold
	v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"introspection_endpoint":%q,"userinfo_endpoint":%q}`,
			v.server.URL+"/", v.server.URL+"/jwks", v.server.URL+path, v.server.URL+path)
		return
	case "/jwks":
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","use":"sig","kid":"a","n":%q,"e":"AQAB"}]}`, modulus())
		return
	}
	v.mu.Lock()
	v.asked = append(v.asked, r.URL.Path)
	v.mu.Unlock()
	if hold != nil {
		<-hold
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case says == nil && r.Method == http.MethodPost:
		fmt.Fprint(w, `{"active":false}`)
	case says == nil:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		_ = json.NewEncoder(w).Encode(says)
	}
}

// active is what introspection says of Ada's token; a nil change takes a member out.
func (v *vouching) active(changes said) said {
	now := v.now().Unix()
	says := said{
		"active": true, "aud": opaqueAudience, "exp": now + 3600, "iat": now - 5, "sub": opaqueUser, "client_id": opaqueClient,
		"scope": "openid reports", "groups": []string{"Analysts"}, "email": "ada@contoso.example",
	}
	maps.Copy(says, changes)
	maps.DeleteFunc(says, func(_ string, value any) bool { return value == nil })
	return says
}

func (v *vouching) now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.clock
}

// pass lets time pass.
func (v *vouching) pass(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clock = v.clock.Add(d)
}

// set changes what the provider does.
func (v *vouching) set(how func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	how()
}

// calls gives how many requests there were to an endpoint.
func (v *vouching) calls() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.asked)
}

// refresh fetches the provider's document.
func (v *vouching) refresh() {
	v.t.Helper()
	if err := v.keys.Refresh(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
}

// compile makes a Snapshot of the configuration as it is now, which asks as the one before it.
func (v *vouching) compile(generation uint64) *Snapshot {
	v.t.Helper()
	policy, faults := mapping.Compile(v.config.Rules())
	if policy == nil {
		v.t.Fatalf("the rules do not compile: %v", faults)
	}
	s := Compile(v.config, policy, map[string]*keys.Provider{"jumpcloud": v.keys}, generation)
	s.AskOpaque(v.asker)
	return s
}

// reload has a changed configuration serve.
func (v *vouching) reload(change func(*config.Provider)) {
	v.t.Helper()
	next := *v.config
	next.Providers = []config.Provider{v.config.Providers[0]}
	change(&next.Providers[0])
	v.config = &next
	v.gate.Swap(v.compile(v.gate.Snapshot().generation + 1))
}

func (v *vouching) decide(raw string) Decision {
	return v.gate.Decide(v.t.Context(), Request{Header: bearerHeader(raw)})
}

// want judges the token; calls is how many requests the provider has had then in all.
func (v *vouching) want(story, want string, calls int) Decision {
	v.t.Helper()
	d := v.decide(opaqueToken)
	if d.Reason.String() != want || d.Allowed() != (want == "") || v.calls() != calls {
		v.t.Errorf("%s: %q, allowed %v, after %d requests to the provider; want %q after %d", story, d.Reason, d.Allowed(), v.calls(), want, calls)
	}
	return d
}
