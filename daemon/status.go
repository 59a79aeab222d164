package daemon

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/keys"
)

// backend is what the daemon does for its administrators.
func (d *daemon) backend() admin.Backend {
	people := d.people()
	return admin.Backend{
		Status:      d.status,
		Reload:      d.reloader.request,
		Explain:     d.explain,
		Denials:     d.gate.Denials(),
		Keys:        d.keys,
		RefreshKeys: d.refreshKeys,
		Users:       people.users,
		User:        people.user,
		Change:      people.change,
		Locals:      people.locals,
		Unmatched:   people.unmatched,
		Judge:       people.judge,
	}
}

func (d *daemon) status() admin.Status {
	now := d.reloader.state.Load()
	cfg, tree := now.loaded.Config, now.loaded.Tree
	return admin.Status{
		Version:     d.options.Version,
		PID:         os.Getpid(),
		StartedAt:   d.started,
		Enabled:     cfg.Enabled,
		Ready:       d.gate.Ready(),
		Generation:  now.generation,
		LoadedAt:    now.at,
		Files:       slices.Concat(tree.Files, tree.Extra),
		Hash:        tree.Hash(),
		Groups:      len(cfg.Groups),
		Roles:       len(cfg.Roles),
		LastRefused: now.refused,
		Reloads:     admin.Reloads{Taken: d.reloader.taken.Load(), Refused: d.reloader.turned.Load()},
		Providers:   d.keys(),
		Listeners:   d.doors.list(),
		Counts:      d.gate.Stats(),
		Graphs:      d.graphs.status(),
		Opaque:      d.opaques.status(),
		Directory:   d.directoryStatus(),
		Process:     process(),
	}
}

// process asks the runtime without stopping the world, as ReadMemStats would.
func process() admin.Process {
	const heap, total, released = "/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes", "/memory/classes/heap/released:bytes"
	samples := []metrics.Sample{{Name: heap}, {Name: total}, {Name: released}}
	metrics.Read(samples)
	return admin.Process{
		Goroutines:  runtime.NumGoroutine(),
		HeapBytes:   samples[0].Value.Uint64(),
		MemoryBytes: samples[1].Value.Uint64() - samples[2].Value.Uint64(),
		OpenFiles:   openFiles(),
	}
}

// openFiles counts the process's descriptors but the one that the count itself takes; -1 where there is no /proc, or
// where no descriptor is left to count with.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries) - 1
}

func (d *daemon) explain(ctx context.Context, token string, original *access.Original) access.Explanation {
	return d.gate.Snapshot().ExplainFor(ctx, token, original, time.Now())
}

// keys gives the state of the serving configuration's keys, in byte order of the providers' names.
func (d *daemon) keys() []keys.Status {
	providers := d.reloader.state.Load().providers
	all := make([]keys.Status, 0, len(providers))
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		all = append(all, providers[name].Status())
	}
	return all
}

// refreshKeys fetches the keys of one provider, or of every one, now.
func (d *daemon) refreshKeys(ctx context.Context, provider string) ([]admin.RefreshResult, error) {
	providers := d.reloader.state.Load().providers
	names := slices.Sorted(maps.Keys(providers))
	if provider != "" {
		if providers[provider] == nil {
			return nil, unknownProvider(provider, names)
		}
		names = []string{provider}
	}
	results := make([]admin.RefreshResult, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			results[i] = admin.RefreshResult{Provider: name}
			if err := providers[name].Refresh(ctx); err != nil {
				results[i].Problem = strings.TrimPrefix(err.Error(), name+": ")
			}
		})
	}
	all.Wait()
	return results, nil
}

func unknownProvider(got string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("no provider is in use, got %q", got)
	}
	return fmt.Errorf("want a provider in use (%s), got %q", strings.Join(names, ", "), got)
}

// logServing says in a sentence what serves now.
func logServing(log *zap.Logger, now *running) {
	cfg := now.loaded.Config
	hash := now.loaded.Tree.Hash()
	sentence := "a disabled configuration serves: every protected request is answered 503"
	if cfg.Enabled {
		sentence = fmt.Sprintf("a configuration of %s, %s and %s serves",
			count(len(cfg.Providers), "provider"), count(len(cfg.Groups), "local group"), count(len(cfg.Roles), "role"))
	}
	log.Info(sentence, zap.Uint64("generation", now.generation), zap.String("hash", hash[:min(12, len(hash))]))
	logFaults(log, now.loaded.Notices)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
