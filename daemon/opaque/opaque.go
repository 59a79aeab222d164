// Package opaque asks a provider about access tokens that are no JWT: at its introspection endpoint (RFC 7662) or at its
// userinfo endpoint (OpenID Connect Core 1.0, section 5.3).
//
// It says whether the provider vouches for the token at this moment, and hands on what the provider tells. Whether that
// is enough (issuer, audience, client, scope) is the caller's to judge, on every use and as for a token.
//
// Strangers decide which tokens are asked about, so everything that they cause is bounded: one request for each token,
// 64 at once, three seconds each, none while the provider fails, and what is kept in entries and bytes. The text of a
// token is held while its request runs and not longer; what is kept stands under a hash.
package opaque

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Kind says which endpoint is asked.
type Kind string

// The kinds of endpoint, as the configuration's opaque_tokens names them.
const (
	Introspection Kind = "introspection"
	Userinfo      Kind = "userinfo"
)

// Bounds on what strangers' tokens may cause.
const (
	maxFlights  = 64              // requests under way at once
	maxExchange = 3 * time.Second // a request and its whole answer
	maxBody     = 1 << 20         // bytes of an answer
	maxToken    = 32 << 10        // bytes of a token
	answerLife  = time.Minute     // how long an answer is used, counted from when it was asked for
	refusalLife = 10 * time.Second
	maxKept     = 10_000      // answers, and as many refusals beside them
	maxBytes    = 16 << 20    // of answers; refusals are all of one size
	shedPause   = time.Second // what callers are told to wait where too many requests are under way
)

// Options are what an Asker works with. They are not changed after New.
type Options struct {
	Name string // the provider's, for the log and for errors
	Kind Kind
	// Endpoint gives the address to ask, from the provider's checked discovery document: https, or http on loopback.
	// "" = not known yet. It is asked at each Ask, so it must be cheap, and safe for concurrent use.
	Endpoint func() string
	// ClientID and ClientSecret are claimd's own credential at the introspection endpoint (client_secret_basic). Userinfo
	// uses none.
	ClientID, ClientSecret string
	Skew                   time.Duration    // how far exp, nbf and iat of an answer may be off
	Client                 *http.Client     // how the provider is reached; an *http.Transport of it is copied
	Now                    func() time.Time // nil = time.Now
	Log                    *zap.Logger      // nil = none
}

// Asker asks one provider. All methods are safe for concurrent use.
type Asker struct {
	name     string
	kind     Kind
	endpoint func() string
	basic    string // the Authorization field for introspection
	skew     time.Duration
	client   *http.Client
	now      func() time.Time
	log      *zap.Logger

	life    context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup // flights

	mu       sync.Mutex
	closed   bool
	flights  map[key]*flight
	answers  lru[Answer]
	refusals lru[*keptRefusal]
	breaker  breaker
	lastErr  string
	counts   counts
}

// New makes an Asker; the error says which option is wrong. It asks nothing yet.
func New(options Options) (*Asker, error) {
	switch {
	case options.Kind != Introspection && options.Kind != Userinfo:
		return nil, fmt.Errorf("kind: want introspection or userinfo, got %q", options.Kind)
	case options.Kind == Introspection && (options.ClientID == "" || options.ClientSecret == ""):
		return nil, errors.New("introspection: want a client id and its secret, got none")
	case options.Endpoint == nil || options.Client == nil:
		return nil, errors.New("want an endpoint and a client, got none")
	}
	a := &Asker{
		name:     options.Name,
		kind:     options.Kind,
		endpoint: options.Endpoint,
		skew:     options.Skew,
		client:   clientOf(options.Client),
		now:      options.Now,
		log:      options.Log,
		flights:  map[key]*flight{},
		answers:  newLRU[Answer](maxKept, maxBytes),
		refusals: newLRU[*keptRefusal](maxKept, maxKept*refusalWeight),
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = zap.NewNop()
	}
	a.log = a.log.With(zap.String("provider", a.name))
	if a.kind == Introspection {
		a.basic = basicOf(options.ClientID, options.ClientSecret)
	}
	a.life, a.end = context.WithCancel(context.Background())
	return a, nil
}

// Ask tells what the provider says of the token (the characters after "Bearer "). The error is a *Refused, an
// *Unavailable, or, where the caller's context ended first, one that wraps the context's cause: then nothing was decided,
// and the request goes on for whoever else waits for it.
func (a *Asker) Ask(ctx context.Context, token string) (Answer, error) {
	if refused := checkForm(token); refused != nil {
		return Answer{}, refused
	}
	endpoint := a.endpoint()
	if endpoint == "" {
		return Answer{}, &Unavailable{Detail: "no discovery document that names the endpoint has been fetched yet", RetryAfter: shedPause}
	}
	about := keyOf(endpoint, token)
	f, answer, err := a.board(about, endpoint, token)
	if f == nil {
		return answer, err
	}
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("gave up waiting for the provider's answer about a token: %w", context.Cause(ctx))
	}
}

// Close ends every request that is under way, and waits for that. Whoever waits for one, and whoever asks later, gets
// an *Unavailable.
func (a *Asker) Close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.end()
	a.running.Wait()
	a.client.CloseIdleConnections()
}
