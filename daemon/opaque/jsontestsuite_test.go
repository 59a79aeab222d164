package opaque

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/claimd/claimd/daemon/vectors"
)

// The JSON Parsing Test Suite, each text as a member of an answer: what must be refused is, and what must be accepted is
// too, but for duplicate members, which the suite leaves to the reader, and for a number of 81 characters, which is over
// the limit.
func TestAnswersAreReadAsTheJSONTestSuiteWants(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectors.Dir(t), "jsontestsuite", "test_parsing", "[yn]_*.json"))
	if err != nil || len(files) < 280 {
		t.Fatalf("found %d files (%v), want the suite", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wrapped := append(append([]byte(`{"active":true,"x":`), text...), '}')
		_, problem := readObject(wrapped)
		want := strings.HasPrefix(name, "y_") && !strings.HasPrefix(name, "y_object_duplicated_key") &&
			name != "y_number_double_close_to_zero.json"
		if got := problem == ""; got != want {
			t.Errorf("%s: taken is %v, want %v (%s)", name, got, want, problem)
		}
		if problem == "" && !utf8.Valid(wrapped) {
			t.Errorf("%s: taken, and no UTF-8", name)
		}
	}
}
