package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

const (
	contosoTenant = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
	adaObject     = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
	graceObject   = "18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6"
	appObject     = "71c6f2ae-08d9-4b53-8e27-94a5d3b10f6c"
)

func heldBy(names ...string) []directory.Held {
	var held []directory.Held
	for _, name := range names {
		held = append(held, directory.Held{Name: name, Source: directory.FromClaim})
	}
	return held
}

// ada has been here a minute ago, and a group of hers names nothing local.
func ada() admin.User {
	return admin.User{Known: directory.User{
		State: directory.Active, Key: directory.Key{Authority: contosoTenant, ID: adaObject}, Provider: "contoso", User: adaObject,
		Email: "ada@contoso.example", First: "Ada", Last: "Reader", Client: clientID, Scopes: "platform.read-write",
		FirstSeen: before(50 * time.Hour), LastSeen: before(time.Minute),
		Groups: heldBy("Analysts"), Roles: heldBy("analyst"), UnmatchedGroups: []string{"Visitors"},
	}}
}

// somebody is one of each kind that the list tells apart.
func everybody() []admin.User {
	grace := ada()
	grace.Key.ID, grace.Known.User, grace.First, grace.Last, grace.Admin = graceObject, graceObject, "Grace", "Hopper", true
	grace.Groups = heldBy("Analysts", "Operators", "Restricted to the board", "Visitors of the site in Zürich", "Everybody else")
	grace.LastSeen = before(3 * time.Hour)
	eve := ada()
	eve.Key.ID, eve.Known.User, eve.First, eve.Last, eve.Guest = "b9526ec1-d730-4f8e-9a04-41e7c8b63d5f", "b9526ec1-d730-4f8e-9a04-41e7c8b63d5f", "", "", true
	eve.State, eve.Groups, eve.Refused, eve.LastSeen = directory.Active, nil, "no_group", before(5*24*time.Hour)
	shut := admin.User{Known: directory.User{
		State: directory.Inactive, Key: directory.Key{Authority: contosoTenant, ID: "0c9a7f3e-5b21-4d86-9e0f-a3c47b18d625"}, Provider: "contoso",
		ChangedBy: "uid 0 (root)", ChangedAt: before(time.Hour),
	}}
	blocked := ada()
	blocked.Key.ID, blocked.Known.User, blocked.First, blocked.Last = "f3d7b480-6c1e-49a5-8270-5e9bd4c61a3f", "f3d7b480-6c1e-49a5-8270-5e9bd4c61a3f", "Bob", "With-A-Very-Long-Name von und zu Hohenstein"
	blocked.Blocked, blocked.LastSeen, blocked.Guest, blocked.Admin = true, before(200*24*time.Hour), true, true
	return []admin.User{ada(), grace, eve, blocked, shut}
}

