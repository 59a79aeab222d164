package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// explainText writes an explanation for people: who judged, the checks, the claims, the identity, and the sentence that
// says what to change.
func explainText(e explained, marks marks, now time.Time) string {
	p := &page{width: 7}
	p.line("%s", safe(e.JudgedBy))
	p.line("\nchecks")
	for _, check := range e.Checks {
		checkRows(p, check, marks)
	}
	if len(e.Claims) > 0 {
		p.line("\nclaims%s", ofProvider(e.Provider))
		p.table("  ", 40, claimRows(e.Claims))
	}
	if len(e.Values) > 0 {
		p.line("\nvalues")
		valueRows(p, e.Values)
	}
	if e.Identity != nil {
		title := "identity"
		if !e.Allowed {
			title = "identity, were it let in"
		}
		p.line("\n%s", title)
		p.table("  ", 40, identityRows(e.Identity, now))
	}
	p.line("\n%s", sentences(e.Sentence))
	return p.String()
}

// checkRows shows one check: on one line where it held, with what would mend it where it failed.
func checkRows(p *page, check reason.Check, marks marks) {
	mark := pad(marks.of(check.Passed), 2)
	if check.Passed {
		p.line("%s", strings.TrimRight("  "+mark+"  "+pad(checkWords(check.Name), 16)+"  "+safe(check.Got), " "))
		return
	}
	p.line("  %s  %s  %s", mark, pad(checkWords(check.Name), 16), refusedBecause(check.Reason))
	for _, row := range [][2]string{{"wanted", check.Want}, {"got", check.Got}} {
		if row[1] != "" {
			p.line("%s%s  %s", strings.Repeat(" ", 24), pad(row[0], 6), safe(row[1]))
		}
	}
}

// asked says what a check asks for, where its name says what it refuses: "ok  expired" would read as its opposite.
var asked = map[string]string{
	"disabled": "switched on", "invalid_request": "bearer token", "no_token": "bearer token", "malformed": "well-formed",
	"opaque_token": "vouched for", "graph_token": "not for Graph", "expired": "not expired", "not_yet_valid": "valid already",
	"id_token": "access token", "missing_claim": "claims present", "unknown_service_account": "service account",
	"revoked": "not revoked", "overage": "groups complete", "groups_overage": "groups complete", "no_group": "local group",
}

func checkWords(name string) string {
	if words, ok := asked[name]; ok {
		return words
	}
	return safe(strings.ReplaceAll(name, "_", " "))
}

// refusedBecause names the reason; a claimctl that is older than its claimd may not know it.
func refusedBecause(r reason.Reason) string {
	if r == reason.None {
		return "refused"
	}
	return fmt.Sprintf("%d %s", r.Status(), r)
}

func ofProvider(name string) string {
	if name == "" {
		return ""
	}
	return " that [provider." + safe(name) + ".claims] names"
}

func claimRows(claims []access.ClaimSeen) [][]string {
	var rows [][]string
	for _, claim := range claims {
		rows = append(rows, []string{safe(claim.For), visible(claim.Name), safe(claim.Shape)})
	}
	return rows
}

// valueRows shows each claim value and what it named, with near misses on lines of their own below.
func valueRows(p *page, steps []mapping.Step) {
	rows := make([][]string, len(steps))
	for i, step := range steps {
		rows[i] = []string{safe(string(step.Source)), visible(step.Value), gained(step)}
	}
	var lines page
	lines.table("  ", 48, rows)
	i := 0
	for line := range strings.Lines(lines.String()) {
		p.WriteString(line)
		for _, near := range steps[i].Near {
			p.line("      nearly: %s", nearText(near))
		}
		i++
	}
}

// gained tells what a value gave.
func gained(step mapping.Step) string {
	var parts []string
	if len(step.Groups) > 0 {
		parts = append(parts, "group "+list(step.Groups))
	}
	if len(step.Roles) > 0 {
		parts = append(parts, "role "+list(step.Roles))
	}
	if step.Admin {
		parts = append(parts, "administrator")
	}
	if len(parts) == 0 {
		return "-> nothing local"
	}
	return "-> " + strings.Join(parts, ", ")
}

func nearText(near mapping.Near) string {
	what := near.What + " " + visible(near.Name)
	if near.Value != near.Name {
		what += " (" + visible(near.Value) + ")"
	}
	switch near.Difference {
	case mapping.ByCase:
		return what + ", but for upper and lower case"
	case mapping.ByUnicodeForm:
		return what + ", but for its Unicode form"
	case mapping.ByBlanks:
		return what + ", but for blanks"
	case mapping.ByGUIDForm:
		return what + ", the same GUID written in another form"
	case mapping.ByProvider:
		return what + ", but its providers leave this one out"
	}
	return what + ", but for its " + safe(string(near.Difference))
}

func identityRows(i *access.Whoami, now time.Time) [][]string {
	kind := "user"
	if i.Kind == "service_account" {
		kind = "service account"
	}
	administrator := "no"
	if i.Admin {
		administrator = "yes"
	}
	rows := [][]string{{kind, visible(i.User)}, {"provider", safe(i.Provider)}}
	if name := strings.TrimSpace(i.FirstName + " " + i.LastName); name != "" {
		rows = append(rows, []string{"name", safe(name)})
	}
	if i.Email != "" {
		rows = append(rows, []string{"email", visible(i.Email)})
	}
	return append(rows, [][]string{
		{"groups", list(i.Groups)}, {"roles", list(i.Roles)}, {"administrator", administrator},
		{"client", safe(i.ClientApplicationID)}, {"expires", when(i.ExpiresAt, now)},
	}...)
}

// sentences makes the closing text fit for a terminal. Sentences are wrapped; lines of TOML to paste stay as they are.
func sentences(text string) string {
	lines := strings.Split(strings.TrimRight(safeLines(text), "\n"), "\n")
	for i, line := range lines {
		if strings.HasSuffix(line, ".") {
			lines[i] = wrap(line, 96)
		}
	}
	return strings.Join(lines, "\n")
}

// wrap breaks a text at blanks into lines of at most width characters, and indents all but the first.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n  ")
			column = 2
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
