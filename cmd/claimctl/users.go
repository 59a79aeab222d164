package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

const usersUsage = `claimctl users shows who has come to claimd, and shuts users out or lets them in again.

Usage: claimctl users list [FLAG]...             who has come; it has a help of its own
       claimctl users show [PROVIDER] ID         all that is known of one user
       claimctl users deactivate [PROVIDER] ID   refuse him from the next request on
       claimctl users activate [PROVIDER] ID     let him in again, or in where he waits
       claimctl users invite [PROVIDER] ID       let in somebody who need not have come yet
       claimctl users revoke [PROVIDER] ID       refuse the tokens issued before now
       claimctl users forget [PROVIDER] ID       remove what is known of him

A user is in the directory from his first verified token on, and so is a service account. ID is his
object ID, in any case, or his user name as the API sees it; never an e-mail address, which names
nobody for good. Of an OpenID provider it is the user's id there, byte for byte, also where that
holds an @. PROVIDER can be left out where there is no doubt; of users whose provider is no longer
configured it is the tenant ID, or the issuer. deactivate, invite and revoke take ids that were
never seen, too.

revoke refuses every token of the user that was issued up to now, with 401 revoked, so that he must
sign in again; his state stays as it is. As the provider's clock may be ahead of this host's,
tokens that are dated up to clock_skew later are refused too; and Entra ID dates tokens up to 5
minutes back. So a token that is issued right after may be refused, and new sign-ins pass from
clock_skew after the revocation on, Entra ID's from 5 minutes and clock_skew. The date is iat, or
nbf where an OpenID provider writes no iat; where it writes neither, every token of the user stays
refused. Clients that declare cp1 get a claims challenge. What was revoked stays revoked, also when
the user is forgotten. Users of a provider with opaque_tokens = "userinfo", which does not tell when
a token was issued, cannot be revoked.

A change is on disk when claimctl ends, and holds from the next request on, for tokens that were
verified before too; on every host within 1 s where several share one PostgreSQL. Who made it is
kept with it, and stands in the journal. Who is inactive must be activated to be forgotten; what
administrators did stays on record all the same.

  --config FILE  where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print the facts as JSON

Exit status: 0 done, or it was so already, 1 refused: there is no such user, or it cannot be done,
2 wrong usage, 3 could not find out.
`

func (t *tool) usersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "users", Short: "who has come, and who may not come again", Long: usersUsage,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused("users", "want list, show, deactivate, activate, invite, revoke or forget")
			}
			return misused("users", "want list, show, deactivate, activate, invite, revoke or forget, got something else")
		},
	}
	cmd.AddCommand(t.usersListCommand(), t.usersShowCommand(),
		t.usersChangeCommand(directory.Deactivate, "refuse a user from the next request on"),
		t.usersChangeCommand(directory.Activate, "let a user in again"),
		t.usersChangeCommand(directory.Invite, "let in a user who need not have come yet"),
		t.usersChangeCommand(directory.Revoke, "refuse the tokens of a user that were issued before now"),
		t.usersChangeCommand(directory.Forget, "remove what is known of a user"))
	return cmd
}

// names takes [PROVIDER] ID.
func names(cmd *cobra.Command, args []string) error {
	if len(args) == 1 || len(args) == 2 {
		return nil
	}
	return misused(verbOf(cmd), "want [PROVIDER] ID, got %s", count(len(args), "argument"))
}

// named gives provider and id.
func named(args []string) (provider, id string) {
	if len(args) == 2 {
		return args[0], args[1]
	}
	return "", args[0]
}

func (t *tool) usersChangeCommand(action directory.Action, short string) *cobra.Command {
	return &cobra.Command{
		Use: string(action) + " [PROVIDER] ID", Short: short, Long: usersUsage,
		Args: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			request := admin.ChangeRequest{Action: action}
			request.Provider, request.ID = named(args)
			changed, err := t.client().Change(cmd.Context(), request)
			if err != nil {
				return err
			}
			if t.json {
				return t.printJSON(changed, false)
			}
			return t.print(changedText(changed))
		},
	}
}

