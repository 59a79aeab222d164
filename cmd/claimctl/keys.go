package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/keys"
)

const keysUsage = `claimctl keys shows the signing keys that claimd has of each provider.

Usage: claimctl keys [--config FILE] [--socket PATH] [--json]
       claimctl keys refresh [PROVIDER]

For each provider and each version of its documents: where the keys came from and when, the
outcome of the last attempt, and every key by its id; keys that are not used say why.
refresh has claimd fetch the keys of PROVIDER, or of all, now.

  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print the keys as JSON

Exit status: 0 done, 1 keys could not be fetched or there is no such provider, 2 wrong usage,
3 could not find out.
`

const refreshUsage = `claimctl keys refresh has claimd fetch the keys of PROVIDER, or of all providers, now.

Usage: claimctl keys refresh [PROVIDER] [--config FILE] [--socket PATH] [--json]

The limits for unknown key ids and failed attempts do not hold this up. A fetch that fails leaves
the keys as they were.

  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print the outcome as JSON

Exit status: 0 fetched, 1 keys could not be fetched or there is no such provider, 2 wrong usage,
3 could not find out.
`

func (t *tool) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "the signing keys of each provider", Long: keysUsage,
		Args: takes(0, "no argument but refresh"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := t.client().Keys(cmd.Context())
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(status, false)
			}
			return t.print(keysText(status, t.now))
		},
	}
	cmd.AddCommand(t.refreshCommand())
	return cmd
}

func (t *tool) refreshCommand() *cobra.Command {
	return &cobra.Command{
		Use: "refresh", Short: "have claimd fetch the keys now", Long: refreshUsage,
		Args: takes(1, "one provider or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			provider := ""
			if len(args) == 1 {
				provider = args[0]
			}
			results, err := t.client().RefreshKeys(cmd.Context(), provider)
			if err != nil {
				return err
			}
			if t.json {
				err = t.printJSON(results, false)
			} else {
				err = t.print(refreshText(results))
			}
			if err == nil && anyFailed(results) {
				return refused()
			}
			return err
		},
	}
}

// noProviders is said where claimd fetches no keys at all.
const noProviders = "no provider is in use: none is configured, or enabled is false\n"

func anyFailed(results []admin.RefreshResult) bool {
	for _, result := range results {
		if result.Problem != "" {
			return true
		}
	}
	return false
}

func refreshText(results []admin.RefreshResult) string {
	if len(results) == 0 {
		return noProviders
	}
	p := &page{}
	for _, result := range results {
		outcome := "fetched"
		if result.Problem != "" {
			outcome = "FAILED: " + safe(result.Problem)
		}
		p.line("%s: %s", safe(result.Provider), outcome)
	}
	return p.String()
}

func keysText(providers []keys.Status, now time.Time) string {
	if len(providers) == 0 {
		return noProviders
	}
	p := &page{}
	for i, provider := range providers {
		if i > 0 {
			p.line("")
		}
		state := "live"
		if !provider.Live {
			state = "NO KEYS: requests are answered 503 keys_unavailable"
		}
		p.line("%s: %s", safe(provider.Provider), state)
		for _, document := range provider.Documents {
			documentRows(p, document, now)
		}
	}
	return p.String()
}

// documentRows shows one version's document and its keys.
func documentRows(p *page, d keys.DocumentStatus, now time.Time) {
	version := "v" + safe(d.Version)
	switch {
	case d.Version == "":
		version = "OpenID"
	case d.Application:
		version += ", for this application alone"
	}
	p.line("  %s  %s", version, safe(d.URL))
	if d.Issuer != "" {
		p.line("    issuer   %s", safe(d.Issuer))
	}
	if d.KeysURL != "" {
		p.line("    key set  %s", safe(d.KeysURL))
	}
	switch {
	case d.FetchedAt.IsZero():
		p.line("    fetched  never")
	case d.Live:
		p.line("    fetched  %s, from the %s", when(d.FetchedAt, now), safe(d.Source))
	default:
		p.line("    fetched  %s, from the %s; DEAD: too old to be used", when(d.FetchedAt, now), safe(d.Source))
	}
	if d.Error != "" {
		p.line("    FAILED   %s: %s", when(d.AttemptedAt, now), safe(d.Error))
	}
	rows := [][]string{}
	for _, key := range d.Keys {
		note := ""
		if key.Ignored != "" {
			note = "not used: " + safe(key.Ignored)
		}
		rows = append(rows, []string{visible(key.ID), safe(key.Type), note})
	}
	p.table("    key      ", 45, rows)
}
