package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// distinctNaughty is how many different strings the list holds.
const distinctNaughty = 511

// NaughtyStrings gives the different strings of the big list of naughty strings in its order; the first is empty. A list
// of another length fails the test.
func NaughtyStrings(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Dir(t), "blns", "blns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all, distinct []string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, text := range all {
		if !slices.Contains(distinct, text) {
			distinct = append(distinct, text)
		}
	}
	if len(distinct) != distinctNaughty || distinct[0] != "" {
		t.Fatalf("the list holds %d different strings: wanted %d, the first of them empty", len(distinct), distinctNaughty)
	}
	return distinct
}
