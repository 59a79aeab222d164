package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// folder makes a private folder that holds these files, each name with its text, whatever the umask.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Dir(dir), dir} {
		chmod(t, path, 0o755)
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	chmod(t, filepath.Dir(path), 0o755)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// read reads DIR/claimd.toml and gives the names of the files and the faults, both without DIR.
func read(dir string, with map[string]string) (tree *Tree, names, faults string) {
	tree, found := Read(filepath.Join(dir, "claimd.toml"), ReadOptions{With: with})
	var paths []string
	for _, file := range slices.Concat(tree.Files, tree.Extra) {
		paths = append(paths, strings.TrimPrefix(file.Path, dir+"/"))
	}
	return tree, strings.Join(paths, " "), strings.ReplaceAll(told(found), dir, "DIR")
}

func TestReadTakesTheFilesInTheirOrder(t *testing.T) {
	dir := folder(t, map[string]string{
		"claimd.toml":            "# main\n",
		"conf.d/b.toml":          "# b\n",
		"conf.d/B.toml":          "# B\n",
		"conf.d/10.toml":         "# 10\n",
		"conf.d/9.toml":          "# 9\n",
		"conf.d/.hidden.toml":    "]",
		"conf.d/.#b.toml":        "]",
		"conf.d/b.toml~":         "]",
		"conf.d/b.toml.dpkg-new": "]",
		"conf.d/b.TOML":          "]",
		"conf.d/README":          "]",
		"other.toml":             "]",
	})
	tree, names, faults := read(dir, nil)
	if want := "claimd.toml conf.d/10.toml conf.d/9.toml conf.d/B.toml conf.d/b.toml"; names != want || faults != "" {
		t.Errorf("got %q and %q, want %q", names, faults, want)
	}
	if got, want := tree.Files[0].SHA256, "f3cc540a575347a67e09537771b8239b0f029d69dcb5c44982fb9a6fe948b348"; got != want {
		t.Errorf("got the hash %q, want %q", got, want)
	}
	if _, faults := tree.Parse(); len(faults) > 0 {
		t.Errorf("got %v, want a configuration of comments to be sound", faults)
	}
}

