package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/mapping"
)

func TestWithTakesOtherBytesForAPath(t *testing.T) {
	dir := folder(t, map[string]string{
		"claimd.toml":   "# old\n",
		"conf.d/a.toml": "# old a\n",
		"new.toml":      "# new\n",
		"empty.toml":    "",
	})
	chmod(t, dir+"/new.toml", 0o666) // a stand-in is the operator's, and no rule holds for it
	tests := map[string]struct {
		with          map[string]string
		names, faults string
		text          string // of all files
	}{
		"nothing": {nil, "claimd.toml conf.d/a.toml", "", "# old\n# old a\n"},
		"the main file": {
			map[string]string{dir + "/claimd.toml": dir + "/new.toml"}, "claimd.toml conf.d/a.toml", "", "# new\n# old a\n",
		},
		"a file of conf.d, by another spelling of its path": {
			map[string]string{dir + "/conf.d/../conf.d//a.toml": dir + "/new.toml"}, "claimd.toml conf.d/a.toml", "", "# old\n# new\n",
		},
		"a file that conf.d does not have yet": {
			map[string]string{dir + "/conf.d/0.toml": dir + "/new.toml"}, "claimd.toml conf.d/0.toml conf.d/a.toml", "", "# old\n# new\n# old a\n",
		},
		"an empty file": {
			map[string]string{dir + "/claimd.toml": dir + "/empty.toml"}, "conf.d/a.toml",
			"DIR/claimd.toml: want a configuration, got an empty file\n" +
				"  hint: a file of comments only is a configuration that denies every request\n", "# old a\n",
		},
		"an empty file of conf.d": {
			map[string]string{dir + "/conf.d/a.toml": dir + "/empty.toml"}, "claimd.toml",
			"DIR/conf.d/a.toml: want a configuration, got an empty file\n  hint: remove it, or leave a comment in it\n", "# old\n",
		},
		"no place of the configuration": {
			map[string]string{dir + "/conf.d/.a.toml": dir + "/new.toml", dir + "/b.toml": dir + "/new.toml"}, "claimd.toml conf.d/a.toml",
			"DIR/b.toml: stands in no place of this configuration\n  hint: name claimd.toml, a .toml file of conf.d, or a file that a *_file key names\n" +
				"DIR/conf.d/.a.toml: stands in no place of this configuration\n  hint: name claimd.toml, a .toml file of conf.d, or a file that a *_file key names\n",
			"# old\n# old a\n",
		},
		"a stand-in that is not there": {
			map[string]string{dir + "/claimd.toml": dir + "/gone.toml"}, "conf.d/a.toml",
			"DIR/gone.toml: cannot be read: no such file or directory\n", "# old a\n",
		},
		"a stand-in that is a directory": {
			map[string]string{dir + "/claimd.toml": dir}, "conf.d/a.toml", "DIR: cannot be read: is a directory\n", "# old a\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tree, names, faults := read(dir, test.with)
			var text strings.Builder
			for _, file := range tree.Files {
				text.Write(file.Bytes)
			}
			if names != test.names || faults != test.faults || text.String() != test.text {
				t.Errorf("got %q, %q and\n%s", names, text.String(), faults)
			}
		})
	}
}

// TestWithNeedsNoFileToStandInFor: the tree that a stand-in is checked for may not be there at all yet.
func TestWithNeedsNoFileToStandInFor(t *testing.T) {
	dir := folder(t, map[string]string{"new.toml": "# new\n"})
	_, names, faults := read(filepath.Join(dir, "etc"), map[string]string{
		dir + "/etc/claimd.toml": dir + "/new.toml", dir + "/etc/conf.d/a.toml": dir + "/new.toml",
	})
	if names != "claimd.toml conf.d/a.toml" || faults != "" {
		t.Errorf("got %q and %s", names, faults)
	}
}

func TestARelativePathIsReadFromHere(t *testing.T) {
	dir := folder(t, map[string]string{"claimd.toml": "enabeld = true\n", "conf.d/a.toml": "[log]\nlevle = 1\n"})
	t.Chdir(dir)
	tree, faults := Read("claimd.toml", ReadOptions{With: map[string]string{"conf.d/b.toml": "claimd.toml"}})
	_, found := tree.Parse()
	const want = "claimd.toml:1: enabeld: unknown key\n  hint: did you mean enabled?\n" +
		"conf.d/a.toml:2: log.levle: unknown key\n  hint: did you mean level?\n" +
		"conf.d/b.toml:1: enabeld: is written twice: here and at claimd.toml:1\n  hint: keep one of the two\n"
	if got := told(slices.Concat(faults, found)); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := tree.WatchedDirectories(); !slices.Equal(got, []string{dir, dir + "/conf.d"}) {
		t.Errorf("got %q", got)
	}
}

