package bench

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"
)

// recordedFile holds the last recorded ratio of each scenario.
const recordedFile = "recorded.json"

// worse is how much of the recorded ratio a new one may be.
const worse = 1.25

// readRecorded gives the recorded ratios; none where there is no file yet.
func readRecorded(t *testing.T) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(recordedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var recorded map[string]float64
	if err == nil {
		err = json.Unmarshal(text, &recorded)
	}
	if err != nil {
		t.Fatal(err)
	}
	return recorded
}

func writeRecorded(t *testing.T, results []result) {
	t.Helper()
	recorded := readRecorded(t)
	if recorded == nil {
		recorded = map[string]float64{}
	}
	for _, r := range results {
		recorded[r.key()] = math.Round(r.ratio()*100) / 100
	}
	text, err := json.MarshalIndent(recorded, "", "  ")
	if err == nil {
		err = os.WriteFile(recordedFile, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// gate fails the test where claimd became dearer than it was.
func gate(t *testing.T, results []result, recorded map[string]float64) {
	t.Helper()
	for _, r := range results {
		last, ok := recorded[r.key()]
		switch {
		case !ok:
			t.Errorf("%s: no ratio is recorded\n  hint: make bench RECORD=1", r.key())
		case r.ratio() > worse*last:
			t.Errorf("%s: want at most %.2f times the bare handler (%.2f times the recorded %.2f), got %.2f", r.key(), worse*last, worse, last, r.ratio())
		}
	}
}
