package daemon

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/mapping"
)

// graphs holds the Microsoft Graph of each provider that asks one. It outlives configurations: a reload that leaves a
// provider's Graph as it was leaves what is kept of its answers, too. All methods may be called at once.
type graphs struct {
	log *zap.Logger

	mu      sync.Mutex
	from    *http.Client // that client was made of
	client  *http.Client
	open    map[string]*opened
	retired []*graph.Graph // replaced, and not seen idle yet
	closed  bool
}

func newGraphs(log *zap.Logger) *graphs { return &graphs{log: log, open: map[string]*opened{}} }

// opened is one provider's Graph.
type opened struct {
	options graph.Options // Host is "" where the provider's documents tell it
	keys    *keys.Provider
	retire  func(*graph.Graph) // takes one that is replaced

	mu    sync.Mutex
	host  string
	graph *graph.Graph // nil: not known yet where it stands
}

// graphOptions says how the provider's Graph is asked. Where an authority is configured, its documents name the host: the
// host of a cloud is no business of another authority's.
func graphOptions(p *config.Provider) graph.Options {
	o := graph.Options{
		Authority: p.AuthorityURL(), Tenant: p.TenantID, ClientID: p.Graph.ClientID,
		Secret: p.Graph.Secret, Certificate: p.Graph.Certificate, Cache: p.Graph.Cache,
	}
	if p.Authority == "" {
		o.Host = p.Cloud.GraphURL()
	}
	return o
}

// checkGraphs finds what of [provider.NAME.graph] cannot be right.
func (l *Loaded) checkGraphs() config.Faults {
	var faults config.Faults
	for i := range l.Config.Providers {
		p := &l.Config.Providers[i]
		if p.Graph == nil || p.Graph.Secret == "" && p.Graph.Certificate == "" {
			continue // not asked, told already, or a credential that the unit alone sees
		}
		options := graphOptions(p)
		options.Host = cmp.Or(options.Host, "https://graph.invalid") // not known before the documents are
		options.Client = new(http.Client)                            // New asks nothing by it
		if _, err := graph.New(options); err != nil {
			faults = append(faults, l.locate(mapping.Fault{Path: mapping.Path{"provider", p.Name, "graph"}, Problem: err.Error()}))
		}
	}
	return faults
}

// use opens the Graphs of a configuration that is about to serve, and lets go of all others. A Graph that is replaced serves
// the requests that still have it.
func (g *graphs) use(l *Loaded, providers map[string]*keys.Provider) access.Graphs {
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh := g.from != l.Client
	if fresh {
		g.from, g.client = l.Client, graphClient(l.Client)
	}
	next, ask := map[string]*opened{}, access.Graphs{}
	for i := range l.Config.Providers {
		p := &l.Config.Providers[i]
		if p.Graph == nil || providers[p.Name] == nil {
			continue
		}
		options := graphOptions(p)
		o := g.open[p.Name]
		if o == nil || fresh || o.keys != providers[p.Name] || !o.options.Equal(options) {
			options.Client, options.Log = g.client, g.log.With(zap.String("provider", p.Name))
			o = &opened{options: options, keys: providers[p.Name], retire: g.replaced}
		}
		next[p.Name], ask[p.Name] = o, o.get
	}
	for name, o := range g.open {
		if next[name] != o {
			g.retire(o.now())
		}
	}
	g.open = next
	return ask
}

// replaced retires a Graph in whose place its provider has put another.
func (g *graphs) replaced(old *graph.Graph) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		old.Close()
		return
	}
	g.retire(old)
}

// retire keeps a Graph in sight until its last look-up ended. The caller holds mu.
func (g *graphs) retire(replaced *graph.Graph) {
	if replaced != nil {
		g.retired = append(g.retired, replaced)
	}
	g.retired = slices.DeleteFunc(g.retired, func(old *graph.Graph) bool { return old.Status().UnderWay == 0 })
}

// graphClient is a client for [outbound] that keeps more connections: a look-up makes several calls at once.
func graphClient(from *http.Client) *http.Client {
	client := *from
	if transport, ok := from.Transport.(*http.Transport); ok {
		wider := transport.Clone()
		wider.MaxIdleConnsPerHost = 64
		client.Transport = wider
	}
	return &client
}

// now gives the Graph as far as it was made.
func (o *opened) now() *graph.Graph {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.graph
}

// get gives the Graph; nil while it is not known where it stands. The caller does not hold the mu of graphs.
func (o *opened) get() *graph.Graph {
	host := o.options.Host
	if host == "" {
		host = o.keys.GraphHost()
	}
	now, before := o.at(host)
	if before != nil {
		o.retire(before)
	}
	return now
}

// at gives the Graph of that host, and the one that it takes the place of; nil: of none.
func (o *opened) at(host string) (now, before *graph.Graph) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if host == "" || host == o.host {
		return o.graph, nil
	}
	options := o.options
	options.Host = host
	made, err := graph.New(options)
	if err != nil {
		return o.graph, nil // checkGraphs found nothing, so it is the host that is none
	}
	before = o.graph
	o.graph, o.host = made, host
	return made, before
}

// status tells how each is, in byte order of the providers' names.
func (g *graphs) status() []admin.GraphStatus {
	g.mu.Lock()
	open := maps.Clone(g.open)
	g.mu.Unlock()
	var all []admin.GraphStatus
	for _, name := range slices.Sorted(maps.Keys(open)) {
		status := admin.GraphStatus{Provider: name}
		if asked := open[name].get(); asked != nil {
			status.Status = asked.Status()
		}
		all = append(all, status)
	}
	return all
}

// close ends all look-ups and waits for them.
func (g *graphs) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, o := range g.open {
		if asked := o.now(); asked != nil {
			asked.Close()
		}
	}
	for _, old := range g.retired {
		old.Close()
	}
	if g.client != nil {
		g.client.CloseIdleConnections()
	}
}

// GraphOf makes the Microsoft Graph of a provider with groups_overage = "graph" for who wants to try it: host is
// keys.Provider.GraphHost, which counts where an authority is configured. It must be closed.
func (l *Loaded) GraphOf(p *config.Provider, host string) (*graph.Graph, error) {
	options := graphOptions(p)
	if options.Host == "" {
		options.Host = host
	}
	options.Client = l.Client
	return graph.New(options)
}
