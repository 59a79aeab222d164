package daemon

import (
	"runtime/debug"
	"strings"
)

// Version is what this build is called: what the linker was told (-ldflags "-X main.version=...", as the Makefile does),
// or, where that is "", what the Go toolchain stamped: the module's version, and the commit where it knows one.
func Version(linked string) string {
	if linked != "" {
		return linked
	}
	return stamped(debug.ReadBuildInfo())
}

func stamped(build *debug.BuildInfo, ok bool) string {
	if !ok {
		return "unknown"
	}
	words := []string{strings.Trim(build.Main.Version, "()")}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			words = append(words, setting.Value[:min(12, len(setting.Value))])
		}
	}
	return strings.Join(words, " ")
}
