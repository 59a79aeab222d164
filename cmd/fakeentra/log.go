package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// tailLines is how many of claimd's last lines are kept for the case that it dies, heldLines how many wait for follow.
const (
	tailLines = 15
	heldLines = 1000
)

// log takes claimd's lines. It holds them back until follow, so that the first screen stays in one piece.
type log struct {
	out      io.Writer
	coloured bool

	mu      sync.Mutex
	partial []byte // of a line that has not ended yet
	lines   []string
	follows bool
}

func newLog(out io.Writer) *log { return &log{out: out, coloured: isTerminal(out)} }

// Write takes whole and partial lines. It never fails: a closed terminal must not end claimd.
func (l *log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, data...)
	for {
		line, rest, ended := bytes.Cut(l.partial, []byte("\n"))
		if !ended {
			return len(data), nil
		}
		l.add(string(line))
		l.partial = append([]byte(nil), rest...)
	}
}

func (l *log) add(line string) {
	l.lines = append(l.lines, line)
	keep := heldLines
	if l.follows {
		l.print(line)
		keep = tailLines
	}
	l.lines = l.lines[max(0, len(l.lines)-keep):]
}

// follow prints what was held back, and from then on every line.
func (l *log) follow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		l.print(line)
	}
	l.follows = true
}

// print writes one line, on a terminal in grey and marked as claimd's.
func (l *log) print(line string) {
	if l.coloured {
		line = "\x1b[90mclaimd │ " + line + "\x1b[0m"
	}
	fmt.Fprintln(l.out, line)
}

// tail gives the last lines, and what stands of one that has not ended.
func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := slices.Clone(l.lines[max(0, len(l.lines)-tailLines):])
	last = append(last, string(l.partial))
	return strings.TrimRight(strings.Join(last, "\n"), "\n")
}

// isTerminal reports whether out is a terminal whose user has not asked for plain text (no-color.org).
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
