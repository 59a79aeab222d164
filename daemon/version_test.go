package daemon

import (
	"runtime/debug"
	"testing"
)

func TestAVersionIsTheLinkersOrWhatGoStamped(t *testing.T) {
	if got := Version("v1.2.0"); got != "v1.2.0" {
		t.Errorf("got %q, want the linker's", got)
	}
	if got, want := Version(""), stamped(debug.ReadBuildInfo()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	revision := func(value string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: value}}
	}
	tests := []struct {
		build *debug.BuildInfo
		want  string
	}{
		{nil, "unknown"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}, Settings: revision("8f2a41c09d3be57764a1")}, "v1.2.0 8f2a41c09d3b"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}, Settings: revision("8f2a")}, "v1.2.0 8f2a"},
	}
	for _, test := range tests {
		if got := stamped(test.build, test.build != nil); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
