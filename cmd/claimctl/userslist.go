package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

const usersListUsage = `claimctl users list shows who has come to claimd, the last seen first.

Usage: claimctl users list [FLAG]... [--config FILE] [--socket PATH] [--json]

Groups and roles are those of the last token. A state that the configuration decides is "blocked";
"refused" names why the last request was not let in.

  --group NAME        who had this local group
  --role NAME         who had this local role
  --state STATE       active, inactive or waiting (for an invitation)
  --provider NAME     whose tokens came from this provider
  --apps              service accounts instead of users
  --seen-after TIME   who was seen since then: how long ago, as in 30d, 12h, 45m;
                      or a day, as in 2026-11-21; or a moment of RFC 3339
  --seen-before TIME  who was not seen since then
  --limit N           show at most N (default 50); 0 shows all
  --config FILE       where [admin] socket is looked up (default /etc/claimd/claimd.toml)
  --socket PATH       claimd's admin socket
  --json              print a list as JSON

Exit status: 0 done, even if nobody is found, 2 wrong usage, 3 could not find out.
`

// firstUsers is how many users are shown where nobody says how many.
const firstUsers = 50

// userFlags are the flags of users list as they were typed.
type userFlags struct {
	directory.Query
	state, after, before string
	limit                int
}

func (t *tool) usersListCommand() *cobra.Command {
	var f userFlags
	cmd := &cobra.Command{
		Use: "list", Short: "who has come", Long: usersListUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.read(t.now); err != nil {
				return err
			}
			if t.json {
				return t.listJSON(cmd, f)
			}
			return t.listTable(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Group, "group", "", "who had this local group")
	flags.StringVar(&f.Role, "role", "", "who had this local role")
	flags.StringVar(&f.state, "state", "", "active, inactive or waiting")
	flags.StringVar(&f.Provider, "provider", "", "whose tokens came from this provider")
	flags.BoolVar(&f.Apps, "apps", false, "service accounts instead of users")
	flags.StringVar(&f.after, "seen-after", "", "who was seen since then")
	flags.StringVar(&f.before, "seen-before", "", "who was not seen since then")
	flags.IntVar(&f.limit, "limit", firstUsers, "show at most so many; 0 shows all")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"active", "inactive", "waiting"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// read checks what was typed and fills in the Query.
func (f *userFlags) read(now time.Time) error {
	var err error
	switch f.state {
	case "":
	case "active":
		f.State = directory.Active
	case "inactive":
		f.State = directory.Inactive
	case "waiting":
		f.State = directory.Waiting
	default:
		return misused("users list", "--state: want active, inactive or waiting, got %q", f.state)
	}
	if f.limit < 0 {
		return misused("users list", "--limit: want a number from 0, got %d", f.limit)
	}
	if f.SeenAfter, err = moment("--seen-after", f.after, now); err != nil {
		return err
	}
	f.SeenBefore, err = moment("--seen-before", f.before, now)
	return err
}

// filtered reports whether fewer than all users are wanted.
func (f *userFlags) filtered() bool {
	return f.Group != "" || f.Role != "" || f.state != "" || f.Provider != "" || f.after != "" || f.before != ""
}

// moment reads how long ago (30d, 12h, 45m), a day in now's zone, or a moment of RFC 3339; "" is the zero time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, misused("users list", "%s: want how long ago, as in 30d or 12h, or a time, as in 2026-11-21 or 2026-11-21T08:00:00Z, got %q", flag, text)
}

// eachPage calls give for page after page until the limit; more: there are users beyond it.
func (t *tool) eachPage(cmd *cobra.Command, f userFlags, give func([]admin.User) error) (more bool, err error) {
	query := f.Query
	for left := f.limit; ; {
		query.Limit = directory.MaxPage
		if f.limit > 0 {
			query.Limit = min(left, directory.MaxPage)
		}
		page, err := t.client().Users(cmd.Context(), query)
		if err != nil {
			return false, err
		}
		if err := give(page.Users); err != nil {
			return false, err
		}
		left -= len(page.Users)
		if page.Next == "" || f.limit > 0 && left <= 0 {
			return page.Next != "", nil
		}
		query.Cursor = page.Next
	}
}

// listJSON prints one list, page by page: of a million users no program need hold all.
func (t *tool) listJSON(cmd *cobra.Command, f userFlags) error {
	separator := "["
	_, err := t.eachPage(cmd, f, func(users []admin.User) error {
		var b strings.Builder
		for _, user := range users {
			text, err := json.MarshalIndent(user, "  ", "  ")
			if err != nil {
				return err
			}
			b.WriteString(separator + "\n  " + safeJSON(text))
			separator = ","
		}
		return t.print(b.String())
	})
	switch {
	case err != nil:
		return err
	case separator == "[":
		return t.print("[]\n")
	}
	return t.print("\n]\n")
}

func (t *tool) listTable(cmd *cobra.Command, f userFlags) error {
	var table *userTable
	total := 0
	more, err := t.eachPage(cmd, f, func(users []admin.User) error {
		if table == nil {
			table = newUserTable(users, t.width)
			if len(users) > 0 {
				if err := t.print(table.heading()); err != nil {
					return err
				}
			}
		}
		total += len(users)
		return t.print(table.rows(users, t.now))
	})
	if err != nil {
		return err
	}
	return t.print(listEnd(f, total, more))
}

// listEnd says how many users were shown, and how to see others.
func listEnd(f userFlags, total int, more bool) string {
	one, many := "user", "users"
	if f.Apps {
		one, many = "service account", "service accounts"
	}
	switch {
	case total == 0 && f.filtered():
		return "no " + one + " matches; claimctl users list" + appsFlag(f) + " shows all\n"
	case total == 0:
		return "no " + one + " has come yet: they appear here by themselves, with their first verified token\n" +
			"claimctl denials shows what was refused before that\n"
	case more:
		return "the first " + counted(total, one, many) + "; --limit 0 shows all, claimctl users list --help tells how to select\n"
	}
	return counted(total, one, many) + "; claimctl users show ID tells all of one\n"
}

func appsFlag(f userFlags) string {
	if f.Apps {
		return " --apps"
	}
	return ""
}
