package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/vectors"
	"github.com/claimd/claimd/mapping"
)

// FAULTS 179 (Envoy Gateway's CVE-2025-25294): whoever names a group or himself must write no line of his own into what an
// administrator reads, no colour, and no text that runs the other way. Each naughty string stands in every place of
// claimctl's tables that a token fills; the tables keep their rows, and --json gives the string back.

// shownAs is how a table shows the value: what visible gives, which is held against the value itself.
func shownAs(t *testing.T, value string) string {
	t.Helper()
	shown := visible(value)
	if plain := strings.TrimSpace(value) == value && value != "" && len(value) <= longestValue &&
		!strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }); plain && shown != value {
		t.Errorf("%+q can be shown as it is, and is shown as %q", value, shown)
	}
	return shown
}

// wantRows checks that a text has these rows, and nothing that a terminal would act on or not show.
func wantRows(t *testing.T, what, text string, want ...string) {
	t.Helper()
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("%s: what is not printable stands in %+q", what, text)
	}
	wantText(t, what, strings.Join(want, "\n")+"\n", text)
}

func TestANaughtyStringIsOneRowOfDenials(t *testing.T) {
	for _, value := range vectors.NaughtyStrings(t) {
		d := access.Denial{ID: "a-1", Time: noon(), Reason: reason.NoGroup, User: value, Client: "app", Unmatched: []string{value, "x"}}
		shown := shownAs(t, value)
		user := shown
		if value == "" {
			user = "-"
		}
		wantRows(t, "the list", denialRows(d, noon()), "2026-11-21 12:00:00 UTC  no_group                 a-1",
			"    user "+user+"  app app", "    nothing local for "+shown+", x")
		d.Mend = "declare one of them"
		rows := []string{"decision    a-1", "time        2026-11-21 12:00:00 UTC, 0 s ago", "reason      no_group (403): " + reason.NoGroup.Sentence()}
		if value != "" {
			rows = append(rows, "user        "+shown)
		}
		rows = append(rows, "app         app", "unmatched   "+shown, "            x", "generation  0", "to mend it  declare one of them")
		wantRows(t, "one of them", denialText(d, noon()), rows...)
	}
}

func TestANaughtyStringIsOneRowOfExplain(t *testing.T) {
	for _, value := range vectors.NaughtyStrings(t) {
		shown := shownAs(t, value)
		rows := func(write func(p *page)) string {
			p := &page{}
			write(p)
			return p.String()
		}
		step := mapping.Step{Source: mapping.FromGroups, Value: value, Near: []mapping.Near{{What: "group", Name: value, Value: value, Difference: mapping.ByCase}}}
		wantRows(t, "a value and what it nearly matched", rows(func(p *page) { valueRows(p, []mapping.Step{step}) }),
			"  groups claim  "+shown+"  -> nothing local", "      nearly: group "+shown+", but for upper and lower case")
		step = mapping.Step{Source: mapping.FromRoles, Value: "v", Groups: []string{value}, Roles: []string{value, value}}
		wantRows(t, "what a value gave", rows(func(p *page) { valueRows(p, []mapping.Step{step}) }),
			"  roles claim  v  -> group "+shown+", role "+shown+", "+shown)
		identity := identityRows(&access.Whoami{User: value, Groups: []string{value}, Roles: []string{}, Email: "e"}, noon())
		for _, row := range identity {
			if row[0] == "user" && row[1] != shown || row[0] == "groups" && row[1] != shown {
				t.Errorf("%+q: the row %q, want %q", value, row, shown)
			}
		}
		text := rows(func(p *page) { p.table("  ", 40, identity) })
		if got := strings.Count(text, "\n"); got != len(identity) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%+q: the identity has %d rows, want %d: %+q", value, got, len(identity), text)
		}
	}
}

