package main

import (
	"fmt"
	"strings"
	"time"
)

// entry is what one version changed.
type entry struct {
	version string // of the package, with its release
	date    time.Time
	changes []string // each in one line
}

// readChanges reads a changelog as keepachangelog.com has it: "## Unreleased" or "## 1.2.0 - 2026-11-30" above items.
// What is unreleased belongs to the version that is being packaged. That version always has an entry.
func readChanges(text, version string, date time.Time) ([]entry, error) {
	var entries []entry
	kind, open := "", false // open: lines may belong to the last item
	for number, line := range strings.Split(text, "\n") {
		last := len(entries) - 1
		switch {
		case strings.HasPrefix(line, "## "):
			e, err := heading(strings.TrimPrefix(line, "## "), version, date)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number+1, err)
			}
			entries, kind, open = append(entries, e), "", false
		case last < 0:
		case strings.HasPrefix(line, "### "):
			kind, open = strings.TrimPrefix(line, "### ")+": ", false
		case strings.HasPrefix(line, "- "):
			entries[last].changes = append(entries[last].changes, kind+plain(line[2:]))
			open = true
		case open && strings.HasPrefix(line, "  "):
			items := entries[last].changes
			items[len(items)-1] += " " + plain(strings.TrimSpace(line))
		case strings.TrimSpace(line) != "":
			return nil, fmt.Errorf("line %d: want a heading or an item, got %q", number+1, line)
		}
	}
	if len(entries) > 0 && len(entries[0].changes) == 0 {
		entries = entries[1:] // nothing is unreleased
	}
	if len(entries) == 0 || entries[0].version != version {
		entries = append([]entry{{version, date, []string{"Built between releases."}}}, entries...)
	}
	return entries, nil
}

// heading reads "Unreleased" or "1.2.0 - 2026-11-30"; brackets around the version are a link's.
func heading(text, version string, date time.Time) (entry, error) {
	released, day, ok := strings.Cut(text, " - ")
	released = strings.Trim(released, "[]")
	if !ok && released == "Unreleased" {
		return entry{version: version, date: date}, nil
	}
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return entry{}, fmt.Errorf("want Unreleased or VERSION - YYYY-MM-DD, got %q", text)
	}
	return entry{version: strings.ReplaceAll(released, "-", "~") + "-1", date: at}, nil
}

// plain takes off the marks of Markdown that mean nothing in a changelog.
func plain(text string) string { return strings.ReplaceAll(text, "`", "") }

// debianChangelog writes the form of deb-changelog(5), newest first.
func debianChangelog(name string, entries []entry) string {
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s (%s) stable; urgency=medium\n\n", name, e.version)
		for _, change := range e.changes {
			b.WriteString(fold("  * ", "    ", change))
		}
		fmt.Fprintf(&b, "\n -- %s  %s\n", maintainer, e.date.Format(time.RFC1123Z))
	}
	return b.String()
}

// fold breaks a text into lines of at most 79 characters.
func fold(first, others, text string) string {
	var b strings.Builder
	line := strings.TrimRight(first, " ")
	for _, word := range strings.Fields(text) {
		if len([]rune(line))+1+len([]rune(word)) > 79 && line != strings.TrimRight(first, " ") {
			b.WriteString(line + "\n")
			line = strings.TrimSuffix(others, " ")
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// rpmEntry is an entry as nfpm reads it (github.com/goreleaser/chglog); JSON is YAML.
type rpmEntry struct {
	Version  string      `json:"semver"`
	Date     time.Time   `json:"date"`
	Packager string      `json:"packager"`
	Changes  []rpmChange `json:"changes"`
}

type rpmChange struct {
	Note string `json:"note"`
}

// chglog gives the entries as rpms have them, each at noon of its day.
func chglog(entries []entry) []rpmEntry {
	var all []rpmEntry
	for _, e := range entries {
		one := rpmEntry{Version: e.version, Date: e.date.Truncate(24 * time.Hour).Add(12 * time.Hour), Packager: maintainer}
		for _, change := range e.changes {
			one.Changes = append(one.Changes, rpmChange{change})
		}
		all = append(all, one)
	}
	return all
}
