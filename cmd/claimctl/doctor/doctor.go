// Package doctor asks, before there is any token, whether everything is in place that claimd needs: its configuration,
// the way to each provider, the clock, documents and keys, the daemon, the addresses that it listens on, and the
// gateway in front. It changes nothing. Where groups_overage is "graph", the app credential goes to the authority and the
// token got by it to Microsoft Graph, and where opaque_tokens is "introspection", the introspection credential to the
// provider, as from the running claimd; else no token and no secret is sent. What is answered, and in which words, is a
// finding.
package doctor

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

// Options say what is examined.
type Options struct {
	Path    string         // claimd.toml, as named
	Loaded  *daemon.Loaded // nil: Faults tell why the configuration cannot be used
	Faults  config.Faults  // notices too
	Socket  string         // the daemon's admin socket
	Version string         // of claimctl
	API     *url.URL       // where the gateway answers; nil = it is not asked
	Step    time.Duration  // how long one question may take; 0 = 10 s
}

// Examine asks everything and gives the answers in the order in which they are to be read. It takes no longer than the
// slowest chain of questions: providers are asked at once, and what depends on a question that was not answered with
// yes is not asked.
func Examine(ctx context.Context, options Options) []finding.Finding {
	if options.Step == 0 {
		options.Step = 10 * time.Second
	}
	h := &host{options: options}
	findings := ask(ctx, options.Step, "", h, hostChecks)
	findings = slices.Concat(findings, askProviders(ctx, options))
	findings = slices.Concat(findings, askListeners(ctx, options, h))
	if options.API != nil {
		g := newGateway(options)
		defer g.close()
		findings = slices.Concat(findings, ask(ctx, options.Step, options.API.Redacted(), g, gatewayChecks))
	}
	return findings
}

// askProviders visits all providers at once.
func askProviders(ctx context.Context, options Options) []finding.Finding {
	if options.Loaded == nil {
		return nil
	}
	sources := options.Loaded.Sources()
	found := make([][]finding.Finding, len(sources))
	visits := make([]*visit, len(sources))
	var all sync.WaitGroup
	for i, source := range sources {
		visits[i] = newVisit(options.Loaded, &options.Loaded.Config.Providers[i], source) // reads the client that all share
	}
	for i, v := range visits {
		all.Go(func() {
			defer v.close()
			found[i] = ask(ctx, options.Step, "provider."+sources[i].Name, v, v.checks())
		})
	}
	all.Wait()
	return slices.Concat(found...)
}

// check is one question about an S.
type check[S any] struct {
	name string
	// needs names a check above: unless its answer is yes, this one is not asked. "" = nothing.
	needs string
	// ask answers within the context. A Finding without a verdict is left out: the question does not arise. The subject
	// comes first, as in a method's expression.
	ask func(s *S, ctx context.Context) finding.Finding
}

// ask asks the questions about one subject, in their order.
func ask[S any](ctx context.Context, step time.Duration, subject string, s *S, checks []check[S]) []finding.Finding {
	var findings []finding.Finding
	verdicts := map[string]finding.Verdict{}
	for _, c := range checks {
		f := finding.Untold("", "needs a yes for %s", c.needs)
		if before := verdicts[c.needs]; before == "" || before == finding.Yes {
			f = answer(ctx, step, s, c)
		}
		if f.Verdict == "" {
			continue
		}
		verdicts[c.name] = f.Verdict
		f.Subject, f.Check = subject, c.name
		findings = append(findings, f)
	}
	return findings
}

func answer[S any](ctx context.Context, step time.Duration, s *S, c check[S]) finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, step)
	defer cancel()
	return c.ask(s, ctx)
}