// Names and e-mail addresses of users are what providers let people write.
func TestANaughtyStringIsOneRowOfUsers(t *testing.T) {
	for _, value := range vectors.NaughtyStrings(t) {
		user := ada()
		user.First, user.Last, user.Email, user.Known.User, user.Provider, user.Client, user.Scopes = value, value, value, value, value, value, value
		user.Groups, user.Roles, user.UnmatchedGroups = heldBy(value, value), heldBy(value), []string{value}
		user.Account, user.Refused, user.ChangedBy = value, value, value
		change := admin.Change{Action: directory.Action(value), Before: directory.Active, After: directory.Inactive, By: value, Host: value, At: noon()}
		table := newUserTable([]admin.User{user}, 0)
		wantPrintable(t, value, "the list", 1, table.rows([]admin.User{user}, noon()))
		detail := admin.UserDetail{User: user, Paste: admin.Paste{Groups: []string{access.TOMLKey(value)}, Roles: []string{value}}, History: []admin.Change{change, change}}
		wantPrintable(t, value, "one user", -1, userText(detail, noon()))
		changed := admin.Changed{Changed: true, Action: directory.Deactivate, Provider: value, Key: directory.Key{ID: value}, User: "x", Name: value}
		wantPrintable(t, value, "a change", 1, changedText(changed))
		changed.Changed, changed.After = false, directory.Inactive
		wantPrintable(t, value, "no change", 1, changedText(changed))
		locals := []admin.Local{
			{Name: value, Declared: true, Label: value, Providers: []string{value, value}}, {Name: value, Users: 1},
		}
		wantPrintable(t, value, "groups", 5, localsText(locals, "group", noon()))
		unmatched := admin.Unmatched{
			Values: []directory.Unmatched{{Claim: directory.Kind(value), Value: value, Provider: value, User: value}},
			Paste:  admin.Paste{Groups: []string{access.TOMLKey(value) + ` = ""`}},
		}
		wantPrintable(t, value, "unmatched", 5, unmatchedText(unmatched, noon()))
		i := newImpact()
		then := access.Outcome{Known: true, Groups: []string{value}, Roles: []string{value}}
		i.add(user.Known, access.Outcome{Known: true, Allowed: true}, then)
		wantPrintable(t, value, "an impact", 6, impactText(i))
	}
}

// wantPrintable checks that a text has so many lines (-1: of any number), and nothing that a terminal would act on.
func wantPrintable(t *testing.T, value, what string, lines int, text string) {
	t.Helper()
	if got := strings.Count(text, "\n"); lines >= 0 && got != lines {
		t.Errorf("%+q: %s: want %d lines, got\n%s", value, what, lines, text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("%+q: %s: what is not printable stands in %+q", value, what, text)
	}
}

func TestANaughtyUserSurvivesJSON(t *testing.T) {
	for _, value := range vectors.NaughtyStrings(t) {
		want := ada()
		want.First, want.Last, want.Known.User, want.Groups, want.Account = value, value, value, heldBy(value), value
		var out strings.Builder
		if err := (&tool{stdout: &out}).printJSON(want, false); err != nil {
			t.Fatal(err)
		}
		var got admin.User
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+q: got %+v, %v", value, got, err)
		}
	}
}

func TestANaughtyStringSurvivesJSON(t *testing.T) {
	for _, value := range vectors.NaughtyStrings(t) {
		want := access.Denial{ID: "a-1", Time: noon(), Reason: reason.NoGroup, User: value, Unmatched: []string{value}, Mend: value}
		for _, stream := range []bool{true, false} {
			var out strings.Builder
			if err := (&tool{stdout: &out}).printJSON(want, stream); err != nil {
				t.Fatal(err)
			}
			var got access.Denial
			if err := json.Unmarshal([]byte(out.String()), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+q: got %+v, %v", value, got, err)
			}
			if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || stream && strings.Count(out.String(), "\n") != 1 {
				t.Errorf("%+q is printed as %+q", value, out.String())
			}
		}
	}
}

// A fault that quotes a name is one row, and its key can be read by whoever mends it.
func TestANaughtyStringIsOneRowOfCheck(t *testing.T) {
	for _, value := range vectors.NaughtyStrings(t) {
		key := config.KeyPath(mapping.Path{"groups", value})
		fault := config.Fault{File: "claimd.toml", Line: 2, Key: key, Problem: "is about " + value, Hint: "not " + value}
		wantRows(t, "a fault", faultsText(config.Faults{fault}), "claimd.toml:2: "+key+": is about "+escape(value), "  hint: not "+escape(value))
	}
}
