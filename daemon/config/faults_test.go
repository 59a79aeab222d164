package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is told into testdata, to be read and judged by eye")

// TestEachBadConfigurationIsToldInTheseWords runs testdata/faults: one bad configuration for each fault, with the exact
// words of every fault and hint beside it.
func TestEachBadConfigurationIsToldInTheseWords(t *testing.T) {
	for _, a := range readArchives(t, "faults") {
		t.Run(strings.TrimSuffix(filepath.Base(a.path), ".txtar"), func(t *testing.T) {
			_, faults := a.tree.Parse()
			got := told(faults)
			if *update {
				rewrite(t, a.path, got)
				return
			}
			if len(faults) == 0 || got != a.want {
				t.Errorf("got\n%s\nwant\n%s", got, a.want)
			}
		})
	}
}

func rewrite(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mark := []byte("\n-- want --\n")
	before, _, _ := bytes.Cut(text, mark)
	if err := os.WriteFile(path, append(append(before, mark...), want...), 0o644); err != nil {
		t.Fatal(err)
	}
}
