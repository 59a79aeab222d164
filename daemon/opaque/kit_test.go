package opaque

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/reason"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	goodToken = "k7Xq2-opaque_token.of~ada+/=="
	ourID     = "gate:1"
	ourSecret = "a %2B secret/&=é"
)

// began is when the clock of each site stands at first.
var began = time.Unix(1_800_000_000, 0)

// site is an Asker, the endpoint that it asks, and the clock that both go by.
type site struct {
	*Asker
	server  *httptest.Server
	options Options
	calls   atomic.Int64 // requests that have reached the endpoint
	log     *observer.ObservedLogs

	mu      sync.Mutex
	handler http.HandlerFunc
	address string
	clock   time.Time
}

// newSite starts an endpoint that answers as the handler does.
func newSite(t *testing.T, kind Kind, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{handler: handler, clock: began}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		s.mu.Lock()
		handler := s.handler
		s.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(s.server.Close)
	s.address = s.server.URL + "/ask"
	core, log := observer.New(zapcore.DebugLevel)
	s.log = log
	s.options = Options{
		Name: "contoso", Kind: kind, Endpoint: s.at, ClientID: ourID, ClientSecret: ourSecret, Skew: time.Minute,
		Client: &http.Client{Transport: &http.Transport{}}, Now: s.now, Log: zap.New(core),
	}
	var err error
	if s.Asker, err = New(s.options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *site) at() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

// pass lets time pass; backwards too.
func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

// answers changes what the endpoint does.
func (s *site) answers(handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = handler
}

// moves changes where the discovery document says that the endpoint is.
func (s *site) moves(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = address
}

// called checks how many requests have reached the endpoint since the last time.
func (s *site) called(t *testing.T, want int64) {
	t.Helper()
	if got := s.calls.Swap(0); got != want {
		t.Errorf("the endpoint was asked %d times, want %d", got, want)
	}
}

// vouches checks that the provider's answer is taken.
func (s *site) vouches(t *testing.T, token string) Answer {
	t.Helper()
	answer, err := s.Ask(t.Context(), token)
	if err != nil {
		t.Fatalf("got %v, want an answer", err)
	}
	return answer
}

// refuses checks that the token is refused with that text.
func (s *site) refuses(t *testing.T, token, want string) {
	t.Helper()
	answer, err := s.Ask(t.Context(), token)
	refused, ok := errors.AsType[*Refused](err)
	if !ok || refused.Error() != want || answer.Raw != nil {
		t.Errorf("got %v and %q, want refused with %q", err, answer.Raw, want)
	}
}

// cannotKnow checks that nothing is known of the token, for that cause; ENDPOINT stands for the endpoint's address.
func (s *site) cannotKnow(t *testing.T, token, want string, retryAfter time.Duration) {
	t.Helper()
	answer, err := s.Ask(t.Context(), token)
	want = strings.ReplaceAll("provider_unavailable: "+want, "ENDPOINT", s.at())
	unavailable, ok := errors.AsType[*Unavailable](err)
	if !ok || unavailable.Error() != want || answer.Raw != nil {
		t.Fatalf("got %v and %q, want unavailable with %q", err, answer.Raw, want)
	}
	if unavailable.RetryAfter != retryAfter {
		t.Errorf("it says to ask again after %s, want %s", unavailable.RetryAfter, retryAfter)
	}
}

// says is an endpoint that gives that JSON.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

// saysStatus is an endpoint that gives that status, and the header fields (name, value, ...).
func saysStatus(status int, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
	}
}

// active is an introspection answer that is taken.
const active = `{"active":true,"iss":"https://id.contoso.example/","aud":["reports"],"client_id":"desk","scope":"a b","sub":"ada","username":"Ada","token_type":"Bearer"}`

// knows is an introspection endpoint that knows one token.
func knows(token string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("token") == token {
			says(active)(w, r)
			return
		}
		says(`{"active":false}`)(w, r)
	}
}

// eventually waits until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

const notActive = "opaque_token: the provider does not call the token active"

// An Asker that cannot work is not made.
func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	good := newSite(t, Introspection, says(active)).options
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no kind", func(o *Options) { o.Kind = "" }, `kind: want introspection or userinfo, got ""`},
		{"another kind", func(o *Options) { o.Kind = "refuse" }, `kind: want introspection or userinfo, got "refuse"`},
		{"no client id", func(o *Options) { o.ClientID = "" }, "introspection: want a client id and its secret, got none"},
		{"no secret", func(o *Options) { o.ClientSecret = "" }, "introspection: want a client id and its secret, got none"},
		{"no endpoint", func(o *Options) { o.Endpoint = nil }, "want an endpoint and a client, got none"},
		{"no client", func(o *Options) { o.Client = nil }, "want an endpoint and a client, got none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := good
			test.change(&options)
			if _, err := New(options); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// The contract's reasons are those that a Refused may have.
func TestErrorsNameTheReasonsOfTheContract(t *testing.T) {
	if got, want := refusedAs(reason.OpaqueToken, "why").Error(), "opaque_token: why"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (&Unavailable{Detail: "why"}).Error(), "provider_unavailable: why"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A caller that gives up hears that, and the others their answer.
func TestACallerWhoGivesUpEndsNothing(t *testing.T) {
	release := make(chan struct{})
	s := newSite(t, Introspection, func(w http.ResponseWriter, r *http.Request) {
		<-release
		says(active)(w, r)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := make(chan error)
	go func() {
		_, err := s.Ask(ctx, goodToken)
		gone <- err
	}()
	eventually(t, "a request is under way", func() bool { return s.Stats().InFlight == 1 })
	stays := make(chan error)
	go func() {
		_, err := s.Ask(t.Context(), goodToken)
		stays <- err
	}()
	eventually(t, "another waits for it", func() bool { return s.Stats().Shared == 1 })
	cancel(errors.New("the client has hung up"))
	if got, want := (<-gone).Error(), "gave up waiting for the provider's answer about a token: the client has hung up"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	close(release)
	if err := <-stays; err != nil {
		t.Errorf("got %v, want an answer", err)
	}
	s.called(t, 1)
}

// A reload that drops the provider ends what is under way and tells everybody.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	release := make(chan struct{})
	s := newSite(t, Introspection, func(w http.ResponseWriter, r *http.Request) {
		<-release
	})
	defer close(release)
	waits := make(chan error)
	go func() {
		_, err := s.Ask(t.Context(), goodToken)
		waits <- err
	}()
	eventually(t, "a request is under way", func() bool { return s.Stats().InFlight == 1 })
	s.Close()
	const want = "provider_unavailable: the provider is no longer in the configuration"
	if err := <-waits; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	s.cannotKnow(t, goodToken, "the provider is no longer in the configuration", time.Second)
	s.Close()
}
