package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MakeDirectory makes a directory with this mode, and those above it that are missing, whatever the umask. One that is
// there stays as it is. Errors are the kernel's.
func MakeDirectory(path string, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	} else if err == nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	err := os.Mkdir(path, mode)
	if above := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && above != path {
		if err := MakeDirectory(above, mode); err != nil {
			return err
		}
		err = os.Mkdir(path, mode)
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, mode) // nobody can have put another in the place of one that is ours, but who may write there
}

// TrustedDirectory gives nil where nobody but root and the daemon's own user can put a file into the directory, or
// another directory in its place: the rule for the files of a configuration, for a directory in which every name
// counts. So it must not be sticky and open to all; one above it may. Links are followed, and judged too.
//
// The error names the first place that does not fit, and on a hint line the command that mends it. It wraps the
// kernel's error where a place could not be looked at. path is absolute.
func TrustedDirectory(path string) error {
	g := newGuard(nil)
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
