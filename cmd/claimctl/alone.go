package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// explainAlone judges the token without a daemon: by the files, with keys that it fetches and keeps nowhere; about a
// token that is no JWT it asks the provider itself, where it can read the credential for that. The error
// tells why the token could not be judged.
func (t *tool) explainAlone(ctx context.Context, token string, original *access.Original) (access.Explanation, error) {
	options, err := t.reading()
	if err != nil {
		return access.Explanation{}, err
	}
	loaded, err := daemon.Load(t.configPath, options)
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return access.Explanation{}, &failure{code: exitUnknown,
			text: "the configuration has faults, so nothing can be judged by it\n" + strings.TrimSuffix(faultsText(onlyFaults(t.mended(faults))), "\n")}
	}
	if err != nil {
		return access.Explanation{}, err
	}
	ring := keys.NewRing(keys.Options{Client: loaded.Client})
	defer ring.Close()
	providers := loaded.Open(ring)
	problems := fetchAll(ctx, providers)
	if err := ctx.Err(); err != nil {
		return access.Explanation{}, err
	}
	snapshot := loaded.Snapshot(providers, 0)
	asker, err := loaded.AskerOf(providers)
	if err == nil && asker != nil {
		defer asker.Close()
		snapshot.AskOpaque(asker)
	}
	e := snapshot.ExplainFor(ctx, token, original, t.now)
	unknown := e.Reason == reason.ProviderUnavailable && asker != nil && asker.Status().Endpoint == ""
	if (e.Reason == reason.KeysUnavailable || unknown) && len(problems) > 0 {
		return e, &failure{code: exitUnknown, text: "could not find out: " + strings.Join(problems, "\n"),
			hint: "does this host reach the provider? proxy and ca_file stand under [outbound]"}
	}
	return e, nil
}

func onlyFaults(faults config.Faults) config.Faults {
	return slices.DeleteFunc(slices.Clone(faults), func(f config.Fault) bool { return f.Notice })
}

// fetchAll fetches the keys of all providers at once, and tells which could not be had. A provider that the token does
// not concern may fail.
func fetchAll(ctx context.Context, providers map[string]*keys.Provider) []string {
	names := slices.Sorted(maps.Keys(providers))
	problems := make([]string, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			if err := providers[name].Refresh(ctx); err != nil {
				problems[i] = "the keys of provider." + name + " cannot be fetched: " + strings.TrimPrefix(err.Error(), name+": ")
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(problems, func(problem string) bool { return problem == "" })
}
