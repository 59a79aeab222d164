package keys

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/entra"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"

// Keys are made once: they are the slow part.
var (
	keyA, keyB, keyC = once(newRSA), once(newRSA), once(newRSA)
	keyEC            = once(newEC)
)

func once[T any](create func() T) func() T { return sync.OnceValue(create) }

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// object is a JSON object.
type object = map[string]any

// rsaJWK gives the key in the form of Entra's sets.
func rsaJWK(id string, key *rsa.PrivateKey) object {
	return object{"kty": "RSA", "use": "sig", "kid": id, "x5t": id,
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
}

func ecJWK(id string, key *ecdsa.PrivateKey) object {
	point, err := key.PublicKey.Bytes() // 0x04, x, y
	if err != nil {
		panic(err)
	}
	return object{"kty": "EC", "use": "sig", "kid": id, "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
}

// with gives the object with some members added or replaced; a nil value leaves the member out.
func with(members object, changes ...any) object {
	changed := maps.Clone(members)
	for i := 0; i < len(changes); i += 2 {
		name := changes[i].(string)
		if changes[i+1] == nil {
			delete(changed, name)
			continue
		}
		changed[name] = changes[i+1]
	}
	return changed
}

func encoded(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// entraTenant is a provider that says whatever a test wants.
type entraTenant struct {
	base string // its own address

	mu        sync.Mutex
	keys      []object
	override  map[string]http.HandlerFunc // by what is asked for: "v1 document", "v2 keys" ...
	all       http.HandlerFunc            // instead of everything, where not nil
	documents object                      // members to replace in both documents
	hits      map[string]int
}

func newTenant(base string, keys ...object) *entraTenant {
	return &entraTenant{base: base, keys: keys, override: map[string]http.HandlerFunc{}, hits: map[string]int{}}
}

// publish replaces the keys.
func (e *entraTenant) publish(keys ...object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys = keys
}

// answer replaces what one address says; nil = as usual.
func (e *entraTenant) answer(what string, handler http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.override[what] = handler
}

// answerAll replaces what all addresses say; nil = as usual.
func (e *entraTenant) answerAll(handler http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = handler
}

// requests counts those to one address.
func (e *entraTenant) requests(what string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hits[what]
}

var addresses = map[string]string{
	"/" + tenant + "/.well-known/openid-configuration":      "v1 document",
	"/" + tenant + "/v2.0/.well-known/openid-configuration": "v2 document",
	"/" + tenant + "/discovery/keys":                        "v1 keys",
	"/" + tenant + "/discovery/v2.0/keys":                   "v2 keys",
}

func (e *entraTenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := addresses[r.URL.Path]
	e.mu.Lock()
	e.hits[what]++
	handler := e.all
	if handler == nil {
		handler = e.override[what]
	}
	body := e.body(what)
	e.mu.Unlock()
	switch {
	case handler != nil:
		handler(w, r)
	case body == nil:
		http.NotFound(w, r)
	default:
		w.Write(body)
	}
}

func (e *entraTenant) body(what string) []byte {
	switch what {
	case "v1 document":
		return encoded(e.document("/"+tenant+"/", "/discovery/keys"))
	case "v2 document":
		return encoded(e.document("/"+tenant+"/v2.0", "/discovery/v2.0/keys"))
	case "v1 keys", "v2 keys":
		return encoded(object{"keys": e.keys})
	}
	return nil
}

func (e *entraTenant) document(issuer, keys string) object {
	d := object{"issuer": e.base + issuer, "jwks_uri": e.base + "/" + tenant + keys, "cloud_instance_name": "localhost"}
	maps.Copy(d, e.documents)
	return d
}

func (e *entraTenant) source() Source {
	return Source{Name: "contoso", Authority: e.base, Tenant: tenant, ApplicationID: "17e1e12b-3908-4782-b7ca-f01bec2bd750"}
}

// status answers with a status alone.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// text answers with a body.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }
}

// served starts a tenant on loopback.
func served(t *testing.T, keys ...object) *entraTenant {
	t.Helper()
	e := newTenant("", keys...)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.base = server.URL
	return e
}

// logged collects what a Ring logs.
func logged() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return zap.New(core), logs
}

// lines gives the messages of the log, in order.
func lines(logs *observer.ObservedLogs) []string {
	var messages []string
	for _, entry := range logs.All() {
		messages = append(messages, entry.Message)
	}
	return messages
}

// ringOf makes a Ring that is closed with the test.
func ringOf(t *testing.T, options Options) *Ring {
	t.Helper()
	if options.Client == nil {
		client, err := NewClient(Outbound{})
		if err != nil {
			t.Fatal(err)
		}
		options.Client = client
	}
	r := NewRing(options)
	t.Cleanup(r.Close)
	return r
}

// opened gives the tenant's Provider in a Ring of its own, with its keys fetched.
func opened(t *testing.T, e *entraTenant) *Provider {
	t.Helper()
	p := ringOf(t, Options{}).Open(e.source())
	refreshed(t, p)
	return p
}

func refreshed(t *testing.T, p *Provider) {
	t.Helper()
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatalf("Refresh: want success, got %v", err)
	}
}

// wantKey looks the key up in the v2.0 document.
func wantKey(t *testing.T, p *Provider, id string) {
	t.Helper()
	key, err := p.Lookup(t.Context(), entra.V2, id)
	if err != nil || key.ID != id || key.Public == nil {
		t.Fatalf("Lookup(%q): want the key, got %v, %v", id, key, err)
	}
}

// wantErr looks a key up that must not be there.
func wantErr(t *testing.T, p *Provider, id string, want error) {
	t.Helper()
	if key, err := p.Lookup(t.Context(), entra.V2, id); !errors.Is(err, want) {
		t.Fatalf("Lookup(%q): want %q, got %v, %v", id, want, key, err)
	}
}

// refreshError gives the text of a failed Refresh, with the tenant's address taken out.
func refreshError(t *testing.T, p *Provider, e *entraTenant) string {
	t.Helper()
	err := p.Refresh(t.Context())
	if err == nil {
		t.Fatal("Refresh: want an error, got none")
	}
	host := strings.TrimPrefix(strings.TrimPrefix(e.base, "http://"), "https://")
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), host, "HOST"), tenant, "TENANT")
}

// memory is a network without a network, for tests in a bubble whose clock moves when all wait.
type memory struct {
	dialed chan net.Conn
	closed chan struct{}
}

func newMemory() *memory { return &memory{dialed: make(chan net.Conn), closed: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.dialed:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { close(m.closed); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// within gives a tenant and a client in a bubble. Both end with the test.
func within(t *testing.T, keys ...object) (*entraTenant, *http.Client) {
	t.Helper()
	e := newTenant("http://127.0.0.1", keys...)
	network := newMemory()
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Hour}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(network) }()
	transport := &http.Transport{DisableCompression: true, DialContext: network.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
		time.Sleep(time.Minute) // handlers that sleep see that their client has gone
	})
	return e, &http.Client{Transport: transport, Timeout: maxFetch}
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.dialed <- far:
		return near, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
