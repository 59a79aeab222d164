package keys

import (
	"os"
	"testing"
)

// A key was stolen, and the tenant took it back while the disk was full. claimd knew that until it was restarted without
// network: the copy on disk was the one from before, and its tokens passed again for up to a day.
func TestACopyWithAKeyThatWasTakenBackIsNotLeftBehind(t *testing.T) {
	for name, c := range map[string]struct {
		publish []object
		kept    bool
	}{
		"taken back": {[]object{rsaJWK("b", keyB())}, false},
		"the same":   {[]object{rsaJWK("a", keyA())}, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := served(t, rsaJWK("a", keyA()))
			directory, file := keptOnDisk(t, e, Options{})
			if err := os.MkdirAll(file+".new/x", 0o700); err != nil { // in the way of the next copy
				t.Fatal(err)
			}
			e.publish(c.publish...)
			refreshed(t, ringOf(t, Options{Directory: directory}).Open(e.source()))
			if _, err := os.Stat(file); os.IsNotExist(err) == c.kept {
				t.Errorf("the old copy: %v, want it kept: %v", err, c.kept)
			}
			if got := ringOf(t, Options{Directory: directory}).Open(e.source()).Live(); got != c.kept {
				t.Errorf("after a restart the keys are live: %v, want %v", got, c.kept)
			}
		})
	}
}
