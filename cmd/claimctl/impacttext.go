package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The most rows that the text of an impact has of each kind; --json has all.
const (
	mostChanges = 20
	mostLocals  = 40
)

// impactText sums up what would change, and shows the users that it concerns, the last seen first.
func impactText(i *impact) string {
	p := &page{}
	if i.Users == 0 {
		p.line("impact: the directory has no users yet")
		return p.String()
	}
	of := count(i.Users, "user")
	if i.Unknown > 0 {
		of = "the " + count(i.Users-i.Unknown, "user") + " that can be judged"
	}
	if i.Changed == 0 {
		p.line("impact: none of %s would change", of)
	} else {
		p.line("impact: %d of %s would change", i.Changed, of)
		p.table("  ", 60, shiftRows(i))
		changeRows(p, i)
	}
	if i.Unknown > 0 {
		p.line("%s cannot be judged: never seen, or seen without a claim that the new configuration reads", count(i.Unknown, "user"))
	}
	return p.String()
}

// changeRows shows what would change by user.
func changeRows(p *page, i *impact) {
	p.line("by user:")
	rows := [][]string{}
	for _, c := range i.Changes[:min(mostChanges, len(i.Changes))] {
		name := "-"
		if c.Name != "" {
			name = cut(safe(c.Name), 28)
		}
		rows = append(rows, []string{visible(c.User), name, strings.Join(c.what(), "; ")})
	}
	p.table("  ", longestID, rows)
	if left := i.Changed - len(rows); left > 0 {
		p.line("  and %s; --json has all", count(left, "more user"))
	}
}

// shiftRows counts who would gain and lose access, administration, and each group and role.
func shiftRows(i *impact) [][]string {
	var rows [][]string
	row := func(what string, s shift) {
		if s == (shift{}) {
			return
		}
		rows = append(rows, []string{what, signed("+", s.Gained), signed("-", s.Lost)})
	}
	row("access", i.Access)
	row("admin", i.Admin)
	for _, kind := range []struct {
		word   string
		shifts map[string]shift
	}{{"group ", i.Groups}, {"role ", i.Roles}} {
		names := weightiest(kind.shifts)
		for _, name := range names[:min(mostLocals, len(names))] {
			row(kind.word+visible(name), kind.shifts[name])
		}
		if left := len(names) - mostLocals; left > 0 {
			rows = append(rows, []string{fmt.Sprintf("and %s", count(left, "more "+strings.TrimSpace(kind.word)))})
		}
	}
	return rows
}

// weightiest gives the names, those that most users gain or lose first.
func weightiest(shifts map[string]shift) []string {
	return slices.SortedFunc(maps.Keys(shifts), func(a, b string) int {
		x, y := shifts[a], shifts[b]
		return cmp.Or(cmp.Compare(y.Gained+y.Lost, x.Gained+x.Lost), cmp.Compare(a, b))
	})
}

func signed(sign string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d", sign, n)
}
