package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoCanWriteDecides shows each way in which others could change the configuration, and the command that mends it.
func TestWhoCanWriteDecides(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, dir string)
		want string
	}{
		"as packaged": {
			func(t *testing.T, dir string) { chmod(t, dir+"/claimd.toml", 0o640) }, "",
		},
		"readable by all": {
			func(t *testing.T, dir string) { chmod(t, dir+"/claimd.toml", 0o644) }, "",
		},
		"a file that its group may write": {
			func(t *testing.T, dir string) { chmod(t, dir+"/claimd.toml", 0o664) },
			"DIR/claimd.toml: want it writable by its owner only, got mode 0664\n  hint: chmod go-w DIR/claimd.toml\n",
		},
		"a file that all may write": {
			func(t *testing.T, dir string) { chmod(t, dir+"/conf.d/a.toml", 0o602) },
			"DIR/conf.d/a.toml: want it writable by its owner only, got mode 0602\n  hint: chmod go-w DIR/conf.d/a.toml\n",
		},
		"a directory that its group may write, told once": {
			func(t *testing.T, dir string) { chmod(t, dir, 0o775) },
			"DIR: want it writable by its owner only, got mode 0775\n  hint: chmod go-w DIR\n",
		},
		"conf.d that all may write": {
			func(t *testing.T, dir string) { chmod(t, dir+"/conf.d", 0o777) },
			"DIR/conf.d: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/conf.d\n",
		},
		// Who may add names there could link a file of root's into it, such as an older configuration that was kept
		// aside, or keep claimd from starting with a file of his own.
		"conf.d that all may write, if only their own names": {
			func(t *testing.T, dir string) { chmod(t, dir+"/conf.d", 0o777|os.ModeSticky) },
			"DIR/conf.d: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/conf.d\n",
		},
		"a sticky directory above": {
			func(t *testing.T, dir string) { chmod(t, dir, 0o777|os.ModeSticky) }, "",
		},
		"a link into a directory that all may write": {
			func(t *testing.T, dir string) {
				write(t, dir+"/open to all/a.toml", "# x\n")
				chmod(t, dir+"/open to all", 0o777)
				symlink(t, "../open to all/a.toml", dir+"/conf.d/b.toml")
			},
			"DIR/open to all: want it writable by its owner only, got mode 0777\n  hint: chmod go-w 'DIR/open to all'\n",
		},
		"a link over a link over an open directory": {
			func(t *testing.T, dir string) {
				write(t, dir+"/open/closed/real.toml", "# x\n")
				symlink(t, "open/closed", dir+"/short")
				symlink(t, dir+"/short/real.toml", dir+"/conf.d/b.toml")
				chmod(t, dir+"/open", 0o777)
			},
			"DIR/open: want it writable by its owner only, got mode 0777\n  hint: chmod go-w DIR/open\n",
		},
		"a link whose target all may write": {
			func(t *testing.T, dir string) {
				write(t, dir+"/real.toml", "# x\n")
				chmod(t, dir+"/real.toml", 0o666)
				symlink(t, ".././real.toml", dir+"/conf.d/b.toml")
			},
			"DIR/real.toml: want it writable by its owner only, got mode 0666\n  hint: chmod go-w DIR/real.toml\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"claimd.toml": "# x\n", "conf.d/a.toml": "# x\n"})
			test.make(t, dir)
			tree, _, got := read(dir, nil)
			if got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			if config, _ := tree.Parse(); (config == nil) != (test.want != "") {
				t.Errorf("got the configuration %v beside\n%s", config, got)
			}
		})
	}
}

