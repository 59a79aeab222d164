// Package vectors finds the test data of others that tests judge claimd by: Wycheproof, JSONTestSuite, toml-test and
// the big list of naughty strings. The data is no part of the source tree; it lies in a folder of its own, with the
// licence of each collection beside it. Only tests import the package.
package vectors

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Variable is the environment variable that names the folder. A test that finds nothing there fails.
const Variable = "CLAIMD_VECTORS"

// collections are what a complete folder holds.
var collections = [...]string{"wycheproof", "jsontestsuite", "toml-test", "blns"}

// Dir returns the absolute path of the folder of test data: the one that the environment variable CLAIMD_VECTORS names,
// or ../shared/vectors as seen from the repository's root. A folder that stands there but lacks a collection fails the
// test, and so does a folder that the variable names and that is absent. Without the variable an absent folder skips
// the test, with one line that says what is missing: the data comes apart from the source.
func Dir(t testing.TB) string {
	t.Helper()
	dir, named := os.LookupEnv(Variable)
	if named && !filepath.IsAbs(dir) {
		t.Fatalf("%s is %q: wanted an absolute path, since each package's tests run in a folder of their own", Variable, dir)
	}
	if !named {
		dir = filepath.Join(root(t), "..", "shared", "vectors")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && !named {
		t.Skipf("no third-party test data: %s is absent; %s names another folder that holds it", dir, Variable)
	}
	for _, name := range collections {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			t.Fatalf("third-party test data is incomplete: wanted the folder %s\nhint: %s names the folder that holds it",
				filepath.Join(dir, name), Variable)
		}
	}
	return dir
}

// root is the folder of the module that the test belongs to: the nearest one above the test's that holds a go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
