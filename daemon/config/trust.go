package config

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// TrustedDirectory gives nil where nobody but root and the daemon's own user can put a file into the directory, or
// another directory in its place: the rule for the files of a configuration, for a directory in which every name
// counts. So it must not be sticky and open to all; one above it may. Links are followed, and judged too.
//
// The error names the first place that does not fit, and on a hint line the command that mends it. It wraps the
// kernel's error where a place could not be looked at. path is absolute.
func TrustedDirectory(path string) error {
	g := newGuard()
	resolved, sound, err := g.walk(path)
	if err != nil {
		if number, ok := errors.AsType[syscall.Errno](err); ok {
			err = number
		}
		return &fs.PathError{Op: "look at", Path: resolved, Err: err}
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return err
	}
	if g.directory(resolved, info) && g.names(resolved, info) && sound {
		return nil
	}
	first := g.faults[0]
	return errors.New(first.String() + "\n  hint: " + first.Hint)
}
