package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTrustedDirectory(t *testing.T) {
	for _, test := range []struct {
		name    string
		spoil   func(directory string) error
		want    string // DIR stands for the directory; "" = trusted
		failure error
	}{
		{"one of its owner's", func(string) error { return nil }, "", nil},
		{"a link to one", func(d string) error { return moved(d, d+".real") }, "", nil},
		{"one that is not there", os.Remove, "look at DIR: no such file or directory", fs.ErrNotExist},
		{"one that a group writes to", func(d string) error { return os.Chmod(d, 0o770) },
			"DIR: want it writable by its owner only, got mode 0770\n  hint: chmod go-w DIR", nil},
		// Sticky keeps others from taking a name away, not from being there first.
		{"a sticky one that all write to", func(d string) error { return os.Chmod(d, 0o777|fs.ModeSticky) },
			"DIR: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR", nil},
		{"one below a sticky one", func(d string) error { return os.Chmod(filepath.Dir(d), 0o777|fs.ModeSticky) }, "", nil},
		{"one below one that all write to", func(d string) error { return os.Chmod(filepath.Dir(d), 0o777) },
			"ABOVE: want it writable by its owner only, got mode 0777\n  hint: chmod go-w ABOVE", nil},
		{"a link to one that all write to", func(d string) error {
			return errors.Join(moved(d, d+".real"), os.Chmod(d+".real", 0o777))
		}, "DIR.real: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR.real", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			above := filepath.Join(t.TempDir(), "above")
			directory := filepath.Join(above, "d")
			if err := errors.Join(os.MkdirAll(directory, 0o755), os.Chmod(filepath.Dir(above), 0o755), test.spoil(directory)); err != nil {
				t.Fatal(err)
			}
			got := ""
			err := TrustedDirectory(directory)
			if err != nil {
				got = err.Error()
			}
			if want := strings.NewReplacer("DIR", directory, "ABOVE", above).Replace(test.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if test.failure != nil && !errors.Is(err, test.failure) {
				t.Errorf("%v does not wrap %v", err, test.failure)
			}
		})
	}
}

// moved moves the directory and puts a link in its place.
func moved(directory, to string) error {
	return errors.Join(os.Rename(directory, to), os.Symlink(to, directory))
}

// TestMakeDirectoryLeavesWhatIsThere: the mode is for what it makes.
func TestMakeDirectoryLeavesWhatIsThere(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(path string) error
		want  string        // the error; DIR stands for the directory
		modes []fs.FileMode // of the directory and of the one above
	}{
		{"nothing is there", func(string) error { return nil }, "", []fs.FileMode{0o700, 0o700}},
		{"the one above is there", func(path string) error { return os.Mkdir(filepath.Dir(path), 0o755) }, "", []fs.FileMode{0o700, 0o755}},
		{"it is there", func(path string) error { return os.MkdirAll(path, 0o755) }, "", []fs.FileMode{0o755, 0o755}},
		{"a file is there", func(path string) error {
			return errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600))
		}, "mkdir DIR: not a directory", []fs.FileMode{0o600, 0o755}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "above", "d")
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := MakeDirectory(path, 0o700); err != nil {
				got = err.Error()
			}
			if want := strings.ReplaceAll(test.want, "DIR", path); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			for i, place := range []string{path, filepath.Dir(path)} {
				if info, err := os.Lstat(place); err != nil || info.Mode().Perm() != test.modes[i] {
					t.Errorf("%s: got %v, %v, want %04o", place, info.Mode(), err, test.modes[i])
				}
			}
		})
	}
}