// TestAWorkingDirectoryThatIsGone: the kernel cannot name it any more.
func TestAWorkingDirectoryThatIsGone(t *testing.T) {
	dir := folder(t, map[string]string{"gone/x": ""})
	t.Chdir(dir + "/gone")
	must(t, os.RemoveAll(dir+"/gone"))
	_, faults := Read("claimd.toml", ReadOptions{})
	if got := told(faults); !strings.HasPrefix(got, "claimd.toml: the working directory cannot be found: no such file or directory\n"+
		"  hint: name the file by its whole path\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestWatchedDirectoriesHoldEveryLink: a ConfigMap is swapped by renaming the link ..data, and the file itself never
// changes.
func TestWatchedDirectoriesHoldEveryLink(t *testing.T) {
	dir := folder(t, map[string]string{"mnt/..2026/claimd.toml": "[outbound]\nca_file = \"CA\"\n", "roots/ca.pem": "x", "etc/x": ""})
	symlink(t, "..2026", dir+"/mnt/..data")
	symlink(t, "..data/claimd.toml", dir+"/mnt/claimd.toml")
	symlink(t, "../mnt/claimd.toml", dir+"/etc/claimd.toml")
	symlink(t, "etc", dir+"/short")
	write(t, dir+"/mnt/..2026/claimd.toml", "[outbound]\nca_file = \""+dir+"/roots/ca.pem\"\n")
	tree, faults := Read(dir+"/short/claimd.toml", ReadOptions{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	relative := func(tree *Tree) string {
		return strings.ReplaceAll(strings.Join(tree.WatchedDirectories(), " "), dir, "DIR")
	}
	if got, want := relative(tree), "DIR DIR/etc DIR/mnt DIR/mnt/..2026 DIR/roots"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	must(t, os.Mkdir(dir+"/etc/conf.d", 0o755))
	must(t, os.Remove(dir+"/etc/claimd.toml"))
	tree, _ = Read(dir+"/short/claimd.toml", ReadOptions{})
	if got, want := relative(tree), "DIR DIR/etc DIR/etc/conf.d"; got != want {
		t.Errorf("got %s, want %s where claimd.toml is gone", got, want)
	}
	tree, _ = Read(dir+"/none/claimd.toml", ReadOptions{})
	if got, want := relative(tree), "DIR"; got != want {
		t.Errorf("got %s, want %s where the directory is gone", got, want)
	}
}

// TestASwappedLinkIsReadAnew is the other half: after the swap the new bytes are read.
func TestASwappedLinkIsReadAnew(t *testing.T) {
	dir := folder(t, map[string]string{"a/claimd.toml": "# a\n", "b/claimd.toml": "# b\n"})
	symlink(t, "a", dir+"/..data")
	symlink(t, "..data/claimd.toml", dir+"/claimd.toml")
	before, _, _ := read(dir, nil)
	symlink(t, "b", dir+"/..new")
	must(t, os.Rename(dir+"/..new", dir+"/..data"))
	after, _, _ := read(dir, nil)
	if string(before.Files[0].Bytes) != "# a\n" || string(after.Files[0].Bytes) != "# b\n" || before.Hash() == after.Hash() {
		t.Errorf("got %q and %q", before.Files[0].Bytes, after.Files[0].Bytes)
	}
}

func TestHashTellsNamesAndBytesApart(t *testing.T) {
	trees := map[string]*Tree{
		"one":           treeOf("a"),
		"two":           treeOf("a", "b"),
		"moved bytes":   treeOf("ab", ""),
		"other name":    {Path: "x.toml", Files: []File{newFile("x.toml", []byte("a"))}},
		"extra":         {Path: "claimd.toml", Files: treeOf("a").Files, Extra: []File{newFile("conf.d/1.toml", []byte("b"))}},
		"not all there": {Path: "claimd.toml", Files: treeOf("a").Files, partial: true},
		"none":          {Path: "claimd.toml"},
	}
	seen := map[string]string{}
	for name, tree := range trees {
		hash := tree.Hash()
		if other, ok := seen[hash]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[hash] = name
	}
	if a, b := treeOf("a", "b").Hash(), treeOf("a", "b").Hash(); a != b || len(a) != 64 {
		t.Errorf("got %s and %s of the same bytes", a, b)
	}
}

// claimctl check was asked for a file by its relative path, and its hash was not the one that the daemon's status showed
// for the same bytes.
func TestARelativePathHasTheHashOfTheWholeOne(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	file := func(path string) *Tree {
		return &Tree{Path: path, Files: []File{newFile(path, []byte("enabled = true\n"))}}
	}
	if relative, whole := file("claimd.toml").Hash(), file(filepath.Join(folder, "claimd.toml")).Hash(); relative != whole {
		t.Errorf("got %s, want %s", relative, whole)
	}
}

func TestLocateFindsTheNearestPlaceInTheRightFile(t *testing.T) {
	tree := treeOf(`enabled = true
[server]
listen = [
  "127.0.0.1:1", # one
  "127.0.0.1:2",
]
headers.user = "X"

[groups]
A = { label = "", values = ["x",
  "y"] }
'CONTOSO\Team A' = """
two
lines"""
"\u0041\u0042" = ''
[[user]]
id = "a"
groups = ["A"]
[[user]]
id = "b"
`, `
[server.headers]
[[user]]
id = "c"
[user.more]
x = 1
[groups.Z]
values = []
`, `user = [{ id = "d" }]`)
	tests := []struct {
		path mapping.Path
		want Position
	}{
		{mapping.Path{}, Position{"claimd.toml", 0}},
		{mapping.Path{"provider"}, Position{"claimd.toml", 0}},
		{mapping.Path{"enabled"}, Position{"claimd.toml", 1}},
		{mapping.Path{"enabled", "more", 1}, Position{"claimd.toml", 1}},
		{mapping.Path{"server"}, Position{"claimd.toml", 2}},
		{mapping.Path{"server", "plaintext"}, Position{"claimd.toml", 2}},
		{mapping.Path{"server", "listen"}, Position{"claimd.toml", 3}},
		{mapping.Path{"server", "listen", 1}, Position{"claimd.toml", 5}},
		{mapping.Path{"server", "listen", 2}, Position{"claimd.toml", 3}},
		{mapping.Path{"server", "listen", -1}, Position{"claimd.toml", 3}},
		{mapping.Path{"server", "headers", "user"}, Position{"claimd.toml", 7}},
		{mapping.Path{"groups", "A", "values", 1}, Position{"claimd.toml", 11}},
		{mapping.Path{"groups", `CONTOSO\Team A`}, Position{"claimd.toml", 12}},
		{mapping.Path{"groups", "AB"}, Position{"claimd.toml", 15}},
		{mapping.Path{"groups", "B"}, Position{"claimd.toml", 9}},
		{mapping.Path{"user", 0, "groups", 0}, Position{"claimd.toml", 18}},
		{mapping.Path{"user", 1}, Position{"claimd.toml", 19}},
		{mapping.Path{"user", 2, "id"}, Position{"conf.d/1.toml", 4}},
		{mapping.Path{"user", 2, "more", "x"}, Position{"conf.d/1.toml", 6}},
		{mapping.Path{"user", 3}, Position{"claimd.toml", 16}},
		{mapping.Path{"groups", "Z", "values"}, Position{"conf.d/1.toml", 8}},
		{mapping.Path{1.5}, Position{"claimd.toml", 0}},
	}
	for _, test := range tests {
		if got := tree.Locate(test.path); got != test.want {
			t.Errorf("%s: got %v, want %v", KeyPath(test.path), got, test.want)
		}
	}
}

func TestKeyPathQuotesWhatIsNotBare(t *testing.T) {
	tests := []struct {
		path mapping.Path
		want string
	}{
		{nil, ""},
		{mapping.Path{"user", 0, "groups", 1}, "user[0].groups[1]"},
		{mapping.Path{"provider", "contoso-1", "user_prefix"}, "provider.contoso-1.user_prefix"},
		{mapping.Path{"groups", "6cab8f93-8e22-4947-80c3-c6ed549cb47a"}, "groups.6cab8f93-8e22-4947-80c3-c6ed549cb47a"},
		{mapping.Path{"groups", `CONTOSO\Team A`, "values", 0}, `groups.'CONTOSO\Team A'.values[0]`},
		{mapping.Path{"groups", "it's"}, `groups."it's"`},
		{mapping.Path{"groups", "a.b"}, "groups.'a.b'"},
		{mapping.Path{"groups", "Ünï"}, "groups.'Ünï'"},
		{mapping.Path{"groups", "a\u202eb\n"}, `groups."a\u202eb\n"`},
		{mapping.Path{"groups", ""}, "groups.''"},
	}
	for _, test := range tests {
		if got := KeyPath(test.path); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
