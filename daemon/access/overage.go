package access

import (
	"context"
	"errors"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// Graphs gives for each provider with groups_overage = "graph", by its name, the Microsoft Graph to ask; nil while it is
// not known where that stands.
type Graphs map[string]func() *graph.Graph

// AskGraphs has the Snapshot ask these, before a Gate judges on it.
func (s *Snapshot) AskGraphs(graphs Graphs) {
	for name, p := range s.providers {
		p.graph = graphs[name]
	}
}

// deciding is what of a user's groups decides something under one configuration.
type deciding struct {
	question *graph.Question // about the object IDs; nil: none decides anything
	asked    int             // how many they are
	names    []string        // what else is matched by: no answer of Graph's says whether the user has it
}

// decidingOf compiles it.
func decidingOf(cfg *config.Config, p *config.Provider) deciding {
	if p.Graph == nil {
		return deciding{}
	}
	ids, names := cfg.Deciding(p)
	d := deciding{names: names}
	distinct := make(map[string]bool, len(ids))
	for _, id := range ids {
		if guid, ok := entra.GUID(id); ok {
			distinct[guid] = true
		}
	}
	d.asked = len(distinct)
	d.question, _ = graph.NewQuestion(ids) // there is an error where there are none; all of them are GUIDs
	return d
}

// told is what Microsoft Graph said about the groups of a user whose token does not hold them.
type told struct {
	asked   int // groups
	answer  graph.Answer
	problem *graph.Unavailable // nil: it answered
}

// values gives the memberships as the groups claim would hold them.
func (t *told) values() mapping.Value {
	return mapping.Value{Kind: mapping.Strings, List: t.answer.Member}
}

// leftOut reports whether the token says that the user has more groups than it holds.
func (j *judgement) leftOut() bool {
	names := &j.provider.config.Claims
	return j.claims.Overage(string(names.Groups), string(names.Roles))
}

// askable reports whether Microsoft Graph can tell all that the token leaves out and that decides something: what it
// leaves out is the groups claim and no other that is read, and everything that is matched in it is an object ID.
func (j *judgement) askable() bool {
	p := j.provider
	if p.config.Graph == nil || len(p.deciding.names) > 0 {
		return false
	}
	names := &p.config.Claims
	for _, other := range []config.ClaimName{names.Roles, names.Admin} {
		if other != names.Groups && j.claims.Overage(string(other), "") {
			return false
		}
	}
	return true
}

// overage: the groups are in the token, or Microsoft Graph tells those that decide. It is the one check that may wait for
// others, for 5 seconds at most.
func (j *judgement) overage() reason.Reason {
	switch {
	case !j.leftOut():
		return reason.None
	case !j.askable():
		return reason.GroupsOverage
	case j.recalled != nil: // nobody is asked about what might be
		j.unsaid = true
		return reason.GraphUnavailable
	}
	j.told = &told{asked: j.provider.deciding.asked}
	if j.provider.deciding.question == nil {
		return reason.None
	}
	j.told.answer, j.told.problem = j.askGraph()
	if j.told.problem == nil {
		return reason.None
	}
	j.abandoned = j.told.problem.Kind == graph.Abandoned
	return reason.GraphUnavailable
}

// askGraph asks about the user by the object ID of the token, never by a claim that claims.user names.
func (j *judgement) askGraph() (graph.Answer, *graph.Unavailable) {
	if j.provider.graph == nil {
		return graph.Answer{}, &graph.Unavailable{
			Kind: graph.Network, Problem: "it is asked by the running claimd alone", RetryAfter: retryUnavailable,
			Hint: "start claimd, or let claimctl explain find its admin socket",
		}
	}
	g := j.provider.graph()
	if g == nil {
		return graph.Answer{}, &graph.Unavailable{
			Kind: graph.Network, Problem: "the provider's documents have not told yet where it stands", RetryAfter: retryUnavailable,
			Hint: "look at claimctl keys; a document of an authority of your own must name msgraph_host",
		}
	}
	ctx := j.ctx
	if ctx == nil {
		ctx = context.Background() // of a judgement that nobody can give up
	}
	answer, err := g.Memberships(ctx, j.claims.ObjectID, j.provider.deciding.question)
	if err == nil {
		return answer, nil
	}
	if unavailable, ok := errors.AsType[*graph.Unavailable](err); ok {
		return graph.Answer{}, unavailable
	}
	return graph.Answer{}, &graph.Unavailable{Kind: graph.Garbled, Problem: "it gave an answer of no known kind", RetryAfter: retryUnavailable}
}

// groupSource tells where the values of the groups claim came from.
func (j *judgement) groupSource() directory.Source {
	if j.told != nil {
		return directory.FromGraph
	}
	return directory.FromClaim
}

// roleSource tells it of the roles claim.
func (j *judgement) roleSource() directory.Source {
	if names := &j.provider.config.Claims; names.Roles != names.Groups {
		return directory.FromClaim
	}
	return j.groupSource()
}

// ending is what ends a kept identity that holds what Graph said: the answer, without the groups. nil: it holds nothing
// of Graph's.
func (j *judgement) ending() *graph.Answer {
	if j.told == nil || j.provider.deciding.question == nil {
		return nil
	}
	ending := j.told.answer
	ending.Member = nil
	return &ending
}

// graphRetry gives when Graph is worth another try.
func (j *judgement) graphRetry() time.Duration {
	if j.told == nil || j.told.problem == nil || j.told.problem.RetryAfter <= 0 {
		return retryUnavailable
	}
	return j.told.problem.RetryAfter
}
