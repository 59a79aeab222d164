package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

const groupsUsage = `claimctl groups shows each local group that claimd serves with, and who has it.

Usage: claimctl groups [--roles] [--config FILE] [--socket PATH] [--json]

For each: how many users and service accounts had it when they were seen last, when the last of them
was seen, how many claim values name it, whose tokens may name it, and its text. Groups that users
had and that are no longer declared stand apart.

  --roles        the local roles instead
  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print a list as JSON

Exit status: 0 done, 2 wrong usage, 3 could not find out.
`

func (t *tool) groupsCommand() *cobra.Command {
	var roles bool
	cmd := &cobra.Command{
		Use: "groups", Short: "each local group, and who has it", Long: groupsUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind := directory.Groups
			if roles {
				kind = directory.Roles
			}
			locals, err := t.client().Locals(cmd.Context(), kind)
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(locals, false)
			}
			return t.print(localsText(locals, string(kind), t.now))
		},
	}
	cmd.Flags().BoolVar(&roles, "roles", false, "the local roles instead")
	return cmd
}

// localsText lists local groups or roles; kind is "group" or "role".
func localsText(locals []admin.Local, kind string, now time.Time) string {
	table := [][]string{{strings.ToUpper(kind), "USERS", "LAST SEEN", "NAMED BY", "PROVIDERS", "TEXT"}}
	var gone [][]string
	for _, local := range locals {
		row := []string{visible(local.Name), fmt.Sprintf("%5d", local.Users), lately(local.LastSeen, now)}
		if !local.Declared {
			gone = append(gone, row)
			continue
		}
		providers := "all"
		if len(local.Providers) > 0 {
			providers = list(local.Providers)
		}
		table = append(table, append(row, namedBy(local), providers, safe(local.Label)))
	}
	declared := len(table) - 1
	p := &page{}
	if declared > 0 {
		p.table("", 40, table)
	}
	if len(gone) > 0 {
		p.line("no longer declared under [%ss], and had by these users when they were seen last:", kind)
		p.table("  ", 40, gone)
	}
	p.line("%s", localsEnd(declared, kind))
	return p.String()
}

func namedBy(local admin.Local) string {
	if len(local.Values) == 0 {
		return "its own name"
	}
	return count(len(local.Values), "value")
}

func localsEnd(declared int, kind string) string {
	switch {
	case declared > 0 && kind == "group":
		return count(declared, "group") + "; claimctl users list --group NAME shows who has one"
	case declared > 0:
		return count(declared, "role") + "; claimctl users list --role NAME shows who has one"
	case kind == "group":
		return "no local group is declared, so nobody is let in: claimctl unmatched shows what tokens bring, for [groups]"
	}
	return "no local role is declared: claimctl unmatched shows what tokens bring, for [roles]"
}
