package daemon

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/mapping"
)

// Loaded is a configuration that was read, checked and compiled, but for the keys.
type Loaded struct {
	Tree    *config.Tree
	Config  *config.Config
	Policy  *mapping.Policy
	Client  *http.Client  // for [outbound]
	Notices config.Faults // what is worth saying, none of it a fault
}

// Load is the one way from files to something that can judge. The error is config.Faults with every fault (and the
// notices), in the order of files and lines.
func Load(path string, options config.ReadOptions) (*Loaded, error) {
	tree, faults := config.Read(path, options)
	loaded, faults := judge(tree, faults)
	if faults.Refuse() {
		return nil, faults
	}
	return loaded, nil
}

// judge makes a Loaded of what was read, with all faults; faults come in as those of reading. Where they refuse, the
// Loaded is nil.
func judge(tree *config.Tree, faults config.Faults) (*Loaded, config.Faults) {
	readable := !faults.Refuse()
	loaded := &Loaded{Tree: tree}
	cfg, found := tree.Parse()
	faults = append(slices.Clone(faults), found...)
	// Where a file is missing from the whole, rules that name what stands in it would be called dangling.
	if readable && cfg != nil {
		loaded.Config = cfg
		faults = append(faults, untold(loaded.compile(), found)...)
	}
	faults = inOrder(faults, tree.Path)
	if faults.Refuse() {
		return nil, faults
	}
	loaded.Notices = faults
	return loaded, faults
}

// untold leaves out the faults of a setting that the files' own check has refused already: a placeholder is no GUID
// either, but it is one mistake.
func untold(faults, told config.Faults) config.Faults {
	return slices.DeleteFunc(faults, func(fault config.Fault) bool {
		return !fault.Notice && slices.ContainsFunc(told, func(other config.Fault) bool {
			return !other.Notice && other.File == fault.File && other.Line == fault.Line && other.Key == fault.Key
		})
	})
}

// compile does what needs the whole Config, and finds the last faults by it.
func (l *Loaded) compile() config.Faults {
	var faults config.Faults
	policy, found := mapping.Compile(l.Config.Rules())
	l.Policy = policy
	for _, fault := range found {
		faults = append(faults, l.locate(fault))
	}
	_, found = access.CompileRoutes(l.Config.Routes)
	for _, fault := range found {
		faults = append(faults, l.locate(fault))
	}
	fault, ok := l.openClient()
	if !ok {
		faults = append(faults, fault)
	}
	if _, err := socketPermissions(l.Config.Server); err != nil {
		faults = append(faults, l.locate(mapping.Fault{
			Path: mapping.Path{"server", "socket_group"}, Problem: err.Error(), Hint: `name a group of this host, or "" for the daemon's own`,
		}))
	}
	if notice, ok := l.checkValidity(time.Now()); !ok {
		faults = append(faults, notice)
	}
	faults = append(faults, l.checkGraphs()...)
	if url := l.Config.Directory.URL; url != "" {
		if fault, ok := l.checkDatabase(url); !ok {
			faults = append(faults, fault)
		}
	}
	return faults
}

// checkDatabase judges the URL of the database. The fault does not show it: a password is a part of it.
func (l *Loaded) checkDatabase(url string) (config.Fault, bool) {
	err := directory.CheckURL(url)
	if err == nil {
		return config.Fault{}, true
	}
	fault := mapping.Fault{Path: mapping.Path{"directory", "url_file"}, Problem: l.Config.Directory.URLFile + ": " + err.Error()}
	if refusal, ok := errors.AsType[*directory.Refusal](err); ok {
		fault.Problem, fault.Hint = l.Config.Directory.URLFile+": "+refusal.Problem, refusal.Hint
	}
	return l.locate(fault), false
}

// openClient makes the client of [outbound]; false: the fault tells why there is none.
func (l *Loaded) openClient() (config.Fault, bool) {
	outbound := keys.Outbound{Proxy: l.Config.Outbound.Proxy, CA: l.Config.Outbound.CA}
	client, err := keys.NewClient(outbound)
	l.Client = client
	if err == nil {
		return config.Fault{}, true
	}
	key := "ca_file"
	if _, err := keys.NewClient(keys.Outbound{Proxy: outbound.Proxy}); err != nil {
		key = "proxy"
	}
	problem := strings.TrimPrefix(err.Error(), key+": ")
	return l.locate(mapping.Fault{Path: mapping.Path{"outbound", key}, Problem: problem}), false
}

func (l *Loaded) locate(fault mapping.Fault) config.Fault {
	place := l.Tree.Locate(fault.Path)
	return config.Fault{
		File: cmp.Or(place.File, l.Tree.Path), Line: place.Line, Key: config.KeyPath(fault.Path),
		Problem: fault.Problem, Hint: fault.Hint, Notice: fault.Notice,
	}
}

// inOrder sorts by file and line, claimd.toml (main) before conf.d, and leaves out what is said twice.
func inOrder(faults config.Faults, main string) config.Faults {
	rank := func(f config.Fault) int {
		if f.File == main {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(faults, func(a, b config.Fault) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	seen := map[config.Fault]bool{}
	return slices.DeleteFunc(faults, func(f config.Fault) bool {
		twice := seen[f]
		seen[f] = true
		return twice
	})
}

// source tells where a provider's keys come from.
func source(provider *config.Provider) keys.Source {
	if provider.IsOIDC() {
		return keys.Source{Name: provider.Name, Issuer: provider.Issuer}
	}
	s := keys.Source{
		Name:          provider.Name,
		Authority:     provider.AuthorityURL(),
		Tenant:        provider.TenantID,
		ApplicationID: provider.ApplicationID,
		CustomKeys:    provider.CustomSigningKeys,
	}
	if provider.Authority != "" {
		return s // its documents name the issuers
	}
	s.IssuerV1 = provider.Cloud.Issuer(entra.V1, provider.TenantID)
	s.IssuerV2 = provider.Cloud.Issuer(entra.V2, provider.TenantID)
	s.CloudInstance = provider.Cloud.InstanceName()
	s.GraphHost = provider.Cloud.GraphHost()
	return s
}

// Open opens the keys of every provider in the ring. A disabled configuration needs no keys and opens none.
func (l *Loaded) Open(ring *keys.Ring) map[string]*keys.Provider {
	providers := map[string]*keys.Provider{}
	if !l.Config.Enabled {
		return providers
	}
	for i := range l.Config.Providers {
		provider := &l.Config.Providers[i]
		providers[provider.Name] = ring.Open(source(provider))
	}
	return providers
}

// Snapshot compiles the Snapshot.
func (l *Loaded) Snapshot(providers map[string]*keys.Provider, generation uint64) *access.Snapshot {
	return access.Compile(l.Config, l.Policy, providers, generation)
}
