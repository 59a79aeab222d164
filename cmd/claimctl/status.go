package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
)

const statusUsage = `claimctl status tells what claimd does at this moment.

Usage: claimctl status [--config FILE] [--socket PATH] [--json]

It shows the version, whether requests can be judged, the configuration that serves with the hash
of each file, the last reload where it was refused, the providers and how fresh their keys are,
how a provider answers that is asked about tokens which are no JWT, the directory of users, where
claimd listens, and how requests were answered since it was started.

  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print the status as JSON; it also holds what the process takes of its host:
                 goroutines, memory, open files

Exit status: 0 claimd answered, 2 wrong usage, 3 could not find out.
`

func (t *tool) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "what claimd does at this moment", Long: statusUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := t.client().Status(cmd.Context())
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(status, false)
			}
			return t.print(statusText(status, t.now))
		},
	}
}

func statusText(s admin.Status, now time.Time) string {
	p := &page{width: 10}
	p.row("claimd", "%s, pid %d, running since %s (%s)", safe(s.Version), s.PID, clock(s.StartedAt, now), span(now.Sub(s.StartedAt)))
	p.row("state", "%s", stateText(s))
	p.row("generation", "%d, loaded %s: %s, %s", s.Generation, when(s.LoadedAt, now), count(s.Groups, "group"), count(s.Roles, "role"))
	files := [][]string{}
	for _, file := range s.Files {
		files = append(files, []string{safe(file.Path), shortHash(file.SHA256)})
	}
	if len(files) > 1 {
		files = append(files, []string{"all together", shortHash(s.Hash)})
	}
	p.rows("files", files)
	if s.Reloads != (admin.Reloads{}) {
		p.row("reloads", "%d taken, %d refused", s.Reloads.Taken, s.Reloads.Refused)
	}
	refusedRows(p, s, now)
	p.rows("providers", providerRows(s.Providers, now))
	if len(s.Graphs) > 0 {
		p.rows("graph", graphRows(s.Graphs, now))
	}
	if s.Opaque != nil {
		p.rows("opaque", opaqueRows(s.Opaque, now))
	}
	directoryRows(p, s.Directory, now)
	listeners := [][]string{}
	for _, listener := range s.Listeners {
		listeners = append(listeners, []string{safe(listener.Door), safe(listener.Address)})
	}
	p.rows("listeners", listeners)
	countRows(p, s)
	return p.String()
}

func stateText(s admin.Status) string {
	switch {
	case !s.Enabled:
		return "switched off: enabled is false, every protected request is answered 503 disabled"
	case s.Ready:
		return "ready"
	}
	return "NOT READY: no provider has live keys, requests are answered 503 keys_unavailable"
}

// refusedRows shows the last reload where it was refused.
func refusedRows(p *page, s admin.Status, now time.Time) {
	if s.LastRefused == nil {
		return
	}
	r := s.LastRefused
	p.row("REFUSED", "a reload, %s", when(r.At, now))
	for line := range strings.Lines(faultsText(r.Faults) + problemText(r.Problem)) {
		p.row("", "%s", strings.TrimSuffix(line, "\n"))
	}
	p.row("", "generation %d goes on serving", s.Generation)
}

// providerRows tells for each provider whether its keys are live, how fresh they are, and which attempts failed.
func providerRows(providers []keys.Status, now time.Time) [][]string {
	var rows [][]string
	for _, provider := range providers {
		state := "live"
		if !provider.Live {
			state = "NO KEYS"
		}
		rows = append(rows, []string{safe(provider.Provider), state, freshness(provider, now)})
		for _, document := range provider.Documents {
			if document.Error != "" {
				name := safe(document.Edition())
				if document.Version != "" {
					name = "v" + name
				}
				failed := fmt.Sprintf("%s failed %s: %s", name, ago(document.AttemptedAt, now), safe(document.Error))
				rows = append(rows, []string{"", "", failed})
			}
		}
	}
	return rows
}

// graphRows tells of each Microsoft Graph that is asked for groups how it answers.
func graphRows(graphs []admin.GraphStatus, now time.Time) [][]string {
	var rows [][]string
	for _, g := range graphs {
		if g.Host == "" {
			rows = append(rows, []string{safe(g.Provider), "NOT KNOWN", "the provider's documents have told no msgraph_host yet"})
			continue
		}
		state := "answers"
		switch {
		case g.Failing:
			state = "FAILING"
		case g.LookUps == 0:
			state = "not asked yet"
		}
		rows = append(rows, []string{safe(g.Provider), state, fmt.Sprintf("%s: %s, %d answered from memory, %d failed",
			safe(g.Host), counted(int(g.LookUps), "user asked about", "users asked about"), g.Hits, g.Failures)})
		if !g.Failing {
			continue
		}
		rows = append(rows, []string{"", "", ago(g.ProblemAt, now) + ": " + safe(g.Problem)})
		if g.Hint != "" {
			rows = append(rows, []string{"", "", safe(g.Hint)})
		}
		if !g.Until.IsZero() {
			rows = append(rows, []string{"", "", "asked again from " + clock(g.Until, now) + " on"})
		}
	}
	return rows
}

