package directory

import (
	"testing"
)

func TestSQLiteIsAStore(t *testing.T) {
	suite(t, func(t *testing.T) store {
		s, err := openSQLite(t.Context(), usual(Options{Directory: t.TempDir()}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

// FAULTS 142.
func TestSQLiteKeepsWhatWasAcknowledgedWhenItIsKilled(t *testing.T) {
	killAtRandom(t, victimWork{Directory: t.TempDir()})
}
