package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
)

func outcome(r reason.Reason, admin bool, groups, roles string) access.Outcome {
	return access.Outcome{
		Known: true, Allowed: r == reason.None, Reason: r, Admin: admin, Groups: strings.Fields(groups), Roles: strings.Fields(roles),
	}
}

func newImpact() *impact {
	return &impact{Groups: map[string]shift{}, Roles: map[string]shift{}, Changes: []userChange{}, most: mostChanges}
}

func TestWhatWouldChangeForAUser(t *testing.T) {
	tests := map[string]struct {
		now, then access.Outcome
		want      string // what words, "" = nothing changes
	}{
		"nothing":                   {outcome(reason.None, true, "a b", "r"), outcome(reason.None, true, "a b", "r"), ""},
		"refused before and after":  {outcome(reason.NoGroup, false, "", ""), outcome(reason.UserInactive, false, "", ""), ""},
		"all at once":               {outcome(reason.None, true, "a b", "r"), outcome(reason.NoGroup, false, "", "s"), "- access: no_group; - admin; - group a, b; - role r; + role s"},
		"let in":                    {outcome(reason.NoGroup, false, "", ""), outcome(reason.None, true, "a b c d e f g", ""), "+ access; + admin; + group a, b, c, d, e and 2 more"},
		"another group":             {outcome(reason.None, false, "a c", ""), outcome(reason.None, false, "b c", ""), "- group a; + group b"},
		"not known now":             {access.Outcome{}, outcome(reason.None, false, "a", ""), ""},
		"not known then":            {outcome(reason.None, false, "a", ""), access.Outcome{}, ""},
		"shut out without a reason": {outcome(reason.None, false, "", ""), access.Outcome{Known: true}, "- access"},
	}
	for name, test := range tests {
		i := newImpact()
		i.add(directory.User{Key: directory.Key{ID: "x"}}, test.now, test.then)
		got := ""
		if len(i.Changes) == 1 {
			got = strings.Join(i.Changes[0].what(), "; ")
		}
		wantText(t, name, test.want, got)
		if known := test.now.Known && test.then.Known; i.Users != 1 || (i.Unknown == 1) == known || i.Changed != len(i.Changes) {
			t.Errorf("%s: got %+v", name, i)
		}
	}
}

func TestAnImpactIsSummedUp(t *testing.T) {
	all := newImpact()
	wantText(t, "of nobody", "impact: the directory has no users yet\n", impactText(all))
	all.add(directory.User{}, access.Outcome{}, access.Outcome{})
	wantText(t, "of one unknown", "impact: none of the 0 users that can be judged would change\n"+
		"1 user cannot be judged: never seen, or seen without a claim that the new configuration reads\n", impactText(all))

	all = newImpact()
	stays := outcome(reason.None, false, "a", "")
	all.add(directory.User{}, stays, stays)
	wantText(t, "of one who stays", "impact: none of 1 user would change\n", impactText(all))

	for n := range 50 {
		id := fmt.Sprintf("user-%02d", n)
		then := outcome(reason.None, true, fmt.Sprintf("a g%02d", n), "r")
		all.add(directory.User{Key: directory.Key{ID: id}, User: id, First: "A", Last: "B"}, stays, then)
	}
	text := impactText(all)
	for _, want := range []string{
		"impact: 50 of 51 users would change\n  admin               +50\n  group g00           +1\n",
		"  group g39           +1\n  and 10 more groups\n  role r              +50\nby user:\n  user-00  A B  + admin; + group g00; + role r\n",
		"  user-19  A B  + admin; + group g19; + role r\n  and 30 more users; --json has all\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want\n%s\nin\n%s", want, text)
		}
	}
	if len(all.Changes) != mostChanges || all.Changed != 50 || all.Admin != (shift{Gained: 50}) || all.Roles["r"] != (shift{Gained: 50}) {
		t.Errorf("got %d changes of %d, %+v, %+v", len(all.Changes), all.Changed, all.Admin, all.Roles)
	}
	all.most = 0
	all.add(directory.User{}, stays, outcome(reason.NoGroup, false, "", ""))
	if len(all.Changes) != mostChanges+1 || all.Access != (shift{Lost: 1}) {
		t.Errorf("without a bound: got %d changes, %+v", len(all.Changes), all.Access)
	}
}
