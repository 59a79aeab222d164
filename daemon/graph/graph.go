// Package graph asks Microsoft Graph which groups a user is in, where the token holds none because they are too many
// (learn.microsoft.com/entra/identity-platform/id-token-claims-reference, groups overage claim).
//
// It asks with an app credential of claimd's own, at the Graph of the configured cloud; the address that a token names is
// never looked at. It asks only about the groups that decide something, and never takes a failure for "no groups": an
// answer is whole, or it is an *Unavailable that says why.
package graph

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/entra"
)

// What holds for every Graph.
const (
	usualCache = 5 * time.Minute  // how long an answer is kept
	refusedFor = 10 * time.Second // how long it is kept that Graph cannot tell about one user

	maxLookUp  = 5 * time.Second // one look-up in all: its turn, the token, every call
	maxTurn    = time.Second     // how long a look-up waits for its turn
	maxFlights = 64              // look-ups at once
	maxWaiting = 1024            // look-ups that wait for their turn

	maxChecked = 20 // groups of one checkMemberGroups: Graph's limit (graph/api/directoryobject-checkmembergroups)
	fewGroups  = 60 // up to so many are checked, three calls at once; of more, all memberships are fetched
	maxPages   = 50 // of all memberships; at 999 a page some 50,000 groups

	// Bytes of one answer. 11,000 ids take some 430 KB, and a page of 999 objects 120 KB. What is read of an answer at once is
	// one item of it, but that may be all: 64 look-ups hold 64 x 1 MiB of memberships, or 64 x 3 x 64 KiB of checks, in
	// buffers of up to three times that.
	maxBody      = 1 << 20
	maxCheckBody = 64 << 10 // of checkMemberGroups, which tells 20 ids
)

// Options say what is asked, and as whom. All but the last three tell whether two Graphs would be the same: see Equal.
type Options struct {
	Host        string        // of Microsoft Graph, such as https://graph.microsoft.com: https, without a final slash
	Authority   string        // such as https://login.microsoftonline.com: https, without a path
	Tenant      string        // GUID
	ClientID    string        // GUID of the application that asks
	Secret      string        // its client secret, or
	Certificate string        // PEM of its certificate and RSA key
	Cache       time.Duration // how long an answer is kept; 0 = 5 minutes

	Client *http.Client     // reaches both hosts; not nil. Redirects are not followed, whatever it says
	Now    func() time.Time // nil = time.Now; what it gives should have a monotonic reading
	Log    *zap.Logger      // nil = none
}

// Equal reports whether a Graph made with o could serve in the place of one made with other: a reload that changes nothing
// here keeps the Graph, and with it what is kept.
func (o Options) Equal(other Options) bool {
	return o.Host == other.Host && o.Authority == other.Authority && o.Tenant == other.Tenant &&
		o.ClientID == other.ClientID && o.Secret == other.Secret && o.Certificate == other.Certificate && o.Cache == other.Cache
}

// Graph answers for one tenant. All methods may be called at once. It runs a goroutine only while a look-up is under way:
// a Graph that is replaced needs no Close and serves the requests that still have it.
type Graph struct {
	host       *url.URL
	client     *http.Client // follows no redirect
	credential *credential
	cache      time.Duration
	now        func() time.Time
	log        *zap.Logger

	timeout, turn time.Duration // maxLookUp and maxTurn, but for tests

	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	turns   chan struct{} // holds one for each look-up that has its turn

	kept    *kept
	breaker breaker
	counts  counts

	mu      sync.Mutex
	closed  bool
	flights map[key]*flight
	trouble trouble
}

// New makes a Graph. It asks nothing yet. The error tells what of the Options cannot be right.
func New(options Options) (*Graph, error) {
	host, err := options.host()
	if err != nil {
		return nil, err
	}
	if options.Client == nil {
		return nil, errors.New("want a client that reaches Microsoft Graph, got none")
	}
	direct := *options.Client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	direct.Jar = nil
	credential, err := newCredential(options, &direct)
	if err != nil {
		return nil, err
	}
	g := &Graph{
		host:       host,
		client:     &direct,
		credential: credential,
		cache:      options.Cache,
		now:        options.Now,
		log:        options.Log,
		timeout:    maxLookUp,
		turn:       maxTurn,
		turns:      make(chan struct{}, maxFlights),
		kept:       newKept(keptBytes),
		flights:    make(map[key]*flight),
	}
	if g.cache <= 0 {
		g.cache = usualCache
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	g.life, g.end = context.WithCancel(context.Background())
	return g, nil
}

// Answer is what Graph said about a user.
type Answer struct {
	Member []string // of the groups asked about those that the user is in, directly or through others; sorted, lower case
	until  time.Time
}

// Until gives when the answer ends: nothing made of it may be kept longer.
func (a Answer) Until() time.Time { return a.until }

// Holds reports whether the answer has not ended. It has where the monotonic clock says so, and where the wall clock does:
// the first stands still while a machine sleeps.
func (a Answer) Holds(now time.Time) bool {
	return now.Before(a.until) && now.Round(0).Before(a.until.Round(0))
}

// Memberships tells in which of the groups the user is, by its object id. It answers from what is kept or asks Graph,
// once however many ask at the same time, for at most 5 seconds; the end of ctx ends the waiting and not the look-up. Every
// error is an *Unavailable: then nothing is known, least of all that there are no groups.
func (g *Graph) Memberships(ctx context.Context, oid string, about *Question) (Answer, error) {
	user, ok := entra.GUID(oid)
	if !ok {
		return Answer{}, &Unavailable{Kind: User, Problem: "want the user's object ID, a GUID, got something else", RetryAfter: refusedFor}
	}
	key := key{user: user, asked: about.sum}
	if found, ok := g.kept.find(key, g.now()); ok {
		g.counts.hits.Add(1)
		return found.result()
	}
	f, answered := g.join(key, about)
	if answered != nil {
		return answered.result()
	}
	select {
	case <-f.done:
		return f.result()
	case <-ctx.Done():
		return Answer{}, &Unavailable{Kind: Abandoned, Problem: "the request ended before Microsoft Graph answered",
			RetryAfter: time.Second, cause: context.Cause(ctx)}
	}
}

// Close ends the look-ups under way and waits for them; what is asked from then on is Unavailable.
func (g *Graph) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.end()
	g.running.Wait()
}
