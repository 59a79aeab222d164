package keys

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options are what a Ring needs. Directory "" keeps nothing on disk.
type Options struct {
	Directory string           // <state.directory>/keys, made with mode 0700 if it is not there
	Client    *http.Client     // from NewClient; nil: one that goes direct and trusts the system's roots
	Log       *zap.Logger      // nil: no log
	Now       func() time.Time // nil: time.Now; see keySet.live for which of its two readings counts
}

// Ring holds the keys of all providers. All methods may be called at once.
type Ring struct {
	directory string
	log       *zap.Logger
	now       func() time.Time
	client    atomic.Pointer[http.Client]
	running   sync.WaitGroup // every goroutine of every provider, closed ones included

	mu        sync.Mutex // guards what follows
	providers map[Source]*Provider
	closed    bool
}

// NewRing makes an empty Ring. It touches neither the network nor the disk.
func NewRing(options Options) *Ring {
	r := &Ring{
		directory: options.Directory,
		log:       options.Log,
		now:       options.Now,
		providers: map[Source]*Provider{},
	}
	if r.log == nil {
		r.log = zap.NewNop()
	}
	if r.now == nil {
		r.now = time.Now
	}
	client := options.Client
	if client == nil {
		client = directClient()
	}
	r.client.Store(client)
	return r
}

// SetClient changes the client of all further fetches, when [outbound] changes. nil is what it is in Options.
func (r *Ring) SetClient(client *http.Client) {
	if client == nil {
		client = directClient()
	}
	r.client.Swap(client).CloseIdleConnections()
}

// Open gives the Provider of the source: the one there is, or a new one with what the disk has kept for it (younger
// than 24 hours, untampered, of this very source). It does not fetch and starts nothing.
func (r *Ring) Open(source Source) *Provider {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.providers[source]; ok {
		return p
	}
	p := newProvider(r, source)
	if r.closed {
		p.close()
		return p
	}
	r.providers[source] = p
	return p
}

// Keep starts the hourly refresh of these providers (where it does not run yet) and closes and forgets all others. A
// closed Provider still answers for the keys it knows, until they are dead, but fetches no more: a request that began
// under the old configuration is judged to its end.
func (r *Ring) Keep(providers []*Provider) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for source, p := range r.providers {
		if !slices.Contains(providers, p) {
			p.close()
			delete(r.providers, source)
		}
	}
	for _, p := range r.providers {
		p.keep()
	}
}

// Close ends all refreshes and waits for them.
func (r *Ring) Close() {
	r.mu.Lock()
	r.closed = true
	for source, p := range r.providers {
		p.close()
		delete(r.providers, source)
	}
	r.mu.Unlock()
	r.running.Wait()
	r.client.Load().CloseIdleConnections()
}