func TestTheListOfUsersFitsItsWidth(t *testing.T) {
	tests := map[int]string{
		0: `USER                                  NAME                       KIND         STATE     LAST SEEN   GROUPS
d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42  Ada Reader                 user         active    1 min ago   Analysts
18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6  Grace Hopper               admin        active    3 h ago     Analysts and 4 more
b9526ec1-d730-4f8e-9a04-41e7c8b63d5f  ada@contoso.example        guest        active    5 d ago     none; refused: no_group
f3d7b480-6c1e-49a5-8270-5e9bd4c61a3f  Bob With-A-Very-Long-N...  guest admin  blocked   2026-05-05  Analysts
0c9a7f3e-5b21-4d86-9e0f-a3c47b18d625  -                          user         inactive  never       -
`,
		80: `USER                                  NAME     KIND         STATE     LAST SEEN
d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42  Ada...   user         active    1 min ago
18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6  Grac...  admin        active    3 h ago
b9526ec1-d730-4f8e-9a04-41e7c8b63d5f  ada@...  guest        active    5 d ago
f3d7b480-6c1e-49a5-8270-5e9bd4c61a3f  Bob...   guest admin  blocked   2026-05-05
0c9a7f3e-5b21-4d86-9e0f-a3c47b18d625  -        user         inactive  never
`,
		160: `USER                                  NAME                          KIND         STATE     LAST SEEN   GROUPS
d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42  Ada Reader                    user         active    1 min ago   Analysts
18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6  Grace Hopper                  admin        active    3 h ago     Analysts, Operators, Restricted to the board and 2 more
b9526ec1-d730-4f8e-9a04-41e7c8b63d5f  ada@contoso.example           guest        active    5 d ago     none; refused: no_group
f3d7b480-6c1e-49a5-8270-5e9bd4c61a3f  Bob With-A-Very-Long-Name...  guest admin  blocked   2026-05-05  Analysts
0c9a7f3e-5b21-4d86-9e0f-a3c47b18d625  -                             user         inactive  never       -
`,
	}
	for width, want := range tests {
		table := newUserTable(everybody(), width)
		wantText(t, "users in "+strconv.Itoa(width), want, table.heading()+table.rows(everybody(), noon()))
	}
	users := everybody()[:1]
	far := ada()
	far.Provider, far.Known.User, far.Account, far.App = "jumpcloud", strings.Repeat("u", longestID+1), "nightly export", true
	table := newUserTable(append(users, far), 0)
	wantText(t, "two providers, and an id that is too long", `USER                                  PROVIDER   NAME            KIND  STATE     LAST SEEN   GROUPS
d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42  contoso    Ada Reader      user  active    1 min ago   Analysts
uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu  jumpcloud  nightly export  app   active    1 min ago   Analysts
`, table.heading()+table.rows(append(users, far), noon()))
}

