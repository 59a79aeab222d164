package graph

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// counts are since the Graph was made.
type counts struct {
	hits, lookUps, calls, failures, busy atomic.Uint64
}

// trouble is the last failure, for people.
type trouble struct {
	last    *Unavailable
	at      time.Time
	failing Kind      // of the last look-up, where it says that Graph does not work; "" = it works
	logged  time.Time // when a failure of one user was logged last
	wrong   string    // the last group that Graph does not take, as the log has it
}

// Status is a Graph at one moment.
type Status struct {
	Host      string    `json:"host"`
	LookUps   uint64    `json:"look_ups"`   // users asked about
	Calls     uint64    `json:"calls"`      // requests to Graph that look-ups took
	Tokens    uint64    `json:"tokens"`     // requests to the authority for claimd's own token and its document
	Failures  uint64    `json:"failures"`   // look-ups without an answer
	Busy      uint64    `json:"busy"`       // look-ups that got no turn
	Hits      uint64    `json:"hits"`       // questions answered from what is kept
	Kept      int       `json:"kept"`       // answers
	KeptBytes uint64    `json:"kept_bytes"` // that they take
	UnderWay  int       `json:"under_way"`  // look-ups, those that wait for their turn included
	Breaker   string    `json:"breaker"`    // closed, open, paused (Graph asked for it) or probing
	Until     time.Time `json:"until,omitzero"`
	Failing   bool      `json:"failing"` // the last look-up told that Graph does not work
	Kind      Kind      `json:"kind,omitempty"`
	Problem   string    `json:"problem,omitempty"` // of the last failure, which may be long ago
	Hint      string    `json:"hint,omitempty"`
	ProblemAt time.Time `json:"problem_at,omitzero"`
}

// Status tells how the Graph is, for claimctl status and metrics.
func (g *Graph) Status() Status {
	s := Status{
		Host:     g.host.String(),
		LookUps:  g.counts.lookUps.Load(),
		Calls:    g.counts.calls.Load(),
		Tokens:   g.credential.line.requests.Load(),
		Failures: g.counts.failures.Load(),
		Busy:     g.counts.busy.Load(),
		Hits:     g.counts.hits.Load(),
	}
	s.Kept, s.KeptBytes = g.kept.size()
	s.Breaker, s.Until = g.breaker.state(g.now())
	s.Until = s.Until.Round(0)
	g.mu.Lock()
	defer g.mu.Unlock()
	s.UnderWay = len(g.flights)
	s.Failing = g.trouble.failing != ""
	if last := g.trouble.last; last != nil {
		s.Kind, s.Problem, s.Hint, s.ProblemAt = last.Kind, last.Problem, last.Hint, g.trouble.at.Round(0)
	}
	return s
}

// noteTrouble remembers a failure, and logs it where it is news: once for each change of what is wrong with Graph, and for
// single users at most every 10 seconds.
func (g *Graph) noteTrouble(u *Unavailable, user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.trouble.last, g.trouble.at = u, now
	fields := []zap.Field{zap.String("kind", string(u.Kind)), zap.String("problem", u.Problem)}
	if u.Hint != "" {
		fields = append(fields, zap.String("hint", u.Hint))
	}
	if u.Kind.ofOne() {
		if g.trouble.logged.IsZero() || now.Sub(g.trouble.logged) >= refusedFor {
			g.trouble.logged = now
			g.log.Warn("Microsoft Graph does not tell a user's groups", append(fields, zap.String("user", user))...)
		}
		g.works()
		return
	}
	if g.trouble.failing != u.Kind {
		g.trouble.failing = u.Kind
		g.log.Warn("Microsoft Graph does not tell groups", fields...)
	}
}

// noteWrongGroup remembers that a group is not taken, and logs it where another one was not the last time. Users are told
// all the same, by the longer way.
func (g *Graph) noteWrongGroup(u *Unavailable) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trouble.last, g.trouble.at = u, g.now()
	if g.trouble.wrong != u.Problem {
		g.trouble.wrong = u.Problem
		g.log.Warn("Microsoft Graph does not take a group of the configuration: all groups of users are read instead",
			zap.String("problem", u.Problem), zap.String("hint", u.Hint))
	}
}

// recovered takes note of an answer.
func (g *Graph) recovered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.works()
}

// works ends what failing said. The caller holds mu.
func (g *Graph) works() {
	if g.trouble.failing != "" {
		g.trouble.failing = ""
		g.log.Info("Microsoft Graph tells groups again")
	}
}

// notAsked words why Graph is not asked now: what went wrong last. The caller holds mu.
func (g *Graph) notAsked(pause time.Duration) *Unavailable {
	u := &Unavailable{Kind: Open, RetryAfter: max(pause, time.Second),
		Problem: fmt.Sprintf("it is left alone for %s after failures", max(pause, time.Second).Round(time.Second))}
	if last := g.trouble.last; last != nil && g.trouble.failing != "" {
		u.Problem += ", the last: " + last.Problem
		u.Hint = last.Hint
	}
	return u
}
