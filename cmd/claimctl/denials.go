package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/access"
)

const denialsUsage = `claimctl denials shows the last 1,000 refusals since claimd was started, the newest last.

Usage: claimctl denials [ID] [--follow] [--config FILE] [--socket PATH] [--json]

ID is a decision's id, as the refused client got it in the header X-Claimd-Decision: then all that
is kept of that refusal is shown, with what would mend it. User and application are those of a
verified token; of any other token nothing is shown but its key id.

  --follow       print further refusals as they come, until Ctrl-C
  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print JSON: a list, or with --follow one object a line

Exit status: 0 done, 1 no refusal with that ID is kept, 2 wrong usage, 3 could not find out.
`

func (t *tool) denialsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "denials", Short: "the last refusals", Long: denialsUsage,
		Args: takes(1, "one decision id or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case follow && len(args) > 0:
				return misused("denials", "want an id or --follow, got both")
			case follow:
				return t.followDenials(cmd)
			case len(args) > 0:
				return t.oneDenial(cmd, args[0])
			}
			return t.allDenials(cmd)
		},
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "print further refusals as they come")
	return cmd
}

func (t *tool) allDenials(cmd *cobra.Command) error {
	all, err := t.client().Denials(cmd.Context(), "")
	if err != nil {
		return err
	}
	if t.json {
		return t.printJSON(all, false)
	}
	return t.print(denialsText(all, t.now))
}

func (t *tool) oneDenial(cmd *cobra.Command, id string) error {
	found, err := t.client().Denials(cmd.Context(), id)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return &failure{code: exitNo, text: "no refusal with that id is kept: claimd keeps the last 1,000 since it was started"}
	}
	if t.json {
		return t.printJSON(found, false)
	}
	var text strings.Builder
	for _, denial := range found {
		text.WriteString(denialText(denial, t.now))
	}
	return t.print(text.String())
}

func (t *tool) followDenials(cmd *cobra.Command) error {
	var failed error
	err := t.client().FollowDenials(cmd.Context(), func(denial access.Denial) {
		var err error
		if t.json {
			err = t.printJSON(denial, true)
		} else {
			err = t.print(denialRows(denial, t.now))
		}
		if failed == nil {
			failed = err
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// denialsText lists refusals, each with its reason, who and what.
func denialsText(all []access.Denial, now time.Time) string {
	if len(all) == 0 {
		return "no refusals since claimd was started\n"
	}
	var b strings.Builder
	for _, denial := range all {
		b.WriteString(denialRows(denial, now))
	}
	fmt.Fprintf(&b, "%s; claimctl denials ID tells what mends one\n", count(len(all), "refusal"))
	return b.String()
}

// denialRows shows one refusal in a list: what and when on one line, who and which values below, as far as they are
// known.
func denialRows(d access.Denial, now time.Time) string {
	p := &page{}
	p.line("%s  %s  %s", clock(d.Time, now), pad(reasonName(d), 23), safe(d.ID))
	if d.User != "" || d.Client != "" {
		p.line("    user %s  app %s", orDash(d.User), orDash(d.Client))
	}
	if d.Header != "" {
		p.line("    header %s", safe(d.Header))
	}
	if d.Request != "" {
		p.line("    %s", requestWords(d))
	}
	if len(d.Unmatched) > 0 {
		p.line("    nothing local for %s", firstOf(d.Unmatched, 5))
	}
	return p.String()
}

// denialText shows all that is kept of one refusal.
func denialText(d access.Denial, now time.Time) string {
	p := &page{width: 10}
	p.row("decision", "%s", safe(d.ID))
	p.row("time", "%s", when(d.Time, now))
	if status := d.Reason.Status(); d.Reason.String() != "" {
		p.row("reason", "%s (%d): %s", d.Reason, status, d.Reason.Sentence())
	} else {
		p.row("reason", "%s", reasonName(d))
	}
	for _, field := range [][2]string{
		{"provider", d.Provider}, {"user", d.User}, {"app", d.Client}, {"key id", d.KeyID}, {"header", d.Header},
		{"request", d.Request}, {"route", d.Route},
	} {
		if field[1] != "" {
			p.row(field[0], "%s", visible(field[1]))
		}
	}
	label := "unmatched"
	for _, value := range d.Unmatched {
		p.row(label, "%s", visible(value))
		label = ""
	}
	p.row("generation", "%d", d.Generation)
	mendLabel := "to mend it"
	for line := range strings.Lines(wrap(safeLines(d.Mend), 86)) {
		p.row(mendLabel, "%s", strings.TrimSpace(line))
		mendLabel = ""
	}
	return p.String()
}

// reasonName gives the reason; a claimctl that is older than its claimd may not know it.
func reasonName(d access.Denial) string {
	if name := d.Reason.String(); name != "" {
		return name
	}
	return "(unknown reason)"
}

// requestWords tells the original request, and the route that decided about it where one did.
func requestWords(d access.Denial) string {
	if d.Route == "" {
		return visible(d.Request)
	}
	return visible(d.Request) + "  route " + visible(d.Route)
}

func orDash(value string) string {
	if value == "" {
		return "-"
	}
	return visible(value)
}

// firstOf joins the first values and counts the others.
func firstOf(values []string, most int) string {
	if len(values) <= most {
		return list(values)
	}
	return fmt.Sprintf("%s and %d more", list(values[:most]), len(values)-most)
}
