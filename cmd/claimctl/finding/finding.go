// Package finding is the form of what claimctl doctor finds: a question that was asked, the answer (yes, no or could
// not tell), what was seen, and what to do about it.
package finding

import "fmt"

// Verdict answers one question.
type Verdict string

// The three verdicts.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "could not tell"
)

// Finding is one answered question. Found and ToDo hold text of others (names in certificates, values of a manifest):
// whoever prints them escapes them.
type Finding struct {
	Subject string  `json:"subject,omitempty"` // what it is about: a provider's name, an address; "" = this host
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	ToDo    string  `json:"to_do,omitempty"` // of one or more lines; "" = nothing
}

// Good is the answer yes.
func Good(format string, values ...any) Finding {
	return Finding{Verdict: Yes, Found: fmt.Sprintf(format, values...)}
}

// Bad is the answer no, with what mends it.
func Bad(toDo, format string, values ...any) Finding {
	return Finding{Verdict: No, Found: fmt.Sprintf(format, values...), ToDo: toDo}
}

// Untold is the answer of who could not find out, with where to look.
func Untold(toDo, format string, values ...any) Finding {
	return Finding{Verdict: Unknown, Found: fmt.Sprintf(format, values...), ToDo: toDo}
}

// Counts says how many questions were answered how.
type Counts struct {
	Yes     int `json:"yes"`
	No      int `json:"no"`
	Unknown int `json:"could_not_tell"`
}

// Count counts the verdicts.
func Count(findings []Finding) Counts {
	var counts Counts
	for _, f := range findings {
		switch f.Verdict {
		case Yes:
			counts.Yes++
		case No:
			counts.No++
		default:
			counts.Unknown++
		}
	}
	return counts
}
