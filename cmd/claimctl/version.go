package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
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
			version := programVersion(debug.ReadBuildInfo())
			if t.json {
				return t.printJSON(map[string]string{"version": version, "go": runtime.Version()}, false)
			}
			return t.print("claimctl " + version + ", built with " + runtime.Version() + "\n")
		},
	}
}

// version is set by the build: -ldflags "-X main.version=..." (Makefile). "" = what the Go toolchain stamped.
var version string

// programVersion gives the version of this build: the Makefile's, or the module's and the commit where the build
// recorded them.
func programVersion(info *debug.BuildInfo, ok bool) string {
	if version != "" {
		return version
	}
	if !ok {
		return "unknown"
	}
	words := []string{strings.Trim(info.Main.Version, "()")}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			words = append(words, setting.Value[:min(12, len(setting.Value))])
		}
	}
	return strings.Join(words, " ")
}
