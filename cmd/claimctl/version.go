package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon"
)

const versionUsage = `claimctl version prints the version of claimctl; claimctl status prints claimd's.

Usage: claimctl version [--json]

  --json  print it as JSON

Exit status: 0 done, 2 wrong usage.
`

func (t *tool) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "the version of claimctl", Long: versionUsage,
		Args: takes(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			shown := daemon.Version(version)
			if t.json {
				return t.printJSON(map[string]string{"version": shown, "go": runtime.Version()}, false)
			}
			return t.print("claimctl " + shown + ", built with " + runtime.Version() + "\n")
		},
	}
}

// version is set by the linker (-X main.version=...); "" = what daemon.Version finds.
var version string