func TestAUserIsShownWithAllThatIsKnown(t *testing.T) {
	waiting, gone, app := ada(), ada(), ada()
	waiting.State, waiting.Refused, waiting.Groups = directory.Waiting, "user_inactive", nil
	waiting.Known.User = "c:" + adaObject
	gone.Gone, gone.ChangedBy, gone.ChangedAt = true, "uid 990 (claimd)", before(time.Minute)
	gone.Groups = []directory.Held{{Name: "a", Source: directory.FromGraph}, {Name: "bb ", Source: directory.FromDefault}, {Name: "c", Source: directory.FromLocal}, {Name: "d", Source: "of tomorrow"}}
	app.App, app.Account, app.Blocked, app.State, app.Refused = true, "nightly export", true, directory.Inactive, "of_tomorrow"
	later := ada()
	later.Refused, later.State = "of_tomorrow", directory.Active
	history := []admin.Change{
		{Action: directory.Activate, Before: directory.Inactive, After: directory.Active, By: "uid 0 (root)", Host: "api1", At: before(time.Hour)},
		{Action: directory.Deactivate, Before: directory.Unknown, After: directory.Inactive, By: "uid 990 (claimd)", At: before(25 * time.Hour)},
	}
	tests := map[string]struct {
		detail admin.UserDetail
		want   string
	}{
		"a user": {admin.UserDetail{User: ada(), Paste: admin.Paste{Groups: []string{`Visitors = ""`}}, History: history}, `user           d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
provider       contoso
kind           user
name           Ada Reader
email          ada@contoso.example
state          active
last seen      2026-11-21 11:59:00 UTC, 1 min ago
first seen     2026-11-19 10:00:00 UTC, 2 d 2 h ago
client         3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64
scopes         platform.read-write
groups         Analysts  by a claim value
roles          analyst  by a claim value
administrator  no
unmatched      1 value of the groups claim that named nothing local: Visitors
               to declare what you mean of them, under [groups]:
                 Visitors = ""
history        2026-11-21 11:00:00 UTC  activate    inactive -> active   by uid 0 (root) at api1
               2026-11-20 11:00:00 UTC  deactivate  unknown -> inactive  by uid 990 (claimd)
`},
		"one who waits": {admin.UserDetail{User: waiting}, `user           c:d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
id             d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
provider       contoso
kind           user
name           Ada Reader
email          ada@contoso.example
state          WAITING for an invitation
               to let him in: claimctl users invite contoso d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
last seen      2026-11-21 11:59:00 UTC, 1 min ago
first seen     2026-11-19 10:00:00 UTC, 2 d 2 h ago
client         3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64
scopes         platform.read-write
groups         none
roles          analyst  by a claim value
administrator  no
unmatched      1 value of the groups claim that named nothing local: Visitors
`},
		"one whose provider is gone": {admin.UserDetail{User: gone}, `user           d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
provider       contoso (no provider of the configuration has the authority 5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3: nobody of it is let in)
kind           user
name           Ada Reader
email          ada@contoso.example
state          active, by uid 990 (claimd) on 2026-11-21 11:59:00 UTC, 1 min ago
last seen      2026-11-21 11:59:00 UTC, 1 min ago
first seen     2026-11-19 10:00:00 UTC, 2 d 2 h ago
client         3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64
scopes         platform.read-write
groups         a      by Microsoft Graph
               "bb "  for everybody: default_groups, default_roles
               c      by the configuration, for him alone
               d      of tomorrow
roles          analyst  by a claim value
administrator  no
unmatched      1 value of the groups claim that named nothing local: Visitors
`},
		"a service account shut out": {admin.UserDetail{User: app}, `user           d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
provider       contoso
kind           service account, nightly export
name           Ada Reader
email          ada@contoso.example
state          INACTIVE
               to let him in again: claimctl users activate contoso d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
               BLOCKED by the configuration: active = false at his [[service_account]]
last seen      2026-11-21 11:59:00 UTC, 1 min ago
first seen     2026-11-19 10:00:00 UTC, 2 d 2 h ago
client         3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64
scopes         platform.read-write
groups         Analysts  by a claim value
roles          analyst  by a claim value
administrator  no
unmatched      1 value of the groups claim that named nothing local: Visitors
`},
		"refused by a reason to come": {admin.UserDetail{User: later}, `user           d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
provider       contoso
kind           user
name           Ada Reader
email          ada@contoso.example
state          active
last seen      2026-11-21 11:59:00 UTC, 1 min ago
first seen     2026-11-19 10:00:00 UTC, 2 d 2 h ago
client         3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64
scopes         platform.read-write
refused        of_tomorrow
groups         Analysts  by a claim value
roles          analyst  by a claim value
administrator  no
unmatched      1 value of the groups claim that named nothing local: Visitors
`},
		"somebody blocked": {admin.UserDetail{User: everybody()[3]}, `user           f3d7b480-6c1e-49a5-8270-5e9bd4c61a3f
provider       contoso
kind           guest
name           Bob With-A-Very-Long-Name von und zu Hohenstein
email          ada@contoso.example
state          active
               BLOCKED by the configuration: blocked = true at his [[user]]
last seen      2026-05-05 12:00:00 UTC, 200 d 0 h ago
first seen     2026-11-19 10:00:00 UTC, 2 d 2 h ago
client         3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64
scopes         platform.read-write
groups         Analysts  by a claim value
roles          analyst  by a claim value
administrator  yes
unmatched      1 value of the groups claim that named nothing local: Visitors
`},
		"somebody who was never seen": {admin.UserDetail{User: everybody()[4]}, `user           0c9a7f3e-5b21-4d86-9e0f-a3c47b18d625
provider       contoso
kind           user
state          INACTIVE, by uid 0 (root) on 2026-11-21 11:00:00 UTC, 1 h 0 min ago
               to let him in again: claimctl users activate contoso 0c9a7f3e-5b21-4d86-9e0f-a3c47b18d625
last seen      never: nobody of this id has come yet
`},
	}
	for name, test := range tests {
		wantText(t, name, test.want, userText(test.detail, noon()))
	}
}

