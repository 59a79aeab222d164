package daemon_test

import (
	"fmt"
	"slices"
	"testing"
)

// row is one exact behaviour that claimd promises, and the case that shows it.
type row struct {
	id, says string
	holds    func(*testing.T, *world)
}

// sections are how many rows each section has.
var sections = []struct {
	name string
	rows int
}{{"A", 19}, {"B", 17}, {"C", 9}, {"D", 33}, {"X", 6}}

// elsewhere are the rows that a request cannot show here, and why.
var elsewhere = map[string]string{
	"A13": "group assignment is set up in Entra ID and documented; at run time such a token is like any other",
	"D4":  "consent texts are set up in Entra ID and documented",
	"D30": "test-access is a verb of claimctl, and cmd/claimctl shows it",
}

// featureRows are all rows that have a case.
func featureRows() []row {
	return slices.Concat(rowsOfTokens(), rowsOfApps(), rowsOfProviders(), rowsOfService(), rowsOfJumpCloud(), rowsOfMapping(), rowsOfGroups(), rowsOfAll())
}

// TestFeatures runs a case for each row against running tenants and running claimds, over HTTP.
func TestFeatures(t *testing.T) {
	w := newWorld(t)
	for _, r := range featureRows() {
		t.Run(r.id+" "+r.says, func(t *testing.T) { r.holds(t, w) })
	}
}

// TestEveryRowHasACaseOrAReason: no row is forgotten, none stands here twice, and none is invented.
func TestEveryRowHasACaseOrAReason(t *testing.T) {
	count := map[string]int{}
	for _, r := range featureRows() {
		count[r.id]++
	}
	for id, why := range elsewhere {
		count[id]++
		if why == "" {
			t.Errorf("%s: no reason is given", id)
		}
	}
	for _, section := range sections {
		for i := range section.rows {
			id := fmt.Sprintf("%s%d", section.name, i+1)
			if count[id] != 1 {
				t.Errorf("%s stands here %d times, want once", id, count[id])
			}
			delete(count, id)
		}
	}
	for id := range count {
		t.Errorf("%s is no row", id)
	}
}
