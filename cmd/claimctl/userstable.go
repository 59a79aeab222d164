package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/claimd/claimd/daemon/admin"
)

// usualWidth is the width of tables, in characters, where the output is no terminal.
const usualWidth = 120

// userTable lays users out. It takes its columns from the first page, so that all pages have the same.
type userTable struct {
	user, provider, name, kind, groups int // widths; 0: the column is left out
}

// The widths of the columns that are the same in every table.
const (
	stateWidth = 8
	seenWidth  = 10
	longestID  = 44 // a longer id moves its own row; it is never cut, for it is there to be copied
)

// newUserTable makes a table of at most width characters, as far as ids and names allow.
func newUserTable(users []admin.User, width int) *userTable {
	if width == 0 {
		width = usualWidth
	}
	t := &userTable{user: 4, name: 4, kind: 4}
	providers := map[string]bool{}
	for _, user := range users {
		if n := runes(shownID(user)); n <= longestID {
			t.user = max(t.user, n)
		}
		t.name = max(t.name, runes(shownName(user)))
		t.kind = max(t.kind, runes(kindOf(user)))
		providers[user.Provider] = true
		t.provider = max(t.provider, runes(safe(user.Provider)), len("PROVIDER"))
	}
	if len(providers) < 2 {
		t.provider = 0
	}
	left := width - t.user - t.kind - stateWidth - seenWidth - 4*2
	if t.provider > 0 {
		left -= t.provider + 2
	}
	const leastName, leastGroups, mostName = 12, 20, 28
	if left < leastName+2+leastGroups { // claimctl users show has the groups
		t.name = max(4, min(t.name, left, mostName))
		return t
	}
	t.name = min(t.name, left-2-leastGroups, mostName)
	t.groups = left - 2 - t.name
	return t
}

func (t *userTable) heading() string {
	return t.row("USER", "PROVIDER", "NAME", "KIND", "STATE", "LAST SEEN", "GROUPS")
}

func (t *userTable) rows(users []admin.User, now time.Time) string {
	var b strings.Builder
	for _, user := range users {
		name := shownName(user)
		if name == "" {
			name = "-"
		}
		groups := shorten(heldNames(user.Groups), t.groups)
		if user.LastSeen.IsZero() {
			groups = "-"
		}
		if user.Refused != "" && user.State.String() == "active" && !user.Blocked {
			groups += "; refused: " + safe(user.Refused)
		}
		b.WriteString(t.row(shownID(user), safe(user.Provider), name, kindOf(user), userState(user), lately(user.LastSeen, now), groups))
	}
	return b.String()
}

func (t *userTable) row(user, provider, name, kind, state, seen, groups string) string {
	text := pad(user, t.user)
	if t.provider > 0 {
		text += "  " + pad(provider, t.provider)
	}
	text += "  " + pad(cut(name, t.name), t.name) + "  " + pad(kind, t.kind) + "  " + pad(state, stateWidth) + "  " + pad(seen, seenWidth)
	if t.groups > 0 {
		text += "  " + groups
	}
	return strings.TrimRight(text, " ") + "\n"
}

// shownID gives the name that the API sees; of a user never seen the id that he was named by.
func shownID(user admin.User) string {
	if user.User == "" {
		return visible(user.Key.ID)
	}
	return visible(user.User)
}

// lately gives how long ago somebody was seen, in at most 10 characters; from 30 days on the day.
func lately(moment, now time.Time) string {
	d := now.Sub(moment)
	switch {
	case moment.IsZero():
		return "never"
	case d < time.Minute: // a clock of another host may be ahead, too
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	case d < 30*24*time.Hour:
		return fmt.Sprintf("%d d ago", int(d.Hours()/24))
	}
	return moment.In(now.Location()).Format(time.DateOnly)
}

func runes(text string) int { return utf8.RuneCountInString(text) }

// cut shortens a text to width characters, at least 4.
func cut(text string, width int) string {
	width = max(width, 4)
	if runes(text) <= width {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:width-3]), " ") + "..."
}
