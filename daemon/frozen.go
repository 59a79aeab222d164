package daemon

import (
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// frozen names the settings that cannot change while claimd runs, where they do.
func frozen(now *config.Config, next *Loaded) string {
	var problems []string
	for _, setting := range []struct {
		path      mapping.Path
		now, next string
	}{
		{mapping.Path{"admin", "socket"}, now.Admin.Socket, next.Config.Admin.Socket},
		{mapping.Path{"state", "directory"}, now.State.Directory, next.Config.State.Directory},
	} {
		if setting.now == setting.next {
			continue
		}
		problem := "cannot change while claimd runs: it was started with " + setting.now + ", got " + setting.next
		problems = append(problems, next.locate(mapping.Fault{Path: setting.path, Problem: problem}).String())
	}
	if problems == nil {
		return ""
	}
	return strings.Join(append(problems, "  hint: restart claimd to change it"), "\n")
}
