package main

import (
	"slices"
	"strings"
)

// copyrightFile writes the machine-readable form of debian.org/doc/packaging-manuals/copyright-format/1.0. The works
// that are linked in stand under the names that go version -m shows.
func copyrightFile(name string, works []work) string {
	stanzas := []string{
		`Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: claimd
Upstream-Contact: https://github.com/claimd/claimd/issues
Source: https://github.com/claimd/claimd
Comment: The programs of ` + name + ` are linked statically with Go's standard library
 and with the modules below, each at the version that its Files name.
`,
		`Files: *
Copyright: The claimd authors
License: Apache-2.0
`,
	}
	for len(works) > 0 {
		alike := func(w work) bool {
			first := works[0]
			return w.licence == first.licence && slices.Equal(w.notices, first.notices) && slices.Equal(w.holders, first.holders)
		}
		var group, others []work
		for _, w := range works {
			if alike(w) {
				group = append(group, w)
			} else {
				others = append(others, w)
			}
		}
		stanzas, works = append(stanzas, stanza(group)), others
	}
	stanzas = append(stanzas, `License: Apache-2.0
 On Debian systems the whole text is in /usr/share/common-licenses/Apache-2.0,
 elsewhere in /usr/share/licenses/`+name+`/LICENSE.
`)
	return strings.Join(stanzas, "\n")
}

// stanza is what is said of works that are alike but for their names.
func stanza(works []work) string {
	var b strings.Builder
	for i, w := range works {
		b.WriteString([]string{"Files: ", " "}[min(i, 1)] + w.name + "/*\n")
	}
	first := works[0]
	whose := first.holders
	if len(whose) == 0 {
		path, _, _ := strings.Cut(first.name, "@")
		whose = []string{"The authors of " + path}
	}
	b.WriteString("Copyright: " + strings.Join(whose, "\n ") + "\n")
	b.WriteString("License: " + first.licence.spdx + "\n" + quoted(first.licence.text))
	if len(first.notices) > 0 {
		b.WriteString("Comment: Its notice:\n" + quoted(strings.Join(first.notices, "\n\n")))
	}
	return b.String()
}

// quoted writes lines as those of a field: a blank before each, a dot for an empty one.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), " \r\n")
		if line == "" {
			line = "."
		}
		b.WriteString(" " + line + "\n")
	}
	return b.String()
}

// expression names every licence once, as SPDX writes it.
func expression(works []work) string {
	all := []string{"Apache-2.0"} // claimd's own
	for _, w := range works {
		all = append(all, w.licence.spdx)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " AND ")
}
