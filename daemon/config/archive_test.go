package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archive is one file of testdata: the files of a configuration and what is wanted of it, each after a line
// `-- name --`. The last line end of a file belongs to the archive, so that a file may end within a line.
type archive struct {
	path string
	tree *Tree
	want string
}

func readArchives(t *testing.T, folder string) []archive {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in %s: %v", folder, err)
	}
	var all []archive
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, splitArchive(path, text))
	}
	return all
}

func splitArchive(path string, text []byte) archive {
	a := archive{path: path, tree: &Tree{Path: "claimd.toml"}}
	for part := range bytes.SplitSeq(append([]byte("\n"), text...), []byte("\n-- ")) {
		name, body, _ := bytes.Cut(part, []byte(" --\n"))
		switch string(name) {
		case "":
		case "want":
			a.want = string(body)
		default:
			a.tree.Files = append(a.tree.Files, newFile(string(name), body))
		}
	}
	return a
}

// told writes faults as testdata does: each in a line, a notice as such, a hint below.
func told(faults Faults) string {
	var b strings.Builder
	for _, fault := range faults {
		if fault.Notice {
			b.WriteString("notice: ")
		}
		b.WriteString(fault.String() + "\n")
		if fault.Hint != "" {
			b.WriteString("  hint: " + fault.Hint + "\n")
		}
	}
	return b.String()
}

// treeOf makes a tree of claimd.toml and further files, which are named conf.d/1.toml and so on.
func treeOf(main string, more ...string) *Tree {
	tree := &Tree{Path: "claimd.toml", Files: []File{newFile("claimd.toml", []byte(main))}}
	for i, text := range more {
		tree.Files = append(tree.Files, newFile(filepath.Join("conf.d", string(rune('1'+i))+".toml"), []byte(text)))
	}
	return tree
}
