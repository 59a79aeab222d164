package daemon_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/reason"
)

// later are reasons of parts that this version does not have yet.
var later = map[reason.Reason]bool{
	reason.Revoked: true, reason.OriginalRequest: true, reason.Route: true, reason.StepUp: true,
	reason.GraphUnavailable: true, reason.ProviderUnavailable: true, reason.DirectoryUnavailable: true,
}

// TestReadmeTellsEveryReason: the table in the README is the table that the program answers by.
func TestReadmeTellsEveryReason(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| status | reason | what is wrong | what mends it |\n| --- | --- | --- | --- |\n"
	for _, r := range reason.All() {
		if !later[r] {
			want += fmt.Sprintf("| %d | `%s` | %s | %s |\n", r.Status(), r, r.Sentence(), r.Mend())
		}
	}
	if !strings.Contains(string(text), want) {
		t.Errorf("README.md does not hold this table:\n%s", want)
	}
}