func TestAChangeIsToldInASentence(t *testing.T) {
	changed := func(c admin.Changed) admin.Changed {
		c.Key.ID, c.Provider = adaObject, "contoso"
		return c
	}
	seen := admin.Changed{Changed: true, User: adaObject, Name: "Ada Reader", After: directory.Active}
	with := func(action directory.Action, change func(*admin.Changed)) admin.Changed {
		c := changed(seen)
		c.Action = action
		change(&c)
		return c
	}
	tests := []struct {
		changed admin.Changed
		want    string
	}{
		{with(directory.Deactivate, func(c *admin.Changed) {}), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is inactive: refused from the next request on, whatever the token says
`},
		{with(directory.Deactivate, func(c *admin.Changed) { c.Shared = true }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is inactive: refused from the next request on, on every host within 1 s, whatever the token says
`},
		{with(directory.Deactivate, func(c *admin.Changed) { c.Changed, c.After, c.User, c.Name = false, directory.Inactive, "", "" }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 is inactive already: nothing changed
nobody of this id has come from contoso yet
`},
		{with(directory.Activate, func(c *admin.Changed) { c.Shared = true }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is active: let in from the next request on, on every host within 1 s, as far as the token allows
`},
		{with(directory.Activate, func(c *admin.Changed) { c.Blocked = true }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is active: let in from the next request on, as far as the token allows
but the configuration keeps him out: blocked = true at his [[user]], or active = false at his [[service_account]]
`},
		{with(directory.Invite, func(c *admin.Changed) { c.Invite = true }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is invited: let in from the next request on, as far as the token allows
`},
		{with(directory.Invite, func(c *admin.Changed) { c.User, c.Name, c.Provider = "", "", "" }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 is invited: let in from the next request on, as far as the token allows
nobody of this id has come yet
no invitation is needed: sign_up is "auto", which lets everybody in who is not inactive
`},
		{with(directory.Forget, func(c *admin.Changed) {}), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is forgotten: nothing is left in the directory but what administrators did; should he come again, he is new
`},
		{with(directory.Forget, func(c *admin.Changed) { c.Invite, c.User = true, "" }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is forgotten: nothing is left in the directory but what administrators did; should he come again, he is new and waits for an invitation
`},
		{with(directory.Forget, func(c *admin.Changed) { c.Changed = false }), `d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42 (Ada Reader) is not in the directory: nothing changed
`},
	}
	for i, test := range tests {
		wantText(t, strconv.Itoa(i)+" "+string(test.changed.Action), test.want, changedText(test.changed))
	}
}

func TestMomentsAreReadAsPeopleWriteThem(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	for text, want := range map[string]string{
		"30d": "2026-10-22T12:00:00+01:00", "0d": "2026-11-21T12:00:00+01:00", "12h": "2026-11-21T00:00:00+01:00", "1h30m": "2026-11-21T10:30:00+01:00",
		"2026-11-01": "2026-11-01T00:00:00+01:00", "2026-11-01T08:00:00Z": "2026-11-01T08:00:00Z", "2026-11-01T08:00:00.5-02:00": "2026-11-01T08:00:00-02:00",
		"": "0001-01-01T00:00:00Z",
	} {
		got, err := moment("--seen-after", text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: want %s, got %s, %v", text, want, got.Format(time.RFC3339), err)
		}
	}
	for _, text := range []string{"30", "-1d", "d", "1.5d", "99999d", "-12h", "yesterday", "21.11.2026", "2026-11-01 08:00", " 12h"} {
		if got, err := moment("--seen-after", text, now); err == nil {
			t.Errorf("%q: want an error, got %v", text, got)
		}
	}
}

func TestWhenSomebodyWasSeenTakesTenCharacters(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		-time.Hour: "just now", 59 * time.Second: "just now", time.Minute: "1 min ago", 59*time.Minute + 59*time.Second: "59 min ago", time.Hour: "1 h ago",
		48*time.Hour - 1: "47 h ago", 48 * time.Hour: "2 d ago", 30*24*time.Hour - 1: "29 d ago", 30 * 24 * time.Hour: "2026-10-22",
	} {
		if got := lately(before(ago), noon()); got != want || runes(got) > seenWidth {
			t.Errorf("%v: want %q, got %q", ago, want, got)
		}
	}
	if got := lately(time.Time{}, noon()); got != "never" {
		t.Errorf("never: got %q", got)
	}
}

func TestNamesAreShortenedToAWidth(t *testing.T) {
	names := []string{"Analysts", "Operators", "Visitors"}
	for width, want := range map[int]string{
		100: "Analysts, Operators, Visitors", 29: "Analysts, Operators, Visitors", 28: "Analysts and 2 more", 30: "Analysts, Operators, Visitors",
		19: "Analysts and 2 more", 18: "Analysts and 2 more", 5: "Analysts and 2 more",
	} {
		if got := shorten(names, width); got != want {
			t.Errorf("%d: want %q, got %q", width, want, got)
		}
	}
	for width, want := range map[int]string{10: "none", 0: "none"} {
		if got := shorten(nil, width); got != want {
			t.Errorf("none in %d: got %q", width, got)
		}
	}
	if got := shorten([]string{"Restricted to the board"}, 12); got != "Restricte..." {
		t.Errorf("one: got %q", got)
	}
}

func TestTheEndOfAListSaysHowToGoOn(t *testing.T) {
	apps, filtered := userFlags{}, userFlags{state: "inactive"}
	apps.Apps = true
	both := filtered
	both.Apps = true
	for _, test := range []struct {
		flags userFlags
		total int
		more  bool
		want  string
	}{
		{userFlags{}, 2, false, "2 users; claimctl users show ID tells all of one\n"},
		{apps, 1, false, "1 service account; claimctl users show ID tells all of one\n"},
		{userFlags{}, 50, true, "the first 50 users; --limit 0 shows all, claimctl users list --help tells how to select\n"},
		{filtered, 0, false, "no user matches; claimctl users list shows all\n"},
		{both, 0, false, "no service account matches; claimctl users list --apps shows all\n"},
	} {
		wantText(t, "the end", test.want, listEnd(test.flags, test.total, test.more))
	}
}

func TestStatusTellsHowTheDirectoryIs(t *testing.T) {
	const place = "/var/lib/claimd/directory.db"
	tests := map[string]struct {
		directory directory.Status
		want      string
	}{
		"of a claimd without": {directory.Status{}, ""},
		"none":                {directory.Status{Problem: "it cannot be opened"}, "directory  NONE: it cannot be opened\n"},
		"good":                {directory.Status{Store: "sqlite", Place: place, Usable: true, Known: 1}, "directory  sqlite, " + place + ": 1 user, 0 inactive, 0 waiting\n"},
		"unreadable": {directory.Status{Store: "postgresql", Place: "db:5432/claimd", ReadAt: before(10 * time.Minute), Known: 3, Inactive: 2, Waiting: 1, Problem: "connection refused"},
			`directory  postgresql, db:5432/claimd: 3 users, 2 inactive, 1 waiting
           NOT READ since 2026-11-21 11:50:00 UTC, 10 min ago: requests are answered 503 directory_unavailable
           FAILED   connection refused
`},
		"worn": {directory.Status{Store: "sqlite", Place: place, Usable: true, ReadOnly: true, Problem: "input/output error", Dropped: 1, Unrecorded: 2},
			`directory  sqlite, /var/lib/claimd/directory.db: 0 users, 0 inactive, 0 waiting
           READ-ONLY since a write failed for good: nothing more is recorded until claimd is restarted
           FAILED   input/output error
           2 sightings of new users were left out: no more are recorded
           1 sighting was dropped: they came faster than they could be written
`},
	}
	for name, test := range tests {
		p := &page{width: 9}
		directoryRows(p, test.directory, noon())
		wantText(t, name, test.want, p.String())
	}
}