func TestReadTellsWhatKeepsAFileFromBeingRead(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, dir string)
		want string
	}{
		"no claimd.toml": {
			func(t *testing.T, dir string) {},
			"DIR/claimd.toml: cannot be read: no such file or directory\n  hint: name the file with --config FILE\n",
		},
		"zero bytes": {
			func(t *testing.T, dir string) { write(t, dir+"/claimd.toml", "") },
			"DIR/claimd.toml: want a configuration, got an empty file\n" +
				"  hint: a file of comments only is a configuration that denies every request\n",
		},
		"zero bytes in conf.d, as a save leaves them for a moment that truncates first": {
			func(t *testing.T, dir string) {
				write(t, dir+"/claimd.toml", "# x\n")
				write(t, dir+"/conf.d/a.toml", "")
			},
			"DIR/conf.d/a.toml: want a configuration, got an empty file\n  hint: remove it, or leave a comment in it\n",
		},
		"a directory": {
			func(t *testing.T, dir string) { write(t, dir+"/claimd.toml/x", "") },
			"DIR/claimd.toml: want a file, got a directory\n",
		},
		"a FIFO that nobody writes": {
			func(t *testing.T, dir string) { must(t, syscall.Mkfifo(dir+"/claimd.toml", 0o600)) },
			"DIR/claimd.toml: want a file, got a FIFO\n",
		},
		"a socket": {
			func(t *testing.T, dir string) {
				fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
				must(t, err)
				t.Cleanup(func() { syscall.Close(fd) })
				must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: dir + "/claimd.toml"}))
			},
			"DIR/claimd.toml: want a file, got a socket\n",
		},
		"a device without end": {
			func(t *testing.T, dir string) { symlink(t, "/dev/zero", dir+"/claimd.toml") },
			"DIR/claimd.toml: want a file, got a device\n",
		},
		"a link to nothing": {
			func(t *testing.T, dir string) { symlink(t, "gone", dir+"/claimd.toml") },
			"DIR/claimd.toml: cannot be read: no such file or directory\n  hint: name the file with --config FILE\n",
		},
		"a link to itself": {
			func(t *testing.T, dir string) { symlink(t, "claimd.toml", dir+"/claimd.toml") },
			"DIR/claimd.toml: cannot be read: too many levels of symbolic links\n",
		},
		"below a file": {
			func(t *testing.T, dir string) {
				write(t, dir+"/file", "x")
				symlink(t, "file/claimd.toml", dir+"/claimd.toml")
			},
			"DIR/claimd.toml: cannot be read: not a directory\n",
		},
		"4 MiB and a byte": {
			func(t *testing.T, dir string) { write(t, dir+"/claimd.toml", strings.Repeat("#", 4<<20+1)) },
			"DIR/claimd.toml: want at most 4 MiB, got more\n",
		},
		"a gigabyte of holes": {
			func(t *testing.T, dir string) {
				write(t, dir+"/claimd.toml", "")
				must(t, os.Truncate(dir+"/claimd.toml", 1<<30))
			},
			"DIR/claimd.toml: want at most 4 MiB, got more\n",
		},
		"conf.d is a file": {
			func(t *testing.T, dir string) {
				write(t, dir+"/claimd.toml", "# x\n")
				write(t, dir+"/conf.d", "")
			},
			"DIR/conf.d: cannot be read: not a directory\n",
		},
		"conf.d is a circle of links": {
			func(t *testing.T, dir string) {
				write(t, dir+"/claimd.toml", "# x\n")
				symlink(t, "conf.d", dir+"/conf.d")
			},
			"DIR/conf.d: cannot be read: too many levels of symbolic links\n",
		},
		"conf.d leads nowhere": {
			func(t *testing.T, dir string) {
				write(t, dir+"/claimd.toml", "# x\n")
				symlink(t, "gone", dir+"/conf.d")
			},
			"DIR/conf.d: cannot be read: no such file or directory\n",
		},
		"entries of conf.d": {
			func(t *testing.T, dir string) {
				write(t, dir+"/claimd.toml", "# x\n")
				write(t, dir+"/conf.d/a.toml/x", "")
				symlink(t, "gone", dir+"/conf.d/b.toml")
			},
			"DIR/conf.d/a.toml: want a file, got a directory\nDIR/conf.d/b.toml: cannot be read: no such file or directory\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, nil)
			test.make(t, dir)
			tree, names, got := read(dir, nil)
			if got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			config, _ := tree.Parse()
			if config != nil || strings.Contains(names, "conf.d") {
				t.Errorf("got a configuration of %q, want none", names)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFourMiBIsAllowed is the other side of the limit.
func TestFourMiBIsAllowed(t *testing.T) {
	dir := folder(t, map[string]string{"claimd.toml": strings.Repeat("#", 4<<20)})
	if _, names, faults := read(dir, nil); names != "claimd.toml" || faults != "" {
		t.Errorf("got %q and %q", names, faults)
	}
}

// TestAFileThatMayNotBeReadIsTold runs without the right to read everything, which root gives up for it.
func TestAFileThatMayNotBeReadIsTold(t *testing.T) {
	dir := folder(t, map[string]string{"claimd.toml": "# x\n", "conf.d/a.toml": "# x\n"})
	withoutOverride(t)
	chmod(t, dir+"/claimd.toml", 0)
	chmod(t, dir+"/conf.d", 0o300)
	denied := func(name string) string {
		return fmt.Sprintf("DIR/%s: cannot be read: permission denied\n  hint: uid %d must be able to read it: chmod u+%s DIR/%[1]s\n",
			name, os.Geteuid(), map[string]string{"claimd.toml": "r", "conf.d": "rx"}[name])
	}
	_, names, faults := read(dir, nil)
	if want := denied("claimd.toml") + denied("conf.d"); names != "" || faults != want {
		t.Errorf("got %q and\n%swant\n%s", names, faults, want)
	}
	_, _, faults = read(dir, map[string]string{dir + "/conf.d/b.toml": dir + "/claimd.toml"})
	if want := denied("claimd.toml") + denied("conf.d") + denied("claimd.toml"); faults != want {
		t.Errorf("got\n%swant\n%s", faults, want)
	}
	chmod(t, dir+"/conf.d", 0o700)
}

// withoutOverride takes root's right to read and search everything from this thread until the test ends. Whoever is not
// root never had it.
func withoutOverride(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var rights [2]unix.CapUserData
	must(t, unix.Capget(&header, &rights[0]))
	before := rights
	rights[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	must(t, unix.Capset(&header, &rights[0]))
	t.Cleanup(func() {
		must(t, unix.Capset(&header, &before[0]))
		runtime.UnlockOSThread()
	})
}
