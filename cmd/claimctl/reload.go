package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
)

const reloadUsage = `claimctl reload has claimd read its configuration files again, and waits for the verdict.

Usage: claimctl reload [--config FILE] [--socket PATH] [--json]

claimd changes to the new configuration as a whole, or goes on with the one it has; no request is
dropped. Every fault is printed as claimctl check prints it. A new provider's keys are fetched
before the change, so this can take some seconds.

  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print the verdict as JSON

Exit status: 0 the files are what runs now, 1 refused, 2 wrong usage, 3 could not find out.
`

func (t *tool) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "have claimd read its files again", Long: reloadUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			verdict, err := t.client().Reload(cmd.Context())
			if err != nil {
				return err
			}
			if t.json {
				err = t.printJSON(verdict, false)
			} else {
				err = t.print(reloadText(verdict))
			}
			if err == nil && !verdict.OK {
				return refused()
			}
			return err
		},
	}
}

func reloadText(r admin.ReloadResult) string {
	text := faultsText(r.Faults)
	switch {
	case r.OK && r.Changed:
		return text + fmt.Sprintf("reloaded: generation %d serves now\n", r.Generation)
	case r.OK:
		return text + fmt.Sprintf("unchanged: the files are what generation %d serves already\n", r.Generation)
	}
	if r.Problem != "" {
		return text + problemText(r.Problem) + "refused" + goesOn(r.Generation)
	}
	return text + "refused: " + countFaults(r.Faults) + goesOn(r.Generation)
}

func goesOn(generation uint64) string {
	if generation == 0 { // the daemon did not come to look
		return "\n"
	}
	return fmt.Sprintf("; generation %d goes on serving\n", generation)
}

// problemText writes the daemon's words, with their hint indented as that of a fault is.
func problemText(problem string) string {
	var b strings.Builder
	for line := range strings.Lines(problem) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "hint: ") {
			line = "  " + line
		}
		b.WriteString(escape(line) + "\n")
	}
	return b.String()
}
