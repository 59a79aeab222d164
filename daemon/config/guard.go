package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links one path may go through, as in the kernel (path_resolution(7)).
const maxLinks = 40

// guard walks to files as the kernel does, one name at a time, and judges each directory and link that it passes:
// who can change one of them can change the configuration. What was judged sound can then change only by the hand of
// root or of the daemon's own user.
type guard struct {
	uid     int             // the daemon's own user
	as      *Account        // who must be able to read what is met; nil: the caller, who is about to
	judged  map[string]bool // directory or link -> whether it is sound; each is told once
	barred  map[string]bool // directories of which it was told that as may not search or list them
	watched []string        // the directories that hold a link or a file that was asked for
	faults  Faults
}

// newGuard judges for the user, or for the caller where that is nil.
func newGuard(as *Account) *guard {
	g := &guard{uid: os.Geteuid(), as: as, judged: map[string]bool{}, barred: map[string]bool{}}
	if as != nil {
		g.uid = as.UID
	}
	return g
}

// walk gives the place that an absolute, clean path leads to, without links in it. sound tells whether every
// directory and link on the way is. The error is that of the name that could not be looked up.
func (g *guard) walk(path string) (resolved string, sound bool, err error) {
	resolved = "/"
	root, err := os.Lstat(resolved)
	if err != nil {
		return resolved, false, err
	}
	sound = g.directory(resolved, root)
	g.readable(resolved, root, maySearch)
	names := splitPath(path)
	for links := 0; len(names) > 0; {
		name := names[0]
		names = names[1:]
		if name == ".." { // in the target of a link; resolved holds no links, so its parent is the kernel's
			resolved = filepath.Dir(resolved)
			continue
		}
		next := filepath.Join(resolved, name)
		info, err := os.Lstat(next)
		if err != nil {
			g.watch(resolved)
			return next, sound, err
		}
		if info.Mode().Type() == fs.ModeSymlink {
			if links++; links > maxLinks {
				return next, false, syscall.ELOOP
			}
			g.watch(resolved)
			sound = g.link(next, info) && sound
			target, err := os.Readlink(next)
			if err != nil {
				return next, false, err
			}
			if filepath.IsAbs(target) {
				resolved = "/"
			}
			names = append(splitPath(target), names...)
			continue
		}
		if len(names) > 0 {
			if !info.IsDir() {
				return next, false, syscall.ENOTDIR
			}
			sound = g.directory(next, info) && sound
			g.readable(next, info, maySearch)
		} else {
			g.watch(resolved)
		}
		resolved = next
	}
	return resolved, sound, nil
}

// splitPath gives the names of a path; a final .. of a link's target is kept, empty names and single dots are not.
func splitPath(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

func (g *guard) watch(directory string) {
	if !slices.Contains(g.watched, directory) {
		g.watched = append(g.watched, directory)
	}
}

// directory judges a directory that a file stands below.
func (g *guard) directory(path string, info fs.FileInfo) bool {
	if sound, ok := g.judged[path]; ok {
		return sound
	}
	// In a sticky directory others may add names, but not take ours away or put theirs in the place of ours.
	sound := g.owner(path, "chown", info)
	if info.Mode()&fs.ModeSticky == 0 {
		sound = g.mode(path, info) && sound
	}
	g.judged[path] = sound
	return sound
}

// names judges a directory in which every name counts: there sticky is not enough, as a link to a file of root's is a
// name too.
func (g *guard) names(path string, info fs.FileInfo) bool {
	return info.Mode()&fs.ModeSticky == 0 || g.mode(path, info)
}

// link judges a symbolic link: in a sticky directory it could be anybody's. A link's mode means nothing.
func (g *guard) link(path string, info fs.FileInfo) bool {
	sound, ok := g.judged[path]
	if !ok {
		sound = g.owner(path, "chown -h", info)
		g.judged[path] = sound
	}
	return sound
}

// file judges the file itself.
func (g *guard) file(path string, info fs.FileInfo) bool {
	owner, mode := g.owner(path, "chown", info), g.mode(path, info)
	g.readable(path, info, mayRead)
	return owner && mode
}

// credential judges a file of systemd's credentials directory. Its mode is systemd's own affair: that of a file with an
// access control list shows other rights than its owner's and group's.
func (g *guard) credential(path string, info fs.FileInfo) bool { return g.owner(path, "chown", info) }

func (g *guard) owner(path, command string, info fs.FileInfo) bool {
	uid := ownerOf(info)
	if uid == 0 || uid == g.uid {
		return true
	}
	want := "root"
	if g.uid != 0 {
		want = fmt.Sprintf("root or uid %d", g.uid)
	}
	g.fault(path, command+" root "+shellWord(path), "want the owner %s, got uid %d", want, uid)
	return false
}

func ownerOf(info fs.FileInfo) int {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(status.Uid)
}

func (g *guard) mode(path string, info fs.FileInfo) bool {
	const writeByOthers = 0o022
	if info.Mode().Perm()&writeByOthers == 0 {
		return true
	}
	g.fault(path, "chmod go-w "+shellWord(path), "want it writable by its owner only, got mode %04o", info.Mode().Perm())
	return false
}

func (g *guard) fault(path, hint, format string, args ...any) {
	g.faults = append(g.faults, Fault{File: path, Problem: fmt.Sprintf(format, args...), Hint: hint})
}

// shellWord writes a path so that a shell takes it as one word.
func shellWord(path string) string {
	for _, r := range path {
		if !strings.ContainsRune("/._-+,:@%", r) && (r >= 0x80 || !isBare(byte(r))) {
			return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
		}
	}
	return path
}

// cause gives the kernel's words for why a file could not be had, without the path.
func cause(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return err.Error()
}