// opaqueRows tells how the provider answers that is asked about tokens which are no JWT.
func opaqueRows(s *opaque.Status, now time.Time) [][]string {
	state := "answers"
	switch {
	case s.Endpoint == "":
		state = "NOT KNOWN"
	case s.Stats.NotAskedNow:
		state = "NOT ASKED"
	case s.Error != "":
		state = "FAILING"
	case s.Stats.Asked == 0:
		state = "not asked yet"
	}
	n := s.Stats
	rows := [][]string{{safe(s.Provider), state, fmt.Sprintf("%s: %s, %d vouched for, %d refused, %d failed; %d answered from memory",
		safe(string(s.Kind)), counted(int(n.Asked), "request", "requests"), n.Verified, n.Refused, n.Failed, n.Kept+n.KeptRefusals)}}
	tell := func(format string, values ...any) {
		rows = append(rows, []string{"", "", fmt.Sprintf(format, values...)})
	}
	if s.Endpoint == "" {
		tell("its document has not been fetched, or names no %s endpoint that may be asked", safe(string(s.Kind)))
	}
	if s.Error != "" {
		problem, hint, _ := strings.Cut(s.Error, "\nhint: ")
		tell("since %s: %s", clock(s.FailingSince, now), safe(problem))
		if hint != "" {
			tell("%s", safe(hint))
		}
	}
	if n.NotAskedNow {
		tell("asked again from %s on; until then such tokens are answered 503 provider_unavailable", clock(s.NotAskedTill, now))
	}
	if n.Shed+n.Held > 0 {
		tell("answered 503 without asking: %d as it failed, %d as 64 requests were under way", n.Held, n.Shed)
	}
	return rows
}

// directoryRows tells where the directory of users lies, how many it knows, and what is the matter with it.
func directoryRows(p *page, d directory.Status, now time.Time) {
	if d.Store == "" && d.Problem == "" { // a claimd that has none
		return
	}
	if d.Store == "" {
		p.row("directory", "NONE: %s", safe(d.Problem))
		return
	}
	p.row("directory", "%s, %s: %s, %d inactive, %d waiting", safe(d.Store), safe(d.Place), count(d.Known, "user"), d.Inactive, d.Waiting)
	switch {
	case d.ReadOnly:
		p.row("", "READ-ONLY since a write failed for good: nothing more is recorded until claimd is restarted")
	case !d.Usable:
		p.row("", "NOT READ since %s: requests are answered 503 directory_unavailable", when(d.ReadAt, now))
	}
	if d.Problem != "" {
		p.row("", "FAILED   %s", safe(d.Problem))
	}
	if d.Unrecorded > 0 {
		p.row("", "%s of new users were left out: no more are recorded", count(int(d.Unrecorded), "sighting"))
	}
	if d.Dropped > 0 {
		p.row("", "%s dropped: they came faster than they could be written", counted(int(d.Dropped), "sighting was", "sightings were"))
	}
}

// freshness tells of the newest key set that a provider has.
func freshness(provider keys.Status, now time.Time) string {
	var newest keys.DocumentStatus
	for _, document := range provider.Documents {
		if document.FetchedAt.After(newest.FetchedAt) {
			newest = document
		}
	}
	if newest.FetchedAt.IsZero() {
		return "never fetched"
	}
	return fmt.Sprintf("%s, fetched %s%s", count(usable(newest), "key"), ago(newest.FetchedAt, now), fromDisk(newest))
}

func usable(document keys.DocumentStatus) int {
	n := 0
	for _, key := range document.Keys {
		if key.Ignored == "" {
			n++
		}
	}
	return n
}

func fromDisk(document keys.DocumentStatus) string {
	if document.Source == "disk" {
		return " (kept on disk)"
	}
	return ""
}

// countRows shows how requests were answered, the most frequent refusal first.
func countRows(p *page, s admin.Status) {
	denied := s.Counts.Denied
	reasons := slices.SortedFunc(maps.Keys(denied), func(a, b string) int {
		return cmp.Or(cmp.Compare(denied[b], denied[a]), cmp.Compare(a, b))
	})
	var total uint64
	parts := make([]string, len(reasons))
	for i, name := range reasons {
		total += denied[name]
		parts[i] = fmt.Sprintf("%s %d", safe(name), denied[name])
	}
	p.row("requests", "%d allowed, %d refused", s.Counts.Allowed, total)
	if len(parts) > 0 {
		p.row("refused", "%s", strings.Join(parts, ", "))
	}
	p.row("ignored", "%s", counted(int(s.Counts.Unmatched), "claim value that named", "claim values that named")+" no local group or role")
	p.row("kept", "%s", keptText(s))
}

// keptText tells how many identities are kept, and how much they take of what they may.
func keptText(s admin.Status) string {
	text := counted(s.Counts.Kept, "verified identity", "verified identities")
	if s.Counts.KeptLimit == 0 { // a claimd that does not tell
		return text
	}
	const mebibyte = 1 << 20
	return fmt.Sprintf("%s in %.1f of %.1f MiB", text, float64(s.Counts.KeptBytes)/mebibyte, float64(s.Counts.KeptLimit)/mebibyte)
}

func shortHash(hash string) string { return safe(hash[:min(12, len(hash))]) }
