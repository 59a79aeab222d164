package access

import (
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// Replay judges what was seen last of users by a configuration, which need not serve. It makes the checks that a token
// meets from its client to no_group. What comes before them, whether the configuration is enabled, and the size of the
// headers are left out. It is immutable and safe for concurrent use.
type Replay struct {
	snapshot *Snapshot
	clients  map[string]*token.Provider
}

// Outcome is what a configuration makes of what was seen last of a user.
type Outcome struct {
	// Known is false where nothing can be said: the user was never seen, the configuration reads claims that were not read
	// when he was, or it asks Microsoft Graph for his groups. Then nothing else is set.
	Known   bool          `json:"known"`
	Allowed bool          `json:"allowed"`
	Reason  reason.Reason `json:"reason"` // None where allowed
	Groups  []string      `json:"groups"` // in byte order; whoever is refused may have some all the same
	Roles   []string      `json:"roles"`
	Admin   bool          `json:"admin"`
}

// NewReplay makes a Replay. policy is mapping.Compile of cfg.Rules(), and not nil.
func NewReplay(cfg *config.Config, policy *mapping.Policy) *Replay {
	r := &Replay{
		snapshot: &Snapshot{config: cfg, providers: make(map[string]*provider, len(cfg.Providers))},
		clients:  make(map[string]*token.Provider, len(cfg.Providers)),
	}
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		r.snapshot.providers[p.Name] = newProvider(cfg, policy, i, nil)
		tokens := tokenProvider(cfg, p, nil)
		r.clients[p.Name] = &tokens
	}
	return r
}

// Judge gives the outcome for the user.
func (r *Replay) Judge(user directory.User) Outcome {
	if user.LastSeen.IsZero() {
		return Outcome{}
	}
	p, sure := r.provider(&user)
	if p == nil {
		return Outcome{Known: sure, Reason: reasonOf(sure)}
	}
	kept := token.Kept{
		Provider: p.config.Name, Tenant: p.config.UserAuthority(), Caller: token.Delegated,
		ClientID: user.Client, Scopes: user.Scopes, Guest: user.Guest, Claims: user.Claims,
	}
	if user.App {
		kept.Caller = token.AppOnly
	}
	if id, ok := entra.GUID(user.Key.ID); ok {
		kept.ObjectID = id
	}
	for _, name := range replayedClaims(p, kept.Caller) {
		if !kept.Reads(name) {
			return Outcome{}
		}
	}
	j := &judgement{snapshot: r.snapshot, provider: p, claims: kept.Recall(), recalled: &user}
	j.replay(r.clients[p.config.Name])
	return j.outcome()
}

// reasonOf says of a user whose provider is gone what his tokens meet.
func reasonOf(sure bool) reason.Reason {
	if sure {
		return reason.Issuer
	}
	return reason.None
}

// provider gives the provider of the user's tenant: the one of that name, else the only one there is. sure: where there
// is none, no token of his is judged any more; where there are several, it is not known by which.
func (r *Replay) provider(user *directory.User) (p *provider, sure bool) {
	if p := r.snapshot.providers[user.Provider]; p != nil && p.config.UserAuthority() == user.Key.Authority {
		return p, true
	}
	for _, other := range r.snapshot.providers {
		if other.config.UserAuthority() != user.Key.Authority {
			continue
		}
		if p != nil {
			return nil, false
		}
		p = other
	}
	return p, true
}

// replay makes the checks.
func (j *judgement) replay(clients *token.Provider) {
	if !clients.Admits(j.claims) {
		j.fail(reason.Client)
		return
	}
	for i := range order {
		if !j.take(&order[i]) || order[i].name == checkNoGroup {
			return
		}
	}
}

func (j *judgement) outcome() Outcome {
	if j.unsaid {
		return Outcome{}
	}
	o := Outcome{Known: true, Allowed: j.reason == reason.None, Reason: j.reason}
	if j.identity != nil {
		o.Groups, o.Roles, o.Admin = j.identity.Groups, j.identity.Roles, j.identity.Admin
	}
	return o
}
