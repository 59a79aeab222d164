package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
)

const unmatchedUsage = `claimctl unmatched shows the claim values that tokens bring and that name nothing local.

Usage: claimctl unmatched [--limit N] [--config FILE] [--socket PATH] [--json]

Those of most users come first, each with the user who was seen with it last. Below stand the lines
that declare them, to paste under [groups] or [roles] as far as they are meant: whoever has a local
group may come in.

  --limit N      show at most N (default 50); 0 shows as many as claimd gives, which is 1,000
  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print values and lines as JSON

Exit status: 0 done, 2 wrong usage, 3 could not find out.
`

// firstValues is how many values are shown where nobody says how many, mostUnmatched how many claimd gives.
const (
	firstValues   = 50
	mostUnmatched = 1000
)

func (t *tool) unmatchedCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "unmatched", Short: "the claim values that name nothing local", Long: unmatchedUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 || limit > mostUnmatched {
				return misused("unmatched", "--limit: want a number from 0 to 1000, got %d", limit)
			}
			unmatched, err := t.client().Unmatched(cmd.Context(), limit)
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(unmatched, false)
			}
			return t.print(unmatchedText(unmatched, t.now))
		},
	}
	cmd.Flags().IntVar(&limit, "limit", firstValues, "show at most so many values; 0 shows up to 1,000")
	return cmd
}

func unmatchedText(u admin.Unmatched, now time.Time) string {
	if len(u.Values) == 0 {
		return "every claim value of the tokens seen last names something local\n"
	}
	table := [][]string{{"USERS", "LAST SEEN", "CLAIM", "PROVIDER", "VALUE", "AN EXAMPLE"}}
	for _, value := range u.Values {
		user := value.User
		if user == "" {
			user = value.Example.ID
		}
		table = append(table, []string{
			fmt.Sprintf("%5d", value.Users), lately(value.LastSeen, now), safe(string(value.Claim)) + "s", safe(value.Provider),
			visible(value.Value), visible(user),
		})
	}
	p := &page{}
	p.table("", 50, table)
	pasteRows(p, "groups", u.Paste.Groups)
	pasteRows(p, "roles", u.Paste.Roles)
	if u.More {
		p.line("the first %s; --limit 0 shows more", count(len(u.Values), "value"))
	} else {
		p.line("%s", count(len(u.Values), "value"))
	}
	return p.String()
}

// pasteRows shows the lines for one table of the configuration.
func pasteRows(p *page, table string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.line("to declare what you mean of them, paste under [%s]:", table)
	for _, line := range lines {
		p.line("  %s", escape(line))
	}
}
