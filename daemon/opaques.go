package daemon

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
)

// retireAfter is how long an Asker that is replaced may still be asked by requests that began on the configuration before:
// longer than a request waits for the keys of an unknown id and for a provider's answer.
const retireAfter = 10 * time.Second

// opaques holds the Asker of the one provider that takes opaque tokens. It outlives configurations: a reload that leaves
// the provider as it was leaves what is kept of its answers, and what is known of its failing, too. All methods may be
// called at once.
type opaques struct {
	log *zap.Logger

	ended   chan struct{} // closed by close: nobody is waited for any more
	retired sync.WaitGroup

	mu   sync.Mutex
	open *asking // nil: no provider takes opaque tokens
}

// asking is an Asker and what it was made of.
type asking struct {
	asker *opaque.Asker
	made  askedAs
}

// askedAs is what an Asker goes by. Two that are equal ask alike.
type askedAs struct {
	name   string
	kind   config.OpaqueTokens
	id     string
	secret string
	skew   time.Duration
	keys   *keys.Provider // whose documents name the endpoint
	client *http.Client
}

func newOpaques(log *zap.Logger) *opaques { return &opaques{log: log, ended: make(chan struct{})} }

// use gives the Asker for a configuration that is about to serve; nil where it asks nobody. One that is replaced goes on
// for a while, for the requests that still have it.
func (o *opaques) use(l *Loaded, providers map[string]*keys.Provider) *opaque.Asker {
	o.mu.Lock()
	defer o.mu.Unlock()
	var next *asking
	if p := l.opaqueProvider(); p != nil && providers[p.Name] != nil {
		next = o.askingFor(askedAsOf(p, providers[p.Name], l.Client))
	}
	if before := o.open; before != nil && before != next {
		o.retire(before.asker)
	}
	o.open = next
	if next == nil {
		return nil
	}
	return next.asker
}

// askingFor gives what serves already, where it asks alike. The caller holds mu.
func (o *opaques) askingFor(as askedAs) *asking {
	if o.open != nil && o.open.made == as {
		return o.open
	}
	asker, err := newAsker(as, o.log)
	if err != nil { // the configuration's check has seen to it that there is a credential
		o.log.Error("opaque tokens cannot be asked about", zap.String("provider", as.name), zap.Error(err))
		return nil
	}
	return &asking{asker: asker, made: as}
}

// retire closes an Asker once no request can have it any more, or claimd ends.
func (o *opaques) retire(asker *opaque.Asker) {
	o.retired.Go(func() {
		wait := time.NewTimer(retireAfter)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-o.ended:
		}
		asker.Close()
	})
}

// status tells how the provider answers; nil: none is asked.
func (o *opaques) status() *opaque.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		return nil
	}
	status := o.open.asker.Status()
	return &status
}

// close ends all requests to the provider, and waits for that. It is called once, and nothing is used after it.
func (o *opaques) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.ended)
	o.retired.Wait()
	if o.open != nil {
		o.open.asker.Close()
	}
}

// opaqueProvider gives the provider that is asked about opaque tokens; nil: none is.
func (l *Loaded) opaqueProvider() *config.Provider {
	for i := range l.Config.Providers {
		if p := &l.Config.Providers[i]; p.TakesOpaque() {
			return p
		}
	}
	return nil
}

func askedAsOf(p *config.Provider, opened *keys.Provider, client *http.Client) askedAs {
	as := askedAs{name: p.Name, kind: p.OpaqueTokens, skew: p.ClockSkew, keys: opened, client: client}
	if p.OpaqueTokens == config.OpaqueIntrospection {
		as.id, as.secret = p.IntrospectionClientID, p.IntrospectionSecret
	}
	return as
}

func newAsker(as askedAs, log *zap.Logger) (*opaque.Asker, error) {
	endpoint := as.keys.IntrospectionEndpoint
	if as.kind == config.OpaqueUserinfo {
		endpoint = as.keys.UserinfoEndpoint
	}
	return opaque.New(opaque.Options{
		Name: as.name, Kind: opaque.Kind(as.kind), Endpoint: endpoint, ClientID: as.id, ClientSecret: as.secret,
		Skew: as.skew, Client: as.client, Log: log,
	})
}

// errUnseenSecret says that the secret is a credential that the unit alone has (config.ReadOptions.Outside).
var errUnseenSecret = errors.New("the secret of introspection_client_id can be read by the unit alone")

// AskerOf makes the Asker of the configuration for who wants to try it without a running claimd, by the documents of the
// open providers. It must be closed. nil, without an error: no provider takes opaque tokens, or its documents are not open.
func (l *Loaded) AskerOf(providers map[string]*keys.Provider) (*opaque.Asker, error) {
	p := l.opaqueProvider()
	if p == nil || providers[p.Name] == nil {
		return nil, nil
	}
	as := askedAsOf(p, providers[p.Name], l.Client)
	if as.kind == config.OpaqueIntrospection && as.secret == "" {
		return nil, errUnseenSecret
	}
	return newAsker(as, nil)
}
