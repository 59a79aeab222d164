package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/mapping"
)

// vouching is a gate whose provider vouches for every opaque token, with a clock of its own.
type vouching struct {
	gate *access.Gate

	mu     sync.Mutex
	clock  time.Time
	answer func(now time.Time) (status int, body string)
	asked  int
}

func newVouching(t *testing.T, proxy config.Proxy) *vouching {
	t.Helper()
	v := &vouching{clock: time.Now(), answer: func(time.Time) (int, string) { return http.StatusOK, vouched(0) }}
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"introspection_endpoint":%q}`, server.URL, server.URL+"/jwks", server.URL+"/ask")
		case "/jwks":
			fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"a","alg":"ES256","x":%q,"y":%q}]}`,
				"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM") // RFC 7517 appendix A.1
		default:
			v.mu.Lock()
			v.asked++
			status, body := v.answer(v.clock)
			v.mu.Unlock()
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}))
	t.Cleanup(server.Close)
	ring := keys.NewRing(keys.Options{})
	t.Cleanup(ring.Close)
	opened := ring.Open(keys.Source{Name: "jumpcloud", Issuer: server.URL})
	if err := opened.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	asker, err := opaque.New(opaque.Options{
		Name: "jumpcloud", Kind: opaque.Introspection, Endpoint: opened.IntrospectionEndpoint, ClientID: "gate", ClientSecret: "fake-secret",
		Client: &http.Client{Transport: &http.Transport{}}, Now: v.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asker.Close)
	cfg := &config.Config{
		Enabled: true, Groups: []config.Local{{Name: "Analysts"}}, Proxy: proxy,
		Providers: []config.Provider{{
			Name: "jumpcloud", Kind: config.KindOIDC, Issuer: server.URL, Audiences: []string{"api"}, AnyClient: true, Algorithms: []string{"ES256"},
			OpaqueTokens: config.OpaqueIntrospection, Guests: config.GuestsAllow, Claims: config.ClaimNames{User: "sub", Groups: "groups", Roles: "groups"},
		}},
	}
	policy, faults := mapping.Compile(cfg.Rules())
	if policy == nil {
		t.Fatal(faults)
	}
	snapshot := access.Compile(cfg, policy, map[string]*keys.Provider{"jumpcloud": opened}, 1)
	snapshot.AskOpaque(asker)
	v.gate = access.NewGate(snapshot, access.Options{Now: v.now})
	return v
}

// vouched is an answer; exp 0 is none.
func vouched(exp int64) string {
	text := `{"active":true,"sub":"ada","aud":"api","client_id":"desk","groups":"Analysts"`
	if exp != 0 {
		text += fmt.Sprintf(`,"exp":%d`, exp)
	}
	return text + "}"
}

func (v *vouching) now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.clock
}

// pass lets time pass, and changes what the provider says from then on, where that is not nil.
func (v *vouching) pass(d time.Duration, answer func(time.Time) (int, string)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clock = v.clock.Add(d)
	if answer != nil {
		v.answer = answer
	}
}

// waitAsked waits until the provider was asked so often.
func (v *vouching) waitAsked(t *testing.T, times int) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		v.mu.Lock()
		asked := v.asked
		v.mu.Unlock()
		if asked == times {
			return
		}
		if asked > times || time.Now().After(limit) {
			t.Fatalf("the provider was asked %d times, want %d", asked, times)
		}
	}
}

// What a provider says of an opaque token counts for a minute. A stream that lasts for longer is asked about again, as
// often as that: it goes on while the provider vouches, and ends once it does not, or cannot be asked.
func TestAStreamIsAskedAboutAgain(t *testing.T) {
	url, ended := streaming(t)
	inactive := func(time.Time) (int, string) { return http.StatusOK, `{"active":false}` }
	for _, c := range []struct {
		story string
		last  func(time.Time) (int, string)
	}{
		{"revoked", inactive},
		{"the provider fails", func(time.Time) (int, string) { return http.StatusInternalServerError, "" }},
		{"another audience", func(time.Time) (int, string) {
			return http.StatusOK, `{"active":true,"sub":"ada","aud":"other","client_id":"desk"}`
		}},
		{"another client's refresh token", func(time.Time) (int, string) { return http.StatusOK, `{"active":true,"token_type":"refresh_token"}` }},
	} {
		t.Run(c.story, func(t *testing.T) {
			v := newVouching(t, towards(url))
			d := Handler(v.gate, nil).(*door)
			d.every = 2 * time.Millisecond
			address := serve(t, d)
			_, events := open(t, address, "/events", "opaque-token")
			_, socket := open(t, address, "/socket", "opaque-token")
			for asked := 1; asked <= 3; asked++ {
				v.waitAsked(t, asked) // once for both
				v.pass(59*time.Second, nil)
				time.Sleep(20 * time.Millisecond) // some looks, of which none asks
				v.waitAsked(t, asked)
				v.pass(time.Second, nil)
			}
			v.waitAsked(t, 4)
			select {
			case path := <-ended:
				t.Fatalf("%s ended while the provider vouched", path)
			default:
			}
			v.pass(time.Minute, c.last)
			for _, stream := range []*bufio.Reader{events, socket} {
				if rest, err := io.ReadAll(stream); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(rest), "hello") {
					t.Errorf("it goes on: %q, %v", rest, err)
				}
				<-ended
			}
			if n := len(v.gate.Denials().List("")); n != 0 {
				t.Errorf("%d refusals, want none: the request was let in", n)
			}
		})
	}
}

// A stream ends with its token, however little of the provider's minute is over.
func TestAStreamEndsWithItsOpaqueToken(t *testing.T) {
	url, ended := streaming(t)
	v := newVouching(t, towards(url))
	exp := v.now().Unix() + 10
	v.answer = func(now time.Time) (int, string) {
		if now.Unix() < exp {
			return http.StatusOK, vouched(exp)
		}
		return http.StatusOK, `{"active":false}`
	}
	d := Handler(v.gate, nil).(*door)
	d.every = 2 * time.Millisecond
	_, events := open(t, serve(t, d), "/events", "opaque-token")
	v.pass(8*time.Second, nil)
	time.Sleep(20 * time.Millisecond)
	v.waitAsked(t, 1)
	v.pass(2*time.Second, nil)
	if rest, err := io.ReadAll(events); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it goes on: %q", rest)
	}
	<-ended
	v.waitAsked(t, 2)
}