// TestWhatIsSomebodyElsesIsRefused needs root to give files away. Who is not root takes another uid for the daemon's own
// instead: then everything here is somebody else's, and the wanted lines are among more.
func TestWhatIsSomebodyElsesIsRefused(t *testing.T) {
	tests := map[string]struct {
		path string // of what belongs to somebody else
		mode os.FileMode
		want string
	}{
		"the file": {"claimd.toml", 0o600, "DIR/claimd.toml: want the owner WANT, got uid GOT\n  hint: chown root DIR/claimd.toml\n"},
		"the file, which all may write too": {
			"claimd.toml", 0o666, "DIR/claimd.toml: want the owner WANT, got uid GOT\n  hint: chown root DIR/claimd.toml\n" +
				"DIR/claimd.toml: want it writable by its owner only, got mode 0666\n  hint: chmod go-w DIR/claimd.toml\n",
		},
		"the directory": {"etc", 0o755, "DIR/etc: want the owner WANT, got uid GOT\n  hint: chown root DIR/etc\n"},
		"the directory, which is sticky": {
			"etc", 0o777 | os.ModeSticky, "DIR/etc: want the owner WANT, got uid GOT\n  hint: chown root DIR/etc\n",
		},
		// In /tmp anybody can make a link, and point it elsewhere later.
		"the link, in a sticky directory": {
			"tmp/link.toml", 0, "DIR/tmp/link.toml: want the owner WANT, got uid GOT\n  hint: chown -h root DIR/tmp/link.toml\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"claimd.toml": "# x\n", "etc/real.toml": "# x\n", "tmp/x": ""})
			chmod(t, dir+"/tmp", 0o777|os.ModeSticky)
			symlink(t, "../etc/real.toml", dir+"/tmp/link.toml")
			if test.mode != 0 {
				chmod(t, filepath.Join(dir, test.path), test.mode)
			}
			g := newGuard(nil)
			want, owner := "root", 4321
			if g.uid == 0 {
				must(t, os.Lchown(filepath.Join(dir, test.path), owner, -1))
			} else {
				want, owner, g.uid = "root or uid 1", g.uid, 1
			}
			for _, name := range []string{"claimd.toml", "tmp/link.toml", "tmp/link.toml"} {
				judge(t, g, filepath.Join(dir, name))
			}
			got := strings.ReplaceAll(told(g.faults), dir, "DIR")
			lines := strings.NewReplacer("WANT", want, "GOT", fmt.Sprint(owner)).Replace(test.want)
			if !strings.Contains(got, lines) || g.uid == 0 && got != lines {
				t.Errorf("got\n%swant\n%s", got, lines)
			}
		})
	}
}

// judge has the guard walk to a file and look at it.
func judge(t *testing.T, g *guard, path string) (sound bool) {
	t.Helper()
	resolved, sound, err := g.walk(path)
	must(t, err)
	info, err := os.Lstat(resolved)
	must(t, err)
	if resolved == filepath.Clean(path) {
		return g.file(resolved, info) && sound
	}
	return sound
}

// TestTheDaemonsOwnFilesAreSound: a daemon that runs as its own user may own its configuration.
func TestTheDaemonsOwnFilesAreSound(t *testing.T) {
	dir := folder(t, map[string]string{"claimd.toml": "# x\n"})
	g := newGuard(nil)
	if os.Geteuid() == 0 {
		must(t, os.Lchown(dir, 4321, -1))
		must(t, os.Lchown(dir+"/claimd.toml", 4321, -1))
		g.uid = 4321
	}
	if !judge(t, g, dir+"/claimd.toml") || len(g.faults) > 0 {
		t.Errorf("got %v", g.faults)
	}
	g.uid = 4322
	if judge(t, g, dir+"/claimd.toml") {
		t.Error("another uid than the owner finds it sound")
	}
}

func TestShellWord(t *testing.T) {
	tests := map[string]string{
		"/etc/claimd/conf.d/10-a_b.toml": "/etc/claimd/conf.d/10-a_b.toml",
		"/srv/a b":                       "'/srv/a b'",
		"/srv/it's":                      `'/srv/it'\''s'`,
		"/srv/$(x)":                      "'/srv/$(x)'",
		"/srv/é":                         "'/srv/é'",
	}
	for path, want := range tests {
		if got := shellWord(path); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
