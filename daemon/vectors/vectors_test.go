package vectors

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// end is how a test that asked for the folder went on: "", "skipped: ..." or "failed: ...".
type end struct {
	testing.TB
	text string
}

func (*end) Helper() {}

func (e *end) Skipf(format string, args ...any) {
	e.text = "skipped: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (e *end) Fatalf(format string, args ...any) {
	e.text = "failed: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ask calls Dir as a test of its own would.
func ask(t *testing.T) (dir, text string) {
	e := &end{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		dir = Dir(e)
	}()
	<-done
	return dir, e.text
}

// A folder that is named and not there would let every test of foreign data pass unrun; so would half a folder.
func TestOnlyAFolderThatNobodyNamedMayBeAbsent(t *testing.T) {
	home := t.TempDir()
	repository := filepath.Join(home, "repository")
	folder := func(path ...string) string {
		dir := filepath.Join(append([]string{home}, path...)...)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	fill := func(dir string, but string) string {
		for _, name := range collections {
			if name != but {
				folder(strings.TrimPrefix(dir, home), name)
			}
		}
		return dir
	}
	folder("repository", "daemon", "token")
	if err := os.WriteFile(filepath.Join(repository, "go.mod"), []byte("module m\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(repository, "daemon", "token"))
	standard := filepath.Join(home, "shared", "vectors")
	whole, half := fill(folder("whole"), ""), fill(folder("half"), "blns")

	named := func(value string) {
		t.Helper()
		t.Setenv(Variable, value)
	}
	want := func(wantDir, wantText string) {
		t.Helper()
		if dir, text := ask(t); dir != wantDir || text != wantText {
			t.Errorf("want %q, %q\ngot  %q, %q", wantDir, wantText, dir, text)
		}
	}
	const hint = "\nhint: CLAIMD_VECTORS names the folder that holds it"
	named("")
	want("", `failed: CLAIMD_VECTORS is "": wanted an absolute path, since each package's tests run in a folder of their own`)
	named("vectors")
	want("", `failed: CLAIMD_VECTORS is "vectors": wanted an absolute path, since each package's tests run in a folder of their own`)
	named(filepath.Join(home, "absent"))
	want("", "failed: third-party test data is incomplete: wanted the folder "+filepath.Join(home, "absent", "wycheproof")+hint)
	named(half)
	want("", "failed: third-party test data is incomplete: wanted the folder "+filepath.Join(half, "blns")+hint)
	named(whole)
	want(whole, "")

	if err := os.Unsetenv(Variable); err != nil { // named has put its end right
		t.Fatal(err)
	}
	want("", "skipped: no third-party test data: "+standard+" is absent; CLAIMD_VECTORS names another folder that holds it")
	fill(folder("shared", "vectors"), "toml-test")
	want("", "failed: third-party test data is incomplete: wanted the folder "+filepath.Join(standard, "toml-test")+hint)
	folder("shared", "vectors", "toml-test")
	want(standard, "")
}
