package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
)

func (t *tool) usersShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [PROVIDER] ID", Short: "all that is known of one user", Long: usersUsage,
		Args: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			provider, id := named(args)
			detail, err := t.client().User(cmd.Context(), provider, id)
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(detail, false)
			}
			return t.print(userText(detail, t.now))
		},
	}
}

// userText shows all that is known of one user.
func userText(d admin.UserDetail, now time.Time) string {
	p := &page{width: 13}
	p.row("user", "%s", shownID(d.User))
	if name := d.User.User; name != d.Key.ID && name != "" {
		p.row("id", "%s", visible(d.Key.ID))
	}
	provider := safe(d.Provider)
	if d.Gone {
		provider = strings.TrimSpace(provider + " (no provider of the configuration has the authority " + safe(d.Key.Authority) + ": nobody of it is let in)")
	}
	p.row("provider", "%s", provider)
	if d.State == directory.Unknown {
		p.row("state", "%s", unknownText(d))
		if !d.NotBefore.IsZero() {
			p.row("revoked", "tokens issued up to %s are refused", clockUTC(d.NotBefore))
		}
		historyRows(p, d.History, now)
		return p.String()
	}
	p.row("kind", "%s", kindText(d.User))
	if name := strings.TrimSpace(d.First + " " + d.Last); name != "" {
		p.row("name", "%s", safe(name))
	}
	if d.Email != "" {
		p.row("email", "%s", visible(d.Email))
	}
	stateRows(p, d.User, now)
	if d.LastSeen.IsZero() {
		p.row("last seen", "never: nobody of this id has come yet")
	} else {
		seenRows(p, d, now)
	}
	historyRows(p, d.History, now)
	return p.String()
}

// unknownText tells of somebody in the state unknown why there is more than nothing to show.
func unknownText(d admin.UserDetail) string {
	for _, change := range d.History {
		if change.Action != directory.Revoke {
			return "forgotten: nothing is known of him but what administrators did"
		}
	}
	return "unknown: nobody of this id has come yet; nothing is known of him but what administrators did"
}

func kindText(user admin.User) string {
	switch {
	case user.App && user.Account != "":
		return "service account, " + visible(user.Account)
	case user.App:
		return "service account"
	case user.Guest:
		return "guest"
	}
	return "user"
}

// stateRows tells whether the user may come, who decided that and what changes it.
func stateRows(p *page, user admin.User, now time.Time) {
	since := ""
	if user.ChangedBy != "" {
		since = ", by " + safe(user.ChangedBy) + " on " + when(user.ChangedAt, now)
	}
	command := func(verb string) string { return safe(admin.Command(verb, providerFor(user), user.Key)) }
	switch user.State {
	case directory.Active:
		p.row("state", "active%s", since)
	case directory.Inactive:
		p.row("state", "INACTIVE%s", since)
		p.row("", "to let him in again: %s", command("activate"))
	case directory.Waiting:
		p.row("state", "WAITING for an invitation%s", since)
		p.row("", "to let him in: %s", command("invite"))
	default:
		p.row("state", "%s%s", safe(user.State.String()), since)
	}
	if user.Blocked && user.App {
		p.row("", "BLOCKED by the configuration: active = false at his [[service_account]]")
	} else if user.Blocked {
		p.row("", "BLOCKED by the configuration: blocked = true at his [[user]]")
	}
	if !user.NotBefore.IsZero() {
		p.row("revoked", "tokens issued up to %s are refused", clockUTC(user.NotBefore))
	}
}

// seenRows tells what the last token brought.
func seenRows(p *page, d admin.UserDetail, now time.Time) {
	p.row("last seen", "%s", when(d.LastSeen, now))
	p.row("first seen", "%s", when(d.FirstSeen, now))
	p.row("client", "%s", orDash(d.Client))
	if d.Scopes != "" {
		p.row("scopes", "%s", safe(d.Scopes))
	}
	if d.Refused != "" && d.State == directory.Active && !d.Blocked {
		refusedRow(p, d.Refused)
	}
	heldRows(p, "groups", d.Groups)
	heldRows(p, "roles", d.Roles)
	administrator := "no"
	if d.Admin {
		administrator = "yes"
	}
	p.row("administrator", "%s", administrator)
	unmatchedRows(p, "groups", d.UnmatchedGroups, d.Paste.Groups)
	unmatchedRows(p, "roles", d.UnmatchedRoles, d.Paste.Roles)
}

// refusedRow tells why the last request was not let in, and what mends that.
func refusedRow(p *page, name string) {
	r, ok := reason.Parse(name)
	if !ok { // of a claimd that is newer
		p.row("refused", "%s", safe(name))
		return
	}
	p.row("refused", "%s: %s", r, r.Sentence())
	for line := range strings.Lines(wrap(r.Mend(), 84)) {
		p.row("", "%s", strings.TrimSpace(line))
	}
}

// heldRows shows groups or roles, each with where it came from.
func heldRows(p *page, label string, held []directory.Held) {
	table := make([][]string, len(held))
	for i, h := range held {
		table[i] = []string{visible(h.Name), sourceText(h.Source)}
	}
	p.rows(label, table)
}

func sourceText(source directory.Source) string {
	switch source {
	case directory.FromClaim:
		return "by a claim value"
	case directory.FromGraph:
		return "by Microsoft Graph"
	case directory.FromDefault:
		return "for everybody: default_groups, default_roles"
	case directory.FromLocal:
		return "by the configuration, for him alone"
	}
	return safe(string(source))
}

// mostValues is how many unmatched values of one user are shown.
const mostValues = 20

// unmatchedRows shows the values of a claim that named nothing local, and what to paste.
func unmatchedRows(p *page, claim string, values, lines []string) {
	if len(values) == 0 {
		return
	}
	p.row("unmatched", "%s of the %s claim that named nothing local: %s", count(len(values), "value"), claim, firstOf(values, mostValues))
	if len(lines) == 0 {
		return
	}
	p.row("", "to declare what you mean of them, under [%s]:", claim)
	for _, line := range lines[:min(mostValues, len(lines))] {
		p.row("", "  %s", escape(line))
	}
}

func historyRows(p *page, history []admin.Change, now time.Time) {
	rows := make([][]string, len(history))
	for i, c := range history {
		who := "by " + safe(c.By)
		if c.Host != "" {
			who += " at " + safe(c.Host)
		}
		rows[i] = []string{clock(c.At, now), safe(string(c.Action)), fmt.Sprintf("%s -> %s", safe(c.Before.String()), safe(c.After.String())), who}
	}
	if len(rows) > 0 {
		p.rows("history", rows)
	}
}

// providerFor gives the provider that names the user in a command; "" where the configuration has none of his.
func providerFor(user admin.User) string {
	if user.Gone {
		return ""
	}
	return user.Provider
}
