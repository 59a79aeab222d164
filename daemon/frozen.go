package daemon

import (
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// frozen names the settings that cannot change while claimd runs, where they do. noDirectory is why claimd runs without a
// directory of users, if it does.
func frozen(now *config.Config, next *Loaded, noDirectory string) string {
	var problems []string
	refuse := func(path mapping.Path, problem string) {
		problems = append(problems, next.locate(mapping.Fault{Path: path, Problem: problem}).String())
	}
	for _, setting := range []struct {
		path      mapping.Path
		now, next string
	}{
		{mapping.Path{"admin", "socket"}, now.Admin.Socket, next.Config.Admin.Socket},
		{mapping.Path{"state", "directory"}, now.State.Directory, next.Config.State.Directory},
		{mapping.Path{"directory", "url_file"}, now.Directory.URLFile, next.Config.Directory.URLFile},
	} {
		if setting.now != setting.next {
			refuse(setting.path, "cannot change while claimd runs: it was started with "+orEmpty(setting.now)+", got "+orEmpty(setting.next))
		}
	}
	before, after := now.Directory, next.Config.Directory
	if before.URLFile == after.URLFile && !sameDatabase(before.URL, after.URL) {
		refuse(mapping.Path{"directory", "url_file"}, "the database cannot change while claimd runs, but for its password: it was started with "+
			withoutPassword(before.URL)+", got "+withoutPassword(after.URL))
	}
	if noDirectory != "" && next.Config.Enabled {
		refuse(mapping.Path{"enabled"}, "cannot become true while there is no directory of users: "+noDirectory)
	}
	if problems == nil {
		return ""
	}
	return strings.Join(append(problems, "  hint: restart claimd to change it"), "\n")
}

// orEmpty shows a setting that is empty.
func orEmpty(text string) string {
	if text == "" {
		return `""`
	}
	return text
}
