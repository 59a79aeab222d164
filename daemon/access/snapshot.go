package access

import (
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// Snapshot is one configuration, compiled. It is immutable but for the cache of verified identities that it owns.
type Snapshot struct {
	config     *config.Config
	generation uint64
	providers  map[string]*provider
	keys       []*keys.Provider // of the providers, by their places
	verifier   *token.Verifier  // nil where the configuration is disabled and its keys were not opened
	lines      []headerLine
	names      headerNames
	routes     *Routes   // nil: whoever has a local group passes
	nobody     []Field   // every identity header, empty: for public routes
	kept       *kept     // opened by the Gate that judges on the Snapshot
	opaque     *provider // the one that is asked about tokens that are no JWT; nil: none is
}

// provider is one [provider.NAME], compiled.
type provider struct {
	config *config.Provider
	policy *mapping.ProviderPolicy
	keys   *keys.Provider
	place  int // among the configuration's providers
	// directory knows the users; nil: nobody is asked. The Gate sets it before the Snapshot judges.
	directory *directory.Directory
	deciding  deciding            // what Microsoft Graph is asked about
	graph     func() *graph.Graph // see Graphs; nil: nobody is asked
	asker     *opaque.Asker       // see AskOpaque; nil: nobody is asked
	off       map[string]struct{} // blocked users and inactive service accounts, as stateKey spells them
}

// Compile makes a Snapshot, for one Gate. policy is mapping.Compile of cfg.Rules(); providers holds an open keys.Provider for each of
// cfg.Providers by name. A disabled configuration needs neither.
func Compile(cfg *config.Config, policy *mapping.Policy, providers map[string]*keys.Provider, generation uint64) *Snapshot {
	s := &Snapshot{
		config:     cfg,
		generation: generation,
		providers:  make(map[string]*provider, len(cfg.Providers)),
		lines:      headerLines(cfg.Server.Headers),
		routes:     soundRoutes(cfg.Routes),
		kept:       new(kept),
	}
	names := make([]string, len(s.lines))
	for i, line := range s.lines {
		names[i] = line.name
		s.nobody = append(s.nobody, Field{Name: line.name})
	}
	s.names = foldNames(names)
	if !cfg.Enabled && (policy == nil || len(providers) < len(cfg.Providers)) {
		return s
	}
	verified := make([]token.Provider, 0, len(cfg.Providers))
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		opened := providers[p.Name]
		s.providers[p.Name] = newProvider(cfg, policy, i, opened)
		if p.TakesOpaque() {
			s.opaque = s.providers[p.Name]
		}
		s.keys = append(s.keys, opened)
		verified = append(verified, tokenProvider(cfg, p, opened))
	}
	s.verifier = token.NewVerifier(verified)
	return s
}

// newProvider compiles the provider at that place of the configuration.
func newProvider(cfg *config.Config, policy *mapping.Policy, place int, opened *keys.Provider) *provider {
	p := &cfg.Providers[place]
	return &provider{config: p, policy: policy.Provider(p.Name), keys: opened, place: place, off: switchedOff(cfg, p), deciding: decidingOf(cfg, p)}
}

// use has the Snapshot ask the directory about users. One that asks it already is left alone: it may be judging.
func (s *Snapshot) use(d *directory.Directory) {
	for _, p := range s.providers {
		if p.directory != d {
			p.directory = d
		}
	}
}

// tokenProvider gives what tokens of the provider must fit.
func tokenProvider(cfg *config.Config, p *config.Provider, opened *keys.Provider) token.Provider {
	if p.IsOIDC() {
		return token.Provider{
			Name:       p.Name,
			OIDC:       true,
			ClientIDs:  p.ClientIDs,
			AnyClient:  p.AnyClient,
			Skew:       p.ClockSkew,
			Algorithms: p.Algorithms,
			Keys:       opened,
			Audiences:  p.Audiences,
			Clientless: p.Userinfo(),
		}
	}
	accounts := make(map[string]string)
	for _, account := range cfg.ServiceAccounts {
		if account.Provider == p.Name && account.ApplicationID != "" {
			accounts[account.ObjectID] = account.ApplicationID
		}
	}
	return token.Provider{
		Name:              p.Name,
		ClientIDs:         p.ClientApplicationIDs,
		Skew:              p.ClockSkew,
		Algorithms:        []string{"RS256"},
		Keys:              opened,
		Tenant:            p.TenantID,
		ApplicationID:     p.ApplicationID,
		ApplicationIDURIs: p.ApplicationIDURIs,
		AccountClients:    accounts,
	}
}

// switchedOff collects who of the provider is switched off in the configuration.
func switchedOff(cfg *config.Config, p *config.Provider) map[string]struct{} {
	off := make(map[string]struct{})
	for _, user := range cfg.Users {
		if user.Provider == p.Name && user.Blocked {
			off[stateKey(p, user.ID)] = struct{}{}
		}
	}
	for _, account := range cfg.ServiceAccounts {
		if account.Provider == p.Name && !account.Active {
			off[stateKey(p, account.ObjectID)] = struct{}{}
		}
	}
	return off
}

// isObjectID reports whether a user is known by the object ID.
func isObjectID(user config.ClaimName) bool { return user == "oid" || user == "/oid" }

// stateKey spells an id as the set of those switched off does, and claimctl users: at Entra ID GUIDs in lower case, all
// else as it is. Ids of other providers are bytes: two that differ in case are two people's.
func stateKey(p *config.Provider, id string) string {
	if p.IsOIDC() {
		return id
	}
	return guidKey(id)
}

func guidKey(id string) string {
	if guid, ok := entra.GUID(id); ok {
		return guid
	}
	return id
}

// switchedOff reports whether the user or service account is switched off. Whatever claim names users, the object ID
// counts too: who is blocked by it stays blocked when claims.user changes.
func (p *provider) switchedOff(id, objectID string) bool {
	if len(p.off) == 0 {
		return false
	}
	_, byID := p.off[stateKey(p.config, id)]
	_, byObject := p.off[stateKey(p.config, objectID)]
	return byID || byObject
}

// Generation counts configurations from 1.
func (s *Snapshot) Generation() uint64 { return s.generation }

// Config gives the configuration of the Snapshot.
func (s *Snapshot) Config() *config.Config { return s.config }

// Ready reports whether requests can be judged: enabled, and at least one provider has live keys.
func (s *Snapshot) Ready() bool {
	if !s.config.Enabled {
		return false
	}
	for _, p := range s.providers {
		if p.keys.Live() {
			return true
		}
	}
	return false
}

// IdentityHeader reports whether name is an identity header of the configuration in any spelling: any case, _ or . for -.
func (s *Snapshot) IdentityHeader(name string) bool { return s.names.has(name) }

// changes gives each provider's count of key set changes, by the provider's place.
func (s *Snapshot) changes() []uint64 {
	counts := make([]uint64, len(s.keys))
	for i, opened := range s.keys {
		counts[i] = opened.Changes()
	}
	return counts
}
