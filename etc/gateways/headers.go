package gateways

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Header is one identity header: its key under [server.headers], and its name.
type Header struct{ Key, Name string }

// Shipped gives the identity headers that the files are shipped with, which are those of a configuration that names none.
func Shipped() []Header {
	return []Header{
		{"user", "Remote-User"}, {"email", "Remote-Email"}, {"name", "Remote-Name"}, {"groups", "Remote-Groups"},
		{"roles", "Remote-Roles"}, {"admin", "Remote-Admin"}, {"provider", "Remote-Provider"},
	}
}

// spellings are the ways in which files write a header's name.
func spellings(name string) []string {
	lower := strings.ToLower(name)
	return []string{name, lower, strings.ReplaceAll(lower, "-", "_"), strings.NewReplacer("-", "[-_.]", "_", "[-_.]").Replace(lower)}
}

// fillHeaders writes the site's headers where the shipped ones stand: in lines that name them all, and in lines that
// name one, of which the first is the pattern for those of the others.
func fillHeaders(text string, headers []Header) (string, error) {
	if len(headers) == 0 {
		return "", errors.New("want an identity header, got none: [server.headers] leaves all out")
	}
	for _, header := range headers {
		if strings.Trim(header.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || header.Name == "" {
			return "", fmt.Errorf("want a header's name of letters, digits, - and _, got %q", header.Name)
		}
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(fillLine(line, headers))
	}
	return b.String(), nil
}

func fillLine(line string, headers []Header) string {
	shipped := Shipped()
	for i, spelling := range spellings(shipped[0].Name) {
		named := slices.IndexFunc(shipped, func(h Header) bool { return strings.Contains(line, spellings(h.Name)[i]) })
		if named < 0 {
			continue
		}
		last := shipped[len(shipped)-1]
		if strings.Contains(line, spelling) && strings.Contains(line, spellings(last.Name)[i]) {
			return fillList(line, i, headers)
		}
		if named > 0 {
			return ""
		}
		var b strings.Builder
		for _, header := range headers {
			b.WriteString(strings.NewReplacer(spelling, spellings(header.Name)[i], "$claimd_user", "$claimd_"+header.Key).Replace(line))
		}
		return b.String()
	}
	return line
}

// fillList writes the headers into a line that names all: what stands between the first two stands between any two.
func fillList(line string, spelling int, headers []Header) string {
	shipped := Shipped()
	first, second, last := spellings(shipped[0].Name)[spelling], spellings(shipped[1].Name)[spelling], spellings(shipped[len(shipped)-1].Name)[spelling]
	before, rest, _ := strings.Cut(line, first)
	between, _, _ := strings.Cut(rest, second)
	_, after, _ := strings.Cut(rest, last)
	names := make([]string, len(headers))
	for i, header := range headers {
		names[i] = spellings(header.Name)[spelling]
	}
	return before + strings.Join(names, between) + after
}
