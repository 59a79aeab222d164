package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeTellsEveryReason: the table in the README is the table that the program answers by.
func TestReadmeTellsEveryReason(t *testing.T) {
	want := "| status | reason | what is wrong | what mends it |\n| --- | --- | --- | --- |\n"
	for _, r := range reason.All() {
		want += fmt.Sprintf("| %d | `%s` | %s | %s |\n", r.Status(), r, r.Sentence(), r.Mend())
	}
	if !strings.Contains(readme(t), want) {
		t.Errorf("README.md does not hold this table:\n%s", want)
	}
}

// TestReadmeConfigurationsLoad: what is there to be pasted is taken, the parts on their own as well as together.
func TestReadmeConfigurationsLoad(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of TOML, want the smallest configuration, routes and [proxy]", len(blocks))
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o700); err != nil { // whatever the umask
		t.Fatal(err)
	}
	whole := ""
	for i, block := range blocks {
		whole += block[1]
		path := filepath.Join(folder, "claimd.toml")
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := daemon.Load(path, config.ReadOptions{}); err != nil {
			t.Errorf("with block %d:\n%v", i+1, err)
		}
	}
}
