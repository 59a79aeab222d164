package config

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with the configuration, or with Notice set, one thing worth saying.
type Fault struct {
	File    string `json:"file"`           // path as it was read
	Line    int    `json:"line,omitempty"` // from 1; 0 where the fault concerns the file as a whole
	Key     string `json:"key,omitempty"`  // such as provider.contoso.tenant_id or user[0].groups[1]
	Problem string `json:"problem"`        // lower case, without a period: what was wanted, what was got
	Hint    string `json:"hint,omitempty"` // what to do about it
	Notice  bool   `json:"notice,omitempty"`
	// Unreadable: whoever asked may not read the file, so what is right or wrong in it is not known.
	Unreadable bool `json:"-"`
}

// String gives `file:line: key: problem`, without the hint.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Problem)
	return b.String()
}

// Faults are all the faults of a configuration, in the order of files and lines. It is an error where one of them is no
// notice.
type Faults []Fault

// Error gives every fault that is no notice, a line each, each with its hint on a line of its own.
func (f Faults) Error() string {
	var lines []string
	for _, fault := range f {
		if fault.Notice {
			continue
		}
		lines = append(lines, fault.String())
		if fault.Hint != "" {
			lines = append(lines, "  hint: "+fault.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// Refuse reports whether one of the faults is no notice: the configuration cannot be used.
func (f Faults) Refuse() bool {
	for _, fault := range f {
		if !fault.Notice {
			return true
		}
	}
	return false
}

// Position is a place in a file. The zero Position is nowhere.
type Position struct {
	File string
	Line int // from 1
}
