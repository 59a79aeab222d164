package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/cmd/claimctl/manifest"
)

// doctorResult is what doctor --json prints.
type doctorResult struct {
	OK       bool              `json:"ok"` // every answer is yes
	Counts   finding.Counts    `json:"counts"`
	Findings []finding.Finding `json:"findings"`
	Lines    []manifest.Line   `json:"manifest_lines,omitempty"`
}

// tell prints the answers, and ends doctor with the status that they come to.
func (t *tool) tell(findings []finding.Finding, lines []manifest.Line) error {
	counts := finding.Count(findings)
	ok := counts.No+counts.Unknown == 0
	var err error
	if t.json {
		err = t.printJSON(doctorResult{ok, counts, append([]finding.Finding{}, findings...), lines}, false)
	} else {
		err = t.print(doctorText(findings, lines))
	}
	switch {
	case err != nil:
		return err
	case counts.No > 0:
		return refused()
	case counts.Unknown > 0:
		return &failure{code: exitUnknown}
	}
	return nil
}

// doctorText is a table for each subject, what to do below the answer that asks for it, and a closing sentence.
func doctorText(findings []finding.Finding, lines []manifest.Line) string {
	p := &page{}
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	subject := ""
	for i, f := range findings {
		if i == 0 || f.Subject != subject {
			subject = f.Subject
			if i > 0 {
				p.line("")
			}
			p.line("%s", safe(cmp.Or(subject, "this host")))
		}
		verdict := string(f.Verdict)
		if f.Verdict == finding.No {
			verdict = "NO"
		}
		p.line("  %s  %s  %s", pad(f.Check, width), pad(verdict, len(finding.Unknown)), safe(f.Found))
		for line := range strings.Lines(f.ToDo) {
			p.line("  %s  to do: %s", pad("", width), safe(strings.TrimSuffix(line, "\n")))
		}
	}
	for i, line := range lines {
		if i == 0 {
			p.line("\nthe lines to set in the manifest (App registrations, the app, Manifest), then Save:")
		}
		if where := cmp.Or(line.In, "at the top"); i == 0 || lines[i-1].In != line.In {
			p.line("  %s", escape(where))
		}
		for text := range strings.Lines(line.Text) {
			p.line("    %s", escape(strings.TrimSuffix(text, "\n")))
		}
	}
	p.line("\n%s", closing(finding.Count(findings)))
	return p.String()
}

func closing(c finding.Counts) string {
	text := fmt.Sprintf("%s yes, %d no, %d could not be told", counted(c.Yes, "answer is", "answers are"), c.No, c.Unknown)
	switch {
	case c.No > 0:
		return text + ": begin with the first NO"
	case c.Unknown > 0:
		return text + ": nothing is known to be wrong"
	}
	return text + ": all is in place"
}