// changedText says in a sentence what holds now and from when, and what else decides about the user.
func changedText(c admin.Changed) string {
	p := &page{}
	who := visible(c.Key.ID)
	if c.Name != "" {
		who += " (" + safe(c.Name) + ")"
	}
	p.line("%s %s", who, changedSentence(c))
	if c.User == "" && c.Action != directory.Forget {
		p.line("nobody of this id has come%s yet", from(c.Provider))
	}
	if c.Action == directory.Revoke {
		why := "clocks may differ, and the provider may date tokens some minutes back"
		if c.Undated {
			why = "clocks may differ; tokens with neither iat nor nbf stay refused"
		}
		p.line("new sign-ins pass from %s on at the latest: %s", clockUTC(c.Passes), why)
		if c.After == directory.Inactive {
			p.line("he is inactive all the same: claimctl users activate lets him in again")
		}
	}
	if c.Action != directory.Activate && c.Action != directory.Invite {
		return p.String()
	}
	if c.Blocked {
		p.line("but the configuration keeps him out: blocked = true at his [[user]], or active = false at his [[service_account]]")
	}
	if c.Action == directory.Invite && !c.Invite {
		p.line(`no invitation is needed: sign_up is "auto", which lets everybody in who is not inactive`)
	}
	return p.String()
}

func from(provider string) string {
	if provider == "" {
		return ""
	}
	return " from " + safe(provider)
}

func changedSentence(c admin.Changed) string {
	if !c.Changed {
		if c.Action == directory.Forget {
			return "is not in the directory: nothing changed"
		}
		return "is " + safe(c.After.String()) + " already: nothing changed"
	}
	hosts := ""
	if c.Shared {
		hosts = ", on every host within 1 s"
	}
	switch c.Action {
	case directory.Revoke:
		return "must sign in again: tokens issued up to " + clockUTC(c.NotBefore) + " are refused from the next request on" + hosts
	case directory.Deactivate:
		return "is inactive: refused from the next request on" + hosts + ", whatever the token says"
	case directory.Activate:
		return "is active: let in from the next request on" + hosts + ", as far as the token allows"
	case directory.Invite:
		return "is invited: let in from the next request on" + hosts + ", as far as the token allows"
	}
	again := "should he come again, he is new"
	if c.Invite {
		again += " and waits for an invitation"
	}
	return "is forgotten: nothing is left in the directory but what administrators did; " + again
}

// shownName gives a user's name for people: "" where no token told one.
func shownName(user admin.User) string {
	name := strings.TrimSpace(user.First + " " + user.Last)
	switch {
	case user.App:
		return safe(user.Account)
	case name != "":
		return safe(name)
	}
	return safe(user.Email)
}

// kindOf tells users, guests, administrators and service accounts apart.
func kindOf(user admin.User) string {
	switch {
	case user.App:
		return "app"
	case user.Guest && user.Admin:
		return "guest admin"
	case user.Guest:
		return "guest"
	case user.Admin:
		return "admin"
	}
	return "user"
}

// userState gives the state, and "blocked" where the configuration keeps the user out.
func userState(user admin.User) string {
	if user.Blocked {
		return "blocked"
	}
	return safe(user.State.String())
}

// heldNames gives the names of groups or roles.
func heldNames(held []directory.Held) []string {
	names := make([]string, len(held))
	for i, h := range held {
		names[i] = h.Name
	}
	return names
}

// shorten joins names, as many as width allows, and counts the others.
func shorten(names []string, width int) string {
	if len(names) == 0 {
		return "none"
	}
	for shown := len(names); shown > 1; shown-- {
		text := list(names[:shown])
		if left := len(names) - shown; left > 0 {
			text += fmt.Sprintf(" and %d more", left)
		}
		if runes(text) <= width {
			return text
		}
	}
	if len(names) == 1 {
		return cut(visible(names[0]), width)
	}
	more := fmt.Sprintf(" and %d more", len(names)-1)
	return cut(visible(names[0]), max(8, width-len(more))) + more
}

// clockUTC writes a moment to the second.
func clockUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }
