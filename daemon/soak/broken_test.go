package soak

import (
	"slices"
	"strings"
	"testing"
)

// Whatever claimd leans on is broken under it in turn: the provider, the state directory, the configuration's files, the
// administrators' socket, descriptors, inotify, whoever reads the log. Meanwhile it is asked without a pause with a valid
// token and with tokens that never may pass, among them some that passed once, until their key or their user was taken
// away. None of these gets a 200, nothing is answered 500, the process lives and does not spin, and once it is mended a
// valid token passes.
func TestWhateverBreaksNobodyIsLetInWrongly(t *testing.T) {
	groups := []struct {
		name string
		run  func(*testing.T) []string
	}{
		{"provider", brokenProvider},
		{"start without a provider", brokenColdStart},
		{"state directory", brokenState},
		{"configuration", brokenConfiguration},
		{"descriptors", brokenDescriptors},
		{"inotify", brokenInotify},
		{"log", brokenLog},
	}
	rows := make([][]string, len(groups))
	t.Run("at once", func(t *testing.T) {
		for i, group := range groups {
			t.Run(group.name, func(t *testing.T) {
				t.Parallel() // each has a claimd of its own, and waits most of its time
				rows[i] = group.run(t)
			})
		}
	})
	t.Logf("\n%s\n%s", standHead, strings.Join(slices.Concat(rows...), "\n"))
}
