package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/claimd/claimd/mapping"
)

// checker collects the faults of a configuration while it is read.
type checker struct {
	root   *node
	order  map[string]int // file -> its place among the files
	whole  bool           // false: what is missing may stand in a file that could not be read
	faults Faults
	tables []*table // all that were read
}

func (c *checker) fault(path mapping.Path, hint, format string, args ...any) {
	c.record(path, Fault{Problem: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) notice(path mapping.Path, hint, problem string) {
	c.record(path, Fault{Problem: problem, Hint: hint, Notice: true})
}

// missing records that a key has to be written.
func (c *checker) missing(path mapping.Path, hint, format string, args ...any) {
	if c.whole {
		c.fault(path, hint, format, args...)
	}
}

func (c *checker) record(path mapping.Path, fault Fault) {
	nearest, _ := find(c.root, path)
	fault.File, fault.Line, fault.Key = nearest.place.File, nearest.place.Line, KeyPath(path)
	c.faults = append(c.faults, fault)
}

// sorted gives the faults in the order of files and lines.
func (c *checker) sorted() Faults {
	slices.SortStableFunc(c.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(c.order[a.File], c.order[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return c.faults
}

// flaw is what is wrong with one text. The zero flaw is nothing.
type flaw struct{ problem, hint string }

func flawf(format string, args ...any) flaw { return flaw{problem: fmt.Sprintf(format, args...)} }

// form judges a text by itself.
type form func(text string) flaw

// judge records the flaw of a text that stands at the path.
func (c *checker) judge(path mapping.Path, text string, is form) {
	if is == nil {
		return
	}
	if found := is(text); found.problem != "" {
		c.fault(path, found.hint, "%s", found.problem)
	}
}
